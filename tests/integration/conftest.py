from __future__ import annotations

import pytest
from checkout import Checkout, copy_of_the_workflow


@pytest.fixture(scope="session")
def checkout(tmp_path_factory) -> Checkout:
    """A copy for tests that change nothing in it, at a path with a space."""
    return copy_of_the_workflow(tmp_path_factory.mktemp("plain") / "a checkout")
