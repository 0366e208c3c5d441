"""The workflow on a real Slurm, as a user runs it with the profile."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from contextlib import contextmanager

import mudata
import pandas as pd
import pytest
from checkout import copy_of_the_workflow
from cluster import ask, wait_for
from submitting import on_slurm, started, submit

CONFIG = """
dims: [1, 2]
seeds: 2
recipes: [tuned, cca]
datasets:
  tiny:
    simulate: {cells: 600, genes: 150, proteins: 10, shared_dimensions: 2, seed: 1}
"""
# Goes before a script: the job says that it has begun, and waits for as long as it is told to.
WAITING = """
import time
from pathlib import Path
Path("begun").touch()
while Path("wait").exists():
    time.sleep(0.2)
"""
# Takes more memory than the first attempt may have, or more time.
GREEDY = """
import time
if snakemake.wildcards.dataset == "hungry":
    ballast = b"x" * 2_500_000_000
    time.sleep(8)
elif snakemake.resources.runtime == 1:
    time.sleep(600)
"""
SAYS_ITS_GPU = """
import os
from pathlib import Path
Path("visible_gpus").write_text(os.environ.get("CUDA_VISIBLE_DEVICES", "none"))
"""


@pytest.fixture
def checkout(tmp_path):
    """A copy of the workflow at a path with a space, and small data to run it on."""
    copy = copy_of_the_workflow(tmp_path / "a checkout")
    (copy.path / "run.yaml").write_text(CONFIG)
    return copy


def put_before(checkout, rule, lines):
    script = checkout.path / f"workflow/scripts/{rule}.py"
    script.write_text(lines + script.read_text())


@contextmanager
def given_to(cluster):
    """Collect the jobs that the cluster is given inside the block."""
    before, given = {job["JobId"] for job in cluster.jobs()}, []
    yield given
    given += [job for job in cluster.jobs() if job["JobId"] not in before]


def rule_of(job):
    return re.match(r"rule_(\w+?)(_wildcards_|$)", job["Comment"])[1]


def states(jobs):
    """Return how the jobs of each rule and dataset ended, oldest first."""
    ended = {}
    for job in jobs:
        ended.setdefault(job["Comment"].removeprefix("rule_"), []).append(job["JobState"])
    return ended


def table(checkout, name):
    return pd.read_csv(checkout.path / "results/tiny" / name, sep="\t")


@pytest.fixture(scope="module")
def finished(running_cluster, tmp_path_factory):
    """A copy that has run on Slurm, with its jobs, and another that has run without."""
    folder = tmp_path_factory.mktemp("finished")
    with_slurm, local = (copy_of_the_workflow(folder / name) for name in ("with slurm", "local"))
    for copy in (with_slurm, local):
        (copy.path / "run.yaml").write_text(CONFIG)
    with (
        started(local, "--cores", "1", "--configfile", "run.yaml") as local_run,
        given_to(running_cluster) as jobs,
    ):
        run = submit(with_slurm)
        done = local_run.finish()
    assert done.code == 0, done.text
    assert run.code == 0, run.text
    return with_slurm, local, run, jobs


def test_every_job_of_the_workflow_is_a_job_of_slurm(finished):
    _, _, run, jobs = finished
    planned = {rule: count for rule, count in run.jobs.items() if rule != "all"}
    assert Counter(map(rule_of, jobs)) == planned
    assert len(planned) == 14
    assert {job["JobState"] for job in jobs} == {"COMPLETED"}
    submitted = re.findall(r"submitted with SLURM jobid (\d+)", run.text)
    assert sorted(map(int, submitted)) == sorted(int(job["JobId"]) for job in jobs)


def test_the_results_are_those_of_a_local_run(finished):
    with_slurm, local, _, _ = finished
    for name in ("scores.tsv", "saturation.tsv", "types.tsv", "history.tsv"):
        pd.testing.assert_frame_equal(table(with_slurm, name), table(local, name), rtol=1e-4)
    answers = [
        json.loads((copy.path / "results/tiny/answer.json").read_text())
        for copy in (with_slurm, local)
    ]
    assert answers[0]["sentence"] == answers[1]["sentence"]
    assert answers[0]["recommended_d"] == answers[1]["recommended_d"]
    assert (with_slurm.path / "results/tiny/report.html").exists()


def test_nothing_is_left_to_do_afterwards(finished):
    with_slurm, *_ = finished
    assert "Nothing to be done" in submit(with_slurm, "-n").text


def test_a_job_that_fails_is_explained_and_the_rest_go_on(cluster, checkout, small_cells, tmp_path):
    # The command is typed beside the cells, and results go elsewhere.
    typed_in, elsewhere = tmp_path / "cells", tmp_path / "work"
    typed_in.mkdir()
    for name, count in (("few", 300), ("good", 600)):
        cells = {kind: small_cells[kind][:count].copy() for kind in ("rna", "prot")}
        mudata.MuData(cells).write_h5mu(typed_in / f"{name}.h5mu")
    (typed_in / "run.yaml").write_text(
        "datasets: {few: {h5mu: few.h5mu}, good: {h5mu: good.h5mu}}\ndims: [2]\nrecipes: [cca]\n"
    )
    with given_to(cluster) as jobs:
        run = submit(
            checkout, "-s", str(checkout.path / "Snakefile"), "--directory", str(elsewhere),
            "--until", "preprocess_cells", cwd=typed_in,
        )  # fmt: skip
    assert run.code != 0
    # The sentence itself, where the job's log is, and where Slurm's.
    assert "few.h5mu: only 300 cells have both RNA and protein; at least 500 are needed" in run.text
    assert "logs/few/check_cells.log" in run.text
    assert re.search(r"rule_check_cells/few/\d+\.log", run.text)
    assert states(jobs) == {
        "check_cells_wildcards_few": ["FAILED", "FAILED"],
        "check_cells_wildcards_good": ["COMPLETED"],
        "preprocess_cells_wildcards_good": ["COMPLETED"],
    }
    assert (elsewhere / "results/good/features/rna.npy").exists()
    assert not (elsewhere / "results/few/check.json").exists()


def test_jobs_killed_by_a_limit_are_tried_again_with_more(cluster, checkout):
    (checkout.path / "run.yaml").write_text(
        "dims: [1]\nrecipes: [cca]\ndatasets:\n"
        "  hungry: {simulate: {cells: 600, genes: 150, proteins: 10}}\n"
        "  slow: {simulate: {cells: 600, genes: 150, proteins: 10}}\n"
    )
    put_before(checkout, "simulate_cells", GREEDY)
    with given_to(cluster) as jobs:
        run = submit(
            checkout, "--set-resources", "simulate_cells:runtime=attempt",
            "--until", "simulate_cells",
        )  # fmt: skip
    assert run.code == 0, run.text
    ended = states(jobs)
    hungry = [job for job in jobs if job["Comment"].endswith("hungry")]
    slow = [job for job in jobs if job["Comment"].endswith("slow")]
    assert [job["MinMemoryNode"] for job in hungry] == ["2000M", "4000M"]
    # A Slurm with cgroups says OUT_OF_MEMORY.
    assert ended["simulate_cells_wildcards_hungry"] == ["FAILED", "COMPLETED"]
    log = f".snakemake/slurm_logs/rule_simulate_cells/hungry/{hungry[0]['JobId']}.log"
    assert log in run.text
    assert "exceeded memory limit" in (checkout.path / log).read_text()
    assert [job["TimeLimit"] for job in slow] == ["00:01:00", "00:02:00"]
    assert ended["simulate_cells_wildcards_slow"] == ["TIMEOUT", "COMPLETED"]


def test_a_cancelled_training_is_resumed_where_it_was(cluster, checkout):
    settings = ("--config", "dims=[2]", "seeds=16", "recipes=paper_sampled")
    results = checkout.path / "results/tiny"
    with (
        given_to(cluster) as jobs,
        # A cancelled job would be submitted again, as one that failed.
        started(
            checkout, *on_slurm(checkout), "--retries", "0", "--until", "train_encoders", *settings
        ) as run,
    ):
        wait_for("a finished seed", lambda: [*results.rglob("seed*.safetensors")], seconds=240)
        [training] = [job for job in cluster.jobs() if job["JobState"] == "RUNNING"]
        ask("scancel", training["JobId"])
        done = run.finish()
    assert done.code != 0
    assert f"SLURM-job '{training['JobId']}' failed, SLURM status is: 'CANCELLED'" in done.text
    assert jobs[-1]["JobState"] == "CANCELLED"
    assert rule_of(jobs[-1]) == "train_encoders"
    with given_to(cluster) as jobs:
        done = submit(checkout, "--until", "train_encoders", *settings)
    assert done.code == 0, done.text
    assert states(jobs) == {"train_encoders_wildcards_tiny_paper_sampled_2_0-15": ["COMPLETED"]}
    log = (checkout.path / "logs/tiny/train_encoders/paper_sampled/dim2/seeds0-15.log").read_text()
    assert "taken over, already finished: seeds [0" in log
    assert (results / "models/paper_sampled/dim2/seeds0-15.safetensors").exists()


def test_the_controller_may_be_restarted_during_a_run(cluster, checkout):
    put_before(checkout, "simulate_cells", WAITING)
    (checkout.path / "wait").touch()
    with (
        given_to(cluster) as jobs,
        started(checkout, *on_slurm(checkout), "--retries", "0", "--until", "check_cells") as run,
    ):
        wait_for("the job", (checkout.path / "begun").exists)
        cluster.end("slurmctld")
        # Long enough to ask for the job in vain.
        time.sleep(12)
        cluster.start_controller()
        (checkout.path / "wait").unlink()
        done = run.finish()
    assert done.code == 0, done.text
    assert states(jobs) == {
        "simulate_cells_wildcards_tiny": ["COMPLETED"],
        "check_cells_wildcards_tiny": ["COMPLETED"],
    }


def test_training_gets_the_gpu_that_it_asks_for(cluster, finished):
    with_slurm, *_ = finished
    put_before(with_slurm, "train_encoders", SAYS_ITS_GPU)
    model = "results/tiny/models/tuned/dim3/seeds0-1.safetensors"
    with given_to(cluster) as jobs:
        run = submit(with_slurm, "--set-resources", "train_encoders:gpu=1", "--", model)
    assert run.code == 0, run.text
    assert states(jobs) == {"train_encoders_wildcards_tiny_tuned_3_0-1": ["COMPLETED"]}
    assert jobs[0]["TresPerJob"] == "gres:gpu:1"
    assert (with_slurm.path / "visible_gpus").read_text() == "0"


def test_a_node_without_gpu_refuses_and_trains_on_its_cores(cluster, finished):
    with_slurm, *_ = finished
    model = "results/tiny/models/tuned/dim4/seeds0-1.safetensors"
    with cluster.without_gpu():
        with given_to(cluster) as refused_jobs:
            refused = submit(with_slurm, "--set-resources", "train_encoders:gpu=1", "--", model)
        with given_to(cluster) as jobs:
            done = submit(with_slurm, "--", model)
    assert refused.code != 0
    assert "SLURM sbatch failed" in refused.text
    assert "Requested node configuration is not available" in refused.text
    # Slurm keeps a record of what it refuses; no node ever saw it.
    assert {(job["JobState"], job["NodeList"]) for job in refused_jobs} == {("FAILED", "")}
    assert done.code == 0, done.text
    assert states(jobs) == {"train_encoders_wildcards_tiny_tuned_4_0-1": ["COMPLETED"]}
    log = with_slurm.path / "logs/tiny/train_encoders/tuned/dim4/seeds0-1.log"
    assert "no GPU is visible: on the CPU" in log.read_text()
