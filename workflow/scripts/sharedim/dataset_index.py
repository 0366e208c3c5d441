"""The index over the reports of several datasets."""

from __future__ import annotations

from datetime import date
from urllib.parse import quote

from sharedim.pages import interval, number, render

STATUS = {
    "saturated": "saturates inside the grid",
    "not_saturated": "the grid ends before it saturates",
    "declining": "declines beyond it",
    "flat": "no d is better than another",
    "nothing_shared": "nothing shared was found",
}


def render_index(answers: list[dict], checks: list[dict]) -> str:
    """Render the page.

    Parameters
    ----------
    answers, checks : list of dict
        As ``answer.json`` and ``check.json`` of each dataset, in the same order.

    Returns
    -------
    str
        HTML, with a relative link to each dataset's report.
    """
    return render(
        "index.html.j2",
        title="Shared dimensions of several datasets" if len(answers) > 1 else "Shared dimensions",
        rows=[_row(a, c) for a, c in zip(answers, checks, strict=True)],
        today=date.today().isoformat(),
    )


def _row(answer: dict, check: dict) -> dict:
    d, k_hat = answer["recommended_d"], answer["k_hat"]
    return {
        "dataset": answer["dataset"],
        "link": f"{quote(answer['dataset'])}/report.html",
        "d": "–" if d["value"] is None else str(d["value"]),
        "d_interval": interval(d) or "–",
        "k_hat": "–" if k_hat["value"] is None else number(k_hat["value"]),
        "k_interval": interval(k_hat) or "–",
        "status": STATUS.get(d["status"], d["status"].replace("_", " ")),
        "cells": check["paired_cells"],
        "sentence": answer["sentence"],
        "warnings": len(answer["warnings"]) + len(check["warnings"]),
    }
