"""Figures plot the numbers of the tables, in every shape that the tables can take."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from figure_shapes import SHAPES, texts
from made_up_results import LABELS, made_up_features, with_nothing_shared, written_and_read
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from sharedim.report.figures.confusion import plot_confusion
from sharedim.report.figures.embedding import plot_embedding
from sharedim.report.figures.pairs import plot_pairs
from sharedim.report.figures.prediction import plot_prediction
from sharedim.report.figures.registry import FIGURES
from sharedim.report.figures.training import plot_training

# What each shape changes.
CHANGED = {
    "all": FIGURES,
    "no labels": ("saturation", "dimension", "confusion", "embedding", "paper_figure"),
    "one level": ("saturation", "confusion"),
    "closed forms alone": ("training", "paper_figure"),
    "one seed": ("dimension", "paper_figure"),
    "many recipes": ("saturation", "training"),
    "the null alone": ("training", "paper_figure", "saturation"),
    "nothing shared": ("saturation", "dimension", "pairs", "confusion", "embedding", "prediction"),
    "no batches": ("embedding",),
    "134 proteins": ("prediction",),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_figure_can_be_read_in_print(shape, tmp_path):
    results = written_and_read(SHAPES[shape], tmp_path)
    for name in CHANGED[shape]:
        figure = FIGURES[name](results)
        assert figure.get_figwidth() == 7.1
        sizes = [text.get_fontsize() for text in figure.findobj(Text) if text.get_text()]
        assert min(sizes) >= 7, name


def with_dimensions_along_training(results):
    return replace(results, history=results.history.assign(id_rna=2.0, id_prot=1.5))


@pytest.mark.parametrize(
    "change", [with_dimensions_along_training, with_nothing_shared], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("labels", [LABELS, []], ids=["labels", "no labels"])
def test_figures_of_features_speak_of_their_own_modalities(change, labels):
    results = change(made_up_features(labels=labels))
    found = {name: "\n".join(texts(draw(results))) for name, draw in FIGURES.items()}
    of_cells = re.compile(r"\b(RNA|proteins?|cells?|genes?|prot)\b", re.IGNORECASE)
    assert not {name: text for name, text in found.items() if of_cells.search(text)}
    assert "Top-0.5 % matching, image to text\nin sample (training pairs)" in found["saturation"]
    assert "mean norm (dashed: text)" in found["training"]
    assert (
        "image, recipe paper, held-out pairs" in found["dimension"] or change is with_nothing_shared
    )


def test_long_names_of_modalities_fit_into_figures():
    results = made_up_features("flickr30k_clip_image_embeddings", "flickr30k_clip_text_embeddings")
    for name, draw in FIGURES.items():
        figure = draw(with_dimensions_along_training(results))
        renderer = FigureCanvasAgg(figure).get_renderer()
        width = figure.bbox.width
        for legend in figure.legends:
            box = legend.get_window_extent(renderer)
            assert 0 <= box.x0 < box.x1 <= width, name
        # Titles begin where their axes do, and may end between theirs and the next.
        begins = sorted({axis.bbox.x0 for axis in figure.axes if axis.get_title(loc="left")})
        for axis in figure.axes:
            ends = axis._left_title.get_window_extent(renderer).x1
            later = [place for place in begins if place > axis.bbox.x0 + 1]
            assert ends < min(later, default=width), (name, axis.get_title(loc="left"))


def test_empty_tables_are_said():
    nothing = SHAPES["nothing shared"]
    for draw in (plot_pairs, plot_embedding, plot_prediction, plot_confusion):
        assert any("Nothing shared was found" in text for text in texts(draw(nothing)))
    assert "No recipe was trained" in texts(plot_training(SHAPES["closed forms alone"]))[0]
    assert "No cell types are known" in texts(plot_confusion(SHAPES["no labels"]))[0]
