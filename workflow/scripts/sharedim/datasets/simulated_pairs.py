"""Simulated pairs of feature matrices with a known answer, by kind, and the file they are kept in."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharedim.datasets.digits import digit_halves, digit_labels
from sharedim.datasets.drifters import simulate_drifters
from sharedim.datasets.gaussian import (
    gaussian_covariances,
    process_covariances,
    simulate_gaussian,
    simulate_process,
)
from sharedim.jobs.files import replacing

# Canonical correlations above this are not 0 by rounding alone.
LEAST_CORRELATION = 1e-6


@dataclass(frozen=True)
class FeaturePairs:
    """Features of two modalities, row by row of the same things.

    Attributes
    ----------
    first, second : ndarray of float32, shapes (n, dx) and (n, dy)
    shared_dimensions : int or None
        The known answer k*, where there is one.
    labels : dict of str to ndarray, each of shape (n,)
        What each pair is, by the name of the column.
    """

    first: NDArray[np.float32]
    second: NDArray[np.float32]
    shared_dimensions: int | None
    labels: dict[str, NDArray[np.str_]] = field(default_factory=dict)


def simulate_pairs(options: dict[str, object]) -> FeaturePairs:
    """Simulate pairs of a kind.

    Parameters
    ----------
    options : dict
        The kind and all its options, as `sharedim.datasets.simulated_options.completed` gives them.

    Returns
    -------
    FeaturePairs
    """
    # Of the types that each simulation asks for.
    given: dict[str, Any] = options
    sizes = {key: value for key, value in given.items() if key not in ("kind", "noise")}
    shared: int | None
    labels, noise = {}, given["noise"]
    match given["kind"]:
        case "linear" | "nonlinear" as kind:
            first, second = simulate_coordinates(rectified=kind == "nonlinear", **sizes)
            shared = given["shared_dimensions"]
        case "gaussian":
            population = {key: sizes[key] for key in ("features", "correlations", "covariance")}
            covariances = gaussian_covariances(**population, noise=noise, seed=given["seed"])
            drawing = {key: sizes[key] for key in ("pairs", "balanced", "seed")}
            first, second = simulate_gaussian(covariances, **drawing)
            # The noise is in the covariances already, for balanced points to be normal as a whole.
            noise = (0, 0)
            shared = int(np.sum(covariances.canonical_correlations > LEAST_CORRELATION))
        case "gaussian_process":
            first, second = simulate_process(**sizes)
            process = {key: sizes[key] for key in sizes if key not in ("pairs", "seed")}
            correlations = process_covariances(**process, noise=noise).canonical_correlations
            shared = int(np.sum(correlations > LEAST_CORRELATION))
        case "drifters":
            first, second = simulate_drifters(**sizes)
            shared = second.shape[1]
        case "digit_halves" | "digit_labels" as kind:
            first, second, digits = digit_halves() if kind == "digit_halves" else digit_labels()
            labels, shared = {"label": digits}, None
    # A stream of its own, so that the same pairs can be had with more noise and with less.
    rng = np.random.default_rng([given["seed"], 1])
    first, second = (
        (side + sd * rng.normal(size=side.shape)).astype(np.float32)
        for side, sd in zip((first, second), noise, strict=True)
    )
    return FeaturePairs(first, second, shared, labels)


def simulate_coordinates(
    *, pairs: int, shared_dimensions: int, features: tuple[int, int], rectified: bool, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw normal features of which some are the same on both sides.

    The synthetic data of arXiv 2505.12473: the second side y is standard normal, the first k columns
    of the first side x are a function of the first k of y, and its other columns are independent
    standard normal. In the linear setting the function is the identity; in the nonlinear one

    - ``x_0 = y_0 if y_0 < 0``,
    - ``x_1 = y_1 if y_0 + y_1 > 0.5``,
    - ``x_i = y_i if y_i > 0`` for the others,

    and 0 else, so that where a coordinate is constant nothing of it is shared.

    Parameters
    ----------
    pairs : int
        Pairs.
    shared_dimensions : int
        k, at most as large as either side.
    features : tuple of two int
        Columns of x and of y.
    rectified : bool
        True for the nonlinear setting.
    seed : int
        Source of all randomness.

    Returns
    -------
    first, second : ndarray of float64, shapes (pairs, features[0]) and (pairs, features[1])
        x and y.
    """
    rng = np.random.default_rng(seed)
    first, second = (rng.normal(size=(pairs, width)) for width in features)
    shared = second[:, :shared_dimensions]
    if rectified:
        kept = shared > 0
        if shared_dimensions > 0:
            kept[:, 0] = shared[:, 0] < 0
        if shared_dimensions > 1:
            kept[:, 1] = shared[:, 0] + shared[:, 1] > 0.5
        shared = np.where(kept, shared, 0)
    first[:, :shared_dimensions] = shared
    return first, second


def write_pairs(path: str | Path, pairs: FeaturePairs, options: dict[str, object]) -> None:
    """Write pairs as an .npz file, atomically.

    It holds the arrays ``first`` and ``second``, one array for each column of labels and, where the
    answer is known, ``truth``: text with a JSON object of the shared dimensions and the options.
    No array needs unpickling.

    Parameters
    ----------
    path : path-like
        Ends in .npz.
    pairs : FeaturePairs
    options : dict
        That they were simulated with.
    """
    # Any, since NumPy's own options are names among those of arrays.
    arrays: dict[str, Any] = {"first": pairs.first, "second": pairs.second, **pairs.labels}
    if pairs.shared_dimensions is not None:
        truth = {**options, "shared_dimensions": pairs.shared_dimensions}
        arrays["truth"] = np.array(json.dumps(truth))
    with replacing(path) as temporary:
        np.savez(temporary, **arrays)
