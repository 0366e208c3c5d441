"""Trained models on disk: safetensors files, written atomically, finished seeds never lost."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from sharedim.files import replacing

logger = logging.getLogger(__name__)

# safetensors allows text alone in a header, so ours is one JSON string under this name.
HEADER = "sharedim"


@dataclass(frozen=True)
class ModelBlock:
    """Models of one dataset, recipe and output dimension, one a seed.

    Attributes
    ----------
    tensors : dict of str to ndarray
        Stacked along a first axis of one entry a seed.
    header : dict
        ``recipe``, ``dim``, ``seeds``, ``data`` (fingerprint) and provenance.
    """

    tensors: dict[str, np.ndarray]
    header: dict


def write_block(path: str | Path, block: ModelBlock) -> None:
    """Write a block as one safetensors file, atomically."""
    with replacing(path) as temporary:
        save_file(block.tensors, temporary, metadata={HEADER: json.dumps(block.header)})


def read_block(path: str | Path) -> ModelBlock:
    """Read a block written by `write_block`."""
    with safe_open(path, framework="numpy") as file:
        header = json.loads(file.metadata()[HEADER])
        names = file.keys()
        return ModelBlock({name: file.get_tensor(name) for name in names}, header)


def fingerprint(*arrays: np.ndarray) -> str:
    """Return a short hash of arrays: their shapes, types and every value."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape} {array.dtype.str}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def directory_beside(models: Path) -> Path:
    """Return where the finished seeds of a block of models are kept.

    ``<dataset>/models/<recipe>/<dim>/<seeds>.safetensors`` has them in
    ``<dataset>/checkpoints/<recipe>/<dim>``.
    """
    dataset, recipe, dim = models.parents[3], models.parents[1].name, models.parents[0].name
    return dataset / "checkpoints" / recipe / dim


def complete_block(
    directory: Path,
    header: dict,
    engine: str,
    fit: Callable[[list[int]], Iterable[tuple[int, dict[str, np.ndarray]]]],
) -> ModelBlock:
    """Take finished seeds over, fit the missing ones, and stack them all.

    Each seed is saved as soon as it is finished, so that a killed job or a block that grows by a
    seed repeats no finished work.

    Parameters
    ----------
    directory : Path
        Where finished seeds of this recipe and dimension are kept.
    header : dict
        What the block is: ``recipe``, ``dim``, ``seeds`` and ``data``. A finished seed is taken
        over only where recipe, dimension and data are the same.
    engine : str
        Hash of the code that fits; a finished seed of another engine is not taken over.
    fit : callable
        Takes the missing seeds, yields each seed with its tensors.

    Returns
    -------
    ModelBlock
        In the order of ``header["seeds"]``.
    """
    identity = {name: value for name, value in header.items() if name != "seeds"}
    models, missing = {}, []
    for seed in header["seeds"]:
        path = _seed_path(directory, identity, engine, seed)
        finished = _read_finished(path)
        if finished is None:
            missing.append(seed)
        else:
            models[seed] = finished
    if models:
        logger.info("taken over, already finished: seeds %s", sorted(models))
    if missing:
        logger.info("to fit: seeds %s", missing)
        for seed, tensors in fit(missing):
            block = ModelBlock(tensors, {**identity, "seeds": [seed]})
            write_block(_seed_path(directory, identity, engine, seed), block)
            models[seed] = tensors
    ordered = [models[seed] for seed in header["seeds"]]
    stacked = {name: np.stack([model[name] for model in ordered]) for name in ordered[0]}
    return ModelBlock(stacked, header)


def _seed_path(directory: Path, identity: dict, engine: str, seed: int) -> Path:
    key = hashlib.sha256(json.dumps([identity, engine, seed], sort_keys=True).encode())
    return directory / f"seed{seed}-{key.hexdigest()[:16]}.safetensors"


def _read_finished(path: Path) -> dict[str, np.ndarray] | None:
    if not path.exists():
        return None
    try:
        return read_block(path).tensors
    except SafetensorError as error:
        logger.warning("%s is damaged (%s) and is fitted again", path, error)
        return None
