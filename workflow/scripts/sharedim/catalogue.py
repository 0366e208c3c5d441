"""Datasets known by name: where they are, and what to take from what is downloaded."""

from __future__ import annotations

import gzip
import re
import shutil
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from sharedim.errors import InputError

R_DATA = re.compile(r"(^|/)data/[^/]+\.(rda|rdata|rds)$", flags=re.IGNORECASE)


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
    sha256 : str or None
        Checksum of the download, where it is known.
    """

    url: str
    file: str
    origin: str
    sha256: str | None = None


BUILT_IN = {
    "bmcite": BuiltIn(
        url="http://seurat.nygenome.org/src/contrib/bmcite.SeuratData_0.3.0.tar.gz",
        file="bmcite.SeuratData_0.3.0.tar.gz",
        origin="human bone marrow, 30,672 cells, 25 proteins: Stuart et al. 2019, GEO GSE128639",
    ),
    "neurips_bmmc": BuiltIn(
        url=(
            "https://ftp.ncbi.nlm.nih.gov/geo/series/GSE194nnn/GSE194122/suppl/"
            "GSE194122_openproblems_neurips2021_cite_BMMC_processed.h5ad.gz"
        ),
        file="GSE194122_openproblems_neurips2021_cite_BMMC_processed.h5ad.gz",
        origin="human bone marrow, 90,261 cells, 134 proteins: Luecken et al. 2021, GEO GSE194122",
    ),
    "pbmc10k": BuiltIn(
        url=(
            "https://cf.10xgenomics.com/samples/cell-exp/3.0.0/pbmc_10k_protein_v3/"
            "pbmc_10k_protein_v3_filtered_feature_bc_matrix.h5"
        ),
        file="pbmc_10k_protein_v3_filtered_feature_bc_matrix.h5",
        origin="human blood, 7,865 cells, 17 proteins, no cell types: 10x Genomics, pbmc_10k_protein_v3",
    ),
}


def unpack(path: Path, directory: Path) -> Path:
    """Return the file with cells inside a download.

    Parameters
    ----------
    path : Path
        A gzipped file, an R source package with one R data file under ``data/``, or anything else,
        which is returned as it is.
    directory : Path
        Where to unpack.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If the download is damaged or does not hold what it should.
    """
    try:
        if path.name.endswith(".tar.gz"):
            return _from_package(path, directory)
        if path.suffix == ".gz":
            target = directory / path.stem
            with gzip.open(path) as packed, target.open("wb") as unpacked:
                shutil.copyfileobj(packed, unpacked, 2**20)
            return target
    except (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError) as error:
        raise InputError(
            f"{path}: cannot be unpacked ({error}); delete it to have it downloaded again"
        ) from error
    return path


def _from_package(path: Path, directory: Path) -> Path:
    with tarfile.open(path) as package:
        members = [member for member in package if R_DATA.search(member.name)]
        if len(members) != 1:
            names = ", ".join(member.name for member in members) or "none"
            raise InputError(
                f"{path}: one R data file under data/ is expected in the package, found {names}"
            )
        package.extract(members[0], directory, filter="data")
        return directory / members[0].name
