"""What a finished run is good for: its products from Python as documented, and new cells through its model."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import mudata
import numpy as np
import pandas as pd
import pytest
from documents import blocks_of

DOCUMENTS = ("docs/api.md", "docs/embeddings.md")
RESULTS = "results/tiny"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_python_of_a_document_runs(undisturbed, document):
    """The blocks of a document, one after the other, on the results of a small run."""
    blocks = [block.text for block in blocks_of(document) if block.language == "python"]
    assert blocks
    program = "\n".join(blocks).replace("results/simulated", RESULTS)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=undisturbed.checkout.path,
        env=os.environ | {"MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_object_has_what_the_report_draws(undisturbed):
    results = undisturbed.checkout.path / RESULTS
    data = mudata.read_h5mu(results / "embeddings.h5mu")
    answer = json.loads((results / "answer.json").read_text())
    assert data.obsm["X_shared"].shape == (700, answer["recommended_d"]["value"])
    table = pd.read_csv(results / "embedding.tsv.gz", sep="\t")
    assert table["modality"].value_counts().to_dict() == {"rna": 700, "prot": 700}
    own = table[table["modality"] == "rna"]
    assert own["cell"].tolist() == list(data["rna"].obs_names)
    np.testing.assert_allclose(
        own[["umap1", "umap2"]], data["rna"].obsm["X_shared_umap"], rtol=1e-5
    )
    given = data.obs["shared_celltype.l1"].astype(str)
    right = (given == data.obs["celltype.l1"].astype(str)).mean()
    shares = data.obs["celltype.l1"].value_counts(normalize=True)
    assert right > (shares**2).sum() + 0.1


def test_protein_is_predicted_on_held_out_cells(undisturbed):
    table = pd.read_csv(undisturbed.checkout.path / RESULTS / "prediction.tsv", sep="\t")
    assert set(table["method"]) == {"sharedim", "ridge", "neighbours"}
    assert len(table) == 12 * 3 * 2
    assert table["correlation"].between(-1, 1).all()


def test_new_cells_of_one_modality_are_projected(undisturbed):
    """By a model alone; nothing of its dataset is run again."""
    checkout = undisturbed.checkout
    cells = mudata.read_h5mu(checkout.path / RESULTS / "simulated.h5mu")
    mudata.MuData({"rna": cells["rna"][:60].copy()}).write_h5mu(checkout.path / "only rna.h5mu")
    done = checkout.snakemake(
        "--cores", "2", "project",
        "--config", f"model={RESULTS}/model.safetensors", "new=only rna.h5mu",
    )  # fmt: skip
    assert done.code == 0, done.text
    assert done.jobs == {"project": 1, "project_cells": 1}
    folder = checkout.path / "results/projected/only_rna"
    new = mudata.read_h5mu(folder / "cells.h5mu")
    assert new["rna"].obsm["shared_prot_mean"].shape == (60, 12)
    trained = mudata.read_h5mu(checkout.path / RESULTS / "embeddings.h5mu")
    np.testing.assert_allclose(
        new["rna"].obsm["X_shared"], trained["rna"].obsm["X_shared"][:60], atol=1e-3
    )
    assert len(pd.read_csv(folder / "matches.tsv.gz", sep="\t")) == 60 * 5
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["missing_features"] == {"rna": []}


def test_cells_of_another_panel_end_the_job_with_one_sentence(undisturbed):
    checkout = undisturbed.checkout
    cells = mudata.read_h5mu(checkout.path / RESULTS / "simulated.h5mu")
    other = cells["prot"].copy()
    other.var_names = [f"other{number}" for number in range(other.n_vars)]
    mudata.MuData({"prot": other}).write_h5mu(checkout.path / "other.h5mu")
    done = checkout.snakemake(
        "--cores", "1", "project",
        "--config", f"model={RESULTS}/model.safetensors", "new=other.h5mu",
    )  # fmt: skip
    assert done.code != 0
    assert "12 of the 12 proteins that the model uses are missing" in done.text
    assert not (checkout.path / "results/projected/other/cells.h5mu").exists()


def test_a_projection_that_names_no_cells_is_refused(undisturbed):
    refused = undisturbed.checkout.snakemake("-n", "project")
    assert refused.code != 0
    assert "name the new cells with --config new=cells.h5mu" in refused.text
