"""Killed at any moment and started again, the workflow ends as if nothing had happened."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections import Counter
from pathlib import Path

from checkout import small_workflow

from sharedim.jobs.checkpoints import read_block

KILLS = 10
TABLES = (
    "scores.tsv", "saturation.tsv", "history.tsv", "types.tsv", "answer.json", "check.json",
    "confusions.tsv.gz", "type_dimensions.tsv.gz",
)  # fmt: skip
AS_A_USER = (
    "--workflow-profile", "workflow/profiles/default", "--cores", "2", "--configfile", "small.yaml",
)  # fmt: skip


def under_way(said: str) -> list[str]:
    """Return the rules whose jobs had begun and not ended, from what Snakemake said."""
    begun = Counter(re.findall(r"^(?:local)?(?:rule|checkpoint) (\w+):$", said, re.MULTILINE))
    ended = Counter(re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)", said, re.MULTILINE))
    return sorted((begun - ended).elements())


def jobs_ended(said: str) -> int:
    return len(re.findall(r"^Finished jobid", said, re.MULTILINE))


def assert_the_same_tables(found: Path, expected: Path) -> None:
    for name in TABLES:
        assert (found / name).read_bytes() == (expected / name).read_bytes(), name
    histories = sorted(path.relative_to(expected) for path in expected.glob("models/**/*.tsv"))
    assert len(histories) == 3
    for name in histories:
        assert (found / name).read_bytes() == (expected / name).read_bytes(), name
    models = [path.relative_to(expected) for path in expected.glob("models/**/*.safetensors")]
    assert len(models) == 2 * 3
    for name in models:
        # The files also say how long their making took.
        own, other = read_block(found / name), read_block(expected / name)
        assert own.header == other.header
        for tensor, values in other.tensors.items():
            assert own.tensors[tensor].tobytes() == values.tobytes(), (name, tensor)


def kill(run, *, group: bool) -> bool:
    """Kill Snakemake with or without its jobs; return whether it was still running."""
    if group:
        os.killpg(run.pid, signal.SIGKILL)
    else:
        run.kill()
    return run.wait() == -signal.SIGKILL


def test_killed_at_ten_random_moments_the_tables_are_the_same(undisturbed, tmp_path):
    checkout = small_workflow(tmp_path / "a checkout")
    results = checkout.path / "results" / "tiny"
    began = time.monotonic()
    moments = random.Random(0)  # noqa: S311 (moments, not secrets)
    said = tmp_path / "said.txt"
    record = []
    while len(record) < KILLS:
        run = checkout.start(*AS_A_USER, said=said)
        moment = moments.uniform(0, undisturbed.seconds / 4)
        time.sleep(moment)
        group = len(record) % 2 == 1
        if not kill(run, group=group):
            # Ended before its moment: a fast machine. What it made is right; once more.
            assert_the_same_tables(results, undisturbed.results)
            results.rename(tmp_path / f"results {len(record)}")
            continue
        text = said.read_text()
        record.append(
            (round(moment, 1), "group" if group else "alone", jobs_ended(text), under_way(text))
        )
        print(record[-1])
        unlocked = checkout.snakemake("--unlock", *AS_A_USER)
        assert unlocked.code == 0, unlocked.text
    last = checkout.snakemake(*AS_A_USER)
    assert last.code == 0, last.text
    assert_the_same_tables(results, undisturbed.results)
    # Kills that interrupted work, and not only Snakemake's own beginning.
    assert len([jobs for *_, jobs in record if jobs]) >= 3, record
    hidden = [path for path in checkout.path.glob("results/**/.*") if path.is_file()]
    assert not hidden
    assert not list(results.glob("checkpoints/**/stack*"))
    assert not checkout.processes()
    assert checkout.snakemake("-n", *AS_A_USER).jobs == {}
    print(
        f"{undisturbed.seconds:.0f} s undisturbed, {time.monotonic() - began:.0f} s with the kills"
    )


# A job that does not write as those of the workflow do, and is killed in the middle of it.
CARELESS = """
from pathlib import Path
from time import sleep
Path(snakemake.output.report).write_text("<html>half a pa")
sleep(120)
"""


def test_a_stale_lock_and_a_half_written_file_are_mended_as_snakemake_says(undisturbed, tmp_path):
    checkout = undisturbed.copied(tmp_path / "a copy")
    page = checkout.path / "results" / "tiny" / "report.html"
    script = checkout.path / "workflow" / "scripts" / "write_report.py"
    whole, careful = page.read_bytes(), script.read_text()
    page.unlink()
    script.write_text(CARELESS)
    run = checkout.start("--cores", "1", "--configfile", "small.yaml", said=tmp_path / "said.txt")
    deadline = time.monotonic() + 60
    while not page.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert kill(run, group=True)
    assert page.read_text() == "<html>half a pa"
    script.write_text(careful)

    locked = checkout.snakemake(*AS_A_USER)
    assert locked.code != 0
    assert "Directory cannot be locked" in locked.text
    assert "--unlock" in locked.text
    assert checkout.snakemake("--unlock", *AS_A_USER).code == 0
    # Without the profile Snakemake asks; with it the file is made anew.
    asked = checkout.snakemake("--cores", "1", "--configfile", "small.yaml")
    assert asked.code != 0
    assert "--rerun-incomplete" in asked.text
    assert page.read_text() == "<html>half a pa"
    mended = checkout.snakemake(*AS_A_USER)
    assert mended.code == 0, mended.text
    assert mended.jobs == {"write_report": 1, "all": 1}
    assert page.read_bytes() == whole
