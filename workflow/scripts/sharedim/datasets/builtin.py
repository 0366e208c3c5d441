"""Built-in datasets: their downloads verified, unpacked and read."""

from __future__ import annotations

import gzip
import logging
import re
import shutil
import tarfile
import zlib
from pathlib import Path

from sharedim.datasets.catalogue import BuiltIn
from sharedim.datasets.download import lock_of, verify
from sharedim.errors import InputError
from sharedim.io.paired import Pairs, pair_cells

logger = logging.getLogger(__name__)

R_DATA = re.compile(r"(^|/)data/[^/]+\.(rda|rdata|rds)$", flags=re.IGNORECASE)


def read_built_in(built_in: BuiltIn, download: Path, directory: Path) -> Pairs:
    """Verify, unpack and read the download of a built-in dataset.

    Parameters
    ----------
    built_in : BuiltIn
        Which one.
    download : Path
        The file, downloaded or put there by hand.
    directory : Path
        Where to unpack.

    Returns
    -------
    Pairs

    Raises
    ------
    InputError
        If the download is not the expected one or cannot be read.
    """
    verify(download, built_in.sha256)
    try:
        pairs = pair_cells(_unpack(download, directory))
    except InputError as error:
        # A page that a server sent in place of the file has got a checksum on record too.
        raise InputError(
            f"{error}; if the download went wrong, delete {download} and {lock_of(download)} and run "
            "again"
        ) from error
    if pairs.rna.n_obs != built_in.cells:
        logger.warning(
            "%s holds %d cells where %d are expected: is it the right file?",
            download,
            pairs.rna.n_obs,
            built_in.cells,
        )
    return pairs


def _unpack(path: Path, directory: Path) -> Path:
    """Return the file with cells inside a download, or the download if it is not packed."""
    try:
        if path.name.endswith(".tar.gz"):
            return _from_package(path, directory)
        if path.suffix == ".gz":
            target = directory / path.stem
            with gzip.open(path) as packed, target.open("wb") as unpacked:
                shutil.copyfileobj(packed, unpacked, 2**20)
            return target
    except (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError) as error:
        raise InputError(f"{path}: cannot be unpacked ({error})") from error
    return path


def _from_package(path: Path, directory: Path) -> Path:
    with tarfile.open(path) as package:
        members = [member for member in package if R_DATA.search(member.name)]
        if len(members) != 1:
            names = ", ".join(member.name for member in members) or "none"
            raise InputError(
                f"{path}: one R data file under data/ is expected in the package, found {names}"
            )
        [member] = members
        content = package.extractfile(member) if member.isreg() else None
        if content is None:
            raise InputError(
                f"{path}: {member.name} is expected to be a regular file, and is a link, folder or device"
            )
        # The content alone, under a name of our own, so that no path of the package is followed. The
        # filters of tarfile would do, but came with Python 3.11.4.
        target = directory / f"cells{Path(member.name).suffix}"
        with content as packed, target.open("wb") as unpacked:
            shutil.copyfileobj(packed, unpacked, 2**20)
        return target
