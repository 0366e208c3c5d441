"""Figures, tables, texts and one page."""
