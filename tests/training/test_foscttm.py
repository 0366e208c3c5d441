"""FOSCTTM against the search over all cells."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from simulated_pairs import gaussian_pairs

from sharedim.evaluation.retrieval import search
from sharedim.training.foscttm import foscttm, foscttm_of_similarities


def test_it_is_the_fraction_of_cells_closer_than_the_true_match():
    x, y = gaussian_pairs(300)
    f, g = np.float32(x[:, :3]), np.float32(y[:, :3])
    # Ties, which count half, and more cells than are compared.
    f[10:20], g[10:20] = f[0], g[0]
    expected = np.mean([search(*pair, []).ranks.fraction_closer for pair in ((f, g), (g, f))])
    assert foscttm(f, g) == pytest.approx(expected, abs=1e-6)


def test_ties_count_half():
    assert foscttm_of_similarities(torch.ones(2, 5, 5)).tolist() == [0.5, 0.5]
