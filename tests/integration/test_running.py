"""A real small run of the whole workflow, and what a change to it makes run again."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path

import mudata
import numpy as np
import pandas as pd
import psutil
import pytest
from cell_files import counts, write_10x_h5
from checkout import SNAKEMAKE, copy_of_the_workflow
from safetensors import safe_open

from sharedim.datasets.catalogue import BUILT_IN

CONFIG = """
dims: [1, 2, 3, 4, 6]
seeds: 2
recipes: [paper, cca]
datasets:
  tiny:
    simulate: {cells: 1200, genes: 300, proteins: 15, shared_dimensions: 3, seed: 1}
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A copy of the workflow that has run once, at a path with a space."""
    checkout = copy_of_the_workflow(tmp_path_factory.mktemp("run") / "a checkout")
    (checkout.path / "tiny.yaml").write_text(CONFIG)
    done = checkout.snakemake("--cores", "2", "--configfile", "tiny.yaml")
    assert done.code == 0, done.text
    assert "The report of tiny: results/tiny/report.html" in done.text
    return checkout


@pytest.fixture(scope="module")
def results(finished) -> Path:
    return finished.path / "results" / "tiny"


def log_of(checkout, *parts):
    return checkout.path.joinpath("logs", "tiny", *parts).read_text()


def plan(checkout, *arguments):
    done = checkout.snakemake("-n", "--configfile", "tiny.yaml", *arguments)
    assert done.code == 0, done.text
    return done


def test_scores_are_complete(results):
    scores = pd.read_csv(results / "scores.tsv", sep="\t")
    counts = scores.groupby(["recipe", "dim", "seed", "split"]).size().unstack("split")
    assert len(counts) == 2 * 5 * 2
    # Both ways six of matching, and accuracy and F1 of two label levels; two probes of these levels
    # and five dimensions with their errors of each modality, two of what is shared, six of norms and
    # uniformity, alignment, FOSCTTM and information; the temperature in training.
    assert set(counts["test"]) == {59}
    assert counts.groupby("recipe")["train"].unique().to_dict() == {"paper": [60], "cca": [59]}
    matching = scores.query("metric == 'match_top0.5pct_rna_to_prot' and split == 'test'")
    # 1,200 cells in proportion 10,000 : 8,000 : 12,672, and 0.5 % of 496 is 2.
    n_test = 1200 - 391 - 313
    assert set(matching["chance"].round(6)) == {round(2 / n_test, 6)}
    shares = scores[scores["metric"].str.contains(r"^match_(?!median)|^label|^probe|^foscttm")]
    assert shares["value"].between(0, 1).all()
    assert np.isfinite(scores.loc[scores["metric"] != "uniformity", "value"]).all()


def test_the_simulated_truth_is_recovered(results):
    check = json.loads((results / "check.json").read_text())
    answer = json.loads((results / "answer.json").read_text())
    assert check["truth"]["shared_dimensions"] == 3
    assert answer["recipe"] == "cca"
    # Two seeds with 496 test cells each tell d = 4 from its neighbours only so far.
    assert answer["recommended_d"]["low"] <= 4 <= answer["recommended_d"]["high"]
    assert answer["k_hat"]["low"] <= 3 <= answer["k_hat"]["high"]
    # With 391 training cells the paper recipe memorises them, and the answer must say so.
    assert any(w.startswith("The recipe paper overfits") for w in answer["warnings"])


def test_tables_and_answer_agree(results):
    saturation = pd.read_csv(results / "saturation.tsv", sep="\t")
    answer = json.loads((results / "answer.json").read_text())
    assert list(saturation) == [
        "dataset", "recipe", "split", "metric", "plateau", "d_saturation", "ci_low", "ci_high", "status",
    ]  # fmt: skip
    assert len(saturation) == 2 * 2 * 38
    row = saturation.query(
        "recipe == 'cca' and split == 'test' and metric == 'match_top0.5pct_rna_to_prot'"
    )
    least = min(d for d in (1, 2, 3, 4, 6) if d >= round(answer["k_hat"]["value"]) + 1)
    assert answer["recommended_d"]["value"] == max(least, row["d_saturation"].item())
    page = (results / "report.html").read_text()
    assert answer["sentence"].split(":")[0] in page
    assert "<strong>3</strong> shared in truth" in page


def test_models_say_what_they_are(results):
    with safe_open(results / "models/paper/dim4/seeds0-1.safetensors", framework="numpy") as file:
        header = json.loads(file.metadata()["sharedim"])
        assert header["recipe"]["name"] == "paper"
        assert (header["dim"], header["seeds"]) == (4, [0, 1])
        assert file.get_tensor("rna.3.weight").shape == (2, 4, 50)
    assert np.load(results / "features/rna.npy").shape == (1200, 200)
    assert np.load(results / "features/prot.npy").shape == (1200, 14)


def test_pictures_logs_and_benchmarks_are_there(finished, results):
    pictures = sorted(path.name for path in (results / "figures").iterdir())
    names = (
        "confusion", "dimension", "embedding", "pairs", "paper_figure", "prediction", "saturation",
        "training",
    )  # fmt: skip
    assert pictures == [f"{name}.{kind}" for name in names for kind in ("png", "svg")]
    assert all((results / "figures" / name).stat().st_size > 5_000 for name in pictures)
    assert "to fit: seeds [0, 1]" in log_of(
        finished, "train_encoders", "paper", "dim2", "seeds0-1.log"
    )
    benchmark = finished.path / "benchmarks/tiny/train_encoders/paper/dim2/seeds0-1.tsv"
    assert pd.read_csv(benchmark, sep="\t")["s"].item() > 0


def test_every_log_begins_with_what_is_done_and_promises_no_duration(finished):
    logs = finished.path / "logs" / "tiny"
    begins = {}
    for log in sorted(logs.rglob("*.log")):
        lines = log.read_text().splitlines()
        doing = re.search(r" INFO sharedim: (\w+ing .*\d.*)$", lines[0])
        assert doing, log
        begins[str(log.relative_to(logs))] = doing[1]
        for line in lines:
            # Training alone reports a time left, which it measures.
            measured = re.search(r" sharedim\.jobs\.progress: .*, about [\d:]+ left$", line)
            assert measured or not re.search(r"\babout (\d|an? )|a few seconds", line), line
    assert len(begins) >= 15
    training = begins["train_encoders/paper/dim2/seeds0-1.log"]
    assert training == "training 2 models of paper at d = 2 on 391 cells each"
    assert begins["score_models/cca.log"] == "scoring 10 models on 1,200 cells"


def test_results_say_where_they_come_from(results):
    told = json.loads((results / "provenance.json").read_text())
    cells = (results / "simulated.h5mu").read_bytes()
    assert told["input"][0]["sha256"] == hashlib.sha256(cells).hexdigest()
    assert told["configuration"]["dims"] == [1, 2, 3, 4, 6]
    assert told["configuration"]["simulate"]["cells"] == 1200
    assert len(told["models"]) == 10
    for block in told["models"]:
        assert block["seeds"] == [0, 1]
        assert block["device"]
        assert block["seconds"] > 0


def test_snakemakes_own_report_has_captions(finished):
    done = finished.snakemake("--configfile", "tiny.yaml", "--report", "report.zip")
    assert done.code == 0, done.text
    with zipfile.ZipFile(finished.path / "report.zip") as package:
        names = package.namelist()
        text = "".join(package.read(name).decode() for name in names if name.endswith(".html"))
    for file in (
        "answer.json",
        "provenance.json",
        "report.html",
        "saturation.tsv",
        "saturation.png",
    ):
        assert any(name.endswith(file) for name in names), file
    for word in ("tiny", "figures", "tables", "The recommended output dimension"):
        assert word in text, word


def test_a_second_run_finds_nothing_to_do_from_both_entries(finished):
    for entry in ((), ("-s", "workflow/Snakefile")):
        again = plan(finished, *entry)
        assert "Nothing to be done" in again.text
        assert again.jobs == {}


def test_a_touched_library_file_retrains_nothing(finished):
    (finished.path / "workflow/scripts/sharedim/training/losses.py").touch()
    assert plan(finished).jobs == {}


@contextmanager
def edited(checkout, file):
    """Append a constant to a library file, and take it back whatever happens."""
    path = checkout.path / "workflow/scripts/sharedim" / file
    before = path.read_text()
    path.write_text(before + "\nEDITED = True\n")
    try:
        yield
    finally:
        path.write_text(before)


def test_an_edited_picture_retrains_nothing(finished):
    with edited(finished, "report/figures/registry.py"):
        assert plan(finished).jobs == {"plot_figures": 1, "write_report": 1, "all": 1}
    assert plan(finished).jobs == {}


def test_an_edited_loss_retrains_the_encoders_and_fits_no_baseline(finished):
    with edited(finished, "training/losses.py"):
        jobs = plan(finished).jobs
    assert jobs["train_encoders"] == 5
    assert "fit_baselines" not in jobs
    assert "preprocess_cells" not in jobs


def test_adding_a_seed_trains_one_model_per_dimension_and_recipe(finished, results):
    before = pd.read_csv(results / "scores.tsv", sep="\t")
    done = finished.snakemake(
        "--cores", "2", "results/tiny/scores.tsv", "results/tiny/history.tsv",
        "--configfile", "tiny.yaml", "--config", "seeds=3",
    )  # fmt: skip
    assert done.code == 0, done.text
    logs = [
        log_of(finished, "train_encoders", "paper", f"dim{dim}", "seeds0-2.log")
        for dim in (1, 2, 3, 4, 6)
    ]
    logs += log_of(finished, "fit_baselines", "cca", "seeds0-2.log").split("d = ")[1:]
    assert len(logs) == 10
    for log in logs:
        assert "taken over, already finished: seeds [0, 1]" in log
        assert re.findall(r"to fit: seeds (.*)", log) == ["[2]"]
    after = pd.read_csv(results / "scores.tsv", sep="\t")
    kept = after[after["seed"] < 2].reset_index(drop=True)
    pd.testing.assert_frame_equal(
        kept.sort_values(list(kept)[:6]).reset_index(drop=True),
        before.sort_values(list(before)[:6]).reset_index(drop=True),
    )
    assert set(after["seed"]) == {0, 1, 2}


def test_reading_the_cells_again_retrains_nothing(finished):
    # A change that leaves the features as they are, and another number of cores.
    arguments = ("--cores", "1", "--configfile", "tiny.yaml", "--config", "dims=[2]", "seeds=3")
    with edited(finished, "io/obs.py"):
        done = finished.snakemake(*arguments, "--until", "train_encoders")
    assert done.code == 0, done.text
    assert done.jobs["preprocess_cells"] == done.jobs["train_encoders"] == 1
    log = log_of(finished, "train_encoders", "paper", "dim2", "seeds0-2.log")
    assert "taken over, already finished: seeds [0, 1, 2]" in log
    assert "to fit" not in log


def test_a_killed_snakemake_leaves_no_job_behind(finished):
    arguments = ("--configfile", "tiny.yaml", "--config", "dims=[5]", "seeds=25", "recipes=paper")
    log = finished.path / "logs/tiny/train_encoders/paper/dim5/seeds0-24.log"
    run = subprocess.Popen(
        [SNAKEMAKE, "--cores", "1", *arguments, "--until", "train_encoders"],
        cwd=finished.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not (log.exists() and "to fit" in log.read_text()) and time.monotonic() < deadline:
        time.sleep(0.1)
    jobs = [process for process in finished.processes() if process.pid != run.pid]
    assert jobs
    # Snakemake alone, as a crash or a kernel short of memory would; its jobs are not told.
    run.kill()
    run.wait()
    gone, alive = psutil.wait_procs(jobs, timeout=20)
    assert not alive
    assert len(gone) == len(jobs)
    assert "is gone: ending" in log.read_text()
    assert finished.snakemake("--unlock", *arguments).code == 0
    again = finished.snakemake("-n", *arguments, "--rerun-incomplete")
    assert again.jobs["train_encoders"] == 1


@pytest.fixture(scope="module")
def unlabelled(small_cells, tmp_path_factory) -> Path:
    data = mudata.MuData({name: small_cells[name].copy() for name in ("rna", "prot")})
    path = tmp_path_factory.mktemp("cells") / "no labels.h5mu"
    data.write_h5mu(path)
    return path


def test_a_file_without_labels_elsewhere(checkout, unlabelled, tmp_path):
    done = checkout.snakemake(
        "--cores", "2", "--directory", str(tmp_path), "-s", str(checkout.path / "Snakefile"),
        "--config", f"h5mu={unlabelled.name}", "dims=2", "seeds=2", "recipes=cca",
        cwd=unlabelled.parent,
    )  # fmt: skip
    assert done.code == 0, done.text
    results = tmp_path / "results" / "no_labels"
    scores = pd.read_csv(results / "scores.tsv", sep="\t")
    assert not scores["metric"].str.startswith("label_").any()
    page = (results / "report.html").read_text()
    assert "No cell types were named or recognised in the file" in page
    assert not (checkout.path / "results").exists()


def test_a_built_in_dataset_put_there_by_hand(checkout, tmp_path):
    rna, prot = counts(600, 250, "g"), counts(600, 8, "p", seed=1)
    file = tmp_path / "resources" / BUILT_IN["pbmc10k"].file
    file.parent.mkdir()
    write_10x_h5(tmp_path, rna, prot, rna.obs).rename(file)
    arguments = (
        "--cores", "1", "--directory", str(tmp_path), "-s", str(checkout.path / "Snakefile"),
        "--config", "dataset=pbmc10k", "--until", "check_cells",
    )  # fmt: skip
    done = checkout.snakemake(*arguments)
    assert done.code == 0, done.text
    assert done.jobs == {"convert_cells": 1, "check_cells": 1}
    check = json.loads((tmp_path / "results/pbmc10k/check.json").read_text())
    assert (check["paired_cells"], check["proteins"]) == (600, 8)
    assert check["file"] == "resources/pbmc10k.h5mu"
    # A rule that runs again finds the file where it was.
    before = file.read_bytes()
    again = checkout.snakemake(*arguments, "--forcerun", "download_cells")
    assert again.code == 0, again.text
    assert again.jobs["download_cells"] == 1
    assert file.read_bytes() == before
    log = (tmp_path / "logs/download_cells" / f"{file.name}.log").read_text()
    assert "is already there" in log


def run_in(folder, checkout) -> tuple[str, ...]:
    """Run the workflow in a folder as its run.yaml says; return how, but for the cores."""
    run = (
        "--directory", str(folder), "-s", str(checkout.path / "Snakefile"),
        "--configfile", str(folder / "run.yaml"),
    )  # fmt: skip
    done = checkout.snakemake("--cores", "2", *run, cwd=folder)
    assert done.code == 0, done.text
    return run


def test_whole_donors_held_out_of_everything(checkout, small_cells, tmp_path):
    data = mudata.MuData({name: small_cells[name].copy() for name in ("rna", "prot")})
    data.obs["donor"] = np.repeat(["a", "b", "c"], 200)
    data.write_h5mu(tmp_path / "cells.h5mu")
    (tmp_path / "run.yaml").write_text(
        "h5mu: cells.h5mu\ndims: [2]\nseeds: 2\nrecipes: [cca, paper_sampled]\nhold_out: batches\n"
        "test_batches: [b]\nfit_features_on: without_test_cells\nvariable_genes: 60\n"
    )
    run = run_in(tmp_path, checkout)
    results = tmp_path / "results" / "cells"
    np.testing.assert_array_equal(np.load(results / "features/test_cells.npy"), np.arange(200, 400))
    scores = pd.read_csv(results / "scores.tsv", sep="\t")
    held_out = scores.query("split == 'test' and metric == 'match_top0.5pct_rna_to_prot'")
    # 0.5 % of the 200 cells of one donor is 1.
    assert set(held_out["chance"]) == {1 / 200}
    page = (results / "report.html").read_text()
    assert "fitted on 400 of 600 cells, without the held-out ones" in page
    assert "the same for every seed" in page
    # Other test cells are other models.
    other = checkout.snakemake("-n", *run, "--config", "test_batches=c", cwd=tmp_path)
    assert other.jobs["train_encoders"] == other.jobs["fit_baselines"] == 1


def test_an_environment_under_a_path_with_a_space(checkout, small_file, tmp_path):
    environment = tmp_path / "an environment"
    environment.symlink_to(Path(sys.executable).parents[1])
    python = environment / "bin" / Path(sys.executable).name
    done = checkout.snakemake(
        "--cores", "1", "--directory", str(tmp_path / "work"), "-s", str(checkout.path / "Snakefile"),
        "--config", f"h5mu={small_file}", "--until", "check_cells",
        command=(str(python), "-m", "snakemake"),
    )  # fmt: skip
    assert done.code == 0, done.text
    assert (tmp_path / "work" / "results" / "small" / "check.json").exists()


def test_bad_cells_stop_the_run_with_one_sentence(checkout, small_cells, tmp_path):
    few = mudata.MuData({name: small_cells[name][:300].copy() for name in ("rna", "prot")})
    few.write_h5mu(tmp_path / "few.h5mu")
    done = checkout.snakemake(
        "--cores", "2", "--directory", str(tmp_path), "-s", str(checkout.path / "Snakefile"),
        "--config", "h5mu=few.h5mu", cwd=tmp_path,
    )  # fmt: skip
    assert done.code != 0
    sentence = "few.h5mu: only 300 cells have both RNA and protein; at least 500 are needed"
    [line] = [line for line in done.text.splitlines() if "error:" in line]
    assert sentence in line
    assert "Traceback" not in done.text
    # By the job, and by the run at its end.
    assert done.text.count("what to do next: put this right, then give the same command") == 1
    assert done.text.count("What to do next: put it right and give the same command again") == 1
    assert sentence in (tmp_path / "logs/few/check_cells.log").read_text()
    assert not list((tmp_path / "results").rglob("*.*"))


def test_a_grid_refines_itself_around_the_elbow(checkout, tmp_path):
    (tmp_path / "run.yaml").write_text(
        "datasets: {curve: {simulate: {cells: 900, genes: 200, proteins: 12, seed: 2}}}\n"
        "dims: [2, 6]\nseeds: 2\nrecipes: [cca, paper_sampled]\nrefine: true\n"
        "dimension_every: 150\n"
    )
    run = run_in(tmp_path, checkout)
    results = tmp_path / "results" / "curve"
    chosen = json.loads((results / "refined_dims.json").read_text())
    assert chosen
    assert not {2, 6} & set(chosen)
    everything = {2, 6, *chosen}
    for table in ("scores.tsv", "history.tsv"):
        assert set(pd.read_csv(results / table, sep="\t")["dim"]) == everything
    answer = json.loads((results / "answer.json").read_text())
    assert answer["recommended_d"]["value"] in everything
    assert (
        f"d = {', '.join(map(str, chosen))}"
        in (tmp_path / "logs/curve/choose_dims.log").read_text()
    )
    # Asked of every 150 epochs of the 400.
    history = pd.read_csv(results / "history.tsv", sep="\t").query("dim == 2 and seed == 0")
    assert history.loc[history["id_rna"].notna(), "epoch"].tolist() == [150, 300]
    assert "intrinsic dimension" in (results / "figures/training.svg").read_text()
    again = checkout.snakemake("-n", *run, cwd=tmp_path)
    assert again.jobs == {}, again.text
