"""What must agree between files: locks and environments, schema and defaults, rules and imports."""

from __future__ import annotations

import ast
import re
import sys

import jsonschema
import pytest
import yaml
from places import REPOSITORY

from sharedim.jobs.code_hash import Code
from sharedim.training.recipes import RECIPES

SCRIPTS = REPOSITORY / "workflow" / "scripts"
LIBRARY = SCRIPTS / "sharedim"
# A workflow of its own that takes this one as a module.
REPRODUCTION = REPOSITORY / "reproduction"
ALL_SCRIPTS = sorted([*SCRIPTS.glob("*.py"), *REPRODUCTION.glob("scripts/*.py")])
ENVIRONMENTS = sorted([*REPOSITORY.glob("envs/*.yaml"), *REPRODUCTION.glob("envs/*.yaml")])
SCHEMA = yaml.safe_load((REPOSITORY / "workflow/schemas/config.schema.yaml").read_text())
CONDA_NAMES = {"pytorch": "torch", "matplotlib-base": "matplotlib"}
# What conda calls a package that is imported under another name.
IMPORTED_AS = {
    "matplotlib": "matplotlib-base",
    "skdim": "scikit-dimension",
    "sklearn": "scikit-learn",
    "torch": "pytorch",
    "umap": "umap-learn",
    "yaml": "pyyaml",
}


def source_of(path):
    """Return the content of a script, or of a file of the library or of the experiments."""
    files = (folder / path for folder in (SCRIPTS, REPRODUCTION / "scripts"))
    return next((file.read_bytes() for file in files if file.is_file()), None)


CODE = Code(source_of, ("experiments", "sharedim"))


def locked(file):
    lines = (REPOSITORY / file).read_text().split()
    return {name.lower(): version for name, version in (line.split("==") for line in lines)}


def test_locks_pin_every_version_once():
    run, test = locked("requirements.lock"), locked("requirements-test.lock")
    assert run["torch"] == "2.13.0"
    assert not run.keys() & test.keys()
    assert all(re.fullmatch(r"[0-9][0-9a-z.]*", version) for version in (run | test).values())


def test_the_lock_holds_every_dependency_of_the_package():
    import tomllib

    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    names = {re.match(r"[\w.-]+", dependency)[0] for dependency in project["dependencies"]}
    assert names <= set(locked("requirements.lock"))


@pytest.mark.parametrize("file", ENVIRONMENTS, ids=lambda f: f.stem)
def test_environments_agree_with_the_lock(file):
    versions = locked("requirements.lock")
    dependencies = yaml.safe_load(file.read_text())["dependencies"]
    assert dependencies[0] == "python =3.11"
    for dependency in dependencies[1:]:
        name, version = dependency.split(" =")
        assert versions[CONDA_NAMES.get(name, name)] == version, dependency


@pytest.mark.parametrize("script", ALL_SCRIPTS, ids=lambda f: f.stem)
def test_environments_hold_what_their_scripts_import(script):
    rule = rules_text().partition(f"/{script.name}")[0].rpartition("conda:")[2]
    [environment] = re.findall(r"envs/(\w+)\.yaml", rule)
    [file] = [file for file in ENVIRONMENTS if file.stem == environment]
    dependencies = yaml.safe_load(file.read_text())
    held = {dependency.split(" =")[0] for dependency in dependencies["dependencies"]}
    needed = set()
    for path in CODE.bring_along(script.name):
        for node in at_run_time(path):
            if isinstance(node, ast.Import):
                needed |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                needed.add(node.module.split(".")[0])
    needed -= {"experiments", "sharedim", *sys.stdlib_module_names}
    assert {IMPORTED_AS.get(name, name) for name in needed} <= held


@pytest.mark.parametrize("recipe", ["Dockerfile", "apptainer.def"])
def test_images_install_the_lock_with_the_python_of_the_environments(recipe):
    text = (REPOSITORY / recipe).read_text()
    assert "This recipe has not been built or run" in text
    [python] = re.findall(r"^from:? python:(.+)-slim$", text, re.MULTILINE | re.IGNORECASE)
    assert python == "3.11"
    installed = re.findall(r"pip install --no-cache-dir (.+)$", text, re.MULTILINE)
    assert installed == [
        "--requirement requirements.lock", "--no-deps --no-build-isolation --editable .",
    ]  # fmt: skip
    # Without isolation the build needs this from the lock.
    assert "setuptools" in locked("requirements.lock")
    for needed in (
        "requirements.lock",
        "pyproject.toml",
        "Snakefile",
        "config",
        "envs",
        "reproduction",
        "workflow",
    ):
        assert re.search(rf"^(COPY|   ) .*\b{re.escape(needed)}\b", text, re.MULTILINE), needed
    for named in re.findall(r"/opt/sharedim/([\w./]+)", text):
        assert (REPOSITORY / named).exists(), named


def test_the_catalogue_finds_what_it_looks_for():
    usage = yaml.safe_load((REPOSITORY / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert set(usage) == {"mandatory-flags", "software-stack-deployment", "report"}
    assert set(usage["mandatory-flags"]) == {"desc", "flags"}
    assert usage["software-stack-deployment"]["conda"] is True
    for needed in ("workflow/Snakefile", "config/README.md", "config/config.yaml", "README.md"):
        assert (REPOSITORY / needed).exists(), needed
    # What is promised: a report, and an environment for every rule.
    assert re.search(r"report\($", rules_text(), re.MULTILINE)
    assert rules_text().count("    script:\n") == rules_text().count("    conda:\n")


def test_the_shipped_configuration_says_the_defaults_of_the_schema():
    shipped = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())
    defaults = {k: v["default"] for k, v in SCHEMA["properties"].items() if "default" in v}
    assert shipped == defaults


def test_the_parameter_reference_names_every_key_and_default():
    text = (REPOSITORY / "config/README.md").read_text()
    of_one = SCHEMA["properties"]["datasets"]["additionalProperties"]["properties"]
    nested = [item for key in ("simulate", "pairs") for item in of_one[key]["properties"].items()]
    for key, entry in [*SCHEMA["properties"].items(), *nested]:
        rows = re.findall(rf"^\| `{key}` \| `?([^|`]*)`? \|", text, flags=re.MULTILINE)
        assert rows, key
        default = entry.get("default")
        if isinstance(default, bool):
            default = str(default).lower()
        if key == "isotype_controls":
            # No table can hold its bars.
            assert f"```\n{default}\n```" in text
        elif default is not None and not isinstance(default, list):
            assert str(default) in [row.strip() for row in rows], key


def test_simulation_defaults_agree():
    import inspect

    from sharedim.datasets.cite_seq import simulate_cite_seq

    simulate = SCHEMA["properties"]["datasets"]["additionalProperties"]["properties"]["simulate"]
    signature = inspect.signature(simulate_cite_seq).parameters
    assert {k: p.default for k, p in signature.items()} == {
        k: entry["default"] for k, entry in simulate["properties"].items()
    }


def test_kinds_of_pairs_agree():
    from sharedim.datasets.simulated_options import DEFAULTS, OF_EVERY_KIND

    pairs = SCHEMA["properties"]["datasets"]["additionalProperties"]["properties"]["pairs"]
    keys = pairs["properties"]
    assert keys["kind"]["enum"] == list(DEFAULTS)
    assert set(keys) == {"kind", *OF_EVERY_KIND}.union(*DEFAULTS.values())
    # The defaults fit the bounds, and are those of the documentation.
    text = (REPOSITORY / "config/README.md").read_text()
    for kind, defaults in DEFAULTS.items():
        given = {key: value for key, value in defaults.items() if value is not None}
        jsonschema.validate({"kind": kind, **given}, pairs)
        [said] = re.findall(rf"^\| `{kind}` \| .* \| (.*?) ?\|$", text, flags=re.MULTILINE)
        if kind != "nonlinear":
            assert yaml.safe_load(f"{{{', '.join(re.findall('`([^`]*)`', said))}}}") == defaults


def test_defaults_of_reading_splitting_and_features_agree():
    import inspect
    from dataclasses import asdict

    from sharedim import configuration
    from sharedim.io.paired import read_paired_cells
    from sharedim.preprocessing.holdout import fixed_test_cells
    from sharedim.preprocessing.pipeline import PAPER

    said = {k: entry.get("default") for k, entry in SCHEMA["properties"].items()}
    for function, names in (
        (read_paired_cells, configuration.READING_OPTIONS),
        (fixed_test_cells, configuration.SPLITTING_OPTIONS),
    ):
        signature = inspect.signature(function).parameters
        options = {k: p.default for k, p in signature.items() if p.default is not p.empty}
        # A check does without what takes long.
        options.pop("denoise", None)
        assert options == {name: said[name] for name in names}
    assert asdict(PAPER) == {name: said[name] for name in configuration.FEATURE_OPTIONS}


def test_what_is_said_of_all_datasets_can_be_said_of_one():
    from sharedim import configuration

    of_one = SCHEMA["properties"]["datasets"]["additionalProperties"]["properties"]
    own = {"simulate", "pairs", "h5mu", "cells", "dataset"}
    assert set(of_one) - own == set(configuration.DATASET_OPTIONS)


def test_the_schema_knows_the_transforms():
    from sharedim.preprocessing.protein_transforms import TRANSFORMS

    assert SCHEMA["properties"]["protein_transform"]["enum"] == list(TRANSFORMS)


def test_the_schema_knows_the_recipes_and_the_hidden_width():
    described = SCHEMA["properties"]["recipes"]["description"]
    assert all(re.search(rf"\b{name}\b", described) for name in RECIPES)
    assert SCHEMA["properties"]["dims"]["items"]["maximum"] == RECIPES["paper"].hidden_width


def at_run_time(path):
    """Return all of a file's syntax but what is for type checkers alone."""
    tree = ast.parse(source_of(path)) if path.endswith(".py") else ast.Module([], [])
    tree.body = [node for node in tree.body if not isinstance(node, ast.If)]  # TYPE_CHECKING
    return ast.walk(tree)


def rules_text():
    files = (*REPOSITORY.glob("workflow/rules/*.smk"), *REPRODUCTION.glob("rules/*.smk"))
    return "\n".join(file.read_text() for file in files)


def rule_of(script):
    """Return the text of the rule that runs a script."""
    rule = re.search(
        rf"\n(?:rule|checkpoint) {script.stem}:\n(.*?)(?=\n(?:rule|checkpoint) |\Z)",
        rules_text(),
        flags=re.DOTALL,
    )
    assert rule, f"no rule is called after {script.name}"
    return rule[1]


@pytest.mark.parametrize("script", ALL_SCRIPTS, ids=lambda f: f.stem)
def test_a_rule_its_script_and_its_log_have_one_name(script):
    rule = rule_of(script)
    assert f'"../scripts/{script.name}"' in rule
    assert f"/{script.stem}" in re.search(r"log:\n\s+(.*)", rule)[1]


@pytest.mark.parametrize("script", ALL_SCRIPTS, ids=lambda f: f.stem)
def test_a_rule_runs_again_after_a_change_of_its_own_code(script):
    assert f'        code=code_of("{script.stem}"),\n' in rule_of(script)


def test_what_rules_import_is_brought_along():
    text = (REPOSITORY / "workflow/rules/library.smk").read_text()
    brought = CODE.bring_along(*re.findall(r'^    "(sharedim/[^"]+)",$', text, re.MULTILINE))
    for file in {*REPOSITORY.glob("workflow/rules/*.smk")} - {
        REPOSITORY / "workflow/rules/library.smk"
    }:
        for module in re.findall(r"^from (sharedim\S*) import", file.read_text(), re.MULTILINE):
            path = f"{module.replace('.', '/')}.py"
            assert path in brought or (SCRIPTS / module.replace(".", "/")).is_dir(), file.name


@pytest.mark.parametrize("script", ALL_SCRIPTS, ids=lambda f: f.stem)
def test_every_job_logs_what_it_does_and_on_how_much(script):
    text = script.read_text()
    # A verb, and a number put into the sentence.
    assert re.search(r'logger\.info\(\s*f?"\w+ing .*?\{', text, re.DOTALL)


@pytest.mark.parametrize(
    "file", sorted([*SCRIPTS.rglob("*.py"), *REPRODUCTION.rglob("*.py")]), ids=lambda f: f.stem
)
def test_nothing_reads_a_pickle(file):
    text = file.read_text()
    assert not re.search(r"pickle|joblib|torch\.load|\.load_state_dict", text)


def test_the_changelog_and_citation_know_the_version():
    import sharedim

    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    assert citation["version"] == sharedim.__version__
    assert "## [Unreleased]" in (REPOSITORY / "CHANGELOG.md").read_text()
