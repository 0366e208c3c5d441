"""Scores of representations, and what follows from their curves."""

__all__ = [
    # Representations of a trained model, and all scores of it.
    "representations",
    "scoring",
    # One kind of score each.
    "retrieval",
    "label_transfer",
    "probes",
    "alignment",
    "mutual_information",
    "intrinsic_dimension",
    "shared_directions",
    # Conclusions from the scores.
    "saturation",
    "k_hat",
    "recommendation",
    # The course of training.
    "history_table",
]
