"""Preprocessing on real cells against what Seurat 4.3 gives for them."""

from __future__ import annotations

import pytest
from seurat_agreement import FILES, TARGETS, agreement


@pytest.fixture(scope="module", params=FILES)
def figures(request):
    return agreement(request.param)


@pytest.mark.parametrize("step", TARGETS)
def test_agrees_with_seurat(figures, step):
    side, target = TARGETS[step]
    assert figures[step] < target if side == "below" else figures[step] > target
