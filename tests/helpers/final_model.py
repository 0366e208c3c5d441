"""A small model to be used, made without the workflow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from sharedim.embedding.final_model import assemble, fit_final
from sharedim.io.paired import read_paired_cells
from sharedim.jobs.checkpoints import ModelBlock, block_header, write_block
from sharedim.preprocessing.pipeline import FeatureOptions, preprocess
from sharedim.training.recipe_types import Recipe, as_record
from sharedim.training.recipes import RECIPES

QUICK = replace(RECIPES["tuned"], steps=150)


def fitted_block(
    file: Path,
    *,
    recipe: Recipe = QUICK,
    dim: int = 4,
    options: FeatureOptions = FeatureOptions(),  # noqa: B008
) -> ModelBlock:
    cells = read_paired_cells(file, protein_transform=options.protein_transform)
    found = preprocess(cells.rna, cells.prot, options=options, batch=cells.batch)
    features = found["rna"].components, found["prot"].components
    [(_, tensors)] = list(fit_final(*features, recipe, dim)([0], None))
    header = block_header(as_record(recipe), dim, [0])
    return assemble(
        file.stem,
        ModelBlock({name: np.asarray(t)[None] for name, t in tensors.items()}, header),
        features=features,
        protein_values=found["prot"].transformed,
        projections={name: one.projection for name, one in found.items()},
        cells=cells.rna.obs_names,
        labels=cells.labels,
    )


def written_model(file: Path, path: Path, **options) -> Path:
    write_block(path, fitted_block(file, **options))
    return path
