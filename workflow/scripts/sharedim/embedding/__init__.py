"""Saved models: cells embedded, matched, labelled, predicted."""
