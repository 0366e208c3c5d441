"""The commands and programs that the documents show."""

from __future__ import annotations

import re
import shlex
from typing import NamedTuple

from places import REPOSITORY

SHELL = ("sh", "bash", "console")


class Block(NamedTuple):
    """A fenced block of a document."""

    document: str
    language: str
    text: str

    @property
    def commands(self) -> list[str]:
        """The commands of a block of a shell, without comments, continued lines joined."""
        joined = re.sub(r"\\\n\s*", "", self.text)
        words = (shlex.split(line, comments=True) for line in joined.splitlines())
        return [shlex.join(command) for command in words if command]


def documents() -> list[str]:
    """Return every document with commands, by its path in the repository."""
    found = [
        REPOSITORY / "README.md",
        *REPOSITORY.glob("docs/*.md"),
        REPOSITORY / "config/README.md",
    ]
    return sorted(str(path.relative_to(REPOSITORY)) for path in found)


def blocks_of(document: str) -> list[Block]:
    """Return the fenced blocks of a document, in order."""
    text = (REPOSITORY / document).read_text(encoding="utf-8")
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(document, language, content) for language, content in found]


def commands() -> dict[str, list[str]]:
    """Return every command, with the documents it is in."""
    found: dict[str, list[str]] = {}
    for document in documents():
        for block in blocks_of(document):
            if block.language in SHELL:
                for command in block.commands:
                    found.setdefault(command, []).append(document)
    return found
