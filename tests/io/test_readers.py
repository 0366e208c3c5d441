"""The same cells, whatever the format they come in."""

from __future__ import annotations

import anndata
import cell_files
import h5py
import numpy as np
import pandas as pd
import pytest
from cell_files import counts
from places import shared_file

from sharedim.errors import InputError
from sharedim.io.paired import as_mudata, pair_cells, read_paired_cells
from sharedim.io.readers import open_cells


@pytest.fixture(scope="module")
def cells():
    rna, prot = counts(600, 250, "g"), counts(600, 8, "p", seed=1)
    # A gene and a protein of one name, as CITE-seq has them.
    names = [*prot.var_names[:7], "g1"]
    prot.var_names = names
    obs = pd.DataFrame(
        {
            "cell_type": pd.Categorical(["A", "B", "unknown"] * 200),
            "donor": ["one", "two"] * 300,
        },
        index=rna.obs_names,
    )
    return rna, prot, obs


def assert_same_matrices(found, rna, prot):
    assert list(found.rna.obs_names) == list(found.prot.obs_names) == list(rna.obs_names)
    assert list(found.rna.var_names) == list(rna.var_names)
    assert list(found.prot.var_names) == list(prot.var_names)
    np.testing.assert_array_equal(found.rna.X.toarray(), rna.X.toarray())
    np.testing.assert_array_equal(found.prot.X.toarray(), prot.X.toarray())


@pytest.mark.parametrize("name", cell_files.WITH_COLUMNS)
def test_the_same_cells_and_columns(cells, tmp_path, name):
    rna, prot, obs = cells
    found = read_paired_cells(cell_files.WITH_COLUMNS[name](tmp_path, *cells))
    assert_same_matrices(found, rna, prot)
    expected = obs["cell_type"].astype(str).replace("unknown", np.nan)
    pd.testing.assert_series_equal(
        found.labels["cell_type"].astype(object), expected.astype(object), check_names=False
    )
    assert list(found.batch) == list(obs["donor"])


@pytest.mark.parametrize("name", cell_files.WITHOUT_COLUMNS)
def test_the_same_cells_without_columns(cells, tmp_path, name):
    rna, prot, _ = cells
    found = read_paired_cells(cell_files.WITHOUT_COLUMNS[name](tmp_path, *cells))
    assert_same_matrices(found, rna, prot)
    assert found.labels.shape == (600, 0)
    assert found.batch is None


@pytest.mark.parametrize("name", [*cell_files.WITH_COLUMNS, *cell_files.WITHOUT_COLUMNS])
def test_a_converted_file_holds_the_same(cells, tmp_path, name):
    write = (cell_files.WITH_COLUMNS | cell_files.WITHOUT_COLUMNS)[name]
    source = write(tmp_path, *cells)
    as_mudata(pair_cells(source)).write_h5mu(tmp_path / "converted.h5mu", compression="gzip")
    before, after = (read_paired_cells(path) for path in (source, tmp_path / "converted.h5mu"))
    assert_same_matrices(after, before.rna, before.prot)
    pd.testing.assert_frame_equal(after.labels, before.labels)
    if before.batch is None:
        assert after.batch is None
    else:
        assert list(after.batch) == list(before.batch)


def test_cells_of_nothing_but_one_type_of_feature(cells, tmp_path):
    rna, _, obs = cells
    path = cell_files.write_10x_h5(tmp_path, rna[:, :240].copy(), rna[:, 240:].copy(), obs)
    with h5py.File(path, "a") as file:
        file["matrix/features/feature_type"][:] = b"Gene Expression"
    with pytest.raises(
        InputError,
        match=r"no protein modality recognised among the modalities found \(Gene Expression\)",
    ):
        read_paired_cells(path)


def test_matrices_are_read_only_when_asked_for(cells, tmp_path):
    path = cell_files.write_h5mu(tmp_path, *cells)
    file = open_cells(path)
    assert set(file.modalities) == {"rna", "prot"}
    path.unlink()
    with pytest.raises(InputError, match="'mod/rna/X' is damaged or missing"):
        file.modalities["rna"].layers["X"]()


def test_repeated_names_in_a_10x_file_stay_apart(cells, tmp_path):
    rna, prot, obs = cells
    rna = rna.copy()
    rna.var_names = ["same"] * 2 + list(rna.var_names[2:])
    found = read_paired_cells(cell_files.write_10x_folder(tmp_path, rna, prot, obs))
    assert found.rna.var_names.is_unique
    np.testing.assert_array_equal(found.rna.X.toarray(), rna.X.toarray())
    assert any("Gene names that repeat" in note for note in found.notes)


def test_columns_are_kept_whichever_kind_of_feature_comes_first(cells, tmp_path):
    rna, prot, obs = cells
    data = cell_files.joined(rna, prot, obs)
    data.var.loc[data.var_names[:2], "feature_types"] = "Multiplexing Capture"
    data.write_h5ad(tmp_path / "cells.h5ad")
    found = read_paired_cells(tmp_path / "cells.h5ad")
    assert list(found.labels) == ["cell_type"]
    assert found.batch is not None
    assert found.rna.n_vars == 248


def test_proteins_in_obsm_beside_types_of_features(cells, tmp_path):
    rna, prot, _ = cells
    path = cell_files.write_totalvi_h5ad(tmp_path, *cells)
    data = anndata.read_h5ad(path)
    data.var["feature_types"] = "Gene Expression"
    data.write_h5ad(path)
    assert_same_matrices(read_paired_cells(path), rna, prot)


def test_one_file_given_as_both_of_a_pair(cells, tmp_path):
    path = cell_files.write_h5ad(tmp_path, *cells)
    found = read_paired_cells([path, path])
    assert_same_matrices(found, *cells[:2])
    assert len(found.notes) == 3


def test_counts_in_raw_can_be_named(cells, tmp_path):
    rna, prot, obs = cells
    rna = rna.copy()
    rna.raw = rna
    rna.X = np.log1p(rna.X)
    path = cell_files.write_h5mu(tmp_path, rna, prot, obs)
    found = read_paired_cells(path, counts_layer="raw")
    np.testing.assert_array_equal(found.rna.X.toarray(), cells[0].X.toarray())


@pytest.mark.parametrize("kind", [np.float16, np.uint16, np.int64, bool])
def test_counts_of_any_kind_of_number(cells, tmp_path, kind):
    rna, prot, obs = cells
    rna, expected = rna.copy(), rna.X.toarray().astype(kind)
    rna.X = expected
    found = read_paired_cells(cell_files.write_h5mu(tmp_path, rna, prot, obs))
    np.testing.assert_array_equal(found.rna.X.toarray(), expected.astype(float))


def test_a_quote_in_a_name_is_part_of_it(cells, tmp_path):
    rna, prot, obs = cells
    rna = rna.copy()
    rna.var_names = ['5"-gene', *rna.var_names[1:]]
    found = read_paired_cells(cell_files.write_10x_folder(tmp_path, rna, prot, obs))
    assert list(found.rna.var_names) == list(rna.var_names)


def test_a_seurat_object_holds_the_same_as_the_h5mu_file():
    seurat, h5mu = (
        read_paired_cells(shared_file(f"data/{name}"))
        for name in ("teaseq_seurat.rda", "teaseq_pbmc_matilda_train.h5mu")
    )
    for name in ("rna", "prot"):
        expected, found = getattr(h5mu, name), getattr(seurat, name)
        # Seurat turns underscores in feature names into dashes.
        assert [n.replace("_", "-") for n in expected.var_names] == list(found.var_names)
        assert list(found.obs_names) == list(expected.obs_names)
        assert (found.X != expected.X).nnz == 0
    [(_, expected)] = h5mu.labels.items()
    assert any(list(column) == list(expected) for _, column in seurat.labels.items())
