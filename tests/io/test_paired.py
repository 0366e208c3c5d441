"""What is read from a file: modalities, counts, columns, pairs."""

from __future__ import annotations

import mudata
import numpy as np
import pandas as pd
import pytest
from cell_files import counts
from scipy import sparse

from sharedim.errors import InputError
from sharedim.io.paired import cell_table, read_paired_cells
from sharedim.preprocessing.pipeline import preprocess
from sharedim.preprocessing.summary import describe


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


def test_labels_from_coarse_to_fine_and_unknown_left_out(write):
    fine = np.array((["A1", "A2", "B1", "unknown", "Unassigned", None] * 100), dtype=object)
    coarse = np.array((["A", "A", "B", "B", "nan", ""] * 100), dtype=object)
    path = write(obs={"cell_type_l2": fine, "celltype.l1": coarse, "Batch": ["x", "y"] * 300})
    cells = read_paired_cells(path)
    assert list(cells.labels) == ["celltype.l1", "cell_type_l2"]
    assert cells.labels["celltype.l1"].notna().sum() == 400
    assert cells.labels["cell_type_l2"].notna().sum() == 300
    assert set(cells.batch) == {"x", "y"}
    found = describe(cells, "d")
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


def test_columns_of_a_modality_are_found(write):
    rna = counts(600, 60, "g")
    rna.obs["cell_type"] = ["A", "B"] * 300
    assert list(read_paired_cells(write(rna=rna)).labels) == ["cell_type"]


def test_a_file_without_labels(write):
    cells = read_paired_cells(write())
    assert cells.labels.shape == (600, 0)
    found = describe(cells, "d")
    assert "labels: none, so no label transfer" in found["summary"]
    assert list(cell_table(cells, np.arange(5))) == ["cell", "batch", "held_out"]


def test_unpaired_cells_are_left_out_and_counted(write):
    cells = read_paired_cells(write(prot=counts(650, 8, "p", start=50)))
    assert cells.rna.n_obs == cells.prot.n_obs == 550
    assert list(cells.rna.obs_names) == list(cells.prot.obs_names)
    assert cells.notes[0].startswith("550 cells have both modalities (600 have RNA, 650 protein)")


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


def test_the_truth_of_a_simulation_is_carried_along(small_file):
    assert read_paired_cells(small_file).truth["shared_dimensions"] == 2


def test_real_cells(pbmc10k):
    found = describe(read_paired_cells(pbmc10k), "pbmc10k")
    assert (found["paired_cells"], found["genes"], found["proteins"]) == (6855, 4000, 14)
    assert found["split"] == {"train": 2235, "normaliser": 1788, "test": 2832}
    assert found["labels"]["cell_type"]["unknown"] == 861
    assert len(found["labels"]["cell_type"]["types"]) == 7
    assert found["truth"] is None


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
    assert list(cell_table(cells, np.arange(5))) == ["cell", "batch", "held_out", "cell type"]


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


def test_names_are_compared_without_regard_to_their_spelling(write):
    path = write(names=("GEX_v2", "CITE"), obs={"Cell.Type": ["A", "B", "C"] * 200})
    cells = read_paired_cells(
        path, rna_modality="gex.v2", protein_modality="cite", labels=["cell_type"]
    )
    assert list(cells.labels) == ["Cell.Type"]
    assert cells.rna.n_vars == 60


def test_modalities_of_other_names_are_named(write):
    path = write(names=("first", "second"))
    cells = read_paired_cells(path, rna_modality="first", protein_modality="second")
    assert (cells.rna.n_vars, cells.prot.n_vars) == (60, 8)


def test_values_transformed_already_come_from_x(write):
    prot = counts(600, 8, "p")
    prot.layers["counts"] = prot.X.copy()
    prot.X = prot.X.toarray() - 3.25
    path = write(prot=prot)
    assert read_paired_cells(path).prot.X.min() == 0
    found = read_paired_cells(path, protein_transform="dsb")
    np.testing.assert_array_equal(found.prot.X, prot.X)


def test_cells_left_out_leave_every_table(write):
    rna = counts(600, 60, "g")
    dense = rna.X.toarray()
    dense[[3, 7]] = 0
    rna.X = sparse.csr_matrix(dense)
    types = ["A", "B", "C"] * 200
    cells = read_paired_cells(write(rna=rna, obs={"cell_type": types, "donor": types}))
    assert cells.rna.n_obs == cells.prot.n_obs == len(cells.labels) == len(cells.batch) == 598
    assert "cell3" not in cells.labels.index
    assert list(cells.prot.obs_names) == list(cells.rna.obs_names)


def test_a_column_to_hold_out_beside_the_batch(write):
    path = write(obs={"batch": ["x", "y"] * 300, "person": [1, 2, None] * 200})
    cells = read_paired_cells(path, hold_out_column="person")
    assert set(cells.batch) == {"x", "y"}
    assert set(cells.hold_out) == {"1.0", "2.0", "not named"}
