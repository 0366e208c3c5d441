from __future__ import annotations

import time

import pytest
from checkout import Checkout, FinishedRun, copy_of_the_workflow, small_workflow


@pytest.fixture(scope="session")
def checkout(tmp_path_factory) -> Checkout:
    """A copy for tests that change nothing in it, at a path with a space."""
    return copy_of_the_workflow(tmp_path_factory.mktemp("plain") / "a checkout")


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory) -> FinishedRun:
    checkout = small_workflow(tmp_path_factory.mktemp("undisturbed") / "a checkout")
    began = time.monotonic()
    done = checkout.snakemake("--cores", "2", "--configfile", "small.yaml")
    assert done.code == 0, done.text
    return FinishedRun(checkout, time.monotonic() - began)
