"""Classification by a contrastively trained encoder, fine-tuned to labels with a one-sided loss.

Labels are a second modality: a label is a one-hot vector that a linear encoder without bias takes to
R^d, one column a label. The loss is the one-sided contrastive loss of the label given the cell: the
cross-entropy of ``p(label | cell) = p(label) exp(similarity / temperature)``, normalised over the
labels, p(label) being the share of training cells (Baptista, Stuart and Tran, arXiv 2505.24134,
Section 4.2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from experiments.evidence import DatasetEvidence, TrainedModel
from sharedim.evaluation.representations import (
    encoded_pair,
    encoder_of,
    similarity_of,
    temperature_of,
)
from sharedim.evaluation.retrieval import UNKNOWN
from sharedim.jobs.checkpoints import ModelBlock
from sharedim.training.encoders import EncoderShape, EncoderStack
from sharedim.training.similarity import EUCLIDEAN, at_length, comparable

LABEL = "label"
STEPS = 300
BATCH_SIZE = 256


@dataclass(frozen=True)
class Classifier:
    """An encoder and the representations of labels that its cells are compared with.

    Attributes
    ----------
    shape : EncoderShape
        Of the encoder.
    parameters : Tensor, shape (1, shape.parameters)
        A stack of one.
    mean_norm : float
        What its output is divided by, fixed since it was pretrained.
    labels : Tensor, shape (labels, d)
        Representation of each label.
    shares : Tensor, shape (labels,)
        Of the training cells, that have each label.
    similarity : str
        As in `sharedim.training.recipe_types.ContrastiveRecipe`.
    temperature : float
        Divides similarities.
    """

    shape: EncoderShape
    parameters: torch.Tensor
    mean_norm: float
    labels: torch.Tensor
    shares: torch.Tensor
    similarity: str
    temperature: float

    @torch.no_grad()
    def probabilities(self, cells: np.ndarray) -> np.ndarray:
        """Return the probability of each label, shape (n, labels), for cells of shape (n, features)."""
        return self.logits(torch.as_tensor(cells, dtype=torch.float32)).softmax(dim=1).numpy()

    def logits(self, cells: torch.Tensor) -> torch.Tensor:
        """Return the logarithm of these, but for a constant of each cell, differentiable."""
        encoded = EncoderStack(self.shape, self.parameters).encode(cells[None])[0]
        encoded, labels = encoded / self.mean_norm, self.labels
        if self.similarity == "cosine":
            normalize = torch.nn.functional.normalize
            encoded, labels = normalize(encoded, dim=1), normalize(labels, dim=1)
        similar = encoded @ labels.T
        if self.similarity in EUCLIDEAN:
            # The square of the cell is the same for every label.
            similar = similar - 0.5 * labels.square().sum(dim=1)
        return similar / self.temperature + self.shares.log()


def classification(dataset: DatasetEvidence) -> pd.DataFrame:
    """Classify held-out cells by the first modality of every model, before and after fine-tuning.

    Parameters
    ----------
    dataset : DatasetEvidence
        Of which the features, the labels, the test cells and the models are read.

    Returns
    -------
    DataFrame
        Columns ``recipe``, ``dim``, ``seed``, ``steps`` (of fine-tuning, 0 for the model itself),
        ``accuracy`` and ``confidence``, the mean probability of a cell's own label.
    """
    rows = [
        (recipe, dim, model.seed, steps, *classified(dataset, model, steps))
        for recipe, dim in dataset.fitted
        for model in dataset.trained(recipe, dim)
        for steps in (0, STEPS)
    ]
    columns = ["recipe", "dim", "seed", "steps", "accuracy", "confidence"]
    return pd.DataFrame(rows, columns=columns)


def classified(dataset: DatasetEvidence, model: TrainedModel, steps: int) -> tuple[float, float]:
    """Return accuracy and mean probability of the own label on held-out cells after fine-tuning."""
    train, test = model.split.train, model.split.test
    _, codes = np.unique(dataset.labels(LABEL), return_inverse=True)
    features = tuple(np.array(side[train]) for side in dataset.features)
    classifier = fine_tune(model.block, model.place, "rna", features, codes[train], steps=steps)
    found = classifier.probabilities(np.array(dataset.features[0][test]))
    own = found[np.arange(len(test)), codes[test]]
    return float(np.mean(found.argmax(axis=1) == codes[test])), float(own.mean())


def fine_tune(
    block: ModelBlock,
    model: int,
    modality: str,
    features: tuple[np.ndarray, np.ndarray],
    codes: np.ndarray,
    *,
    steps: int = STEPS,
    learning_rate: float = 1e-3,
    encoder_too: bool = True,
    seed: int = 0,
) -> Classifier:
    """Fine-tune the encoder of one modality to labels, from what contrastive training made of it.

    A label starts as the mean representation, in the other modality, of the cells that have it: the
    classifier starts as one that was never trained on labels. Adam then takes the steps, on batches
    drawn without replacement until all cells were seen.

    Parameters
    ----------
    block : ModelBlock
        Contrastively trained models.
    model : int
        Position in the block.
    modality : str
        ``"rna"`` or ``"prot"``, of the cells that are to be classified.
    features : tuple of ndarray, shapes (n, dx) and (n, dy)
        RNA and protein of the training cells.
    codes : ndarray of int64, shape (n,)
        Their labels, numbered from 0, each label with at least one cell; cells of `UNKNOWN` label
        take no part.
    steps : int
        0 leaves the start.
    learning_rate : float
        Of Adam, falling to 0 along a cosine.
    encoder_too : bool
        False trains the representations of labels alone.
    seed : int
        Decides the batches.

    Returns
    -------
    Classifier
    """
    known = codes != UNKNOWN
    similarity, targets = similarity_of(block, model), torch.as_tensor(codes[known])
    f, g = encoded_pair(block, model, *(side[known] for side in features))
    temperature = temperature_of(block, model, *comparable(f, g, similarity))
    paired = torch.as_tensor(at_length(g if modality == "rna" else f, similarity))
    one_hot = torch.nn.functional.one_hot(targets).to(paired.dtype)
    encoder = encoder_of(block, model, modality)
    classifier = Classifier(
        shape=encoder.shape,
        parameters=encoder.parameters.requires_grad_(encoder_too),
        mean_norm=float(block.tensors[f"mean_norm.{modality}"][model]),
        labels=(one_hot.T @ paired / one_hot.sum(dim=0)[:, None]).requires_grad_(),
        shares=one_hot.mean(dim=0),
        similarity=similarity,
        temperature=temperature,
    )
    own = features[0 if modality == "rna" else 1][known]
    cells = torch.as_tensor(own, dtype=torch.float32)
    _train(classifier, cells, targets, steps, learning_rate, seed)
    return classifier


def _train(
    classifier: Classifier,
    cells: torch.Tensor,
    targets: torch.Tensor,
    steps: int,
    learning_rate: float,
    seed: int,
) -> None:
    leaves = [classifier.parameters, classifier.labels]
    optimiser = torch.optim.Adam([leaf for leaf in leaves if leaf.requires_grad], learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, steps))
    generator = torch.Generator().manual_seed(seed)
    size = min(BATCH_SIZE, len(cells))
    waiting = torch.empty(0, dtype=torch.int64)
    for _ in range(steps):
        if len(waiting) < size:
            waiting = torch.randperm(len(cells), generator=generator)
        batch, waiting = waiting[:size], waiting[size:]
        optimiser.zero_grad()
        logits = classifier.logits(cells[batch])
        torch.nn.functional.cross_entropy(logits, targets[batch]).backward()
        optimiser.step()
        schedule.step()
    for leaf in leaves:
        leaf.requires_grad_(False)
