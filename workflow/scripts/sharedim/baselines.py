"""Closed-form baselines, stored as linear encoders so that they are scored like any model."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np

from sharedim.cca import fit_cca
from sharedim.recipes import CCARecipe
from sharedim.retrieval import search, top_share_size, unit_length
from sharedim.splits import split_cells

logger = logging.getLogger(__name__)


def _validation_score(f: np.ndarray, g: np.ndarray) -> tuple[int, float]:
    """Return two-sided hits, and the mean cosine of true pairs to tell ties apart.

    At d = 1 every cosine is +1 or -1, so that nothing is ever a hit and the cosine alone decides.
    """
    f, g = unit_length(f), unit_length(g)
    k = top_share_size(len(f))
    hits = sum(int((search(*pair).ranks.rivals < k).sum()) for pair in ((f, g), (g, f)))
    return hits, float((f * g).sum(axis=1).mean())


def fit_cca_seeds(
    rna: np.ndarray,
    prot: np.ndarray,
    *,
    recipe: CCARecipe,
    dim: int,
    seeds: list[int],
    test_cells: np.ndarray | None = None,
) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """Fit CCA on each seed's training cells, with the ridge that matches its normaliser cells best.

    Parameters
    ----------
    rna, prot : ndarray, shapes (n, dx) and (n, dy)
        Features of all paired cells.
    recipe : CCARecipe
        The ridges to choose from.
    dim : int
        Output dimension d.
    seeds : list of int
        The repetitions.
    test_cells : ndarray of int64, optional
        Test cells that are the same for every seed, as `sharedim.splits.split_cells` takes them.

    Yields
    ------
    seed : int
    tensors : dict of str to ndarray
        One linear layer a modality, named as `sharedim.training.model_tensors` names them, with
        ``ridge`` and ``correlations`` beside.
    """
    for seed in seeds:
        split = split_cells(len(rna), seed, test_cells)
        x, y = (np.asarray(side[split.train], dtype=np.float64) for side in (rna, prot))
        x_mean, y_mean = x.mean(axis=0), y.mean(axis=0)
        x_held, y_held = rna[split.normaliser] - x_mean, prot[split.normaliser] - y_mean

        best_score, best = (-1, 0.0), None
        for ridge in recipe.ridges:
            x_weight, y_weight, correlations = fit_cca(x, y, dim, ridge)
            f, g = x_held @ x_weight.T, y_held @ y_weight.T
            score = _validation_score(f, g)
            if score > best_score:
                best_score, best = score, (ridge, x_weight, y_weight, correlations, f, g)
        ridge, x_weight, y_weight, correlations, f, g = best
        logger.info("seed %d: ridge %g, correlations %s", seed, ridge, np.round(correlations, 2))
        tensors = {
            "rna.0.weight": x_weight,
            "rna.0.bias": -x_weight @ x_mean,
            "prot.0.weight": y_weight,
            "prot.0.bias": -y_weight @ y_mean,
            "mean_norm.rna": np.linalg.norm(f, axis=1).mean(),
            "mean_norm.prot": np.linalg.norm(g, axis=1).mean(),
            "ridge": np.array(ridge),
            "correlations": np.pad(correlations, (0, dim - len(correlations))),
        }
        yield seed, {name: np.asarray(t, dtype=np.float32) for name, t in tensors.items()}
