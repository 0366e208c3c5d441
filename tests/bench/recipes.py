"""Compare recipes on held-out cells of real features: the tables of docs/recipes.md.

    python tests/bench/recipes.py results/<dataset>/features [more] [--ablations] [--paper]

Each recipe is compared with the strongest CCA, seed by seed: the mean of both directions of top-0.5 %
matching and of label transfer (finest level). Differences have the standard error of the splits.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from blocks import train_block

from sharedim.evaluation.representations import representations, similarity_of
from sharedim.evaluation.retrieval import TOP_SHARE, accuracy, confusion, search
from sharedim.jobs.checkpoints import ModelBlock
from sharedim.training.recipe_types import Recipe
from sharedim.training.recipes import CCA, PAPER, PCA, TUNED
from sharedim.training.similarity import comparable
from sharedim.training.splits import split_cells

DIMS = (2, 3, 4, 5, 7, 10, 13, 19, 28)
SEEDS = range(5)
WITHOUT_TRAINING = replace(
    TUNED, name="its start alone", steps=1, learning_rate=1e-12, dropout=0.0, input_noise=False
)
ABLATIONS = (
    WITHOUT_TRAINING,
    replace(TUNED, name="without input noise", input_noise=False),
    replace(TUNED, name="without dropout", dropout=0.0),
    replace(TUNED, name="linear", hidden_layers=0, linear_skip=False),
    replace(TUNED, name="without the start", start="random", input_noise=False),
    replace(TUNED, name="without early stopping", patience=None),
    replace(TUNED, name="without averaged weights", averaged_steps=None),
    replace(TUNED, name="inner product", similarity="inner_product"),
)


def held_out_scores(
    block: ModelBlock, model: int, rna: np.ndarray, prot: np.ndarray, types: np.ndarray
) -> tuple[float, float]:
    """Return matching and label transfer of one model, the mean of both directions."""
    f, g = (
        representations(block, model, name, cells) for name, cells in (("rna", rna), ("prot", prot))
    )
    f, g = comparable(f, g, similarity_of(block, model))
    scores = []
    for pair in ((f, g), (g, f)):
        found = search(*pair, [types])
        matching = found.ranks.share_within(TOP_SHARE)
        scores.append((matching, accuracy(confusion(found.votes[0], types[types >= 0]))))
    matching, label = np.mean(scores, axis=0)
    return float(matching), float(label)


def curve(
    recipe: Recipe, dims: tuple[int, ...], rna: np.ndarray, prot: np.ndarray, types: np.ndarray
) -> pd.DataFrame:
    """Return held-out scores of a recipe, one row a dimension and seed, with seconds a model."""
    rows = []
    for dim in dims:
        start = time.perf_counter()
        block = train_block(recipe, rna, prot, dim, list(SEEDS))
        seconds = (time.perf_counter() - start) / len(SEEDS)
        for model, seed in enumerate(SEEDS):
            test = split_cells(len(rna), seed).test
            scores = held_out_scores(block, model, rna[test], prot[test], types[test])
            rows.append((dim, seed, *scores, seconds))
    return pd.DataFrame(rows, columns=["dim", "seed", "matching", "label", "seconds"])


def paired(own: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Return means and paired differences at each dimension."""
    both = own.merge(other, on=["dim", "seed"], suffixes=("", "_other"))
    both["more_matching"] = both["matching"] - both["matching_other"]
    both["more_label"] = both["label"] - both["label_other"]
    groups = both.groupby("dim")
    columns = ["matching_other", "matching", "more_matching", "label_other", "label", "more_label"]
    table = groups[columns].mean()
    table["error"] = groups["more_matching"].sem()
    table["seconds"] = groups["seconds"].mean()
    return table


def summary(name: str, table: pd.DataFrame) -> str:
    """Return one line of a table of recipes."""
    return (
        f"| {name} | {table['matching'].mean():.4f} | {table['more_matching'].mean():+.4f} | "
        f"{(table['more_matching'] / table['error']).min():+.1f} | {table['label'].mean():.3f} | "
        f"{table['more_label'].mean():+.4f} | {table['more_label'].min():+.4f} | "
        f"{table['seconds'].mean():.1f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("features", type=Path, nargs="+")
    parser.add_argument("--ablations", action="store_true", help="each choice of tuned, left out")
    parser.add_argument("--paper", action="store_true", help="the paper's recipe at d = 13")
    parser.add_argument("--dims", type=int, nargs="+", default=DIMS)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    dims = tuple(arguments.dims)
    for folder in arguments.features:
        rna, prot = np.load(folder / "rna.npy"), np.load(folder / "prot.npy")
        cells = pd.read_csv(folder / "cells.tsv.gz", sep="\t", index_col=0, dtype=str)
        labels = cells.iloc[:, -1]
        labels = labels.mask(labels.str.lower().isin(["", "unknown"]))
        data = rna, prot, pd.factorize(labels)[0].astype(np.int64)
        print(f"\n{folder}: {rna.shape} and {prot.shape}, {len(SEEDS)} splits")
        cca = curve(CCA, dims, *data)
        table = paired(curve(TUNED, dims, *data), cca)
        print(table.round(4).to_string())
        print(
            "| recipe | matching | more than cca | least in SE | label | more | least | s a model |"
        )
        print(summary("tuned", table), flush=True)
        for recipe in (PCA, *(ABLATIONS if arguments.ablations else ())):
            print(summary(recipe.name, paired(curve(recipe, dims, *data), cca)), flush=True)
        if arguments.paper:
            at = [curve(recipe, (13,), *data) for recipe in (PAPER, TUNED)]
            print(pd.concat(at, keys=["paper", "tuned"], names=["recipe"]).groupby("recipe").mean())


if __name__ == "__main__":
    main()
