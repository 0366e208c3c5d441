"""Downloads from a real server on this machine that answers as badly as servers do."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import socket
import subprocess
import sys
import threading
import time

import pytest
from checkout import copy_of_the_workflow
from flaky_server import (
    CONTENT,
    Server,
    dribbling,
    dropped,
    silent,
    stalled,
    status,
    truncated,
    whole,
    without_length,
)
from places import REPOSITORY

from sharedim.datasets.download import download, verify
from sharedim.errors import InputError, StorageError

SUM = hashlib.sha256(CONTENT).hexdigest()
OTHER = b"another file"
OTHER_SUM = hashlib.sha256(OTHER).hexdigest()
LOCK_LINE = f"{SUM}  x.tar.gz\n"


@pytest.fixture
def server():
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.released.set()
        server.shutdown()


@pytest.fixture(autouse=True)
def direct(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "resources" / "x.tar.gz"


def files(path):
    """Names and contents of all files in the folder."""
    return {file.name: file.read_bytes() for file in path.parent.iterdir()}


def refusal(*args, **options):
    """The sentence that a download is refused with."""
    with pytest.raises(InputError) as refused:
        download(*args, **options)
    sentence = str(refused.value)
    assert "\n" not in sentence
    return sentence


def unreachable(url, path, reason):
    return (
        f"{url}: could not be downloaded ({reason}); download it on a machine with a connection "
        f"and put it at {path}"
    )


@pytest.mark.parametrize("answer", [whole(), without_length])
def test_a_file_is_downloaded(server, path, answer):
    download(server.url(answer), path, sha256=SUM.upper())
    assert files(path) == {"x.tar.gz": CONTENT}
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_what_a_killed_download_left_is_swept_up(server, path):
    path.parent.mkdir()
    # Processes are numbered up to 2**22.
    killed, running = (
        path.with_name(f".{pid}.x.tar.gz.unpacked") for pid in (2**22 + 1, os.getppid())
    )
    for left in (killed, running):
        left.mkdir()
        (left / "tmp0").write_bytes(b"half")
    download(server.url(whole()), path, sha256=SUM)
    assert sorted(path.parent.iterdir()) == [running, path]
    assert (running / "tmp0").exists()


def test_a_download_that_is_killed_leaves_no_file_of_that_name(server, path):
    code = "import sys; from sharedim.datasets.download import download; download(*sys.argv[1:])"
    library = str(REPOSITORY / "workflow/scripts")
    with subprocess.Popen(
        [sys.executable, "-c", code, server.url(stalled), str(path), SUM],
        env=os.environ | {"PYTHONPATH": library},
    ) as child:
        while not list(path.parent.glob(".*.unpacked/*")):
            assert child.poll() is None
            time.sleep(0.01)
        child.kill()
    [left] = path.parent.iterdir()
    assert left.name == f".{child.pid}.x.tar.gz.unpacked"
    download(server.url(whole()), path, sha256=SUM)
    assert files(path) == {"x.tar.gz": CONTENT}


def test_redirects_are_followed(server, path):
    server.url(whole(), path="/there")
    url = server.url(status(302, Location="/there"))
    download(url, path, sha256=SUM)
    assert files(path) == {"x.tar.gz": CONTENT}


def test_a_compressed_file_is_not_unpacked_on_the_way(server, path):
    download(server.url(whole(Content_Encoding="gzip")), path, sha256=SUM)
    assert files(path) == {"x.tar.gz": CONTENT}
    assert server.requests[0].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (truncated, "the file was cut short"),
        (dropped, "the file was cut short"),
        (stalled, "the connection failed"),
        (silent, "the server did not answer in time"),
        (status(503), "the server answered 503 Service Unavailable"),
        (status(429), "the server answered 429 Too Many Requests"),
        (status(500), "the server answered 500 Internal Server Error"),
        (status(404), "the server answered 404 Not Found"),
        (status(403), "the server answered 403 Forbidden"),
        (status(202), "the server answered 202 Accepted"),
        (status(304), "the server answered 304 Not Modified"),
        (status(499), "the server answered 499"),
        (status(302, Location="/x.tar.gz"), "Exceeded 30 redirects"),
        (
            status(302, Location="ftp://127.0.0.1/x"),
            "No connection adapters were found for 'ftp://127.0.0.1/x'",
        ),
        (status(302, Location="http://nowhere.invalid/x"), "the connection failed"),
    ],
)
def test_a_file_that_does_not_come_whole(server, path, monkeypatch, answer, reason):
    monkeypatch.setattr("sharedim.datasets.download.TIMEOUT", 0.3)
    path.parent.mkdir()
    path.write_bytes(b"good")
    url = server.url(answer)
    assert refusal(url, path) == unreachable(url, path, reason)
    assert files(path) == {"x.tar.gz": b"good"}


def test_nothing_remains_of_a_file_that_is_cut_short_and_nothing_is_tried_again(server, path):
    refusal(server.url(truncated), path)
    assert len(server.requests) == 1
    assert files(path) == {}


def test_a_slow_server_may_take_its_time(server, path, monkeypatch):
    monkeypatch.setattr("sharedim.datasets.download.TIMEOUT", 0.6)
    started = time.monotonic()
    download(server.url(dribbling), path, sha256=SUM)
    assert time.monotonic() - started > 0.6
    assert files(path) == {"x.tar.gz": CONTENT}


@pytest.fixture
def nobody():
    """An address of this machine where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    return f"http://127.0.0.1:{port}"


def test_nobody_listens(nobody, path):
    url = f"{nobody}/x.tar.gz"
    assert refusal(url, path) == unreachable(url, path, "the connection failed")
    assert files(path) == {}


def test_a_proxy_that_is_not_there(nobody, path, monkeypatch):
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("http_proxy", nobody)
    url = "http://nowhere.invalid/x.tar.gz"
    sentence = unreachable(url, path, "no connection to the proxy")
    assert refusal(url, path) == sentence


def test_a_host_that_is_not_there(path):
    url = "http://nowhere.invalid/x.tar.gz"
    assert refusal(url, path) == unreachable(url, path, "the connection failed")
    assert files(path) == {}


def test_a_server_without_encryption(server, path):
    url = server.url(whole()).replace("http://", "https://")
    assert refusal(url, path) == unreachable(url, path, "no secure connection")


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "file:///x", "x.tar.gz", ""])
def test_other_addresses_are_refused(path, url):
    assert refusal(url, path) == (f"{url}: is not an address that starts with http:// or https://")
    assert not path.parent.exists()


def test_an_address_without_a_host(path):
    url = "http:///x.tar.gz"
    reason = "Invalid URL 'http:///x.tar.gz': No host supplied"
    assert refusal(url, path) == unreachable(url, path, reason)


def wrong_sum(url, remedy):
    """The sentence about OTHER in place of CONTENT, whose checksums are pooch's to tell."""
    return (
        f"{url}: SHA256 hash of downloaded file (x.tar.gz) does not match the known hash: expected "
        f"{SUM} but got {OTHER_SUM}; {remedy}"
    )


def test_a_wrong_checksum_keeps_the_good_file(server, path):
    path.parent.mkdir()
    path.write_bytes(b"good")
    url = server.url(whole(OTHER))
    assert refusal(url, path, sha256=SUM) == wrong_sum(
        url,
        f"put the expected file at {path}, or correct the expected sha256 if the new file is meant",
    )
    assert files(path) == {"x.tar.gz": b"good"}


def test_an_unknown_checksum_is_recorded_at_the_first_download(server, path):
    download(server.url(whole()), path)
    assert files(path) == {"x.tar.gz": CONTENT, "x.tar.gz.sha256": LOCK_LINE.encode()}

    path.unlink()
    download(server.url(whole()), path)
    assert files(path) == {"x.tar.gz": CONTENT, "x.tar.gz.sha256": LOCK_LINE.encode()}


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum here")
def test_sha256sum_reads_the_record(server, path):
    download(server.url(whole()), path)
    check = [shutil.which("sha256sum"), "--strict", "--check", "x.tar.gz.sha256"]
    checked = subprocess.run(check, cwd=path.parent, check=True, capture_output=True, text=True)
    assert checked.stdout == "x.tar.gz: OK\n"


def test_a_file_that_changed_since_the_record_is_refused(server, path):
    lock = path.with_name("x.tar.gz.sha256")
    lock.parent.mkdir()
    lock.write_text(LOCK_LINE)
    url = server.url(whole(OTHER))
    assert refusal(url, path) == wrong_sum(
        url, f"delete {lock} to accept the new file, or put the earlier one at {path}"
    )
    assert files(path) == {lock.name: LOCK_LINE.encode()}

    download(url, path, sha256=OTHER_SUM)
    assert files(path) == {"x.tar.gz": OTHER, lock.name: LOCK_LINE.encode()}

    lock.unlink()
    download(url, path)
    assert files(path) == {"x.tar.gz": OTHER, lock.name: f"{OTHER_SUM}  x.tar.gz\n".encode()}


@pytest.mark.parametrize("content", ["", "x.tar.gz", SUM[:-1]])
def test_a_record_that_is_none_is_refused_before_anything_is_fetched(server, path, content):
    lock = path.with_name("x.tar.gz.sha256")
    lock.parent.mkdir()
    lock.write_text(content)
    assert refusal(server.url(whole()), path) == (
        f"{lock}: does not start with a checksum as sha256sum writes it; delete it to have it "
        "written anew"
    )
    assert server.requests == []
    assert files(path) == {lock.name: content.encode()}


def test_a_file_put_by_hand_is_verified(tmp_path):
    path, lock = tmp_path / "x.tar.gz", tmp_path / "x.tar.gz.sha256"
    path.write_bytes(CONTENT)
    verify(path, SUM)
    assert files(path) == {"x.tar.gz": CONTENT}
    verify(path)
    assert files(path) == {"x.tar.gz": CONTENT, lock.name: LOCK_LINE.encode()}
    verify(path)

    path.write_bytes(OTHER)
    with pytest.raises(InputError) as wrong:
        verify(path)
    assert str(wrong.value) == (
        f"{path}: the file's sha256 is {OTHER_SUM}, but {SUM} is expected; delete {lock} to accept "
        f"the new file, or put the earlier one at {path}"
    )
    with pytest.raises(InputError) as wrong:
        verify(path, SUM)
    assert str(wrong.value) == (
        f"{path}: the file's sha256 is {OTHER_SUM}, but {SUM} is expected; put the expected file "
        f"at {path}, or correct the expected sha256 if the new file is meant"
    )
    assert files(path) == {"x.tar.gz": OTHER, lock.name: LOCK_LINE.encode()}


def test_a_file_that_is_not_there_cannot_be_verified(tmp_path):
    path = tmp_path / "x.tar.gz"
    with pytest.raises(InputError) as missing:
        verify(path)
    assert str(missing.value) == (
        f"{path}: cannot be read (No such file or directory); put the file there"
    )
    assert files(path) == {}


def test_a_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "resources").write_text("a file")
    with pytest.raises(StorageError, match="cannot be written"):
        download(server.url(whole()), tmp_path / "resources" / "x.tar.gz")
    assert server.requests == []


def test_a_disk_that_fills_up(server, path):
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    url = server.url(whole(bytes(20_000_000)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000_000, limits[1]))
    try:
        with pytest.raises(StorageError, match=r"cannot be written \(File too large\)"):
            download(url, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(server.requests) == 1
    assert files(path) == {}


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("answer", [whole(), without_length])
def test_a_terminal_shows_a_bar(server, path, monkeypatch, answer):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    download(server.url(answer), path, sha256=SUM)
    assert "B/s]" in terminal.getvalue()


def test_a_log_shows_the_address_alone(server, path, caplog, capfd):
    url = server.url(whole())
    with caplog.at_level("INFO"):
        download(url, path, sha256=SUM)
    assert f"downloading {url}" in caplog.messages
    assert capfd.readouterr().err == ""


@pytest.fixture
def run_download(tmp_path):
    """Run the rule in a copy of the workflow whose catalogue has an address on this machine."""
    checkout = copy_of_the_workflow(tmp_path / "a checkout")

    def run_download(url, *arguments):
        with (checkout.path / "workflow/scripts/sharedim/datasets/catalogue.py").open(
            "a"
        ) as catalogue:
            catalogue.write(f'BUILT_IN["pbmc10k"] = BuiltIn("{url}", "x.tar.gz", "a test", 1)\n')
        return checkout.snakemake(
            "--cores", "1", "--directory", str(tmp_path), "-s", str(checkout.path / "Snakefile"),
            "--config", "dataset=pbmc10k", "--until", "download_cells",
            *arguments,
        )  # fmt: skip

    return run_download


def test_snakemake_repeats_a_download(server, path, run_download):
    done = run_download(server.url(truncated, status(503), whole()))
    assert done.code == 0, done.text
    assert done.text.count("Trying to restart job") == 2
    assert files(path) == {"x.tar.gz": CONTENT, "x.tar.gz.sha256": LOCK_LINE.encode()}


def test_snakemake_gives_a_download_up(server, path, run_download, tmp_path):
    url = server.url(status(503))
    done = run_download(url)
    assert done.code != 0
    assert len(server.requests) == 4
    assert "Traceback" not in done.text
    sentences = [line for line in done.text.splitlines() if "] error: " in line]
    assert sentences == 4 * [
        "[download x.tar.gz] error: "
        + unreachable(url, "resources/x.tar.gz", "the server answered 503 Service Unavailable")
    ]
    log = (tmp_path / "logs/download_cells/x.tar.gz.log").read_text()
    assert sentences[-1].partition("] ")[2] in log
    assert not path.exists()


def test_snakemake_keeps_a_file_put_there_by_hand_that_is_the_wrong_one(path, run_download):
    path.parent.mkdir()
    path.write_bytes(OTHER)
    lock = path.with_name("x.tar.gz.sha256")
    lock.write_text(LOCK_LINE)
    done = run_download("http://127.0.0.1:9/x.tar.gz", "--forcerun", "download_cells")
    assert done.code != 0
    assert "delete resources/x.tar.gz.sha256 to accept the new file" in done.text
    assert files(path) == {"x.tar.gz": OTHER, lock.name: LOCK_LINE.encode()}
