from __future__ import annotations

import hashlib
import platform

import pandas as pd
import torch

import sharedim
from sharedim.jobs import provenance
from sharedim.jobs.checkpoints import ModelBlock, read_making, write_block
from sharedim.jobs.provenance import code_fingerprint, of_dataset, of_job, summary

HEADER = {"recipe": {"name": "tuned", "steps": 5}, "dim": 3, "seeds": [0, 1], "data": "f00"}


def record(tmp_path):
    cells = tmp_path / "cells.h5mu"
    cells.write_bytes(b"counts")
    blocks = [
        (HEADER | {"dim": dim}, of_job("CPU, 1 thread", seconds, "abc"))
        for dim, seconds in ((3, 60.04), (4, 30))
    ]
    return of_dataset({"dims": [3, 4]}, [str(cells)], blocks)


def test_everything_a_result_depends_on_is_named(tmp_path):
    told = record(tmp_path)
    assert told["configuration"] == {"dims": [3, 4]}
    digest = hashlib.sha256(b"counts").hexdigest()
    assert told["input"] == [{"file": str(tmp_path / "cells.h5mu"), "bytes": 6, "sha256": digest}]
    versions = told["program"]["versions"]
    assert versions["sharedim"] == told["program"]["version"] == sharedim.__version__
    assert versions["pandas"] == pd.__version__
    assert versions["Python"] == platform.python_version()
    first = told["models"][0]
    assert (first["recipe"], first["dim"], first["seeds"], first["data"]) == (
        "tuned",
        3,
        [0, 1],
        "f00",
    )
    assert (first["device"], first["seconds"], first["engine"]) == ("CPU, 1 thread", 60.0, "abc")
    # A build may name itself here and not there: 2.13.0+cpu.
    release = first["versions"]["torch"].split("+")[0]
    assert release == torch.__version__.split("+")[0]


def test_a_report_sums_the_blocks_of_a_recipe_up(tmp_path):
    rows = dict(summary(record(tmp_path)))
    assert "6 bytes" in rows["input"]
    assert rows["models of tuned"] == "seeds 0 to 1, 1.5 min in all, on CPU, 1 thread"


def test_code_is_told_by_its_content(tmp_path):
    (tmp_path / "losses.py").write_text("a = 1\n")
    before = code_fingerprint(tmp_path)
    (tmp_path / "losses.py").touch()
    assert code_fingerprint(tmp_path) == before
    (tmp_path / "losses.py").write_text("a = 2\n")
    assert code_fingerprint(tmp_path) != before


def test_models_say_how_they_were_made(tmp_path):
    making = of_job("NVIDIA H200", 1.26, "abc")
    write_block(tmp_path / "block.safetensors", ModelBlock({}, HEADER), making)
    assert read_making(tmp_path / "block.safetensors") == (HEADER, making)
    assert making["seconds"] == 1.3
    assert of_job("CPU", 0.0432, "abc")["seconds"] == 0.043


def test_seeds_of_another_release_of_pytorch_are_not_reused(monkeypatch):
    releases = {"torch": "2.13.0+cpu", "numpy": "2.4.6"}
    monkeypatch.setattr(provenance, "version", releases.get)
    key = provenance.engine_key("abc")
    releases["torch"] = "2.13.0+cu130"
    assert provenance.engine_key("abc") == key
    for name, release in (("torch", "2.14.0"), ("numpy", "2.5.0")):
        with monkeypatch.context() as changed:
            changed.setitem(releases, name, release)
            assert provenance.engine_key("abc") != key
    assert provenance.engine_key("abd") != key
