"""Fine-tuned classification, against retrieval and against plain logistic regression."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from experiments.fine_tuning import fine_tune
from sharedim.embedding.soft_matching import ask
from sharedim.evaluation.representations import encoded_pair, representations
from sharedim.evaluation.retrieval import UNKNOWN
from sharedim.jobs.checkpoints import ModelBlock
from sharedim.training.loop import train_seeds
from sharedim.training.recipe_types import as_record
from sharedim.training.recipes import PAPER_SAMPLED
from sharedim.training.similarity import comparable
from sharedim.training.splits import split_cells

QUICK = replace(
    PAPER_SAMPLED,
    name="quick",
    hidden_layers=1,
    epochs=60,
    learning_rate=3e-3,
    validation_share=0.1,
    normaliser_cells=128,
)


@pytest.fixture(scope="module")
def digits():
    """Left and right halves of images of digits, which digit each is, and a split."""
    images, codes = load_digits(return_X_y=True)
    images = (images.reshape(-1, 8, 8) / 8 - 1).astype(np.float32)
    halves = images[:, :, :4].reshape(-1, 32), images[:, :, 4:].reshape(-1, 32)
    return halves, codes, split_cells(len(codes), 0, None, QUICK.validation_share)


@pytest.fixture(scope="module", params=["inner_product", "cosine", "euclidean"])
def block(digits, request):
    recipe = replace(QUICK, similarity=request.param)
    [(_, tensors)] = train_seeds(*digits[0], recipe=recipe, dim=5, seeds=[0])
    header = {"recipe": as_record(recipe), "dim": 5, "seeds": [0]}
    return ModelBlock({name: tensor[None] for name, tensor in tensors.items()}, header)


def part(halves, rows):
    return halves[0][rows], halves[1][rows]


@pytest.mark.parametrize("modality", ["rna", "prot"])
def test_it_is_better_than_retrieval(digits, block, modality):
    halves, codes, split = digits
    side = 0 if modality == "rna" else 1
    train, test = part(halves, split.train), part(halves, split.test)
    similarity = block.header["recipe"]["similarity"]
    queries = encoded_pair(block, 0, *test)[side]
    candidates = encoded_pair(block, 0, *train)[1 - side]
    temperature = float(block.tensors["temperature"][0])
    answers = ask(
        *comparable(queries, candidates, similarity), temperature, levels=[codes[split.train]]
    )
    retrieved = np.mean(answers.votes[0].argmax(axis=1) == codes[split.test])
    found = fine_tune(block, 0, modality, train, codes[split.train])
    probabilities = found.probabilities(test[side])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    right = np.mean(probabilities.argmax(axis=1) == codes[split.test])
    assert right > retrieved > 0.4
    before = fine_tune(block, 0, modality, train, codes[split.train], steps=0)
    start = np.mean(before.probabilities(test[side]).argmax(axis=1) == codes[split.test])
    # Already as it starts it knows most digits: what contrastive training found is used.
    assert right > start > 0.4


def test_a_seed_decides(digits, block):
    halves, codes, split = digits
    train = part(halves, split.train)
    stored = {name: tensor.copy() for name, tensor in block.tensors.items()}
    first, again, other = (
        fine_tune(block, 0, "rna", train, codes[split.train], steps=20, seed=seed).probabilities(
            train[0]
        )
        for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    for name, tensor in block.tensors.items():
        assert np.array_equal(tensor, stored[name], equal_nan=True)


@pytest.mark.parametrize("block", ["inner_product"], indirect=True)
def test_with_the_encoder_as_it_is_it_is_logistic_regression(digits, block):
    halves, _, split = digits
    # As many cells of each label, so that their shares do not count, drawn at random, so that none
    # can be told for certain; the rest unknown.
    rows, own = split.train[:150], np.repeat([0, 1, 2, UNKNOWN], [30, 30, 30, 60])
    cells = part(halves, rows)
    found = fine_tune(block, 0, "rna", cells, own, steps=1500, learning_rate=0.1, encoder_too=False)
    f = representations(block, 0, "rna", cells[0])
    oracle = LogisticRegression(fit_intercept=False, C=1e8, tol=1e-8, max_iter=10_000)
    oracle.fit(f[:90], own[:90])
    np.testing.assert_allclose(found.probabilities(cells[0]), oracle.predict_proba(f), atol=2e-3)
