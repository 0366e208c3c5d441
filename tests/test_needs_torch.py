"""Which test files an environment without PyTorch leaves out."""

from __future__ import annotations

import pytest
from needs_torch import TESTS, imports_torch, needs_torch, suite


@pytest.mark.parametrize(
    ("file", "needs"),
    [
        ("training/test_losses", True),  # imports it
        ("evaluation/test_scoring", True),  # imports what imports it
        ("bench/test_bench", True),  # starts a program that imports it
        ("integration/test_running", True),  # runs the whole workflow
        ("integration/test_reuse", True),  # by a fixture that runs it
        ("integration/test_planning", False),
        ("integration/test_documents", False),
        ("datasets/test_builtin", False),  # runs scripts of the workflow that do without
        ("test_repository", False),
    ],
)
def test_a_file_needs_torch(file, needs):
    assert needs_torch(TESTS / f"{file}.py") is needs


@pytest.mark.parametrize(
    ("program", "needs"),
    [
        ("import numpy, torch.nn", True),
        ("def embed():\n    from torch import nn", True),
        ("from sharedim.training import losses", True),
        ("from sharedim.errors import InputError", False),
        ("if TYPE_CHECKING:\n    import torch", False),
        ("import torchless", False),
        ("import naive_training", True),
    ],
)
def test_a_program_imports_torch(tmp_path, program, needs):
    (tmp_path / "program.py").write_text(program)
    assert imports_torch(tmp_path / "program.py") is needs


def test_most_of_what_is_no_model_is_tested_without_torch():
    files = suite()
    assert 0.3 < sum(map(needs_torch, files)) / len(files) < 0.7
