"""Index of the reports of several datasets."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import quote

from sharedim.report.html import interval, number, render
from sharedim.vocabulary import Words, words_of

if TYPE_CHECKING:
    from sharedim.evaluation.recommendation import Answer
    from sharedim.report.results import Check

STATUS = {
    "saturated": "saturates inside the grid",
    "not_saturated": "the grid ends before it saturates",
    "declining": "declines beyond it",
    "flat": "no d is better than another",
    "nothing_shared": "nothing shared was found",
}


def render_index(answers: list[Answer], checks: list[Check]) -> str:
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
    words = [words_of(check["kind"], check["modalities"]) for check in checks]
    modalities = {own.both for own in words}
    return render(
        "index.html.j2",
        title="Shared dimensions of several datasets" if len(answers) > 1 else "Shared dimensions",
        rows=[_row(*own) for own in zip(answers, checks, words, strict=True)],
        # What all datasets share stands above the table, what they do not in it.
        modalities=modalities.pop() if len(modalities) == 1 else None,
        pairs=" or ".join(dict.fromkeys(own.pairs for own in words)),
        today=date.today().isoformat(),
    )


def _row(answer: Answer, check: Check, words: Words) -> dict[str, object]:
    d, k_hat = answer["recommended_d"], answer["k_hat"]
    return {
        "dataset": answer["dataset"],
        "link": f"{quote(answer['dataset'])}/report.html",
        "d": "–" if d["value"] is None else str(d["value"]),
        "d_interval": interval(d) or "–",
        "k_hat": "–" if k_hat["value"] is None else number(k_hat["value"]),
        "k_interval": interval(k_hat) or "–",
        "status": STATUS.get(d["status"], d["status"].replace("_", " ")),
        "modalities": words.both,
        "pairs": check["paired_cells"],
        "sentence": answer["sentence"],
        "warnings": len(answer["warnings"]) + len(check["warnings"]),
    }
