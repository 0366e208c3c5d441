"""Which output dimensions a grid is refined by."""

import pytest

from sharedim.evaluation.refinement import refined_dims

GRID = [1, 2, 4, 8, 16]


def answer(value, k_hat=None, status="saturated"):
    return {"recommended_d": {"value": value, "status": status}, "k_hat": {"value": k_hat}}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (answer(4), [3, 5, 6, 7]),
        # The nearest to the elbow; k-hat + 1 before them.
        (answer(8), [6, 7, 9, 10]),
        (answer(8, k_hat=4), [5, 6, 7, 9]),
        (answer(8, k_hat=11), [6, 7, 9, 12]),
        # What is in the grid already is not trained twice.
        (answer(8, k_hat=7), [6, 7, 9, 10]),
        (answer(1), []),
        (answer(2), [3]),
        (answer(16), [12, 13, 14, 15]),
        (answer(16, status="not_saturated"), [20, 24, 28, 32]),
        (answer(None, status="nothing_shared"), []),
    ],
)
def test_they_lie_around_the_elbow(found, expected):
    assert refined_dims(found, GRID) == expected


def test_they_stay_within_what_can_be_trained():
    assert refined_dims(answer(50, status="not_saturated"), [10, 50]) == []
    assert refined_dims(answer(48, status="not_saturated"), [10, 48]) == [49, 50]
    assert refined_dims(answer(50, k_hat=50), [49, 50]) == []
