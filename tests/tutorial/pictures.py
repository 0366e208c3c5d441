"""Shrink pictures of a finished run to what the documents show: the run's own, only smaller.

PYTHONPATH=tests/helpers .venv/bin/python tests/tutorial/pictures.py results/pbmc10k/figures saturation training
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image
from places import REPOSITORY

IMAGES = REPOSITORY / "docs" / "images"
WIDTH = 1400
COLOURS = 256


def shrink(source: Path, target: Path) -> None:
    """Write a PNG of at most `WIDTH` pixels across, with `COLOURS` colours."""
    with Image.open(source) as picture:
        size = WIDTH, round(picture.height * WIDTH / picture.width)
        smaller = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    target.parent.mkdir(parents=True, exist_ok=True)
    # This method keeps colours that few pixels have, such as those of rare cell types.
    fewer = smaller.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    fewer.save(target, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("figures", type=Path, help="the folder of a run's pictures")
    parser.add_argument("names", nargs="+", help="which of them, without .png")
    arguments = parser.parse_args()
    for name in arguments.names:
        target = IMAGES / f"{name}.png"
        shrink(arguments.figures / f"{name}.png", target)
        print(f"{target.relative_to(REPOSITORY)}: {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
