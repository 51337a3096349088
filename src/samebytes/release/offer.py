"""A release that somebody else prepared, in a folder or on a web server: read, never written."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    NormalizedName,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from samebytes.digest import Digest
from samebytes.errors import ArtifactError, UserError
from samebytes.index import address
from samebytes.index.download import Downloader
from samebytes.index.listing import IndexFile
from samebytes.recipe import BuildInfo
from samebytes.release.record import RECORD, STATEMENTS, Record

#: Bytes of a record or a buildinfo, of which even long ones have some ten thousand.
_LARGEST_DOCUMENT = 16 * 1024**2

#: Bytes that an artifact may have more than its buildinfo says: what somebody has added is to be
#: found, and said no to, and not to fill the disk.
_LEEWAY = 64 * 1024**2

#: Artifacts of a release, and bytes of all of them.
_MOST_ARTIFACTS = 10
_LARGEST_RELEASE = 4 * 1024**3

#: Where the folder has what was recorded and not moved to its place yet, as after a power cut.
_READY = ".work/ready"

_CHUNK = 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A prepared release, and copies of its files, which nobody changes any more.

    ``digests`` are those of the artifacts as they are, whatever the record says; ``buildinfo`` has
    the recipe, as the preparer recorded it.
    """

    place: str
    record: Record
    buildinfo: BuildInfo
    files: Mapping[str, Path]
    digests: Mapping[str, Digest]

    @property
    def altered(self) -> tuple[str, ...]:
        """The artifacts that are not what the record says."""
        recorded = self.record.artifacts
        return tuple(name for name, digest in self.digests.items() if recorded[name] != digest)

    def is_signed_by(self, keyid: str) -> bool:
        """Whether the record names a provenance of this key."""
        return f"{STATEMENTS}/provenance.{keyid[:16]}.json" in self.record.files


def read_offer(
    place: str,
    folder: Path,
    downloader: Downloader,
    waiting: Callable[[], None] = lambda: None,
) -> Offer:
    """The release in a folder or at an address, copied into ``folder``.

    While another run works in that folder, calls ``waiting`` once and waits for its end.

    Raises UserError where there is none, it is not complete, too large, or changed meanwhile;
    UnreachableError when the server does not answer.
    """
    if address.scheme(place) in ("http", "https"):
        return _read(place, _Server(place, downloader), folder)
    with _shared(Path(place), waiting):
        return _read(place, _Folder(Path(place)), folder)


def named_release(filenames: Iterable[str]) -> tuple[NormalizedName, Version]:
    """Of what the names of artifacts say that they are, that of the sdist before a wheel's.

    Raises UserError where one is no such name.
    """
    found = [_named(name) for name in sorted(filenames, key=lambda each: each.endswith(".whl"))]
    return found[0]


def _named(filename: str) -> tuple[NormalizedName, Version]:
    try:
        if filename.endswith(".whl"):
            name, version, _, _ = parse_wheel_filename(filename)
            return name, version
        return parse_sdist_filename(filename)
    except (InvalidSdistFilename, InvalidWheelFilename):
        raise UserError(f"{filename!r} is not the name of an sdist or a wheel.") from None


class _Place(Protocol):
    """Where a release is; what it lacks is a UserError."""

    def document(self, name: str, digest: Digest | None = None) -> bytes: ...

    def artifact(self, name: str, digest: Digest, target: Path, largest: int) -> None: ...


def _read(place: str, source: _Place, folder: Path) -> Offer:
    text = source.document(RECORD)
    (folder / RECORD).write_bytes(text)
    record = Record.read(folder / RECORD)
    if not record.artifacts or record.buildinfo is None:
        raise UserError(
            f"The release in {address.shown(place)} is not built yet.",
            hint="Wait for whoever prepares it, and look with: samebytes release status",
        )
    for name in (*record.artifacts, record.buildinfo):
        if "/" in name:
            raise UserError(f"{name} is not where artifacts are: in the folder itself.")
    named_release(record.artifacts)
    path = folder / record.buildinfo
    path.write_bytes(source.document(record.buildinfo, record.files[record.buildinfo]))
    buildinfo = BuildInfo.read(path)
    files, digests = {}, {}
    for name, largest in _sizes(record, buildinfo).items():
        files[name] = folder / name
        source.artifact(name, record.artifacts[name], files[name], largest)
        digests[name] = Digest.of_file(files[name])
    if source.document(RECORD) != text:
        raise UserError(
            f"The release in {address.shown(place)} changed while it was read.", hint="Try again."
        )
    return Offer(place=place, record=record, buildinfo=buildinfo, files=files, digests=digests)


def _sizes(record: Record, buildinfo: BuildInfo) -> dict[str, int]:
    """How many bytes each artifact may have."""
    said = {each.filename: max(each.size, 0) for each in buildinfo.artifacts}
    for name in record.artifacts:
        if name not in said:
            raise UserError(f"The release has {name}, of which its buildinfo says nothing.")
    sizes = {name: said[name] for name in record.artifacts}
    if len(sizes) > _MOST_ARTIFACTS or sum(sizes.values()) > _LARGEST_RELEASE:
        raise UserError(
            f"The release has more than {_MOST_ARTIFACTS} artifacts, or {_LARGEST_RELEASE:,} bytes."
        )
    return {name: size + _LEEWAY for name, size in sizes.items()}


@dataclass(frozen=True, slots=True)
class _Folder:
    """On this machine."""

    root: Path

    def document(self, name: str, digest: Digest | None = None) -> bytes:
        with self._opened(name, digest, _LARGEST_DOCUMENT) as handle:
            return b"".join(_chunks(handle, _LARGEST_DOCUMENT))

    def artifact(self, name: str, digest: Digest, target: Path, largest: int) -> None:
        with self._opened(name, digest, largest) as handle, target.open("wb") as copy:
            for chunk in _chunks(handle, largest):
                copy.write(chunk)

    def _path(self, name: str, digest: Digest | None) -> Path:
        """Its place, unless it is on its way there."""
        ready = self.root / _READY / name
        if digest is not None and ready.is_file() and Digest.of_file(ready) == digest:
            return ready
        return self.root / name

    @contextmanager
    def _opened(self, name: str, digest: Digest | None, largest: int) -> Iterator[int]:
        """A file that is none of a stranger's tricks: no link, no pipe, and not too large."""
        path = self._path(name, digest)
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                raise _missing(str(self.root), name) from None
            raise UserError(f"{path} cannot be read: {error.strerror}.") from None
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise _missing(str(self.root), name)
            if status.st_size > largest:
                raise _too_large(str(self.root), name, largest)
            yield handle
        finally:
            os.close(handle)


def _chunks(handle: int, largest: int) -> Iterator[bytes]:
    """No more than what was there when it was opened may be: it may grow."""
    while largest > 0 and (chunk := os.read(handle, min(_CHUNK, largest))):
        largest -= len(chunk)
        yield chunk


@dataclass(frozen=True, slots=True)
class _Server:
    """At an address."""

    place: str
    downloader: Downloader

    def document(self, name: str, _digest: Digest | None = None) -> bytes:
        url, kind = self._url(name), "application/json"
        try:
            page = self.downloader.page(url, self.place, kind, _LARGEST_DOCUMENT)
        except ArtifactError as error:
            raise self._unusable(error) from None
        if page is None:
            raise _missing(self.place, name)
        return page.body

    def artifact(self, name: str, _digest: Digest, target: Path, largest: int) -> None:
        settings = self.downloader.settings
        limits = replace(settings.limits, largest_file=largest)
        bounded = replace(self.downloader, settings=replace(settings, limits=limits))
        file = IndexFile(filename=name, url=self._url(name), index=self.place)
        try:
            bounded.file(file, target)
        except ArtifactError as error:
            raise self._unusable(error) from None

    def _url(self, name: str) -> str:
        return f"{self.place.rstrip('/')}/{name}"

    def _unusable(self, error: ArtifactError) -> UserError:
        return UserError(
            f"The release at {address.shown(self.place)} cannot be read: {error.message}",
            hint="Ask whoever prepared it. Nothing was signed.",
        )


@contextmanager
def _shared(root: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """The folder while nobody writes to it."""
    try:
        handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        raise _missing(str(root), RECORD) from None
    except OSError as error:
        raise UserError(f"{root} cannot be read: {error.strerror}.") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(handle, fcntl.LOCK_SH)
        except OSError:
            pass  # a disk without locks: that nothing changed is looked at afterwards
        yield
    finally:
        os.close(handle)


def _missing(place: str, name: str) -> UserError:
    where = address.shown(place)
    if name == RECORD:
        return UserError(
            f"There is no release in {where}: it has no {RECORD}.",
            hint="Give the folder, or the address of the folder, that was prepared.",
        )
    return UserError(
        f"{where} has no {name}, which its {RECORD} names.",
        hint="Ask whoever prepared it for the whole folder.",
    )


def _too_large(place: str, name: str, largest: int) -> UserError:
    return UserError(
        f"{name} in {address.shown(place)} is larger than the {largest:,} bytes that it may have.",
        hint="Ask whoever prepared it. Nothing was signed.",
    )
