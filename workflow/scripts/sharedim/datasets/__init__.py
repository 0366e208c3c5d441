"""Public and simulated datasets."""
