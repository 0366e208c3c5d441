"""Contrastive encoders, trained as stacks."""

__all__ = [
    # Every choice that decides a model.
    "recipe_types",
    "recipes",
    "variants",
    "splits",
    # Contrastive training, and the device that it runs on.
    "loop",
    "engine",
    "devices",
    "precision",
    # Closed forms.
    "baselines",
    "cca",
    # What trained models are made of, and compared by.
    "encoders",
    "similarity",
    "history",
    # An estimate that scoring shares with training.
    "mle_dimension",
]
