"""Every cell of a file, whichever modality it has."""

from __future__ import annotations

import anndata
import cell_files
import mudata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from cell_files import counts
from places import shared_file
from scipy import sparse

from sharedim.errors import InputError
from sharedim.io.unpaired import read_cells, without_counts


@pytest.fixture(scope="module")
def cells():
    rna, prot = counts(60, 40, "g"), counts(60, 8, "p", seed=1)
    obs = pd.DataFrame(
        {"cell_type": ["A", "B", "C"] * 20, "donor": ["one", "two"] * 30}, index=rna.obs_names
    )
    return rna, prot, obs


def write_mosaic(folder, rna, prot, names=("rna", "prot")):
    with mudata.set_options(pull_on_update=False):
        data = mudata.MuData(dict(zip(names, (rna, prot), strict=True)))
    data.write_h5mu(folder / "mosaic.h5mu")
    return folder / "mosaic.h5mu"


def assert_holds(found: AnnData, expected: AnnData):
    """The same cells and features in any order of the cells, as CSR in single precision."""
    assert sparse.issparse(found.X)
    assert (found.X.format, found.X.dtype) == ("csr", np.float32)
    assert sorted(found.obs_names) == sorted(expected.obs_names)
    assert list(found.var_names) == list(expected.var_names)
    np.testing.assert_array_equal(
        found[expected.obs_names].X.toarray(), np.asarray(expected.X.todense())
    )


ALL = cell_files.WITH_COLUMNS | cell_files.WITHOUT_COLUMNS


@pytest.mark.parametrize("name", ALL)
def test_both_modalities_of_every_format(cells, tmp_path, name):
    found = read_cells(ALL[name](tmp_path, *cells), need=("rna", "prot"))
    assert_holds(found.rna, cells[0])
    assert_holds(found.prot, cells[1])
    assert not found.empty["rna"].any()
    assert not found.empty["prot"].any()
    if name in cell_files.WITH_COLUMNS:
        expected = cells[2]["cell_type"].loc[found.labels.index]
        assert list(found.labels["cell_type"]) == list(expected)
        assert list(found.batch) == list(cells[2]["donor"].loc[found.batch.index])


def test_unpaired_cells_stay_and_know_their_columns(cells, tmp_path):
    rna, prot = counts(60, 40, "g"), counts(60, 8, "p", start=40)
    rna.obs["cell_type"], prot.obs["cell_type"] = ["A", "B", "C"] * 20, ["D", "E", "F"] * 20
    rna.obs["batch"], prot.obs["batch"] = "x", "y"
    found = read_cells(write_mosaic(tmp_path, rna, prot))
    assert_holds(found.rna, rna)
    assert_holds(found.prot, prot)
    assert list(found.labels.index) == [f"cell{i}" for i in range(100)]
    # RNA's own word first, the protein's for the cells that RNA does not have.
    expected = [*rna.obs["cell_type"], *prot.obs["cell_type"][20:]]
    assert list(found.labels["cell_type"]) == expected
    assert list(found.batch) == ["x"] * 60 + ["y"] * 40


@pytest.mark.parametrize("kind", ["rna", "prot"])
def test_a_h5mu_file_of_one_modality(cells, tmp_path, kind):
    data = dict(zip(("rna", "prot"), cells, strict=False))[kind]
    mudata.MuData({{"rna": "GEX", "prot": "ADT"}[kind]: data}).write_h5mu(tmp_path / "one.h5mu")
    found = read_cells(tmp_path / "one.h5mu")
    other = {"rna": "prot", "prot": "rna"}[kind]
    assert_holds(getattr(found, kind), data)
    assert getattr(found, other) is None
    assert list(found.empty) == [kind]
    with pytest.raises(InputError, match=r"no (RNA|protein) modality recognised .*it is needed"):
        read_cells(tmp_path / "one.h5mu", need=(other,))


def only_genes(data: AnnData) -> AnnData:
    return data[:, data.var["feature_types"] == "Gene Expression"].copy()


def test_a_h5ad_file_of_genes_by_their_type(cells, tmp_path):
    only_genes(cell_files.joined(*cells)).write_h5ad(tmp_path / "genes.h5ad")
    found = read_cells(tmp_path / "genes.h5ad")
    assert_holds(found.rna, cells[0])
    assert found.prot is None
    assert list(found.labels) == ["cell_type"]


@pytest.mark.parametrize("kind", ["rna", "prot"])
def test_a_h5ad_file_that_does_not_say_what_it_holds(cells, tmp_path, kind):
    rna, prot, _ = cells
    data = {"rna": rna, "prot": prot}[kind]
    path = tmp_path / "one.h5ad"
    data.write_h5ad(path)
    known = {"rna": pd.Index([*rna.var_names, *prot.var_names]), "prot": prot.var_names}
    # Genes of which some are called like all the proteins: as many, but fewer of those known.
    for options in ({"modality": kind}, {"known": known}):
        found = read_cells(path, **options)
        assert_holds(getattr(found, kind), data)
        assert list(found.empty) == [kind]
    with pytest.raises(InputError, match="nothing in it tells whether it holds RNA or protein; "):
        read_cells(path)
    strangers = {"rna": pd.Index(["x"]), "prot": pd.Index(["y"])}
    with pytest.raises(InputError, match="protein, nor do the names of its features; "):
        read_cells(path, known=strangers)


def test_one_modality_of_two_on_demand(cells, tmp_path):
    path = cell_files.write_h5mu(tmp_path, *cells)
    found = read_cells(path, modality="prot")
    assert found.rna is None
    assert_holds(found.prot, cells[1])
    with pytest.raises(ValueError, match="modality is 'gex'"):
        read_cells(path, modality="gex")


@pytest.mark.parametrize("write", [cell_files.write_10x_h5, cell_files.write_10x_folder])
def test_10x_files_of_genes_alone(cells, tmp_path, write):
    rna, _, obs = cells
    found = read_cells(write(tmp_path, rna, rna[:, :0].copy(), obs))
    assert_holds(found.rna, rna)
    assert found.prot is None


def test_a_folder_of_cell_ranger_2(cells, tmp_path):
    rna, _, obs = cells
    folder = cell_files.write_10x_folder(tmp_path, rna, rna[:, :0].copy(), obs, ending="")
    rows = "".join(f"ENSG{name}\t{name}\n" for name in rna.var_names)
    (folder / "features.tsv").unlink()
    (folder / "genes.tsv").write_text(rows)
    assert_holds(read_cells(folder).rna, rna)


def test_neither_modality(cells, tmp_path):
    path = write_mosaic(tmp_path, *cells[:2], names=("first", "second"))
    with pytest.raises(
        InputError,
        match=r"mosaic.h5mu: no RNA or protein modality recognised among the modalities found "
        r"\(first, second\); .* or named with rna_modality= or protein_modality=",
    ):
        read_cells(path)
    found = read_cells(path, protein_modality="SECOND")
    assert found.rna is None
    assert_holds(found.prot, cells[1])
    with pytest.raises(InputError, match="cannot be both RNA and protein"):
        read_cells(path, rna_modality="first", protein_modality="first")
    with pytest.raises(InputError, match="no modality named 'third'"):
        read_cells(path, rna_modality="third")


def test_more_than_one_of_a_kind(cells, tmp_path):
    path = write_mosaic(tmp_path, *cells[:2], names=("gex", "rna"))
    with pytest.raises(
        InputError, match=r"more than one RNA modality .* name one with rna_modality="
    ):
        read_cells(path)


def test_cells_without_counts_are_marked_and_stay(cells, tmp_path):
    rna, prot, _ = (part.copy() for part in cells)
    for data, rows in ((rna, [3]), (prot, [3, 7])):
        dense = data.X.toarray()
        dense[rows] = 0
        data.X = sparse.csr_matrix(dense)
    dense = prot.X.toarray()
    dense[9, 1:] = 0
    dense[9, 0] = 5
    prot.X = sparse.csr_matrix(dense)
    found = read_cells(write_mosaic(tmp_path, rna, prot))
    assert found.rna.n_obs == found.prot.n_obs == 60
    assert list(np.flatnonzero(found.empty["rna"])) == [3]
    assert list(np.flatnonzero(found.empty["prot"])) == [3, 7]
    assert list(np.flatnonzero(without_counts(found.prot, prot.var_names[1:]))) == [3, 7, 9]


def test_proteins_transformed_already(cells, tmp_path):
    rna, prot, _ = (part.copy() for part in cells)
    prot.X = prot.X.toarray() - 2.25
    path = write_mosaic(tmp_path, rna, prot)
    found = read_cells(path, protein_transform="dsb")
    np.testing.assert_array_equal(found.prot.X, prot.X)
    assert not found.empty["prot"].any()
    with pytest.raises(InputError, match="the protein matrix holds negative values"):
        read_cells(path)


def test_cells_of_one_name_are_refused(cells, tmp_path):
    rna = cells[0].copy()
    rna.obs_names = ["same", "same", *rna.obs_names[2:]]
    rna.var["feature_types"] = "Gene Expression"
    rna.write_h5ad(tmp_path / "genes.h5ad")
    assert not anndata.read_h5ad(tmp_path / "genes.h5ad").obs_names.is_unique
    with pytest.raises(InputError, match="the RNA modality holds 1 duplicated cell names"):
        read_cells(tmp_path / "genes.h5ad")


def test_a_real_mosaic():
    path = shared_file("data/pbmc_hao2021_midas_mosaic.h5mu")
    found = read_cells(path)
    assert found.rna.shape == (1200, 500)
    assert found.prot.shape == (1200, 224)
    assert len(found.labels) == len(found.batch) == 1600
    assert found.labels["cell_type"].notna().all()
    assert found.batch.value_counts().to_dict() == dict.fromkeys(
        ["p1_0", "p2_0", "p3_0", "p4_0"], 400
    )


def test_real_proteins_without_rna():
    found = read_cells(shared_file("data/bmcite_lane_a_adt_only.h5mu"))
    assert found.rna is None
    assert found.prot.shape == (12103, 25)
    assert found.labels["cell_type"].nunique() > 10
