"""Trained linear encoders against the closed forms of their training cells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm, qmc

from experiments.closed_forms import exact_conditional, mean_error, model_conditional, optimal_tilt
from experiments.linear_models import errors_of_tilt, tilt_of, training_covariance
from sharedim.errors import InputError
from sharedim.evaluation.representations import encoded_pair, similarity_of
from sharedim.jobs.checkpoints import ModelBlock
from sharedim.training.cca import PairedCovariance
from sharedim.training.loop import train_seeds
from sharedim.training.recipe_types import ContrastiveRecipe, as_record
from sharedim.training.recipes import CCA
from sharedim.training.similarity import comparable

# Full batch, nothing but the loss itself.
THEORY = ContrastiveRecipe(
    name="theory",
    hidden_layers=0,
    similarity="unnormalised",
    learn_temperature=False,
    initial_temperature=1.0,
    temperature_floor=0.0,
    batch_size=100_000,
    steps=200,
    learning_rate=0.1,
    schedule="cosine",
    weight_decay=0.0,
    validation_share=0.05,
)


def balanced_normals(number, columns):
    """Sobol points as normal draws: moments of a sample, also the fourth, near the population's."""
    return norm.ppf(qmc.Sobol(columns, rng=np.random.default_rng(0)).random(number))


@pytest.fixture(scope="module")
def pairs():
    """Three and two features with canonical correlations 0.5 and 0.3, far from white."""
    rng = np.random.default_rng(1)
    white = balanced_normals(1024, 5)
    x, y = white[:, :3], white[:, 3:]
    rho = np.array([0.5, 0.3])
    y = rho * x[:, :2] + np.sqrt(1 - rho**2) * y
    mixing = [np.linalg.qr(rng.normal(size=(d, d)))[0] * rng.uniform(0.7, 1.3, d) for d in (3, 2)]
    return (x @ mixing[0]).astype(np.float32), (y @ mixing[1]).astype(np.float32)


def trained(sides, recipe, dim, test_cells=None):
    [(_, tensors)] = train_seeds(*sides, recipe=recipe, dim=dim, seeds=[0], test_cells=test_cells)
    header = {"recipe": as_record(recipe), "dim": dim, "seeds": [0]}
    return ModelBlock({name: tensor[None] for name, tensor in tensors.items()}, header)


@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize(
    ("loss", "similarity"),
    [
        ("two_sided", "unnormalised"),
        ("joint", "unnormalised"),
        ("prot_to_rna", "unnormalised_euclidean"),
        ("rna_to_prot", "unnormalised_euclidean"),
    ],
)
def test_training_reaches_the_closed_form(pairs, loss, similarity, dim):
    block = trained(pairs, replace(THEORY, loss=loss, similarity=similarity), dim, np.arange(20))
    covariance = training_covariance(block, 0, *pairs, np.arange(20))
    of_cross, of_square = errors_of_tilt(block, 0, covariance)
    assert of_cross < 0.02
    assert of_square < 0.02 or (np.isnan(of_square) and similarity == "unnormalised")
    # The closed form of another loss is not reached.
    other = optimal_tilt(covariance, loss="two_sided" if loss == "joint" else "joint", rank=dim)
    distance = np.linalg.norm(tilt_of(block, 0).cross - other.cross)
    assert distance > 0.08 * np.linalg.norm(other.cross)


@pytest.mark.parametrize("similarity", ["inner_product", "euclidean", "unnormalised_euclidean"])
def test_a_tilt_is_the_similarity_over_the_temperature(pairs, similarity):
    recipe = replace(THEORY, similarity=similarity, initial_temperature=0.5, steps=5)
    x, y = pairs[0] + np.float32([1, 2, 3]), pairs[1] - np.float32([2, 0])
    block = trained((x, y), replace(recipe, linear_skip=True), 2)
    f, g = comparable(*encoded_pair(block, 0, x[:9], y[:9]), similarity_of(block, 0))
    tilt = tilt_of(block, 0)
    expected = x[:9] @ tilt.cross @ y[:9].T
    expected += (x[:9] @ tilt.x_linear - 0.5 * np.sum(x[:9] @ tilt.x_square * x[:9], axis=1))[
        :, None
    ]
    expected += y[:9] @ tilt.y_linear - 0.5 * np.sum(y[:9] @ tilt.y_square * y[:9], axis=1)
    found = f @ g.T / 0.5
    # But for a constant, the biases' own.
    np.testing.assert_allclose(found - found.mean(), expected - expected.mean(), atol=1e-4)


def test_what_is_not_linear_has_no_tilt(pairs):
    for fields in ({"hidden_layers": 1}, {"similarity": "cosine"}):
        block = trained(pairs, replace(THEORY, steps=1, **fields), 2)
        with pytest.raises(InputError, match="the recipe theory is not linear"):
            tilt_of(block, 0)


def test_the_baseline_is_the_closed_form(pairs):
    """Of canonical variates weighted by the roots of their correlations, as ``cca`` may choose."""
    x, y = (side.astype(np.float64) for side in pairs)
    covariance = PairedCovariance.of_cells(x, y)
    found = covariance.canonical_pairs()
    weights = found.weights(2, np.sqrt(found.correlations))
    tensors = {
        f"{name}.0.{part}": value[None]
        for name, weight in zip(("rna", "prot"), weights, strict=True)
        for part, value in (("weight", weight), ("bias", np.zeros(2)))
    }
    tensors |= {"mean_norm.rna": np.ones(1), "mean_norm.prot": np.ones(1), "cosine": np.zeros(1)}
    block = ModelBlock(tensors, {"recipe": as_record(CCA), "dim": 2, "seeds": [0]})
    np.testing.assert_allclose(tilt_of(block, 0).cross, optimal_tilt(covariance).cross, atol=1e-12)


def test_means_of_a_gaussian_process_stop_improving_at_five_dimensions():
    # Twelve noisy points of a process, in units of the noise, and its first five coefficients:
    # arXiv 2505.24134, Section 6.1.
    modes = np.arange(1, 1001)
    basis = np.cos(np.pi * np.outer(np.linspace(0, 1, 12), modes)) / (np.pi**2 * modes**2 + 9)
    basis /= 0.05
    joint = np.block([
        [basis @ basis.T + np.eye(12), basis[:, :5]],
        [basis[:, :5].T, np.eye(5)],
    ])  # fmt: skip
    population = PairedCovariance.of_joint(joint, 12)
    white = np.random.default_rng(0).normal(size=(4000, 17))
    cells = (white @ np.linalg.cholesky(joint).T).astype(np.float32)
    recipe = replace(THEORY, batch_size=512, reshuffle=True, steps=250, learning_rate=0.05)
    errors = {}
    for dim in (1, 3, 5, 7):
        block = trained((cells[:, :12], cells[:, 12:]), recipe, dim, np.arange(100))
        models = [model_conditional(population, tilt_of(block, 0), of) for of in "xy"]
        errors[dim] = np.array(
            [mean_error(population, m, of) for m, of in zip(models, "xy", strict=True)]
        )
    matrix = exact_conditional(population, "x").matrix
    assert errors[5][0] < 0.02 * np.trace(matrix @ matrix.T)
    assert np.all(errors[3] < 0.5 * errors[1])
    assert np.all(errors[5] < 0.5 * errors[3])
    np.testing.assert_allclose(errors[7], errors[5], rtol=0.3)
