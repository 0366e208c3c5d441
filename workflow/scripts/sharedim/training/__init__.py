"""Contrastive encoders, trained as stacks."""

__all__ = [
    # Every choice that decides a model.
    "recipes",
    "variants",
    "splits",
    # Contrastive training, and the device that it runs on.
    "loop",
    "devices",
    # Closed forms.
    "baselines",
    "canonical",
    "cca",
    # What trained models are made of, and compared by.
    "encoders",
    "similarity",
    "history",
    # Estimates and threads that scoring shares with training.
    "mle_dimension",
    "thread_pool",
]
