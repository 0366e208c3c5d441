# What a person types. The environment lives in .venv and needs nothing but Python 3.11 and make.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin

.PHONY: help run test slurm-test check lint format bench bench-gpu bench-recipes calibrate clean

help:
	@echo "make run     simulate CITE-seq counts and analyse them, to results/simulated/report.html"
	@echo "make check FILE=cells.h5mu   what the workflow sees in a file, and what it would run"
	@echo "make test    every check and test"
	@echo "make slurm-test   the workflow on a real Slurm, started here for it; needs root and apt"
	@echo "make lint    the checks alone"
	@echo "make format  let ruff and snakefmt format the code"
	@echo "make bench   time training against a plain loop, as ratios within one run, and preprocessing"
	@echo "make bench-gpu   time the paper's grid on a GPU; needs a Python with PyTorch and numpy alone"
	@echo "make bench-recipes FEATURES=results/cells/features   compare recipes on a file's held-out cells"
	@echo "make calibrate   the answer on simulated pairs of known dimension, to docs/calibration.md"
	@echo "make clean   remove the environment (results stay)"

run: .venv/ready
	$(BIN)/snakemake --cores all
	@echo
	@echo "The report: results/simulated/report.html"

# A pair of .h5ad files: make check FILE=rna.h5ad PROTEIN=adt.h5ad. Options: CONFIG='batch=donor seeds=3'
check: .venv/ready
	@test -n "$(FILE)" || { echo "make check FILE=path/to/cells.h5mu"; exit 2; }
	@$(BIN)/python -m sharedim.inspection "$(FILE)" $(if $(PROTEIN),"$(PROTEIN)") \
		--schema workflow/schemas/config.schema.yaml --configfile config/config.yaml --config $(CONFIG)

test: lint
	$(BIN)/pytest

# Installs slurm-wlm and munge where they are missing; where it cannot, says so and is content.
slurm-test: .venv/test-ready
	tests/slurm/run.sh

lint: .venv/test-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

bench: .venv/ready
	$(BIN)/python tests/bench/bench_cpu.py --threads 1
	$(BIN)/python tests/bench/bench_cpu.py --threads 2
	$(BIN)/python tests/bench/large_batch.py 65536
	$(BIN)/python tests/bench/many_cells.py 100000 1000000
	$(BIN)/python tests/bench/scoring.py 30672 118000
	$(BIN)/python tests/bench/preprocessing.py 30000 300000

# With the Python of a GPU machine: make bench-gpu PYTHON=python
bench-gpu:
	$(PYTHON) tests/bench/bench_gpu.py

# Features of one or several datasets that a run has preprocessed; the tables of docs/recipes.md.
bench-recipes: .venv/ready
	$(BIN)/python tests/bench/recipes.py $(FEATURES) --ablations --paper

# One file a simulated dataset is kept in results/calibration: a run that is stopped goes on.
calibrate: .venv/ready
	$(BIN)/python tests/bench/calibrate.py
	$(BIN)/python tests/bench/calibration_report.py

format: .venv/test-ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow

clean:
	rm -rf .venv

# The marks are set last, so that an interrupted installation is repeated.
.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --requirement requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/test-ready: .venv/ready requirements-test.lock
	$(BIN)/python -m pip install --disable-pip-version-check --requirement requirements-test.lock
	@touch $@
