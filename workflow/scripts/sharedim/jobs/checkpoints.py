"""Checkpoints of trained models: safetensors files, written atomically, nothing finished ever lost."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from sharedim.jobs.files import replacing
from sharedim.jobs.locks import alone

logger = logging.getLogger(__name__)

# safetensors allows text alone in a header, so ours is one JSON string under this name.
HEADER = "sharedim"
MAKING = "making"


class RecipeRecord(TypedDict):
    """What is read of a recipe as plain values, which has more fields."""

    name: str
    validation_share: float | None
    similarity: NotRequired[str]


class ProjectionRecord(TypedDict):
    """What a model's preprocessing is, but for its arrays."""

    names: list[str]
    transform: str
    limit: float
    batch_corrected: bool
    predicted: list[int] | None


class Details(TypedDict, total=False):
    """What a header tells beside `Header`'s own, each kind of file its part."""

    # What else decides the numbers of models.
    precision: str
    dimension_every: int
    # Of finished seeds and of stacks in training.
    engine: str
    # Of models to use, see `sharedim.embedding.final_model.assemble`.
    kind: str
    status: str
    dataset: str
    projections: dict[str, ProjectionRecord]
    cells: list[str]
    labels: dict[str, list[str]]
    modalities: dict[str, str]


class Header(Details, total=False):
    """What the models of a file are; a file of preprocessing has details alone."""

    recipe: RecipeRecord
    dim: int
    seeds: list[int]
    data: str


class Making(TypedDict, total=False):
    """What is told of the job that made a file, see `sharedim.jobs.provenance.of_job`."""

    device: str
    seconds: float
    finished: str
    engine: str
    code: str
    machine: str
    versions: dict[str, str]


@dataclass(frozen=True)
class ModelBlock:
    """Models of one dataset, recipe and output dimension, one a seed.

    Attributes
    ----------
    tensors : dict of str to ndarray
        Stacked along a first axis of one entry a seed.
    header : dict
        As `block_header` gives it.
    """

    tensors: dict[str, NDArray[Any]]
    header: Header


def write_block(path: str | Path, block: ModelBlock, making: Making | None = None) -> None:
    """Write a block as one safetensors file, atomically, with what is told of its making."""
    metadata = {HEADER: json.dumps(block.header), MAKING: json.dumps(making or {})}
    with replacing(path) as temporary:
        temporary.write_bytes(save(block.tensors, metadata=metadata))


def read_block(path: str | Path) -> ModelBlock:
    """Read a block written by `write_block`."""
    with safe_open(path, framework="numpy") as file:
        header = json.loads(file.metadata()[HEADER])
        names = file.keys()
        return ModelBlock({name: file.get_tensor(name) for name in names}, header)


def read_making(path: str | Path) -> tuple[Header, Making]:
    """Return the header of a block and what is told of its making, without its tensors."""
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    return json.loads(metadata[HEADER]), json.loads(metadata[MAKING])


def block_header(
    recipe: RecipeRecord, dim: int, seeds: list[int], *data: str | Path, **how: Unpack[Details]
) -> Header:
    """Return what a block of models is.

    Parameters
    ----------
    recipe : dict
        The recipe as plain values.
    dim : int
        Output dimension d.
    seeds : list of int
        One a model.
    *data : path-like
        Files with the features it is trained on, and with test cells that seeds do not draw.
    **how : str or int
        What else decides its numbers, such as ``precision``.
    """
    return {"recipe": recipe, "dim": dim, "seeds": seeds, "data": fingerprint(*data), **how}


def fingerprint(*files: str | Path) -> str:
    """Return a short hash of the content of files, which need not fit the memory."""
    digest = hashlib.sha256()
    for path in files:
        with Path(path).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def directory_beside(models: Path) -> Path:
    """Return where the finished seeds of a block of models are kept.

    ``<dataset>/models/<recipe>/<dim>/<seeds>.safetensors`` has them in
    ``<dataset>/checkpoints/<recipe>/<dim>``.
    """
    dataset, recipe, dim = models.parents[3], models.parents[1].name, models.parents[0].name
    return dataset / "checkpoints" / recipe / dim


class StackFiles:
    """Keeps stacks of models in training, so that an interrupted job goes on where it was.

    Parameters
    ----------
    directory : Path
        Where finished seeds are kept too.
    identity : dict
        What the models are, beside their seeds: only a stack of the same is taken up again.
    seeds : list of int
        Of the block, which shares the directory with others of the same identity.
    engine : str
        Hash of the code that trains; a stack of another engine is not taken up.
    every : float
        Seconds between keeping a stack, the most that an interruption costs.
    """

    def __init__(
        self, directory: Path, identity: Header, seeds: list[int], engine: str, every: float = 60
    ) -> None:
        self.directory = directory
        self.identity: Header = {**identity, "engine": engine}
        self.seeds = set(seeds)
        self.key = _key(identity, engine)
        self.every, self.kept_at = every, time.monotonic()

    def unfinished(self) -> list[dict[str, NDArray[np.generic]]]:
        """Return the block's stacks that were kept and not discarded, those trained longest first."""
        found = (_read_if_whole(path) for path, _ in self._files())
        return sorted((f for f in found if f), key=lambda arrays: -int(arrays["epoch"]))

    def offer(self, arrays: Callable[[], dict[str, NDArray[np.generic]]]) -> None:
        """Keep a stack if it is time to."""
        if time.monotonic() - self.kept_at >= self.every:
            self.keep(arrays())

    def keep(self, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Keep a stack in place of what was kept of it before."""
        seeds = arrays["seeds"].tolist()
        write_block(self._path(seeds), ModelBlock(arrays, {**self.identity, "seeds": seeds}))
        self.kept_at = time.monotonic()

    def discard(self, seeds: list[int]) -> None:
        """Forget the stack that has these seeds."""
        self._path(seeds).unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget every stack of the block; those with seeds beyond it stay."""
        for path, seeds in self._files():
            if set(seeds) <= self.seeds:
                path.unlink(missing_ok=True)

    def _files(self) -> list[tuple[Path, range]]:
        """Return the files that hold seeds of this block, each with the span of its seeds."""
        files = []
        for path in self.directory.glob(f"stack*-{self.key}.safetensors"):
            named = re.match(r"stack(\d+)-(\d+)x", path.name)
            if named is None:
                continue
            span = range(int(named[1]), int(named[2]) + 1)
            if not self.seeds.isdisjoint(span):
                files.append((path, span))
        return files

    def _path(self, seeds: list[int]) -> Path:
        name = f"stack{seeds[0]}-{seeds[-1]}x{len(seeds)}-{self.key}.safetensors"
        return self.directory / name


Fit = Callable[[list[int], StackFiles], Iterable[tuple[int, dict[str, NDArray[np.float32]]]]]


def complete_block(
    directory: Path,
    header: Header,
    engine: str,
    fit: Fit,
    *,
    every: float = 60,
) -> ModelBlock:
    """Take finished seeds over, fit the missing ones, and stack them all.

    Each seed is saved as soon as it is finished, so that a killed job or a block that grows by a
    seed repeats no finished work. One process at a time works on a block.

    Parameters
    ----------
    directory : Path
        Where finished seeds of this recipe and dimension are kept.
    header : dict
        What the block is, as `block_header` gives it. A finished seed is taken over only where all
        but the seeds are the same.
    engine : str
        Hash of the code that fits; a finished seed of another engine is not taken over.
    fit : callable
        Takes the missing seeds and a keeper of stacks in training, yields each seed with its
        tensors.
    every : float
        Seconds between keeping what is in training.

    Returns
    -------
    ModelBlock
        In the order of ``header["seeds"]``.
    """
    with alone(directory / f"seeds{header['seeds'][0]}.lock"):
        _sweep(directory, header["seeds"])
        models = _complete(directory, header, engine, fit, every)
    ordered = [models[seed] for seed in header["seeds"]]
    stacked = {name: np.stack([model[name] for model in ordered]) for name in ordered[0]}
    return ModelBlock(stacked, header)


def _complete(
    directory: Path, header: Header, engine: str, fit: Fit, every: float
) -> dict[int, dict[str, NDArray[Any]]]:
    """Return the tensors of every seed, fitting and keeping those that are missing."""
    identity = header.copy()
    del identity["seeds"]
    finished = {seed: _seed_path(directory, identity, engine, seed) for seed in header["seeds"]}
    keeper = StackFiles(directory, identity, header["seeds"], engine, every)
    found = {seed: _read_if_whole(path) for seed, path in finished.items() if path.exists()}
    models = {seed: tensors for seed, tensors in found.items() if tensors is not None}
    missing = [seed for seed in header["seeds"] if seed not in models]
    if models:
        logger.info("taken over, already finished: seeds %s", sorted(models))
    if missing:
        logger.info("to fit: seeds %s", missing)
        for seed, tensors in fit(missing, keeper):
            write_block(finished[seed], ModelBlock(tensors, {**identity, "seeds": [seed]}))
            models[seed] = tensors
    # Also what is left of stacks that were divided, or killed between their last two files.
    keeper.clear()
    return models


def _sweep(directory: Path, seeds: list[int]) -> None:
    """Remove what a killed job was writing: who holds the lock is the only one to write."""
    for path in directory.glob(".*.safetensors"):
        written = re.match(r"\.\d+\.(?:seed|stack)(\d+)", path.name)
        if written and int(written[1]) in seeds:
            path.unlink()


def _key(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _seed_path(directory: Path, identity: Header, engine: str, seed: int) -> Path:
    return directory / f"seed{seed}-{_key(identity, engine, seed)}.safetensors"


def _read_if_whole(path: Path) -> dict[str, NDArray[Any]] | None:
    try:
        return read_block(path).tensors
    except SafetensorError as error:
        logger.warning("%s is damaged (%s) and is fitted again", path, error)
        return None
