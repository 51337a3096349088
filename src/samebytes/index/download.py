"""Downloads: tried again, taken up where they broke off, and checked.

Specification of ranges: https://www.rfc-editor.org/rfc/rfc9110#name-range-requests
"""

from __future__ import annotations

import random
import re
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TypeVar

import requests
import urllib3

from samebytes.digest import Digest
from samebytes.errors import ArtifactError, SamebytesError, UnreachableError, UserError
from samebytes.index import address
from samebytes.index.connection import Session
from samebytes.index.listing import IndexFile, Page
from samebytes.index.settings import IndexSettings

Result = TypeVar("Result")

#: Called with the number of bytes received and the number expected (None: unknown).
Progress = Callable[[int, int | None], None]

#: Called with a remark on what goes on, for example that something is tried again.
Notice = Callable[[str], None]

_TRANSIENT = (429, 500, 502, 503, 504)
_HINT = (
    "Check the network and pip's index, proxy and certificate settings (pip config list); "
    "--offline uses what is in the cache."
)
_LOGIN_HINT = (
    "Check the user and the password in the address of the index or in the netrc file; a keyring "
    "is not asked."
)


class _TryAgainError(Exception):
    """What may go well another time, perhaps not before ``after`` seconds have passed."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloader:
    """Gets pages and files over HTTP, within the limits of the settings."""

    settings: IndexSettings
    progress: Progress
    notice: Notice

    def page(self, url: str, index: str, accept: str, largest: int) -> Page | None:
        """A page or another document of the index, or None where there is none.

        ``accept`` names the types of content that are understood; ``largest`` is in bytes.

        Raises UnreachableError when it cannot be reached, ArtifactError when what it says must
        not be followed or is too large.
        """
        headers = {"Accept": accept, "Accept-Encoding": "gzip"}

        def attempt(session: Session) -> Page | None:
            with session.open(url, index, headers) as response:
                if response.status_code in (404, 410):
                    return None
                _check_status(response, url)
                body = bytearray()
                for chunk in self._chunks(session, response):
                    body += chunk
                    if len(body) > largest:
                        raise _too_large(address.shown(url), largest, "are allowed")
                length = _content_length(response)
                received = response.raw.tell()
                if length is not None and received < length:
                    raise _TryAgainError(f"broke off after {received} of {length} bytes")
                kind = response.headers.get("Content-Type", "text/html")
                return Page(url=response.url, content_type=kind, body=bytes(body))

        return self._persist(url, attempt, self._end())

    def file(self, file: IndexFile, target: Path) -> None:
        """Write a file to ``target``, the hash of which is still to be checked.

        Raises UnreachableError when it cannot be reached, ArtifactError when the file is larger
        than the index says or when a redirect leads to where it is not safe.
        """
        end = self._end()
        part = _Part(file=file, target=target, largest=self.settings.limits.largest_file)
        self._persist(file.url, lambda session: self._receive(session, part), end)
        if part.is_doubtful and Digest.of_file(target) != file.required_digest():
            self.notice(f"{file.filename} is damaged; getting it once more, in one piece")
            part.start_over(in_one_piece=True)
            self._persist(file.url, lambda session: self._receive(session, part), end)

    def _end(self) -> float:
        return time.monotonic() + self.settings.limits.deadline

    def _persist(self, url: str, attempt: Callable[[Session], Result], end: float) -> Result:
        """Try until it succeeds, fails for good, or the limits are reached.

        urllib3's own Retry knows nothing of bodies that break off, so this is in its place.
        """
        with Session(self.settings, end) as session:
            for number in count(1):
                try:
                    with _faults(session, url):
                        return attempt(session)
                except _TryAgainError as fault:
                    pause = self._pause(number, fault)
                    if pause is None or time.monotonic() + pause >= end:
                        raise _given_up(url, fault, number) from None
                    self.notice(f"{address.shown(url)} {fault}; trying again in {pause:.1f} s")
                    time.sleep(pause)
        raise AssertionError("unreachable: the loop has no end of its own")

    def _pause(self, number: int, fault: _TryAgainError) -> float | None:
        """Seconds before the next try; None for no other."""
        limits = self.settings.limits
        if number >= limits.tries:
            return None
        if fault.after is not None:
            return fault.after if fault.after <= limits.longest_pause else None
        # Not all who were turned away shall come back at the same moment.
        pause: float = limits.pause * 2 ** (number - 1) * random.uniform(0.5, 1.5)  # noqa: S311
        return min(pause, limits.longest_pause)

    def _receive(self, session: Session, part: _Part) -> None:
        """Receive the file, or what is missing of it, into its place."""
        with session.open(part.file.url, part.file.index, part.headers()) as response:
            total = part.begin(response)
            with part.target.open("r+b" if part.received else "wb") as target:
                target.seek(part.received)
                target.truncate()
                # Without decoding: some servers call each .tar.gz an encoded .tar.
                for chunk in self._chunks(session, response, decoded=False):
                    part.check_size(part.received + len(chunk))
                    part.received += target.write(chunk)
                    self.progress(part.received, total)
        if total is not None and part.received < total:
            raise _TryAgainError(f"broke off after {part.received} of {total} bytes")

    def _chunks(
        self, session: Session, response: requests.Response, *, decoded: bool = True
    ) -> Iterator[bytes]:
        """The body in pieces; where they come too slowly, the session's alarm cuts it off."""
        least, since = self.settings.limits.least_progress, 0
        response.raw.enforce_content_length = False  # we do, and say it in words
        for chunk in response.raw.stream(least, decode_content=decoded):
            since += len(chunk)
            if since >= least:
                session.more_time()
                since = 0
            yield chunk


@dataclass(slots=True, kw_only=True)
class _Part:
    """How much of a file is there."""

    file: IndexFile
    target: Path
    largest: int
    received: int = 0
    is_doubtful: bool = False
    _in_one_piece: bool = field(default=False, init=False)

    def headers(self) -> dict[str, str]:
        """What to ask for: the rest, if there is a beginning."""
        if self._in_one_piece:
            self.received = 0
        return {"Range": f"bytes={self.received}-"} if self.received else {}

    def start_over(self, *, in_one_piece: bool) -> None:
        self.received, self.is_doubtful, self._in_one_piece = 0, False, in_one_piece

    def begin(self, response: requests.Response) -> int | None:
        """Take notice of the answer; returns how large the file is going to be, if it is known."""
        if response.status_code == 416:
            self.received = 0
            raise _TryAgainError("has no more to send, but that was not all")
        _check_status(response, self.file.url, also=206 if self.received else 200)
        if response.status_code == 206:
            if not response.headers.get("Content-Range", "").startswith(f"bytes {self.received}-"):
                self.received = 0
                raise _TryAgainError("sent another part than it was asked for")
            self.is_doubtful = True
        else:
            self.received = 0
        length = _content_length(response)
        if length is None:
            self.is_doubtful = True
            return self.file.size
        self.check_size(self.received + length)
        return self.received + length

    def check_size(self, size: int) -> None:
        """Raise ArtifactError for what is larger than it is said to be, or than anything may be."""
        declared = self.file.size
        if declared is not None and size > declared:
            raise _too_large(self.file.filename, declared, "the index says")
        if size > self.largest:
            raise _too_large(self.file.filename, self.largest, "are allowed")


@contextmanager
def _faults(session: Session, url: str) -> Iterator[None]:
    """Turn what the network does into what may be tried again, and what need not be."""
    session.more_time()
    fault: Exception | None = None
    try:
        yield
    except (requests.RequestException, ConnectionError, TimeoutError) as error:
        fault = _fault(error, url, "cannot be reached")
    except (urllib3.exceptions.HTTPError, ssl.SSLError) as error:
        fault = _fault(error, url, "broke off")
    except _TryAgainError as error:
        fault = error
    if session.alarm.has_rung and not isinstance(fault, SamebytesError):
        raise _TryAgainError("is too slow") from None
    if fault is not None:
        raise fault


def _fault(error: Exception, url: str, what: str) -> Exception:
    inner: BaseException = error
    while (deeper := inner.__cause__ or inner.__context__) is not None:
        inner = deeper
    text = str(inner).strip() or type(inner).__name__
    reason = f"{what}: {address.scrubbed(text.splitlines()[0].rstrip('.'))}"
    if isinstance(inner, ssl.SSLCertVerificationError):
        hint = (
            "Trust its certificate (pip's cert setting, or the system's), if it is the right one."
        )
        return UnreachableError(f"{address.shown(url)} {reason}.", hint=hint)
    if isinstance(error, urllib3.exceptions.DecodeError):
        return ArtifactError(f"{address.shown(url)} {reason}.", hint=_HINT)
    if isinstance(error, ValueError):  # of an address, or a header
        return UserError(f"{address.shown(url)} {reason}.", hint=_HINT)
    return _TryAgainError(reason)


def _given_up(url: str, fault: _TryAgainError, tries: int) -> UnreachableError:
    after = f", tried {tries} times" if tries > 1 else ""
    if fault.after is not None:
        after += f", and asks to wait {fault.after:.0f} s"
    return UnreachableError(f"{address.shown(url)} {fault}{after}.", hint=_HINT)


def _check_status(response: requests.Response, url: str, also: int = 200) -> None:
    status = response.status_code
    if status in _TRANSIENT:
        raise _TryAgainError(f"answered with status {status}", after=_retry_after(response))
    if status not in (200, also):
        raise UserError(
            f"{address.shown(url)} answered with status {status}.",
            hint=_LOGIN_HINT if status in (401, 403, 407) else _HINT,
        )


def _retry_after(response: requests.Response) -> float | None:
    """https://www.rfc-editor.org/rfc/rfc9110#name-retry-after, in seconds from now."""
    text = response.headers.get("Retry-After")
    if text is None or len(text) > 64:
        return None
    try:
        return float(urllib3.Retry().parse_retry_after(text))
    except urllib3.exceptions.InvalidHeader:
        return None


def _content_length(response: requests.Response) -> int | None:
    text = response.headers.get("Content-Length", "")
    is_number = re.fullmatch("[0-9]{1,18}", text) and "Transfer-Encoding" not in response.headers
    return int(text) if is_number else None


def _too_large(what: str, limit: int, source: str) -> ArtifactError:
    return ArtifactError(
        f"{what} is larger than the {limit} bytes that {source}.",
        hint="Do not use the index. If it persists, tell its operators.",
    )
