"""Public and simulated data."""
