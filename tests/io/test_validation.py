"""Every way in which cells can be wrong: one sentence, and nothing is written."""

from __future__ import annotations

import json
import logging
import os
import re
import runpy
import subprocess
import sys
from types import SimpleNamespace

import anndata
import numpy as np
import pytest
import yaml
from cell_files import counts, write_h5ad
from places import REPOSITORY, shared_file
from spoilt_cells import (
    Cells,
    bad_10x_h5,
    columns,
    compressed,
    cut,
    damaged,
    duplicated_names,
    empty_hdf5,
    folder_without_matrix,
    genes_alone,
    h5ad_of_an_old_kind,
    matrix_file,
    matrix_of_another_size,
    modalities,
    named_proteins,
    nameless_batches,
    nameless_proteins,
    normalised_in_a_layer,
    one_batch,
    one_value,
    other_endings,
    other_hdf5,
    pair_of_other_things,
    r_data_of_another_kind,
    renamed_h5ad,
    repeated_genes,
    rows,
    seurat_5,
    seurat_without_counts,
    small_batch,
    small_types,
    swapped,
    swapped_pair,
    ten_x,
    text_file,
    truncated,
    two_columns,
    unknown_types,
    whole_and_proteins,
    without_matrix,
)

from sharedim import configuration

SCHEMA = yaml.safe_load((REPOSITORY / "workflow/schemas/config.schema.yaml").read_text())
DEFAULTS = {k: v["default"] for k, v in SCHEMA["properties"].items() if "default" in v}


@pytest.fixture
def check(tmp_path):
    """Run the job that checks cells, as the workflow does; return its log and what it wrote."""
    logs, results = tmp_path / "logs", tmp_path / "results"
    logs.mkdir()

    def check(source, **options):
        typed = {**DEFAULTS, **configuration.coerce(options), "cells": source}
        [dataset] = configuration.datasets_of(typed, tmp_path, tmp_path).values()

        def chosen(names):
            return {name: dataset.get(name) for name in names}

        job = SimpleNamespace(
            wildcards=SimpleNamespace(dataset="cells"),
            input=SimpleNamespace(cells=source),
            output=SimpleNamespace(check=str(results / "check.json")),
            log=[str(logs / "check.log")],
            params=SimpleNamespace(
                reading=chosen(configuration.READING_OPTIONS),
                splitting=chosen(configuration.SPLITTING_OPTIONS),
                features=chosen(configuration.FEATURE_OPTIONS),
            ),
        )
        script = REPOSITORY / "workflow/scripts/check_cells.py"
        try:
            runpy.run_path(str(script), init_globals={"snakemake": job})
            code = 0
        except SystemExit as end:
            code = end.code
        written = sorted(results.rglob("*")) if results.exists() else []
        return code, (logs / "check.log").read_text(), written

    yield check
    logging.captureWarnings(False)
    logging.basicConfig(force=True)


# Each way: how the file is written, what was configured, and the sentence, or most of it.
UNUSABLE = {
    "text instead of HDF5": (text_file, {}, "text.h5mu: not an HDF5 file; needed is a .h5mu file"),
    "truncated": (truncated, {}, "the HDF5 file is cut short, as by an interrupted copy or download"),
    "damaged inside": (damaged, {}, "packed.h5mu: 'mod/rna/X' is damaged or missing"),
    "a .h5ad given as .h5mu": (renamed_h5ad, {}, "a .h5ad file in which nothing tells proteins from genes: 'var' needs a column 'feature_types' with Antibody Capture or ADT in it (found there is none); or give a .h5mu file, or RNA and protein as a pair of .h5ad files"),
    "an old .h5ad": (h5ad_of_an_old_kind, {}, "'var' was written by an unsupported anndata version"),
    "genes alone in a .h5ad": (genes_alone, {}, "with Antibody Capture or ADT in it (found Gene Expression); or give"),
    "proteins without names": (nameless_proteins, {}, "(found there is none and obsm 'protein_expression' is no table with names)"),
    "compressed as a whole": (compressed, {}, "compressed as a whole; unpack it first, with gunzip"),
    "a pair the wrong way round": (swapped_pair, {}, "the RNA modality holds features of another kind (Antibody Capture); are the modalities or files the wrong way round?"),
    "one file of a matrix folder": (matrix_file, {}, "one file of a matrix folder; give the folder"),
    "another kind of HDF5": (other_hdf5, {}, "HDF5 of no known kind (found layers, row_attrs); needed is a .h5mu file"),
    "empty HDF5": (empty_hdf5, {}, "HDF5 of no known kind (found nothing)"),
    "a folder without a matrix": (folder_without_matrix, {}, "matrices: a folder with 0 files called matrix.mtx or matrix.mtx.gz; a 10x matrix folder has one"),
    "a folder of Cell Ranger 2": (ten_x(lambda f: (f / "features.tsv").rename(f / "genes.tsv")), {}, "a matrix folder of Cell Ranger 2, which holds genes alone (genes.tsv)"),
    "a folder without barcodes": (ten_x(lambda f: (f / "barcodes.tsv").unlink()), {}, "no barcodes.tsv or barcodes.tsv.gz beside the matrix"),
    "a folder of two runs": (ten_x(cut("barcodes.tsv", 599)), {}, "258 features and 600 cells, but features.tsv names 258 and barcodes.tsv 599; all three must be of one run"),
    "features without types": (ten_x(two_columns), {}, "features.tsv has 2 columns; the third holds the type of each feature, Gene Expression or Antibody Capture"),
    "a cut matrix": (ten_x(cut("matrix.mtx", 500)), {}, "matrix.mtx: cannot be read as a Matrix Market file"),
    "a 10x .h5 file with parts missing": (bad_10x_h5, {}, "bad.h5: cannot be read as a 10x .h5 file"),
    "a pair with something else": (pair_of_other_things, {}, "cells.h5mu: not a .h5ad file; a pair is two .h5ad files, RNA's first"),
    "a Seurat object of version 5": (seurat_5, {}, "assay 'RNA' is a Seurat v5 assay (class 'Assay5'); convert every such assay in R with Seurat 5"),
    "a Seurat object without counts of protein": (seurat_without_counts, {}, "assay 'ADT' has no counts but only normalised data; raw counts are needed"),
    "R data without a Seurat object": (r_data_of_another_kind, {}, "table.rds: no Seurat object in it (found data.frame)"),
    "modality names not recognised": (modalities(first=counts(600, 250, "g"), second=counts(600, 8, "p")), {}, "no RNA modality recognised among the modalities found (first, second); both RNA and protein are needed, under their usual names or named with rna_modality="),
    "no protein": (modalities(rna=counts(600, 250, "g")), {}, "no protein modality recognised among the modalities found (rna)"),
    "two of a kind": (modalities(rna=counts(600, 250, "g"), adt=counts(600, 8, "p"), prot=counts(600, 9, "q")), {}, "more than one protein modality recognised among the modalities found (adt, prot, rna)"),
    "a modality that is not there": (Cells().h5mu, {"rna_modality": "gene"}, "no modality named 'gene' (rna_modality); found prot, rna"),
    "one modality for both": (Cells().h5mu, {"rna_modality": "prot"}, "modality 'prot' cannot be both RNA and protein"),
    "no genes": (Cells().reduced("rna", features=slice(0)).h5mu, {}, "only 0 genes; at least 3 are needed"),
    "zeros in place of RNA": (Cells().spoilt("rna", lambda v: 0 * v).h5mu, {}, "the RNA matrix holds zeros only; raw counts are needed"),
    "no matrix": (without_matrix, {}, "the RNA modality has no matrix X; raw counts are needed"),
    "a matrix of another size": (matrix_of_another_size, {}, "the RNA matrix X has 600 cells and 251 features where 600 and 250 are named"),
    "duplicated cell names": (duplicated_names, {}, "the RNA modality holds 1 duplicated cell names (such as 'cell0'); every cell needs a name of its own"),
    "unpaired": (Cells().reduced("prot", cells=slice(0, 0)).h5mu, {}, "no cell has both RNA and protein (600 cells with RNA, 0 with protein, no name in common)"),
    "names with other endings": (other_endings, {}, "no name in common; without endings such as -1, 600 names would agree"),
    "too few pairs": (Cells().reduced("prot", cells=slice(0, 300)).h5mu, {}, "only 300 cells have both RNA and protein; at least 500 are needed to train and to hold cells out"),
    "negative values": (Cells().spoilt("rna", one_value(-3)).h5mu, {}, "the RNA matrix holds negative values (such as -3), so it was scaled or denoised; raw counts are needed"),
    "normalised values": (normalised_in_a_layer, {}, "so it was normalised; raw counts are needed, in X, in a layer named 'counts' or in one named with counts_layer= (taken from X, found X, lognorm)"),
    "NaN": (Cells().spoilt("rna", one_value(np.nan)).h5mu, {}, "the RNA matrix holds NaN or infinite values"),
    "infinite proteins": (Cells().spoilt("prot", one_value(np.inf)).h5mu, {}, "the protein matrix holds NaN or infinite values"),
    "proteins transformed already": (Cells().spoilt("prot", lambda v: v - 2.5).h5mu, {}, "the protein matrix holds negative values (such as -2.5), so it was scaled or denoised; raw counts are needed"),
    "and what to say then": (Cells().spoilt("prot", np.log1p).h5mu, {}, "for values transformed already say protein_transform=dsb or none"),
    "counts that are called dsb": (Cells().h5mu, {"protein_transform": "dsb"}, "the protein matrix X holds whole numbers only, as raw counts do, but protein_transform says that it was transformed already; use clr_per_cell for counts"),
    "NaN in dsb values": (Cells().spoilt("prot", one_value(np.nan)).h5mu, {"protein_transform": "dsb"}, "the protein matrix holds NaN or infinite values"),
    "fewer than 3 proteins": (Cells().reduced("prot", features=slice(2)).h5mu, {}, "only 2 proteins; at least 3 are needed"),
    "fewer than 3 usable proteins": (Cells().spoilt("prot", columns(slice(6), 0)).h5mu, {}, "only 2 proteins of 8 can be used (the others are constant or isotype controls); at least 3 are needed"),
    "too few cells with counts": (Cells().spoilt("prot", rows(slice(200), 0)).h5mu, {}, "only 400 cells have both RNA and protein"),
    "a layer that is not there": (Cells().h5mu, {"counts_layer": "raw"}, "no layer named 'raw' (counts_layer); found X"),
    "a label column that is not there": (Cells().h5mu, {"labels": ["typo"]}, "no label column named 'typo'; found cell_type, batch"),
    "labels of one type": (Cells().h5mu, {"labels": ["one"]}, "no label column named 'one'"),
    "a batch column that is not there": (Cells().h5mu, {"batch": "typo"}, "no batch column named 'typo'; found cell_type, batch"),
    "one batch to correct for": (one_batch, {"harmony": True}, "harmony needs at least two batches, and there is only one (only); name a column with batch="),
    "one batch to rank genes within": (one_batch, {"variable_genes_by_batch": True}, "variable_genes_by_batch needs at least two batches, and there is only one (only)"),
    "one batch to hold out": (one_batch, {"hold_out": "batches"}, "hold_out=batches needs at least two batches, and there is only one (only); name a column with hold_out_column="),
    "a batch too small to rank genes in": (small_batch, {"variable_genes_by_batch": True}, "variable_genes_by_batch needs at least 50 cells in each batch, and 'y' has 8; leave it off, or leave these cells out"),
    "labels called like a column of ours": (Cells().h5mu, {"labels": ["batch"]}, "a label column cannot be called 'batch', which the table of cells has for itself"),
    "a batch to hold out that is not there": (Cells().h5mu, {"hold_out": "batches", "test_batches": "z"}, "test_batches: no batch is called 'z'; found x, y"),
    "every batch held out": (Cells().h5mu, {"hold_out": "batches", "test_batches": ["x", "y"]}, "test_batches: no batch is left to train on; found x, y"),
    "a hold-out column that is not there": (Cells().h5mu, {"hold_out": "batches", "hold_out_column": "donor"}, "no hold-out column named 'donor'; found cell_type, batch"),
}  # fmt: skip


@pytest.mark.parametrize("way", UNUSABLE)
def test_unusable_cells_are_refused_and_nothing_is_written(check, tmp_path, way):
    write, options, sentence = UNUSABLE[way]
    source = write(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    code, log, written = check(source, **options)
    assert code == 1
    [line] = [line for line in log.splitlines() if "error:" in line]
    assert sentence in line, line
    assert "Traceback" not in log
    assert not written
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    del after[tmp_path / "logs" / "check.log"]
    assert after == before


def test_more_than_25_ways_are_known():
    assert len(UNUSABLE) > 40


def test_labels_of_one_known_type(check, tmp_path):
    cells = Cells()
    cells.obs["mine"] = ["A", "unknown"] * 300
    code, log, written = check(cells.h5mu(tmp_path), labels=["mine"])
    assert (code, written) == (1, [])
    assert "label column 'mine' holds 1 known types; at least 2 are needed" in log


def test_a_file_without_permission(check, tmp_path, monkeypatch):
    path = Cells().h5mu(tmp_path)
    # The superuser, who may run this test, can read everything.
    monkeypatch.setattr(os, "access", lambda *_: False)
    code, log, written = check(path)
    assert (code, written) == (1, [])
    assert "cells.h5mu: not readable with your permissions; allow reading it" in log


def test_too_few_left_to_train_on(check, tmp_path):
    cells = Cells()
    cells.obs["batch"] = ["x"] * 500 + ["y"] * 100
    path = cells.h5mu(tmp_path)
    code, log, written = check(path, hold_out="batches", test_batches="x")
    assert (code, written) == (1, [])
    assert "500 cells would be held out and 100 left to train on; at least 50 and 250" in log


def test_real_cells_without_rna(check):
    path = shared_file("data/bmcite_lane_a_adt_only.h5mu")
    code, log, written = check(str(path))
    assert (code, written) == (1, [])
    assert "no RNA modality recognised among the modalities found (prot)" in log


# Cells that can be used, and what is said of them.
ODD = {
    "partly paired": (Cells().reduced("prot", cells=slice(0, 550)).h5mu, {}, "550 cells have both modalities (600 have RNA, 550 protein); only these are used, 50 are left out."),
    "cells without RNA": (Cells().spoilt("rna", rows([3, 5], 0)).h5mu, {}, "2 cells are left out, which have no RNA counts."),
    "a cell without protein": (Cells().spoilt("prot", rows([3], 0)).h5mu, {}, "1 cell is left out, which has no protein counts."),
    "constant proteins": (Cells().spoilt("prot", columns([0, 4], 1)).h5mu, {}, "Proteins with the same value in every cell are left out: p0, p4."),
    "isotype controls": (named_proteins("Mouse-IgG1", "IgG2a_control_TotalSeqB", "IgG1.K.Isotype.Control"), {}, "Isotype controls are left out: Mouse-IgG1, IgG2a_control_TotalSeqB, IgG1.K.Isotype.Control."),
    "proteins called like genes": (named_proteins("g1", "g7"), {}, "2 proteins are called like a gene (g1, g7); they stay in their own modality."),
    "repeated genes": (repeated_genes, {}, "Gene names that repeat are told apart by a number: same."),
    "modalities the wrong way round": (swapped, {}, "There are more proteins (250) than genes (8); if the modalities are the wrong way round, name them with rna_modality and protein_modality, or give RNA's file first."),
    "few genes": (Cells().reduced("rna", features=slice(100)).h5mu, {}, "Only 100 genes: a whole transcriptome is wanted"),
    "labels missing for some cells": (unknown_types, {}, "cell_type: 200 of 600 cells are of no known type; they take part in matching but not in label transfer."),
    "types with few cells": (small_types, {}, "cell_type: types with fewer than 10 cells, for which label transfer says little: rare (4)."),
    "proteins among the genes": (whole_and_proteins, {}, "8 features of another kind (Antibody Capture) are left out of the RNA modality."),
    "empty droplets": (Cells().spoilt("rna", columns(slice(5, 250), 0)).h5mu, {}, "600 cells have fewer than 50 RNA counts, as empty droplets do; give the filtered matrix."),
    "hashtags": (named_proteins("Hashtag_1_TotalSeqC", "HTO2"), {}, "2 proteins are named like hashtags (Hashtag_1_TotalSeqC, HTO2); a pattern in isotype_controls"),
    "cells without a batch": (nameless_batches, {}, "200 of 600 cells name no batch; together they count as one, 'not named'."),
    "few cells": (Cells().h5mu, {}, "Only 196 cells are left for training; contrastive training as published was made for 10,000"),
}  # fmt: skip


@pytest.mark.parametrize("way", ODD)
def test_odd_cells_are_used_and_it_is_said_what_is_odd(check, tmp_path, way):
    write, options, sentence = ODD[way]
    code, log, [written] = check(write(tmp_path), **options)
    assert code == 0, log
    warnings = json.loads(written.read_text())["warnings"]
    assert any(warning.startswith(sentence) for warning in warnings), warnings
    assert sentence in log


def test_real_cells_partly_paired(check):
    path = shared_file("data/pbmc_hao2021_midas_mosaic.h5mu")
    code, _, [written] = check(str(path))
    found = json.loads(written.read_text())
    assert code == 0
    assert found["paired_cells"] == 800
    assert found["warnings"][0] == (
        "800 cells have both modalities (1,200 have RNA, 1,200 protein); only these are used, 800 "
        "are left out."
    )


def test_cells_of_no_fault_have_no_warning_but_of_their_number(check, tmp_path):
    _, _, [written] = check(Cells().h5mu(tmp_path))
    [warning] = json.loads(written.read_text())["warnings"]
    assert warning.startswith("Only 196 cells are left for training")


@pytest.mark.parametrize(
    ("name", "control"),
    [
        ("Isotype_RTK4530", True), ("MouseIgG1kappaisotype", True), ("Rat-IgG2b", True),
        ("IgG2a", True), ("IgG1_control_TotalSeqB", True), ("Armenian Hamster IgG Isotype", True),
        ("Hamster-IgG", True), ("adt_Rat-IgG1", True), ("anti_Rat_IgG2b", True), ("adt_IgG2a", True), ("IgG1k", True), ("mIgG1", True), ("CD64-FcgRI", False), ("CD32-FcgRIIa", False), ("rat.igg1", True), ("IgD", False), ("IgM", False), ("IgG", False),
        ("FceRI", False), ("CD16", False), ("IgA", False), ("Ig light chain kappa", False),
    ],
)  # fmt: skip
def test_isotype_controls_by_name(name, control):
    assert bool(re.search(DEFAULTS["isotype_controls"], name)) == control


def test_isotype_controls_can_be_kept(check, tmp_path):
    path = named_proteins("Mouse-IgG1")(tmp_path)
    _, _, [written] = check(path, isotype_controls=None)
    assert json.loads(written.read_text())["proteins"] == 8
    _, _, [written] = check(path, isotype_controls="^p[12]$")
    assert json.loads(written.read_text())["proteins"] == 6


def test_a_layer_named_by_a_person(check, tmp_path):
    cells = Cells()
    cells.rna.layers["raw"] = cells.rna.X.copy()
    cells.rna.X = np.log1p(cells.rna.X)
    assert check(cells.h5mu(tmp_path), counts_layer="raw")[0] == 0


def test_old_index_columns_and_a_dense_protein_matrix(check, tmp_path):
    cells = Cells()
    cells.prot.X = cells.prot.X.toarray()
    cells.obs.index.name = "barcode"
    path = write_h5ad(tmp_path, cells.rna, cells.prot, cells.obs)
    assert anndata.read_h5ad(path).obs.index.name == "barcode"
    assert check(path)[0] == 0


def test_a_file_that_is_open_for_writing(check, tmp_path):
    path = Cells().h5mu(tmp_path)
    holding = "import h5py, sys; file = h5py.File(sys.argv[1], 'r+'); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", holding, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        other.stdout.readline()
        code, log, written = check(path)
        other.communicate(b"\n")
    assert (code, written) == (1, [])
    assert "as while another program writes it; close it there and try again" in log


def test_held_out_batches_are_named(check, tmp_path):
    cells = Cells()
    cells.obs["donor"] = ["one", "two", "three"] * 200
    path = cells.h5mu(tmp_path)
    options = {"hold_out": "batches", "hold_out_column": "donor", "test_batches": "two"}
    _, _, [written] = check(path, **options)
    found = json.loads(written.read_text())
    assert found["test_cells"] == "the same for every seed, all of donor: two"
    assert found["split"]["test"] == 200
