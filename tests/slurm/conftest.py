from __future__ import annotations

import signal

import pytest
from cluster import Cluster

TRANSCRIPT = pytest.StashKey[list]()
COLUMNS = ("JobId", "JobState", "MinMemoryNode", "TimeLimit", "JOB_GRES", "Comment")


def pytest_configure(config):
    config.stash[TRANSCRIPT] = []
    signal.signal(signal.SIGTERM, end_in_order)


def end_in_order(*_):
    """End the tests, so that a time limit from outside leaves no Slurm behind."""
    # make and timeout both send this; the second must not cut off the clearing up.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pytest.exit("ended by a signal")


@pytest.fixture(scope="session")
def running_cluster():
    cluster = Cluster()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(autouse=True)
def cluster(running_cluster, request):
    """The cluster; what jobs a test gave it is noted for the transcript."""
    yield running_cluster
    transcript = request.config.stash[TRANSCRIPT]
    noted = {job["JobId"] for job, _ in transcript}
    case = request.node.name.removeprefix("test_")
    transcript += [(job, case) for job in running_cluster.jobs() if job["JobId"] not in noted]


def pytest_terminal_summary(terminalreporter, config):
    """Print which Slurm jobs there were, and how they ended."""
    transcript = config.stash[TRANSCRIPT]
    if not transcript:
        return
    rows = [(*(job.get(name, "") for name in COLUMNS), case) for job, case in transcript]
    table = [(*COLUMNS, "case"), *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    terminalreporter.section("Slurm jobs")
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        terminalreporter.write_line("  ".join(cells).rstrip())
