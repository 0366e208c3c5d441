"""Nothing half-written bears a final name, and what a job says reaches the right reader."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import warnings
from unittest.mock import patch

import pandas as pd
import pytest

from sharedim.errors import InputError
from sharedim.jobs.files import folder_beside, megabytes, replacing, write_json
from sharedim.jobs.job_log import counted, job
from sharedim.jobs.tables import concatenate, read_labels, read_table, write_table


def test_the_last_good_file_survives_a_failure(tmp_path):
    path = tmp_path / "sub" / "table.tsv"
    with replacing(path) as temporary:
        temporary.write_text("good")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "good"
    assert list(path.parent.iterdir()) == [path]


def test_what_a_killed_process_had_begun_is_removed_and_what_a_living_one_writes_stays(tmp_path):
    path = tmp_path / "table [1].tsv"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    killed, living = (path.with_name(f".{pid}.{path.name}") for pid in (ended.pid, os.getppid()))
    folder = path.with_name(f".{ended.pid}.{path.name}.unpacked")
    other = path.with_name(f".{ended.pid}.other {path.name}")
    for file in (killed, living, other):
        file.write_text("half")
    folder.mkdir()
    (folder / "part").write_text("half")
    with replacing(path) as temporary:
        temporary.write_text("good")
    with folder_beside(path) as beside:
        (beside / "part").write_text("unpacked")
    assert sorted(tmp_path.iterdir()) == sorted([path, living, other])


def test_equal_packed_tables_are_equal_files(tmp_path):
    table = pd.DataFrame({"cell": ["1", "2"], "type": ["T", None]})
    first, second = tmp_path / "first.tsv.gz", tmp_path / "second.tsv.gz"
    write_table(first, table)
    with patch("time.time", return_value=0):
        write_table(second, table)
    assert first.read_bytes() == second.read_bytes()
    pd.testing.assert_frame_equal(read_table(first).astype(str), read_table(second).astype(str))
    assert read_table(first)["type"].tolist()[0] == "T"


def test_json_is_readable(tmp_path):
    write_json(tmp_path / "a.json", {"word": "Zürich", "value": None})
    assert (tmp_path / "a.json").read_text(
        "utf-8"
    ) == '{\n  "word": "Zürich",\n  "value": null\n}\n'


def test_sizes_of_files_are_added(tmp_path):
    for name, size in (("a", 1_500_000), ("b", 500_000)):
        (tmp_path / name).write_bytes(bytes(size))
    assert megabytes(tmp_path / "a") == 1.5
    assert megabytes([tmp_path / "a", str(tmp_path / "b")]) == 2
    assert megabytes(str(tmp_path)) == 2
    assert megabytes(tmp_path / "absent") == 0


def test_tables_keep_types_called_na(tmp_path):
    table = pd.DataFrame({"cell": ["1", "2", "3"], "type": ["NA", "null", None]})
    write_table(tmp_path / "cells.tsv.gz", table)
    assert read_labels(tmp_path / "cells.tsv.gz", ["type"])["type"].tolist()[:2] == ["NA", "null"]
    assert read_labels(tmp_path / "cells.tsv.gz", ["type"])["type"].isna().tolist() == [
        False,
        False,
        True,
    ]


def test_tables_are_stacked_with_the_name_of_the_dataset(tmp_path):
    for name in "ab":
        write_table(tmp_path / f"{name}.tsv", pd.DataFrame({"recipe": [name], "value": [0.125]}))
    stacked = concatenate([tmp_path / "a.tsv", tmp_path / "b.tsv"], "cells", ["recipe", "value"])
    assert stacked.to_dict("records") == [
        {"dataset": "cells", "recipe": "a", "value": 0.125},
        {"dataset": "cells", "recipe": "b", "value": 0.125},
    ]
    empty = concatenate([], "cells", ["recipe", "value"])
    assert list(empty) == ["dataset", "recipe", "value"]
    write_table(tmp_path / "empty.tsv", empty)
    assert len(read_table(tmp_path / "empty.tsv")) == 0


@pytest.fixture
def restored_logging():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logging.captureWarnings(False)
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
    root.handlers, root.level = handlers, level


@pytest.mark.usefixtures("restored_logging")
def test_an_unusable_input_ends_a_job_with_its_sentence(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped, job(tmp_path / "log", "check cells"):
        raise InputError("cells.h5mu: no such file")
    assert stopped.value.code == 1
    assert capsys.readouterr().err.splitlines() == [
        "[check cells] error: cells.h5mu: no such file",
        "[check cells] what to do next: put this right, then give the same command again; what is "
        "finished is kept",
    ]
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.mark.usefixtures("restored_logging")
def test_another_error_leaves_its_traceback_in_the_log(tmp_path, capsys):
    with pytest.raises(SystemExit), job(tmp_path / "log", "train"):
        raise ZeroDivisionError("by zero")
    line, after = capsys.readouterr().err.splitlines()
    assert (
        line == f"[train] error: ZeroDivisionError: by zero; the traceback is in {tmp_path / 'log'}"
    )
    assert after.startswith("[train] what to do next: give the same command again")
    log = (tmp_path / "log").read_text()
    assert "Traceback" in log
    # The last word, on the terminal and in the log, once.
    assert log.splitlines()[-1].endswith(after.removeprefix("[train] "))
    assert log.count("what to do next") == 1


@pytest.mark.usefixtures("restored_logging")
def test_what_cannot_be_written_says_what_to_do_once(tmp_path, capsys):
    (tmp_path / "results").write_text("a file where a folder should be")
    with pytest.raises(SystemExit), job(tmp_path / "log", "train"):
        write_json(tmp_path / "results" / "a.json", {})
    [line] = capsys.readouterr().err.splitlines()
    assert "see to the space and the permissions there and run again" in line


@pytest.mark.usefixtures("restored_logging")
def test_warnings_of_dependencies_go_to_the_log_alone(tmp_path, capsys):
    with job(tmp_path / "log", "score") as logger:
        logger.info("d = 4")
        warnings.warn("deprecated", FutureWarning, stacklevel=1)
    assert "deprecated" not in capsys.readouterr().err
    assert "deprecated" in (tmp_path / "log").read_text()
    assert "d = 4" in (tmp_path / "log").read_text()


def test_a_count_agrees_with_its_noun():
    assert counted(1, "model") == "1 model"
    assert counted(2000, "cell") == "2,000 cells"
