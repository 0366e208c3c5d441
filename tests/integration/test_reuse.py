"""Used by others: as a module, from a checkout nobody may write to, and moved elsewhere afterwards."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from checkout import SNAKEMAKE, Checkout, copy_of_the_workflow
from places import REPOSITORY


def snippet(language: str) -> str:
    """Return the outer workflow that docs/module.md shows, or its configuration."""
    text = (REPOSITORY / "docs" / "module.md").read_text()
    [found] = re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return found


def test_a_module_of_another_workflow(checkout, small_file, tmp_path):
    """The documented workflow, on two datasets, with a checkpoint, from and at paths with spaces."""
    outer = Checkout(tmp_path / "an outer workflow")
    (outer.path / "config").mkdir(parents=True)
    (outer.path / "cells").mkdir()
    shutil.copy(small_file, outer.path / "cells" / "blood.h5mu")
    documented = snippet("python")
    remote = re.search(r"github\(.*?\)", documented, re.DOTALL)[0]
    assert 'path="workflow/Snakefile"' in remote
    local = repr(str(checkout.path / "workflow" / "Snakefile"))
    (outer.path / "Snakefile").write_text(documented.replace(remote, local))
    (outer.path / "config" / "config.yaml").write_text(snippet("yaml"))

    done = outer.snakemake("--cores", "2")
    assert done.code == 0, done.text
    assert done.jobs["sharedim_choose_dims"] == 2
    assert done.jobs["recommended"] == 1
    for dataset in ("blood", "known"):
        folder = outer.path / "results" / "sharedim" / dataset
        answer = json.loads((folder / "answer.json").read_text())
        assert answer["sentence"].split(":")[0] in (folder / "report.html").read_text()
        check = json.loads((folder / "check.json").read_text())
        assert check["paired_cells"] == 600
    recommended = (outer.path / "results" / "recommended.txt").read_text()
    assert [line.split("\t")[0] for line in recommended.splitlines()] == ["blood", "known"]
    assert not (checkout.path / "results").exists()
    assert outer.snakemake("-n").jobs == {}


def read_only(path: Path) -> None:
    for entry in (path, *path.rglob("*")):
        entry.chmod(0o555 if entry.is_dir() else 0o444)


def bound_by_permissions() -> tuple[str, ...]:
    """Return what to put before a command so that permissions hold, which root's do not."""
    if os.geteuid() != 0:
        return ()
    if not shutil.which("setpriv"):
        pytest.skip("root may write anywhere, and there is no setpriv to give that up")
    powers = "-dac_override,-dac_read_search"
    return ("setpriv", f"--bounding-set={powers}", f"--inh-caps={powers}")


def test_a_read_only_checkout_and_results_that_move(small_file, tmp_path):
    checkout = copy_of_the_workflow(tmp_path / "a checkout")
    work, moved = Checkout(tmp_path / "my work"), Checkout(tmp_path / "moved")
    work.path.mkdir()
    shutil.copy(small_file, work.path / "cells.h5mu")
    command = (
        "-s", str(checkout.path / "Snakefile"), "--cores", "2",
        "--config", "h5mu=cells.h5mu", "dims=2", "seeds=2", "recipes=cca",
    )  # fmt: skip
    bound = (*bound_by_permissions(), SNAKEMAKE)
    read_only(checkout.path)
    try:
        with pytest.raises(subprocess.CalledProcessError):
            subprocess.run([*bound[:-1], "touch", str(checkout.path / "new")], check=True)
        done = work.snakemake(*command, "--directory", str(work.path), command=bound)
        assert done.code == 0, done.text
        assert (work.path / "results" / "cells" / "report.html").exists()
        assert not list(checkout.path.rglob("__pycache__"))
        # Moved as a whole, the run is still finished.
        work.path.rename(moved.path)
        again = moved.snakemake("-n", *command, command=bound)
    finally:
        for folder in (checkout.path, *filter(Path.is_dir, checkout.path.rglob("*"))):
            folder.chmod(0o755)
    assert again.code == 0, again.text
    assert "Nothing to be done" in again.text
    assert_no_path_is_named(moved.path / "results", tmp_path)
    check = json.loads((moved.path / "results" / "cells" / "check.json").read_text())
    assert check["file"] == "cells.h5mu"


def content(path: Path) -> bytes:
    packed = path.suffix == ".gz"
    return gzip.decompress(path.read_bytes()) if packed else path.read_bytes()


def assert_no_path_is_named(results: Path, place: Path) -> None:
    files = [path for path in results.rglob("*") if path.is_file()]
    assert len(files) > 15
    for path in files:
        assert str(place).encode() not in content(path), path


def test_a_whole_copy_elsewhere_is_finished_too(undisturbed, tmp_path):
    copy = undisturbed.copied(tmp_path / "elsewhere")
    done = copy.snakemake("-n", "--configfile", "small.yaml")
    assert done.code == 0, done.text
    assert "Nothing to be done" in done.text
    assert_no_path_is_named(copy.path / "results", undisturbed.checkout.path)
    # Results and logs alone, beside another copy of the workflow.
    other = copy_of_the_workflow(tmp_path / "another checkout")
    for part in ("results", "logs", "small.yaml"):
        (copy.path / part).rename(other.path / part)
    done = other.snakemake("-n", "--configfile", "small.yaml")
    assert "Nothing to be done" in done.text
    # As a fresh clone has them: newer than the results.
    for script in other.path.glob("workflow/scripts/*.py"):
        script.touch()
    assert "check_cells" in other.snakemake("-n", "--configfile", "small.yaml").jobs
    touched = other.snakemake("--touch", "--cores", "1", "--configfile", "small.yaml")
    assert touched.code == 0, touched.text
    done = other.snakemake("-n", "--configfile", "small.yaml")
    assert "Nothing to be done" in done.text
