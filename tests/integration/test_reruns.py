"""The table of docs/reruns.md: each row is done to a finished run, and the plan has to be the row's."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from places import REPOSITORY

# Rules in the order of the data: "onwards" means one of them and all that come after it.
ORDER = (
    "simulate_cells", "check_cells", "preprocess_cells", "fit_baselines", "train_encoders",
    "score_models", "collect_scores", "record_provenance", "find_saturation", "train_final",
    "examine_chosen", "embed_cells", "plot_figures", "write_report",
)  # fmt: skip
Change = Callable[[Path], object]


def table() -> dict[str, set[str]]:
    """Return what docs/reruns.md says: for every change, the rules that run again."""
    text = (REPOSITORY / "docs" / "reruns.md").read_text()
    found = {}
    for change, again in re.findall(r"^\| ([^|]+) \| ([^|]+) \| [^|]*\|$", text, re.MULTILINE):
        if change == "what you change":
            continue
        rules = set(re.findall(r"`(\w+)`", again))
        for first in re.findall(r"`(\w+)` onwards", again):
            rules.update(ORDER[ORDER.index(first) :])
        assert bool(rules) != (again == "nothing"), change
        found[change.replace("`", "")] = rules
    return found


@contextmanager
def changed(path: Path, change: Change) -> Iterator[None]:
    """Change a file or folder, and put it back as it was, whatever happens."""
    kept = path.with_name(f"{path.name} as it was")
    path.rename(kept)
    (shutil.copytree if kept.is_dir() else shutil.copy2)(kept, path)
    try:
        change(path)
        yield
    finally:
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        kept.rename(path)


def edit(path: Path) -> None:
    path.write_text(path.read_text() + "\nEDITED = True\n")


def reword(folder: Path) -> None:
    for path in folder.rglob("*.py"):
        path.write_text(path.read_text().replace('"""', '"""Other words. ', 1) + "\n# Edited.\n")


def alter(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def touch_everything(folder: Path) -> None:
    for path in folder.rglob("*"):
        path.touch()


LIBRARY = "workflow/scripts/sharedim"
RESULTS = "results/tiny"
FILES: dict[str, tuple[str, Change]] = {
    "the library, touched": (LIBRARY, touch_everything),
    "the script of a rule, touched": ("workflow/scripts/find_saturation.py", Path.touch),
    "comments and docstrings of the library": (LIBRARY, reword),
    "the choice of a GPU, or another module marked Not hashed": (
        f"{LIBRARY}/training/devices.py",
        edit,
    ),
    "the version of sharedim alone": (f"{LIBRARY}/version.py", edit),
    "the number of steps per epoch": (f"{LIBRARY}/training/recipe_types.py", edit),
    "the code of a figure": (f"{LIBRARY}/report/figures/registry.py", edit),
    "the template of the report": (f"{LIBRARY}/report/templates/report.html.j2", edit),
    "the style of the pages": (f"{LIBRARY}/report/templates/page.css.j2", edit),
    "the script of a rule, edited, such as find_saturation": (
        "workflow/scripts/find_saturation.py",
        edit,
    ),
    "the code of the answer": (f"{LIBRARY}/evaluation/recommendation.py", edit),
    "the code of a score": (f"{LIBRARY}/evaluation/retrieval.py", edit),
    "the code of the loss": (f"{LIBRARY}/training/losses.py", edit),
    "the code of the baselines": (f"{LIBRARY}/training/baselines.py", edit),
    "how code is hashed, as the upgrade from lists of files to imports": (
        f"{LIBRARY}/jobs/code_hash.py",
        lambda path: path.write_text(path.read_text().replace("DIGITS = 12", "DIGITS = 11")),
    ),
    "the code of preprocessing": (f"{LIBRARY}/preprocessing/pipeline.py", edit),
    "the file with cells, touched": (f"{RESULTS}/simulated.h5mu", Path.touch),
    "the file with cells, its content": (f"{RESULTS}/simulated.h5mu", alter),
    "scores.tsv, touched": (f"{RESULTS}/scores.tsv", Path.touch),
    "report.html, deleted": (f"{RESULTS}/report.html", Path.unlink),
    "scores.tsv, deleted": (f"{RESULTS}/scores.tsv", Path.unlink),
    "models/, deleted": (f"{RESULTS}/models", shutil.rmtree),
    "features/, deleted": (f"{RESULTS}/features", shutil.rmtree),
    "checkpoints/, deleted": (f"{RESULTS}/checkpoints", shutil.rmtree),
    "logs/, deleted": ("logs", shutil.rmtree),
    "benchmarks/, deleted": ("benchmarks", shutil.rmtree),
    "the record of Snakemake (.snakemake/), deleted": (".snakemake", shutil.rmtree),
    "an environment in envs/, without --sdm conda": ("envs/report.yaml", edit),
}
COMMANDS: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "a seed more": ("--config", "seeds=3"),
    "a seed fewer": ("--config", "seeds=1"),
    "a dimension more": ("--config", "dims=[1,2,3,4]"),
    "a dimension fewer": ("--config", "dims=[1,4]"),
    "a recipe more, such as pca": ("--config", "recipes=[tuned,cca,pca]"),
    "a recipe fewer": ("--config", "recipes=[cca]"),
    "dimension_every": ("--config", "dimension_every=5"),
    "dimension_estimators": ("--config", "dimension_estimators=[MLE]"),
    "protein_transform or another key of the features": (
        "--config", "protein_transform=clr_per_protein",
    ),
    "hold_out or another key of the test cells": (
        "--config", "fit_features_on=without_test_cells",
    ),
    "the sizes of simulated cells": ("--config", "datasets={tiny: {simulate: {cells: 800}}}"),
    "--cores or --jobs": ("--cores", "1"),
    "the profile": ("--workflow-profile", "workflow/profiles/gpu"),
    "the entry, workflow/Snakefile": ("-s", "workflow/Snakefile"),
}  # fmt: skip
VARIABLES = {
    "SHAREDIM_DEVICE or SHAREDIM_PRECISION": {
        "SHAREDIM_DEVICE": "cuda", "SHAREDIM_PRECISION": "highest",
    },
    "OMP_NUM_THREADS": {"OMP_NUM_THREADS": "7"},
}  # fmt: skip


def planned(run, *arguments) -> dict[str, int]:
    done = run.checkout.snakemake("-n", "--configfile", "small.yaml", *arguments)
    assert done.code == 0, done.text
    return {rule: count for rule, count in done.jobs.items() if rule not in ("all", "everything")}


def test_every_row_is_tried():
    assert sorted(table()) == sorted([*FILES, *COMMANDS, *VARIABLES])


@pytest.mark.parametrize("row", FILES)
def test_a_change_of_a_file(undisturbed, row):
    relative, change = FILES[row]
    with changed(undisturbed.checkout.path / relative, change):
        assert set(planned(undisturbed)) == table()[row]


@pytest.mark.parametrize("row", COMMANDS)
def test_a_change_of_the_command(undisturbed, row):
    assert set(planned(undisturbed, *COMMANDS[row])) == table()[row]


@pytest.mark.parametrize("row", VARIABLES)
def test_a_change_of_the_surroundings(undisturbed, row, monkeypatch):
    for name, value in VARIABLES[row].items():
        monkeypatch.setenv(name, value)
    assert set(planned(undisturbed)) == table()[row]
