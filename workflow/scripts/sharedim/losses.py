"""Contrastive losses of stacks of models."""

from __future__ import annotations

import torch


def infonce(first: torch.Tensor, second: torch.Tensor, temperature: torch.Tensor) -> torch.Tensor:
    """Symmetric InfoNCE loss of each model in a stack (CLIP's; arXiv 2505.12473, equation 1).

    Parameters
    ----------
    first, second : Tensor, shape (S, B, d)
        Representations of the same B cells in two modalities, row i of one the partner of row i
        of the other. Similarity is their inner product; any normalisation comes before.
    temperature : Tensor, shape (S,)
        Temperature of each model, positive.

    Returns
    -------
    Tensor, shape (S,)
        Mean of the two cross-entropies (first to second modality and back), in nats. A model
        that tells nothing apart has log(B).
    """
    # Dividing the representations rather than the S x B x B similarities spares passes over them.
    logits = (first / temperature[:, None, None]) @ second.mT
    partner = logits.diagonal(dim1=1, dim2=2)
    # Cross-entropy with the partner as the class: among the columns one way, the rows the other.
    forward = (logits.logsumexp(dim=2) - partner).mean(dim=1)
    backward = (logits.logsumexp(dim=1) - partner).mean(dim=1)
    return (forward + backward) / 2
