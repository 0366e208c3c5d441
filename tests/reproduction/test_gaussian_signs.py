"""Moments of weighted pairs against tilted normal distributions."""

from __future__ import annotations

import numpy as np

from experiments.gaussian_signs import moments


def test_moments_of_weighted_pairs_are_those_of_a_tilted_normal_distribution():
    # exp(a x y) times two standard normal densities has correlation a and variances 1 / (1 - a^2).
    grid, tilt = np.linspace(-8, 8, 800), 0.4
    density = np.exp(-(grid**2) / 2)
    weights = np.outer(density, density) * np.exp(tilt * np.outer(grid, grid))
    found = moments(weights, grid, grid)
    np.testing.assert_allclose(found.variances, 1 / (1 - tilt**2), rtol=1e-6)
    np.testing.assert_allclose(found.correlation, tilt, rtol=1e-6)
    # Signs: E|x| E|y| tanh(1) between standard normal numbers.
    signs = np.exp(np.outer(np.sign(grid), np.sign(grid))) * np.outer(density, density)
    np.testing.assert_allclose(moments(signs, grid, grid).variances, 1, rtol=1e-6)
    expected = 2 / np.pi * np.tanh(1)
    np.testing.assert_allclose(moments(signs, grid, grid).correlation, expected, rtol=1e-3)
