"""Counts made features, in a way that can be repeated for new cells."""
