"""Small results with every table that pictures and reports read, of a dataset that never was."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd

from sharedim.evaluation.label_transfer import type_table
from sharedim.evaluation.recommendation import answer_of
from sharedim.evaluation.saturation import saturation_table
from sharedim.jobs.files import write_json
from sharedim.jobs.provenance import of_dataset, of_job
from sharedim.jobs.tables import (
    CONFUSION_COLUMNS,
    SCORE_COLUMNS,
    TYPE_DIMENSION_COLUMNS,
    write_table,
)
from sharedim.report.page import Records
from sharedim.report.results import METHODS, Results
from sharedim.vocabulary import FOR_CELLS, words_of

LABELS = ["celltype.l1", "celltype.l2"]
TYPES = {"celltype.l1": ["A", "B"], "celltype.l2": ["a", "b", "<c>"]}
DIMS, SEEDS, CELLS = [1, 2, 4], 3, 60
SPLIT = {"train": 978, "normaliser": 782, "test": 1240}
SIMILARITY_COLUMNS = ["pair", "low", "high", "share"]
PREDICTION_COLUMNS = ["protein", "method", "seed", "correlation", "coverage"]
WAYS = ("rna_to_prot", "prot_to_rna")


def made_up_scores(labels=LABELS, recipes=("paper", "cca"), seeds=SEEDS) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    metrics = {f"match_top0.5pct_{way}": 0.005 for way in WAYS} | {"infonce_nats": 0.0}
    metrics |= {f"label_{label}_{way}": 0.3 for label in labels for way in WAYS}
    metrics |= {
        f"id_{name}_{side}": np.nan for name in ("mle", "twonn") for side in ("rna", "prot")
    }
    rows = [
        (
            "cells",
            recipe,
            dim,
            seed,
            split,
            metric,
            dim * 0.1 + 0.03 * (recipe == recipes[0]) + rng.normal(scale=0.01),
            chance,
        )
        for recipe in recipes
        for dim in DIMS
        for seed in range(seeds)
        for split in ("train", "test")
        for metric, chance in metrics.items()
    ]
    return pd.DataFrame(rows, columns=["dataset", *SCORE_COLUMNS])


def made_up_history(recipes=("paper",)) -> pd.DataFrame:
    rows = [
        {
            "dataset": "cells", "recipe": recipe, "dim": dim, "seed": seed, "epoch": epoch,
            "loss": 5 - epoch / dim, "held_out_loss": 5.2 - epoch / dim,
            "temperature": 1 - epoch / 10, "alignment": 0.5, "norm_mean_rna": 3.0 + epoch,
            "norm_mean_prot": 2.0, "chance_loss": 5.5, "id_rna": np.nan, "id_prot": np.nan,
        }
        for recipe in recipes
        for dim in DIMS
        for seed in range(SEEDS)
        for epoch in (1, 2, 3)
    ]  # fmt: skip
    if rows:
        return pd.DataFrame(rows)
    return made_up_history().iloc[:0]


def made_up_confusions(labels=LABELS, recipes=("paper", "cca")) -> pd.DataFrame:
    rows = [
        (recipe, dim, column, way, true, given, 8.0 if true == given else 1.0 + (given == "a"))
        for recipe in recipes
        for dim in DIMS
        for column in labels
        for way in WAYS
        for true in TYPES[column]
        for given in TYPES[column]
    ]
    table = pd.DataFrame(rows, columns=CONFUSION_COLUMNS)
    table.insert(0, "dataset", "cells")
    return table


def made_up_type_dimensions(labels=LABELS) -> pd.DataFrame:
    rows = [
        ("paper", dim, seed, column, name, 20, modality, "mle", 0.8 * dim + 0.1 * seed, "ok")
        for column in labels[:1]
        for dim in DIMS
        for seed in range(SEEDS)
        for name in TYPES[column]
        for modality in ("rna", "prot")
    ]
    return pd.DataFrame(rows, columns=TYPE_DIMENSION_COLUMNS)


def made_up_similarities() -> pd.DataFrame:
    edges = [-1.0, 0.0, 0.5, 1.0]
    shares = {"true": [0.2, 0.0, 0.8], "false": [0.6, 0.3, 0.1]}
    rows = [
        (pair, *bin_and_share)
        for pair, own in shares.items()
        for bin_and_share in zip(edges, edges[1:], own, strict=False)
    ]
    return pd.DataFrame(rows, columns=SIMILARITY_COLUMNS)


def made_up_prediction(proteins=3) -> pd.DataFrame:
    rows = [
        (f"CD{i}", method, seed, 0.9 - 0.8 * i / proteins - 0.05 * j + 0.01 * seed,
         0.88 if method == "sharedim" else np.nan)
        for i in range(proteins)
        for j, method in enumerate(METHODS)
        for seed in range(2)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=PREDICTION_COLUMNS)


def made_up_embedding(labels=LABELS, cells=CELLS, batches=2) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    parts = []
    for modality in ("rna", "prot"):
        rank = rng.integers(1, cells + 1, cells).astype(float)
        # The last cell has one modality.
        rank[-1] = np.nan
        own = pd.DataFrame(
            {
                "cell": [f"cell{i}" for i in range(cells)],
                "modality": modality,
                "umap1": rng.normal(size=cells),
                "umap2": rng.normal(size=cells),
                "batch": [f"donor{i % batches}" for i in range(cells)] if batches else None,
                "part": ["train", "validation"] * (cells // 2),
                "match_rank": rank,
                "match_share": rank / cells,
                "confidence": rng.uniform(size=cells),
            }
        )
        own.loc[cells - 1, "part"] = "one modality"
        for label in labels:
            own[label] = [TYPES[label][i % len(TYPES[label])] for i in range(cells)]
            own.loc[0, label] = np.nan
        parts.append(own)
    return pd.concat(parts, ignore_index=True)


def made_up_check(labels=LABELS, truth=None, warnings=()) -> dict:
    return {
        "dataset": "<cells>",
        "file": "cells & more.h5mu",
        "kind": "cells",
        "modalities": {"rna": "RNA", "prot": "protein"},
        "summary": "3,000 paired cells",
        "paired_cells": 3000,
        "rna_cells": 3000,
        "prot_cells": 3100,
        "genes": 2000,
        "proteins": 25,
        "split": SPLIT,
        "labels": {
            label: {"types": dict.fromkeys(TYPES[label], 10), "unknown": 5} for label in labels
        },
        "test_cells": "drawn by each seed",
        "batches": {},
        "warnings": list(warnings),
        "truth": truth,
    }


@cache
def _saturation_of(packed: str) -> pd.DataFrame:
    return saturation_table(pd.read_json(StringIO(packed), orient="table"), SPLIT)


def saturation_of(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the saturation of scores, found once: resampling takes most of the time here."""
    packed = scores.to_json(orient="table", index=False, double_precision=15)
    return _saturation_of(packed).copy()


def written_and_read(results: Results, folder: Path) -> Results:
    """Return results as they come back from their files."""
    files = {}
    for field in fields(results):
        content = getattr(results, field.name)
        is_table = isinstance(content, pd.DataFrame)
        files[field.name] = folder / f"{field.name}.{'tsv.gz' if is_table else 'json'}"
        (write_table if is_table else write_json)(files[field.name], content)
    return Results.read(files)


def made_up_results(
    labels=LABELS, recipes=("paper", "cca"), seeds=SEEDS, truth=None, warnings=(), words=FOR_CELLS
) -> Results:
    scores = made_up_scores(labels, recipes, seeds)
    trained = [name for name in recipes if name not in ("cca", "pca")]
    answer = answer_of(
        "<cells>",
        scores,
        saturation_of(scores),
        contrastive=trained,
        directions=24,
        words=words,
    )
    return Results(
        answer=answer,
        check=made_up_check(labels, truth, warnings),
        scores=scores,
        history=made_up_history(trained),
        confusions=made_up_confusions(labels, recipes),
        type_dimensions=made_up_type_dimensions(labels),
        similarities=made_up_similarities(),
        prediction=made_up_prediction(),
        embedding=made_up_embedding(labels),
    )


def with_nothing_shared(results: Results) -> Results:
    """Return results as the workflow leaves them where no recipe is better than chance."""
    unknown = {"value": None, "low": None, "high": None, "status": "nothing_shared"}
    answer = results.answer | {
        "recommended_d": unknown,
        "k_hat": unknown,
        "recipe": None,
        "sentence": "Nothing shared was found in <cells>.",
    }
    return replace(
        results,
        answer=answer,
        similarities=results.similarities.iloc[:0],
        prediction=results.prediction.iloc[:0],
        embedding=results.embedding.iloc[:0],
    )


def made_up_features(first="image", second="text", **options) -> Results:
    """Return results of pairs of features with modalities of these names."""
    check = {
        "kind": "features",
        "modalities": {"rna": first, "prot": second},
        "file": "pairs.npz",
        "summary": f"3,000 pairs of {first} (2,000 features) and {second} (25 features)",
    }
    results = made_up_results(words=words_of(check["kind"], check["modalities"]), **options)
    prediction = results.prediction
    names = prediction["protein"].str.replace("CD", "column")
    return replace(
        results,
        check=results.check | check,
        prediction=prediction.assign(protein=names),
    )


def made_up_records(results: Results) -> Records:
    steps = {"components": 5, "features": ["a", "b"]}
    return Records(
        saturation=saturation_of(results.scores),
        types=type_table(results.confusions),
        preprocessing={
            modality: steps | {"steps": f"steps of {modality}"} for modality in ("rna", "prot")
        }
        | {
            "fitted_on": f"all {results.words.pairs}",
            "options": {"harmony": False, "protein_transform": "clr_per_cell"},
        },
        provenance=of_dataset(
            {"refine": False},
            [],
            [
                ({"recipe": {"name": name}, "seeds": [0, 4]}, of_job("a <device>", 90, "engine"))
                for name in results.recipes
            ],
        ),
    )
