"""Unpacking an sdist from a stranger: nothing outside the folder, nothing without bound."""

from __future__ import annotations

import bz2
import gzip
import itertools
import os
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, BinaryIO, cast

from samebytes.archive.damage import damage_named
from samebytes.archive.limits import Limits
from samebytes.archive.traces import TarFacts
from samebytes.errors import ArtifactError

SDIST_SUFFIXES = (".tar.gz", ".tgz", ".tar.bz2", ".zip")

#: Bytes that tarfile may ask for at once; a long name or a PAX header has no need of more.
_LARGEST_READ = 16 * 1024 * 1024
_COPY_BYTES = 256 * 1024

#: The permissions that tarfile's data filter leaves (PEP 706).
DATA_FILTER = 0o755

#: What any file system can hold as a time, in seconds.
_LATEST = 2**32 - 1


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
    with damage_named(path):
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


def tar_facts(path: Path, limits: Limits | None = None) -> list[TarFacts]:
    """What a tar says of its members' times and owners; raises as ``unpack_sdist`` does."""
    with damage_named(path):
        return [TarFacts.of(member) for member, _ in _tar_members(path, limits or Limits())]


def unpack_sdist(
    path: Path,
    destination: Path,
    *,
    mtime: int,
    archived: int | None = None,
    limits: Limits | None = None,
) -> list[TarFacts]:
    """Unpack an sdist so that its top folder becomes ``destination``, which must not exist.

    Files get mode 0644, or 0755 where the owner may execute them, and the time ``mtime`` (seconds);
    with ``archived``, a mask of permission bits, the time and those bits that the archive says.
    Returns what a tar says of its members' times and owners (of a zip, nothing).

    Raises ArtifactError if the archive is damaged, over the limits, has not exactly one top
    folder (PEP 625), or has a member that would lie or point outside of it.
    """
    limits = limits or Limits()
    staging = destination.with_name(destination.name + ".unpacked")
    staging.mkdir()
    tree = _Tree(staging, path, mtime, archived)
    with damage_named(path):
        if path.name.endswith(".zip"):
            facts: list[TarFacts] = []
            _unpack_zip(path, tree, limits)
        else:
            facts = _unpack_tar(path, tree, limits)
        tree.finish()
    tops = list(staging.iterdir())
    if len(tops) != 1 or not tops[0].is_dir() or tops[0].is_symlink():
        raise ArtifactError(
            f"{path.name} is not an sdist: it holds {len(tops)} entries at its top.",
            hint="An sdist holds exactly one folder, NAME-VERSION (PEP 625).",
        )
    tops[0].rename(destination)
    staging.rmdir()
    return facts


class _Tree:
    """A folder that is filled from an archive.

    Nothing is ever written through a link of the archive: links are made last, no member may lie
    below one, and each points to a place inside the top folder.
    """

    def __init__(self, root: Path, archive: Path, mtime: int, archived: int | None) -> None:
        self._root = root
        self._archive = archive
        self._mtime = mtime
        self._archived = archived
        self._folders: set[str] = set()
        self._files: set[str] = set()
        self._links: dict[str, str] = {}

    def add_folder(self, name: str) -> None:
        self._make(self._inside(name))

    def add_file(self, name: str, content: IO[bytes], size: int, mode: int, mtime: float) -> None:
        """``mode`` and ``mtime`` are the archive's own."""
        name = self._inside(name)
        self._make(name.rpartition("/")[0])
        target = os.path.join(self._root, name)
        if name in self._files:
            os.unlink(target)  # a second member of the same name replaces the first
        if self._archived is not None:
            mode = mode & self._archived & 0o777 | 0o600
        else:
            mode = 0o755 if mode & stat.S_IXUSR else 0o644
        seconds = self._mtime if self._archived is None else min(max(0, mtime), _LATEST)
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(handle, "wb") as file:
            os.fchmod(handle, mode)
            if size <= _COPY_BYTES:
                file.write(content.read())
            else:
                shutil.copyfileobj(content, file, _COPY_BYTES)
            file.flush()
            os.utime(handle, (seconds, seconds))
        self._files.add(name)

    def add_hard_link(self, name: str, original: str) -> None:
        original = self._inside(original)
        if original not in self._files:
            raise tarfile.ReadError(f"{name!r} is a link to nothing")
        path = os.path.join(self._root, original)
        with open(path, "rb") as content:
            facts = os.fstat(content.fileno())
            self.add_file(name, content, facts.st_size, facts.st_mode, facts.st_mtime)

    def add_link(self, name: str, target: str) -> None:
        name = self._inside(name)
        depth = name.count("/")
        # Steps up come first: after the name of another link they could lead anywhere.
        steps = target.split("/")
        ups = len(list(itertools.takewhile(lambda step: step == "..", steps)))
        if target.startswith("/") or ".." in steps[ups:] or ups >= depth or "\0" in target:
            raise self._outside(f"{name} -> {target}")
        self._links[name] = target

    def finish(self) -> None:
        """Make the links."""
        for name in itertools.chain(self._folders, self._files, self._links):
            for end in (index for index, letter in enumerate(name) if letter == "/"):
                if name[:end] in self._links:
                    raise self._outside(name)
        for name, target in self._links.items():
            os.makedirs(os.path.join(self._root, name.rpartition("/")[0]), exist_ok=True)
            os.symlink(target, os.path.join(self._root, name))

    def _make(self, name: str) -> None:
        if name and name not in self._folders:
            os.makedirs(os.path.join(self._root, name), exist_ok=True)
            self._folders.add(name)

    def _inside(self, name: str) -> str:
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if name.startswith("/") or ".." in parts or "\0" in name or not parts:
            raise self._outside(name)
        return "/".join(parts)

    def _outside(self, name: str) -> ArtifactError:
        return ArtifactError(
            f"{self._archive.name} has a member that could reach outside of its folder: {name!r}.",
            hint="Do not unpack this archive; report it to where it came from.",
        )


def _unpack_tar(path: Path, tree: _Tree, limits: Limits) -> list[TarFacts]:
    facts = []
    for member, content in _tar_members(path, limits):
        facts.append(TarFacts.of(member))
        if content is not None:
            tree.add_file(member.name, content, member.size, member.mode, member.mtime)
        elif member.isdir():
            tree.add_folder(member.name)
        elif member.issym():
            tree.add_link(member.name, member.linkname)
        elif member.islnk():
            tree.add_hard_link(member.name, member.linkname)
        else:
            raise tarfile.ReadError(f"{member.name!r} is neither file, folder nor link")
    return facts


def _unpack_zip(path: Path, tree: _Tree, limits: Limits) -> None:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        size = sum(member.file_size for member in members)
        limits.check(path, members=len(members), size=size)
        for member in members:
            mode = member.external_attr >> 16
            if stat.S_ISLNK(mode):
                raise zipfile.BadZipFile(f"{member.filename!r} is a link")
            if member.is_dir():
                tree.add_folder(member.filename)
                continue
            with archive.open(member) as content:
                seconds = _zip_seconds(member)
                tree.add_file(member.filename, content, member.file_size, mode, seconds)


def _tar_members(path: Path, limits: Limits) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    with (
        _open_plain(path) as plain,
        tarfile.open(fileobj=cast(BinaryIO, _Bounded(plain, path, limits)), mode="r:") as archive,
    ):
        size = 0
        for count, member in enumerate(archive, 1):
            if member.issparse():
                raise tarfile.ReadError(f"{member.name!r} is sparse")
            size += member.size
            limits.check(path, members=count, size=max(size, member.offset_data))
            yield member, archive.extractfile(member) if member.isreg() else None


def _open_plain(path: Path) -> BinaryIO:
    """The tar in a file, decompressed as the name says."""
    if path.suffix in (".gz", ".tgz"):
        return cast(BinaryIO, gzip.open(path))
    if path.suffix == ".bz2":
        return cast(BinaryIO, bz2.open(path))
    return path.open("rb")


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
        self._limits.check(self._path, size=position)
        return self._file.seek(position)

    def tell(self) -> int:
        return self._file.tell()


def _zip_seconds(member: zipfile.ZipInfo) -> float:
    try:
        return datetime(*member.date_time, tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0
