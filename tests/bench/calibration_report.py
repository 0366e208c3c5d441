"""Put the answers on simulated pairs beside the truth: writes docs/calibration.md.

    python tests/bench/calibration_report.py [--folder FOLDER] [--into docs/calibration.md]

Reads what `tests/bench/calibrate.py` kept. No estimator in the tables is corrected for its bias.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from calibrate import default_folder, design, file_of

from sharedim.evaluation.recommendation import MATCHING, answer_of
from sharedim.evaluation.saturation import (
    curve,
    interval,
    resampled_means,
    saturation_of,
    saturation_table,
)
from sharedim.jobs.files import replacing
from sharedim.training.recipes import CCA, TUNED
from sharedim.training.splits import split_cells

ESTIMATORS = {
    "canonical directions that hold up": ["shared_count"],
    "their participation ratio": ["shared_effective"],
    "maximum likelihood": ["id_mle_rna", "id_mle_prot"],
    "maximum likelihood, harmonic mean": ["id_mle_harmonic_rna", "id_mle_harmonic_prot"],
    "two nearest neighbours": ["id_twonn_rna", "id_twonn_prot"],
    "local PCA": ["id_lpca_rna", "id_lpca_prot"],
    "participation ratio": ["id_pr_rna", "id_pr_prot"],
}
DESIGN = ["kind", "shared", "cells", "noise", "repetition"]
LIMITS = ("value", "low", "high")


def estimates(scores: pd.DataFrame, recipe: str, cells: int) -> Iterator[tuple]:
    """Yield every candidate for k-hat with its interval, from the plateau and from the largest d."""
    found = saturation_of(*curve(scores, recipe, "test", MATCHING), cells)
    yield (
        "d of saturation, less 1",
        "",
        *np.subtract([found.d_saturation, found.ci_low, found.ci_high], 1),
    )
    for name, metrics in ESTIMATORS.items():
        curves = [curve(scores, recipe, "test", metric) for metric in metrics]
        dims, values = curves[0][0], np.mean([own[1] for own in curves], axis=0)
        for where, first in (("plateau", found.d_saturation), ("largest d", dims[-1])):
            chosen = values[:, dims >= first]
            per_seed = chosen.mean(axis=1)[np.isfinite(chosen).all(axis=1)]
            if len(per_seed) > 1:
                limits = interval(resampled_means(per_seed[:, None])[:, 0])
                yield name, where, per_seed.mean(), *limits


def collect(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the answers, one row a dataset, and all candidates for k-hat."""
    answers, candidates = [], []
    ending = file_of(folder, "", CCA).name
    for dataset in sorted(file.name.removesuffix(ending) for file in folder.glob(f"*{ending}")):
        files = [file_of(folder, dataset, recipe) for recipe in (CCA, TUNED)]
        tables = [pd.read_csv(file, sep="\t") for file in files if file.exists()]
        scores = pd.concat(tables).assign(dataset=dataset)
        made = tuple(scores[DESIGN].iloc[0])
        cells, truth = made[2], made[1]
        test = len(split_cells(cells, 0).test)
        saturation = saturation_table(scores, {"train": cells - test, "test": test})
        directions = int(scores["directions"].iloc[0])
        found = answer_of("", scores, saturation, contrastive=[TUNED.name], directions=directions)
        k_hat, d = found["k_hat"], found["recommended_d"]
        # A recommendation is the workflow's own where both recipes were run.
        value = d["value"] if len(tables) > 1 else None
        answers.append((*made, d["status"], value, k_hat["status"], *(k_hat[n] for n in LIMITS)))
        for recipe in scores["recipe"].unique():
            rows = estimates(scores, recipe, test)
            clear = d["status"] != "nothing_shared"
            candidates += [(truth, clear, recipe, *row) for row in rows]
    names = [*DESIGN, "status", "recommended_d", "k_status", "k_hat", "low", "high"]
    return (
        pd.DataFrame(answers, columns=names),
        pd.DataFrame(
            candidates,
            columns=[
                "shared",
                "clear",
                "recipe",
                "estimator",
                "taken from",
                "k_hat",
                "low",
                "high",
            ],
        ),
    )


def holds(table: pd.DataFrame) -> pd.Series:
    """Tell where the interval holds the truth; ends may be off by rounding."""
    return (table["low"] - 1e-6 <= table["shared"]) & (table["shared"] <= table["high"] + 1e-6)


def share(hits: pd.Series) -> str:
    """Return a share with its binomial standard error."""
    p = hits.mean()
    return f"{p:.0%} ± {math.sqrt(p * (1 - p) / len(hits)):.0%}"


def table_of_answers(answers: pd.DataFrame, by: list[str]) -> str:
    """Return a Markdown table of the answers, one line a group."""
    lines = [
        f"| {' | '.join(by)} | runs | nothing shared | mean k-hat | bias | RMSE | interval holds k* | "
        "its mean width | recommended d |",
        "|" + "---|" * (len(by) + 8),
    ]
    for group, own in answers.groupby(by):
        known = own[own["k_hat"].notna()].astype({"k_hat": float, "low": float, "high": float})
        error = known["k_hat"] - known["shared"]
        told = [
            f"{known['k_hat'].mean():.2f}",
            f"{error.mean():+.2f}",
            f"{math.sqrt((error**2).mean()):.2f}",
            share(holds(known)),
            f"{(known['high'] - known['low']).mean():.2f}",
        ] if len(known) else ["–"] * 5  # fmt: skip
        d = own["recommended_d"].dropna()
        cells = [
            *(f"{value:g}" if isinstance(value, float) else str(value) for value in group),
            str(len(own)),
            str((own["status"] == "nothing_shared").sum()),
            *told,
            f"{d.min():g} to {d.max():g}" if len(d) else "–",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def table_of_candidates(candidates: pd.DataFrame) -> str:
    """Return a Markdown table of every candidate for k-hat, the most accurate first."""
    own = candidates[candidates["clear"] & (candidates["shared"] > 0)]
    rows = []
    for names, group in own.groupby(["recipe", "estimator", "taken from"]):
        error = group["k_hat"] - group["shared"]
        rmse = math.sqrt((error**2).mean())
        rows.append(
            (
                rmse,
                names,
                f"{len(group)} | {error.mean():+.2f} | {rmse:.2f} | {share(holds(group))}",
            )
        )
    lines = [
        "| recipe | estimator | taken from | runs | bias | RMSE | interval holds k* |",
        "|---|---|---|---|---|---|---|",
        *(f"| {' | '.join(names)} | {told} |" for _, names, told in sorted(rows)),
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=default_folder())
    parser.add_argument("--into", type=Path, default=Path("docs/calibration.md"))
    arguments = parser.parse_args()
    answers, candidates = collect(arguments.folder)
    if answers.empty:
        raise SystemExit(f"{arguments.folder}: no simulated datasets; run make calibrate")
    core = answers[(answers["cells"] == 2000) & (answers["noise"] == 0.3)]
    clear = answers[(answers["shared"] > 0) & (answers["status"] != "nothing_shared")]
    held = holds(clear.astype({"low": float, "high": float}))
    missed = answers[answers["shared"] == 0]["status"] != "nothing_shared"
    text = Path(__file__).with_name("calibration.md.in").read_text("utf-8")
    for name, told in {
        "runs": str(len(answers)),
        "design": str(len(list(design()))),
        "tuned": str(len(list(arguments.folder.glob(f"*.{TUNED.name}.tsv.gz")))),
        "with_tuned": str(sum(pair.with_tuned for pair in design())),
        "clear": str(len(clear)),
        "held": share(held),
        "missed": f"{missed.sum()} of {len(missed)}",
        "core": table_of_answers(core, ["shared", "kind"]),
        "varied": table_of_answers(answers[answers["shared"] == 3], ["cells", "noise", "kind"]),
        "candidates": table_of_candidates(candidates),
    }.items():
        text = text.replace("{{" + name + "}}", told)
    with replacing(arguments.into) as written:
        written.write_text(text, "utf-8")
    print(f"{arguments.into}: {len(answers)} runs, interval holds k* in {share(held)}")


if __name__ == "__main__":
    main()
