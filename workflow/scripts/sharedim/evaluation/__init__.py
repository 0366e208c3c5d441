"""Scores of representations, and what follows from their curves."""
