"""Hashes of code: what changes them, and what does not."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from places import REPOSITORY

from sharedim.jobs.code_hash import FOLDERS, Code

SCRIPTS = REPOSITORY / "workflow" / "scripts"
# A script, two modules that import a third, one of them inside a function, and a page.
FILES = {
    "draw.py": "from sharedim.report.page import render\nrender()\n",
    "count.py": "from sharedim.counting import count\ncount()\n",
    "sharedim/__init__.py": '"""A library."""\n',
    "sharedim/counting.py": '"""Counts."""\n\nfrom sharedim.jobs import constants\n\n\n'
    'def count():\n    """Count."""\n    return constants.ONE  # the first\n',
    "sharedim/jobs/__init__.py": '"""A room."""\n\n__all__ = ["constants"]\n',
    "sharedim/jobs/constants.py": '"""Numbers."""\n\nONE = 1\n',
    "sharedim/jobs/words.py": 'HELLO = "hello"\n',
    "sharedim/report/__init__.py": '"""A room."""\n',
    "sharedim/report/page.py": "def render():\n    from sharedim.jobs.constants import ONE\n"
    '    return "page.html.j2", ONE\n',
    "sharedim/report/templates/page.html.j2": '{% include "head.html.j2" %} page',
    "sharedim/report/templates/head.html.j2": "head",
}  # fmt: skip


def hashes(files):
    encoded = {path: text.encode() for path, text in files.items()}
    code = Code(encoded.get)
    return {script: code.hash_of(script) for script in ("draw.py", "count.py")}


def changed(path, old, new):
    """Return which scripts' hashes an edit of a file changes."""
    assert old in FILES[path]
    edited = {**FILES, path: FILES[path].replace(old, new)}
    before, after = hashes(FILES), hashes(edited)
    return {script for script in before if before[script] != after[script]}


@pytest.mark.parametrize(
    ("path", "old", "new", "scripts"),
    [
        # Constants change the hashes of all above them.
        ("sharedim/jobs/constants.py", "ONE = 1", "ONE = 2", {"draw.py", "count.py"}),
        ("sharedim/counting.py", "constants.ONE", "-constants.ONE", {"count.py"}),
        ("sharedim/report/page.py", ", ONE\n", ", 2\n", {"draw.py"}),
        ("count.py", "\ncount()", "\nprint(count())", {"count.py"}),
        # So do templates, also those that another template loads.
        ("sharedim/report/templates/page.html.j2", "page", "side", {"draw.py"}),
        ("sharedim/report/templates/head.html.j2", "head", "foot", {"draw.py"}),
        # Words, comments, blank lines and the width of lines change none.
        ("sharedim/counting.py", "Counts.", "Better words.", set()),
        ("sharedim/counting.py", '    """Count."""\n', "", set()),
        ("sharedim/counting.py", "  # the first", "", set()),
        ("sharedim/counting.py", "count():\n", "count(\n):\n\n", set()),
        ("sharedim/jobs/__init__.py", '["constants"]', '["constants", "words"]', set()),
        # A module that nothing imports is nobody's.
        ("sharedim/jobs/words.py", "hello", "good morning", set()),
    ],
)
def test_an_edit_changes_the_hashes_above_it(path, old, new, scripts):
    assert changed(path, old, new) == scripts


def test_a_new_import_changes_the_hashes_above_it():
    place, imported = "\n\ndef count", "from sharedim.jobs.words import HELLO\n\n\ndef count"
    assert changed("sharedim/counting.py", place, imported) == {"count.py"}
    files = {**FILES, "sharedim/counting.py": imported + "():\n    return HELLO\n"}
    before = hashes(files)
    after = hashes({**files, "sharedim/jobs/words.py": 'HELLO = "hi"\n'})
    assert {script for script in before if before[script] != after[script]} == {"count.py"}


def test_what_is_for_type_checkers_alone_changes_none():
    typed = "if TYPE_CHECKING:\n    from sharedim.jobs.words import HELLO\n\n\ndef count"
    assert changed("sharedim/counting.py", "def count", typed) == set()


def test_a_module_that_is_marked_changes_none():
    marked = (
        "# Not hashed: it only says what is done.\nfrom sharedim.jobs.words import HELLO\nONE = 1\n"
    )
    files = {**FILES, "sharedim/jobs/constants.py": f"\n{marked}"}
    for path, text in (("sharedim/jobs/constants.py", "ONE = 3\n"), ("sharedim/jobs/words.py", "")):
        assert hashes({**files, path: files[path] + text}) == hashes(files)


def test_the_hash_is_the_same_in_every_version_of_python():
    text = (
        "type_params = []\n@decorate\nclass A(B, metaclass=C):\n"
        "    async def f(self, *a, b: int = 1, **c) -> None:\n        return [f'{b!r:>8}', lambda: {**c}]\n"
        "try:\n    x = (y := 2)\nexcept* ValueError:\n    pass\n"
        "match x:\n    case [1, *_] | {'k': None}:\n        pass\n"
    )  # fmt: skip
    assert Code({"a.py": text.encode()}.get).hash_of("a.py") == "e70879d81eb4"


@pytest.mark.parametrize("statement", [
    "import sharedim.jobs.constants",
    "import os, sharedim.jobs.constants as constants",
    "from sharedim.jobs import *",
    "from .constants import ONE",
])  # fmt: skip
def test_an_import_in_a_form_that_is_not_followed_is_refused(statement):
    files = {**FILES, "count.py": f"def count():\n    {statement}\n"}
    with pytest.raises(ValueError, match="line 2: an import in a form that is not followed"):
        hashes(files)


def test_a_text_that_looks_like_an_empty_field_counts():
    before, after = (
        Code({"a.py": f"x = 'recipes={end}'\n".encode()}.get).hash_of("a.py") for end in ("[]", "")
    )
    renamed = Code({"a.py": b"x = 'dims=[]'\n"}.get).hash_of("a.py")
    assert len({before, after, renamed}) == 3


def test_no_file_is_looked_for_in_vain():
    # Which a remote module would ask its origin for, in every job.
    asked = []
    code = Code(lambda path: asked.append(path) or read(path))
    for script in SCRIPTS.glob("*.py"):
        # All that a job needs has been read, its packages too.
        assert set(code.bring_along(script.name)) <= set(asked)
        code.hash_of(script.name)
    assert "sharedim/report/figures/__init__.py" in asked
    assert all((SCRIPTS / path).is_file() for path in asked)


def test_the_folders_of_modules_are_those_that_exist():
    found = {str(file.parent.relative_to(SCRIPTS)) for file in SCRIPTS.rglob("__init__.py")}
    assert found | {"experiments"} == set(FOLDERS)


def test_a_module_that_is_missing_is_named():
    with pytest.raises(FileNotFoundError, match=r"sharedim/jobs/gone\.py"):
        Code({"a.py": b"from sharedim.jobs.gone import ONE"}.get).hash_of("a.py")


def read(path):
    file = SCRIPTS / path
    return file.read_bytes() if file.is_file() else None


@pytest.mark.parametrize("script", ["check_cells", "score_models", "write_index"])
def test_the_walk_finds_what_python_imports(script):
    text = (SCRIPTS / f"{script}.py").read_text()
    imports = "\n".join(re.findall(r"^from sharedim.*|^import .*", text, re.MULTILINE))
    program = f"{imports}\nimport sys\nprint(*(m for m in sys.modules if m.startswith('sharedim')))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=SCRIPTS, capture_output=True, text=True, check=True
    )
    loaded = {
        str(path.relative_to(SCRIPTS))
        for name in done.stdout.split()
        for path in [SCRIPTS / name.replace(".", "/")]
        for path in (path.with_suffix(".py"), path / "__init__.py")
        if path.is_file()
    }
    assert len(loaded) > 5
    # The package itself imports its version, which the workflow brings along first.
    assert loaded <= {*Code(read).bring_along(f"{script}.py"), "sharedim/version.py"}


def test_few_modules_are_marked_and_none_that_decides_a_weight():
    marked = {
        str(path.relative_to(SCRIPTS / "sharedim")): reason[1]
        for path in SCRIPTS.rglob("*.py")
        for reason in [re.search(r"^# Not hashed: (.+)$", path.read_text(), re.MULTILINE)]
        if reason
    }
    assert len(marked) <= 5
    assert all(len(reason.split()) > 4 for reason in marked.values())
    in_the_engine = {path for path in marked if path.startswith("training/")}
    assert in_the_engine <= {"training/devices.py"}
