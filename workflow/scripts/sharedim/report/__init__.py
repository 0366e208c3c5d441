"""Report of a dataset: figures, tables, texts and one page."""
