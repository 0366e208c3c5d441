"""Attachments of a page: tables and records, to be saved from it without a network."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

# Bytes: a larger table is packed; one that is larger packed is left beside the page.
PLAIN_LIMIT, PACKED_LIMIT = 100_000, 4_000_000


class Download(NamedTuple):
    """A file inside the page.

    Attributes
    ----------
    name : str
        What it is saved as.
    holds : str
        What is in it.
    size : int
        Bytes as carried, or as they would be.
    uri : str or None
        ``data:`` address; None where it is too large to be carried.
    """

    name: str
    holds: str
    size: int
    uri: str | None


def of_table(name: str, table: pd.DataFrame, holds: str) -> Download:
    """Carry a table as tab-separated text, packed where it is long."""
    content = table.to_csv(sep="\t", index=False, float_format="%.8g").encode()
    name = name.removesuffix(".gz")
    if len(content) <= PLAIN_LIMIT:
        return _carried(name, holds, content, "text/tab-separated-values")
    packed = gzip.compress(content, mtime=0)
    return _carried(f"{name}.gz", holds, packed, "application/gzip")


def of_record(name: str, record: Mapping[str, object], holds: str) -> Download:
    """Carry plain values as JSON."""
    content = json.dumps(record, indent=2, ensure_ascii=False).encode()
    return _carried(name, holds, content, "application/json")


def data_uri(content: bytes, kind: str) -> str:
    """Return the address of a content that is inside the page itself."""
    return f"data:{kind};base64,{b64encode(content).decode('ascii')}"


def _carried(name: str, holds: str, content: bytes, kind: str) -> Download:
    fits = len(content) <= PACKED_LIMIT
    return Download(name, holds, len(content), data_uri(content, kind) if fits else None)
