"""Proteins denoised against empty droplets, on simulated counts whose ambient share is known."""

from __future__ import annotations

import mudata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from cell_files import joined
from droplet_files import (
    CELLS,
    NAMES,
    PROTEINS,
    modalities_of,
    simulated_counts,
    write_run,
)
from scipy import sparse

from sharedim.configuration import datasets_of
from sharedim.errors import InputError
from sharedim.io.paired import read_paired_cells
from sharedim.io.unpaired import read_cells
from sharedim.preprocessing.protein_transforms import transform_proteins

DENOISED = {"protein_transform": "dsb_from_droplets"}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("droplets"))


@pytest.fixture(scope="module")
def read(files):
    cells, droplets = files
    return read_paired_cells(cells, **DENOISED, empty_droplets=str(droplets))


def agreement(values, level, proteins):
    """Mean over proteins of the correlation with the true level, where it varies."""
    truth = np.log1p(level[:, [NAMES.index(name) for name in proteins]])
    varies = np.flatnonzero(truth.std(axis=0) > 0)
    assert len(varies) > 10
    return np.mean([np.corrcoef(values[:, i], truth[:, i])[0, 1] for i in varies])


def test_it_is_nearer_to_the_true_level_than_clr(read):
    level, counts, _ = simulated_counts()
    proteins = list(read.prot.var_names)
    columns = [NAMES.index(name) for name in proteins]
    found = agreement(read.prot.X, level, proteins)
    for direction in ("clr_per_cell", "clr_per_protein"):
        clr = transform_proteins(counts[:, columns], direction)
        assert found > agreement(clr, level, proteins) + 0.02


def test_isotype_controls_denoise_and_are_left_out(read):
    assert list(read.prot.var_names) == NAMES[:-2]
    assert "Isotype controls are left out: Mouse-IgG1, Rat-IgG2b." in read.notes


def test_barcodes_that_are_no_droplets_are_removed(read, files):
    [sentence] = [note for note in read.notes if note.startswith("Proteins are denoised")]
    assert "against 600 empty droplets" in sentence
    assert "that are no cell and have 32 protein counts or more" in sentence
    cells, droplets = files
    more = read_paired_cells(
        cells, **DENOISED, empty_droplets=str(droplets), empty_droplet_counts=1, denoise=False
    )
    assert not any("against 600 empty droplets" in note for note in more.notes)


def test_values_repeat_and_are_the_same_wherever_the_file_is_read(read, files):
    cells, droplets = files
    again = read_cells(cells, **DENOISED, empty_droplets=str(droplets))
    assert list(again.prot.var_names) == NAMES
    np.testing.assert_array_equal(again.prot[:, read.prot.var_names].X, read.prot.X)


def test_without_empty_droplets_it_is_refused(files):
    with pytest.raises(InputError, match="needs the empty droplets; name the raw matrix"):
        read_paired_cells(files[0], **DENOISED)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (DENOISED, "protein_transform=dsb_from_droplets needs the empty droplets; name the raw"),
        ({"empty_droplets": "raw.h5"}, "empty_droplets is for protein_transform=dsb_from_droplets"),
        (
            {**DENOISED, "empty_droplets": "raw.h5", "fit_features_on": "without_test_cells"},
            "cannot be fitted without the test cells",
        ),
        (
            {**DENOISED, "empty_droplets": "absent.h5"},
            "absent.h5: no such file; give the path of the",
        ),
    ],
)
def test_the_configuration_refuses_what_does_not_go_together(options, sentence, tmp_path):
    (tmp_path / "raw.h5").touch()
    (tmp_path / "cells.h5mu").touch()
    with pytest.raises(InputError, match=sentence):
        datasets_of({"h5mu": "cells.h5mu", **options}, tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("change", "smallest", "sentence"),
    [
        (lambda rna, raw: (rna, raw[:, 3:].copy()), 32, "3 of the 22 proteins of .* are missing"),
        (
            lambda rna, raw: (rna[CELLS:].copy(), raw[CELLS:].copy()),
            32,
            "only 0 of the 600 cells of .* are among its barcodes",
        ),
        (
            lambda rna, raw: (rna[:CELLS].copy(), raw[:CELLS].copy()),
            32,
            "only 0 barcodes that are no",
        ),
        (lambda rna, raw: (rna, raw), 100_000, "set empty_droplet_counts lower"),
        (
            lambda rna, raw: (
                rna,
                AnnData(raw.X.multiply(np.arange(PROTEINS) > 0).tocsr(), raw.obs, raw.var),
            ),
            32,
            "p0 has the same count in all",
        ),
    ],
    ids=["proteins missing", "another run", "no droplets", "no counts", "constant protein"],
)
def test_a_raw_matrix_that_does_not_fit_is_refused(files, change, smallest, sentence, tmp_path):
    *_, raw_rna, raw = modalities_of(*simulated_counts()[1:])
    raw_rna, raw = change(raw_rna, raw)
    raw.X = sparse.csr_matrix(raw.X)
    joined(raw_rna, raw, pd.DataFrame(index=raw.obs_names)).write_h5ad(tmp_path / "raw.h5ad")
    with pytest.raises(InputError, match=sentence):
        read_paired_cells(
            files[0],
            **DENOISED,
            empty_droplets=str(tmp_path / "raw.h5ad"),
            empty_droplet_counts=smallest,
        )


def test_a_raw_matrix_without_proteins_is_refused(files, tmp_path):
    rna = AnnData(sparse.csr_matrix(np.ones((5, 3), dtype=np.float32)))
    mudata.MuData({"rna": rna}).write_h5mu(tmp_path / "raw.h5mu")
    with pytest.raises(InputError, match=r"no protein modality recognised among .*empty_droplets"):
        read_paired_cells(files[0], **DENOISED, empty_droplets=str(tmp_path / "raw.h5mu"))
