from __future__ import annotations

import re

import pytest
from places import REPOSITORY

from sharedim import durations
from sharedim.recipes import RECIPES
from sharedim.splits import split_cells

SCRIPTS = sorted((REPOSITORY / "workflow/scripts").glob("*.py"))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "a few seconds"), (7, "a few seconds"), (8, "about 10 s"), (23, "about 25 s"),
        (26, "about 30 s"), (44, "about 40 s"), (49.9, "about 50 s"), (50, "about a minute"),
        (89, "about a minute"), (95, "about 2 minutes"), (240, "about 4 minutes"),
        (1000, "about 15 minutes"), (3000, "about 50 minutes"), (3500, "about an hour"),
        (5399, "about an hour"), (2.2 * 3600, "about 2 hours"), (30 * 3600, "about 30 hours"),
        (3 * 86_400, "about 3 days"),
    ],
)  # fmt: skip
def test_durations_are_said_as_roughly_as_they_are_known(seconds, words):
    assert durations.spoken(seconds) == words


def training(name, models, cells, device="cpu"):
    recipe = RECIPES[name]
    split = split_cells(cells, 0, validation_share=recipe.validation_share)
    return durations.of_training(
        models,
        steps=recipe.steps or recipe.epochs * recipe.steps_an_epoch(len(split.train)),
        similarity=recipe.similarity,
        normaliser_cells=recipe.normaliser_cells or len(split.normaliser),
        device=device,
    )


@pytest.mark.parametrize(
    ("estimate", "measured"),
    [
        # docs/performance.md: ms a step of one thread, on 10,000 training and 8,000 normaliser cells.
        (training("paper", 8, 30_672), 8 * 15_600 * 19.3e-3),
        (training("paper_sampled", 8, 30_672), 8 * 15_600 * 3.8e-3),
        # A block of the default run; one of 6,855 cells, beside other work.
        (training("tuned", 5, 3000), 15),
        (training("tuned", 2, 6855), 20),
        # Of 50 models on an H200.
        (training("paper", 50, 30_672, "cuda"), 39.2),
        (durations.of_scoring(40, 3000), 30),
        # Drifters, and pairs that are drawn.
        (durations.of_simulating_pairs({"pairs": 6000, "positions": 25, "modes": 5}), 0.95),
        (durations.of_simulating_pairs({"kind": "linear", "pairs": 14_000}), 0.3),
        (durations.of_scoring(1, 30_672), 10),
        (durations.of_preprocessing(30_000), 14.5),
        (durations.of_preprocessing(300_000), 83),
        (durations.of_fitting(16, 6855), 10),
        # 6,855 cells, three seeds.
        (durations.of_examining(3, 6855), 8),
        (durations.of_final_model(6855), 33),
        (durations.of_embedding(6855), 51),
    ],
)  # fmt: skip
def test_estimates_are_within_a_factor_of_two_of_what_was_measured(estimate, measured):
    assert measured / 2 < estimate < 2 * measured


def test_sizes_of_files_are_added(tmp_path):
    for name, size in (("a", 1_500_000), ("b", 500_000)):
        (tmp_path / name).write_bytes(bytes(size))
    assert durations.megabytes(tmp_path / "a") == 1.5
    assert durations.megabytes([tmp_path / "a", str(tmp_path / "b")]) == 2
    assert durations.megabytes(str(tmp_path)) == 2
    assert durations.megabytes(tmp_path / "absent") == 0


def test_things_are_counted_in_words():
    assert durations.counted(1, "model") == "1 model"
    assert durations.counted(2000, "cell") == "2,000 cells"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda file: file.stem)
def test_every_job_says_what_comes(script):
    assert re.search(r"durations\.announce\(", script.read_text())
