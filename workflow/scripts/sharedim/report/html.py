"""HTML of all pages: templates, and numbers formatted for reading."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
import pandas as pd

if TYPE_CHECKING:
    from sharedim.evaluation.k_hat import KHat
    from sharedim.evaluation.recommendation import Recommended

TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, folder: Path = TEMPLATES, **content: object) -> str:
    """Render a template; content is escaped, and missing content is an error.

    Templates of another folder can extend and include those of the library.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, TEMPLATES]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["thousands"] = "{:,}".format
    environment.filters["size"] = size
    script = (TEMPLATES / "page.js.j2").read_text(encoding="utf-8")
    # The page runs this script and no other, also where a name in the data were one.
    digest = b64encode(sha256(script.encode()).digest()).decode("ascii")
    return environment.get_template(template).render(
        script=script, script_hash=f"sha256-{digest}", **content
    )


def size(number: int) -> str:
    """Write a number of bytes."""
    return f"{number / 1e6:.1f} MB" if number >= 1e6 else f"{max(1, round(number / 1000))} kB"


def interval(found: Recommended | KHat) -> str:
    """Write the interval of a value of ``answer.json``."""
    return "" if found["low"] is None else f"{found['low']:g} to {found['high']:g}"


def number(value: float) -> str:
    """Write a number that may be missing, whole ones without decimals."""
    if pd.isna(value):
        return "–"
    return f"{value:g}" if float(value).is_integer() else f"{value:.3f}"


def percent(value: float) -> str:
    """Write a share that may be missing as per cent."""
    return "–" if pd.isna(value) else f"{100 * value:.1f} %"
