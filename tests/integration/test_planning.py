"""What Snakemake plans, and what it refuses before any computing."""

from __future__ import annotations

import re
import shutil

import pytest
from cell_files import write_10x_folder, write_pair
from places import REPOSITORY

CONFIGURATIONS = sorted(path.name for path in (REPOSITORY / "config").glob("*.yaml"))
PROFILES = sorted(path.name for path in (REPOSITORY / "workflow/profiles").iterdir())
# Beside the training and fitting of blocks: everything that happens once, and scoring.
ONCE = [
    "all", "check_cells", "collect_scores", "embed_cells", "examine_chosen", "find_saturation",
    "plot_figures", "preprocess_cells", "record_provenance", "simulate_cells", "train_final",
    "write_report",
]  # fmt: skip


def test_lint_finds_nothing(checkout):
    done = checkout.snakemake("--lint")
    assert done.code == 0, done.text
    assert "Congratulations" in done.text


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_shipped_configurations_can_be_planned(checkout, name):
    done = checkout.snakemake("-n", "--quiet", "--configfile", f"config/{name}")
    assert done.code == 0, done.text


def test_the_default_plan(checkout):
    plan = checkout.snakemake("-n")
    assert plan.code == 0, plan.text
    once = dict.fromkeys(ONCE, 1)
    assert plan.jobs == once | {"train_encoders": 16, "fit_baselines": 1, "score_models": 3}
    # What `make run` says beforehand.
    [said] = re.findall(r"about (\d+) jobs", (REPOSITORY / "Makefile").read_text())
    assert abs(sum(plan.jobs.values()) - int(said)) <= 0.1 * int(said)


def test_git_is_needed_for_cloning_alone(checkout, tmp_path, monkeypatch):
    # Snakemake has a library that complains where there is no git, once it is loaded.
    for tool in ("bash", "sh", "which"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    monkeypatch.setenv("PATH", str(tmp_path))
    plan = checkout.snakemake("-n")
    assert plan.code == 0, plan.text
    assert " git" not in plan.text


def test_the_papers_grid_is_few_jobs(checkout):
    plan = checkout.snakemake("-n", "--configfile", "config/paper.yaml")
    assert plan.jobs["train_encoders"] == 30
    assert plan.jobs["fit_baselines"] == 2
    assert sum(plan.jobs.values()) <= 60


def test_the_default_plan_with_the_papers_recipe_is_few_jobs(checkout):
    plan = checkout.snakemake("-n", "--config", "recipes=[tuned,cca,permuted,paper]")
    assert plan.jobs["train_encoders"] == 24
    # The target itself runs nothing.
    assert sum(plan.jobs.values()) - plan.jobs["all"] <= 40


@pytest.mark.parametrize("profile", PROFILES)
def test_profiles_plan_the_same_jobs(checkout, profile):
    plan = checkout.snakemake("-n", "--workflow-profile", f"workflow/profiles/{profile}")
    assert plan.code == 0, plan.text
    assert plan.jobs == checkout.snakemake("-n").jobs


def test_the_gpu_profile_runs_as_many_jobs_as_there_are_gpus(checkout):
    plan = checkout.snakemake(
        "-n", "--workflow-profile", "workflow/profiles/gpu", "--resources", "gpu=4"
    )
    asking = re.findall(
        r"^(?:rule|checkpoint) (\w+):\n(?:    .*\n)*?    resources: .*gpu=1", plan.text, re.M
    )
    assert set(asking) == {"train_encoders", "score_models", "train_final"}


def test_jobs_of_a_cluster_name_their_memory_and_run_time(checkout):
    plan = checkout.snakemake(
        "-n", "--workflow-profile", "workflow/profiles/slurm",
        "--default-resources", "slurm_partition=large", "--config", "dataset=bmcite",
    )  # fmt: skip
    assert plan.code == 0, plan.text
    asked = re.findall(
        r"^(?:rule|checkpoint) (\w+):\n(?:    .*\n)*?    resources: (.*)", plan.text, re.M
    )
    assert len(asked) == sum(plan.jobs.values())
    named = {rule: set(re.findall(r"(\w+)=", resources)) for rule, resources in asked}
    silent = {rule for rule, names in named.items() if not {"mem_mb", "runtime"} <= names}
    # These run where Snakemake does.
    assert silent == {"all", "download_cells"}
    assert all("slurm_partition" in names for names in named.values())
    # No GPU is asked for unless a person says so.
    assert not any("gpu" in names for names in named.values())


def test_both_entries_plan_the_same_jobs(checkout):
    root, catalogue = checkout.snakemake("-n"), checkout.snakemake("-n", "-s", "workflow/Snakefile")
    assert catalogue.code == 0, catalogue.text
    assert catalogue.jobs.pop("everything") == root.jobs["all"] == 1
    root_jobs = {rule: count for rule, count in root.jobs.items() if rule != "all"}
    assert {r: c for r, c in catalogue.jobs.items() if r != "everything"} == root_jobs


def test_keys_on_the_command_line(checkout, small_file):
    plan = checkout.snakemake(
        "-n", "--config", f"h5mu={small_file}", "dims=[1,2,4]", "seeds=30", "recipes=[paper]"
    )
    assert plan.code == 0, plan.text
    assert plan.jobs["train_encoders"] == 3 * 2
    assert "simulate_cells" not in plan.jobs
    assert "fit_baselines" not in plan.jobs
    assert "results/small/report.html" in plan.text


def test_a_built_in_dataset_is_downloaded_and_converted(checkout):
    plan = checkout.snakemake("-n", "--config", "dataset=bmcite", "dims=2")
    assert plan.code == 0, plan.text
    assert plan.jobs["download_cells"] == plan.jobs["convert_cells"] == 1
    assert "resources/bmcite.SeuratData_0.3.0.tar.gz" in plan.text
    assert "results/bmcite/report.html" in plan.text


def test_several_datasets_have_an_index(checkout, small_file):
    both = "datasets={first: {h5mu: '" + str(small_file) + "'}, second: {simulate: {}}}"
    plan = checkout.snakemake("-n", "--config", both, "dims=2", "recipes=cca")
    assert plan.code == 0, plan.text
    assert plan.jobs["write_report"] == 2
    assert plan.jobs["write_index"] == 1


def test_a_pair_of_files_and_a_folder(checkout, small_cells, tmp_path):
    cells = small_cells["rna"], small_cells["prot"], small_cells["rna"].obs
    rna, adt = write_pair(tmp_path, *cells)
    folder = write_10x_folder(tmp_path, *cells)
    for source, name in ((f"[{rna},{adt}]", "rna"), (folder, tmp_path.name)):
        plan = checkout.snakemake("-n", "--config", f"cells={source}", "dims=2", "recipes=cca")
        assert plan.code == 0, plan.text
        assert f"results/{name}/report.html" in plan.text


def test_several_datasets_in_one_run(checkout, tmp_path):
    config = tmp_path / "two.yaml"
    config.write_text(
        "dims: [2]\nrecipes: [cca]\ndatasets:\n  a: {simulate: {}}\n  b: {simulate: {seed: 1}}\n"
    )
    plan = checkout.snakemake("-n", "--configfile", str(config))
    assert plan.code == 0, plan.text
    assert plan.jobs["simulate_cells"] == plan.jobs["write_report"] == 2
    assert plan.jobs["fit_baselines"] == 2


def test_simulated_pairs_take_the_place_of_cells(checkout):
    given = "datasets={p: {pairs: {kind: linear, pairs: 600}}, s: {simulate: {}}}"
    plan = checkout.snakemake("-n", "--config", given, "dims=2", "recipes=cca")
    assert plan.code == 0, plan.text
    assert plan.jobs["simulate_pairs"] == plan.jobs["simulate_cells"] == 1
    assert plan.jobs["check_cells"] == 2
    assert "results/p/simulated.npz" in plan.text


def test_odd_file_names(checkout, small_file, tmp_path):
    odd = tmp_path / "odd (1) näme.h5mu"
    odd.symlink_to(small_file)
    plan = checkout.snakemake("-n", "--config", f"h5mu={odd}", "dims=2")
    assert plan.code == 0, plan.text
    assert "results/odd_1_n_me/report.html" in plan.text


def test_the_simulated_file_as_a_persons_own(checkout, small_file, tmp_path):
    own = tmp_path / "results" / "simulated" / "simulated.h5mu"
    own.parent.mkdir(parents=True)
    own.symlink_to(small_file)
    plan = checkout.snakemake(
        "-n", "--directory", str(tmp_path), "-s", str(checkout.path / "Snakefile"),
        "--config", "h5mu=results/simulated/simulated.h5mu", cwd=tmp_path,
    )  # fmt: skip
    assert plan.code == 0, plan.text
    assert "simulate_cells" not in plan.jobs


def test_a_configuration_in_the_working_directory_comes_first(checkout, tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.yaml").write_text("dims: [2, 3]\nrecipes: [cca]\n")
    plan = checkout.snakemake("-n", "--directory", str(tmp_path))
    assert plan.jobs["fit_baselines"] == 1
    assert "train_encoders" not in plan.jobs


def test_relative_paths_count_from_where_the_command_was_typed(checkout, small_file, tmp_path):
    snakefile = str(checkout.path / "Snakefile")
    arguments = ("-n", "-s", snakefile, "--directory", str(tmp_path))
    typed_beside = ("--config", "h5mu=small.h5mu", "dims=2")
    plan = checkout.snakemake(*arguments, *typed_beside, cwd=small_file.parent)
    assert plan.code == 0, plan.text
    assert plan.jobs["fit_baselines"] == 1


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        (["h5mu=absent.h5mu"], "absent.h5mu: no such file; give the path of a .h5mu file or another with cells"),
        (["dataset=bmc"], "configuration: dataset: 'bmc' is not one of ['bmcite', 'neurips_bmmc', 'pbmc10k']"),
        (["dataset=bmcite", "h5mu=a.h5mu"], "configuration: give h5mu or dataset, not both"),
        (["protein_transform=clr"], "configuration: protein_transform: 'clr' is not one of ['clr_per_cell', "),
        (["harmony=true", "fit_features_on=without_test_cells"], "harmony corrects all cells together"),
        (["dims=[1,64]"], "configuration: dims: 64 is above 50, the width of the encoders' hidden layers"),
        (["dmis=[1]"], "configuration: unknown key 'dmis'; did you mean 'dims'?"),
        (["recipes=[papr]"], "configuration: recipes: 'papr' is not known; did you mean 'paper'?"),
        (["datasets={p: {pairs: {kind: linear, modes: 3}}}"], "configuration: datasets.p.pairs: modes is not for kind linear"),
        (["seeds=0"], "configuration: seeds: 0 is less than the minimum of 1"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_before_any_job(checkout, keys, sentence):
    done = checkout.refused("--config", *keys)
    assert sentence in done.text
    assert "Nothing was run. Every setting is explained in config/README.md" in done.text
    assert "Traceback" not in done.text
    assert not (checkout.path / "results").exists()
