"""Saved models: cells embedded, matched, labelled, predicted."""

__all__ = [
    # The model, fitted and used.
    "final_model",
    "model",
    "model_output",
    # Its results on cells, for the user's object.
    "describe",
    "annotate",
    # Its quality on held-out pairs.
    "held_out",
    # The method by which it matches, transfers and predicts.
    "soft_matching",
]
