"""Every command in a document is run, or planned; one that nobody knows is refused."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import Checkout, copy_of_the_workflow
from documents import SHELL, blocks_of, commands, documents
from places import REPOSITORY

COMMANDS = commands()
# Those without commands too.
MARKDOWN = sorted(
    str(path.relative_to(REPOSITORY))
    for folder in (".", "config", "docs", "results", "resources", "workflow")
    for path in (REPOSITORY / folder).glob("*.md")
)
SNAKEMAKE = ".venv/bin/snakemake"
# Files that documents speak of, each a small one here.
CELLS = (
    "cells.h5mu",
    "path/to/cells.h5mu",
    "path/to/new_cells.h5mu",
    "pbmc10k.h5mu",
    "new_cells.h5mu",
)
# Planning only asks whether they are there.
MODELS = ("path/to/model.safetensors", "results/pbmc10k/model.safetensors")
# What it takes to run them is not here, and why.
ELSEWHERE = {
    "snakedeploy deploy-workflow": "fetches a release, and there is none yet",
    "sudo apt-get install": "installs packages of the system; tests/fresh_machine.sh does it",
}
# Quick, and changes nothing.
AS_IT_STANDS = ("make check",)


@pytest.fixture(scope="module")
def prepared(small_file, tmp_path_factory) -> Checkout:
    """A checkout with the files that documents name, whose environment is the one of the tests."""
    checkout = copy_of_the_workflow(tmp_path_factory.mktemp("documents") / "checkout")
    for name in CELLS:
        (checkout.path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(small_file, checkout.path / name)
    for name in MODELS:
        (checkout.path / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout.path / name).touch()
    (checkout.path / ".venv").symlink_to(Path(sys.prefix))
    # Older than the marks of the environment, so that make installs nothing.
    for lock in ("requirements.lock", "requirements-test.lock", "pyproject.toml"):
        os.utime(checkout.path / lock, (0, 0))
    return checkout


def run(checkout: Checkout, command: str) -> subprocess.CompletedProcess:
    library = str(checkout.path / "workflow" / "scripts")
    return subprocess.run(
        shlex.split(command), cwd=checkout.path, capture_output=True, text=True, check=False,
        env=os.environ | {"PWD": str(checkout.path), "PYTHONPATH": library},
    )  # fmt: skip


def tried(command: str) -> str | None:
    """Return what is run in place of a command: itself, its plan, or nothing."""
    if command.startswith(AS_IT_STANDS):
        return command
    if command.startswith("make "):
        return command.replace("make ", "make -n ", 1)
    if command.startswith(f"{SNAKEMAKE} "):
        return f"{command} -n"
    if command.startswith(tuple(ELSEWHERE)):
        return None
    raise AssertionError(
        f"{command}: tests/integration/test_documents.py does not know how to try this; teach it"
    )


def test_documents_are_read():
    assert {"README.md", "docs/tutorial.md", "config/README.md"} <= set(documents())
    assert len(COMMANDS) >= 12
    assert any("README.md" in named for named in COMMANDS.values())


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_a_document(prepared, command):
    trial = tried(command)
    if trial is None:
        [reason] = [why for start, why in ELSEWHERE.items() if command.startswith(start)]
        pytest.skip(reason)
    done = run(prepared, trial)
    assert done.returncode == 0, f"{COMMANDS[command]}\n{done.stdout}{done.stderr}"
    if trial.endswith(" -n"):
        assert re.search(r"^total +[1-9]", done.stdout + done.stderr, re.MULTILINE)


def test_an_unknown_command_is_refused():
    with pytest.raises(AssertionError, match="does not know how to try this"):
        tried("sharedim --help")


def test_every_block_says_its_language():
    # A block without one would escape.
    known = {*SHELL, "python", "yaml"}
    without = [
        (document, block.text.splitlines()[0])
        for document in documents()
        for block in blocks_of(document)
        if block.language not in known and re.search(r"snakemake|make ", block.text)
    ]
    assert not without


def test_make_targets_are_helped():
    """Every target of a person is in `make help`, and what help names is there."""
    text = (REPOSITORY / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", text, re.MULTILINE)) - {
        "help",
        "usable-python",
        "what-comes",
    }
    helped = set(re.findall(r'echo "make ([a-z-]+)', text))
    assert targets == helped


@pytest.mark.parametrize("document", documents())
def test_links_lead_somewhere(document):
    source = REPOSITORY / document
    for target in re.findall(r"\]\((?!https?://)([^)\s]+)\)", source.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        path = (source.parent / name).resolve() if name else source
        assert path.exists(), target
        if anchor and path.suffix == ".md":
            assert anchor in anchors(path), target


def anchors(path: Path) -> set[str]:
    """Return the anchors that headings have on the pages of a forge."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}


def broken_tables(text: str) -> list[str]:
    """Return the first row of every block of rows whose second is not the line under a heading."""
    program = re.compile(r"^(```+).*?^\1$", re.MULTILINE | re.DOTALL)
    blocks = re.findall(r"^(?:[ ]*\|.*\n?)+", program.sub("", text), re.MULTILINE)
    line = re.compile(r"[ ]*\|([ ]*:?-+:?[ ]*\|)+[ ]*")
    return [
        block.splitlines()[0]
        for block in blocks
        if not line.fullmatch("".join(block.splitlines()[1:2]))
    ]


@pytest.mark.parametrize("document", MARKDOWN)
def test_tables_are_whole(document):
    assert broken_tables((REPOSITORY / document).read_text(encoding="utf-8")) == []


def test_a_broken_table_is_found():
    whole = "| a | b |\n|---|:-:|\n| 1 | 2 |\n"
    assert broken_tables(f"{whole}\nText\n\n{whole}```sh\n| sort\n```\n") == []
    assert broken_tables(f"{whole}\n| 3 | 4 |\n| 5 | 6 |\n") == ["| 3 | 4 |"]
    assert broken_tables("Text\n\n| 3 | 4 |") == ["| 3 | 4 |"]


def test_pictures_of_documents_are_small():
    pictures = list((REPOSITORY / "docs" / "images").iterdir())
    assert pictures
    assert max(picture.stat().st_size for picture in pictures) < 150_000
    assert sum(picture.stat().st_size for picture in pictures) < 600_000
