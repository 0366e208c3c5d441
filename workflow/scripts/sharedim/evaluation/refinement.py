"""Output dimensions to train at beside those of the grid, close to where matching saturates."""

from __future__ import annotations

import numpy as np

LARGEST = 50
# Dimensions that a grid is refined by; each costs as much as one of the grid.
MOST = 4


def refined_dims(answer: dict, dims: list[int]) -> list[int]:
    """Choose output dimensions that say more exactly where matching saturates.

    Those between the neighbours of the recommended d in the grid, the nearest to it first, with
    k-hat + 1 before them; where matching does not saturate within the grid, up to twice its
    last dimension.

    Parameters
    ----------
    answer : dict
        As `sharedim.evaluation.recommendation.answer_of` gives it, of the grid.
    dims : list of int
        The grid, in increasing order.

    Returns
    -------
    list of int
        At most `MOST`, in increasing order, none of the grid; none at all where nothing shared was
        found.
    """
    elbow = answer["recommended_d"]["value"]
    if elbow is None:
        return []
    place = dims.index(elbow)
    low = dims[place - 1] if place else 0
    high = dims[place + 1] if place + 1 < len(dims) else elbow + 1
    wanted = sorted(range(low + 1, high), key=lambda d: (abs(d - elbow), d))
    if answer["recommended_d"]["status"] == "not_saturated":
        beyond = np.linspace(dims[-1], min(2 * dims[-1], LARGEST), MOST + 1)[1:]
        wanted = [int(d) for d in np.unique(beyond.round())]
    k_hat = answer["k_hat"]["value"]
    if k_hat is not None and k_hat + 1 <= LARGEST:
        # One coordinate more than is shared is all that unit lengths need.
        wanted.insert(0, k_hat + 1)
    new = [d for d in dict.fromkeys(wanted) if d not in dims]
    return sorted(new[:MOST])
