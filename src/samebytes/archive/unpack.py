"""Unpacking an sdist from a stranger: nothing outside the folder, nothing without bound."""

from __future__ import annotations

import bz2
import errno
import gzip
import os
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, cast

from samebytes.archive.canonical import TarFacts
from samebytes.errors import ArtifactError

SDIST_SUFFIXES = (".tar.gz", ".tgz", ".tar.bz2", ".zip")

#: Bytes that tarfile may ask for at once; a long name or a PAX header has no need of more.
_LARGEST_READ = 16 * 1024 * 1024
_COPY_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much an archive may hold."""

    members: int = 200_000
    size: int = 8 * 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTime:
    """The time that an archive gives for one of its regular files."""

    name: str
    mtime: float


def file_times(path: Path, limits: Limits | None = None) -> list[FileTime]:
    """The modification times of an sdist's regular files, in order; zip's are read as UTC.

    Raises ArtifactError if the archive is damaged or over the limits.
    """
    limits = limits or Limits()
    with _damage_named(path):
        if path.name.endswith(".zip"):
            with zipfile.ZipFile(path) as archive:
                return [
                    FileTime(name=member.filename, mtime=_zip_seconds(member))
                    for member in archive.filelist
                    if not member.is_dir()
                ]
        return [
            FileTime(name=member.name, mtime=member.mtime)
            for member, _ in _tar_members(path, limits)
            if member.isreg()
        ]


def unpack_sdist(path: Path, destination: Path, limits: Limits | None = None) -> list[TarFacts]:
    """Unpack an sdist so that its top folder becomes ``destination``, which must not exist.

    Files get mode 0644, or 0755 where the owner may execute them, and the current time. Returns
    what a tar says of its members' times and owners (of a zip, nothing).

    Raises ArtifactError if the archive is damaged, over the limits, has not exactly one top
    folder (PEP 625), or has a member that would lie or point outside of it.
    """
    limits = limits or Limits()
    staging = destination.with_name(destination.name + ".unpacked")
    staging.mkdir()
    with _damage_named(path):
        if path.name.endswith(".zip"):
            facts: list[TarFacts] = []
            _unpack_zip(path, staging, limits)
        else:
            facts = _unpack_tar(path, staging, limits)
    tops = list(staging.iterdir())
    if len(tops) != 1 or not tops[0].is_dir() or tops[0].is_symlink():
        raise ArtifactError(
            f"{path.name} is not an sdist: it holds {len(tops)} entries at its top.",
            hint="An sdist holds exactly one folder, NAME-VERSION (PEP 625).",
        )
    tops[0].rename(destination)
    staging.rmdir()
    return facts


def _unpack_tar(path: Path, staging: Path, limits: Limits) -> list[TarFacts]:
    facts = []
    folders: set[str] = set()
    links = False
    for member, content in _tar_members(path, limits):
        facts.append(TarFacts.of(member))
        # Where there is no link yet, the name alone says where a file lies; that is much faster.
        if links or not (member.isreg() or member.isdir()) or not _is_inside(member.name):
            member = _filtered(member, staging, path)
        target = os.path.join(staging, member.name)
        folder = target if member.isdir() else os.path.dirname(target)
        if folder not in folders:
            os.makedirs(folder, exist_ok=True)
            folders.add(folder)
        if content is not None:
            _write(content, target, member.size, executable=bool(member.mode & stat.S_IXUSR))
        elif member.issym():
            os.symlink(member.linkname, target)
            links = True
        elif member.islnk():
            original = os.path.join(staging, member.linkname)
            if not os.path.lexists(original):
                raise tarfile.ReadError(f"{member.name!r} is a link to nothing")
            shutil.copy(original, target, follow_symlinks=False)
    return facts


def _is_inside(name: str) -> bool:
    return not name.startswith("/") and ".." not in name.split("/")


def _filtered(member: tarfile.TarInfo, staging: Path, path: Path) -> tarfile.TarInfo:
    """The member as Python's data filter (PEP 706) lets it through, but no absolute name."""
    try:
        if member.name.startswith("/"):
            raise tarfile.AbsolutePathError(member)
        return tarfile.data_filter(member, os.fspath(staging))
    except tarfile.FilterError as error:
        raise ArtifactError(
            f"{path.name} has a member that would reach outside of its folder: {error}.",
            hint="Do not unpack this archive; report it to where it came from.",
        ) from None


def _unpack_zip(path: Path, staging: Path, limits: Limits) -> None:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        _check(path, limits, len(members), sum(member.file_size for member in members))
        for member in members:
            name = PurePosixPath(member.filename)
            mode = member.external_attr >> 16
            if name.is_absolute() or ".." in name.parts or stat.S_ISLNK(mode):
                raise ArtifactError(
                    f"{path.name} has a member that may reach outside of its folder: "
                    f"{member.filename!r}.",
                    hint="Do not unpack this archive; report it to where it came from.",
                )
            target = staging / name
            if member.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as content:
                _write(content, str(target), member.file_size, executable=bool(mode & stat.S_IXUSR))


def _tar_members(path: Path, limits: Limits) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    opener = bz2.open if path.name.endswith(".bz2") else gzip.open
    with (
        opener(path, "rb") as plain,
        tarfile.open(
            fileobj=cast(BinaryIO, _Bounded(cast(BinaryIO, plain), path, limits)), mode="r:"
        ) as archive,
    ):
        for count, member in enumerate(archive, 1):
            _check(path, limits, count, member.offset_data + member.size)
            yield member, archive.extractfile(member) if member.isreg() else None


class _Bounded:
    """What tarfile needs of a file, with an end to how much it may ask for."""

    def __init__(self, file: BinaryIO, path: Path, limits: Limits) -> None:
        self._file = file
        self._path = path
        self._limits = limits

    def read(self, size: int) -> bytes:
        if size > _LARGEST_READ:
            raise ArtifactError(
                f"{self._path.name} has a header of {size:,} bytes.",
                hint="It was made to exhaust memory, or is damaged: get it again.",
            )
        return self._file.read(size)

    def seek(self, position: int) -> int:
        _check(self._path, self._limits, 0, position)
        return self._file.seek(position)

    def tell(self) -> int:
        return self._file.tell()


def _check(path: Path, limits: Limits, members: int, size: int) -> None:
    if members > limits.members:
        raise ArtifactError(
            f"{path.name} has more than {limits.members:,} members.",
            hint="It was made to exhaust the machine, or is no sdist.",
        )
    if size > limits.size:
        raise ArtifactError(
            f"{path.name} unpacks to more than {limits.size:,} bytes.",
            hint="It was made to exhaust the machine, or is no sdist.",
        )


def _write(content: IO[bytes], target: str, size: int, *, executable: bool) -> None:
    mode = 0o755 if executable else 0o644
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        handle = os.open(target, flags, mode)
    except FileExistsError:
        # A second member of the same name replaces the first, and is never written through a link.
        os.unlink(target)
        handle = os.open(target, flags, mode)
    with open(handle, "wb") as file:
        os.fchmod(handle, mode)
        if size <= _COPY_BYTES:
            file.write(content.read())
        else:
            shutil.copyfileobj(content, file, _COPY_BYTES)


def _zip_seconds(member: zipfile.ZipInfo) -> float:
    try:
        return datetime(*member.date_time, tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # A damaged bzip2 or gzip stream is an OSError without a number; a name that is both a
        # file and a folder, or an offset before the beginning, comes from the archive too.
        if error.errno not in (
            None,
            errno.EISDIR,
            errno.ENOTDIR,
            errno.EEXIST,
            errno.ENAMETOOLONG,
            errno.ELOOP,
            errno.EINVAL,
        ):
            raise
        raise _damaged(path, error) from None
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        EOFError,
        LookupError,
        NotImplementedError,
        UnicodeError,
        ValueError,
        RuntimeError,
        OverflowError,
    ) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> ArtifactError:
    reason = str(error) or type(error).__name__
    return ArtifactError(
        f"{path.name} cannot be read as an archive: {reason}.",
        hint="Get it again: it is damaged, cut short, or another kind of file.",
    )
