from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from simulated_pairs import paired_features

from sharedim.training.engine import StackEngine
from sharedim.training.initialisation import initial_models
from sharedim.training.recipes import PAPER, PAPER_SAMPLED
from sharedim.training.sampling import draw_epoch, dropout_threshold, samples_normaliser
from sharedim.training.splits import split_cells
from sharedim.training.state import PairShape, StackCells, StackState

BUSY = replace(PAPER_SAMPLED, reshuffle=True, dropout=0.3, normaliser_cells=50)


def draws(seeds, epoch=0, recipe=BUSY):
    return draw_epoch(
        seeds, epoch, recipe, train_cells=256, normaliser_cells=400, batch_size=64,
        device=torch.device("cpu"),
    )  # fmt: skip


def test_the_papers_recipe_leaves_nothing_to_chance():
    found = draws([0, 1], recipe=PAPER)
    assert (found.order, found.normaliser, found.dropout) == (None, None, None)


def test_a_seeds_draws_do_not_depend_on_its_company():
    together, alone = draws([3, 4, 5]), draws([4])
    assert torch.equal(together.order[1:2], alone.order)
    assert torch.equal(together.normaliser[:, 1:2], alone.normaliser)
    assert torch.equal(together.dropout[:, :, :, 1:2], alone.dropout)


def test_seeds_and_epochs_draw_differently_and_repeatably():
    first = draws([0])
    for other in (draws([1]), draws([0], epoch=1)):
        assert not torch.equal(first.order, other.order)
        assert not torch.equal(first.normaliser, other.normaliser)
        assert not torch.equal(first.dropout, other.dropout)
    assert torch.equal(first.dropout, draws([0]).dropout)


def test_every_cell_has_its_turn_and_every_step_its_own_normaliser_cells():
    found = draws([0, 1])
    assert torch.equal(found.order.sort(dim=1).values, torch.arange(256).expand(2, 256))
    assert found.normaliser.shape == (4, 2, 50)
    assert found.normaliser.min() >= 0
    assert found.normaliser.max() < 400
    assert not torch.equal(found.normaliser[0], found.normaliser[1])


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_dropout_takes_the_share_it_is_told(share):
    recipe = replace(BUSY, dropout=share)
    found = draws([0], recipe=recipe).dropout
    assert found.shape == (4, 2, 3, 1, 50, 64)
    taken = (found < dropout_threshold(recipe)).double()
    # Standard error of a share p of N is sqrt(p (1 - p) / N); bytes round it to 1/256.
    error = 4 * np.sqrt(share * (1 - share) / taken.numel()) + 1 / 512
    assert taken.mean().item() == pytest.approx(share, abs=error)
    # Each of the eight bytes of a word is drawn alike.
    by_byte = taken.flatten().unflatten(0, (-1, 8)).mean(dim=0)
    assert by_byte.numpy() == pytest.approx(share, abs=4 * error)


def test_a_sample_as_large_as_the_pool_is_the_pool():
    assert samples_normaliser(PAPER_SAMPLED, 513)
    assert not samples_normaliser(PAPER_SAMPLED, 512)
    assert not samples_normaliser(PAPER, 8000)
    assert not samples_normaliser(replace(PAPER_SAMPLED, similarity="cosine"), 8000)


def test_the_mean_norm_of_drawn_cells_is_unbiased():
    rna, prot = (side.astype(np.float64) for side in paired_features())
    split = split_cells(len(rna), 0)
    cells = StackCells.gather(rna, prot, [split], torch.device("cpu"))
    shape = PairShape.of(rna.shape[1], prot.shape[1], 4, BUSY)
    models = initial_models([0], shape, cells, BUSY)
    state = StackState.start([0], *models, 400, BUSY)
    engine = StackEngine(cells, state, shape, BUSY)
    exact = engine.norm_passes[0].mean(cells.normaliser[0]).item()
    norms = engine.norm_passes[0].encode(cells.normaliser[0]).norm(dim=2)[0]
    means = []
    for epoch in range(200):
        found = draw_epoch(
            [0], epoch, BUSY, train_cells=256, normaliser_cells=len(split.normaliser),
            batch_size=64, device=torch.device("cpu"),
        )  # fmt: skip
        means += norms[found.normaliser[:, 0]].mean(dim=1).tolist()
    error = np.std(means) / np.sqrt(len(means))
    assert np.mean(means) == pytest.approx(exact, abs=4 * error)
    assert np.std(means) == pytest.approx(norms.std().item() / np.sqrt(50), rel=0.1)
