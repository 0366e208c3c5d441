"""Public and simulated datasets."""

__all__ = [
    # Public datasets.
    "catalogue",
    "download",
    "builtin",
    # Simulated cells, and simulated pairs of features.
    "cite_seq",
    "simulated_options",
    "simulated_pairs",
    # Populations with known covariances.
    "gaussian",
]
