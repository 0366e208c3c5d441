"""The rooms of the library: what each may import, what it shows, and where its tests are."""

from __future__ import annotations

import ast
import importlib
import sys

import pytest
from places import REPOSITORY

LIBRARY = REPOSITORY / "workflow" / "scripts" / "sharedim"
TESTS = REPOSITORY / "tests"
# From the ground up: a room imports from those named, and from nothing above.
MAY_IMPORT = {
    "version": set(),
    "errors": set(),
    "vocabulary": set(),
    "jobs": {"version", "errors"},
    "training": {"errors"},
    "io": {"errors", "vocabulary", "jobs"},
    "datasets": {"version", "errors", "jobs", "io"},
    "preprocessing": {"errors", "vocabulary", "jobs", "training", "io"},
    "evaluation": {"errors", "vocabulary", "jobs", "training"},
    "embedding": {"errors", "jobs", "training", "io", "preprocessing", "evaluation"},
    "report": {"version", "vocabulary", "jobs", "training", "evaluation"},
    "configuration": {"errors", "datasets"},
    "cli": {"errors", "vocabulary", "configuration", "io", "preprocessing"},
}
ROOMS = [room for room in MAY_IMPORT if (LIBRARY / room).is_dir()]
SCRIPTS = sorted(LIBRARY.parent.glob("*.py"))
MODULES = sorted(file for file in LIBRARY.rglob("*.py") if file.name != "__init__.py")


def name_of(file):
    return str(file.relative_to(LIBRARY).with_suffix(""))


def imports_of(file):
    """Yield room and module of every import from the library, also inside functions."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or str(node.module).split(".")[0] != "sharedim":
            continue
        parts = node.module.split(".")[1:]
        for alias in node.names:
            room, *module = [*parts, alias.name]
            if not room.startswith("__"):
                yield room, module[0] if module else None


def test_the_rooms_are_these():
    at_the_top = {file.stem for file in LIBRARY.glob("*.py")} - {"__init__"}
    folders = {folder.parent.name for folder in LIBRARY.glob("*/__init__.py")}
    assert at_the_top | folders == set(MAY_IMPORT)
    assert len(at_the_top) <= 10


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_a_module_imports_from_rooms_below_its_own(file):
    room = file.relative_to(LIBRARY).parts[0].removesuffix(".py")
    for imported, _ in imports_of(file):
        assert imported in MAY_IMPORT[room] | {room}, f"{name_of(file)} imports {imported}"


def test_what_a_room_may_import_lies_below_it():
    order = list(MAY_IMPORT)
    for room, below in MAY_IMPORT.items():
        assert below <= set(order[: order.index(room)])


@pytest.mark.parametrize("file", [*MODULES, *SCRIPTS], ids=lambda file: file.stem)
def test_other_rooms_and_scripts_import_what_a_room_shows(file):
    room = file.relative_to(LIBRARY).parts[0] if file in MODULES else None
    for imported, module in imports_of(file):
        if imported != room and imported in ROOMS:
            shown = importlib.import_module(f"sharedim.{imported}").__all__
            assert module in shown, f"{file.stem} imports {imported}.{module}"


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_shows_modules_that_it_has(room):
    shown = importlib.import_module(f"sharedim.{room}").__all__
    assert len(shown) == len(set(shown))
    for module in shown:
        assert (LIBRARY / room / f"{module}.py").exists() or (LIBRARY / room / module).is_dir()


@pytest.mark.parametrize("package", [".", *ROOMS])
def test_opening_a_room_imports_nothing(package):
    tree = ast.parse((LIBRARY / package / "__init__.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            assert node.module in {"__future__", "typing", "sharedim.version"}


@pytest.mark.parametrize("file", sorted((LIBRARY / "training").glob("*.py")), ids=lambda f: f.stem)
def test_training_needs_torch_and_numpy_alone(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module]
        packages = {name.partition(".")[0] for name in names}
        assert packages <= {"torch", "numpy", "sharedim"} | sys.stdlib_module_names


@pytest.mark.parametrize("room", ROOMS)
def test_tests_stand_beside_what_they_test(room):
    for file in sorted((TESTS / room).rglob("test_*.py")):
        module = file.relative_to(TESTS).with_name(file.name.removeprefix("test_"))
        package = module.with_suffix("")
        assert (LIBRARY / module).exists() or (LIBRARY / package).is_dir(), file.name


def test_every_test_of_a_module_is_in_a_room():
    loose = {file.stem.removeprefix("test_") for file in TESTS.glob("test_*.py")}
    of_modules = {file.stem for room in ROOMS for file in (LIBRARY / room).glob("*.py")}
    assert not loose & of_modules
