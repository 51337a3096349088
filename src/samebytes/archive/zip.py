"""Reading a zip with every byte of it accounted for: both headers of each entry, and the gaps.

Field offsets: PKWARE APPNOTE.TXT 6.3, sections 4.3.7 to 4.3.16. What two unpackers could take for
two different things is refused, not interpreted.
"""

from __future__ import annotations

import hashlib
import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from samebytes.archive.compressed import CHUNK
from samebytes.archive.damage import damaged
from samebytes.archive.limits import Limits
from samebytes.archive.member import Blob, Found, Member, MemberType, ZipHeader
from samebytes.archive.tar import checked_name
from samebytes.archive.zip_directory import (
    DEFLATED,
    DESCRIPTOR,
    UNICODE_PATH_EXTRA,
    UTF8,
    Entry,
    ZipDirectory,
    extra_fields,
)
from samebytes.errors import ArtifactError

_LOCAL_SIZE = 30
_LOCAL_MAGIC, _DESCRIPTOR_MAGIC = b"PK\x03\x04", b"PK\x07\x08"
_UNIX, _DOS = 3, 0
_LEVEL = 0x6
_DOS_FOLDER = 0x10
_EXECUTE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


class ZipReader:
    """Reads a zip once, in the order in which its entries lie in the file."""

    def __init__(self, file: BinaryIO, path: Path, limits: Limits) -> None:
        self._file = file
        self._path = path
        self._directory = ZipDirectory(file, path, limits)
        self._entries = list(self._directory.entries())
        self.end = self._directory.end

    def members(self, wanted: Callable[[int, str, int], bool]) -> Iterator[Found]:
        """Every member as it lies in the file, and the content of the files that are ``wanted``.

        ``wanted`` is asked with a member's number in the directory, its name and its size (bytes).
        Raises ArtifactError if the zip is damaged, ambiguous or over the limits.
        """
        position = 0
        for place, entry in enumerate(sorted(self._entries, key=lambda entry: entry.offset)):
            if entry.offset < position:
                raise self._damaged("its entries overlap")
            gap = self._directory.blob(position, entry.offset)
            local, extra = self._local_header(entry)
            name = _name(self._path, entry)
            start = entry.offset + _LOCAL_SIZE + len(entry.name) + len(extra)
            keep = wanted(entry.number, name, entry.size)
            content, stream, kept = self._content(entry, name, start, keep=keep)
            descriptor = self._descriptor(entry, start + entry.packed)
            position = start + entry.packed + len(descriptor)
            header = ZipHeader(
                central=entry.raw,
                central_extra=entry.extra,
                comment=entry.comment,
                local=local,
                local_extra=extra,
                name=entry.name,
                stream=stream,
                descriptor=descriptor,
                gap=gap,
                position=place,
            )
            member = self._member(entry, name, content, header)
            yield Found(entry.number, member, kept if keep else b"")
        if position > self._directory.place.offset:
            raise self._damaged("its entries overlap its directory")
        gap = self._directory.blob(position, self._directory.place.offset)
        self.end = replace(self.end, gap=gap)

    def _local_header(self, entry: Entry) -> tuple[bytes, bytes]:
        """The fixed part and the extra field; raises if it is another than the central one's."""
        raw = self._directory.read(entry.offset, _LOCAL_SIZE)
        if len(raw) < _LOCAL_SIZE or not raw.startswith(_LOCAL_MAGIC):
            raise self._damaged(f"{entry.name!r:.200} is not where its directory says")
        flags, method = struct.unpack_from("<HH", raw, 6)
        crc, packed, size, name_length, extra_length = struct.unpack_from("<LLLHH", raw, 14)
        rest = self._directory.read(entry.offset + _LOCAL_SIZE, name_length + extra_length)
        name, extra = rest[:name_length], rest[name_length:]
        fields = extra_fields(extra)
        if fields is None or any(key == UNICODE_PATH_EXTRA for key, _ in fields):
            raise self._damaged(f"an extra field of {entry.name!r:.200} is damaged")
        packed, size = self._directory.widened([packed, size], fields)
        said = [crc, packed, size]
        known = [entry.crc, entry.packed, entry.size]
        sizes_follow = flags & DESCRIPTOR and not any(said)
        watched = ~_LEVEL & 0xFFFF  # deflate's level may be noted in one header only
        if (
            (name, method, flags & watched) != (entry.name, entry.method, entry.flags & watched)
            or (said != known and not sizes_follow)
            or len(extra) < extra_length
        ):
            raise self._damaged(f"the two headers of {entry.name!r:.200} disagree")
        return raw, extra

    def _content(
        self, entry: Entry, name: str, start: int, *, keep: bool
    ) -> tuple[Blob, Blob, bytes]:
        """What an entry holds, what its stream is, and the content if it is to be kept."""
        if entry.packed <= CHUNK and entry.size < CHUNK:
            return self._small_content(entry, name, start)
        inflate = zlib.decompressobj(-zlib.MAX_WBITS) if entry.method == DEFLATED else None
        content, stream, kept = hashlib.sha256(), hashlib.sha256(), []
        size = crc = 0
        self._file.seek(start)
        left = entry.packed
        while left:
            data = self._file.read(min(left, CHUNK))
            if not data or (inflate is not None and inflate.eof):
                raise self._damaged(f"{name!r:.200} is not as long as it says")
            left -= len(data)
            stream.update(data)
            for plain in (data,) if inflate is None else _inflated(inflate, data):
                size += len(plain)
                if size > entry.size:
                    raise self._damaged(f"{name!r:.200} is not as long as it says")
                crc = zlib.crc32(plain, crc)
                content.update(plain)
                if keep:
                    kept.append(plain)
        self._check_content(entry, name, inflate, size, crc)
        return (
            Blob(size, content.hexdigest()),
            Blob(entry.packed, stream.hexdigest()),
            b"".join(kept),
        )

    def _small_content(self, entry: Entry, name: str, start: int) -> tuple[Blob, Blob, bytes]:
        """The same of an entry that fits into one chunk, as nearly all do."""
        data = plain = self._directory.read(start, entry.packed)
        if len(data) != entry.packed:
            raise self._damaged(f"{name!r:.200} is not as long as it says")
        inflate = None
        if entry.method == DEFLATED:
            inflate = zlib.decompressobj(-zlib.MAX_WBITS)
            plain = inflate.decompress(data, CHUNK)
        self._check_content(entry, name, inflate, len(plain), zlib.crc32(plain))
        return (
            Blob(len(plain), hashlib.sha256(plain).hexdigest()),
            Blob(len(data), hashlib.sha256(data).hexdigest()),
            plain,
        )

    def _check_content(
        self, entry: Entry, name: str, inflate: zlib._Decompress | None, size: int, crc: int
    ) -> None:
        complete = inflate is None or (inflate.eof and not inflate.unused_data)
        if not complete or size != entry.size:
            raise self._damaged(f"{name!r:.200} is not as long as it says")
        if crc != entry.crc:
            raise self._damaged(f"{name!r:.200} does not have its checksum")

    def _descriptor(self, entry: Entry, position: int) -> bytes:
        """The data descriptor (APPNOTE 4.3.9), which may or may not have its signature."""
        if not entry.flags & DESCRIPTOR:
            return b""
        raw = self._directory.read(position, 24)
        crc = entry.raw[16:20]
        for magic in (_DESCRIPTOR_MAGIC, b""):
            for layout in ("<LL", "<QQ"):
                try:
                    sizes = struct.pack(layout, entry.packed, entry.size)
                except struct.error:
                    continue
                if raw.startswith(magic + crc + sizes):
                    return magic + crc + sizes
        raise self._damaged(f"the data descriptor of {entry.name!r:.200} is damaged")

    def _member(self, entry: Entry, name: str, content: Blob, header: ZipHeader) -> Member:
        mode = int.from_bytes(entry.raw[40:42], "little")
        kind = _type(name, mode)
        system = entry.raw[5]
        is_dos_folder = bool(entry.raw[38] & _DOS_FOLDER)
        if (
            (kind is MemberType.FOLDER and content.size)
            or (kind is not MemberType.FOLDER and is_dos_folder)
            or (kind in (MemberType.LINK, MemberType.DEVICE) and system != _UNIX)
            or "\\" in name
        ):
            raise self._damaged(f"programs disagree on what {name!r:.200} is")
        return Member(
            name=checked_name(self._path, name),
            type=kind,
            content=content,
            mode=mode,
            executable_for=_executable_for(mode, system) if kind is MemberType.FILE else (),
            link=f"mode {mode:o}" if kind is MemberType.DEVICE else "",
            header=header,
        )

    def _damaged(self, reason: str) -> ArtifactError:
        return damaged(self._path, reason)


def _inflated(inflate: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    while not inflate.eof:
        yield (plain := inflate.decompress(data, CHUNK))
        data = inflate.unconsumed_tail
        if not data and len(plain) < CHUNK:  # else zlib may hold more, although it took all input
            return


def _type(name: str, mode: int) -> MemberType:
    if name.endswith("/"):
        return MemberType.FOLDER
    if stat.S_ISLNK(mode):
        return MemberType.LINK
    return MemberType.FILE if stat.S_IFMT(mode) in (0, stat.S_IFREG) else MemberType.DEVICE


@lru_cache(256)
def _executable_for(mode: int, system: int) -> tuple[str, ...]:
    """Who makes an executable file of it: pip looks at the mode, others at the system first."""
    rules = (
        ("pip", stat.S_ISREG(mode) and mode & _EXECUTE),
        ("programs that ask for Unix", system == _UNIX and mode & _EXECUTE),
        (f"programs that know system {system}", system not in (_UNIX, _DOS) and mode & _EXECUTE),
        ("another user, as setuid or setgid", mode & 0o7000),
    )
    return tuple(name for name, applies in rules if applies)


def _name(path: Path, entry: Entry) -> str:
    """The name as UTF-8 if a flag says so, else in the old code page 437 (APPNOTE appendix D)."""
    try:
        return entry.name.decode("utf-8" if entry.flags & UTF8 else "cp437")
    except UnicodeDecodeError:
        raise damaged(path, f"{entry.name!r:.200} is said to be UTF-8, and is not") from None
