"""Similarities of true and false pairs, as panels draw them."""

from __future__ import annotations

import numpy as np

from experiments.panels import pair_similarities


def test_similarities_are_inner_products_of_partners_and_of_others():
    rng = np.random.default_rng(0)
    f, g = rng.normal(size=(2, 30, 3))
    true, false = pair_similarities(f, g)
    products = f @ g.T
    np.testing.assert_allclose(true, np.diag(products))
    others = products[~np.eye(30, dtype=bool)]
    assert np.isin(false.round(9), others.round(9)).all()
