"""The report of a dataset: one page that needs nothing from outside."""

from __future__ import annotations

import base64
from datetime import date
from pathlib import Path

import jinja2
import pandas as pd

from sharedim import provenance as origin
from sharedim.figures import saturation_panels
from sharedim.recipes import RECIPES, as_record

TEMPLATES = Path(__file__).parent / "templates"


def render_report(
    *,
    answer: dict,
    check: dict,
    preprocessing: dict,
    provenance: dict,
    scores: pd.DataFrame,
    saturation: pd.DataFrame,
    saturation_svg: bytes,
    training_svg: bytes,
) -> str:
    """Render the page.

    Parameters
    ----------
    answer, check, preprocessing, provenance : dict
        As ``answer.json``, ``check.json``, ``preprocessing.json`` and ``provenance.json``.
    scores, saturation : DataFrame
        As ``scores.tsv`` and ``saturation.tsv``.
    saturation_svg, training_svg : bytes
        The pictures.

    Returns
    -------
    str
        HTML.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = _number
    labels = list(check["labels"])
    recipes = [as_record(RECIPES[name]) for name in scores["recipe"].unique()]
    return environment.get_template("report.html.j2").render(
        answer=answer,
        check=check,
        preprocessing=preprocessing,
        score_tables=score_tables(scores, labels),
        saturation=_shown_saturation(saturation, labels).to_dict("records"),
        saturation_picture=_data_uri(saturation_svg),
        training_picture=_data_uri(training_svg),
        contrastive_trained=bool((scores["metric"] == "temperature").any()),
        seeds=scores["seed"].nunique(),
        dims=sorted(scores["dim"].unique()),
        recipes=recipes,
        cosine_recipes=[r["name"] for r in recipes if r.get("similarity") == "cosine"],
        provenance=origin.summary(provenance),
        versions=provenance["program"]["versions"],
        today=date.today().isoformat(),
    )


def score_tables(scores: pd.DataFrame, labels: list[str]) -> list[dict]:
    """Return one table a panel: mean and standard deviation over seeds at every d.

    Returns
    -------
    list of dict
        ``title``, ``chance`` (None where there is none), ``columns`` and ``rows``; each row holds
        d and a text a column.
    """
    tables = []
    for title, metrics in saturation_panels(labels):
        chosen = scores[scores["metric"].isin(metrics)]
        several = len(metrics) > 1
        columns, cells = [], {}
        for (recipe, metric, split), group in chosen.groupby(
            ["recipe", "metric", "split"], sort=False
        ):
            modality = (
                {"rna": " RNA", "prot": " protein"}[metric.rsplit("_", 1)[-1]] if several else ""
            )
            where = "in sample" if split == "train" else "held out"
            columns.append(f"{recipe}{modality}, {where}")
            for dim, values in group.groupby("dim")["value"]:
                cells[dim, columns[-1]] = _mean_and_deviation(values)
        rows = [
            [dim, *(cells[dim, column] for column in columns)]
            for dim in sorted(chosen["dim"].unique())
        ]
        chance = chosen.loc[chosen["split"] == "test", "chance"].mean()
        tables.append(
            {
                "title": title,
                "chance": None if pd.isna(chance) else float(chance),
                "columns": columns,
                "rows": rows,
            }
        )
    return tables


def _mean_and_deviation(values: pd.Series) -> str:
    failed = int(values.isna().sum())
    if failed == len(values):
        return "failed"
    digits = 3 if values.abs().max() < 1.5 else 2
    deviation = f" ± {values.std():.{digits}f}" if values.count() > 1 else ""
    missing = f" ({failed} failed)" if failed else ""
    return f"{values.mean():.{digits}f}{deviation}{missing}"


def _shown_saturation(saturation: pd.DataFrame, labels: list[str]) -> pd.DataFrame:
    """Keep the metrics of the pictures, held out: the file has all of them."""
    shown = [metric for _, metrics in saturation_panels(labels) for metric in metrics]
    return saturation[(saturation["split"] == "test") & saturation["metric"].isin(shown)]


def _number(value: float) -> str:
    """Write a number that may be missing, whole ones without decimals."""
    if pd.isna(value):
        return "–"
    return f"{value:g}" if float(value).is_integer() else f"{value:.3f}"


def _data_uri(svg: bytes) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode("ascii")
