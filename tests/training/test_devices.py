"""Devices shared out between processes, with pretend devices."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from places import REPOSITORY

from sharedim.errors import InputError
from sharedim.training import devices

HOLD = """
import sys
from pathlib import Path
from sharedim.training.devices import hold_slot
folder, *names = sys.argv[1:]
print(hold_slot(tuple(names), Path(folder)), flush=True)
sys.stdin.read()
"""


class Holder:
    """A process that holds a device until it ends."""

    def __init__(self, folder, *names):
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, folder, *names],
            env=os.environ | {"PYTHONPATH": str(REPOSITORY / "workflow" / "scripts")},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.device = names[int(self.process.stdout.readline())]

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.communicate()


@pytest.fixture
def hold(tmp_path):
    holders = []

    def start(*names):
        holders.append(Holder(tmp_path / "slots", *names))
        return holders[-1]

    yield start
    for holder in holders:
        holder.end()


def test_jobs_take_different_devices_and_share_evenly(hold):
    assert sorted(hold("a", "b", "c").device for _ in range(3)) == ["a", "b", "c"]
    # Then each has one, and the next take a second place, also by another numbering.
    assert sorted(hold("c", "a", "b").device for _ in range(3)) == ["a", "b", "c"]


def test_a_killed_job_frees_its_device(hold):
    first, second = hold("a", "b"), hold("a", "b")
    assert (first.device, second.device) == ("a", "b")
    first.end(signal.SIGKILL)
    assert hold("a", "b").device == "a"


def test_only_visible_devices_are_taken(hold):
    assert [hold("b").device, hold("b", "c").device] == ["b", "c"]


@pytest.fixture
def three_gpus(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    of_device = lambda number: SimpleNamespace(uuid=f"GPU-{number}")  # noqa: E731
    monkeypatch.setattr(torch.cuda, "get_device_properties", of_device)
    monkeypatch.setattr(devices, "slots_folder", lambda: tmp_path / "slots")
    monkeypatch.delenv("SHAREDIM_DEVICE", raising=False)
    devices.hold_slot.cache_clear()
    yield
    devices.hold_slot.cache_clear()


def test_training_takes_a_device_that_is_free(three_gpus, hold):
    hold("GPU-0")
    assert devices.choose_device() == torch.device("cuda:1")
    # Training and scoring in one process are one job.
    assert devices.choose_device() == torch.device("cuda:1")


def test_the_only_device_is_taken_by_its_number(three_gpus, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    # torch.cuda.set_device refuses a device without one.
    assert devices.choose_device() == torch.device("cuda:0")


def test_a_device_that_is_named_is_taken(three_gpus, hold, monkeypatch):
    hold("GPU-2")
    monkeypatch.setenv("SHAREDIM_DEVICE", "cuda:2")
    assert devices.choose_device() == torch.device("cuda:2")
    monkeypatch.setenv("SHAREDIM_DEVICE", "cuda:3")
    with pytest.raises(InputError, match="3 CUDA devices are visible"):
        devices.choose_device()


def test_without_a_gpu_the_log_says_so(monkeypatch, caplog):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv("SHAREDIM_DEVICE", raising=False)
    with caplog.at_level("INFO"):
        assert devices.choose_device() == torch.device("cpu")
    assert "no GPU is visible: on the CPU" in caplog.text
