"""Preprocessing of counts to features, reproducible for new cells."""
