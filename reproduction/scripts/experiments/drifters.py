"""Drifters in a stream and its coefficients (arXiv 2505.24134, Section 6.3): Figures 14 and 15."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.evidence import DatasetEvidence, Evidence, TrainedModel
from experiments.outcome import Finding, Outcome
from experiments.panels import draw_curves
from sharedim.embedding.soft_matching import ask
from sharedim.report.figures.style import COLOURS, drawn, legend_below

RECALL = {
    "match_recall1_rna_to_prot": "trajectory to coefficients, best 1",
    "match_recall5_rna_to_prot": "trajectory to coefficients, best 5",
    "match_recall1_prot_to_rna": "coefficients to trajectory, best 1",
    "match_recall5_prot_to_rna": "coefficients to trajectory, best 5",
}
NEAR_ONE = 0.95
# Correlation of posterior means with the truth, the median over the coefficients.
POSTERIOR = 0.8


def measure_drifters(evidence: Evidence) -> Outcome:
    """Look up coefficients of held-out trajectories, and average them over the conditional."""
    [dataset] = evidence.datasets.values()
    recipe = max(
        dataset.recipes, key=lambda name: _best(dataset, name, "match_recall5_rna_to_prot")
    )
    dim = int(dataset.curve(recipe, "match_recall5_rna_to_prot")["mean"].idxmax())
    model = next(iter(dataset.trained(recipe, dim)))
    truth, means = posterior_means(dataset, model)
    correlations = np.array(
        [np.corrcoef(*pair)[0, 1] for pair in zip(truth.T, means.T, strict=True)]
    )
    test, where = dataset.check["split"]["test"], f"at d = {dim} with {recipe}"
    recalls = {metric: dataset.curve(recipe, metric)["mean"].loc[dim] for metric in RECALL}
    findings = [
        Finding(
            "Figure 14",
            f"recall at 5 of held-out pairs is near 1 in both directions (above {NEAR_ONE})",
            ", ".join(f"{RECALL[metric]}: {value:.3f}" for metric, value in recalls.items())
            + f", among {test:,} {where}",
            all(value > NEAR_ONE for metric, value in recalls.items() if "recall5" in metric),
        ),
        Finding(
            "Figure 15",
            "the posterior mean of a held-out trajectory's coefficients, the average over the training pairs "
            f"by the learned conditional, follows the truth (median correlation above {POSTERIOR})",
            f"median {np.median(correlations):.3f}, {correlations.min():.3f} to {correlations.max():.3f} over "
            f"{len(correlations)} coefficients",
            bool(np.median(correlations) > POSTERIOR),
        ),
    ]
    numbers = pd.DataFrame(
        {"coefficient": np.arange(len(correlations)), "correlation": correlations}
    )
    return Outcome(findings, numbers, draw(dataset, recipe, truth, means, correlations))


def _best(dataset: DatasetEvidence, recipe: str, metric: str) -> float:
    return dataset.curve(recipe, metric)["mean"].max()


def posterior_means(dataset: DatasetEvidence, model: TrainedModel) -> tuple[np.ndarray, np.ndarray]:
    """Return the coefficients of held-out trajectories, true and as averaged over training pairs."""
    f, g, temperature = dataset.compared(model)
    coefficients, train, test = dataset.features[1], model.split.train, model.split.test
    answers = ask(f[test], g[train], temperature, values=np.array(coefficients[train]))
    return coefficients[test], answers.means


def draw(
    dataset: DatasetEvidence,
    recipe: str,
    truth: np.ndarray,
    means: np.ndarray,
    correlations: np.ndarray,
) -> Figure:
    """Draw recall against d, one coefficient against its posterior mean, and all correlations."""
    with drawn(1, 3, 2.6) as (figure, axes):
        curves = {name: dataset.curve(recipe, metric) for metric, name in RECALL.items()}
        draw_curves(axes[0, 0], curves, "Recall, held out")
        legend_below(figure, [axes[0, 0]])
        # The one in the middle.
        shown = int(np.argsort(correlations)[len(correlations) // 2])
        axes[0, 1].scatter(
            truth[:, shown], means[:, shown], s=2, color=COLOURS[0], linewidths=0, rasterized=True
        )
        axes[0, 1].axline((0, 0), slope=1, color="0.4", linewidth=0.8)
        axes[0, 1].set(title=f"Coefficient {shown}", xlabel="truth", ylabel="posterior mean")
        axes[0, 2].bar(np.arange(len(correlations)), correlations, color=COLOURS[1])
        axes[0, 2].set(title="Correlation with the truth", xlabel="coefficient", ylim=(0, 1))
    return figure
