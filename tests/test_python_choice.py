"""Which Python the environment is made with, and the sentence where there is none for it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from places import REPOSITORY

NEEDED = "Python 3.11, 3.12 or 3.13 is needed"
INSTALL = "sudo apt-get install git make python3-venv"
# As Debian has it without python3-venv, and as pyenv has it where no version is chosen.
WITHOUT_VENV = "without venv"
SHIM = "shim"


def interpreter(path: Path, version: str, *lacks: str) -> None:
    """Write what answers like a Python, as far as it is asked here; it cannot make environments."""
    if SHIM in lacks:
        text = "exit 127"
    else:
        asked = "exit 1" if WITHOUT_VENV in lacks else "exit 0"
        text = f'case "$*" in *ensurepip*) {asked} ;; *venv*) exit 1 ;; esac\necho {version}'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def folder(tmp_path):
    """What make needs of a checkout; its lock is empty, so that no mistake here installs anything."""
    folder = tmp_path / "a checkout"
    (folder / "envs").mkdir(parents=True)
    shutil.copy(REPOSITORY / "Makefile", folder)
    shutil.copy(REPOSITORY / "envs/python.sh", folder / "envs")
    (folder / "requirements.lock").touch()
    (folder / "pyproject.toml").touch()
    return folder


@pytest.fixture
def ask(folder, tmp_path):
    """Run a command where the given interpreters are all there is, beside make and a shell."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("make", "sh", "bash", "dirname", "grep", "rm", "touch"):
        (tools / tool).symlink_to(shutil.which(tool))

    def ask(command: list[str], interpreters: dict[str, tuple[str, ...]]):
        for name, answer in interpreters.items():
            interpreter(tmp_path / "pythons" / name, *answer)
        return subprocess.run(
            command, cwd=folder, env={"PATH": f"{tmp_path / 'pythons'}:{tools}"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    return ask


REFUSALS = {
    "none": ({}, (), f"{NEEDED}, and python3 is not there or does not start: {INSTALL}"),
    "a shim": (
        {"python3.12": ("", SHIM)}, (),
        f"{NEEDED}, and python3 is not there or does not start: {INSTALL}",
    ),
    "too old": (
        {"python3": ("3.9.2",)}, (),
        f"Python 3.9.2 (python3) is not supported, {NEEDED}: install one and name it, "
        f"make run PYTHON=python3.13, or take that of Debian or Ubuntu, {INSTALL}",
    ),
    "too new": (
        {"python3": ("3.14.0rc1",)}, (),
        f"Python 3.14.0rc1 (python3) is not supported, {NEEDED}: install one and name it, "
        f"make run PYTHON=python3.13, or take that of Debian or Ubuntu, {INSTALL}",
    ),
    "without venv": (
        {"python3": ("3.11.2", WITHOUT_VENV), "python3.11": ("3.11.2", WITHOUT_VENV)}, (),
        "Python 3.11.2 (python3.11) makes no environment, since its module venv or ensurepip is "
        f"missing: {INSTALL}",
    ),
    "named, too new": (
        {"python3.14": ("3.14.0",), "python3.13": ("3.13.0",)}, ("PYTHON=python3.14",),
        f"Python 3.14.0 (python3.14) is not supported, {NEEDED}: make run PYTHON=python3.13",
    ),
    "named, not there": (
        {"python3": ("3.12.1",)}, ("PYTHON=python3.13",),
        f"{NEEDED}, and python3.13 is not there or does not start: make run PYTHON=python3",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
@pytest.mark.parametrize("goal", ["run", "test"])
def test_one_sentence_before_anything_is_installed(ask, folder, case, goal):
    interpreters, named, sentence = REFUSALS[case]
    done = ask(["make", goal, *named], interpreters)
    said, make = done.stderr.splitlines()
    assert said == sentence.replace("make run", f"make {goal}")
    assert make.startswith("make: *** ")
    assert (done.returncode, done.stdout) == (2, "")
    assert not (folder / ".venv").exists()


@pytest.mark.parametrize(
    ("interpreters", "named", "chosen"),
    [
        ({"python3.11": ("3.11.2",), "python3.12": ("3.12.1",), "python3": ("3.12.1",)}, (), "python3.11"),
        ({"python3.11": ("", SHIM), "python3.12": ("3.12.1",)}, (), "python3.12"),
        ({"python3.13": ("3.13.0",), "python3": ("3.14.0",)}, (), "python3.13"),
        ({"python3": ("3.11.0",)}, (), "python3"),
        ({"python3.12": ("3.12.1", WITHOUT_VENV), "python3": ("3.13.0",)}, (), "python3"),
        ({"python3.11": ("3.11.2",), "python3.12": ("3.12.1",)}, ("python3.12",), "python3.12"),
    ],
)  # fmt: skip
def test_the_first_that_will_do_is_taken(ask, interpreters, named, chosen):
    done = ask(["sh", "envs/python.sh", "run", *named], interpreters)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{chosen}\n", "")


def made_with(folder: Path, version: str) -> None:
    """Write what make finds of a finished environment."""
    interpreter(folder / ".venv/bin/python", version)
    (folder / ".venv/ready").touch()


@pytest.mark.parametrize("named", [(), ("PYTHON=python3.12",)])
def test_an_environment_of_the_python_in_question_is_kept(ask, folder, named):
    made_with(folder, "3.12.1")
    here = {"python3.11": ("3.11.2",), "python3.12": ("3.12.1",)}
    done = ask(["make", "-n", "check", *named], here)
    assert done.returncode == 0, done.stderr
    assert "Installing" not in done.stdout
    # A newer lock is installed into it, and nothing is made with another Python.
    os.utime(folder / ".venv/ready", (0, 0))
    done = ask(["make", "-n", "check", *named], here)
    assert "pip install" in done.stdout
    assert not re.search(r"rm -rf|-m venv", done.stdout)


def test_an_environment_of_another_python_is_made_anew(ask, folder):
    made_with(folder, "3.11.7")
    here = {"python3": ("3.11.2",), "python3.14": ("3.14.0",)}
    done = ask(["make", "-n", "check", "PYTHON=python3"], here)
    assert "The environment in .venv is of Python 3.11.7 and is made anew" in done.stdout
    assert "rm -rf .venv && " in done.stdout
    # Not for one that will not do.
    done = ask(["make", "check", "PYTHON=python3.14"], here)
    assert "Python 3.14.0 (python3.14) is not supported" in done.stderr
    assert (folder / ".venv/ready").exists()


def test_an_environment_that_does_not_start_is_made_anew(ask, folder):
    made_with(folder, "3.11.2")
    (folder / ".venv/bin/python").unlink()
    done = ask(["make", "-n", "check"], {"python3": ("3.13.0",)})
    assert "The environment in .venv no longer starts and is made anew" in done.stdout


def test_every_python_is_tried_and_one_that_fails_fails_the_whole(ask, folder):
    (folder / "tests").mkdir()
    shutil.copy(REPOSITORY / "tests/pythons.sh", folder / "tests")
    # The stand-ins make no environment, so that those which are there fail.
    done = ask(["make", "test-pythons"], {"python3.11": ("3.11.2",), "python3.13": ("3.13.0",)})
    assert done.returncode == 2
    assert done.stdout.splitlines()[1:] == [
        "python3.11: 3.11.2, in .venv-pythons/3.11",
        "python3.12: not found, left out",
        "python3.13: 3.13.0, in .venv-pythons/3.13",
        "Failed with python3.11 python3.13: why is said above",
    ]


def test_the_documents_and_the_package_name_the_same():
    script = (REPOSITORY / "envs/python.sh").read_text()
    assert f'needed="{NEEDED.removesuffix(" is needed")}"' in script
    assert f'install="{INSTALL}"' in script
    assert f"```sh\n{INSTALL}\n```" in (REPOSITORY / "README.md").read_text()
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=3.11,<3.14"
