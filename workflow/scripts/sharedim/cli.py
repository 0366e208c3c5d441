"""Check of a file: what the workflow finds in it, and what it would run (``make check FILE=...``)."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import yaml

from sharedim import configuration
from sharedim.configuration import Settings
from sharedim.errors import InputError
from sharedim.io.modalities import FEATURES, CellFile
from sharedim.io.paired import PairedCells, read_paired_cells
from sharedim.io.readers import open_cells
from sharedim.preprocessing.summary import Check, describe
from sharedim.vocabulary import enumerated

WIDTH = 100
INDENT = 12
# Names of proteins that are listed.
SHOWN = 30


def inspect(source: list[str], config: Settings) -> Iterator[tuple[str, str]]:
    """Yield what the workflow sees in a file, as headings and sentences.

    Parameters
    ----------
    source : list of str
        The file, or a pair of them.
    config : dict
        Checked configuration with its defaults, which names no cells.

    Raises
    ------
    InputError
        After all that could be seen has been yielded, if the file cannot be used.
    """
    here = Path.cwd()
    [(name, dataset)] = configuration.datasets_of({**config, "cells": source}, here, here).items()

    def options(names: tuple[str, ...]) -> Settings:
        return {key: dataset.get(key) for key in names}

    file = open_cells(dataset["cells"])
    yield from _contents(file)
    cells = read_paired_cells(file, **options(configuration.READING_OPTIONS), denoise=False)
    found = describe(
        cells,
        name,
        splitting=options(configuration.SPLITTING_OPTIONS),
        features=options(configuration.FEATURE_OPTIONS),
    )
    yield from _pairs(cells, found)
    yield from _groups(found)
    split = found["split"]
    yield (
        "a seed",
        f"{split['train']:,} cells train, {split['normaliser']:,} estimate the norm, "
        f"{split['test']:,} are held out ({found['test_cells']})",
    )
    for warning in found["warnings"]:
        yield "warning", warning
    chosen = {key: value for key, value in dataset.items() if key in configuration.DATASET_OPTIONS}
    yield "options", ", ".join(f"{key} {value}" for key, value in sorted(chosen.items()))
    yield "would run", _plan(config, name)


def _contents(file: CellFile) -> Iterator[tuple[str, str]]:
    yield "file", file.where
    for name, modality in file.modalities.items():
        yield (
            "modality",
            f"{name}: {len(modality.obs):,} cells x {len(modality.features):,} features; matrices "
            f"{', '.join(modality.layers) or 'none'}",
        )
    columns = dict.fromkeys(
        str(column)
        for table in (file.obs, *(modality.obs for modality in file.modalities.values()))
        for column in table
    )
    yield "columns", ", ".join(columns) or "none about cells"


def _pairs(cells: PairedCells, found: Check) -> Iterator[tuple[str, str]]:
    if cells.kind == FEATURES:
        first, second = found["modalities"].values()
        yield (
            "pairs",
            f"{found['paired_cells']:,} pairs are used; where cells have RNA, they have {first}, and "
            f"where cells have protein, {second}",
        )
        return
    yield "pairs", f"{found['paired_cells']:,} cells are used, which have both RNA and protein"
    names = list(cells.prot.var_names)
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    yield "proteins", f"{len(names):,}: {', '.join(names[:SHOWN])}{more}"


def _groups(found: Check) -> Iterator[tuple[str, str]]:
    for column, level in found["labels"].items():
        types = ", ".join(f"{name} {cells:,}" for name, cells in level["types"].items())
        yield (
            "labels",
            f"{column}: {len(level['types'])} types ({types}), {level['unknown']:,} cells unknown",
        )
    if not found["labels"]:
        yield "labels", "none named or recognised, so no label transfer; labels=COLUMN names one"
    batches = ", ".join(f"{name} {cells:,}" for name, cells in found["batches"].items())
    yield (
        "batches",
        f"{len(found['batches'])} ({batches})" if batches else "none named or recognised",
    )


def _plan(config: Settings, name: str) -> str:
    dims, recipes, seeds = config["dims"], config["recipes"], config["seeds"]
    blocks = len(recipes) * len(dims) * len(configuration.seed_blocks(seeds))
    return (
        f"{enumerated(recipes)} at d = {', '.join(map(str, dims))} with {seeds} seeds: "
        f"{len(recipes) * len(dims) * seeds} models in {blocks} jobs, then "
        f"results/{name}/report.html"
    )


def _configured(files: list[str], schema: Settings, keys: list[str]) -> Settings:
    """Return the configuration as a run would have it, without any cells it names."""
    config: Settings = {}
    for file in files:
        config |= yaml.safe_load(Path(file).read_text("utf-8")) or {}
    for key in keys:
        name, given, value = key.partition("=")
        if not given:
            raise InputError(f"{key}: options must be given as key=value")
        config[name] = yaml.safe_load(value)
    config = configuration.coerce(
        {key: value for key, value in config.items() if key not in configuration.SOURCES}
    )
    configuration.check(config, schema)
    defaults = {k: v["default"] for k, v in schema["properties"].items() if "default" in v}
    return {**defaults, **config}


def main() -> None:
    """Print what is seen in the file named on the command line."""
    parser = argparse.ArgumentParser(prog="make check", description=__doc__)
    parser.add_argument("files", nargs="+", metavar="FILE", help="a file with cells, or a pair")
    parser.add_argument("--schema", required=True)
    parser.add_argument("--configfile", action="append", default=[])
    parser.add_argument("--config", nargs="*", default=[], metavar="KEY=VALUE")
    given = parser.parse_args()
    try:
        schema = yaml.safe_load(Path(given.schema).read_text("utf-8"))
        config = _configured(given.configfile, schema, given.config)
        for heading, text in inspect(given.files, config):
            print(
                textwrap.fill(
                    text,
                    WIDTH,
                    initial_indent=heading.ljust(INDENT),
                    subsequent_indent=" " * INDENT,
                    break_on_hyphens=False,
                )
            )
    except InputError as error:
        sys.exit(f"error: {error}")
    except yaml.YAMLError as error:
        sys.exit(
            f"error: options must be given as key=value, lists as [a,b]: {' '.join(str(error).split())}"
        )


if __name__ == "__main__":
    main()
