"""Small paired features that share a known number of dimensions."""

from __future__ import annotations

import numpy as np


def paired_features(cells=800, rna_width=12, prot_width=7, shared=3):
    """Return two linear views of the same latent cells, with noise of their own."""
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(cells, shared))
    sides = []
    for width in (rna_width, prot_width):
        noise = rng.normal(scale=0.3, size=(cells, width))
        sides.append((latent @ rng.normal(size=(shared, width)) + noise).astype(np.float32))
    return sides


def gaussian_pairs(cells=4000):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(cells, 2))
    x = z @ rng.normal(size=(2, 6)) + rng.normal(size=(cells, 6))
    y = z @ rng.normal(size=(2, 4)) + rng.normal(size=(cells, 4))
    return x, y
