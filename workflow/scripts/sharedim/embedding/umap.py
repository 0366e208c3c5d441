"""Neighbour graph and UMAP of the shared space, as scanpy computes them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse

from sharedim.training.similarity import unit_length

# Those of scanpy.
NEIGHBOURS = 15
# With fewer points UMAP has nothing to lay out.
FEWEST_POINTS = 4
KEY = "points"


class SharedSpace(NamedTuple):
    """Neighbour graph and UMAP of points, empty for points that are not known.

    Attributes
    ----------
    distances : csr_matrix of float64, shape (n, n)
        Euclidean distance of each point to its nearest ones.
    connectivities : csr_matrix of float32, shape (n, n)
        UMAP's weights of the same graph made symmetric.
    umap : ndarray of float32, shape (n, 2)
        Coordinates.
    parameters : dict
        How the graph was made, as scanpy notes it beside one.
    """

    distances: sparse.csr_matrix
    connectivities: sparse.csr_matrix
    umap: NDArray[np.float32]
    parameters: dict[str, object]


def lay_out(
    points: NDArray[np.floating],
    *,
    cosine: bool = True,
    neighbours: int = NEIGHBOURS,
    seed: int = 0,
) -> SharedSpace:
    """Find the neighbours of points and lay them out in the plane.

    Neighbours are exact and UMAP runs in one thread with a seed of its own, so that the same points
    give the same layout. Time grows a little faster than their number.

    Parameters
    ----------
    points : ndarray, shape (n, d)
        Representations, one row per cell; rows with NaN are left out.
    cosine : bool
        Compare directions alone: points are brought to unit length first.
    neighbours : int
        Neighbours of each point, itself among them; fewer where there are not so many.
    seed : int
        Of UMAP.

    Returns
    -------
    SharedSpace
        Empty rows and NaN coordinates for points left out, and for all where fewer than
        `FEWEST_POINTS` are known.
    """
    known = np.flatnonzero(np.isfinite(points).all(axis=1))
    count = min(neighbours, len(known))
    parameters = {
        "n_neighbors": count,
        "method": "umap",
        "metric": "euclidean",
        "random_state": seed,
    }
    umap = np.full((len(points), 2), np.nan, dtype=np.float32)
    if len(known) < FEWEST_POINTS:
        nothing = sparse.csr_matrix((len(points), len(points)), dtype=np.float32)
        return SharedSpace(nothing.astype(np.float64), nothing, umap, parameters)
    wanted = np.asarray(points[known], dtype=np.float32)
    # Eigenvectors need more points than they are.
    start = "spectral" if len(known) > neighbours else "random"
    data = _laid_out(unit_length(wanted) if cosine else wanted, count, seed, start)
    umap[known] = data.obsm["X_umap"]
    return SharedSpace(
        _among_all(data.obsp[f"{KEY}_distances"], known, len(points)),
        _among_all(data.obsp[f"{KEY}_connectivities"], known, len(points)),
        umap,
        parameters,
    )


def _laid_out(points: NDArray[np.floating], neighbours: int, seed: int, start: str) -> AnnData:
    """Return points with scanpy's graph of exact neighbours and the UMAP of it."""
    # Take seconds to import, which only those who draw should wait for.
    import scanpy as sc
    from sklearn.neighbors import KNeighborsTransformer

    data = AnnData(points)
    sc.pp.neighbors(
        data,
        n_neighbors=neighbours,
        use_rep="X",
        # Exact, and a point is among its own neighbours here besides those asked for.
        transformer=KNeighborsTransformer(n_neighbors=neighbours - 1),
        key_added=KEY,
    )
    sc.tl.umap(data, neighbors_key=KEY, random_state=seed, init_pos=start)
    return data


def _among_all(graph: sparse.csr_matrix, rows: NDArray[np.int64], count: int) -> sparse.csr_matrix:
    """Put the graph of some points into one of all."""
    edges = graph.tocoo()
    return sparse.csr_matrix((edges.data, (rows[edges.row], rows[edges.col])), shape=(count, count))
