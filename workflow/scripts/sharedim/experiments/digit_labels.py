"""Images against labels with one-sided and two-sided losses (arXiv 2505.24134, Section 6.2)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sharedim.experiments.evidence import DatasetEvidence, Evidence, TrainedModel
from sharedim.experiments.outcome import Finding, Outcome, several
from sharedim.figure_style import COLOURS, drawn
from sharedim.lengths import comparable
from sharedim.representations import encoded_pair, similarity_of, temperature_of

TWO_SIDED, LABEL, IMAGE = "two_sided", "label_given_image", "image_given_label"
ACCURACY = "label_label_rna_to_prot"
# Accuracy that counts as equal, about one standard error of some hundred held-out images.
TIE = 0.01


def measure_labels(evidence: Evidence) -> Outcome:
    """Compare what the losses make of labels given an image, and of images given a label."""
    [dataset] = evidence.datasets.values()
    dim = dataset.dims[-1]
    accuracy = {name: dataset.curve(name, ACCURACY)["mean"].loc[dim] for name in dataset.recipes}
    diverse = {
        name: float(np.mean([effective_images(dataset, m) for m in dataset.trained(name, dim)]))
        for name in dataset.recipes
    }
    share = {name: f"{value:.1f}" for name, value in diverse.items()}
    findings = [
        Finding(
            "Figure 11",
            "the loss of labels given images predicts labels of held-out images at least as well as the other "
            f"two (within {TIE})",
            several({name: f"{value:.3f}" for name, value in accuracy.items()}),
            all(accuracy[LABEL] >= value - TIE for value in accuracy.values()),
        ),
        Finding(
            "Figure 12",
            "given a label, it concentrates on fewer images than the other two do",
            f"effective number of held-out images a label: {several(share)}",
            all(diverse[LABEL] < diverse[name] for name in (TWO_SIDED, IMAGE)),
        ),
    ]
    numbers = pd.DataFrame({"accuracy": accuracy, "effective_images": diverse})
    numbers = numbers.rename_axis("recipe").reset_index()
    return Outcome(findings, numbers, draw(numbers))


def effective_images(dataset: DatasetEvidence, model: TrainedModel) -> float:
    """Return how many held-out images a label is spread over: the exponential of the entropy.

    The mean over the labels; weights are the softmax of similarities over temperature.
    """
    pair = encoded_pair(model.block, model.place, *dataset.features)
    f, g = comparable(*pair, similarity_of(model.block, model.place))
    chosen = model.split.normaliser
    temperature = temperature_of(model.block, model.place, f[chosen], g[chosen])
    images = f[model.split.test].astype(np.float64)
    # One partner of each label stands for all, since their features are the same.
    _, first = np.unique(dataset.labels("label")[model.split.test], return_index=True)
    logits = g[model.split.test][first] @ images.T / temperature
    logits -= logits.max(axis=1, keepdims=True)
    weights = np.exp(logits)
    weights /= weights.sum(axis=1, keepdims=True)
    entropy = -np.sum(weights * np.log(np.clip(weights, 1e-300, None)), axis=1)
    return float(np.exp(entropy).mean())


def draw(numbers: pd.DataFrame) -> Figure:
    """Draw accuracy and effective number of images of every loss."""
    panels = {
        "accuracy": "Labels of held-out images",
        "effective_images": "Effective number of images given a label",
    }
    names = [name.replace("_", " ") for name in numbers["recipe"]]
    with drawn(1, 2, 2.4) as (figure, axes):
        for axis, (quantity, title) in zip(axes[0], panels.items(), strict=True):
            axis.bar(names, numbers[quantity], color=COLOURS[: len(names)])
            axis.set_title(title)
        axes[0, 0].set_ylim(0.5, 1)
    return figure
