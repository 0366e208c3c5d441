from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from figure_shapes import texts
from made_up_results import LABELS, made_up_results

from sharedim.report.figures.confusion import confusion_shares, plot_confusion
from sharedim.report.figures.embedding import plot_embedding


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
