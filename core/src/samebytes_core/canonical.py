"""How an sdist or a wheel is written again so that it says nothing of the machine that built it."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import stat
import struct
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import IO, BinaryIO, cast

from samebytes_core.deflate import COMPRESSORS, Compressor
from samebytes_core.epoch import ZIP_FLOOR
from samebytes_core.errors import CoreError

_COPY_BYTES = 256 * 1024

#: RFC 1952 section 2.3.1: deflate, no flags, no time, best compression, unknown system.
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"


def rewrite_sdist(
    source: Path,
    destination: Path,
    epoch: int,
    *,
    added: Mapping[str, bytes] = MappingProxyType({}),
    deflate: str = "zlib",
) -> None:
    """Write the ``.tar.gz`` sdist ``source`` again so that only its contents decide the bytes.

    Members sorted by name, the epoch as their time, no owner, mode 0644, or 0755 for folders and
    executable files; hard links become the files they point to. A gzip header without time and
    name. ``added`` holds files by their names in the root folder, in place of those of the same
    name; ``deflate`` is one of COMPRESSORS, zlib at level 9. Raises CoreError as that does.
    """
    with tempfile.TemporaryFile(dir=destination.parent) as plain:
        # Sorting seeks backwards, for which gzip would have to start again from the beginning.
        with gzip.open(source) as packed:
            shutil.copyfileobj(packed, plain, _COPY_BYTES)
        plain.seek(0)
        with (
            tarfile.open(fileobj=plain, mode="r:") as old,
            destination.open("xb") as raw,
            _Gzip(raw, COMPRESSORS[deflate]()) as gz,
            tarfile.open(fileobj=cast(BinaryIO, gz), mode="w|", format=tarfile.PAX_FORMAT) as new,
        ):
            for member, content in sorted(_contents(old, added), key=lambda pair: pair[0].name):
                new.addfile(_canonical_tarinfo(member, content, epoch), content)


def _contents(
    archive: tarfile.TarFile, added: Mapping[str, bytes]
) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    members = archive.getmembers()
    paths = {f"{_root(members)}/{name}": content for name, content in added.items()}
    for member in members:
        if member.name not in paths:
            file = archive.extractfile(member) if member.isreg() or member.islnk() else None
            yield member, file
    for name, content in paths.items():
        yield tarfile.TarInfo(name), BytesIO(content)


def _root(members: Sequence[tarfile.TarInfo]) -> str:
    """The folder that holds all of an sdist, as its members spell it (PEP 517)."""
    found = re.match(r"(\./)*[^/]+", members[0].name) if members else None
    if found is None or found[0] in (".", ".."):
        raise CoreError("the sdist has no folder that holds its files, as PEP 517 demands")
    return found[0]


def rewrite_wheel(source: Path, destination: Path, epoch: int, *, deflate: str = "zlib") -> None:
    """Write the wheel ``source`` again so that only its contents decide the bytes.

    Members sorted by name with the dist-info folder last and RECORD at its end (PEP 427), the
    epoch as their time, mode 0644, or 0755 for executable files. All files are compressed, also
    those that do not shrink: by zlib at its default level, or as ``deflate`` says, one of
    COMPRESSORS. Raises CoreError as that does.
    """
    with (
        zipfile.ZipFile(source) as old,
        destination.open("xb") as raw,
        zipfile.ZipFile(raw, "w") as new,
    ):
        for member in sorted(old.infolist(), key=lambda member: wheel_order(member.filename)):
            info = _canonical_zipinfo(member, epoch)
            with old.open(member) as content:
                if deflate == "zlib" or member.is_dir():
                    with new.open(info, "w") as to:
                        shutil.copyfileobj(content, to, _COPY_BYTES)
                else:
                    _add_compressed(new, raw, info, content, COMPRESSORS[deflate]())


def _add_compressed(
    new: zipfile.ZipFile,
    raw: BinaryIO,
    info: zipfile.ZipInfo,
    content: IO[bytes],
    deflate: Compressor,
) -> None:
    """Add a member that zipfile does not compress.

    It is stored as if it were compressed already, and only then the headers say that it is.
    """
    crc = size = 0
    info.compress_type = zipfile.ZIP_STORED
    with new.open(info, "w") as to:
        while data := content.read(_COPY_BYTES):
            crc, size = zlib.crc32(data, crc), size + len(data)
            to.write(deflate.compress(data))
        to.write(deflate.flush())
    info.compress_type, info.CRC, info.file_size = zipfile.ZIP_DEFLATED, crc, size
    end = raw.tell()
    raw.seek(info.header_offset)
    raw.write(info.FileHeader())
    raw.seek(end)


class _Gzip:
    """A file object that writes one gzip member whose header says nothing of the machine."""

    def __init__(self, raw: BinaryIO, deflate: Compressor) -> None:
        self._raw = raw
        self._deflate = deflate
        self._crc = 0
        self._size = 0
        raw.write(_GZIP_HEADER)

    def write(self, data: bytes) -> int:
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        self._raw.write(self._deflate.compress(data))
        return len(data)

    def __enter__(self) -> _Gzip:
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
    info = zipfile.ZipInfo(member.filename, zip_time(epoch))
    mode = member.external_attr >> 16
    executable = member.is_dir() or bool(mode & stat.S_IXUSR)
    kind = stat.S_IFDIR if member.is_dir() else stat.S_IFMT(mode) or stat.S_IFREG
    info.create_system = 3
    info.external_attr = (kind | (0o755 if executable else 0o644)) << 16
    info.compress_type = zipfile.ZIP_STORED if member.is_dir() else zipfile.ZIP_DEFLATED
    info.file_size = member.file_size  # decides between zip and zip64 before the first byte
    return info


def wheel_order(path: str) -> tuple[bool, bool, str]:
    """By what members are sorted: the dist-info folder last, and RECORD at its end (PEP 427)."""
    folder, _, name = path.partition("/")
    metadata = folder.endswith(".dist-info")
    return metadata, metadata and name == "RECORD", path


def zip_time(seconds: int) -> tuple[int, int, int, int, int, int]:
    """The time as zip keeps it: UTC, not before 1980, in steps of two seconds."""
    year, month, day, hour, minute, second = time.gmtime(max(seconds, ZIP_FLOOR) & ~1)[:6]
    return year, month, day, hour, minute, second
