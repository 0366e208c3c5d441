"""Where to train, how precisely, and how many models at once."""

from __future__ import annotations

import logging
import os

import torch

from sharedim.errors import InputError
from sharedim.training.gpu_slots import hold_slot, slots_folder
from sharedim.training.recipes import ContrastiveRecipe
from sharedim.training.splits import Split
from sharedim.training.state import PairShape

logger = logging.getLogger(__name__)

# Small enough that training goes on in the caches; a GPU fills only with many, of which a block of
# the workflow has up to 25.
MODELS_PER_STACK = {"cpu": 8, "cuda": 50}
PRECISIONS = ("highest", "high", "medium")
# Scores are the same as in plain single precision, in 0.7 of the time (docs/performance.md).
USUAL_PRECISION = "high"
# Of the memory that is free on a GPU; the rest is for PyTorch's own reserves.
USABLE_MEMORY = 0.8


def choose_device() -> torch.device:
    """Return the device to train on: ``SHAREDIM_DEVICE`` if set, else CUDA if visible, else the CPU.

    Where several GPUs are visible and none is named, this process takes the one with the fewest jobs
    of this user, and holds it until it ends.
    """
    fallback = "cuda" if torch.cuda.is_available() else "cpu"
    name = os.environ.get("SHAREDIM_DEVICE") or fallback
    kind, _, number = name.partition(":")
    if kind not in MODELS_PER_STACK or (number and not number.isdecimal()):
        raise InputError(
            f"SHAREDIM_DEVICE={name}: not a device to train on; use cpu, cuda or cuda:1"
        )
    if kind == "cpu":
        if not os.environ.get("SHAREDIM_DEVICE"):
            logger.info("no GPU is visible: on the CPU")
        return torch.device(name)
    visible = torch.cuda.device_count()
    if int(number or 0) >= visible:
        raise InputError(
            f"SHAREDIM_DEVICE={name}: {visible} CUDA devices are visible, "
            "numbered from 0; use one of them, or cpu"
        )
    if not number and visible > 1:
        # By what they are, since numbers count only those that are visible.
        properties = map(torch.cuda.get_device_properties, range(visible))
        number = hold_slot(tuple(str(own.uuid) for own in properties), slots_folder())
        logger.info("on GPU %d of the %d that are visible", number, visible)
    # With its number, which PyTorch wants to make a device the current one.
    return torch.device(kind, int(number or 0))


def described(device: torch.device) -> str:
    """Return a device in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' if threads > 1 else ''}"


def choose_precision() -> str:
    """Return the precision of a GPU's matrix products, in PyTorch's words.

    ``SHAREDIM_PRECISION`` if set, else ``high``: TF32, with sums in single precision.
    """
    name = os.environ.get("SHAREDIM_PRECISION") or USUAL_PRECISION
    if name not in PRECISIONS:
        raise InputError(f"SHAREDIM_PRECISION={name}: not a precision; use {', '.join(PRECISIONS)}")
    return name


def models_per_stack(device: torch.device, bytes_per_model: int) -> int:
    """Return how many models to train at once: what the device fills with, if its memory allows."""
    most = MODELS_PER_STACK[device.type]
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        most = min(most, int(USABLE_MEMORY * free / bytes_per_model))
    return max(1, most)


def memory_of_model(shape: PairShape, split: Split, recipe: ContrastiveRecipe) -> int:
    """Estimate the bytes that one model of a stack needs in training, in single precision."""
    widths = [side.inputs + 1 for side in (shape.rna, shape.prot)]
    hidden = sum(shape.rna.hidden) + sum(shape.prot.hidden) + 2 * shape.rna.outputs
    batch = recipe.cells_a_step(len(split.train))
    # A GPU keeps normaliser cells in a second layout too.
    cells = sum(widths) * (len(split.train) + 2 * len(split.normaliser))
    passes = 2 * hidden * (len(split.normaliser) + batch)
    # Similarities, their exponentials and two temporaries.
    # Weights, gradient, moments, average, best, and what the optimiser and evaluation copy.
    return 4 * (cells + passes + 4 * batch**2 + 10 * shape.parameters)
