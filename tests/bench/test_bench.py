"""The benchmarks run; what they measure is for a quiet machine to say."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from places import REPOSITORY

BENCH = REPOSITORY / "tests" / "bench"
# As on a machine where nothing but torch, what torch needs, and numpy is installed.
BARE = """
import runpy, sys

ABSENT = {"anndata", "jinja2", "matplotlib", "mudata", "muon", "pandas", "psutil", "safetensors",
          "scanpy", "scipy", "seaborn", "sklearn", "skdim", "snakemake", "tqdm", "yaml"}

sys.modules.update(dict.fromkeys(ABSENT))
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_the_gpu_benchmark_needs_torch_and_numpy_alone():
    small = ["--steps", "2", "--models", "2", "--dims", "1", "4", "--epochs", "1"]
    done = subprocess.run(
        [sys.executable, "-c", BARE, str(BENCH / "bench_gpu.py"), *small],
        env={**os.environ, "PYTHONPATH": "", "SHAREDIM_DEVICE": "cpu"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "one whole dimension: d = 4, 2 models, 1 epochs" in done.stdout
    assert "TF32" in done.stdout


def test_the_benchmark_of_preprocessing_says_time_and_memory():
    done = subprocess.run(
        [sys.executable, str(BENCH / "preprocessing.py"), "600", "--genes", "3000"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "workflow/scripts")},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    share = re.match(r"600 cells x 3,000 genes, ([0-9.]+)% not zero", done.stdout)[1]
    assert float(share) == pytest.approx(7, abs=1)
    assert "200 components" in done.stdout


def test_the_cpu_benchmark_gives_ratios():
    done = subprocess.run(
        [sys.executable, str(BENCH / "bench_cpu.py"), "--rounds", "1", "--models", "2"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "workflow/scripts")},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("times as fast") == 3
