from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from sharedim.neighbours import TREE_COLUMNS, nearest


@pytest.mark.parametrize("columns", [1, 3, TREE_COLUMNS, TREE_COLUMNS + 1, 28])
@pytest.mark.parametrize("cells", [30, 777])
def test_equal_those_of_scikit_learn(cells, columns):
    points = np.random.default_rng(columns).normal(size=(cells, columns))
    found = nearest(points, 20)
    distances, indices = NearestNeighbors(n_neighbors=20).fit(points).kneighbors()
    np.testing.assert_allclose(found.distances, distances, rtol=1e-9)
    np.testing.assert_array_equal(found.indices, indices)


def test_cells_that_are_close_together_and_far_from_the_others_keep_their_distances():
    # Single precision cannot tell the distances within a clump apart.
    rng = np.random.default_rng(0)
    clumps = rng.normal(size=(10, 1, 12)) + 1e-7 * rng.normal(size=(10, 40, 12))
    points = clumps.reshape(400, 12)
    found = nearest(points, 20)
    distances, _ = NearestNeighbors(n_neighbors=20, algorithm="kd_tree").fit(points).kneighbors()
    np.testing.assert_allclose(found.distances, distances, rtol=1e-5)


@pytest.mark.parametrize("columns", [2, 9])
def test_a_row_is_not_its_own_neighbour_even_among_copies(columns):
    points = np.repeat(np.random.default_rng(0).normal(size=(5, columns)), 30, axis=0)
    found = nearest(points, 20)
    assert not (found.indices == np.arange(150)[:, None]).any()
    np.testing.assert_allclose(found.distances, 0, atol=1e-12)


def test_fewer_rows_than_neighbours_are_refused():
    with pytest.raises(ValueError, match="20 neighbours asked of 20 rows"):
        nearest(np.zeros((20, 3)), 20)
