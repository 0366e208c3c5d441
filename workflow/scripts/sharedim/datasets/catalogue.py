"""Catalogue of the built-in datasets, with their addresses."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BuiltIn:
    """A public dataset.

    Attributes
    ----------
    url : str
        What is downloaded.
    file : str
        What it is called under ``resources/``.
    origin : str
        Where it comes from, for a citation.
    cells : int
        How many cells it has.
    sha256 : str or None
        Checksum of the download, where it is known.
    """

    url: str
    file: str
    origin: str
    cells: int
    sha256: str | None = None


BUILT_IN = {
    "bmcite": BuiltIn(
        url="http://seurat.nygenome.org/src/contrib/bmcite.SeuratData_0.3.0.tar.gz",
        file="bmcite.SeuratData_0.3.0.tar.gz",
        cells=30_672,
        origin="human bone marrow, 30,672 cells, 25 proteins: Stuart et al. 2019, GEO GSE128639",
    ),
    "neurips_bmmc": BuiltIn(
        url=(
            "https://ftp.ncbi.nlm.nih.gov/geo/series/GSE194nnn/GSE194122/suppl/"
            "GSE194122_openproblems_neurips2021_cite_BMMC_processed.h5ad.gz"
        ),
        file="GSE194122_openproblems_neurips2021_cite_BMMC_processed.h5ad.gz",
        cells=90_261,
        origin="human bone marrow, 90,261 cells, 134 proteins: Luecken et al. 2021, GEO GSE194122",
    ),
    "pbmc10k": BuiltIn(
        url=(
            "https://cf.10xgenomics.com/samples/cell-exp/3.0.0/pbmc_10k_protein_v3/"
            "pbmc_10k_protein_v3_filtered_feature_bc_matrix.h5"
        ),
        file="pbmc_10k_protein_v3_filtered_feature_bc_matrix.h5",
        cells=7_865,
        origin="human blood, 7,865 cells, 17 proteins, no cell types: 10x Genomics, pbmc_10k_protein_v3",
    ),
}
