"""Prediction of one modality from the other, with intervals, and its quality on held-out cells."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from sklearn.neighbors import KNeighborsRegressor

from sharedim.embedding.soft_matching import ask

# Nominal coverage of the intervals.
LEVEL = 0.9
# Least standard deviation of a cell's prediction, as a fraction of that over all cells: where all
# probable reference cells agree, the interval must not close.
LEAST_DEVIATION = 0.1
RIDGES = np.logspace(-1, 6, 15)
NEIGHBOURS, COMPONENTS = (10, 20, 50), (10, 30, 100)


def predict(
    queries: NDArray[np.floating],
    candidates: NDArray[np.floating],
    temperature: float,
    values: NDArray[np.floating],
    *,
    own: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return the conditional mean of reference values and its standard deviation, for each cell.

    Parameters are those of `sharedim.embedding.soft_matching.ask`. The deviation is no less than a tenth of
    that over all reference cells.

    Returns
    -------
    means, deviations : ndarray of float32, shape (n, features)
    """
    answers = ask(queries, candidates, temperature, values=values, own=own)
    if answers.means is None or answers.deviations is None:
        raise AssertionError("values were given, so that there are moments")
    return answers.means, np.maximum(answers.deviations, LEAST_DEVIATION * values.std(axis=0))


def interval_factors(
    truth: NDArray[np.floating], means: NDArray[np.floating], deviations: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Return by how many deviations the interval of each feature reaches out on both sides.

    The normalised split-conformal interval (Lei et al. 2018): the quantile of the error over the
    deviation, among cells whose pairs were not trained on.

    Parameters
    ----------
    truth, means, deviations : ndarray, shape (n, features)
        Measured values of these cells, and what was predicted of them.

    Returns
    -------
    ndarray, shape (features,)
    """
    errors = np.sort(np.abs(truth - means) / np.where(deviations > 0, deviations, 1), axis=0)
    place = min(len(errors), math.ceil((len(errors) + 1) * LEVEL)) - 1
    factors: NDArray[np.floating] = errors[place]
    return factors


def correlations(
    truth: NDArray[np.floating], predicted: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Return Pearson's correlation of each column; nan for one that is constant."""
    truth, predicted = (side - side.mean(axis=0) for side in (truth, predicted))
    scale = np.sqrt((truth**2).sum(axis=0) * (predicted**2).sum(axis=0))
    found: NDArray[np.floating] = (truth * predicted).sum(axis=0) / np.where(
        scale > 0, scale, np.nan
    )
    return found


def compare_predictions(
    representations: tuple[NDArray[np.floating], NDArray[np.floating]],
    temperature: float,
    rna: NDArray[np.floating],
    values: NDArray[np.floating],
    parts: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
) -> Iterator[tuple[str, NDArray[np.floating], NDArray[np.floating]]]:
    """Predict proteins of held-out cells from RNA, and let two baselines do the same.

    Parameters
    ----------
    representations : tuple of ndarray, each of shape (n, d)
        RNA and protein of all cells, as they are compared by inner product.
    temperature : float
        Divides the similarities.
    rna : ndarray, shape (n, components)
        Features of RNA, which the baselines predict from.
    values : ndarray, shape (n, proteins)
        What is predicted.
    parts : tuple of ndarray of int64
        Training, validation and test cells. Whatever is chosen is chosen by the validation cells,
        the width of the interval among it, and both they and the training cells are predicted from.

    Yields
    ------
    method : str
        ``"sharedim"``, ``"ridge"`` or ``"neighbours"``.
    correlation, coverage : ndarray, shape (proteins,)
        Over the test cells: of measured and predicted values, and the fraction of measured values
        within the interval (nan for the baselines, which have none).
    """
    train, validation, test = parts
    f, g = representations
    reference = np.concatenate([train, validation])
    known = predict(f[validation], g[train], temperature, values[train])
    factors = interval_factors(values[validation], *known)
    means, deviations = predict(f[test], g[reference], temperature, values[reference])
    inside = np.abs(values[test] - means) <= factors * deviations
    yield "sharedim", correlations(values[test], means), inside.mean(axis=0)
    nothing = np.full(values.shape[1], np.nan)
    ridge = RidgeCV(alphas=RIDGES, alpha_per_target=True).fit(rna[reference], values[reference])
    yield "ridge", correlations(values[test], ridge.predict(rna[test])), nothing
    columns, neighbours = _best_neighbours(rna, values, train, validation)
    nearest = KNeighborsRegressor(neighbours).fit(rna[reference][:, :columns], values[reference])
    predicted = nearest.predict(rna[test][:, :columns])
    yield "neighbours", correlations(values[test], predicted), nothing


def _best_neighbours(
    rna: NDArray[np.floating],
    values: NDArray[np.floating],
    train: NDArray[np.int64],
    validation: NDArray[np.int64],
) -> tuple[int, int]:
    """Return the components and the number of neighbours that predict validation cells best."""
    found = {}
    for columns in sorted({min(wanted, rna.shape[1]) for wanted in COMPONENTS}):
        search = KNeighborsRegressor().fit(rna[train][:, :columns], values[train])
        most = min(max(NEIGHBOURS), len(train))
        places = search.kneighbors(rna[validation][:, :columns], most, return_distance=False)
        for neighbours in NEIGHBOURS:
            predicted = values[train][places[:, :neighbours]].mean(axis=1)
            quality = np.nanmean(correlations(values[validation], predicted))
            found[columns, neighbours] = quality
    return max(found, key=lambda choice: found[choice])
