"""Pictures draw the numbers of the tables, in every shape that the tables can take."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_up_results import (
    DIMS,
    LABELS,
    SEEDS,
    made_up_embedding,
    made_up_features,
    made_up_history,
    made_up_prediction,
    made_up_results,
    with_nothing_shared,
    written_and_read,
)
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from sharedim.report.figures.catalogue import PICTURES
from sharedim.report.figures.cells import plot_embedding
from sharedim.report.figures.curves import plot_paper_figure, plot_saturation
from sharedim.report.figures.dimension import dimension_of_types, plot_dimension
from sharedim.report.figures.pairs import mean_prediction, plot_pairs, plot_prediction
from sharedim.report.figures.style import save
from sharedim.report.figures.training import mean_over_seeds, plot_training
from sharedim.report.figures.types import confusion_shares, plot_confusion
from sharedim.report.results import read_named, true_pairs_above_false

SHAPES = {
    "all": made_up_results(),
    "no labels": made_up_results(labels=[]),
    "one level": made_up_results(labels=LABELS[:1]),
    "closed forms alone": made_up_results(recipes=("cca",)),
    "one seed": made_up_results(seeds=1),
    "many recipes": made_up_results(recipes=("tuned", "paper", "paper_sampled", "permuted", "cca", "pca")),
    "the null alone": made_up_results(recipes=("permuted",)),
    "nothing shared": with_nothing_shared(made_up_results()),
    "no batches": replace(made_up_results(), embedding=made_up_embedding(batches=0)),
    "134 proteins": replace(made_up_results(), prediction=made_up_prediction(134)),
}  # fmt: skip


def texts(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def titles(figure):
    return [axis.get_title(loc="left") for axis in figure.axes]


# What each shape changes.
CHANGED = {
    "all": PICTURES,
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
def test_every_picture_can_be_read_in_print(shape, tmp_path):
    results = written_and_read(SHAPES[shape], tmp_path)
    for name in CHANGED[shape]:
        figure = PICTURES[name](results)
        assert figure.get_figwidth() == 7.1
        sizes = [text.get_fontsize() for text in figure.findobj(Text) if text.get_text()]
        assert min(sizes) >= 7, name


def with_dimensions_along_training(results):
    return replace(results, history=results.history.assign(id_rna=2.0, id_prot=1.5))


@pytest.mark.parametrize(
    "change", [with_dimensions_along_training, with_nothing_shared], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("labels", [LABELS, []], ids=["labels", "no labels"])
def test_pictures_of_features_speak_of_their_own_modalities(change, labels):
    results = change(made_up_features(labels=labels))
    found = {name: "\n".join(texts(draw(results))) for name, draw in PICTURES.items()}
    of_cells = re.compile(r"\b(RNA|proteins?|cells?|genes?|prot)\b", re.IGNORECASE)
    assert not {name: text for name, text in found.items() if of_cells.search(text)}
    assert "Top-0.5 % matching, image to text\nin sample (training pairs)" in found["saturation"]
    assert "mean norm (dashed: text)" in found["training"]
    assert (
        "image, recipe paper, held-out pairs" in found["dimension"] or change is with_nothing_shared
    )


def test_long_names_of_modalities_fit_into_pictures():
    results = made_up_features("flickr30k_clip_image_embeddings", "flickr30k_clip_text_embeddings")
    for name, draw in PICTURES.items():
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


@pytest.mark.parametrize(("shape", "rows"), [("all", 4), ("one level", 4), ("no labels", 2)])
def test_the_papers_figure_has_its_panels_in_sample_and_out(shape, rows):
    figure = plot_paper_figure(SHAPES[shape])
    assert len(figure.axes) == 2 * rows
    assert titles(figure)[0] == "Top-0.5 % matching, RNA to protein\nin sample (training cells)"
    assert titles(figure)[-1] == "Intrinsic dimension (MLE)\nout of sample (held-out cells)"
    assert [letter for letter in texts(figure) if len(letter) == 1 and letter.isalpha()] == list(
        "abcdefgh"[: 2 * rows]
    )


def test_lines_are_means_over_seeds_and_bands_one_deviation():
    results = made_up_results()
    expected = results.scores.query(
        "recipe == 'paper' and split == 'train' and metric == 'match_top0.5pct_rna_to_prot'"
    ).groupby("dim")["value"]
    for draw in (plot_saturation, plot_paper_figure):
        axis = draw(results).axes[0]
        np.testing.assert_allclose(axis.get_lines()[0].get_ydata(), expected.mean())
        heights = axis.collections[0].get_paths()[0].vertices[:, 1]
        assert heights.max() == pytest.approx((expected.mean() + expected.std()).max())


def test_chance_and_the_recommended_d_are_marked():
    figure = plot_saturation(made_up_results())
    held_out = figure.axes[1]
    named = {line.get_label(): line for line in held_out.get_lines()}
    assert named["chance"].get_ydata()[0] == pytest.approx(0.005)
    assert named["recommended d = 4"].get_xdata()[0] == 4
    assert not any("recommended" in line.get_label() for line in figure.axes[0].get_lines())


def test_the_null_is_muted_and_recipes_keep_their_looks():
    results = SHAPES["many recipes"]
    lines = {line.get_label(): line for line in plot_saturation(results).axes[0].get_lines()}
    null = lines.pop("permuted (wrong partners)")
    assert null.get_color() == "0.6"
    looks = {
        (lines[name].get_color(), lines[name].get_marker())
        for name in results.recipes
        if name in lines
    }
    assert len(looks) == len(results.recipes) - 1
    assert not any("permuted" in title for title in titles(plot_training(results)))


def test_held_out_curves_higher_than_in_sample_ones_are_not_cut_off():
    results = made_up_results(labels=[])
    scores = results.scores
    higher = (scores["split"] == "test") & (scores["metric"] == "id_mle_rna")
    scores.loc[higher, "value"] += 10
    held_out = plot_paper_figure(results).axes[3]
    highest = max(line.get_ydata().max() for line in held_out.get_lines()[:2])
    assert held_out.get_ylim()[1] > highest > 10


def test_dimension_draws_every_estimator_and_type():
    results = made_up_results()
    upper_left, _, lower_left, _ = plot_dimension(results).axes
    drawn = {line.get_label() for line in upper_left.get_lines()}
    assert {"maximum likelihood (the paper's)", "two nearest neighbours"} <= drawn
    types = dimension_of_types(results)
    assert list(types.index) == ["A", "B"]
    # 0.8 d and a tenth of the seed more, at d = 4.
    np.testing.assert_allclose(types["rna", "mean"], 3.3)
    assert [text.get_text() for text in lower_left.get_yticklabels()] == ["A", "B"]


def test_training_is_drawn_with_its_levels():
    figure = plot_training(made_up_results())
    loss = figure.axes[0]
    drawn = [line for line in loss.lines if len(line.get_ydata()) == 3]
    solid = [line.get_ydata() for line in drawn if line.get_linestyle() == "-"]
    dashed = [line.get_ydata() for line in drawn if line.get_linestyle() == "--"]
    assert len(solid) == len(DIMS)
    np.testing.assert_allclose(np.array(dashed) - np.array(solid), 0.2)
    wanted = ("loss in nats", "temperature", "alignment", "mean norm", "final temperature")
    assert all(any(name in title for title in titles(figure)) for name in wanted)


def test_dimensions_along_training_are_drawn_where_they_were_estimated():
    results = made_up_results()
    history = results.history
    asked = history["epoch"] == 2
    history.loc[asked, "id_rna"] = history["dim"] / 2
    history.loc[asked, "id_prot"] = history["dim"] / 3
    axis = plot_training(results).axes[5]
    assert axis.get_title(loc="left").startswith("paper\nintrinsic dimension")
    drawn = sorted(line.get_ydata().item() for line in axis.lines)
    expected = sorted([dim / 2 for dim in DIMS] + [dim / 3 for dim in DIMS])
    np.testing.assert_allclose(drawn, expected)


def test_a_model_that_stopped_early_keeps_its_last_values():
    history = made_up_history()
    stopped = history[(history["seed"] > 0) | (history["epoch"] < 3)]
    expected = (0.8 + (SEEDS - 1) * 0.7) / SEEDS
    mean = mean_over_seeds(stopped)
    np.testing.assert_allclose(mean.loc[mean["epoch"] == 3, "temperature"], expected)
    figure = plot_training(replace(made_up_results(), history=stopped))
    np.testing.assert_allclose(figure.axes[4].lines[0].get_ydata().astype(float), expected)


def test_pairs_tell_how_often_a_true_one_is_more_similar():
    results = made_up_results()
    # Of the true pairs 0.8 are above 0.9 of the false ones, and ties count as half.
    expected = 0.8 * 0.9 + (0.2 * 0.6 + 0.8 * 0.1) / 2
    assert true_pairs_above_false(results.similarities) == pytest.approx(expected)
    assert f"probability {expected:.3f}" in titles(plot_pairs(results))[0]


def test_confusion_shares_add_up_and_both_ways_have_one_order():
    results = made_up_results()
    shares = confusion_shares(
        results.transfers.query("column == 'celltype.l2' and direction == 'rna_to_prot'")
    )
    np.testing.assert_allclose(shares.sum(axis="columns"), 1)
    # Of type a 8 of 8 + 1 + 1 cells; of b 8 of 8 + 2 + 1.
    np.testing.assert_allclose(shares.loc["a", "a"], 0.8)
    np.testing.assert_allclose(shares.loc["b", "a"], 2 / 11)
    left, right = plot_confusion(results).axes[2:4]
    ticks = [[text.get_text() for text in axis.get_xticklabels()] for axis in (left, right)]
    assert ticks[0] == ticks[1]


def test_many_types_are_numbered():
    results = made_up_results(labels=LABELS[:1])
    names = [f"type {i}" for i in range(27)]
    rows = [
        ("cells", "paper", 4, "celltype.l1", way, name, name, 5.0)
        for way in ("rna_to_prot", "prot_to_rna")
        for name in names
    ]
    confusions = pd.DataFrame(rows, columns=results.confusions.columns)
    embedding = results.embedding.assign(**{"celltype.l1": np.resize(names, 120)})
    many = replace(results, confusions=confusions, embedding=embedding)
    confusion = plot_confusion(many)
    named = [text.get_text() for text in confusion.axes[0].get_yticklabels()]
    assert named == [f"{name} [{i}]" for i, name in enumerate(sorted(names), start=1)]
    legend = [text for text in texts(plot_embedding(many)) if text.startswith("27  type")]
    assert len(legend) == 1


def test_the_embedding_shows_every_cell_by_type_batch_and_match():
    results = made_up_results()
    figure = plot_embedding(results)
    named = [title for title in titles(figure) if title]
    assert named == [
        f"{modality}, by {how}"
        for how in (*LABELS, "batch", "place of the own partner")
        for modality in ("RNA", "protein")
    ]
    points = list(figure.axes[0].collections)
    assert sum(len(own.get_offsets()) for own in points) == len(results.embedding) / 2
    # One modality, and so no partner, in grey beneath.
    matched = figure.axes[9].collections
    assert [len(own.get_offsets()) for own in matched] == [1, 59]
    assert all(own.get_rasterized() for own in (*points, *matched))
    assert not any("by batch" in title for title in titles(plot_embedding(SHAPES["no batches"])))


def test_prediction_draws_the_means_of_all_methods():
    results = made_up_results()
    table = mean_prediction(results.prediction)
    assert list(table.index) == ["CD0", "CD1", "CD2"]
    expected = results.prediction.query("protein == 'CD1' and method == 'ridge'")["correlation"]
    assert table.loc["CD1", ("ridge", "correlation")] == pytest.approx(expected.mean())
    left, right = plot_prediction(results).axes
    legend = {container.get_label() for container in left.containers}
    assert legend == {
        "sharedim (softmax-weighted average)",
        "ridge regression",
        "nearest neighbours",
    }
    np.testing.assert_allclose(right.lines[0].get_xdata(), 0.88)
    many = plot_prediction(SHAPES["134 proteins"])
    assert len(many.axes[0].get_yticklabels()) == 40
    assert "the 20 best and the 20 worst predicted of 134" in titles(many)[0]


def test_pictures_are_repeatable(tmp_path):
    results = made_up_results(labels=[])
    for name in ("a.svg", "b.svg", "a.png"):
        save(plot_embedding(results), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    # Text stays text, and points are a picture within the picture.
    assert b">RNA, by batch</text>" in (tmp_path / "a.svg").read_bytes()
    assert b"data:image/png" in (tmp_path / "a.svg").read_bytes()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_names_that_look_like_numbers_stay_names(tmp_path):
    path = tmp_path / "table.tsv"
    path.write_text("pair\tcluster\tvalue\ntrue\t0\t1\nfalse\tNA\t\n")
    table = read_named(path, ["cluster"])
    assert table["pair"].tolist() == ["true", "false"]
    assert table["cluster"].tolist() == ["0", "NA"]
    assert table["value"].isna().tolist() == [False, True]
