"""How near the features are to Seurat 4.3's own, on real cells; run alone, it prints the table."""

from __future__ import annotations

import numpy as np
import pandas as pd
from places import shared_file
from scipy.linalg import subspace_angles

from sharedim.io.paired import read_paired_cells
from sharedim.preprocessing.pipeline import preprocess
from sharedim.preprocessing.protein_transforms import mean_logarithms, transform_proteins

FILES = {
    "pbmc10k": "data/pbmc10k_protein_v3_4000genes.h5mu",
    "teaseq": "data/teaseq_pbmc_matilda_train.h5mu",
}
TARGETS = {
    "CLR per cell, largest difference": ("below", 1e-5),
    "CLR per protein, largest difference": ("below", 1e-5),
    "ADT components up to sign, largest difference": ("below", 1e-4),
    "ADT spectrum, largest relative difference": ("below", 1e-5),
    "variable genes in common, share": ("above", 0.99),
    "RNA spectrum, largest relative difference": ("below", 1e-2),
    "first 10 RNA components, smallest cosine of a principal angle": ("above", 0.99),
}


def agreement(dataset: str) -> dict[str, float]:
    """Compare every step that Seurat's output is there for."""

    def expected(name: str, index: list[str]) -> np.ndarray:
        table = pd.read_csv(shared_file(f"reference/seurat/{dataset}/{name}"), index_col=0)
        return table.loc[index].to_numpy()

    # Seurat was given the isotype control too.
    cells = read_paired_cells(shared_file(FILES[dataset]), isotype_controls=None)
    names = list(cells.rna.obs_names)
    features = preprocess(cells.rna, cells.prot)
    counts = cells.prot.X.toarray()
    per_cell, per_protein = (
        np.abs(
            transform_proteins(counts, transform, mean_logarithms(counts)) - expected(file, names)
        ).max()
        for transform, file in (
            ("clr_per_cell", "adt_clr_margin2.csv.gz"),
            ("clr_per_protein", "adt_clr_margin1.csv.gz"),
        )
    )
    adt = expected("adt_pca.csv.gz", names)
    found = features["prot"].components
    signs = np.sign((adt * found).sum(axis=0))
    genes = set(shared_file(f"reference/seurat/{dataset}/rna_hvg.txt").read_text().split())
    chosen = {gene.replace("_", "-") for gene in features["rna"].features}
    first = expected("rna_pca_first50.csv.gz", names)[:, :10]
    angles = subspace_angles(features["rna"].components[:, :10].astype(float), first)
    figures = (
        per_cell,
        per_protein,
        np.abs(found * signs - adt).max(),
        _spectrum_difference(dataset, "adt", features["prot"].standard_deviations),
        len(genes & chosen) / len(genes),
        _spectrum_difference(dataset, "rna", features["rna"].standard_deviations),
        np.cos(angles.max()),
    )
    return dict(zip(TARGETS, map(float, figures), strict=True))


def _spectrum_difference(dataset: str, name: str, found: np.ndarray) -> float:
    file = shared_file(f"reference/seurat/{dataset}/{name}_pca_stdev.csv")
    expected = pd.read_csv(file).iloc[: len(found), -1].to_numpy()
    return np.abs(found[: len(expected)] / expected - 1).max()


def main() -> None:
    columns = {dataset: agreement(dataset) for dataset in FILES}
    print(f"| | target | {' | '.join(columns)} |")
    print(f"|---|---|{'---|' * len(columns)}")
    for row, (side, target) in TARGETS.items():
        figures = " | ".join(f"{column[row]:.4g}" for column in columns.values())
        print(f"| {row} | {side} {target:g} | {figures} |")


if __name__ == "__main__":
    main()
