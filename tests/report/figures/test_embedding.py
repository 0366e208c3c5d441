from __future__ import annotations

from figure_shapes import SHAPES, titles
from made_up_results import LABELS, made_up_results

from sharedim.report.figures.embedding import plot_embedding


def test_the_embedding_shows_every_cell_by_type_batch_and_match():
    results = made_up_results()
    figure = plot_embedding(results)
    named = [title for title in titles(figure) if title]
    assert named == [
        f"{modality}, by {how}"
        for how in (*LABELS, "batch", "rank of the true match")
        for modality in ("RNA", "protein")
    ]
    points = list(figure.axes[0].collections)
    assert sum(len(own.get_offsets()) for own in points) == len(results.embedding) / 2
    # One modality, and so no partner, in grey beneath.
    matched = figure.axes[9].collections
    assert [len(own.get_offsets()) for own in matched] == [1, 59]
    assert all(own.get_rasterized() for own in (*points, *matched))
    assert not any("by batch" in title for title in titles(plot_embedding(SHAPES["no batches"])))
