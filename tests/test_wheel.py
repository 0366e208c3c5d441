"""The wheel that pyproject.toml builds: every module of the library is in it and can be imported."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from places import REPOSITORY

LIBRARY = REPOSITORY / "workflow" / "scripts" / "sharedim"
IMPORTS = """
import importlib, pathlib, sys
folder = pathlib.Path(sys.argv[1])
for file in sorted(folder.rglob("*.py")):
    name = ".".join(file.relative_to(folder.parent).with_suffix("").parts).removesuffix(".__init__")
    module = importlib.import_module(name)
    assert pathlib.Path(module.__file__) == file, (module.__file__, file)
    print(name)
"""


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    # Built from a copy, since a build leaves folders beside the sources.
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    scripts = REPOSITORY / "workflow" / "scripts"
    shutil.copytree(scripts, source / "workflow" / "scripts", ignore=ignored)
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(target), str(source))
    [built] = target.glob("*.whl")
    return built


def test_it_holds_every_file_of_the_library(wheel):
    with zipfile.ZipFile(wheel) as file:
        held = {name for name in file.namelist() if name.startswith("sharedim/")}
    files = [file for file in LIBRARY.rglob("*") if file.suffix in (".py", ".j2", ".typed")]
    assert held == {f"sharedim/{file.relative_to(LIBRARY).as_posix()}" for file in files}


def test_every_module_is_imported_from_an_environment_with_the_wheel_alone(wheel, tmp_path):
    # Which make test-pythons goes without.
    pytest.importorskip("torch")
    venv.create(tmp_path / "empty", with_pip=False)
    python = tmp_path / "empty" / "bin" / "python"
    pip("--python", str(python), "install", "--no-deps", str(wheel))
    [folder] = (tmp_path / "empty").glob("lib/python*/site-packages/sharedim")
    # Dependencies come from here, the library itself does not: links to it in .pth files are not
    # followed from PYTHONPATH.
    done = subprocess.run(
        [str(python), "-c", IMPORTS, str(folder)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": sysconfig.get_path("purelib")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "sharedim.report.page" in done.stdout.split()
