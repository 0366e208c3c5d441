from __future__ import annotations

from made_up_results import made_up_results

from sharedim.report.figures.embedding import plot_embedding
from sharedim.report.figures.style import save


def test_figures_are_repeatable(tmp_path):
    results = made_up_results(labels=[])
    for name in ("a.svg", "b.svg", "a.png"):
        save(plot_embedding(results), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    # Text stays text, and points are an image within the figure.
    assert b">RNA, by batch</text>" in (tmp_path / "a.svg").read_bytes()
    assert b"data:image/png" in (tmp_path / "a.svg").read_bytes()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
