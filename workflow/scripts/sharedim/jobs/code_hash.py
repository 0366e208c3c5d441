"""Hash of the code that a result depends on: the modules that a script imports, and their templates.

Hashed are the path and the syntax tree of each file, without comments, docstrings and what is for type
checkers alone, so that better words make nothing run again.
"""

from __future__ import annotations

import ast
import gc
import hashlib
import re
import string
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import NamedTuple

# A file with such a line, and a reason after it, belongs to no hash, nor does what it imports.
NOT_HASHED = "\n# Not hashed: "
# A name of a template, in quotes, in a module or in another template.
TEMPLATE = re.compile(r"[\"'](\w[\w.]*\.j2)[\"']")
SHARED_TEMPLATES = "sharedim/report/templates"
# Folders of modules. Named, since looking for a file in vain costs a remote module a fetch.
FOLDERS = (
    "sharedim",
    "sharedim/jobs",
    "sharedim/training",
    "sharedim/io",
    "sharedim/datasets",
    "sharedim/preprocessing",
    "sharedim/evaluation",
    "sharedim/embedding",
    "sharedim/report",
    "sharedim/report/figures",
    "experiments",
)
DIGITS = 12
NAME = string.ascii_letters + "_"


@contextmanager
def _without_collection() -> Iterator[None]:
    """Pause the collector of garbage, which would walk whole syntax trees again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _File(NamedTuple):
    """The files that a file names, and its digest unless it belongs to no hash."""

    names: tuple[str, ...]
    digest: bytes | None


class Code:
    """Source of scripts and of the library, read where it is needed.

    Parameters
    ----------
    read : callable
        Takes a path below the folder of the scripts, such as ``sharedim/errors.py``, and returns the
        content of that file, or None where there is no such file.
    packages : tuple of str
        Packages beside the scripts, whose imports are followed.
    """

    def __init__(
        self, read: Callable[[str], bytes | None], packages: tuple[str, ...] = ("sharedim",)
    ) -> None:
        self._read = cache(read)
        self._file = cache(self._file_at)
        self._packages = packages

    def hash_of(self, *starts: str) -> str:
        """Return a hash of what some files import, directly or through others, and of themselves.

        Parameters
        ----------
        starts : str
            Paths below the folder of the scripts.

        Returns
        -------
        str
            Twelve hexadecimal digits.
        """
        digest = hashlib.sha256()
        for path in self.files_of(*starts):
            digest.update(path.encode() + b"\0" + (self._file(path).digest or b""))
        return digest.hexdigest()[:DIGITS]

    def files_of(self, *starts: str) -> list[str]:
        """Return the paths of all files that a hash covers, in alphabetical order."""
        found: set[str] = set()
        waiting = list(starts)
        while waiting:
            path = waiting.pop()
            if path not in found and self._file(path).digest is not None:
                found.add(path)
                waiting += self._file(path).names
        return sorted(found)

    def bring_along(self, *starts: str) -> list[str]:
        """Read all files that have to be there for some files to run, and return their paths."""
        found: set[str] = set()
        waiting = list(starts)
        while waiting:
            path = waiting.pop()
            if path not in found:
                found.add(path)
                waiting += self._file(path).names
        # Python opens the packages around a module, which import nothing at that.
        packages = {package for path in found for package in _packages_of(path)}
        for package in packages - found:
            self._read(package)
        return sorted(found | packages)

    def _text(self, path: str) -> str:
        content = self._read(path)
        if content is None:
            raise FileNotFoundError(f"{path}: no such file of the library")
        return content.decode("utf-8")

    @_without_collection()
    def _file_at(self, path: str) -> _File:
        text, folder = self._text(path), path.rpartition("/")[0]
        if path.endswith(".j2"):
            names = {self._template(folder, name) for name in TEMPLATE.findall(text)}
            return _File(tuple(sorted(names)), hashlib.sha256(text.encode()).digest())
        tree = ast.parse(text)
        names = set(_strip(tree, self._imported))
        if ".j2" in text:
            names |= {self._template(f"{folder}/templates", n) for n in TEMPLATE.findall(text)}
        if NOT_HASHED in text:
            return _File(tuple(sorted(names)), None)
        dumped = _dumped_slowly(tree) if "=[]" in text else _dumped(tree)
        return _File(tuple(sorted(names)), hashlib.sha256(dumped.encode()).digest())

    def _template(self, folder: str, name: str) -> str:
        """Return a template in the order in which `sharedim.report.html.render` looks for it."""
        own = f"{folder}/{name}"
        elsewhere = not own.startswith("sharedim/") and self._read(own) is None
        return f"{SHARED_TEMPLATES}/{name}" if elsewhere else own

    def _imported(self, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
        """Yield the files of the packages that a statement imports."""
        names = [alias.name for alias in node.names]
        module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
        relative = isinstance(node, ast.ImportFrom) and node.level > 0
        if isinstance(node, ast.Import) or relative or "*" in names:
            own = [name for name in (module, *names) if name.split(".")[0] in self._packages]
            if own or relative:
                raise ValueError(
                    f"line {node.lineno}: an import in a form that is not followed; write "
                    "'from sharedim.room.module import name'"
                )
        elif module.split(".")[0] in self._packages:
            folder = module.replace(".", "/")
            yield from (
                (f"{folder}/{name}.py" for name in names)
                if folder in FOLDERS
                else (f"{folder}.py",)
            )


def _packages_of(path: str) -> Iterator[str]:
    """Yield the `__init__.py` of every package that a module lies in."""
    yield from (f"{folder}/__init__.py" for folder in FOLDERS if path.startswith(f"{folder}/"))


def _strip(
    block: ast.AST, imported: Callable[[ast.Import | ast.ImportFrom], Iterator[str]]
) -> Iterator[str]:
    """Take what decides nothing out of a tree, in place.

    Yields
    ------
    str
        What its imports give.
    """
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        statements = getattr(block, name, None)
        if isinstance(statements, list):
            statements = [own for own in statements if not _means_nothing(own)]
            setattr(block, name, statements)
            for own in statements:
                if isinstance(own, ast.Import | ast.ImportFrom):
                    yield from imported(own)
                yield from _strip(own, imported)


def _means_nothing(statement: ast.AST) -> bool:
    """Tell docstrings, and what is for type checkers alone."""
    if isinstance(statement, ast.If):
        return isinstance(statement.test, ast.Name) and statement.test.id == "TYPE_CHECKING"
    constant = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(constant, ast.Constant) and isinstance(constant.value, str)


def _dumped(tree: ast.Module) -> str:
    """Return a tree as a text that is the same in every version of Python.

    Newer versions have fields that are empty where an older one can read the file, and leave out what is
    empty.
    """
    *before, last = ast.dump(tree).split("=[]")
    return "".join([*(part.rstrip(NAME).removesuffix(", ") for part in before), last]).replace(
        "(, ", "("
    )


def _dumped_slowly(tree: ast.Module) -> str:
    """Return the same where texts may hold what `_dumped` takes out."""
    for node in ast.walk(tree):
        for name, value in list(ast.iter_fields(node)):
            if value == []:
                delattr(node, name)
    return ast.dump(tree)
