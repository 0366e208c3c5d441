"""Hash of the code that a result depends on: the modules that a script imports, and their templates.

Hashed are the path and the syntax tree of each file, without comments, docstrings and what is for type
checkers alone, so that better words make nothing run again.
"""

from __future__ import annotations

import ast
import hashlib
import re
import string
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

# A file with such a line, and a reason after it, belongs to no hash, nor does what it imports.
NOT_HASHED = "\n# Not hashed: "
# A name of a template, in quotes, in a module or in another template.
TEMPLATE = re.compile(r"[\"'](\w[\w.]*\.j2)[\"']")
SHARED_TEMPLATES = "sharedim/report/templates"
DIGITS = 12
NAME = string.ascii_letters + "_"


class _File(NamedTuple):
    """Digest of a file, the files that it names, and whether it belongs to hashes."""

    digest: bytes
    names: tuple[str, ...]
    hashed: bool = True


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
            digest.update(path.encode() + b"\0" + self._file(path).digest)
        return digest.hexdigest()[:DIGITS]

    def files_of(self, *starts: str) -> list[str]:
        """Return the paths of all files that a hash covers, in alphabetical order."""
        found: set[str] = set()
        waiting = list(starts)
        while waiting:
            path = waiting.pop()
            if path not in found and self._file(path).hashed:
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
        return sorted(found.union(*map(self._packages_of, found)))

    def _text(self, path: str) -> str:
        content = self._read(path)
        if content is None:
            raise FileNotFoundError(f"{path}: no such file of the library")
        return content.decode("utf-8")

    def _file_at(self, path: str) -> _File:
        text, folder = self._text(path), path.rpartition("/")[0]
        if path.endswith(".j2"):
            names = {self._template(folder, name) for name in TEMPLATE.findall(text)}
            return _File(hashlib.sha256(text.encode()).digest(), tuple(sorted(names)))
        tree = ast.parse(text)
        names = set(_strip(tree, self._imported))
        names |= {self._template(f"{folder}/templates", n) for n in TEMPLATE.findall(text)}
        digest = hashlib.sha256(_dumped(tree).encode()).digest()
        return _File(digest, tuple(sorted(names)), hashed=NOT_HASHED not in text)

    def _template(self, folder: str, name: str) -> str:
        """Return a template in the order in which `sharedim.report.html.render` looks for it."""
        own = f"{folder}/{name}"
        return own if self._read(own) is not None else f"{SHARED_TEMPLATES}/{name}"

    def _imported(self, node: ast.ImportFrom) -> Iterator[str]:
        """Yield the files of the library that a statement imports."""
        if node.module is None or node.module.split(".")[0] not in self._packages:
            return
        folder = node.module.replace(".", "/")
        if self._read(f"{folder}/__init__.py") is None:
            yield f"{folder}.py"
            return
        for name in (alias.name for alias in node.names):
            if self._read(f"{folder}/{name}.py") is not None:
                yield f"{folder}/{name}.py"
            else:
                # A name that the package itself defines.
                yield f"{folder}/__init__.py"

    def _packages_of(self, path: str) -> Iterator[str]:
        """Yield the `__init__.py` of every package that a module lies in."""
        *folders, _ = path.split("/")
        for depth in range(1, len(folders) + 1):
            package = "/".join([*folders[:depth], "__init__.py"])
            if self._read(package) is not None:
                yield package


def _strip(block: ast.AST, imported: Callable[[ast.ImportFrom], Iterator[str]]) -> Iterator[str]:
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
                if isinstance(own, ast.ImportFrom):
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
