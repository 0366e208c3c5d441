from __future__ import annotations

import pytest
import yaml
from places import REPOSITORY

from sharedim import configuration
from sharedim.errors import InputError

SCHEMA = yaml.safe_load((REPOSITORY / "workflow/schemas/config.schema.yaml").read_text())


def test_what_the_command_line_delivers_is_coerced():
    typed = {"dims": ["4", "1", "2", "2"], "seeds": "3", "recipes": "paper", "labels": "cell_type"}
    assert configuration.coerce(typed) == {
        "dims": [1, 2, 4],
        "seeds": 3,
        "recipes": ["paper"],
        "labels": ["cell_type"],
    }
    assert configuration.coerce({"dims": 5})["dims"] == [5]
    assert configuration.coerce({"dims": "5"})["dims"] == [5]
    assert configuration.coerce({"labels": []})["labels"] == []
    assert typed["seeds"] == "3"


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"dmis": [1]}, "unknown key 'dmis'; did you mean 'dims'? known keys are annotations, batch, cells, counts_layer, dataset, datasets"),
        ({"size": "paper", "experiment": "linear"}, "unknown key 'experiment'; the experiments are a workflow of their own: snakemake -s reproduction/Snakefile --configfile reproduction/config/linear.yaml"),
        ({"datasets": {"a": {"h5mu": "x", "label": "b"}}}, "unknown key 'label' in datasets.a; did you mean 'labels'?"),
        ({"dims": [1, 64]}, "dims: 64 is above 50, the width of the encoders' hidden layers; choose output dimensions from 1 to 50"),
        ({"dims": [0]}, "dims: 0 is less than the minimum of 1"),
        ({"dims": []}, "dims: [] should be non-empty; expected: output dimensions d"),
        ({"dims": ["many"]}, "dims: 'many' is not of type 'integer'"),
        ({"dims": [2.5]}, "dims: 2.5 is not of type 'integer'"),
        ({"seeds": 0}, "seeds: 0 is less than the minimum of 1; expected: repetitions"),
        ({"seeds": "few"}, "seeds: 'few' is not of type 'integer'"),
        ({"datasets": {"a b": {"simulate": {}}}}, "datasets: 'a b' does not match"),
        ({"datasets": {"p": {"pairs": {}}}}, "datasets.p.pairs: 'kind' is a required property; expected: simulated pairs of features, a kind and its sizes"),
        ({"datasets": {"p": {"pairs": {"kind": "linaer"}}}}, "datasets.p.pairs.kind: 'linaer' is not one of ['linear', 'nonlinear', 'gaussian', "),
        ({"datasets": {"p": {"pairs": {"kind": "linear", "cells": 9}}}}, "unknown key 'cells' in datasets.p.pairs; known keys are balanced, correlations, "),
        ({"datasets": {"p": {"pairs": {"kind": "linear", "features": [3]}}}}, "datasets.p.pairs.features: [3] is too short; expected: features of the first and of the second side"),
        ({"datasets": {"p": {"pairs": {"kind": "gaussian", "correlations": [1]}}}}, "datasets.p.pairs.correlations: 1 is greater than or equal to the maximum of 1"),
        ({"datasets": {"p": {"pairs": {"kind": "linear", "noise": ["-1", 0]}}}}, "datasets.p.pairs.noise: -1 is less than the minimum of 0"),
        ({"datasets": {"a": {}}}, "datasets.a: {} is not valid under any of the given schemas; expected: one of h5mu and cells"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_a_sentence(config, sentence):
    with pytest.raises(InputError) as refused:
        configuration.check(configuration.coerce(config), SCHEMA)
    assert str(refused.value).startswith("configuration: ")
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_shipped_configurations_fit():
    files = sorted((REPOSITORY / "config").glob("*.yaml"))
    assert len(files) >= 2
    for file in files:
        configuration.check(configuration.coerce(yaml.safe_load(file.read_text())), SCHEMA)


def test_without_cells_some_are_simulated(tmp_path):
    assert configuration.datasets_of({}, tmp_path, tmp_path) == {"simulated": {"simulate": {}}}


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("cells.h5mu", "cells"),
        ("my cells (2).h5mu", "my_cells_2"),
        ("pbmc.v3.H5MU", "pbmc.v3"),
        ("object.rds", "object"),
        ("sample_1", "sample_1"),
        ("+++.h5mu", "dataset"),
    ],
)
def test_a_dataset_is_called_after_its_file(tmp_path, file, name):
    (tmp_path / file).touch()
    datasets = configuration.datasets_of({"h5mu": file, "labels": ["l"]}, tmp_path, tmp_path)
    assert datasets == {name: {"cells": [file], "labels": ["l"]}}
    assert configuration.datasets_of({"cells": file}, tmp_path, tmp_path) == {
        name: {"cells": [file]}
    }


def test_relative_paths_count_from_where_the_command_was_typed(tmp_path):
    typed, work = tmp_path / "typed", tmp_path / "work"
    typed.mkdir()
    (typed / "cells.h5mu").touch()
    datasets = configuration.datasets_of({"h5mu": "cells.h5mu"}, typed, work)
    assert datasets["cells"]["cells"] == [str(typed / "cells.h5mu")]


def test_options_of_one_dataset_come_before_those_of_all(tmp_path):
    (tmp_path / "a.h5mu").touch()
    config = {
        "labels": ["all"],
        "batch": "lane",
        "datasets": {"a": {"h5mu": "a.h5mu", "labels": "own"}, "s": {"simulate": None}},
    }
    datasets = configuration.datasets_of(config, tmp_path, tmp_path)
    assert datasets["a"] == {"cells": ["a.h5mu"], "labels": ["own"], "batch": "lane"}
    assert datasets["s"] == {"simulate": {}}


def test_whole_numbers_may_have_a_point():
    assert configuration.coerce({"dims": [2.0, 1.0], "seeds": 3.0}) == {"dims": [1, 2], "seeds": 3}


def test_a_home_directory_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "cells.h5mu").touch()
    datasets = configuration.datasets_of({"h5mu": "~/cells.h5mu"}, tmp_path, tmp_path)
    assert datasets["cells"]["cells"] == [str(tmp_path / "cells.h5mu")]


def test_missing_files_and_contradictions_are_refused(tmp_path):
    labelled = {"datasets": {"s": {"simulate": {}, "labels": ["mine"]}}}
    with pytest.raises(InputError, match=r"datasets\.s: labels is for a file"):
        configuration.datasets_of(labelled, tmp_path, tmp_path)
    labelled = {"datasets": {"p": {"pairs": {"kind": "linear"}, "batch": "lane"}}}
    with pytest.raises(InputError, match=r"datasets\.p: batch is for a file"):
        configuration.datasets_of(labelled, tmp_path, tmp_path)
    with pytest.raises(InputError, match=r"absent.h5mu: no such file"):
        configuration.datasets_of({"h5mu": "absent.h5mu"}, tmp_path, tmp_path)
    (tmp_path / "a{b}.h5mu").touch()
    with pytest.raises(InputError, match="takes braces in a path for wildcards"):
        configuration.datasets_of({"h5mu": "a{b}.h5mu"}, tmp_path, tmp_path)
    both = {"h5mu": "a", "datasets": {"s": {"simulate": {}}}}
    with pytest.raises(InputError, match="give h5mu or datasets, not both"):
        configuration.datasets_of(both, tmp_path, tmp_path)


@pytest.mark.parametrize("inside", ["run 1", "run 1/outs"])
@pytest.mark.parametrize("file", ["filtered_feature_bc_matrix.h5", "filtered_feature_bc_matrix"])
def test_runs_of_cell_ranger_are_called_after_their_folder(tmp_path, inside, file):
    folder = tmp_path / inside
    folder.mkdir(parents=True)
    (folder / file).touch()
    for launched_from, given in ((tmp_path, f"{inside}/{file}"), (folder, file)):
        [name] = configuration.datasets_of({"cells": given}, launched_from, launched_from)
        assert name == "run_1"


def test_a_seed_of_test_cells_that_is_not_used_changes_nothing(tmp_path):
    config = {"datasets": {"s": {"simulate": {}}}, "split_seed": 3}
    assert configuration.datasets_of(config, tmp_path, tmp_path) == {"s": {"simulate": {}}}
    fixed = {**config, "fit_features_on": "without_test_cells"}
    [dataset] = configuration.datasets_of(fixed, tmp_path, tmp_path).values()
    assert dataset["split_seed"] == 3


def test_options_of_one_dataset_are_coerced_too():
    config = {"datasets": {"a": {"h5mu": "x", "isotype_controls": "none", "harmony": "True"}}}
    coerced = configuration.coerce(config)["datasets"]["a"]
    assert coerced == {"h5mu": "x", "isotype_controls": None, "harmony": True}


def test_a_built_in_dataset_is_named(tmp_path):
    assert configuration.datasets_of({"dataset": "bmcite"}, tmp_path, tmp_path) == {
        "bmcite": {"dataset": "bmcite"}
    }
    with pytest.raises(InputError, match="dataset: 'bm' is not one of"):
        configuration.check({"dataset": "bm"}, SCHEMA)
    with pytest.raises(InputError, match="give cells or dataset, not both"):
        configuration.datasets_of({"cells": "a", "dataset": "bmcite"}, tmp_path, tmp_path)


def test_a_pair_of_files_is_called_after_the_first(tmp_path):
    for name in ("rna.h5ad", "adt.h5ad"):
        (tmp_path / name).touch()
    datasets = configuration.datasets_of({"cells": ["rna.h5ad", "adt.h5ad"]}, tmp_path, tmp_path)
    assert datasets == {"rna": {"cells": ["rna.h5ad", "adt.h5ad"]}}


def test_sizes_of_a_simulation_are_coerced():
    given = {"datasets": {"a": {"simulate": {"cells": "600", "seed": "2"}}, "b": {"simulate": {}}}}
    found = configuration.coerce(given)["datasets"]
    assert found == {"a": {"simulate": {"cells": 600, "seed": 2}}, "b": {"simulate": {}}}


def test_sizes_of_pairs_are_coerced():
    typed = {
        "kind": "gaussian", "pairs": "600", "features": ["1", "1"], "balanced": "True",
        "covariance": [["1.5", "-0.5"], ["-0.5", "1"]], "noise": ["0.1", 0.0],
    }  # fmt: skip
    config = configuration.coerce({"datasets": {"p": {"pairs": typed}}})
    configuration.check(config, SCHEMA)
    assert config["datasets"]["p"]["pairs"] == {
        "kind": "gaussian", "pairs": 600, "features": [1, 1], "balanced": True,
        "covariance": [[1.5, -0.5], [-0.5, 1]], "noise": [0.1, 0],
    }  # fmt: skip


def test_pairs_are_completed_with_the_options_of_their_kind(tmp_path):
    config = {
        "labels": ["mine"], "batch": "lane", "protein_transform": "none",
        "datasets": {
            "k5": {"pairs": {"kind": "linear", "shared_dimensions": 5}},
            "process": {"pairs": {"kind": "gaussian_process", "seed": 2}},
            "digits": {"pairs": {"kind": "digit_labels"}},
        },
    }  # fmt: skip
    datasets = configuration.datasets_of(config, tmp_path, tmp_path)
    # What is said of all files is not about these.
    assert all(set(dataset) == {"pairs", "protein_transform"} for dataset in datasets.values())
    assert datasets["k5"]["pairs"] == {
        "kind": "linear", "pairs": 14_000, "shared_dimensions": 5, "features": [20, 20],
        "noise": [0, 0], "seed": 0,
    }  # fmt: skip
    assert datasets["process"]["pairs"]["noise"] == [0.05, 0]
    assert datasets["process"]["pairs"]["seed"] == 2
    assert datasets["digits"]["pairs"] == {"kind": "digit_labels", "noise": [0, 0], "seed": 0}


@pytest.mark.parametrize(
    ("pairs", "sentence"),
    [
        ({"kind": "linear", "position": 3}, r"datasets\.p\.pairs: position is not for kind linear; its keys are features, noise, pairs, seed, shared_dimensions"),
        ({"kind": "drifters", "position": 3}, r"position is not for kind drifters; did you mean 'positions'\? its keys are modes, "),
        ({"kind": "digit_halves", "pairs": 600}, "pairs is not for kind digit_halves; its keys are noise, seed"),
        ({"kind": "linear", "shared_dimensions": 5, "features": [9, 4]}, "shared_dimensions is 5, but one side has only 4 features; give at most as many"),
        ({"kind": "gaussian", "features": [2, 4]}, "3 correlations, but one side has only 2 features; give at most as many"),
        ({"kind": "gaussian", "correlations": [0.5], "covariance": [[1, 0], [0, 1]]}, "give correlations or covariance, not both"),
        ({"kind": "gaussian", "covariance": [[1, 0], [0, 1]]}, r"covariance has to be 16 x 16, for features \[10, 6\] of the two sides together"),
        ({"kind": "gaussian", "features": [1, 1], "covariance": [[1, 2], [2, 1]]}, "covariance has to be symmetric and positive definite"),
        ({"kind": "gaussian_process", "modes": 3}, "5 features of the second side are the first of 3 modes; give more modes or fewer features"),
    ],
)  # fmt: skip
def test_options_of_pairs_that_do_not_fit(tmp_path, pairs, sentence):
    with pytest.raises(InputError, match=sentence):
        configuration.datasets_of({"datasets": {"p": {"pairs": pairs}}}, tmp_path, tmp_path)


def test_options_of_preprocessing_are_coerced():
    typed = {
        "variable_genes": "500", "harmony": "true", "split_seed": "3", "test_batches": "d1",
        "isotype_controls": "none", "scaled_limit": "7.5", "variable_genes_by_batch": False,
    }  # fmt: skip
    config = configuration.coerce(typed)
    configuration.check(config, SCHEMA)
    assert config == {
        "variable_genes": 500, "harmony": True, "split_seed": 3, "test_batches": ["d1"],
        "isotype_controls": None, "scaled_limit": 7.5, "variable_genes_by_batch": False,
    }  # fmt: skip


def test_batches_are_named_in_text(tmp_path):
    config = {"hold_out": "batches", "test_batches": [1, "b"], "datasets": {"s": {"simulate": {}}}}
    [dataset] = configuration.datasets_of(config, tmp_path, tmp_path).values()
    assert dataset["test_batches"] == ["1", "b"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"test_batches": ["a"]}, "s: test_batches is for whole batches; say hold_out=batches too"),
        ({"hold_out_column": "donor"}, "s: hold_out_column is for whole batches"),
        ({"test_pairs": 200, "hold_out": "batches"}, "test_pairs is a number of single cells to hold out, and hold_out=batches holds out whole batches"),
        ({"harmony": True, "fit_features_on": "without_test_cells"}, "harmony corrects all cells together and cannot be fitted without the test cells"),
        ({"isotype_controls": "("}, r"isotype_controls '\(' is no regular expression \(missing \)"),
    ],
)  # fmt: skip
def test_options_that_contradict_each_other(tmp_path, options, sentence):
    (tmp_path / "a.h5mu").touch()
    config = {"datasets": {"s": {"h5mu": "a.h5mu"}}, **options}
    with pytest.raises(InputError, match=sentence):
        configuration.datasets_of(config, tmp_path, tmp_path)


def test_options_of_features(tmp_path):
    for name in ("image.npy", "text.npy", "labels.tsv"):
        (tmp_path / name).touch()
    typed = {
        "cells": ["image.npy", "text.npy"], "annotations": "labels.tsv", "test_pairs": "2000",
        "feature_noise": ["0", "0.1"], "repeated_noise": "0.1", "split_seed": 4,
    }  # fmt: skip
    config = configuration.coerce(typed)
    configuration.check(config, SCHEMA)
    assert config["feature_noise"] == [0, 0.1]
    work = tmp_path / "work"
    assert configuration.datasets_of(config, tmp_path, work) == {
        "image": {
            "cells": [str(tmp_path / "image.npy"), str(tmp_path / "text.npy")],
            "annotations": str(tmp_path / "labels.tsv"),
            "test_pairs": 2000, "feature_noise": [0, 0.1], "repeated_noise": 0.1, "split_seed": 4,
        }
    }  # fmt: skip
    with pytest.raises(InputError, match=r"absent.tsv: no such file; give the path of a table"):
        configuration.datasets_of({**config, "annotations": "absent.tsv"}, tmp_path, work)
    for noise in ([0.1], -1, "much"):
        with pytest.raises(InputError, match="feature_noise: "):
            configuration.check({"feature_noise": noise}, SCHEMA)


def test_labels_of_a_file_of_features_are_not_of_simulated_cells(tmp_path):
    config = {"annotations": "labels.tsv", "datasets": {"s": {"simulate": {}}}}
    assert configuration.datasets_of(config, tmp_path, tmp_path) == {"s": {"simulate": {}}}


def test_seeds_are_trained_in_aligned_blocks():
    assert configuration.seed_blocks(3) == ["0-2"]
    assert configuration.seed_blocks(25) == ["0-24"]
    assert configuration.seed_blocks(51) == ["0-24", "25-49", "50-50"]
    assert configuration.seeds_of("25-27") == [25, 26, 27]
    blocks = configuration.seed_blocks(60)
    assert [seed for block in blocks for seed in configuration.seeds_of(block)] == list(range(60))
