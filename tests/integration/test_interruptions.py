"""Killed, stopped, failed, locked out, out of space or out of memory: what is left, and what is said."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import interrupted_training
import numpy as np
import psutil
import pytest
import torch
from places import REPOSITORY
from simulated_pairs import paired_features

from sharedim.errors import InputError, StorageError
from sharedim.jobs.checkpoints import (
    ModelBlock,
    StackFiles,
    complete_block,
    read_block,
    write_block,
)
from sharedim.jobs.locks import alone
from sharedim.training import loop
from sharedim.training.engine import ThreadedEngine
from sharedim.training.loop import train_seeds
from sharedim.training.recipes import PAPER

QUICK = replace(PAPER, name="quick", epochs=6, learning_rate=1e-3, batch_size=64)
LIBRARY = str(REPOSITORY / "workflow" / "scripts")
ENVIRONMENT = os.environ | {
    "PYTHONPATH": os.pathsep.join([LIBRARY, str(REPOSITORY / "tests/helpers")])
}


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)], env=ENVIRONMENT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def work_of(process: subprocess.Popen) -> float:
    """Return the seconds that a process has had a core; 0 once it has ended.

    By these, and not by the clock, moments stay the same beside other work.
    """
    try:
        return psutil.Process(process.pid).cpu_times().user
    except psutil.Error:
        return 0.0


def block_in(directory: Path) -> Path:
    directory.mkdir()
    for name, side in zip(("rna", "prot"), paired_features(cells=1200), strict=True):
        np.save(directory / f"{name}.npy", side)
    return directory


def test_killed_at_ten_random_moments_ends_with_the_same_bits(tmp_path):
    disturbed, undisturbed = block_in(tmp_path / "disturbed"), block_in(tmp_path / "undisturbed")
    started = time.monotonic()
    whole = start(interrupted_training.__file__, undisturbed)
    assert whole.stdout.readline() == "ready\n"
    length = 0.0
    began = work_of(whole)
    while whole.poll() is None:
        length = max(length, work_of(whole) - began)
        time.sleep(0.05)
    assert whole.wait() == 0, whole.stderr.read()

    moments = random.Random(0)  # noqa: S311 (moments, not secrets)
    finished, interrupted = {}, 0
    for _ in range(10):
        job = start(interrupted_training.__file__, disturbed)
        assert job.stdout.readline() == "ready\n"
        moment = work_of(job) + moments.uniform(0, length / 8)
        while work_of(job) < moment and job.poll() is None:
            time.sleep(0.01)
        job.send_signal(signal.SIGKILL)
        if job.wait() == -signal.SIGKILL:
            interrupted += 1
        for path in (disturbed / "checkpoints").glob("seed[0-9]-*"):
            finished.setdefault(path.name, path.stat().st_mtime_ns)
    assert interrupted == 10
    last = start(interrupted_training.__file__, disturbed)
    assert last.wait() == 0, last.stderr.read()

    expected = read_block(undisturbed / "models.safetensors")
    found = read_block(disturbed / "models.safetensors")
    assert found.header == expected.header
    for name, tensor in expected.tensors.items():
        assert tensor.tobytes() == found.tensors[name].tobytes(), name
    # No finished seed was trained again, and nothing in training is left behind.
    for name, written in finished.items():
        assert (disturbed / "checkpoints" / name).stat().st_mtime_ns == written
    left = {path.name.split("-")[0] for path in (disturbed / "checkpoints").glob("*.safetensors")}
    assert left == {f"seed{seed}" for seed in interrupted_training.SEEDS}
    assert not list((disturbed / "checkpoints").glob(".*"))
    assert time.monotonic() - started < 300


def test_training_goes_on_where_it_was(tmp_path, caplog):
    rna, prot = paired_features()
    expected = dict(train_seeds(rna, prot, recipe=QUICK, dim=3, seeds=[0, 1]))

    class StoppedError(Exception):
        pass

    def stop_after_four(progress):
        if progress.epoch == 4:
            raise StoppedError

    keeper = StackFiles(tmp_path, {"recipe": "quick"}, list(range(10)), "engine", every=0)
    epochs = []
    with pytest.raises(StoppedError):
        list(
            train_seeds(
                rna, prot, recipe=QUICK, dim=3, seeds=[0, 1], keeper=keeper,
                observe=stop_after_four,
            )
        )  # fmt: skip
    with caplog.at_level("INFO", logger="sharedim"):
        found = dict(
            train_seeds(
                rna, prot, recipe=QUICK, dim=3, seeds=[0, 1], keeper=keeper,
                observe=lambda progress: epochs.append(progress.epoch),
            )
        )  # fmt: skip
    assert epochs == [4, 5, 6]
    assert "seeds [0, 1] go on after epoch 3" in caplog.text
    for seed, tensors in expected.items():
        for name, tensor in tensors.items():
            assert tensor.tobytes() == found[seed][name].tobytes(), name
    assert not list(tmp_path.glob("stack*"))


def test_out_of_gpu_memory_halves_the_stack(monkeypatch, caplog):
    class SmallMemory(ThreadedEngine):
        def __init__(self, cells, *rest):
            if len(cells.train[0]) > 2:
                raise torch.OutOfMemoryError("CUDA out of memory")
            super().__init__(cells, *rest)

    rna, prot = paired_features()
    expected = dict(train_seeds(rna, prot, recipe=QUICK, dim=3, seeds=[0, 1, 2, 3, 4]))
    monkeypatch.setattr(loop, "ThreadedEngine", SmallMemory)
    found = dict(train_seeds(rna, prot, recipe=QUICK, dim=3, seeds=[0, 1, 2, 3, 4]))
    assert list(found) == [0, 1, 2, 3, 4]
    assert "out of GPU memory with 5 models at once: trying half as many" in caplog.text
    assert "out of GPU memory with 3 models at once" in caplog.text
    assert caplog.text.count("out of GPU memory") == 2
    for seed, tensors in expected.items():
        np.testing.assert_allclose(found[seed]["history.loss"], tensors["history.loss"], rtol=1e-4)


def test_out_of_gpu_memory_later_repeats_no_finished_seed(monkeypatch, tmp_path):
    class FullOnce(ThreadedEngine):
        made = 0

        def __init__(self, cells, *rest):
            FullOnce.made += 1
            # The second engine goes on when the first model has stopped.
            if FullOnce.made == 2:
                raise torch.OutOfMemoryError("CUDA out of memory")
            super().__init__(cells, *rest)

    rna, prot = (side.astype(np.float64) for side in paired_features())
    recipe = replace(QUICK, learning_rate=0.02, epochs=60, patience=4)
    expected = dict(train_seeds(rna, prot, recipe=recipe, dim=3, seeds=[0, 1, 2, 3]))
    monkeypatch.setattr(loop, "ThreadedEngine", FullOnce)
    keeper = StackFiles(tmp_path, {"recipe": "quick"}, list(range(10)), "engine", every=0)
    epochs = []
    found = list(
        train_seeds(
            rna, prot, recipe=recipe, dim=3, seeds=[0, 1, 2, 3], keeper=keeper,
            observe=lambda progress: epochs.append(progress.epoch),
        )
    )  # fmt: skip
    # Nor is any epoch repeated: what stays goes on in halves from where it was.
    assert epochs.count(1) == 1
    assert sorted(seed for seed, _ in found) == [0, 1, 2, 3]
    for seed, tensors in found:
        np.testing.assert_allclose(
            tensors["rna.0.weight"], expected[seed]["rna.0.weight"], rtol=1e-5
        )


def test_a_model_that_no_memory_holds_is_one_sentence(monkeypatch):
    class NoMemory(ThreadedEngine):
        def __init__(self, *_):
            raise torch.OutOfMemoryError("CUDA out of memory")

    rna, prot = paired_features()
    monkeypatch.setattr(loop, "ThreadedEngine", NoMemory)
    with pytest.raises(InputError, match="cannot hold even one model"):
        list(train_seeds(rna, prot, recipe=QUICK, dim=3, seeds=[0, 1]))


@contextmanager
def disk_full_beyond(size):
    """Let the system refuse every byte of a file beyond a size, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_last_checkpoint_whole(tmp_path):
    path = tmp_path / "checkpoints" / "stack.safetensors"
    small = ModelBlock({"a": np.arange(10.0)}, {"epoch": 1})
    write_block(path, small)
    with (
        disk_full_beyond(10_000),
        pytest.raises(
            StorageError, match=r"stack\.safetensors: cannot be written \(File too large"
        ),
    ):
        write_block(path, ModelBlock({"a": np.zeros(100_000)}, {"epoch": 2}))
    assert read_block(path).header == {"epoch": 1}
    assert [file.name for file in path.parent.iterdir()] == ["stack.safetensors"]


def test_training_on_a_full_disk_says_so_and_goes_on_later(tmp_path):
    rna, prot = paired_features()

    def complete(name):
        return complete_block(
            tmp_path / name, {"recipe": "quick", "seeds": [0, 1]}, "engine",
            lambda missing, keeper: train_seeds(
                rna, prot, recipe=QUICK, dim=3, seeds=missing, keeper=keeper
            ),
            every=0,
        )  # fmt: skip

    expected = complete("undisturbed")
    with disk_full_beyond(20_000), pytest.raises(StorageError, match="cannot be written"):
        complete("full")
    found = complete("full")
    for name, tensor in expected.tensors.items():
        assert tensor.tobytes() == found.tensors[name].tobytes(), name


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "checkpoints").write_text("a file where a folder should be")
    with pytest.raises(StorageError, match=r"cannot be written \((Not a directory|File exists)\)"):
        write_block(tmp_path / "checkpoints" / "a.safetensors", ModelBlock({}, {}))


def test_a_second_job_on_the_same_block_is_refused(tmp_path):
    lock = tmp_path / "seeds0.lock"
    code = (
        "import sys, time; from pathlib import Path; from sharedim.jobs.locks import alone\n"
        "with alone(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    holder = start("-c", code, lock)
    assert holder.stdout.readline() == "held\n"
    with (
        pytest.raises(InputError, match="another job is still training these models"),
        alone(lock, patience=0.2),
    ):
        raise AssertionError("two jobs hold the lock")
    # A holder that is killed lets go, and the one that waits takes over.
    holder.kill()
    with alone(lock, patience=10):
        pass
    holder.wait()


def test_a_job_ends_with_its_snakemake(tmp_path):
    # A program of that name that starts a job through a shell, as Snakemake does.
    (tmp_path / "job.py").write_text(
        "import os, time; from sharedim.jobs.locks import end_with_snakemake\n"
        "end_with_snakemake(); print(os.getpid(), flush=True); time.sleep(60)"
    )
    (tmp_path / "snakemake").write_text(
        "import subprocess, sys\n"
        f"subprocess.run(['sh', '-c', '{sys.executable} {tmp_path}/job.py; true'])"
    )
    parent = start(tmp_path / "snakemake")
    job = int(parent.stdout.readline())
    os.kill(job, 0)
    parent.kill()
    parent.wait()
    ended = time.monotonic() + 20
    while Path(f"/proc/{job}").exists() and time.monotonic() < ended:
        time.sleep(0.1)
    assert not Path(f"/proc/{job}").exists()


def test_outside_snakemake_nothing_is_watched(tmp_path):
    code = (
        "import threading; from sharedim.jobs.locks import end_with_snakemake\n"
        "end_with_snakemake(); print(threading.active_count())"
    )
    job = start("-c", code)
    assert job.communicate()[0] == "1\n"
