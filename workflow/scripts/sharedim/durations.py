"""How long a job will take, said at its start: rough, from the size of what it works on.

Each estimate is a small model of one job, in seconds on one core of the machine of
docs/performance.md, where the figures behind them stand; an older machine takes two or three times
as long. They decide nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

logger = logging.getLogger(__name__)

MINUTE, HOUR, DAY = 60, 3600, 86_400
# Of the mean norms over normaliser cells, which is most of a step where there are any.
SECONDS_A_NORMALISER_CELL = 2.1e-6
# Of everything else in a step: four layers where mean norms are divided by, two layers elsewhere.
SECONDS_A_STEP = {"inner_product": 2.7e-3, "euclidean": 2.7e-3}
SECONDS_A_STEP_WITHOUT_MEAN_NORMS = 1.4e-3
# All models of a stack together.
SECONDS_A_STEP_ON_A_GPU = 3e-3
MODELS_A_STACK_ON_A_GPU = 50
# Packed files are unpacked on one core.
MB_READ_A_SECOND = 20
MB_HASHED_A_SECOND = 300
MB_CONVERTED_A_SECOND = 3
# A slow line, so that most are surprised pleasantly; and what a cell takes in the built-in files.
MB_DOWNLOADED_A_SECOND = 5
MB_A_CELL = 4e-3


def announce(what: str, seconds: float) -> None:
    """Log, in one line, what a job is about to do, on how much, and how long that takes.

    Parameters
    ----------
    what : str
        What is done, on how much.
    seconds : float
        The estimate.
    """
    logger.info("%s: %s", what, spoken(seconds))


def spoken(seconds: float) -> str:
    """Say a duration as roughly as it is known: ``"about 20 s"``, ``"about 4 minutes"``."""
    if seconds < 7.5:
        return "a few seconds"
    if seconds < 50:
        return f"about {5 * round(seconds / 5) if seconds < 25 else 10 * round(seconds / 10)} s"
    for unit, name, one in ((DAY, "days", None), (HOUR, "hours", "an hour")):
        if seconds >= 1.5 * unit:
            return f"about {round(seconds / unit)} {name}"
        if one and seconds >= 0.92 * unit:
            return f"about {one}"
    minutes = round(seconds / MINUTE)
    minutes = minutes if minutes < 10 else 5 * round(minutes / 5)
    return "about a minute" if minutes == 1 else f"about {minutes} minutes"


def counted(number: int, thing: str) -> str:
    """Say how many there are: ``"1 model"``, ``"2,000 cells"``."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def megabytes(files: str | Path | Iterable[str | Path]) -> float:
    """Return the size of a file, or of several together, in MB; a folder's is that of its files."""
    paths = map(Path, [files] if isinstance(files, str | Path) else files)
    found = [file for path in paths for file in (path.iterdir() if path.is_dir() else [path])]
    return sum(file.stat().st_size for file in found if file.is_file()) / 1e6


def of_downloading(cells: int) -> float:
    """Return the seconds that the download of a built-in dataset takes."""
    return cells * MB_A_CELL / MB_DOWNLOADED_A_SECOND


def of_reading(size: float) -> float:
    """Return the seconds that reading and checking files of so many MB takes."""
    return 1 + size / MB_READ_A_SECOND


def of_converting(size: float) -> float:
    """Return the seconds that a download of so many MB takes to be read and written anew."""
    return 5 + size / MB_CONVERTED_A_SECOND


def of_simulating(cells: int, genes: int) -> float:
    """Return the seconds that simulated counts take."""
    return 0.3 + 2.5e-7 * cells * genes


def of_simulating_pairs(options: dict) -> float:
    """Return the seconds that pairs take: drifters are followed, the rest is drawn in no time."""
    followed = options.get("pairs", 0) * options.get("positions", 0) * options.get("modes", 0)
    return 0.5 + 1.2e-6 * followed


def of_preprocessing(cells: int) -> float:
    """Return the seconds from counts to features."""
    return 2 + 3e-4 * cells


def of_training(
    models: int, *, steps: int, similarity: str, normaliser_cells: int, device: str = "cpu"
) -> float:
    """Return the seconds that a block takes to train, were none of its seeds finished.

    Parameters
    ----------
    models : int
        Seeds of the block.
    steps : int
        Steps of each; a recipe that stops early takes fewer.
    similarity : str
        Of the recipe.
    normaliser_cells : int
        Cells that the mean norms are computed on in each step.
    device : str
        ``"cpu"`` or ``"cuda"``.
    """
    if device == "cuda":
        stacks = -(-models // MODELS_A_STACK_ON_A_GPU)
        return 10 + stacks * steps * SECONDS_A_STEP_ON_A_GPU
    step = SECONDS_A_STEP_WITHOUT_MEAN_NORMS
    if similarity in SECONDS_A_STEP:
        step = SECONDS_A_STEP[similarity] + normaliser_cells * SECONDS_A_NORMALISER_CELL
    return 1 + models * steps * step


def of_final_model(cells: int) -> float:
    """Return the seconds that the model to be used takes, with its intervals, on a CPU."""
    return 5 + 4e-3 * cells


def of_fitting(models: int, cells: int) -> float:
    """Return the seconds that a linear baseline's models take, ridge and similarity chosen."""
    return 1 + 5e-5 * models * cells


def of_scoring(models: int, cells: int) -> float:
    """Return the seconds that all scores of some models take."""
    return 1 + models * (0.5 + 14 * (cells / 30_000) ** 1.5)


def of_examining(models: int, cells: int) -> float:
    """Return the seconds that true pairs and predicted proteins of some models take."""
    return 2 + models * (1 + 5e-4 * cells)


def of_embedding(cells: int) -> float:
    """Return the seconds that representations, neighbours and UMAPs of so many cells take."""
    return 20 + 4e-3 * cells


def of_hashing(size: float) -> float:
    """Return the seconds that the checksums of files of so many MB take."""
    return 1 + size / MB_HASHED_A_SECOND
