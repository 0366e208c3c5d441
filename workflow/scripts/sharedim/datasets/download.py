"""Download of a public file: whole and with the right checksum, or not at all."""

from __future__ import annotations

import logging
import re
import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

import requests
from pooch import HTTPDownloader, file_hash, get_logger, retrieve
from requests.exceptions import ChunkedEncodingError, ProxyError, RequestException, SSLError

from sharedim.errors import InputError
from sharedim.jobs.files import folder_beside, replacing
from sharedim.version import __version__

logger = logging.getLogger(__name__)

# Seconds without a connection, or without a byte, after which a download is given up.
TIMEOUT = 30.0
CHUNK = 2**17
HEADERS = {"Accept-Encoding": "identity", "User-Agent": f"sharedim/{__version__}"}
SUM = re.compile(r"[0-9a-fA-F]{64}")
# In this order: the first kind that an error belongs to gives the reason.
REASONS = {
    ProxyError: "no connection to the proxy",
    SSLError: "no secure connection",
    requests.Timeout: "the server did not answer in time",
    requests.ConnectionError: "the connection failed",
    ChunkedEncodingError: "the file was cut short",
}


def download(url: str, path: str | Path, sha256: str | None = None) -> None:
    """Download a file; only the whole and verified file ever bears its name.

    Nothing is tried twice: the rule's ``retries`` repeat the job. Without a known checksum the
    first download records its own in ``<name>.sha256`` beside the file, and every later one is
    held to that.

    Parameters
    ----------
    url : str
        An ``http://`` or ``https://`` address. Redirects are followed.
    path : path-like
        The final name; a file of this name is replaced. Missing parent folders are made.
    sha256 : str, optional
        The known checksum, 64 hexadecimal digits. It takes precedence over a recorded one.

    Raises
    ------
    InputError
        If the file cannot be downloaded or its checksum is wrong. Whatever was at ``path`` stays.
    StorageError
        If the file cannot be written.
    """
    path = Path(path)
    if urlsplit(url).scheme not in {"http", "https"}:
        raise InputError(f"{url}: is not an address that starts with http:// or https://")
    known = _known_sum(path, sha256)
    downloader = HTTPDownloader(
        progressbar=sys.stderr.isatty(),
        chunk_size=CHUNK,
        timeout=TIMEOUT,
        headers=HEADERS,
        hooks={"response": _admit},
    )
    # pooch would name the temporary folder, and advise the user to note the checksum.
    get_logger().setLevel(logging.WARNING)
    logger.info("downloading %s", url)
    # A killed pooch leaves a file with a random name behind; this folder is swept up.
    with replacing(path) as temporary, folder_beside(path) as folder:
        try:
            fetched = Path(retrieve(url, known, path.name, folder, downloader=downloader))
        except RequestException as error:
            raise InputError(
                f"{url}: could not be downloaded ({_reason(error)}); download it on a machine with "
                f"a connection and put it at {path}"
            ) from error
        except ValueError as error:
            # The first sentence has both checksums.
            raise _wrong_sum(url, str(error).partition(". ")[0], path, sha256) from error
        # pooch lets nobody but the owner read its files.
        temporary.touch()
        shutil.copymode(temporary, fetched)
        fetched.replace(temporary)
    if known is None:
        _record(path, file_hash(str(path)))


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
    known = _known_sum(path, sha256)
    try:
        found = file_hash(str(path))
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); put the file there"
        ) from error
    if known is None:
        _record(path, found)
    elif found != known:
        reason = f"the file's sha256 is {found}, but {known} is expected"
        raise _wrong_sum(path, reason, path, sha256)


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


def _wrong_sum(what: str | Path, reason: str, path: Path, sha256: str | None) -> InputError:
    if sha256 is None:
        remedy = f"delete {lock_of(path)} to accept the new file, or put the earlier one at {path}"
    else:
        remedy = (
            f"put the expected file at {path}, or correct the expected sha256 if the new file is "
            "meant"
        )
    return InputError(f"{what}: {reason}; {remedy}")


def _record(path: Path, found: str) -> None:
    with replacing(lock_of(path)) as temporary:
        temporary.write_text(f"{found}  {path.name}\n", "utf-8")
    logger.info("%s: sha256 %s is recorded in %s", path, found, lock_of(path).name)


def _admit(response: requests.Response, **_: object) -> None:
    """Let only the file itself through, as it is on the server.

    pooch would take any answer below 400 for the file, such as an empty 202. And some servers call
    a .gz file "Content-Encoding: gzip", whereupon requests would unpack it.
    """
    response.raw.headers.pop("Content-Encoding", None)
    if response.status_code != requests.codes.ok and not response.is_redirect:
        answer = f"{response.status_code} {response.reason}".rstrip()
        raise requests.HTTPError(f"the server answered {answer}")


def _reason(error: RequestException) -> str:
    named = (reason for kind, reason in REASONS.items() if isinstance(error, kind))
    return next(named, " ".join(str(error).split()).rstrip("."))
