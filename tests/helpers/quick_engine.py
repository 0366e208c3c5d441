"""An engine of few small models, for tests of single steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from simulated_pairs import paired_features

from sharedim.training.engine import StackEngine
from sharedim.training.loop import Task
from sharedim.training.recipes import PAPER
from sharedim.training.state import PairShape

QUICK = replace(PAPER, name="quick", epochs=3, learning_rate=1e-3, batch_size=64)


def quick_engine(recipe=QUICK, seeds=(0, 1), dim=4, dtype=np.float64):
    rna, prot = (side.astype(dtype) for side in paired_features())
    shape = PairShape.of(rna.shape[1], prot.shape[1], dim, recipe)
    cells, state = Task(rna, prot, shape, recipe, torch.device("cpu")).prepare(list(seeds))
    return StackEngine(cells, state, shape, recipe)
