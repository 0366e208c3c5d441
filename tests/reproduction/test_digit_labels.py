"""Findings on images against labels, with one-sided and two-sided losses."""

from __future__ import annotations

import pandas as pd

from experiments.digit_labels import findings_of as of_labels


def test_what_the_losses_make_of_labels_is_compared():
    by = pd.DataFrame(
        {
            "accuracy": [0.9, 0.95, 0.8],
            "confidence": [0.8, 0.94, 0.7],
            "fine_tuned": [0.95, 0.95, 0.9],
            "effective_images": [60, 5, 60],
        },
        index=["two_sided", "label_given_image", "image_given_label"],
    )
    assert [finding.agrees for finding in of_labels(by, 900)] == [True] * 4
    worse = by.assign(
        accuracy=[0.97, 0.95, 0.8], confidence=[0.95, 0.94, 0.7], effective_images=[4, 5, 60]
    )
    assert [finding.agrees for finding in of_labels(worse, 900)] == [False] * 4
