"""Intrinsic dimension of models in training against that of finished ones."""

import numpy as np
import pytest
import torch

from sharedim.evaluation.intrinsic_dimension import intrinsic_dimensions
from sharedim.training.mle_dimension import likelihood_dimensions


def test_it_is_the_estimate_of_finished_models():
    rng = np.random.default_rng(0)
    both = rng.normal(size=(2, 400, 3)) @ rng.normal(size=(2, 3, 6))
    found = likelihood_dimensions(torch.from_numpy(both))
    expected = [intrinsic_dimensions(x, errors=False).estimates["mle"].value for x in both]
    assert found.tolist() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda cells: cells[:, :21],
        lambda cells: cells.index_fill(1, torch.arange(30), 0.0),
        lambda cells: cells.index_fill(1, torch.tensor([3]), torch.nan),
        torch.zeros_like,
    ],
    ids=["too few", "duplicates", "not finite", "constant"],
)
def test_where_there_is_none(spoil):
    cells = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 100, 3)))
    assert likelihood_dimensions(spoil(cells)).isnan().all()


def test_one_column_is_one_dimension():
    assert likelihood_dimensions(torch.zeros(3, 50, 1)).tolist() == [1, 1, 1]
