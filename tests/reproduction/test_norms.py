"""Findings on norms and distances along training."""

from __future__ import annotations

import numpy as np

from experiments.norms import Stage, of_stages


def test_representations_have_to_draw_near_the_sphere_and_each_other():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(2, 200, 3))
    on_sphere = points / np.linalg.norm(points, axis=2, keepdims=True)
    early, late = Stage(1, tuple(points)), Stage(9, (on_sphere[0], 1.05 * on_sphere[0]))
    found = of_stages([early, late], 2)
    assert found.agrees
    assert "after 1 epoch " in found.found
    assert "after 9 epochs 0.04 from the sphere, partners 0.05 apart" in found.found
    assert not of_stages([late, early], 2).agrees
    # Partners that do not come nearer.
    assert not of_stages([late, Stage(9, tuple(on_sphere))], 2).agrees
