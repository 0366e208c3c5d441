"""An experiment in miniature: its own configuration, few pairs, few steps, without Snakemake."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from places import REPOSITORY

from experiments.evidence import FILES, Evidence
from experiments.fine_tuning import classification
from experiments.training_times import training_times
from sharedim.configuration import coerce
from sharedim.datasets import simulated_options
from sharedim.datasets.simulated_pairs import simulate_pairs
from sharedim.evaluation.history_table import write_history
from sharedim.evaluation.recommendation import conclude
from sharedim.evaluation.scoring import score_block
from sharedim.jobs.checkpoints import block_header, complete_block, read_block, write_block
from sharedim.jobs.files import write_json
from sharedim.jobs.tables import read_table, write_table
from sharedim.training.baselines import fit_linear_seeds
from sharedim.training.loop import train_seeds
from sharedim.training.recipe_types import from_record
from sharedim.training.splits import split_cells
from sharedim.training.variants import recipes_of

PAIRS, TEST_PAIRS, SEEDS = 500, 150, 2
# What makes training last no longer than it takes to see that it runs.
SHORT = {"epochs": 4, "steps": 12, "batch_size": 64, "warmup_steps": 0}
# Tables that rules of their own make for these experiments.
TRAINED_TOO = {
    "two_stages": ("training_times", training_times),
    "digit_labels": ("fine_tuning", classification),
}


def tiny_evidence(
    name: str, folder: Path, dims: list[int], without: tuple[str, ...] = ()
) -> Evidence:
    """Return the evidence of an experiment at some d, without some datasets, trained for a moment."""
    configuration = yaml.safe_load((REPOSITORY / f"reproduction/config/{name}.yaml").read_text())
    config = coerce(configuration)
    files: dict[str, list[str]] = {kind: [] for kind in (*FILES, "models")}
    datasets = {key: own for key, own in config["datasets"].items() if key not in without}
    for dataset, own in datasets.items():
        for kind, paths in _analysed(folder / dataset, own, config, dims).items():
            files[kind] += paths
    if name in TRAINED_TOO:
        kind, trained = TRAINED_TOO[name]
        for dataset, own in Evidence.read(list(datasets), files).datasets.items():
            path = folder / dataset / f"{kind}.tsv"
            write_table(path, trained(own))
            files.setdefault(kind, []).append(str(path))
    return Evidence.read(list(datasets), files)


def _analysed(folder: Path, own: dict, config: dict, dims: list[int]) -> dict[str, list[str]]:
    """Simulate, train, score and conclude; return the files by kind."""
    given = own["pairs"]
    if "pairs" in simulated_options.DEFAULTS[given["kind"]]:
        # Different numbers of pairs stay in their order.
        given = given | {"pairs": PAIRS + given.get("pairs", 0) // 200}
    options = simulated_options.completed(folder.name, given)
    pairs = simulate_pairs(options)
    truth = None
    if pairs.shared_dimensions is not None:
        truth = {**options, "shared_dimensions": pairs.shared_dimensions}
    keep = slice(None, 600)
    first, second = pairs.first[keep], pairs.second[keep]
    labels = pd.DataFrame(
        {column: values[keep] for column, values in pairs.labels.items()}, index=range(len(first))
    )
    paths = {kind: folder / f"{kind}.npy" for kind in ("rna", "prot", "test_cells")}
    paths |= {kind: folder / f"{kind}.json" for kind in ("answer", "check")}
    paths |= {kind: folder / f"{kind}.tsv" for kind in ("scores", "saturation", "history", "cells")}
    folder.mkdir(parents=True)
    test_cells = np.arange(TEST_PAIRS)
    for kind, array in (("rna", first), ("prot", second), ("test_cells", test_cells)):
        np.save(paths[kind], array)
    write_table(paths["cells"], labels.assign(cell=np.arange(len(first))))
    blocks = _trained(folder, config, dims, paths, test_cells)
    scores = [score_block(read_block(path), first, second, labels, test_cells) for path in blocks]
    table = pd.concat([score.scores for score in scores], ignore_index=True)
    table.insert(0, "dataset", folder.name)
    split = {part: len(rows) for part, rows in vars(split_cells(len(first), 0, test_cells)).items()}
    check = {
        "kind": "features",
        "modalities": {"rna": "first", "prot": "second"},
        "split": split,
        "truth": truth,
        "labels": {column: {} for column in labels},
        "summary": f"{len(first)} pairs",
    }
    features = {side: {"components": a.shape[1]} for side, a in (("rna", first), ("prot", second))}
    contrastive = [n for n, record in recipes_of(config).items() if "method" not in record]
    saturation, answer = conclude(folder.name, table, check, features, contrastive)
    write_table(paths["scores"], table)
    write_table(paths["saturation"], saturation)
    for kind, record in (("check", check), ("answer", answer)):
        write_json(paths[kind], record)
    return {kind: [str(path)] for kind, path in paths.items()} | {"models": blocks}


def _trained(
    folder: Path, config: dict, dims: list[int], paths: dict[str, Path], test_cells: np.ndarray
) -> list[str]:
    """Train every recipe at every d for a moment; return the blocks, and leave their history."""
    blocks, histories = [], []
    rna, prot = (np.load(paths[side]) for side in ("rna", "prot"))
    seeds = list(range(SEEDS))
    for name, record in recipes_of(config).items():
        short = {key: value for key, value in SHORT.items() if record.get(key) is not None}
        recipe = from_record(record | short)
        fit = fit_linear_seeds if "method" in record else train_seeds
        every = {} if "method" in record else {"dimension_every": 2}
        for dim in dims:
            path = folder / "models" / name / f"dim{dim}" / "seeds0-1.safetensors"
            # What the experiment reads of a recipe is as configured.
            header = block_header(record, dim, seeds, paths["rna"])
            block = complete_block(
                folder / "checkpoints",
                header,
                "",
                lambda missing, _, fit=fit, recipe=recipe, dim=dim, every=every: fit(
                    rna, prot, recipe=recipe, dim=dim, seeds=missing, test_cells=test_cells, **every
                ),
            )
            write_block(path, block, {"device": "CPU"})
            blocks.append(str(path))
            if every:
                write_history(path.with_suffix(".tsv"), block)
                history = read_table(path.with_suffix(".tsv"))
                histories.append(history)
    table = pd.concat(histories) if histories else pd.DataFrame(columns=["recipe", "dim", "epoch"])
    write_table(paths["history"], table)
    return blocks
