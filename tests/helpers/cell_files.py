"""The same cells, written as every format that is read."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import anndata
import h5py
import mudata
import numpy as np
import pandas as pd
from anndata import AnnData
from r_objects import assay, data_frame, dgc_matrix, factor, save_rda, seurat, texts
from scipy import io, sparse

TYPES = {"rna": "Gene Expression", "prot": "Antibody Capture"}


def counts(cells: int, features: int, prefix: str, start: int = 0, seed: int = 0) -> AnnData:
    """Draw counts for cells that are named from a number on."""
    rng = np.random.default_rng(seed)
    return AnnData(
        X=sparse.csr_matrix(rng.poisson(2.0, size=(cells, features)).astype(np.int32)),
        obs=pd.DataFrame(index=[f"cell{i}" for i in range(start, start + cells)]),
        var=pd.DataFrame(index=[f"{prefix}{i}" for i in range(features)]),
    )


def write_h5mu(folder: Path, rna: AnnData, prot: AnnData, obs: pd.DataFrame) -> Path:
    data = mudata.MuData({"rna": rna, "prot": prot})
    for name in obs:
        data.obs[name] = obs[name]
    data.write_h5mu(folder / "cells.h5mu")
    return folder / "cells.h5mu"


def joined(rna: AnnData, prot: AnnData, obs: pd.DataFrame) -> AnnData:
    """Put both modalities into one matrix, told apart by ``feature_types``."""
    data = anndata.concat({"rna": rna, "prot": prot}, axis=1, label="feature_types")
    data.obs = obs.copy()
    data.var["feature_types"] = data.var["feature_types"].astype(str).map(TYPES)
    return data


def write_h5ad(folder: Path, rna: AnnData, prot: AnnData, obs: pd.DataFrame) -> Path:
    joined(rna, prot, obs).write_h5ad(folder / "cells.h5ad")
    return folder / "cells.h5ad"


def write_neurips_h5ad(folder: Path, rna: AnnData, prot: AnnData, obs: pd.DataFrame) -> Path:
    """As the NeurIPS 2021 file is: short types, normalised values in X, counts in a layer."""
    data = joined(rna, prot, obs)
    data.var["feature_types"] = data.var["feature_types"].map(
        {"Gene Expression": "GEX", "Antibody Capture": "ADT"}
    )
    data.layers["counts"] = data.X.copy()
    data.X = np.log1p(data.X)
    data.write_h5ad(folder / "cells.h5ad")
    return folder / "cells.h5ad"


def write_totalvi_h5ad(folder: Path, rna: AnnData, prot: AnnData, obs: pd.DataFrame) -> Path:
    data = AnnData(X=rna.X, obs=obs.copy(), var=rna.var)
    data.obsm["protein_expression"] = prot.to_df()
    data.write_h5ad(folder / "cells.h5ad")
    return folder / "cells.h5ad"


def write_pair(folder: Path, rna: AnnData, prot: AnnData, obs: pd.DataFrame) -> list[Path]:
    labelled = rna.copy()
    labelled.obs = obs.copy()
    labelled.write_h5ad(folder / "rna.h5ad")
    # Stored by columns, and in another order of cells.
    turned = prot[::-1].copy()
    turned.X = sparse.csc_matrix(turned.X)
    turned.write_h5ad(folder / "adt.h5ad")
    return [folder / "rna.h5ad", folder / "adt.h5ad"]


def write_rda(folder: Path, rna: AnnData, prot: AnnData, obs: pd.DataFrame) -> Path:
    """As Seurat 4 keeps CITE-seq: the assays RNA and ADT, factors in meta.data."""
    columns = {name: factor(list(obs[name]), sorted(set(obs[name]))) for name in obs}
    assays = {"RNA": assay(dgc_matrix(rna.to_df())), "ADT": assay(dgc_matrix(prot.to_df()))}
    described = seurat(assays, data_frame(columns, texts(list(obs.index))))
    return save_rda(folder / "cells.rda", {"cells": described})


def write_10x_h5(folder: Path, rna: AnnData, prot: AnnData, obs: pd.DataFrame) -> Path:
    """As Cell Ranger 3 and later write it; there is no place for columns about cells."""
    data = joined(rna, prot, obs)
    matrix = sparse.csr_matrix(data.X)
    with h5py.File(folder / "filtered_feature_bc_matrix.h5", "w") as file:
        group = file.create_group("matrix")
        group["shape"] = np.array(data.shape[::-1], dtype=np.int32)
        group["data"], group["indices"] = matrix.data, matrix.indices
        group["indptr"] = matrix.indptr
        group["barcodes"] = data.obs_names.to_numpy().astype("S")
        features = group.create_group("features")
        for name in ("id", "name"):
            features[name] = data.var_names.to_numpy().astype("S")
        features["feature_type"] = data.var["feature_types"].to_numpy().astype("S")
        features["genome"] = np.array(["GRCh38"] * data.n_vars, dtype="S")
        features["_all_tag_keys"] = np.array(["genome"], dtype="S")
    return folder / "filtered_feature_bc_matrix.h5"


def write_10x_folder(
    folder: Path,
    rna: AnnData,
    prot: AnnData,
    obs: pd.DataFrame,
    *,
    ending: str = ".gz",
    prefix: str = "",
) -> Path:
    data = joined(rna, prot, obs)
    folder = folder / "filtered_feature_bc_matrix"
    folder.mkdir()
    opened = gzip.open if ending else open
    with opened(folder / f"{prefix}matrix.mtx{ending}", "wb") as file:
        io.mmwrite(file, sparse.coo_matrix(data.X.T))
    rows = zip(data.var_names, data.var_names, data.var["feature_types"], strict=True)
    texts = {
        "features.tsv": "".join("\t".join(row) + "\n" for row in rows),
        "barcodes.tsv": "".join(f"{name}\n" for name in data.obs_names),
    }
    for name, text in texts.items():
        with opened(folder / f"{prefix}{name}{ending}", "wt") as file:
            file.write(text)
    return folder


def write_plain_10x_folder(folder: Path, *cells: AnnData | pd.DataFrame) -> Path:
    return write_10x_folder(folder, *cells, ending="", prefix="GSM1_")


# Those that keep columns about cells, and those that have no place for them.
WITH_COLUMNS: dict[str, Callable] = {
    "h5mu": write_h5mu,
    "h5ad with feature_types": write_h5ad,
    "h5ad of NeurIPS": write_neurips_h5ad,
    "h5ad of totalVI": write_totalvi_h5ad,
    "pair of h5ad": write_pair,
    "Seurat rda": write_rda,
}
WITHOUT_COLUMNS: dict[str, Callable] = {
    "10x h5": write_10x_h5,
    "10x folder": write_10x_folder,
    "10x folder, unpacked": write_plain_10x_folder,
}
