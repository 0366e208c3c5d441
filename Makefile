# What a person types. The environment lives in .venv and needs nothing but Python 3.11 to 3.13 and make.

# The Python to make the environment with, PYTHON=python3.13; where none is named, envs/python.sh chooses.
PYTHON ?=
BIN := .venv/bin
comma := ,
GOAL := $(or $(firstword $(MAKECMDGOALS)),run)

# The version of a Python, if it starts and has a module.
version_with = $(shell "$(1)" -I -c 'import platform, $(2); print(platform.python_version())' 2>/dev/null)
# Empty where .venv has to be made from nothing: it is not finished, its Python is gone or was replaced
# by a newer one, which does not see the packages, or another one is named.
KEPT :=
ifneq ($(wildcard .venv/ready),)
OWN := $(call version_with,$(BIN)/python,sharedim)
KEPT := $(if $(PYTHON),$(filter $(OWN),$(call version_with,$(PYTHON),sys)),$(OWN))
STATE := $(if $(OWN),is of Python $(OWN),no longer starts)
endif

.PHONY: help run usable-python anew what-comes test test-pythons slurm-test tutorial-test check lint format bench bench-gpu bench-recipes calibrate reproduce clean

help:
	@echo "make run     simulate CITE-seq counts and analyse them, to results/simulated/report.html"
	@echo "make check FILE=cells.h5mu   what the workflow sees in a file, and what it would run"
	@echo "make test    every check and test"
	@echo "make test-pythons   the tests that need no PyTorch, with each of Python 3.11, 3.12 and 3.13 that is here"
	@echo "make slurm-test   the workflow on a real Slurm, started here for it; needs root and apt"
	@echo "make tutorial-test   the commands of docs/tutorial.md, in order, on the real file"
	@echo "make lint    the checks alone"
	@echo "make format  let ruff and snakefmt format the code"
	@echo "make bench   time training against a plain loop, as ratios within one run, and preprocessing"
	@echo "make bench-gpu   time the paper's grid on a GPU; needs a Python with PyTorch and numpy alone"
	@echo "make bench-recipes FEATURES=results/cells/features   compare recipes on a file's held-out cells"
	@echo "make calibrate   the answer on simulated pairs of known dimension, to docs/calibration.md"
	@echo "make reproduce   the experiments of the paper and the theory, to docs/reproduction.md; EXPERIMENTS=name for one"
	@echo "make clean   remove the environments (results stay)"

run: usable-python what-comes .venv/ready
	@echo "Analysing simulated cells. Each job says what it does, and on how much."
	@$(BIN)/snakemake --cores all --rerun-incomplete || { echo; \
		echo "It stopped. Why is said above; make run goes on where it was."; \
		echo "If the directory is locked and no other run is under way: $(BIN)/snakemake --unlock"; \
		exit 1; }
	@echo
	@echo "The report: results/simulated/report.html (open it in a browser)"
	@echo
	@echo "Next, with cells of your own:"
	@echo "  make check FILE=path/to/cells.h5mu       what is seen in the file; nothing is run"
	@echo "  $(BIN)/snakemake --cores all --config h5mu=path/to/cells.h5mu"
	@echo "How to read the report: docs/report.md. From a file to a decision: docs/tutorial.md"

# Before anything else is said or done.
usable-python:
	@$(if $(KEPT),,envs/python.sh $(GOAL) "$(PYTHON)" >/dev/null)

what-comes:
	@echo "make run, about two minutes on two idle cores after installation:"
	@echo "  1. install into .venv: $(if $(KEPT),done before,about two minutes, 2 GB)"
	@echo "  2. about 30 jobs on simulated CITE-seq counts with a known answer: prepare, train, score"
	@echo "  3. the report: results/simulated/report.html"
	@echo

# A pair of .h5ad files: make check FILE=rna.h5ad PROTEIN=adt.h5ad. Options: CONFIG='batch=donor seeds=3'
check: .venv/ready
	@test -n "$(FILE)" || { echo "make check FILE=path/to/cells.h5mu"; exit 2; }
	@$(BIN)/python -m sharedim.cli "$(FILE)" $(if $(PROTEIN),"$(PROTEIN)") \
		--schema workflow/schemas/config.schema.yaml --configfile config/config.yaml --config $(CONFIG)
	@echo
	@echo "Run it:  $(BIN)/snakemake --cores all --config $(if $(PROTEIN),'cells=[$(FILE)$(comma)$(PROTEIN)]','cells=$(FILE)') $(CONFIG)"

# Two workers, each with whole files, the longest first (tests/conftest.py).
test: lint
	$(BIN)/pytest --numprocesses 2 --dist loadgroup --no-loadscope-reorder

# One environment for each, in .venv-pythons, without PyTorch.
test-pythons:
	tests/pythons.sh

# Installs slurm-wlm and munge where they are missing; where it cannot, says so and is content.
slurm-test: .venv/test-ready
	tests/slurm/run.sh

# Skips itself, saying why, where the file is not beside the checkout. TINY=--tiny for a small grid.
tutorial-test: .venv/test-ready
	PYTHONPATH=tests/helpers $(BIN)/python tests/tutorial/run.py $(TINY)

lint: .venv/test-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow reproduction
	$(BIN)/mypy
	$(BIN)/snakemake --lint
	$(BIN)/snakemake --lint -s reproduction/Snakefile --configfile reproduction/config/linear.yaml

bench: .venv/ready
	$(BIN)/python tests/bench/bench_cpu.py --threads 1
	$(BIN)/python tests/bench/bench_cpu.py --threads 2
	$(BIN)/python tests/bench/large_batch.py 65536
	$(BIN)/python tests/bench/many_cells.py 100000 1000000
	$(BIN)/python tests/bench/scoring.py 30672 118000
	$(BIN)/python tests/bench/preprocessing.py 30000 300000

# With the Python of a GPU machine: make bench-gpu PYTHON=python
bench-gpu:
	$(or $(PYTHON),python3) tests/bench/bench_gpu.py

# Features of one or several datasets that a run has preprocessed; the tables of docs/recipes.md.
bench-recipes: .venv/ready
	$(BIN)/python tests/bench/recipes.py $(FEATURES) --ablations --paper

# One file a simulated dataset is kept in results/calibration: a run that is stopped goes on.
calibrate: .venv/ready
	$(BIN)/python tests/bench/calibrate.py
	$(BIN)/python tests/bench/calibration_report.py

# Each from nothing, in results/reproduction. All of them take about an hour on two cores.
reproduce: .venv/ready
	PYTHONPATH=reproduction/scripts $(BIN)/python reproduction/run.py $(EXPERIMENTS)

format: .venv/test-ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow reproduction

clean:
	rm -rf .venv .venv-pythons

# The marks are set last, so that an interrupted installation is repeated.
.venv/ready: requirements.lock pyproject.toml $(if $(KEPT),,anew) | usable-python
	$(if $(KEPT),,$(if $(STATE),@echo "The environment in .venv $(STATE) and is made anew"))
	@echo "Installing into .venv: about two minutes"
	$(if $(KEPT),,rm -rf .venv && "$$(envs/python.sh $(GOAL) "$(PYTHON)")" -m venv .venv)
	$(BIN)/python -m pip install --disable-pip-version-check --requirement requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/test-ready: .venv/ready requirements-test.lock
	$(BIN)/python -m pip install --disable-pip-version-check --requirement requirements-test.lock
	@touch $@
