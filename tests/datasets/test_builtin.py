"""Built-in datasets: what is made of their downloads."""

from __future__ import annotations

import gzip
import logging
import runpy
import shutil
import tarfile
from dataclasses import replace
from types import SimpleNamespace

import cell_files
import numpy as np
import pandas as pd
import pytest
import yaml
from cell_files import counts
from places import REPOSITORY

from sharedim.datasets.builtin import read_built_in
from sharedim.datasets.catalogue import BUILT_IN
from sharedim.errors import InputError
from sharedim.io.paired import read_paired_cells

SCHEMA = yaml.safe_load((REPOSITORY / "workflow/schemas/config.schema.yaml").read_text())


@pytest.fixture(scope="module")
def cells():
    rna, prot = counts(600, 250, "g"), counts(600, 8, "p", seed=1)
    obs = pd.DataFrame(
        {"cell_type": ["A", "B", "C"] * 200, "batch": ["s1d1", "s2d4"] * 300}, index=rna.obs_names
    )
    return rna, prot, obs


def test_the_schema_knows_them():
    assert SCHEMA["properties"]["dataset"]["enum"] == list(BUILT_IN)
    files = [built_in.file for built_in in BUILT_IN.values()]
    assert len(set(files)) == len(files)
    for built_in in BUILT_IN.values():
        assert built_in.url.endswith(f"/{built_in.file}")


def zipped(path, target):
    with path.open("rb") as plain, gzip.open(target, "wb") as packed:
        shutil.copyfileobj(plain, packed)


def packaged(path, target, name="bmcite.SeuratData/data/bmcite.rda"):
    with tarfile.open(target, "w:gz") as package:
        package.add(path, name)


def download_of(name, folder, cells):
    """Write what the address of a built-in dataset gives."""
    target = folder / BUILT_IN[name].file
    if name == "pbmc10k":
        cell_files.write_10x_h5(folder, *cells).rename(target)
    elif name == "neurips_bmmc":
        zipped(cell_files.write_neurips_h5ad(folder, *cells), target)
    else:
        packaged(cell_files.write_rda(folder, *cells), target)
    return target


@pytest.fixture
def convert(tmp_path):
    def convert(name, download):
        output = tmp_path / "resources" / f"{name}.h5mu"
        output.parent.mkdir(exist_ok=True)
        job = SimpleNamespace(
            wildcards=SimpleNamespace(built_in=name),
            input=SimpleNamespace(file=str(download)),
            output=SimpleNamespace(cells=str(output)),
            log=[str(tmp_path / "convert.log")],
        )
        script = REPOSITORY / "workflow/scripts/convert_cells.py"
        runpy.run_path(str(script), init_globals={"snakemake": job})
        return output

    yield convert
    logging.captureWarnings(False)
    logging.basicConfig(force=True)


@pytest.mark.parametrize("name", BUILT_IN)
def test_each_becomes_the_same_file(cells, convert, tmp_path, name):
    download = download_of(name, tmp_path, cells)
    output = convert(name, download)
    found = read_paired_cells(output)
    rna, prot, obs = cells
    np.testing.assert_array_equal(found.rna.X.toarray(), rna.X.toarray())
    np.testing.assert_array_equal(found.prot.X.toarray(), prot.X.toarray())
    assert list(found.rna.obs_names) == list(rna.obs_names)
    if name != "pbmc10k":
        assert list(found.labels["cell_type"]) == list(obs["cell_type"])
        assert list(found.batch) == list(obs["batch"])
    log = (tmp_path / "convert.log").read_text()
    assert (
        f"holds 600 cells where {BUILT_IN[name].cells} are expected: is it the right file?" in log
    )
    # Nothing unpacked stays, and the download's checksum is on record.
    assert list(output.parent.iterdir()) == [output]
    assert download.with_name(f"{download.name}.sha256").exists()


def test_another_file_of_the_same_name_is_noticed(cells, convert, tmp_path):
    download = download_of("pbmc10k", tmp_path, cells)
    convert("pbmc10k", download)
    with download.open("ab") as file:
        file.write(b"more")
    with pytest.raises(SystemExit):
        convert("pbmc10k", download)
    log = (tmp_path / "convert.log").read_text()
    assert f"delete {download}.sha256 to accept the new file" in log


def test_a_download_that_cannot_be_read_says_how_to_begin_anew(cells, convert, tmp_path):
    for name, spoilt, sentence in (
        ("neurips_bmmc", slice(5000), "cannot be unpacked"),
        ("bmcite", slice(5000), "cannot be unpacked"),
        ("pbmc10k", slice(20_000), "the HDF5 file is cut short"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        path = download_of(name, folder, cells)
        path.write_bytes(path.read_bytes()[spoilt])
        with pytest.raises(SystemExit):
            convert(name, path)
        log = (tmp_path / "convert.log").read_text()
        assert sentence in log
        assert f"if the download went wrong, delete {path} and {path}.sha256 and run again" in log
        assert list((tmp_path / "resources").iterdir()) == []


def test_a_package_without_its_data_is_refused(tmp_path):
    (tmp_path / "readme").touch()
    packaged(tmp_path / "readme", tmp_path / "p.tar.gz", "bmcite.SeuratData/R/zzz.R")
    with pytest.raises(InputError, match=r"one R data file under data/ is expected .* found none"):
        read_built_in(BUILT_IN["bmcite"], tmp_path / "p.tar.gz", tmp_path)


def test_a_path_of_a_package_leads_nowhere(cells, tmp_path):
    packed, unpacked = tmp_path / "packed", tmp_path / "deep" / "unpacked"
    packed.mkdir()
    unpacked.mkdir(parents=True)
    download = packed / "p.tar.gz"
    packaged(cell_files.write_rda(packed, *cells), download, "../../data/bmcite.rda")
    assert read_built_in(BUILT_IN["bmcite"], download, unpacked).rna.n_obs == 600
    # Beside the folder of packed files nothing but what was unpacked into the folder given.
    assert sorted(tmp_path.iterdir()) == [tmp_path / "deep", packed]
    assert list(tmp_path.glob("deep/**/*")) == [unpacked, unpacked / "cells.rda"]


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]
)
def test_only_a_regular_file_is_taken_from_a_package(tmp_path, kind):
    member = tarfile.TarInfo("bmcite.SeuratData/data/bmcite.rda")
    member.type, member.linkname = kind, "/etc/hostname"
    with tarfile.open(tmp_path / "p.tar.gz", "w:gz") as package:
        package.addfile(member)
    (tmp_path / "unpacked").mkdir()
    with pytest.raises(InputError, match=r"bmcite\.rda is expected to be a regular file, and is a"):
        read_built_in(BUILT_IN["bmcite"], tmp_path / "p.tar.gz", tmp_path / "unpacked")
    assert not list((tmp_path / "unpacked").iterdir())


@pytest.fixture
def fetch(tmp_path, monkeypatch):
    """Run the download job for an address on this machine."""

    def fetch(url):
        target = tmp_path / "resources" / BUILT_IN["pbmc10k"].file
        monkeypatch.setitem(BUILT_IN, "pbmc10k", replace(BUILT_IN["pbmc10k"], url=url))
        job = SimpleNamespace(
            output=SimpleNamespace(file=str(target)), log=[str(tmp_path / "download.log")]
        )
        script = REPOSITORY / "workflow/scripts/download_cells.py"
        runpy.run_path(str(script), init_globals={"snakemake": job})
        return target

    yield fetch
    logging.captureWarnings(False)
    logging.basicConfig(force=True)


def test_without_a_connection_a_person_is_told_what_to_put_where(fetch, tmp_path):
    with pytest.raises(SystemExit):
        fetch("http://127.0.0.1:9/cells.h5")
    [line] = [
        line for line in (tmp_path / "download.log").read_text().splitlines() if "error:" in line
    ]
    assert line.endswith(
        "error: http://127.0.0.1:9/cells.h5: could not be downloaded (the connection failed); "
        "download it on a machine with a connection and put it at "
        f"{tmp_path / 'resources' / BUILT_IN['pbmc10k'].file}"
    )
    assert list((tmp_path / "resources").iterdir()) == []


def test_what_is_there_is_not_downloaded_again(fetch, tmp_path):
    target = tmp_path / "resources" / BUILT_IN["pbmc10k"].file
    target.parent.mkdir()
    target.write_bytes(b"put there by hand")
    assert fetch("http://127.0.0.1:9/cells.h5").read_bytes() == b"put there by hand"
    assert "is already there" in (tmp_path / "download.log").read_text()
