"""Seurat objects give the counts and columns that R holds, and are otherwise refused in words."""

from __future__ import annotations

import bz2
import gzip
import lzma
import pickle
import tracemalloc

import mudata
import numpy as np
import pandas as pd
import pytest
from places import shared_file
from r_objects import (
    assay,
    data_frame,
    dense_matrix,
    dgc_matrix,
    factor,
    s4,
    save_rda,
    save_rds,
    seurat,
    texts,
)

from sharedim.errors import InputError
from sharedim.io import seurat as reader
from sharedim.io.seurat import read_seurat

pytestmark = pytest.mark.filterwarnings("error")

CELLS = [f"cell{i}-1" for i in range(120)]
NOTHING = dense_matrix(np.zeros((0, 0), dtype=bool))


def random_counts(prefix, features, seed=0):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(0.4, size=(len(CELLS), features))
    return pd.DataFrame(counts, index=CELLS, columns=[f"{prefix}{i}" for i in range(features)])


RNA = random_counts("GENE-", 150)
ADT = random_counts("CD", 7, seed=1)
COLUMNS = {
    "celltype.l1": factor(["T", "B", None, "NK"] * 30, ["T", "NK", "B"]),
    "stage": factor(["early", "late"] * 60, ["late", "early"], ordered=True),
    "donor": texts(["Zoë", None, "d2"] * 40),
    "lane": np.arange(120, dtype=np.int32),
    "clusters": np.ma.array(np.arange(120, dtype=np.int32), mask=np.arange(120) % 3 == 0),
    "doublet": np.ma.array(np.arange(120) % 2 == 0, mask=np.arange(120) < 10),
    "score": np.where(np.arange(120) < 5, np.nan, 0.5),
    "notes": [None] * 120,
}


def version_4(**changes):
    slots = {
        "assays": {"RNA": assay(dgc_matrix(RNA)), "ADT": assay(dgc_matrix(ADT))},
        "meta_data": data_frame(COLUMNS, texts(CELLS)),
    }
    return seurat(**slots | changes)


def with_rna(counts, **slots):
    """A Seurat object whose RNA assay is not as it should be."""
    return version_4(assays={"RNA": assay(counts, **slots), "ADT": assay(dgc_matrix(ADT))})


def assert_same(found, expected):
    assert list(found.obs_names) == list(expected.index)
    assert list(found.var_names) == list(expected.columns)
    assert found.X.format == "csr"
    assert found.X.dtype == np.float32
    np.testing.assert_array_equal(found.X.toarray(), expected.to_numpy())


def refusal(path):
    with pytest.raises(InputError) as refused:
        read_seurat(path)
    sentence = str(refused.value)
    assert sentence.startswith(f"{path}: ")
    assert "\n" not in sentence
    return sentence.removeprefix(f"{path}: ")


def test_counts_come_back_as_cells_by_features(tmp_path):
    found = read_seurat(save_rds(tmp_path / "cells.rds", version_4()))
    assert list(found.modalities) == ["RNA", "ADT"]
    assert_same(found.modalities["RNA"], RNA)
    assert_same(found.modalities["ADT"], ADT)
    assert found.without_counts == {}


def test_columns_about_cells_keep_types_and_gaps(tmp_path):
    obs = read_seurat(save_rds(tmp_path / "cells.rds", version_4())).obs
    assert list(obs.index) == CELLS
    assert list(obs) == [name for name in COLUMNS if name != "notes"]
    assert list(obs["celltype.l1"].cat.categories) == ["T", "NK", "B"]
    assert list(obs["celltype.l1"].astype(object).fillna("?"))[:4] == ["T", "B", "?", "NK"]
    assert obs["stage"].cat.ordered
    assert obs["stage"].min() == "late"
    assert list(obs["donor"][:3]) == ["Zoë", None, "d2"]
    assert list(obs["lane"]) == list(range(120))
    assert obs["clusters"].isna().sum() == 40
    assert list(obs["clusters"][1:3]) == [1, 2]
    assert obs["doublet"].isna().sum() == 10
    assert list(obs["doublet"][10:12]) == [True, False]
    assert obs["score"].isna().sum() == 5


@pytest.mark.parametrize(
    ("compression", "form"),
    [("gzip", "X"), ("bzip2", "X"), ("xz", "X"), (None, "X"), (None, "B"), ("gzip", "A")],
)
def test_every_way_of_saving_is_read(tmp_path, compression, form):
    options = {"compression": compression, "form": form}
    one = save_rds(tmp_path / "one.rds", version_4(), **options)
    named = save_rda(tmp_path / "named.RData", {"cells": version_4()}, **options)
    for path in (one, named):
        assert_same(read_seurat(path).modalities["RNA"], RNA)


def test_r_before_version_3_6_is_read(tmp_path):
    path = save_rds(tmp_path / "cells.rds", version_4(), version=2)
    found = read_seurat(path)
    assert_same(found.modalities["RNA"], RNA)
    assert found.obs["donor"].iloc[0] == "Zoë"


def test_large_vectors_are_read_in_pieces(tmp_path, monkeypatch):
    path = save_rds(tmp_path / "cells.rds", version_4())
    monkeypatch.setattr(reader, "CHUNK_BYTES", 100)
    assert_same(read_seurat(path).modalities["RNA"], RNA)


def test_what_is_not_used_takes_no_memory(tmp_path):
    size = 1_000_000
    scaled = dense_matrix(np.zeros((size // len(CELLS), len(CELLS))))
    cells = with_rna(dgc_matrix(RNA), scale_data=scaled)
    path = save_rds(tmp_path / "cells.rds", cells, compression=None)
    tracemalloc.start()
    assert_same(read_seurat(path).modalities["RNA"], RNA)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert path.stat().st_size > 8 * size * 0.9
    assert peak < 4 * size


def test_what_r_describes_in_short_is_no_obstacle_where_it_is_not_used(tmp_path):
    cells = version_4(misc=[pd.RangeIndex(1, 1001)])
    found = read_seurat(save_rds(tmp_path / "cells.rds", cells))
    assert_same(found.modalities["RNA"], RNA)


@pytest.mark.parametrize("name", ["cells", "data", "misc"])
def test_the_seurat_object_among_others_is_found(tmp_path, name):
    others = {"x": np.arange(3), "table": data_frame({"a": np.arange(2)}, np.arange(1, 3))}
    path = save_rda(tmp_path / "work.RData", {**others, name: version_4(), "last": "z"})
    found = read_seurat(path)
    assert_same(found.modalities["RNA"], RNA)
    assert list(found.obs.index) == CELLS


def test_subclasses_of_assays_are_read(tmp_path):
    assays = {
        "SCT": assay(dgc_matrix(RNA), kind="SCTAssay", SCTModel_list=[]),
        "ATAC": assay(dgc_matrix(ADT), kind="ChromatinAssay"),
    }
    found = read_seurat(save_rds(tmp_path / "cells.rds", version_4(assays=assays)))
    assert_same(found.modalities["SCT"], RNA)
    assert_same(found.modalities["ATAC"], ADT)


@pytest.mark.parametrize("kind", [np.int32, float])
def test_dense_counts_are_read(tmp_path, kind):
    names = [texts(list(RNA.columns)), texts(CELLS)]
    dense = dense_matrix(RNA.to_numpy(dtype=kind).T, names)
    assert_same(
        read_seurat(save_rds(tmp_path / "cells.rds", with_rna(dense))).modalities["RNA"], RNA
    )


def test_repeated_features_stay_apart(tmp_path):
    repeated = RNA.rename(columns={"GENE-1": "GENE-0"})
    found = read_seurat(save_rds(tmp_path / "cells.rds", with_rna(dgc_matrix(repeated))))
    assert_same(found.modalities["RNA"], RNA.rename(columns={"GENE-1": "GENE-0-1"}))


def test_an_assay_without_counts_is_kept_apart(tmp_path):
    path = save_rds(tmp_path / "cells.rds", with_rna(NOTHING, data=dgc_matrix(RNA)))
    found = read_seurat(path)
    assert list(found.modalities) == ["ADT"]
    assert found.without_counts == {
        "RNA": f"{path}: assay 'RNA' has no counts but only normalised data; raw counts are "
        "needed, so save the object with its slot 'counts' kept"
    }


def test_an_object_without_any_counts_is_refused(tmp_path):
    assays = {"RNA": assay(NOTHING, data=dgc_matrix(RNA))}
    path = save_rds(tmp_path / "cells.rds", version_4(assays=assays))
    assert refusal(path).startswith("assay 'RNA' has no counts but only normalised data")
    path = save_rds(tmp_path / "cells.rds", version_4(assays={}))
    assert refusal(path) == "the Seurat object has no assays; raw counts are needed"


def test_seurat_5_is_told_how_to_convert(tmp_path):
    layers = {"counts": dgc_matrix(RNA)}
    version_5 = version_4(
        assays={"RNA": s4("Assay5", layers=layers, key="rna_"), "ADT": assay(dgc_matrix(ADT))}
    )
    assert refusal(save_rds(tmp_path / "cells.rds", version_5)) == (
        "assay 'RNA' is a Seurat v5 assay (class 'Assay5'); convert every such assay in R with "
        'Seurat 5, object[["RNA"]] <- as(object[["RNA"]], Class = "Assay") for one called RNA, and '
        'save the object again with saveRDS(object, "cells.rds")'
    )


def test_seurat_2_is_told_to_update(tmp_path):
    version_2 = s4("seurat", raw_data=dgc_matrix(RNA), meta_data=data_frame({}, texts(CELLS)))
    assert refusal(save_rds(tmp_path / "cells.rds", version_2)) == (
        "a Seurat object of version 2 (class 'seurat'); update it in R with "
        "object <- UpdateSeuratObject(object) and save it again"
    )


SAVE_ALONE = '; save the Seurat object alone in R, with saveRDS(object, "cells.rds")'


def test_two_seurat_objects_are_named(tmp_path):
    objects = {"before": version_4(), "x": np.arange(3), "after": version_4()}
    path = save_rda(tmp_path / "cells.rda", objects)
    assert refusal(path) == f"2 Seurat objects in it (before, after){SAVE_ALONE}"


@pytest.mark.parametrize(
    ("other", "kind"),
    [
        (s4("SingleCellExperiment", int_colData=[]), "SingleCellExperiment"),
        (dgc_matrix(RNA), "dgCMatrix"),
        (dense_matrix(np.zeros((2, 3))), "matrix"),
        (data_frame({"a": np.arange(2)}, texts(["x", "y"])), "data.frame"),
        ([np.arange(2)], "list"),
        (assay(dgc_matrix(RNA)), "Assay"),
        (np.arange(3), "integer"),
        (None, "NULL"),
    ],
)
def test_other_objects_are_named(tmp_path, other, kind):
    path = save_rds(tmp_path / "other.rds", other)
    assert refusal(path) == f"no Seurat object in it (found {kind}){SAVE_ALONE}"


def test_other_objects_in_a_workspace_are_named(tmp_path):
    path = save_rda(tmp_path / "work.rda", {"x": np.arange(3), "counts": dgc_matrix(RNA)})
    assert refusal(path) == (
        f"no Seurat object in it (found x (integer), counts (dgCMatrix)){SAVE_ALONE}"
    )
    many = save_rda(tmp_path / "work.rda", {f"x{i}": np.arange(3) for i in range(30)})
    assert "x9 (integer) and 20 more)" in refusal(many)


def test_missing_names_are_refused(tmp_path):
    sentence = (
        "assay 'RNA' has counts without names for all its cells and features; give its matrix row "
        "names (features) and column names (cells) in R and save it again"
    )
    nameless = dgc_matrix(RNA)
    nameless.attributes["Dimnames"] = [None, texts(CELLS)]
    some_missing = dgc_matrix(RNA.rename(index={"cell0-1": None}))
    for counts in (nameless, some_missing, dense_matrix(RNA.to_numpy().T)):
        assert refusal(save_rds(tmp_path / "cells.rds", with_rna(counts))) == sentence


def test_duplicated_cells_are_refused(tmp_path):
    counts = dgc_matrix(RNA.rename(index={"cell1-1": "cell0-1"}))
    assert refusal(save_rds(tmp_path / "cells.rds", with_rna(counts))) == (
        "assay 'RNA' holds 1 duplicated cell names (such as 'cell0-1'); every cell needs a name of "
        "its own"
    )


def test_columns_about_nameless_cells_are_refused(tmp_path):
    joined = data_frame(COLUMNS, np.ma.array([0, -120], mask=[True, False], dtype=np.int32))
    assert refusal(save_rds(tmp_path / "cells.rds", version_4(meta_data=joined))) == (
        "the meta.data of the Seurat object has no cell names as its row names; in R, give it "
        "row.names(object@meta.data) <- colnames(object) and save the object again"
    )


def test_another_kind_of_matrix_is_named(tmp_path):
    assert refusal(save_rds(tmp_path / "cells.rds", with_rna(s4("IterableMatrix")))) == (
        "assay 'RNA' keeps its counts as 'IterableMatrix'; convert them to a dgCMatrix in R and "
        "save the object again"
    )


@pytest.mark.parametrize("compression", ["gzip", "bzip2", "xz", None])
def test_truncated_files_are_recognised(tmp_path, compression):
    path = save_rds(tmp_path / "cells.rds", version_4(), compression=compression)
    whole = path.read_bytes()
    for size in (30, len(whole) // 3, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert refusal(path) == (
            "ends before its R data does, so it is truncated; copy or save it again"
        )


@pytest.mark.parametrize(
    ("compression", "place", "problem"),
    [
        ("gzip", -6, "CRC check failed"),
        ("bzip2", 2000, "Invalid data stream"),
        ("xz", 2000, "Corrupt input data"),
    ],
)
def test_damaged_files_are_recognised(tmp_path, compression, place, problem):
    path = save_rds(tmp_path / "cells.rds", version_4(), compression=compression)
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    sentence = refusal(path)
    assert sentence.startswith(f"cannot be read ({problem}")
    assert sentence.endswith(
        "; give the path of an undamaged file that R's saveRDS() or save() wrote"
    )


def test_content_that_contradicts_itself_is_no_traceback(tmp_path):
    path = save_rds(tmp_path / "cells.rds", version_4(), compression=None)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"assays", b"essays"))
    assert (
        refusal(path) == f"holds R data that cannot be understood (KeyError('assays')){SAVE_ALONE}"
    )
    path.write_bytes(content + b"more")
    assert refusal(path) == (
        "holds R data that cannot be understood (ValueError('more follows than one object'))"
        f"{SAVE_ALONE}"
    )


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize(
    "content", [b"", b"cell,gene\n1,2\n", pickle.dumps({"RNA": [1, 2]}), b"\x89HDF\r\n\x1a\n"]
)
def test_what_is_no_r_data_is_not_taken_for_it(tmp_path, content, compress):
    path = tmp_path / "cells.rda"
    path.write_bytes(compress(content))
    assert refusal(path) == (
        "no R data in it; give a file that R's saveRDS() or save() wrote, with a Seurat object "
        "in it"
    )


def test_absent_files_are_refused(tmp_path):
    assert "cannot be read (No such file or directory)" in refusal(tmp_path / "absent.rds")


def test_a_real_object_equals_the_same_cells_elsewhere():
    found = read_seurat(shared_file("data/teaseq_seurat.rda"))
    path = shared_file("data/teaseq_pbmc_matilda_train.h5mu")
    assert list(found.modalities) == ["RNA", "ADT"]
    for name, modality in (("RNA", "rna"), ("ADT", "prot")):
        expected = mudata.read_h5ad(path, modality)
        # Seurat turns _ in the names of features into -.
        counts = expected.to_df().rename(columns=lambda feature: feature.replace("_", "-"))
        ours = found.modalities[name]
        assert set(ours.obs_names) == set(counts.index)
        assert set(ours.var_names) == set(counts.columns)
        assert_same(ours, counts.loc[ours.obs_names, ours.var_names])
        labels = expected.obs["cell_type"].astype(str)
        assert list(found.obs["celltype.l2"].astype(str)) == list(labels.loc[found.obs.index])
    assert found.obs["celltype.l1"].dtype == "category"
