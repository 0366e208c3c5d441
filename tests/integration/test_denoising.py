"""Proteins denoised against empty droplets by the workflow, from the raw matrix to features."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from droplet_files import write_run

from sharedim.io.paired import read_paired_cells
from sharedim.jobs.files import read_json
from sharedim.preprocessing.options import FeatureOptions
from sharedim.preprocessing.pipeline import protein_features

OPTIONS = (
    "--config", "h5mu=cells.h5mu", "protein_transform=dsb_from_droplets",
    "empty_droplets=raw_feature_bc_matrix.h5", "recipes=[cca]", "dims=[1,2]",
)  # fmt: skip
FEATURES = "results/cells/features/prot.npy"


@pytest.fixture(scope="module")
def denoised(tmp_path_factory, checkout):
    # Paths count from where the command is typed.
    folder = tmp_path_factory.mktemp("denoised")
    shutil.copytree(checkout.path, folder, dirs_exist_ok=True)
    write_run(folder)
    done = checkout.snakemake("--cores", "1", FEATURES, *OPTIONS, cwd=folder)
    assert done.code == 0, done.text
    return folder


def test_features_are_those_of_the_denoised_proteins(denoised):
    cells = read_paired_cells(
        denoised / "cells.h5mu",
        protein_transform="dsb_from_droplets",
        empty_droplets=str(denoised / "raw_feature_bc_matrix.h5"),
    )
    options = FeatureOptions(protein_transform="dsb_from_droplets")
    expected = protein_features(cells.prot, options=options).components
    np.testing.assert_allclose(np.load(denoised / FEATURES), expected, atol=1e-5)
    check = read_json(denoised / "results/cells/check.json")
    assert any("against 600 empty droplets" in warning for warning in check["warnings"])


def test_a_changed_raw_matrix_is_noticed(denoised, checkout):
    assert checkout.snakemake("-n", FEATURES, *OPTIONS, cwd=denoised).jobs == {}
    with (denoised / "raw_feature_bc_matrix.h5").open("ab") as file:
        file.write(b"\0")
    planned = checkout.snakemake("-n", FEATURES, *OPTIONS, cwd=denoised).jobs
    assert {"check_cells", "preprocess_cells"} <= set(planned)
