from __future__ import annotations

import json

import numpy as np
import pytest

from sharedim.datasets import simulated_options
from sharedim.datasets.digits import digit_labels
from sharedim.datasets.simulated_pairs import simulate_coordinates, simulate_pairs, write_pairs


def pairs_of(**given):
    return simulate_pairs(simulated_options.completed("pairs", given))


def canonical_correlations(first, second):
    """Return those of a sample, from orthonormal bases of both sides."""
    bases = (np.linalg.qr(side - side.mean(axis=0))[0] for side in (first, second))
    left, right = bases
    return np.linalg.svd(left.T @ right, compute_uv=False)


@pytest.mark.parametrize("shared", [0, 2, 5])
def test_linear_pairs_share_their_first_columns_and_nothing_else(shared):
    pairs = pairs_of(kind="linear", pairs=6000, shared_dimensions=shared, seed=3)
    assert pairs.first.shape == pairs.second.shape == (6000, 20)
    np.testing.assert_array_equal(pairs.first[:, :shared], pairs.second[:, :shared])
    found = canonical_correlations(pairs.first, pairs.second)
    np.testing.assert_allclose(found[:shared], 1, atol=1e-6)
    # The largest of independent sides is near (sqrt(20) + sqrt(20)) / sqrt(6000).
    assert found[shared] < 0.15
    # Standard errors of variances and covariances: sqrt(2 / n) and sqrt(1 / n).
    both = np.cov(pairs.second.T)
    np.testing.assert_allclose(both, np.eye(20), atol=5 * np.sqrt(2 / 6000))
    assert pairs.shared_dimensions == shared


def test_nonlinear_pairs_are_rectified_one_by_one():
    x, y = simulate_coordinates(
        pairs=500, shared_dimensions=4, features=(6, 5), rectified=True, seed=0
    )
    for row in range(500):
        a, b, c, d = y[row, :4]
        expected = [
            a if a < 0 else 0, b if a + b > 0.5 else 0, c if c > 0 else 0, d if d > 0 else 0,
        ]  # fmt: skip
        np.testing.assert_array_equal(x[row, :4], expected)
    assert np.mean(x[:, 0] == 0) == pytest.approx(0.5, abs=0.1)
    # a + b has a variance of 2.
    assert np.mean(x[:, 1] == 0) == pytest.approx(0.638, abs=0.1)
    assert (x[:, 4:] != 0).all()


@pytest.mark.parametrize("shared", [0, 1])
def test_few_rectified_coordinates(shared):
    pairs = pairs_of(kind="nonlinear", pairs=500, shared_dimensions=shared, features=[3, 2])
    assert (pairs.first[:, :shared] <= 0).all()
    assert pairs.second.shape == (500, 2)


@pytest.mark.parametrize("kind", simulated_options.DEFAULTS)
def test_the_seed_decides(kind):
    small = {} if kind.startswith("digit") else {"pairs": 500}
    noisy = {"kind": kind, "noise": [0.1, 0.2], **small}
    one, again, other = (pairs_of(**noisy, seed=seed) for seed in (1, 1, 2))
    for side in ("first", "second"):
        assert getattr(one, side).dtype == np.float32
        np.testing.assert_array_equal(getattr(one, side), getattr(again, side))
        assert (getattr(one, side) != getattr(other, side)).mean() > 0.9


@pytest.mark.parametrize("kind", ["linear", "gaussian_process", "drifters", "digit_halves"])
def test_noise_is_added_to_the_same_pairs(kind):
    small = {} if kind.startswith("digit") else {"pairs": 600}
    clean, noisy = (pairs_of(kind=kind, **small, noise=noise) for noise in ([0, 0], [0.5, 0.2]))
    for side, sd in (("first", 0.5), ("second", 0.2)):
        added = getattr(noisy, side) - getattr(clean, side)
        # The standard error of a standard deviation is sd / sqrt(2 n).
        assert added.std() == pytest.approx(sd, rel=4 / np.sqrt(2 * added.size))


def test_halves_of_digits_make_the_images():
    halves, whole = pairs_of(kind="digit_halves"), pairs_of(kind="digit_labels")
    assert halves.first.shape == halves.second.shape == (1797, 32)
    images = [side.reshape(-1, 8, 4) for side in (halves.first, halves.second)]
    np.testing.assert_array_equal(np.concatenate(images, axis=2).reshape(-1, 64), whole.first)
    assert whole.first.min() == 0
    assert whole.first.max() == 1
    np.testing.assert_array_equal(halves.labels["label"], whole.labels["label"])
    assert halves.shared_dimensions is whole.shared_dimensions is None


def test_labels_of_digits_are_one_hot():
    images, one_hot, digits = digit_labels()
    np.testing.assert_array_equal(one_hot.sum(axis=1), 1)
    np.testing.assert_array_equal(one_hot.argmax(axis=1).astype(str), digits)
    # An image is more like the mean of its own digit than like any other's.
    means = np.stack([images[digits == str(digit)].mean(axis=0) for digit in range(10)])
    nearest = ((images[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    assert np.mean(nearest.astype(str) == digits) > 0.85


@pytest.mark.parametrize(
    ("options", "arrays", "shared"),
    [
        ({"kind": "nonlinear", "pairs": 500, "shared_dimensions": 5}, {"truth"}, 5),
        ({"kind": "drifters", "pairs": 500, "modes": 2}, {"truth"}, 4),
        ({"kind": "digit_labels"}, {"label"}, None),
    ],
)
def test_the_file_holds_the_pairs_their_labels_and_the_truth(tmp_path, options, arrays, shared):
    options = simulated_options.completed("pairs", options)
    pairs = simulate_pairs(options)
    path = tmp_path / "new" / "simulated.npz"
    write_pairs(path, pairs, options)
    kept = path.read_bytes()
    write_pairs(path, pairs, options)
    assert path.read_bytes() == kept
    with np.load(path, allow_pickle=False) as file:
        assert set(file) == {"first", "second"} | arrays
        np.testing.assert_array_equal(file["first"], pairs.first)
        np.testing.assert_array_equal(file["second"], pairs.second)
        if shared is not None:
            assert file["truth"].ndim == 0
            assert json.loads(str(file["truth"])) == {**options, "shared_dimensions": shared}
