"""Precomputed features: options, scaling and noise, and notes for the user."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
from anndata import AnnData
from numpy.typing import NDArray

from sharedim.errors import InputError
from sharedim.io.modalities import CELLS, PROTEIN, RNA
from sharedim.io.protein_values import AS_GIVEN
from sharedim.preprocessing.options import FeatureOptions, Features
from sharedim.preprocessing.projection import Projection

if TYPE_CHECKING:
    from sharedim.io.paired import PairedCells

# Options for one kind of data, which are refused for the other.
FOR_FEATURES = ("feature_scaling", "feature_noise", "repeated_noise")
FOR_COUNTS = ("harmony", "variable_genes_by_batch")
SCALINGS = {
    "none": "taken as they are",
    "centred": "centred",
    "standardised": "centred and scaled to a standard deviation of 1",
}
# Columns of the second modality that are predicted, those that vary most.
PREDICTED_COLUMNS = 50
# Of the noise, which is drawn once for all seeds.
NOISE_SEED = 2024
ADDED, REPEATED = 0, 1


def given_features(
    first: AnnData, second: AnnData, options: FeatureOptions, fitted_rows: NDArray[np.int64]
) -> dict[str, Features]:
    """Scale given features, add noise where it is wanted, and keep how other rows become the same.

    Parameters
    ----------
    first, second : AnnData
        The same pairs, features as they are in ``X``. Not changed.
    options : FeatureOptions
        Of which ``feature_scaling``, ``feature_noise`` and ``repeated_noise`` have a say.
    fitted_rows : ndarray of int64
        Rows that means and standard deviations are taken over.

    Returns
    -------
    dict of str to Features
        As ``"rna"`` and ``"prot"``. Projections have no noise.
    """
    noises = noise_of(options)
    found = {}
    for place, (kind, data) in enumerate((("rna", first), ("prot", second))):
        values = np.asarray(data.X)
        mean, deviation = _scale_of(values, fitted_rows, options.feature_scaling)
        scaled = values
        if options.feature_scaling != "none":
            scaled = (values - mean) / deviation
        for what, sd in ((ADDED, noises[place]), (REPEATED, options.repeated_noise)):
            if sd:
                rows = np.arange(len(values)) if what == ADDED else repeated_rows(values)
                scaled = _with_noise(scaled, sd, rows, [NOISE_SEED, place, what])
        components = scaled.astype(np.float32)
        deviations = components[fitted_rows].std(axis=0, ddof=1, dtype=np.float64)
        # The first is restored whole from the features themselves.
        predicted = _most_variable(deviations) if place else None
        found[kind] = Features(
            components=components,
            standard_deviations=deviations,
            projection=Projection(
                names=list(data.var_names),
                used=np.arange(data.n_vars),
                transform=AS_GIVEN,
                log_means=np.empty(0),
                mean=mean,
                deviation=deviation,
                limit=np.inf,
                centre=np.zeros(data.n_vars),
                # No axes: features are not rotated.
                loadings=np.empty((0, data.n_vars)),
                predicted=predicted if predicted is None else predicted.tolist(),
            ),
            transformed=None if predicted is None else components[:, predicted],
        )
    return found


def noise_of(options: FeatureOptions) -> tuple[float, float]:
    """Return the standard deviation of the noise of the first and of the second modality."""
    noise = options.feature_noise
    first, second = noise if isinstance(noise, list | tuple) else (noise, noise)
    return float(first), float(second)


def repeated_rows(values: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return the numbers of the rows that occur more than once, the first of each among them.

    Parameters
    ----------
    values : ndarray, shape (n, features)
    """
    # Adding zero turns -0, which equals 0, into it.
    digests = [blake2b((row + 0.0).tobytes(), digest_size=16).digest() for row in values]
    _, which, count = np.unique(np.array(digests), return_inverse=True, return_counts=True)
    return np.flatnonzero(count[which] > 1)


def steps_of(features: Features, options: FeatureOptions, place: int) -> str:
    """Say what was done to the features of one modality, the first (0) or the second (1)."""
    text = f"{features.components.shape[1]:,} precomputed features, {SCALINGS[options.feature_scaling]}"
    if noise := noise_of(options)[place]:
        text += f", with normal noise of standard deviation {noise:g} added"
    if options.repeated_noise:
        text += (
            f", with normal noise of standard deviation {options.repeated_noise:g} added to those that "
            "several pairs have alike"
        )
    return text


def _scale_of(
    values: NDArray[np.floating], rows: NDArray[np.int64], scaling: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what is subtracted from each column, and what it is divided by."""
    mean, deviation = np.zeros(values.shape[1]), np.ones(values.shape[1])
    if scaling == "none":
        return mean, deviation
    fitted = values[rows]
    lowest = fitted.min(axis=0)
    varying = fitted.max(axis=0) > lowest
    # Of a constant column exactly its value, so that nothing is left of it.
    mean = np.where(varying, fitted.mean(axis=0, dtype=np.float64), lowest)
    if scaling == "standardised":
        spread = fitted.std(axis=0, dtype=np.float64)
        deviation = np.where(varying & (spread > 0), spread, 1.0)
    return mean, deviation


def _with_noise(
    values: NDArray[np.floating], sd: float, rows: NDArray[np.int64], seed: list[int]
) -> NDArray[np.float64]:
    noisy = values.astype(np.float64)
    rng = np.random.default_rng(seed)
    noisy[rows] += rng.normal(scale=sd, size=(len(rows), values.shape[1]))
    return noisy


def _most_variable(deviations: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the places of the columns that are predicted, in their order."""
    varying = np.argsort(-deviations, kind="stable")[:PREDICTED_COLUMNS]
    return np.sort(varying)


def refuse_options(cells: PairedCells, options: Mapping[str, object]) -> None:
    """Refuse options for counts where there are features, and the other way round.

    Raises
    ------
    InputError
        Naming the option.
    """
    names: tuple[str, ...]
    if cells.kind == CELLS:
        names, what = FOR_FEATURES, "precomputed features, and these are counts of cells"
    else:
        names, what = FOR_COUNTS, "counts of cells, and these are precomputed features"
    plain = vars(FeatureOptions())
    for name in names:
        value = options.get(name)
        if value not in (None, plain[name], [0, 0]):
            raise InputError(f"{cells.where}: {name} is for {what}; leave it out for this dataset")


def feature_notes(cells: PairedCells, options: Mapping[str, object]) -> list[str]:
    """Say what matching cannot do with these features, and which columns are predicted.

    Parameters
    ----------
    cells : PairedCells
        Of the kind ``"features"``.
    options : dict
        Of `sharedim.preprocessing.options.FeatureOptions`, those that were said.
    """
    # Of the types that the options have, which differ by name.
    said: dict[str, Any] = {key: v for key, v in options.items() if v is not None}
    chosen = FeatureOptions(**said)
    notes = []
    for data, kind, noise in zip(
        (cells.rna, cells.prot), (RNA, PROTEIN), noise_of(chosen), strict=True
    ):
        if data.n_vars == 1:
            notes.append(
                f"{cells.words[kind]} has one column: linear maps of it cannot single out a match, "
                "since an inner product prefers extremes and a cosine knows a sign only. Matching then "
                "stays near chance whatever is shared; look at FOSCTTM and label transfer."
            )
        repeated = 0 if noise or chosen.repeated_noise else len(repeated_rows(data.X))
        if repeated:
            notes.append(
                f"{cells.words[kind]}: {repeated:,} of {data.n_obs:,} pairs have features that another "
                "pair has too; among them the true match cannot be told, and a dimension estimated from "
                "distances leaves them out (repeated_noise=0.1 tells them apart, as in the paper)."
            )
    if cells.prot.n_vars > PREDICTED_COLUMNS:
        notes.append(
            f"Of the {cells.prot.n_vars:,} columns of {cells.words[PROTEIN]} the {PREDICTED_COLUMNS} "
            "that vary most are predicted."
        )
    return notes
