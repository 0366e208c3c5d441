"""The user's own cells and new ones as a model describes them, and the tables that come of it."""

from __future__ import annotations

import mudata
import numpy as np
import pandas as pd
import pytest
from final_model import fitted_block

from sharedim.datasets.cite_seq import simulate_cite_seq
from sharedim.embedding.describe import (
    TABLE_COLUMNS,
    describe_new_cells,
    describe_own_cells,
    embedding_table,
    summary_of,
)
from sharedim.embedding.model import Model
from sharedim.io.unpaired import read_cells
from sharedim.preprocessing.pipeline import FeatureOptions
from sharedim.training.recipes import RECIPES


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A reference of 700 cells, of which 600 are paired, and 200 new cells of the same tissue."""
    folder = tmp_path_factory.mktemp("embedding")
    cells = simulate_cite_seq(cells=900, genes=120, proteins=10, shared_dimensions=2, seed=4)
    own = mudata.MuData({"gex": cells["rna"][:650].copy(), "ADT": cells["prot"][50:700].copy()})
    own.obs["celltype.l1"] = cells.obs["celltype.l1"].reindex(own.obs_names)
    own.obs["batch"] = np.where(np.arange(700) % 2, "one", "two")
    own.write_h5mu(folder / "own.h5mu")
    mudata.MuData({"rna": cells["rna"][700:].copy()}).write_h5mu(folder / "new.h5mu")
    return folder / "own.h5mu", folder / "new.h5mu"


@pytest.fixture(scope="module")
def model(files):
    return Model(fitted_block(files[0], recipe=RECIPES["cca"], dim=3))


@pytest.fixture(scope="module")
def own(files):
    return read_cells(files[0])


@pytest.fixture(scope="module")
def described(model, own):
    return describe_own_cells(model, own)


def test_every_cell_is_embedded_and_paired_ones_as_in_training(model, own, described):
    assert {name: len(t) for name, t in described.representations.items()} == {
        "rna": 650, "prot": 650,
    }  # fmt: skip
    assert len(described.joint) == 700
    assert described.joint.notna().all(axis=None)
    for name, table in described.representations.items():
        trained = model.block.tensors[f"reference.{name}"]
        np.testing.assert_array_equal(table.loc[model.reference.index], trained)
        alone = table.drop(model.reference.index)
        assert len(alone) == 50
        np.testing.assert_array_equal(described.joint.loc[alone.index], alone)


def test_parts_say_who_was_trained_on(described):
    parts = described.columns["shared_part"].value_counts().to_dict()
    assert parts == {"train": 510, "one modality": 100, "validation": 90}


def test_ranks_are_the_places_of_the_own_partner(model, described):
    f, g = (model.block.tensors[f"reference.{name}"] for name in ("rna", "prot"))
    similarity = f @ g.T
    expected = (similarity >= np.diag(similarity)[:, None]).sum(axis=1)
    columns = described.modality_columns["rna"].loc[model.reference.index]
    np.testing.assert_array_equal(columns["shared_match_rank"], expected)
    np.testing.assert_allclose(columns["shared_match_share"], expected / 600)
    assert described.modality_columns["rna"]["shared_match_rank"].isna().sum() == 50


def test_a_cell_does_not_vote_for_its_own_type(model, own, files):
    """With labels that are unique, no cell can be given its own by itself."""
    block = model.block
    codes = np.arange(600)
    tensors = block.tensors | {"reference.label.celltype.l1": codes}
    header = block.header | {"labels": {"celltype.l1": [f"type {code}" for code in codes]}}
    unique = Model(type(block)(tensors, header))
    given = describe_own_cells(unique, own).columns["shared_celltype.l1"]
    assert (given[unique.reference.index] != unique.reference["celltype.l1"].astype(str)).all()


def test_the_table_has_a_row_a_cell_and_modality(own, described):
    umaps = {
        name: pd.DataFrame(np.arange(2.0 * len(table)).reshape(-1, 2), table.index)
        for name, table in described.representations.items()
    }
    table = embedding_table(described, umaps, own)
    assert list(table.columns) == [*TABLE_COLUMNS, "celltype.l1"]
    assert table["modality"].value_counts().to_dict() == {"rna": 650, "prot": 650}
    assert table["match_rank"].isna().sum() == 100
    one = table[(table["cell"] == "cell00000") & (table["modality"] == "rna")]
    assert one["part"].item() == "one modality"
    assert set(table["batch"]) == {"one", "two"}


def test_new_cells_get_labels_matches_and_the_modality_they_lack(model, files):
    cells = read_cells(files[1])
    results, found = describe_new_cells(model, cells)
    assert set(results.predicted["rna"]) == {
        "shared_prot_mean",
        "shared_prot_low",
        "shared_prot_high",
    }
    assert results.predicted["rna"]["shared_prot_mean"].shape == (200, 10)
    assert list(results.columns) == ["shared_celltype.l1", "shared_celltype.l1_probability"]
    assert len(model.matches_from(found)) == 200 * 5
    summary = summary_of(model, results)
    assert summary["cells"] == {"rna": 200}
    assert summary["predicted"] == ["prot"]
    assert summary["sentence"] == (
        "200 cells by RNA are in the shared space of own (d = 3), of whose features 0 of the 120 genes "
        "are missing; protein is predicted."
    )


def test_harmony_leaves_cells_of_one_modality_without_a_representation(files, own):
    options = FeatureOptions(harmony=True)
    model = Model(fitted_block(files[0], recipe=RECIPES["cca"], dim=3, options=options))
    found = describe_own_cells(model, own)
    assert found.representations["rna"].isna().all(axis=1).sum() == 50
    assert len(found.joint) == 700
    assert found.columns["shared_celltype.l1"].isna().sum() == 100
