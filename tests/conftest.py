from __future__ import annotations

import importlib.util
import os
from pathlib import Path

# Beside another worker each has one of the two cores: threads would only wait for each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import mudata
import numpy as np
import pytest
from needs_torch import needs_torch, suite
from places import shared_file

from sharedim.datasets.cite_seq import simulate_cite_seq

# Files that share a run of the workflow, which one worker makes and keeps.
ONE_WORKER = dict.fromkeys(
    ("test_reruns.py", "test_resuming.py", "test_reuse.py", "test_using.py"), "undisturbed"
)

# Whatever begins last keeps one worker busy while the other waits.
LONGEST = {
    group: place for place, group in enumerate(("undisturbed", "test_running.py", "test_loop.py"))
}

WITHOUT_TORCH = importlib.util.find_spec("torch") is None


def pytest_report_header() -> str | None:
    """Say how many test files an environment without PyTorch leaves out (`make test-pythons`)."""
    if not WITHOUT_TORCH:
        return None
    files = suite()
    return (
        f"PyTorch is not installed: {sum(map(needs_torch, files))} of {len(files)} test files are left "
        "out, which import it, directly or through other files, or run the whole workflow"
    )


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out the test files that need PyTorch where there is none."""
    if WITHOUT_TORCH and collection_path.match("test_*.py") and needs_torch(collection_path):
        return True
    return None


# Before the workers' own, which reads the marks.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file, and of files that share a fixture, on one worker, the longest first."""
    items.sort(key=lambda item: LONGEST.get(group_of(item), len(LONGEST)))
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group_of(item)))


def group_of(item: pytest.Item) -> str:
    """Return the name that a test shares with those that run on the same worker."""
    return ONE_WORKER.get(item.path.name, item.path.name)


@pytest.fixture(scope="session")
def small_cells() -> mudata.MuData:
    return simulate_cite_seq(cells=600, genes=150, proteins=10, shared_dimensions=2, seed=1)


@pytest.fixture(scope="session")
def small_file(small_cells, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("cells") / "small.h5mu"
    small_cells.write_h5mu(path)
    return path


@pytest.fixture(scope="session")
def trajectory() -> dict[str, np.ndarray]:
    """One small run of the paper recipe by the original authors' program, step by step."""
    with np.load(shared_file("reference/trajectory.npz")) as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="session")
def pbmc10k() -> Path:
    return shared_file("data/pbmc10k_protein_v3_4000genes.h5mu")
