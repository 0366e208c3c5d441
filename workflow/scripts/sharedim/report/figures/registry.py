"""Figures of a dataset by their names."""

from __future__ import annotations

from sharedim.report.figures.confusion import plot_confusion
from sharedim.report.figures.curves import plot_paper_figure, plot_saturation
from sharedim.report.figures.dimension import plot_dimension
from sharedim.report.figures.embedding import plot_embedding
from sharedim.report.figures.pairs import plot_pairs
from sharedim.report.figures.prediction import plot_prediction
from sharedim.report.figures.training import plot_training

# As the files under figures/ are called. Each takes the results of a dataset and returns a figure,
# also where its table is empty: the figure then explains why.
FIGURES = {
    "saturation": plot_saturation,
    "dimension": plot_dimension,
    "training": plot_training,
    "pairs": plot_pairs,
    "confusion": plot_confusion,
    "embedding": plot_embedding,
    "prediction": plot_prediction,
    "paper_figure": plot_paper_figure,
}
