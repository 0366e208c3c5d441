"""What `make check` tells a person."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from cell_files import counts, write_h5mu, write_pair
from places import REPOSITORY

from sharedim import cli


@pytest.fixture
def run(monkeypatch, capsys):
    def run(*files, config=()):
        arguments = [
            *map(str, files),
            "--schema", str(REPOSITORY / "workflow/schemas/config.schema.yaml"),
            "--configfile", str(REPOSITORY / "config/config.yaml"),
            "--config", *config,
        ]  # fmt: skip
        monkeypatch.setattr(sys, "argv", ["cli", *arguments])
        cli.main()
        return capsys.readouterr().out

    return run


def test_everything_a_person_asks_for_is_told(run, small_file):
    text = run(small_file)
    for line in (
        f"file        {small_file}",
        "modality    prot: 600 cells x 10 features; matrices X",
        "modality    rna: 600 cells x 150 features; matrices X",
        "columns     celltype.l1, celltype.l2",
        "pairs       600 cells are used, which have both RNA and protein",
        "proteins    10: protein00, protein01,",
        "labels      celltype.l1: 4 types (type",
        "batches     none named or recognised",
        "a seed      196 cells train, 156 estimate the norm, 248 are held out (drawn by each seed)",
        "warning     Only 150 genes:",
        "would run   tuned, cca and permuted at d = 1, 2, 3, 4, 5, 6, 8, 12 with 5 seeds: 120 models in 24",
    ):
        assert line in text
    assert max(map(len, text.splitlines())) <= 100 + len(str(small_file))


def test_options_are_taken_as_a_run_takes_them(run, small_file):
    text = run(
        small_file,
        config=("dims=[2,4]", "seeds=3", "recipes=cca", "fit_features_on=without_test_cells"),
    )
    assert "cca at d = 2, 4 with 3 seeds: 6 models in 2 jobs" in text
    assert "248 are held out (the same for every seed)" in text
    # Wherever lines are broken.
    assert "fit_features_on without_test_cells" in " ".join(text.split())


def test_a_pair_of_files(run, tmp_path, small_cells):
    obs = small_cells.obs[["celltype.l1"]]
    text = run(*write_pair(tmp_path, small_cells["rna"], small_cells["prot"], obs))
    assert f"file        {tmp_path / 'rna.h5ad'} and" in text
    assert "results/rna/report.html" in text


def test_a_pair_of_features(run, tmp_path):
    values = np.random.default_rng(0).normal(size=(600, 5))
    paths = tmp_path / "image.npy", tmp_path / "text.npy"
    for path in paths:
        np.save(path, values)
    text = run(*paths, config=("test_pairs=100", "feature_noise=[0,0.1]"))
    for line in (
        "modality    image: 600 cells x 5 features; matrices X",
        "pairs       600 pairs are used; where cells have RNA, they have image, and where cells have",
        "a seed      278 cells train, 222 estimate the norm, 100 are held out (the same for every seed)",
        "results/image/report.html",
    ):
        assert line in text


def test_what_can_be_seen_is_told_before_the_reason_for_refusing(run, tmp_path, capsys):
    few = counts(300, 250, "g"), counts(300, 8, "p")
    path = write_h5mu(tmp_path, *few, few[0].obs)
    with pytest.raises(SystemExit) as refused:
        run(path)
    assert "only 300 cells have both RNA and protein" in str(refused.value)
    assert "modality    rna: 300 cells x 250 features" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ("seeds", "error: seeds: options must be given as key=value"),
        (
            "labels=[a",
            r"error: options must be given as key=value, lists as \[a,b\]: while parsing",
        ),
        ("seeds=0", "error: configuration: seeds: 0 is less than the minimum of 1"),
    ],
)
def test_options_that_cannot_be_right(run, small_file, config, sentence):
    with pytest.raises(SystemExit, match=sentence):
        run(small_file, config=(config,))
