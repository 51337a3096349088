"""What an archive tells about the machine that wrote it, and how to write it again without.

Standard library only: this module will also run inside build backends.
"""

from __future__ import annotations

import gzip
import os
import shutil
import stat
import struct
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Self, cast

from samebytes.epoch import ZIP_FLOOR

_COPY_BYTES = 256 * 1024

#: RFC 1952 section 2.3.1: deflate, no flags, no time, best compression, unknown system.
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"


@dataclass(frozen=True, slots=True)
class TarFacts:
    """What one tar member says of its time and owner."""

    mtime: float
    uid: int
    gid: int
    uname: str
    gname: str

    @classmethod
    def of(cls, member: tarfile.TarInfo) -> TarFacts:
        return cls(member.mtime, member.uid, member.gid, member.uname, member.gname)


def sdist_traces(header: bytes, facts: Iterable[TarFacts], epoch: int) -> frozenset[str]:
    """Which facts of the build machine a ``.tar.gz`` shows, as ids of difference kinds.

    ``header`` is the first 10 bytes of the file. Empty when every time is the epoch, or the
    constant 0 that some backends write, and no member has an owner.
    """
    fixed = {0, epoch}
    traces = set()
    if struct.unpack_from("<I", header, 4)[0] not in fixed:
        traces.add("gzip-header-mtime")
    for fact in facts:
        if fact.mtime not in fixed:
            traces.add("tar-mtime")
        if fact.uid or fact.gid or fact.uname or fact.gname:
            traces.add("tar-owner")
    return frozenset(traces)


def wheel_traces(path: Path, epoch: int) -> frozenset[str]:
    """Which facts of the build machine a wheel shows, as ids of difference kinds.

    Empty when every member's time is the epoch, in the two-second steps of zip, or 1980-01-01.
    """
    fixed = {_zip_time(epoch), _zip_time(0)}
    with zipfile.ZipFile(path) as archive:
        times = {member.date_time for member in archive.filelist}
    return frozenset() if times <= fixed else frozenset({"zip-mtime"})


def rewrite_sdist(source: Path, destination: Path, epoch: int) -> None:
    """Write the ``.tar.gz`` sdist ``source`` again so that only its contents decide the bytes.

    Members sorted by name, the epoch as their time, no owner, mode 0644, or 0755 for folders and
    executable files; hard links become the files they point to. A gzip header without time and
    name, zlib at level 9.
    """
    with tempfile.TemporaryFile(dir=destination.parent) as plain:
        # Sorting seeks backwards, for which gzip would have to start again from the beginning.
        with gzip.open(source) as packed:
            shutil.copyfileobj(packed, plain, _COPY_BYTES)
        plain.seek(0)
        with (
            tarfile.open(fileobj=plain, mode="r:") as old,
            destination.open("xb") as raw,
            _Gzip(raw) as gz,
            tarfile.open(fileobj=cast(BinaryIO, gz), mode="w|", format=tarfile.PAX_FORMAT) as new,
        ):
            for member in sorted(old.getmembers(), key=lambda member: member.name):
                content = old.extractfile(member) if member.isreg() or member.islnk() else None
                new.addfile(_canonical_tarinfo(member, content, epoch), content)


def rewrite_wheel(source: Path, destination: Path, epoch: int) -> None:
    """Write the wheel ``source`` again so that only its contents decide the bytes.

    Members sorted by name with the dist-info folder last and RECORD at its end (PEP 427), the
    epoch as their time, mode 0644, or 0755 for executable files; zlib at its default level.
    """
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(destination, "x") as new:
        for member in sorted(old.infolist(), key=_wheel_order):
            with (
                old.open(member) as content,
                new.open(_canonical_zipinfo(member, epoch), "w") as to,
            ):
                shutil.copyfileobj(content, to, _COPY_BYTES)


class _Gzip:
    """A file object that writes one gzip member whose header says nothing of the machine."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._crc = 0
        self._size = 0
        raw.write(_GZIP_HEADER)

    def write(self, data: bytes) -> int:
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        self._raw.write(self._deflate.compress(data))
        return len(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._raw.write(self._deflate.flush())
        self._raw.write(struct.pack("<II", self._crc, self._size & 0xFFFFFFFF))


def _canonical_tarinfo(
    member: tarfile.TarInfo, content: IO[bytes] | None, epoch: int
) -> tarfile.TarInfo:
    info = tarfile.TarInfo(member.name)
    if content is None:
        info.type = member.type
        info.linkname = member.linkname
    else:
        info.size = content.seek(0, os.SEEK_END)  # of a hard link, its target's
        content.seek(0)
    info.mtime = epoch
    executable = member.isdir() or bool(member.mode & stat.S_IXUSR)
    info.mode = 0o755 if executable else 0o644
    return info


def _canonical_zipinfo(member: zipfile.ZipInfo, epoch: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(member.filename, _zip_time(epoch))
    mode = member.external_attr >> 16
    executable = member.is_dir() or bool(mode & stat.S_IXUSR)
    kind = stat.S_IFDIR if member.is_dir() else stat.S_IFMT(mode) or stat.S_IFREG
    info.create_system = 3
    info.external_attr = (kind | (0o755 if executable else 0o644)) << 16
    info.compress_type = zipfile.ZIP_STORED if member.is_dir() else zipfile.ZIP_DEFLATED
    info.file_size = member.file_size  # decides between zip and zip64 before the first byte
    return info


def _wheel_order(member: zipfile.ZipInfo) -> tuple[bool, bool, str]:
    folder, _, name = member.filename.partition("/")
    metadata = folder.endswith(".dist-info")
    return metadata, metadata and name == "RECORD", member.filename


def _zip_time(seconds: int) -> tuple[int, int, int, int, int, int]:
    """The time as zip keeps it: UTC, not before 1980, in steps of two seconds."""
    moment = time.gmtime(max(seconds, ZIP_FLOOR) & ~1)
    return (
        moment.tm_year,
        moment.tm_mon,
        moment.tm_mday,
        moment.tm_hour,
        moment.tm_min,
        moment.tm_sec,
    )
