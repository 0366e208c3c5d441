"""Experiments of the paper and of the theory: expectations and measurements."""
