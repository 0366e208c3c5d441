from __future__ import annotations

import io
import re
import sys

import pytest

from sharedim.jobs import progress
from sharedim.training.loop import TrainingProgress


def at(share, epoch):
    return TrainingProgress(5, 25, share, 8, epoch, 400, loss=4.25, temperature=0.5)


@pytest.fixture
def hour(monkeypatch):
    """A clock that is told the time."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_log_gets_a_line_now_and_then(hour, caplog):
    with caplog.at_level("INFO", logger="sharedim"), progress.shown("train d=4") as observe:
        for second in range(1, 101):
            hour[0] = second
            observe(at(second / 400, second))
    assert [record.getMessage() for record in caplog.records] == [
        "5 of 25 models done, 8 at epoch 30 of 400, loss 4.250, temperature 0.500, about 0:06:10 left",
        "5 of 25 models done, 8 at epoch 60 of 400, loss 4.250, temperature 0.500, about 0:05:40 left",
        "5 of 25 models done, 8 at epoch 90 of 400, loss 4.250, temperature 0.500, about 0:05:10 left",
    ]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_shows_a_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_DRAWINGS", 0)
    with progress.shown("train d=4") as observe:
        observe(at(0.25, 100))
        observe(at(0.5, 200))
    shown = terminal.getvalue()
    assert re.search(
        r"train d=4: .* 8 at epoch 200 of 400, loss 4.250, temperature 0.500\s+50 %\|", shown
    )
    assert re.search(r"\d\d:\d\d gone, \d\d:\d\d left", shown)


def test_nobody_at_the_terminal_sees_no_bar(capsys):
    with progress.shown("train d=4") as observe:
        observe(at(0.25, 100))
    assert capsys.readouterr().err == ""
