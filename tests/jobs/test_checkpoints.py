from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sharedim.evaluation.history_table import COLUMNS, history_rows, write_history
from sharedim.jobs import checkpoints
from sharedim.jobs.checkpoints import (
    ModelBlock,
    StackFiles,
    complete_block,
    fingerprint,
    read_block,
    write_block,
)
from sharedim.training.history import HISTORY

HEADER = {"recipe": {"name": "paper", "epochs": 2}, "dim": 3, "data": "abc"}


class Fit:
    """Counts which seeds were fitted."""

    def __init__(self):
        self.fitted = []

    def __call__(self, seeds, keeper):
        for seed in seeds:
            self.fitted.append(seed)
            yield seed, {"weight": np.full((2, 3), seed, dtype=np.float32)}


def complete(directory, seeds, fit, engine="engine", **changes):
    return complete_block(directory, {**HEADER, "seeds": seeds, **changes}, engine, fit)


def test_a_block_survives_a_round_trip(tmp_path):
    block = ModelBlock(
        {"a": np.arange(6, dtype=np.float32).reshape(2, 3)}, {**HEADER, "seeds": [0, 1]}
    )
    write_block(tmp_path / "deep" / "block.safetensors", block)
    found = read_block(tmp_path / "deep" / "block.safetensors")
    assert found.header == block.header
    np.testing.assert_array_equal(found.tensors["a"], block.tensors["a"])


def test_a_block_that_grows_by_a_seed_fits_one(tmp_path, caplog):
    first, second = Fit(), Fit()
    complete(tmp_path, [0, 1, 2], first)
    with caplog.at_level("INFO", logger="sharedim"):
        block = complete(tmp_path, [0, 1, 2, 3], second)
    assert first.fitted == [0, 1, 2]
    assert second.fitted == [3]
    np.testing.assert_array_equal(block.tensors["weight"][:, 0, 0], [0, 1, 2, 3])
    assert block.header["seeds"] == [0, 1, 2, 3]
    assert "taken over, already finished: seeds [0, 1, 2]" in caplog.text
    assert "to fit: seeds [3]" in caplog.text


@pytest.mark.parametrize(
    "change",
    [
        {"engine": "other"},
        {"data": "other"},
        {"dim": 4},
        {"recipe": {"name": "paper", "epochs": 3}},
    ],
)
def test_what_was_fitted_otherwise_is_not_taken_over(tmp_path, change):
    complete(tmp_path, [0, 1], Fit())
    again = Fit()
    complete(tmp_path, [0, 1], again, **change)
    assert again.fitted == [0, 1]


def test_finished_seeds_survive_a_failure(tmp_path):
    class Interrupted(Fit):
        def __call__(self, seeds, keeper):
            for seed, tensors in super().__call__(seeds, keeper):
                if seed == 2:
                    raise KeyboardInterrupt
                yield seed, tensors

    with pytest.raises(KeyboardInterrupt):
        complete(tmp_path, [0, 1, 2, 3], Interrupted())
    again = Fit()
    complete(tmp_path, [0, 1, 2, 3], again)
    assert again.fitted == [2, 3]


def test_a_damaged_checkpoint_is_fitted_again(tmp_path, caplog):
    complete(tmp_path, [0, 1], Fit())
    damaged = next(tmp_path.glob("seed1-*"))
    damaged.write_bytes(damaged.read_bytes()[:20])
    again = Fit()
    complete(tmp_path, [0, 1], again)
    assert again.fitted == [1]
    assert "is damaged" in caplog.text


def test_fingerprints_tell_values_shapes_and_types_apart(tmp_path):
    x = np.arange(6, dtype=np.float32)
    prints = []
    for number, array in enumerate([x, x + 1, x.reshape(2, 3), x.astype(np.float64), x.copy()]):
        np.save(tmp_path / f"{number}.npy", array)
        prints.append(fingerprint(tmp_path / f"{number}.npy"))
    assert len(set(prints)) == 4
    assert prints[0] == prints[4]
    two = fingerprint(tmp_path / "0.npy", tmp_path / "1.npy")
    assert two != fingerprint(tmp_path / "1.npy", tmp_path / "0.npy")


def test_stacks_in_training_are_kept_until_discarded(tmp_path):
    keeper = StackFiles(tmp_path, HEADER, [3, 4, 5], "engine", every=1000)
    arrays = {"seeds": np.array([3, 4]), "epoch": np.array(7), "parameters": np.ones((2, 5))}
    keeper.offer(lambda: arrays)
    assert keeper.unfinished() == []
    keeper.keep(arrays)
    keeper.keep({**arrays, "epoch": np.array(8)})
    other = {"seeds": np.array([5]), "epoch": np.array(9), "parameters": np.ones((1, 0))}
    keeper.keep(other)
    [first, second] = keeper.unfinished()
    assert (int(first["epoch"]), int(second["epoch"])) == (9, 8)
    assert first["parameters"].shape == (1, 0)
    np.testing.assert_array_equal(second["parameters"], arrays["parameters"])
    # Nor does a block see the stacks of another, or forget them.
    for different in (
        ({**HEADER, "data": "other"}, [3, 4], "engine"),
        (HEADER, [3, 4], "other"),
        (HEADER, [25, 26], "engine"),
    ):
        StackFiles(tmp_path, *different).clear()
        assert StackFiles(tmp_path, *different).unfinished() == []
    keeper.discard([3, 4])
    keeper.discard([5])
    assert list(tmp_path.iterdir()) == []


def test_a_finished_block_leaves_no_stack_of_its_own(tmp_path):
    class FitInStacks(Fit):
        def __call__(self, seeds, keeper):
            keeper.keep({"seeds": np.array(seeds), "epoch": np.array(1)})
            return super().__call__(seeds, keeper)

    beyond = {"seeds": np.array([1, 2, 3]), "epoch": np.array(1)}
    StackFiles(tmp_path, HEADER, [1, 2, 3], "engine").keep(beyond)
    complete(tmp_path, [0, 1], FitInStacks())
    assert [path.name[:8] for path in tmp_path.glob("stack*")] == ["stack1-3"]


def test_a_stack_is_kept_when_it_is_time_to(tmp_path):
    keeper = StackFiles(tmp_path, HEADER, [3], "engine", every=0)
    keeper.offer(lambda: {"seeds": np.array([3]), "epoch": np.array(1)})
    assert len(keeper.unfinished()) == 1


def test_what_a_killed_job_was_writing_is_removed(tmp_path):
    complete(tmp_path, [0, 1], Fit())
    left = [tmp_path / f".99.{name}-a.safetensors" for name in ("seed1", "stack0-1x2", "seed25")]
    for path in left:
        path.write_bytes(b"half")
    complete(tmp_path, [0, 1], Fit())
    # Seed 25 is of another block, which another job may be writing.
    assert [path.exists() for path in left] == [False, False, True]


def test_a_damaged_stack_is_not_taken_up(tmp_path, caplog):
    keeper = StackFiles(tmp_path, HEADER, [3], "engine")
    keeper.keep({"seeds": np.array([3]), "epoch": np.array(1)})
    [path] = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:30])
    assert keeper.unfinished() == []
    assert "is damaged" in caplog.text


def test_checkpoints_lie_beside_the_models():
    models = Path("results/d/models/paper/dim4/seeds0-4.safetensors")
    assert checkpoints.directory_beside(models) == Path("results/d/checkpoints/paper/dim4")


def test_history_has_a_row_a_seed_and_epoch_trained(tmp_path):
    nan = np.nan
    tensors = {
        f"history.{name}": np.array([[q, q + 0.25, q + 0.5], [q, q + 0.75, nan]], dtype=np.float32)
        for q, name in enumerate(HISTORY)
    }
    tensors["history.chance_loss"] = np.array([6.0, 6.0], dtype=np.float32)
    block = ModelBlock(tensors, {**HEADER, "seeds": [7, 8]})
    rows = list(history_rows(block))
    assert len(rows) == 5
    assert rows[0] == ("paper", 3, 7, 1, *range(len(HISTORY)), 6.0)
    assert rows[4] == ("paper", 3, 8, 2, *(q + 0.75 for q in range(len(HISTORY))), 6.0)
    tensors["history.id_rna"][0, 0] = nan
    write_history(tmp_path / "history.tsv", block)
    lines = (tmp_path / "history.tsv").read_text().splitlines()
    assert lines[0].split("\t") == COLUMNS
    assert COLUMNS[4:7] == ["loss", "temperature", "held_out_loss"]
    assert len(lines) == 6
    # What was not asked for in an epoch is missing there.
    assert dict(zip(COLUMNS, lines[1].split("\t"), strict=True))["id_rna"] == ""
