"""What the target project is asked for: new cells, and the model that they go through."""

# The new cells with everything found in them, and the same as tables.
PROJECTED = ("cells.h5mu", "cells.tsv.gz", "matches.tsv.gz", "summary.json")


def new_cells(wildcards):
    """Return the files with new cells."""
    return NEW_CELLS["cells"]


def reading_of_new_cells(wildcards):
    """Return how files with new cells are to be read: names in them."""
    return NEW_CELLS["reading"]


def model_for_new_cells(wildcards):
    """Return the model that new cells go through: the one that is named, or the dataset's own."""
    if "model" in NEW_CELLS:
        return NEW_CELLS["model"]
    return f"<results>/{NEW_CELLS['dataset']}/model.safetensors"


def projections(wildcards):
    """Return what is made of new cells."""
    if not NEW_CELLS:
        raise WorkflowError("project: name the new cells with --config new=cells.h5mu")
    return collect(
        "<results>/projected/{new}/{file}", new=NEW_CELLS["name"], file=PROJECTED
    )
