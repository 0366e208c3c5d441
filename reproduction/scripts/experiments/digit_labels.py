"""Images against labels with one-sided and two-sided losses (arXiv 2505.24134, Section 6.2)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.evidence import DatasetEvidence, Evidence, TrainedModel
from experiments.outcome import Finding, Outcome, several
from sharedim.report.figures.style import COLOURS, drawn

TWO_SIDED, LABEL, IMAGE = "two_sided", "label_given_image", "image_given_label"
ACCURACY = "label_label_rna_to_prot"
# Accuracy that counts as equal, about one standard error of some hundred held-out images.
TIE = 0.01
IN_WORDS = {
    "accuracy": "Own label found,\nheld out",
    "confidence": "Probability of own label,\nheld out",
    "fine_tuned": "Own label found,\nafter fine-tuning",
    "effective_images": "Effective number\nof images a label",
}


def measure_labels(evidence: Evidence) -> Outcome:
    """Compare what the losses make of labels given an image, and of images given a label."""
    [dataset] = evidence.datasets.values()
    numbers = pd.DataFrame([of_recipe(dataset, name) for name in dataset.recipes])
    train = len(next(dataset.trained(TWO_SIDED, dataset.dims[-1])).split.train)
    return Outcome(findings_of(numbers.set_index("recipe"), train), numbers, draw(numbers))


def of_recipe(dataset: DatasetEvidence, recipe: str) -> dict:
    """Return what a loss reaches: labels looked up and predicted, fine-tuned too, images given a label."""
    dim = dataset.dims[-1]
    table = dataset.fine_tuning
    own = table[(table["recipe"] == recipe) & (table["dim"] == dim)]
    images = [effective_images(dataset, model) for model in dataset.trained(recipe, dim)]
    return {
        "recipe": recipe,
        "accuracy": dataset.curve(recipe, ACCURACY)["mean"].loc[dim],
        "confidence": own.loc[own["steps"] == 0, "confidence"].mean(),
        "fine_tuned": own.loc[own["steps"] > 0, "accuracy"].mean(),
        "effective_images": float(np.mean(images)),
    }


def findings_of(by: pd.DataFrame, train: int) -> list[Finding]:
    """Say how the losses compare; ``by`` is indexed by recipe, ``train`` is the number of images."""
    accuracy, confidence = by["accuracy"], by["confidence"]
    tuned, diverse = by["fine_tuned"], by["effective_images"]

    def each(values: pd.Series, form: str) -> str:
        return several({name: form.format(value) for name, value in values.items()})

    differing = (
        f"Trained on {train:,} images of 8 x 8 pixels, not on 60,000 of 28 x 28; and the labels' encoder is "
        "trained too, where the theory keeps it fixed."
    )
    likeliest = bool((confidence[LABEL] > confidence[[TWO_SIDED, IMAGE]]).all())
    most_accurate = bool((accuracy[LABEL] >= accuracy - TIE).all())
    return [
        Finding(
            "Figure 11",
            "the loss of labels given images gives the labels of held-out images the highest probability, the "
            "other two spread it more",
            f"mean probability of an image's own label: {each(confidence, '{:.3f}')}",
            likeliest,
            differing * (not likeliest),
        ),
        Finding(
            "Figure 11, accuracy",
            "the loss of labels given images predicts labels of held-out images at least as well as the other "
            f"two (within {TIE})",
            each(accuracy, "{:.3f}"),
            most_accurate,
            differing * (not most_accurate),
        ),
        Finding(
            "Figure 12",
            "given a label, it concentrates on fewer images than the other two do",
            f"effective number of held-out images a label: {each(diverse, '{:.1f}')}",
            bool((diverse[LABEL] < diverse[[TWO_SIDED, IMAGE]]).all()),
        ),
        Finding(
            "Section 4.2",
            "fine-tuning the image encoder to labels classifies held-out images at least as well as looking "
            f"labels up (within {TIE})",
            each(tuned, "{:.3f}"),
            bool((tuned >= accuracy - TIE).all()),
        ),
    ]


def effective_images(dataset: DatasetEvidence, model: TrainedModel) -> float:
    """Return how many held-out images a label is spread over: the exponential of the entropy.

    The mean over the labels; weights are the softmax of similarities over temperature.
    """
    f, g, temperature = dataset.compared(model)
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
    """Draw what every loss reaches."""
    names = [name.replace("_", "\n") for name in numbers["recipe"]]
    with drawn(1, len(IN_WORDS), 2.4) as (figure, axes):
        for axis, (quantity, title) in zip(axes[0], IN_WORDS.items(), strict=True):
            axis.bar(names, numbers[quantity], color=COLOURS[: len(names)])
            axis.set_title(title)
        for axis in axes[0, :3]:
            axis.set_ylim(0, 1)
    return figure
