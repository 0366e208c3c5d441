"""Downloads from a real server on this machine that answers as badly as servers do."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
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

from sharedim.download import download, verify
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


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """The waits between attempts, which take no time."""
    waits = []
    clock = SimpleNamespace(sleep=waits.append, monotonic=time.monotonic)
    monkeypatch.setattr("sharedim.download.time", clock)
    return waits


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


def refused(url, path, reason):
    return (
        f"{url}: could not be downloaded ({reason}); see whether the address is right, or get the "
        f"file another way and put it at {path}"
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
    killed, running = (path.with_name(f".{pid}.x.tar.gz") for pid in (2**22 + 1, os.getppid()))
    for left in (killed, running):
        left.write_bytes(b"half")
    download(server.url(whole()), path, sha256=SUM)
    assert files(path) == {"x.tar.gz": CONTENT, running.name: b"half"}


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
    ("bad", "reason"),
    [
        (truncated, "the file was cut short: 1,000 of 2,000 bytes"),
        (dropped, "the connection broke off"),
        (status(503), "the server answered 503 Service Unavailable"),
        (status(429), "the server answered 429 Too Many Requests"),
        (stalled, "the server stopped sending for 0.3 s"),
        (silent, "127.0.0.1 did not answer within 0.3 s"),
    ],
)
def test_what_may_pass_is_tried_again(server, path, waits, caplog, bad, reason):
    url = server.url(bad, bad, whole())
    with caplog.at_level("INFO", logger="sharedim"):
        download(url, path, sha256=SUM, timeout=0.3)
    assert files(path) == {"x.tar.gz": CONTENT}
    assert len(server.requests) == 3
    assert waits == [2, 4]
    lines = [record.getMessage() for record in caplog.records]
    assert [line for line in lines if "trying" in line] == [
        f"{url}: {reason}; trying again in 2 s",
        f"{url}: {reason}; trying again in 4 s",
    ]
    assert lines[-1] == f"downloading {url} (1.0 MB)"

    server.requests.clear()
    url = server.url(bad)
    assert refusal(url, path, sha256=SUM, attempts=2, timeout=0.3) == unreachable(url, path, reason)
    assert len(server.requests) == 2
    assert files(path) == {"x.tar.gz": CONTENT}


def test_nothing_remains_of_a_file_that_is_always_cut_short(server, path, waits):
    refusal(server.url(truncated), path, attempts=8)
    assert len(server.requests) == 8
    assert waits == [2, 4, 8, 16, 32, 60, 60]
    assert files(path) == {}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (status(404), "the server answered 404 Not Found"),
        (status(403), "the server answered 403 Forbidden"),
        (status(410), "the server answered 410 Gone"),
        (status(202), "the server answered 202 Accepted"),
        (status(304), "the server answered 304 Not Modified"),
        (status(499), "the server answered 499"),
        (
            status(302, Location="ftp://127.0.0.1/x"),
            "the server redirects to an address that is not http:// or https://",
        ),
    ],
)
def test_what_cannot_pass_is_not_tried_again(server, path, waits, answer, reason):
    url = server.url(answer)
    assert refusal(url, path) == refused(url, path, reason)
    assert len(server.requests) == 1
    assert waits == []
    assert files(path) == {}


def test_redirects_have_an_end(server, path, waits):
    url = server.url(status(302, Location="/x.tar.gz"))
    assert refusal(url, path) == refused(url, path, "the server redirects without end")
    assert waits == []


def test_a_slow_server_may_take_its_time(server, path):
    started = time.monotonic()
    download(server.url(dribbling), path, sha256=SUM, timeout=0.6, attempts=1)
    assert time.monotonic() - started > 0.6
    assert files(path) == {"x.tar.gz": CONTENT}


@pytest.fixture
def nobody():
    """An address of this machine where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    return f"http://127.0.0.1:{port}"


def test_nobody_listens(nobody, path, waits):
    url = f"{nobody}/x.tar.gz"
    assert refusal(url, path) == unreachable(url, path, "no connection to 127.0.0.1")
    assert waits == [2, 4, 8, 16]
    assert files(path) == {}


def test_a_proxy_that_is_not_there(nobody, path, monkeypatch):
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("http_proxy", nobody)
    url = "http://nowhere.invalid/x.tar.gz"
    sentence = unreachable(url, path, "no connection to the proxy")
    assert refusal(url, path, attempts=2) == sentence


def test_a_host_that_is_not_there(path, waits):
    url = "http://nowhere.invalid/x.tar.gz"
    reason = "the host nowhere.invalid was not found"
    assert refusal(url, path, attempts=2) == unreachable(url, path, reason)
    assert waits == [2]
    assert files(path) == {}


def test_a_redirect_to_a_host_that_is_not_there_names_that_host(server, path):
    url = server.url(status(302, Location="http://nowhere.invalid/x"))
    reason = "the host nowhere.invalid was not found"
    assert refusal(url, path, attempts=1) == unreachable(url, path, reason)


def test_a_server_without_encryption(server, path):
    url = server.url(whole()).replace("http://", "https://")
    reason = "no secure connection to 127.0.0.1"
    assert refusal(url, path, attempts=2) == unreachable(url, path, reason)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "file:///x", "x.tar.gz", ""])
def test_other_addresses_are_refused(path, url):
    assert refusal(url, path) == (f"{url}: is not an address that starts with http:// or https://")
    assert not path.parent.exists()


def test_an_address_without_a_host(path):
    url = "http:///x.tar.gz"
    assert refusal(url, path) == refused(url, path, "the address cannot be used")


def test_a_wrong_checksum_is_tried_once_more_and_reported(server, path, waits, caplog):
    path.parent.mkdir()
    path.write_bytes(b"good")
    url = server.url(whole(OTHER))
    with caplog.at_level("INFO", logger="sharedim"):
        sentence = refusal(url, path, sha256=SUM)
    assert sentence == (
        f"{url}: the file's sha256 is {OTHER_SUM}, but {SUM} is expected; put the expected file "
        f"at {path}, or correct the expected sha256 if the new file is meant"
    )
    assert files(path) == {"x.tar.gz": b"good"}
    assert len(server.requests) == 2
    assert waits == [2]
    again = f"{url}: sha256 {OTHER_SUM} came, {SUM} is expected; trying again in 2 s"
    assert again in caplog.messages


def test_damage_on_the_way_is_mended(server, path, waits):
    download(server.url(whole(OTHER), whole(OTHER[::-1]), whole()), path, sha256=SUM)
    assert files(path) == {"x.tar.gz": CONTENT}
    assert waits == [2, 4]


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
    assert refusal(url, path) == (
        f"{url}: the file's sha256 is {OTHER_SUM}, but {lock} has {SUM} of an earlier one; delete "
        f"{lock} to accept the new file, or put the earlier one at {path}"
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
        f"{path}: the file's sha256 is {OTHER_SUM}, but {lock} has {SUM} of an earlier one; delete "
        f"{lock} to accept the new file, or put the earlier one at {path}"
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


def slowly(monkeypatch, waits):
    """A clock by which 12 s go by between any two looks at it."""
    ticks = iter(range(0, 100_000, 12))
    clock = SimpleNamespace(sleep=waits.append, monotonic=lambda: next(ticks))
    monkeypatch.setattr("sharedim.download.time", clock)


def test_a_log_gets_a_line_now_and_then(server, path, waits, monkeypatch, caplog, capsys):
    slowly(monkeypatch, waits)
    url = server.url(whole())
    with caplog.at_level("INFO", logger="sharedim"):
        download(url, path, sha256=SUM)
    assert caplog.messages == [
        f"downloading {url} (1.0 MB)",
        "x.tar.gz: 38% of 1.0 MB, 0.0 MB/s",
        "x.tar.gz: 77% of 1.0 MB, 0.0 MB/s",
        "x.tar.gz: 100% of 1.0 MB, 0.0 MB/s",
    ]
    assert capsys.readouterr().err == ""


def test_a_log_gets_lines_where_the_size_is_unknown(server, path, waits, monkeypatch, caplog):
    slowly(monkeypatch, waits)
    url = server.url(without_length)
    with caplog.at_level("INFO", logger="sharedim"):
        download(url, path, sha256=SUM)
    assert caplog.messages[:2] == [
        f"downloading {url} (of unknown size)",
        "x.tar.gz: 0.4 MB, 0.0 MB/s",
    ]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def at_a_terminal(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr("sharedim.download.SECONDS_BETWEEN_DRAWINGS", 0)
    return terminal


def test_a_terminal_shows_a_bar(server, path, monkeypatch):
    terminal = at_a_terminal(monkeypatch)
    download(server.url(truncated, whole()), path, sha256=SUM)
    assert re.search(
        r"x.tar.gz 100 %\|.*\| 1.02MB of 1.02MB, .*B/s, 00:00 left", terminal.getvalue()
    )


def test_a_terminal_shows_what_came_where_the_size_is_unknown(server, path, monkeypatch):
    terminal = at_a_terminal(monkeypatch)
    download(server.url(without_length), path, sha256=SUM)
    assert re.search(r"x.tar.gz 918kB, .*B/s, \d\d:\d\d gone", terminal.getvalue())
