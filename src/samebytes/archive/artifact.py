"""An sdist or a wheel as a whole: its container, its members, and the contents one asks for."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from samebytes.archive.compressed import Gzip, OtherStream, gzip_chunks, other_chunks
from samebytes.archive.damage import damage_named
from samebytes.archive.limits import Limits
from samebytes.archive.member import Found, Member
from samebytes.archive.tar import TarEnd, TarReader
from samebytes.archive.zip import ZipReader
from samebytes.archive.zip_directory import ZipEnd
from samebytes.digest import Digest
from samebytes.errors import UserError


class Form(StrEnum):
    """What a file is, by its name."""

    SDIST = "sdist"
    WHEEL = "wheel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tarball:
    """A compressed tar."""

    compression: Gzip | OtherStream
    end: TarEnd

    @property
    def format(self) -> str:
        return f"tar in {self.compression.method}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Zipfile:
    """A zip; its members lie in the directory's order, their ``position`` is that in the file."""

    end: ZipEnd
    format: str = "zip"


#: Device, inode, size in bytes and time in nanoseconds: the same while a file is not written to.
Identity = tuple[int, int, int, int]


def changed(path: Path) -> UserError:
    """The error that a file is not the one that was looked at before."""
    return UserError(f"{path} was changed while it was read.", hint="Run it again.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """An artifact that was read; ``kept`` are the contents that were asked for, by number."""

    path: Path
    form: Form
    size: int
    digest: Digest
    identity: Identity
    container: Tarball | Zipfile
    members: tuple[Member, ...]
    kept: Mapping[int, bytes]


def is_same_tar(first: Artifact, second: Artifact) -> bool:
    """Whether two tars are the same bytes: every one of them is in members, contents and end."""
    one, two = first.container, second.container
    return (
        isinstance(one, Tarball)
        and isinstance(two, Tarball)
        and one.end == two.end
        and first.members == second.members
    )


#: By suffix: the form, and how the tar is compressed; None for zip.
SUFFIXES: Mapping[str, tuple[Form, str | None]] = {
    ".whl": (Form.WHEEL, None),
    ".tar.gz": (Form.SDIST, "gzip"),
    ".tgz": (Form.SDIST, "gzip"),
    ".tar.bz2": (Form.SDIST, "bzip2"),
    ".tar.xz": (Form.SDIST, "xz"),
    ".zip": (Form.SDIST, None),
}

Wanted = Callable[[int, str, int], bool]
Progress = Callable[[int, int], None]


def form_of(path: Path) -> Form:
    """Whether a file is an sdist or a wheel; raises UserError if its name is of neither."""
    return SUFFIXES[_suffix(path)][0]


def format_of(path: Path) -> str:
    """How a file is archived, by its name; raises UserError if it is neither sdist nor wheel."""
    method = SUFFIXES[_suffix(path)][1]
    return "zip" if method is None else f"tar in {method}"


def digest_of(path: Path) -> Digest:
    """The digest of an artifact's file; raises UserError if there is no such file."""
    if not path.is_file():
        kind = "is not a file" if path.exists() else "does not exist"
        raise UserError(f"{path} {kind}.", hint="Name an sdist or a wheel.")
    return Digest.of_file(path)


def read_artifact(
    path: Path, limits: Limits, *, wanted: Wanted | None = None, progress: Progress | None = None
) -> Artifact:
    """Read a whole artifact once; nothing is written, and only ``wanted`` contents are kept.

    ``wanted`` is asked with each member's number, name and size in bytes; ``progress`` is told how
    many bytes of how many were read. Raises UserError if the file is not there or no artifact by
    its name, ArtifactError if it is damaged, ambiguous or over the limits.
    """
    members: dict[int, Member] = {}
    kept: dict[int, bytes] = {}
    with _opened(path, limits) as reader:
        before = reader.identity()
        size = path.stat().st_size
        for found in reader.members(wanted or _nothing):
            members[found.number] = found.member
            if found.content:
                kept[found.number] = found.content
            if progress is not None and found.number % 64 == 0:
                progress(reader.file.tell(), size)
        digest = reader.digest()
        if reader.identity() != before:
            raise changed(path)
        return Artifact(
            path=path,
            form=form_of(path),
            size=size,
            digest=digest,
            identity=before,
            container=reader.container(),
            members=tuple(members[number] for number in range(len(members))),
            kept=kept,
        )


def read_contents(artifact: Artifact, numbers: Collection[int], limits: Limits) -> dict[int, bytes]:
    """The contents of some members, whole, by their numbers; reads no further than it must.

    Raises ArtifactError, as ``read_artifact`` does.
    """
    contents = {number: artifact.kept[number] for number in numbers if number in artifact.kept}
    return contents | dict(each_content(artifact, set(numbers) - contents.keys(), limits))


def each_content(
    artifact: Artifact, numbers: Collection[int], limits: Limits
) -> Iterator[tuple[int, bytes]]:
    """The same, as they lie in the file, with their numbers: there is but one at a time."""
    left = set(numbers)
    if not left:
        return
    with _opened(artifact.path, limits) as reader:
        if reader.identity() != artifact.identity:
            raise changed(artifact.path)
        for found in reader.members(lambda number, _name, _size: number in left):
            if found.number in left:
                yield found.number, found.content
                left.discard(found.number)
                if not left:
                    break


def plain_chunks(artifact: Artifact, limits: Limits) -> Iterator[bytes]:
    """The tar in a compressed tar, in pieces; raises ArtifactError, as ``read_artifact`` does."""
    with artifact.path.open("rb") as file, damage_named(artifact.path):
        if _identity(file) != artifact.identity:
            raise changed(artifact.path)
        yield from _decompressed(file, artifact.path, limits)[1]


def _identity(file: BinaryIO) -> Identity:
    facts = os.fstat(file.fileno())
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns


@dataclass(slots=True)
class _File:
    file: BinaryIO

    def digest(self) -> Digest:
        """That of what was read: of this file, whatever the path leads to by now."""
        self.file.seek(0)
        return Digest(hashlib.file_digest(self.file, "sha256").hexdigest())  # type: ignore[arg-type]

    def identity(self) -> Identity:
        return _identity(self.file)


@dataclass(slots=True)
class _TarFile(_File):
    reader: TarReader
    compression: Gzip | OtherStream

    def members(self, wanted: Wanted) -> Iterator[Found]:
        return self.reader.members(wanted)

    def container(self) -> Tarball:
        return Tarball(compression=self.compression, end=self.reader.end)


@dataclass(slots=True)
class _ZipFile(_File):
    reader: ZipReader

    def members(self, wanted: Wanted) -> Iterator[Found]:
        return self.reader.members(wanted)

    def container(self) -> Zipfile:
        return Zipfile(end=self.reader.end)


@contextmanager
def _opened(path: Path, limits: Limits) -> Iterator[_TarFile | _ZipFile]:
    _, method = SUFFIXES[_suffix(path)]
    with path.open("rb") as file, damage_named(path):
        if method is None:
            yield _ZipFile(file, ZipReader(file, path, limits))
        else:
            compression, chunks = _decompressed(file, path, limits)
            yield _TarFile(file, TarReader(path, chunks, limits), compression)


def _decompressed(
    file: BinaryIO, path: Path, limits: Limits
) -> tuple[Gzip | OtherStream, Iterator[bytes]]:
    _, method = SUFFIXES[_suffix(path)]
    if method == "gzip":
        gzip = Gzip(members=[])
        return gzip, gzip_chunks(file, path, limits, gzip)
    assert method is not None
    other = OtherStream(method=method)
    return other, other_chunks(file, path, limits, other)


def _suffix(path: Path) -> str:
    for suffix in SUFFIXES:
        if path.name.endswith(suffix):
            return suffix
    raise UserError(
        f"{path.name} is neither an sdist nor a wheel.",
        hint=f"Their names end in {', '.join(SUFFIXES)}.",
    )


def _nothing(_number: int, _name: str, _size: int) -> bool:
    return False
