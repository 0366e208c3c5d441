"""Which test files need PyTorch: found in what they import, run and ask for, without importing it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from places import REPOSITORY

TESTS = REPOSITORY / "tests"
# Where a test file finds what it imports and runs, as pytest's pythonpath in pyproject.toml has it.
FOLDERS = (
    REPOSITORY / "workflow" / "scripts",
    REPOSITORY / "reproduction",
    REPOSITORY / "reproduction" / "scripts",
    *(TESTS / name for name in ("helpers", "bench", "slurm")),
)


def suite() -> list[Path]:
    """Return every test file that `make test` collects."""
    return sorted(file for file in TESTS.rglob("test_*.py") if file.parent.name != "slurm")


@cache
def needs_torch(file: Path) -> bool:
    """Tell whether a test file imports or runs what imports PyTorch, or runs the whole workflow."""
    parts = [ast.parse(file.read_text(encoding="utf-8")), *fixtures_of(file)]
    # Snakemake computes nothing without being told how many cores to take.
    if any("--cores" in constants(part) for part in parts):
        return True
    ran = (folder / text for part in parts for text in constants(part) if text.endswith(".py")
           for folder in (REPOSITORY, *FOLDERS))  # fmt: skip
    return any(imports_torch(path) for path in (file, *ran) if path.is_file())


def imports_torch(file: Path) -> bool:
    """Tell whether a file, or one of this repository that it imports, imports PyTorch."""
    seen, waiting = set(), [file]
    while waiting:
        file = waiting.pop()
        for name in imported(file):
            if name.partition(".")[0] == "torch":
                return True
            found = {path for folder in FOLDERS if (path := folder / module_path(name)).is_file()}
            waiting += found - seen
            seen |= found
    return False


def module_path(name: str) -> str:
    return f"{name.replace('.', '/')}.py"


@cache
def imported(file: Path) -> frozenset[str]:
    """Return the modules that a file imports when it runs, also within functions."""
    return frozenset(_names(ast.parse(file.read_text(encoding="utf-8"))))


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield str(node.module)
        # What is taken from a package may be a module of it.
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    for child in ast.iter_child_nodes(node):
        yield from _names(child)


def constants(node: ast.AST) -> set[str]:
    """Return the texts in a piece of a program."""
    found = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
    return {value for value in found if isinstance(value, str)}


def fixtures_of(file: Path) -> list[ast.FunctionDef]:
    """Return the fixtures of conftest.py files that the functions of a file ask for."""
    asked = {
        argument.arg
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        for argument in node.args.args
    }
    return [
        node
        for folder in file.parents
        if folder.is_relative_to(TESTS) and (folder / "conftest.py").is_file()
        for node in ast.parse((folder / "conftest.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name in asked
    ]
