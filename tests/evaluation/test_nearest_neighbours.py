from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from sharedim.evaluation import nearest_neighbours
from sharedim.evaluation.nearest_neighbours import nearest


@pytest.mark.parametrize("columns", [1, 3, 9, 28])
@pytest.mark.parametrize("cells", [30, 777])
def test_they_are_the_smallest_distances(cells, columns):
    points = np.random.default_rng(columns).normal(size=(cells, columns))
    found = nearest(points, 20)
    apart = cdist(points, points)
    np.fill_diagonal(apart, np.inf)
    indices = np.argsort(apart, axis=1)[:, :20]
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_allclose(found.distances, np.take_along_axis(apart, indices, 1), rtol=1e-12)


@pytest.mark.parametrize("columns", [12, 20])
def test_cells_that_are_close_together_and_far_from_the_others_keep_their_distances(columns):
    # Distances from products lose those within a clump to rounding.
    rng = np.random.default_rng(0)
    clumps = rng.normal(size=(10, 1, columns)) + 1e-6 * rng.normal(size=(10, 21, columns))
    points = clumps.reshape(210, columns)
    found = nearest(points, 20)
    expected = np.sort(cdist(points, points), axis=1)[:, 1:21]
    np.testing.assert_allclose(found.distances, expected, rtol=1e-9)


@pytest.mark.parametrize("columns", [2, 9, 20])
def test_a_row_is_not_its_own_neighbour_even_among_copies(columns):
    points = np.repeat(np.random.default_rng(0).normal(size=(5, columns)), 30, axis=0)
    found = nearest(points, 20)
    assert not (found.indices == np.arange(150)[:, None]).any()
    np.testing.assert_allclose(found.distances, 0, atol=1e-12)


def test_the_search_among_very_many_cells_is_approximate(monkeypatch):
    monkeypatch.setattr(nearest_neighbours, "LARGEST_EXACT", 1_000)
    points = np.random.default_rng(0).normal(size=(2_000, 6))
    found = nearest(points, 20)
    assert found.indices.shape == (2_000, 20)
    assert not (found.indices == np.arange(2_000)[:, None]).any()
    assert (np.diff(found.distances, axis=1) >= 0).all()
    exact = np.argsort(cdist(points, points), axis=1)[:, 1:21]
    recall = np.mean([len(set(a) & set(b)) / 20 for a, b in zip(found.indices, exact, strict=True)])
    assert recall > 0.98
    np.testing.assert_array_equal(nearest(points, 20).indices, found.indices)


def test_fewer_rows_than_neighbours_are_refused():
    with pytest.raises(ValueError, match="20 neighbours among 20 rows"):
        nearest(np.zeros((20, 3)), 20)
