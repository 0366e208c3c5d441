"""Fetching a large file over the network: whole and with the right checksum, or not at all."""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import responses
from pathlib import Path
from ssl import SSLCertVerificationError
from urllib.parse import urlsplit

import requests
from pooch import HTTPDownloader, file_hash
from requests.exceptions import ChunkedEncodingError, InvalidSchema, RequestException
from tqdm import tqdm
from urllib3 import exceptions as urllib3_errors

from sharedim import __version__
from sharedim.errors import InputError
from sharedim.files import replacing
from sharedim.log import PROGRESS
from sharedim.progress import SECONDS_BETWEEN_DRAWINGS, SECONDS_BETWEEN_LINES

logger = logging.getLogger(__name__)
# Its lines keep off a terminal, where a bar says the same.
shares = logging.getLogger(PROGRESS)

FIRST_WAIT = 2.0
LONGEST_WAIT = 60.0
CHUNK = 2**17
BAR = "{desc} {percentage:3.0f} %|{bar}| {n_fmt}B of {total_fmt}B, {rate_fmt}, {remaining} left"
BAR_WITHOUT_TOTAL = "{desc} {n_fmt}B, {rate_fmt}, {elapsed} gone"
SUM = re.compile(r"[0-9a-fA-F]{64}")

HEADERS = {"Accept-Encoding": "identity", "User-Agent": f"sharedim/{__version__}"}
# The server is asked too often, is busy, or is ill: it may answer otherwise in a while.
PASSING_STATUSES = frozenset({408, 425, 429, *range(500, 600)})


def download(
    url: str,
    path: str | Path,
    *,
    sha256: str | None = None,
    attempts: int = 5,
    timeout: float = 30.0,
) -> None:
    """Download a file; only the whole and verified file ever bears its name.

    What may pass (no connection, a busy server, a body cut short) is tried again after 2 s, 4 s,
    8 s and so on up to 60 s. So is a wrong checksum, until the same wrong one has come twice: then
    it is not damage on the way. Without a known checksum the first download records its own in
    ``<name>.sha256`` beside the file, and every later one is held to that.

    Parameters
    ----------
    url : str
        An ``http://`` or ``https://`` address. Redirects are followed.
    path : path-like
        The final name; a file of this name is replaced. Missing parent folders are made.
    sha256 : str, optional
        The known checksum, 64 hexadecimal digits. It goes before a recorded one.
    attempts : int
        How often to try, at least once.
    timeout : float
        Seconds without a connection, or without a byte, after which an attempt is given up.

    Raises
    ------
    InputError
        If the file cannot be had or its checksum is wrong. Whatever was at ``path`` stays.
    StorageError
        If the file cannot be written.
    """
    path = Path(path)
    if urlsplit(url).scheme not in {"http", "https"}:
        raise InputError(f"{url}: is not an address that starts with http:// or https://")
    known = _known_sum(path, sha256)
    waits = [min(FIRST_WAIT * 2**n, LONGEST_WAIT) for n in range(attempts - 1)]
    with replacing(path) as temporary:
        try:
            found = _fetch(url, temporary, known, waits, timeout)
        except _AttemptError as error:
            raise InputError(_not_to_be_had(url, path, error)) from error
        _compare(url, path, found, sha256)
    if known is None:
        _record(path, found)


def verify(path: str | Path, sha256: str | None = None) -> None:
    """Check the checksum of a file that is there, however it came there.

    Parameters
    ----------
    path : path-like
        The file.
    sha256 : str, optional
        The known checksum, 64 hexadecimal digits. Without it, the one that ``<name>.sha256``
        beside the file has; without that either, the file's own is recorded there.

    Raises
    ------
    InputError
        If the checksum is wrong or the file cannot be read.
    StorageError
        If the checksum cannot be recorded.
    """
    path = Path(path)
    try:
        found = file_hash(str(path))
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); put the file there"
        ) from error
    _compare(path, path, found, sha256)
    if _known_sum(path, sha256) is None:
        _record(path, found)


def lock_of(path: Path) -> Path:
    """Return the file that records the checksum of a download."""
    return path.with_name(f"{path.name}.sha256")


def _known_sum(path: Path, sha256: str | None) -> str | None:
    """Return the checksum that a file must have, if there is one to go by."""
    if sha256 is not None:
        return sha256.lower()
    if not lock_of(path).exists():
        return None
    words = lock_of(path).read_text("utf-8", errors="replace").split()
    if not words or not SUM.fullmatch(words[0]):
        raise InputError(
            f"{lock_of(path)}: does not start with a checksum as sha256sum writes it; delete it to "
            "have it written anew"
        )
    return words[0].lower()


def _compare(what: str | Path, path: Path, found: str, sha256: str | None) -> None:
    known = _known_sum(path, sha256)
    if known in (None, found):
        return
    if sha256 is None:
        raise InputError(
            f"{what}: the file's sha256 is {found}, but {lock_of(path)} has {known} of an earlier "
            f"one; delete {lock_of(path)} to accept the new file, or put the earlier one at {path}"
        )
    raise InputError(
        f"{what}: the file's sha256 is {found}, but {known} is expected; put the expected file at "
        f"{path}, or correct the expected sha256 if the new file is meant"
    )


def _record(path: Path, found: str) -> None:
    with replacing(lock_of(path)) as temporary:
        temporary.write_text(f"{found}  {path.name}\n", "utf-8")
    logger.info("%s: sha256 %s is recorded in %s", path, found, lock_of(path).name)


class _AttemptError(Exception):
    """Why an attempt failed, in a few words, and whether another may succeed."""

    def __init__(self, reason: str, *, passing: bool) -> None:
        super().__init__(reason)
        self.passing = passing


# pooch's own retries wait 10 s in all, say nothing of the reason, repeat a 404 as often as a lost
# connection, and fetch a file with a wrong checksum every time.
def _fetch(url: str, target: Path, known: str | None, waits: list[float], timeout: float) -> str:
    """Download with an attempt after each wait; return the checksum of what came."""
    wrong = None
    for wait in [*waits, None]:
        try:
            _transfer(url, target, timeout)
        except _AttemptError as error:
            if wait is None or not error.passing:
                raise
            reason = str(error)
        else:
            found = file_hash(str(target))
            if known in (None, found) or found == wrong or wait is None:
                return found
            wrong = found
            reason = f"sha256 {found} came, {known} is expected"
        logger.info("%s: %s; trying again in %g s", url, reason, wait)
        time.sleep(wait)


def _not_to_be_had(url: str, path: Path, error: _AttemptError) -> str:
    remedy = (
        "download it on a machine with a connection and put it at"
        if error.passing
        else "see whether the address is right, or get the file another way and put it at"
    )
    return f"{url}: could not be downloaded ({error}); {remedy} {path}"


def _transfer(url: str, target: Path, timeout: float) -> None:
    with closing(_Arrival(url)) as arrival:
        downloader = HTTPDownloader(
            progressbar=arrival,
            chunk_size=CHUNK,
            timeout=timeout,
            headers=HEADERS,
            hooks={"response": _admit},
        )
        try:
            downloader(url, str(target), None)
        except RequestException as error:
            raise _attempt_error(error, url, timeout) from error


def _admit(response: requests.Response, **_: object) -> None:
    """Let only the file itself through, as it is on the server.

    pooch would take any answer below 400 for the file, such as an empty 202. And some servers call
    a .gz file "Content-Encoding: gzip", whereupon requests would unpack it.
    """
    response.raw.headers.pop("Content-Encoding", None)
    status = response.status_code
    if status != requests.codes.ok and not response.is_redirect:
        response.close()
        raise _AttemptError(
            f"the server answered {status} {responses.get(status, '')}".rstrip(),
            passing=status in PASSING_STATUSES,
        )


def _attempt_error(error: RequestException, url: str, timeout: float) -> _AttemptError:
    causes = list(_causes(error))

    def caused_by(kind: type[Exception]) -> Exception | None:
        return next((cause for cause in causes if isinstance(cause, kind)), None)

    # A redirect may have led to another host.
    host = urlsplit(getattr(error.request, "url", url)).hostname
    reasons = {
        urllib3_errors.ProxyError: "no connection to the proxy",
        urllib3_errors.NameResolutionError: f"the host {host} was not found",
        urllib3_errors.NewConnectionError: f"no connection to {host}",
        requests.Timeout: f"{host} did not answer within {timeout:g} s",
        urllib3_errors.ReadTimeoutError: f"the server stopped sending for {timeout:g} s",
        SSLCertVerificationError: f"the certificate of {host} cannot be verified",
        urllib3_errors.SSLError: f"no secure connection to {host}",
        requests.TooManyRedirects: "the server redirects without end",
        InvalidSchema: "the server redirects to an address that is not http:// or https://",
        urllib3_errors.ProtocolError: "the connection broke off",
    }
    reason = next((reason for kind, reason in reasons.items() if caused_by(kind)), None)
    if cut := caused_by(urllib3_errors.IncompleteRead):
        reason = f"the file was cut short: {cut.partial:,} of {cut.partial + cut.expected:,} bytes"
    may_pass = isinstance(error, (requests.ConnectionError, requests.Timeout, ChunkedEncodingError))
    return _AttemptError(
        reason or "the address cannot be used",
        passing=may_pass and not caused_by(SSLCertVerificationError),
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and all that it stems from: requests and urllib3 wrap them several deep."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


class _Arrival:
    """Shows what has arrived: a bar on a terminal, plain lines in a log.

    Attributes
    ----------
    total : int
        Bytes in all, which pooch sets before anything arrives; 0 if the server does not tell.
    """

    def __init__(self, url: str) -> None:
        self.url, self.name = url, Path(urlsplit(url).path).name
        self.total = self.done = 0
        self.started = self.last_line = time.monotonic()
        self.bar = None

    def update(self, size: int) -> None:
        """Add bytes, up to the total: pooch adds a whole chunk even for the last, shorter one."""
        if self.bar is None:
            self._begin()
        self.done += size
        if self.total:
            self.done = min(self.done, self.total)
        self.bar.update(self.done - self.bar.n)
        now = time.monotonic()
        if now - self.last_line >= SECONDS_BETWEEN_LINES:
            self.last_line = now
            share = f"{self.done / self.total:.0%} of " if self.total else ""
            speed = self.done / 1e6 / (now - self.started)
            size = _megabytes(self.total or self.done)
            shares.info("%s: %s%s, %.1f MB/s", self.name, share, size, speed)

    def reset(self) -> None:
        """Do nothing: pooch then adds the total once more, and `update` stops there."""

    def close(self) -> None:
        """Take the bar away; more than once does no harm."""
        if self.bar is not None:
            self.bar.close()

    def _begin(self) -> None:
        size = _megabytes(self.total) if self.total else "of unknown size"
        logger.info("downloading %s (%s)", self.url, size)
        self.bar = tqdm(
            desc=self.name,
            total=self.total or None,
            unit="B",
            unit_scale=True,
            bar_format=BAR if self.total else BAR_WITHOUT_TOTAL,
            mininterval=SECONDS_BETWEEN_DRAWINGS,
            miniters=0,
            leave=False,
            disable=not sys.stderr.isatty(),
            file=sys.stderr,
        )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
