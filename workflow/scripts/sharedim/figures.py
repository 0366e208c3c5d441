"""All pictures of a dataset by their names."""

from __future__ import annotations

from sharedim.cell_figures import plot_embedding
from sharedim.curve_figures import plot_paper_figure, plot_saturation
from sharedim.dimension_figures import plot_dimension
from sharedim.pair_figures import plot_pairs, plot_prediction
from sharedim.training_figures import plot_training
from sharedim.type_figures import plot_confusion

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
