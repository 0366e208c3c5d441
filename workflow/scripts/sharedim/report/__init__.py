"""Report of a dataset: figures, tables, texts and one page."""

__all__ = [
    # Results of a dataset, and its figures.
    "results",
    "figures",
    # Pages.
    "page",
    "index",
    # Parts of any page.
    "html",
    "attachments",
]
