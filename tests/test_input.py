"""What is read from a file, and the one sentence that refuses what cannot be used."""

from __future__ import annotations

import re

import h5py
import mudata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from places import shared_file
from scipy import sparse

from sharedim.checks import describe
from sharedim.errors import InputError
from sharedim.io import cell_table, read_paired_cells
from sharedim.preprocess import preprocess


def counts(cells, features, prefix, start=0, seed=0):
    rng = np.random.default_rng(seed)
    return AnnData(
        X=sparse.csr_matrix(rng.poisson(2.0, size=(cells, features)).astype(np.int32)),
        obs=pd.DataFrame(index=[f"cell{i}" for i in range(start, start + cells)]),
        var=pd.DataFrame(index=[f"{prefix}{i}" for i in range(features)]),
    )


@pytest.fixture
def write(tmp_path):
    def write(names=("rna", "prot"), rna=None, prot=None, obs=None):
        rna = counts(600, 60, "g") if rna is None else rna
        prot = counts(600, 8, "p") if prot is None else prot
        data = mudata.MuData(dict(zip(names, (rna, prot), strict=True)))
        for name, column in (obs or {}).items():
            data.obs[name] = column
        path = tmp_path / "cells.h5mu"
        data.write_h5mu(path)
        return path

    return write


@pytest.mark.parametrize(
    "names",
    [
        ("rna", "prot"),
        ("GEX", "ADT"),
        ("rna", "protein"),
        ("Gene Expression", "Antibody Capture"),
        ("gex", "ab"),
    ],
)
def test_usual_names_are_recognised(write, names):
    cells = read_paired_cells(write(names=names))
    assert cells.rna.shape == (600, 60)
    assert cells.prot.shape == (600, 8)


def test_other_names_are_named(write):
    path = write(names=("first", "second"))
    with pytest.raises(
        InputError,
        match=re.escape("no RNA modality recognised among the modalities found (first, second)"),
    ):
        read_paired_cells(path)
    cells = read_paired_cells(path, rna_modality="first", protein_modality="second")
    assert cells.prot.n_vars == 8
    with pytest.raises(InputError, match="no modality named 'third'"):
        read_paired_cells(path, rna_modality="third", protein_modality="second")
    with pytest.raises(InputError, match="'first' cannot be both RNA and protein"):
        read_paired_cells(path, rna_modality="first", protein_modality="first")


def test_a_missing_modality_is_named(tmp_path):
    path = tmp_path / "cells.h5mu"
    mudata.MuData({"rna": counts(600, 60, "g")}).write_h5mu(path)
    with pytest.raises(
        InputError,
        match=r"cells.h5mu: no protein modality recognised among the modalities found \(rna\)",
    ):
        read_paired_cells(path)


def test_labels_from_coarse_to_fine_and_unknown_left_out(write):
    fine = np.array((["A1", "A2", "B1", "unknown", "Unassigned", None] * 100), dtype=object)
    coarse = np.array((["A", "A", "B", "B", "nan", ""] * 100), dtype=object)
    path = write(obs={"cell_type_l2": fine, "celltype.l1": coarse, "Batch": ["x", "y"] * 300})
    cells = read_paired_cells(path)
    assert list(cells.labels) == ["celltype.l1", "cell_type_l2"]
    assert cells.labels["celltype.l1"].notna().sum() == 400
    assert cells.labels["cell_type_l2"].notna().sum() == 300
    assert set(cells.batch) == {"x", "y"}
    found = describe(cells, "d", "cells.h5mu")
    assert found["labels"]["cell_type_l2"] == {
        "types": {"A1": 100, "A2": 100, "B1": 100},
        "unknown": 300,
    }


def test_the_same_annotation_twice_counts_once(write):
    types = ["A", "B", "C"] * 200
    assert list(read_paired_cells(write(obs={"cell_type": types, "celltype": types})).labels) == [
        "cell_type"
    ]


def test_named_labels_and_none(write):
    path = write(obs={"mine": ["A", "B"] * 300, "cell_type": ["A", "B", "C"] * 200})
    assert list(read_paired_cells(path, labels=["mine"]).labels) == ["mine"]
    assert list(read_paired_cells(path, labels=[]).labels) == []
    with pytest.raises(InputError, match="no label column named 'typo'; found mine, cell_type"):
        read_paired_cells(path, labels=["typo"])
    with pytest.raises(InputError, match="no batch column named 'typo'"):
        read_paired_cells(path, batch="typo")


def test_a_label_column_with_one_type_is_refused(write):
    with pytest.raises(InputError, match="label column 'mine' holds 1 known types; at least 2"):
        read_paired_cells(write(obs={"mine": ["A", "unknown"] * 300}), labels=["mine"])


def test_columns_of_a_modality_are_found(write):
    rna = counts(600, 60, "g")
    rna.obs["cell_type"] = ["A", "B"] * 300
    assert list(read_paired_cells(write(rna=rna)).labels) == ["cell_type"]


def test_a_file_without_labels(write):
    cells = read_paired_cells(write())
    assert cells.labels.shape == (600, 0)
    found = describe(cells, "d", "f")
    assert "labels: none, so no label transfer" in found["summary"]
    assert list(cell_table(cells)) == ["cell", "batch"]


def test_unpaired_cells_are_left_out_and_counted(write):
    cells = read_paired_cells(write(prot=counts(650, 8, "p", start=50)))
    assert cells.rna.n_obs == cells.prot.n_obs == 550
    assert list(cells.rna.obs_names) == list(cells.prot.obs_names)
    [warning, _] = describe(cells, "d", "f")["warnings"]
    assert warning.startswith("550 cells have both modalities (600 have RNA, 650 protein)")


def test_pairs_are_matched_by_name_not_by_place(write):
    prot = counts(600, 8, "p")
    reversed_order = prot[::-1].copy()
    cells = read_paired_cells(write(prot=reversed_order))
    assert list(cells.prot.obs_names) == list(cells.rna.obs_names)
    np.testing.assert_array_equal(cells.prot["cell5"].X.toarray(), prot["cell5"].X.toarray())


def test_counts_come_from_a_layer_of_that_name(write):
    rna = counts(600, 60, "g")
    rna.layers["counts"] = rna.X.copy()
    rna.X = sparse.csr_matrix(np.log1p(rna.X.toarray()))
    cells = read_paired_cells(write(rna=rna))
    np.testing.assert_array_equal(cells.rna.X.toarray(), rna.layers["counts"].toarray())


def changed(value):
    rna = counts(600, 60, "g")
    rna.X = rna.X.astype(np.float32)
    rna.X[0, 0] = value
    return rna


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        ({"rna": changed(-3)}, "the RNA matrix holds negative values (lowest -3); raw counts are needed"),
        ({"rna": changed(1.5)}, "the RNA matrix holds values that are not whole numbers (such as 1.5)"),
        ({"rna": changed(np.nan)}, "the RNA matrix holds NaN or infinite values"),
        ({"prot": counts(600, 2, "p")}, "only 2 proteins; at least 3 are needed"),
        ({"prot": counts(600, 8, "p", start=300)}, "only 300 cells have both RNA and protein; at least 500"),
        ({"prot": counts(600, 8, "p", start=600)}, "no cell has both RNA and protein (600 cells with RNA, 600 with protein, no name in common)"),
    ],
)  # fmt: skip
def test_unusable_cells_are_refused_in_a_sentence(write, problem, sentence):
    path = write(**problem)
    with pytest.raises(InputError) as refused:
        read_paired_cells(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_unusable_files_are_refused_in_a_sentence(tmp_path, write):
    def sentence(path):
        with pytest.raises(InputError) as refused:
            read_paired_cells(path)
        assert "\n" not in str(refused.value)
        return str(refused.value)

    assert "no such file" in sentence(tmp_path / "absent.h5mu")
    assert "not a file" in sentence(tmp_path)
    text = tmp_path / "text.h5mu"
    text.write_text("cell,gene\n")
    assert "cannot be read as HDF5" in sentence(text)
    truncated = tmp_path / "truncated.h5mu"
    truncated.write_bytes(write().read_bytes()[:5000])
    assert "cannot be read as HDF5" in sentence(truncated)
    h5ad = tmp_path / "renamed.h5mu"
    counts(600, 60, "g").write_h5ad(h5ad)
    assert "it looks like a .h5ad file" in sentence(h5ad)
    with h5py.File(tmp_path / "empty.h5mu", "w"):
        pass
    assert "no modalities in it (found nothing)" in sentence(tmp_path / "empty.h5mu")


def test_duplicated_cell_names_are_refused(write):
    path = write()
    with h5py.File(path, "a") as file:
        names = file["mod/rna/obs/_index"]
        names[1] = names[0]
    with pytest.raises(InputError, match="modality 'rna' holds 1 duplicated cell names"):
        read_paired_cells(path)


def test_the_truth_of_a_simulation_is_carried_along(small_file):
    assert read_paired_cells(small_file).truth["shared_dimensions"] == 2


def test_real_cells(pbmc10k):
    found = describe(read_paired_cells(pbmc10k), "pbmc10k", str(pbmc10k))
    assert (found["paired_cells"], found["genes"], found["proteins"]) == (6855, 4000, 14)
    assert found["split"] == {"train": 2235, "normaliser": 1788, "test": 2832}
    assert found["labels"]["cell_type"]["unknown"] == 861
    assert len(found["labels"]["cell_type"]["types"]) == 7
    assert found["truth"] is None


def test_real_cells_without_rna():
    with pytest.raises(
        InputError, match=r"no RNA modality recognised among the modalities found \(prot\)"
    ):
        read_paired_cells(shared_file("data/bmcite_lane_a_adt_only.h5mu"))


def test_real_cells_partly_paired():
    cells = read_paired_cells(shared_file("data/pbmc_hao2021_midas_mosaic.h5mu"))
    assert (cells.rna.n_obs, cells.n_rna, cells.n_prot) == (800, 1200, 1200)


def test_the_two_coarsest_of_many_annotations_are_used(write):
    rng = np.random.default_rng(0)
    coarse = rng.integers(3, size=600)
    columns = {
        "celltype": coarse * 10 + rng.integers(10, size=600),
        "cell_type_l2": coarse * 10 + rng.integers(2, size=600),
        "cell_type_l1": coarse,
    }
    path = write(obs={name: [f"t{v}" for v in column] for name, column in columns.items()})
    assert list(read_paired_cells(path).labels) == ["cell_type_l1", "cell_type_l2"]


def test_categorical_labels_with_gaps_and_odd_names(write):
    types = pd.Categorical(["A", "B", None] * 200)
    cells = read_paired_cells(write(obs={"cell type": types}))
    assert cells.labels["cell type"].notna().sum() == 400
    assert list(cell_table(cells)) == ["cell", "batch", "cell type"]


def test_repeated_gene_symbols_stay_apart(write):
    rna = counts(600, 60, "g")
    rna.var_names = ["same"] * 2 + list(rna.var_names[2:])
    cells = read_paired_cells(write(rna=rna))
    assert cells.rna.var_names.is_unique
    assert cells.rna.n_vars == 60


def test_proteins_may_be_called_like_genes(write):
    cells = read_paired_cells(write(prot=counts(600, 8, "g")))
    assert list(cells.prot.var_names) == [f"g{i}" for i in range(8)]


@pytest.mark.parametrize("entry", ["a word", {"depth": 3}, {"shared_dimensions": np.ones(2)}])
def test_somebody_elses_simulation_is_no_truth(tmp_path, entry):
    data = mudata.MuData({"rna": counts(600, 60, "g"), "prot": counts(600, 8, "p")})
    data.uns["simulation"] = entry
    data.write_h5mu(tmp_path / "cells.h5mu")
    assert read_paired_cells(tmp_path / "cells.h5mu").truth is None


def test_features_do_not_know_the_truth(small_cells, small_file, tmp_path):
    bare = mudata.MuData({name: small_cells[name].copy() for name in ("rna", "prot")})
    for modality in bare.mod.values():
        del modality.obsm["private_latents"]
    bare.write_h5mu(tmp_path / "bare.h5mu")
    known, blind = (read_paired_cells(path) for path in (small_file, tmp_path / "bare.h5mu"))
    assert known.truth
    assert blind.truth is None
    found, expected = (preprocess(cells.rna, cells.prot) for cells in (known, blind))
    for name in ("rna", "prot"):
        np.testing.assert_array_equal(found[name].components, expected[name].components)
