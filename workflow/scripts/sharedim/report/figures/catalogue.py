"""All pictures of a dataset by their names."""

from __future__ import annotations

from sharedim.report.figures.cells import plot_embedding
from sharedim.report.figures.curves import plot_paper_figure, plot_saturation
from sharedim.report.figures.dimension import plot_dimension
from sharedim.report.figures.pairs import plot_pairs, plot_prediction
from sharedim.report.figures.training import plot_training
from sharedim.report.figures.types import plot_confusion

# As the files under figures/ are called. Each takes the results of a dataset and returns a figure,
# also where its table is empty: the picture then says why.
PICTURES = {
    "saturation": plot_saturation,
    "dimension": plot_dimension,
    "training": plot_training,
    "pairs": plot_pairs,
    "confusion": plot_confusion,
    "embedding": plot_embedding,
    "prediction": plot_prediction,
    "paper_figure": plot_paper_figure,
}
