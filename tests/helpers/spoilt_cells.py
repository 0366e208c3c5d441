"""Cells that are wrong or odd in one way each, for the tests of what is said of them."""

from __future__ import annotations

import gzip
from pathlib import Path

import anndata
import h5py
import mudata
import numpy as np
import pandas as pd
from anndata import AnnData
from cell_files import counts, joined, write_10x_folder, write_h5mu, write_pair
from r_objects import (
    assay,
    data_frame,
    dense_matrix,
    dgc_matrix,
    s4,
    save_rds,
    seurat,
    texts,
)
from scipy import sparse


class Cells:
    """Cells to be spoilt in one way, then written."""

    def __init__(self) -> None:
        self.rna, self.prot = counts(600, 250, "g"), counts(600, 8, "p", seed=1)
        self.obs = pd.DataFrame(
            {"cell_type": ["A", "B", "C"] * 200, "batch": ["x", "y"] * 300},
            index=self.rna.obs_names,
        )

    def h5mu(self, folder: Path) -> Path:
        return write_h5mu(folder, self.rna, self.prot, self.obs)

    def spoilt(self, modality: str, change) -> Cells:
        data = getattr(self, modality)
        values = data.X.toarray().astype(np.float32)
        data.X = sparse.csr_matrix(change(values))
        return self

    def reduced(self, modality: str, cells=slice(None), features=slice(None)) -> Cells:
        setattr(self, modality, getattr(self, modality)[cells, features].copy())
        return self


def one_value(value):
    def change(values):
        values[3, 3] = value
        return values

    return change


def columns(wanted, value):
    def change(values):
        values[:, wanted] = value
        return values

    return change


def rows(wanted, value):
    def change(values):
        values[wanted] = value
        return values

    return change


def text_file(folder):
    (folder / "text.h5mu").write_text("cell,gene\n")
    return folder / "text.h5mu"


def truncated(folder):
    path = Cells().h5mu(folder)
    path.write_bytes(path.read_bytes()[:20_000])
    return path


def damaged(folder):
    """The part with the RNA counts is overwritten; the file still opens."""
    path = folder / "cells.h5mu"
    Cells().h5mu(folder)
    packed = folder / "packed.h5mu"
    mudata.read_h5mu(path).write_h5mu(packed, compression="gzip")
    with h5py.File(packed) as file:
        chunk = file["mod/rna/X/data"].id.get_chunk_info(0)
    with packed.open("r+b") as file:
        file.seek(chunk.byte_offset)
        file.write(b"\0" * chunk.size)
    return packed


def renamed_h5ad(folder):
    counts(600, 250, "g").write_h5ad(folder / "renamed.h5mu")
    return folder / "renamed.h5mu"


def other_hdf5(folder):
    with h5py.File(folder / "other.h5mu", "w") as file:
        file["layers"], file["row_attrs"] = 1, 2
    return folder / "other.h5mu"


def empty_hdf5(folder):
    with h5py.File(folder / "empty.h5mu", "w"):
        return folder / "empty.h5mu"


def modalities(**given):
    def write(folder):
        mudata.MuData(given).write_h5mu(folder / "cells.h5mu")
        return folder / "cells.h5mu"

    return write


def duplicated_names(folder):
    path = Cells().h5mu(folder)
    with h5py.File(path, "a") as file:
        names = file["mod/rna/obs/_index"]
        names[1] = names[0]
    return path


def other_endings(folder):
    cells = Cells()
    cells.prot.obs_names = [f"{name}-1" for name in cells.prot.obs_names]
    return cells.h5mu(folder)


def normalised_in_a_layer(folder):
    cells = Cells()
    cells.rna.layers["lognorm"] = np.log1p(cells.rna.X)
    cells.rna.X = np.log1p(cells.rna.X)
    return cells.h5mu(folder)


def one_batch(folder):
    cells = Cells()
    cells.obs["batch"] = "only"
    return cells.h5mu(folder)


def without_matrix(folder):
    cells = Cells()
    cells.rna = AnnData(obs=cells.rna.obs, var=cells.rna.var)
    return cells.h5mu(folder)


def matrix_of_another_size(folder):
    path = Cells().h5mu(folder)
    with h5py.File(path, "a") as file:
        file["mod/rna/X"].attrs["shape"] = np.array([600, 251])
    return path


def folder_without_matrix(folder):
    (folder / "matrices").mkdir()
    return folder / "matrices"


def ten_x(change=lambda folder: None):
    def write(folder):
        cells = Cells()
        written = write_10x_folder(folder, cells.rna, cells.prot, cells.obs, ending="")
        change(written)
        return written

    return write


def cut(name, lines):
    def change(folder):
        kept = (folder / name).read_text().splitlines(keepends=True)[:lines]
        (folder / name).write_text("".join(kept))

    return change


def two_columns(folder):
    lines = (folder / "features.tsv").read_text().splitlines()
    (folder / "features.tsv").write_text("".join(line.rpartition("\t")[0] + "\n" for line in lines))


def pair_of_other_things(folder):
    cells = Cells()
    [rna, _] = write_pair(folder, cells.rna, cells.prot, cells.obs)
    return [rna, cells.h5mu(folder)]


def bad_10x_h5(folder):
    with h5py.File(folder / "bad.h5", "w") as file:
        file.create_group("matrix")["shape"] = [3, 3]
    return folder / "bad.h5"


def h5ad_of_an_old_kind(folder):
    with h5py.File(folder / "old.h5ad", "w") as file:
        file["obs"] = np.array([(b"a", 1)], dtype=[("index", "S1"), ("n", "i4")])
        file["var"] = np.array([(b"g", 1)], dtype=[("index", "S1"), ("n", "i4")])
        file["X"] = np.ones((1, 1))
    return folder / "old.h5ad"


def genes_alone(folder):
    path = renamed_h5ad(folder)
    data = anndata.read_h5ad(path)
    data.var["feature_types"] = "Gene Expression"
    data.write_h5ad(path)
    return path


def nameless_proteins(folder):
    path = renamed_h5ad(folder)
    data = anndata.read_h5ad(path)
    data.obsm["protein_expression"] = np.ones((600, 8))
    data.write_h5ad(path)
    return path


def compressed(folder):
    path = Cells().h5mu(folder)
    packed = folder / "cells.h5mu.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    return packed


def matrix_file(folder):
    cells = Cells()
    return write_10x_folder(folder, cells.rna, cells.prot, cells.obs) / "matrix.mtx.gz"


def whole_and_proteins(folder):
    """All features in one file, as 10x has them, and the proteins again in another."""
    cells = Cells()
    data = joined(cells.rna, cells.prot, cells.obs)
    data.write_h5ad(folder / "whole.h5ad")
    data[:, data.var["feature_types"] == "Antibody Capture"].write_h5ad(folder / "adt.h5ad")
    return [folder / "whole.h5ad", folder / "adt.h5ad"]


def swapped_pair(folder):
    return whole_and_proteins(folder)[::-1]


def small_batch(folder):
    cells = Cells()
    cells.obs["batch"] = ["x"] * 592 + ["y"] * 8
    return cells.h5mu(folder)


def seurat_5(folder):
    cells = Cells()
    five = s4("Assay5", layers={"counts": dgc_matrix(cells.rna.to_df())}, key="rna_")
    return save_rds(folder / "five.rds", seurat({"RNA": five}, data_frame({}, texts(list("ab")))))


def seurat_without_counts(folder):
    cells = Cells()
    matrices = {"RNA": dgc_matrix(cells.rna.to_df()), "ADT": dense_matrix(np.zeros((0, 0)))}
    assays = {name: assay(matrix) for name, matrix in matrices.items()}
    columns = data_frame({"n": np.arange(600)}, texts(list(cells.obs.index)))
    return save_rds(folder / "seurat.rds", seurat(assays, columns))


def r_data_of_another_kind(folder):
    return save_rds(folder / "table.rds", data_frame({"a": np.arange(2)}, texts(["x", "y"])))


def unknown_types(folder):
    cells = Cells()
    cells.obs["cell_type"] = ["A", "B", "unknown"] * 200
    return cells.h5mu(folder)


def small_types(folder):
    cells = Cells()
    cells.obs.loc[cells.obs.index[:4], "cell_type"] = "rare"
    return cells.h5mu(folder)


def named_proteins(*names):
    def write(folder):
        cells = Cells()
        cells.prot.var_names = [*names, *cells.prot.var_names[len(names) :]]
        return cells.h5mu(folder)

    return write


def repeated_genes(folder):
    cells = Cells()
    joint = joined(cells.rna, cells.prot, cells.obs)
    joint.var_names = ["same", "same", *joint.var_names[2:]]
    joint.write_h5ad(folder / "cells.h5ad")
    return folder / "cells.h5ad"


def nameless_batches(folder):
    cells = Cells()
    cells.obs["batch"] = pd.Categorical(["x", "y", None] * 200)
    return cells.h5mu(folder)


def swapped(folder):
    cells = Cells()
    return write_h5mu(folder, counts(600, 8, "p"), counts(600, 250, "g"), cells.obs)
