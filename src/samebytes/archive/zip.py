"""Reading a zip with every byte of it accounted for: both headers of each entry, and the gaps.

Field offsets: PKWARE APPNOTE.TXT 6.3, sections 4.3.7 to 4.3.16. What two unpackers could take for
two different things is refused, not interpreted.
"""

from __future__ import annotations

import hashlib
import stat
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from samebytes.archive.compressed import CHUNK
from samebytes.archive.damage import damaged
from samebytes.archive.limits import Limits
from samebytes.archive.member import NOTHING, Blob, Found, Member, MemberType, ZipHeader
from samebytes.archive.tar import checked_name
from samebytes.errors import ArtifactError

#: Where each field of the fixed part of a central header lies.
CENTRAL: Mapping[str, slice] = {
    "signature": slice(0, 4),
    "create_version": slice(4, 5),
    "create_system": slice(5, 6),
    "extract_version": slice(6, 8),
    "flags": slice(8, 10),
    "method": slice(10, 12),
    "time": slice(12, 16),
    "crc": slice(16, 20),
    "packed": slice(20, 24),
    "size": slice(24, 28),
    "lengths": slice(28, 34),
    "disk": slice(34, 36),
    "internal_attr": slice(36, 38),
    "external_attr": slice(38, 42),
    "offset": slice(42, 46),
}
#: The same of a local header.
LOCAL: Mapping[str, slice] = {
    "signature": slice(0, 4),
    "extract_version": slice(4, 6),
    "flags": slice(6, 8),
    "method": slice(8, 10),
    "time": slice(10, 14),
    "crc": slice(14, 18),
    "packed": slice(18, 22),
    "size": slice(22, 26),
    "lengths": slice(26, 30),
}

ENCRYPTED, DESCRIPTOR, UTF8 = 0x1, 0x8, 0x800
_PATCH, _STRONGLY, _MASKED = 0x20, 0x40, 0x2000
#: Version 6.3 of the format; none has come since.
_NEWEST = 63
STORED, DEFLATED = 0, 8
FULL_16, FULL_32 = 0xFFFF, 0xFFFFFFFF
ZIP64_EXTRA = 1
_UNICODE_PATH_EXTRA = 0x7075
_UNIX = 3

_CENTRAL_SIZE, _LOCAL_SIZE, _END_SIZE = 46, 30, 22
_END64_SIZE = 56 + 20  # with its locator
_CENTRAL_MAGIC, _LOCAL_MAGIC, _END_MAGIC = b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"
_DESCRIPTOR_MAGIC = b"PK\x07\x08"
_LOCATOR_MAGIC, _END64_MAGIC = b"PK\x06\x07", b"PK\x06\x06"


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipEnd:
    """What a zip has besides its entries.

    ``gap`` lies between the last entry and the directory; ``record`` is what follows the
    directory, up to the comment.
    """

    gap: Blob
    record: bytes
    comment: bytes
    trailing: Blob


class _Directory(NamedTuple):
    offset: int
    size: int
    entries: int


class _Entry(NamedTuple):
    """A central header and what its zip64 field, if it has one, says in place of its own."""

    number: int
    raw: bytes
    name: bytes
    extra: bytes
    comment: bytes
    packed: int
    size: int
    offset: int

    @property
    def flags(self) -> int:
        return int.from_bytes(self.raw[8:10], "little")

    @property
    def method(self) -> int:
        return int.from_bytes(self.raw[10:12], "little")


class ZipReader:
    """Reads a zip once, in the order in which its entries lie in the file."""

    def __init__(self, file: BinaryIO, path: Path, limits: Limits) -> None:
        self._file = file
        self._path = path
        self._limits = limits
        self._size = file.seek(0, 2)
        self._directory, self.end = self._find_directory()
        self._entries = list(self._central_headers())

    def members(self, wanted: Callable[[int, str, int], bool]) -> Iterator[Found]:
        """Every member as it lies in the file, and the content of the files that are ``wanted``.

        ``wanted`` is asked with a member's number in the directory, its name and its size (bytes).
        Raises ArtifactError if the zip is damaged, ambiguous or over the limits.
        """
        position = 0
        for place, entry in enumerate(sorted(self._entries, key=lambda entry: entry.offset)):
            if entry.offset < position:
                raise self._damaged("its entries overlap")
            gap = self._blob(position, entry.offset)
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
                offset=entry.offset,
                position=place,
            )
            yield Found(entry.number, self._member(entry, name, content, header), kept)
        if position > self._directory.offset:
            raise self._damaged("its entries overlap its directory")
        self.end = ZipEnd(
            gap=self._blob(position, self._directory.offset),
            record=self.end.record,
            comment=self.end.comment,
            trailing=self.end.trailing,
        )

    def _find_directory(self) -> tuple[_Directory, ZipEnd]:
        start = max(0, self._size - _END_SIZE - FULL_16)
        tail = self._read(start, self._size - start)
        found = tail.rfind(_END_MAGIC)
        if found < 0 or len(tail) - found < _END_SIZE:
            raise self._damaged("it has no zip directory at its end")
        fields = struct.unpack_from("<4xHHHHLLH", tail, found)
        after = found + _END_SIZE
        comment = tail[after : after + fields[6]]
        if len(comment) < fields[6] or _has_other_end(tail, found):
            raise self._damaged("it has two zip directories, or its last comment is cut short")
        end = start + found
        wide = self._zip64(end)
        directory = wide or _Directory(fields[5], fields[4], fields[3])
        for small, large, full in (
            (fields[5], directory.offset, FULL_32),
            (fields[4], directory.size, FULL_32),
            (fields[3], directory.entries, FULL_16),
            (fields[2], directory.entries, FULL_16),
        ):
            if small not in (large, full):
                raise self._damaged("its two zip directories disagree")
        if fields[0] not in (0, FULL_16) or fields[1] not in (0, FULL_16):
            raise self._damaged("it is one part of several")
        record = directory.offset + directory.size
        if record != (end - _END64_SIZE if wide else end):
            raise self._damaged("its directory is not where its end says")
        self._limits.check(self._path, members=directory.entries, headers=directory.size)
        return directory, ZipEnd(
            gap=NOTHING,
            record=self._read(record, end - record) + tail[found:after],
            comment=comment,
            trailing=self._blob(end + _END_SIZE + fields[6], self._size),
        )

    def _zip64(self, end: int) -> _Directory | None:
        locator = self._read(end - 20, 20) if end >= 20 else b""
        if not locator.startswith(_LOCATOR_MAGIC):
            return None
        disk, offset, disks = struct.unpack_from("<LQL", locator, 4)
        if offset != end - _END64_SIZE or not (raw := self._read(offset, 56)).startswith(
            _END64_MAGIC
        ):
            raise self._damaged("its zip64 directory is not where its end says")
        length, number, other, here, count, size, start = struct.unpack_from("<Q4xLLQQQQ", raw, 4)
        if length != 44 or here != count or start + size != offset:
            raise self._damaged("its two zip directories disagree")
        if disk or number or other or disks > 1:
            raise self._damaged("it is one part of several")
        return _Directory(start, size, count)

    def _central_headers(self) -> Iterator[_Entry]:
        data = self._read(self._directory.offset, self._directory.size)
        position = total = 0
        for count in range(self._directory.entries):
            raw = data[position : position + _CENTRAL_SIZE]
            if len(raw) < _CENTRAL_SIZE or not raw.startswith(_CENTRAL_MAGIC):
                raise self._damaged("a header of its directory is damaged")
            lengths = struct.unpack_from("<HHH", raw, 28)
            parts = []
            position += _CENTRAL_SIZE
            for length in lengths:
                parts.append(data[position : position + length])
                position += length
            if position > len(data):
                raise self._damaged("its directory ends too early")
            entry = self._entry(count, raw, *parts)
            total += entry.size
            self._limits.check(self._path, size=total)
            yield entry
        if position != len(data):
            raise self._damaged("its directory has more entries than it says")

    def _entry(self, number: int, raw: bytes, name: bytes, extra: bytes, comment: bytes) -> _Entry:
        values = list(struct.unpack_from("<LL", raw, 20)) + list(struct.unpack_from("<L", raw, 42))
        fields = extra_fields(extra)
        if fields is None:
            raise self._damaged("an extra field of its directory is damaged")
        packed, size, offset = self._widened(values, fields, at_offset=True)
        entry = _Entry(number, raw, name, extra, comment, packed, size, offset)
        if entry.flags & (ENCRYPTED | _STRONGLY | _MASKED):
            raise self._damaged(f"{name!r:.200} is encrypted")
        if entry.flags & _PATCH or raw[6] > _NEWEST:
            raise self._damaged(f"{name!r:.200} needs more than zip programs can do")
        if entry.method not in (STORED, DEFLATED):
            raise self._damaged(f"{name!r:.200} is neither stored nor deflated")
        if any(raw[CENTRAL["disk"]]):
            raise self._damaged("it is one part of several")
        if any(key == _UNICODE_PATH_EXTRA for key, _ in fields):
            raise self._damaged(f"{name!r:.200} has a second name")
        return entry

    def _widened(
        self, values: list[int], fields: list[tuple[int, bytes]], *, at_offset: bool = False
    ) -> list[int]:
        """Packed size, size and offset, those that do not fit taken from the zip64 field."""
        wide = [data for key, data in fields if key == ZIP64_EXTRA]
        if len(wide) > 1:
            raise self._damaged("an entry has two zip64 fields")
        rest = wide[0] if wide else b""
        order = (1, 0, 2) if at_offset else (1, 0)  # APPNOTE 4.5.3: original size first
        for index in order:
            if values[index] == FULL_32:
                if len(rest) < 8:
                    raise self._damaged("an entry's zip64 field is missing")
                values[index] = int.from_bytes(rest[:8], "little")
                rest = rest[8:]
        if rest and rest not in (struct.pack("<QQ", values[1], values[0]), bytes(16)):
            raise self._damaged("an entry's zip64 field says something else")
        return values

    def _local_header(self, entry: _Entry) -> tuple[bytes, bytes]:
        """The fixed part and the extra field; raises if it is another than the central one's."""
        raw = self._read(entry.offset, _LOCAL_SIZE)
        if len(raw) < _LOCAL_SIZE or not raw.startswith(_LOCAL_MAGIC):
            raise self._damaged(f"{entry.name!r:.200} is not where its directory says")
        flags, method = struct.unpack_from("<HH", raw, 6)
        crc, packed, size, name_length, extra_length = struct.unpack_from("<LLLHH", raw, 14)
        rest = self._read(entry.offset + _LOCAL_SIZE, name_length + extra_length)
        name, extra = rest[:name_length], rest[name_length:]
        fields = extra_fields(extra)
        if fields is None or any(key == _UNICODE_PATH_EXTRA for key, _ in fields):
            raise self._damaged(f"an extra field of {entry.name!r:.200} is damaged")
        packed, size = self._widened([packed, size], fields)
        said = [crc, packed, size]
        known = [int.from_bytes(entry.raw[16:20], "little"), entry.packed, entry.size]
        sizes_follow = flags & DESCRIPTOR and not any(said)
        watched = ENCRYPTED | DESCRIPTOR | UTF8
        if (
            (name, method, flags & watched) != (entry.name, entry.method, entry.flags & watched)
            or (said != known and not sizes_follow)
            or len(extra) < extra_length
        ):
            raise self._damaged(f"the two headers of {entry.name!r:.200} disagree")
        return raw, extra

    def _content(
        self, entry: _Entry, name: str, start: int, *, keep: bool
    ) -> tuple[Blob, Blob, bytes]:
        """What an entry holds, what its stream is, and the content if it is to be kept."""
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
                    raise self._damaged(f"{name!r:.200} is larger than it says")
                crc = zlib.crc32(plain, crc)
                content.update(plain)
                if keep:
                    kept.append(plain)
        complete = inflate is None or not entry.packed or (inflate.eof and not inflate.unused_data)
        if not complete or size != entry.size:
            raise self._damaged(f"{name!r:.200} is not as long as it says")
        if crc != int.from_bytes(entry.raw[16:20], "little"):
            raise self._damaged(f"{name!r:.200} does not have its checksum")
        return (
            Blob(size, content.hexdigest()),
            Blob(entry.packed, stream.hexdigest()),
            b"".join(kept),
        )

    def _descriptor(self, entry: _Entry, position: int) -> bytes:
        """The data descriptor (APPNOTE 4.3.9), which may or may not have its signature."""
        if not entry.flags & DESCRIPTOR:
            return b""
        raw = self._read(position, 24)
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

    def _member(self, entry: _Entry, name: str, content: Blob, header: ZipHeader) -> Member:
        mode = 0
        if entry.raw[5] == _UNIX:
            mode = int.from_bytes(entry.raw[38:42], "little") >> 16
        kind = MemberType.FILE
        if name.endswith("/"):
            kind = MemberType.FOLDER
        elif stat.S_ISLNK(mode):
            kind = MemberType.LINK
        elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            kind = MemberType.DEVICE
        if kind is MemberType.FOLDER and content.size:
            raise self._damaged(f"{name!r:.200} is a folder and has a content")
        return Member(
            name=checked_name(self._path, name),
            type=kind,
            content=content,
            mode=mode,
            link="",
            header=header,
        )

    def _read(self, position: int, size: int) -> bytes:
        self._file.seek(position)
        return self._file.read(size)

    def _blob(self, start: int, end: int) -> Blob:
        if start == end:
            return NOTHING
        self._file.seek(start)
        digest, left = hashlib.sha256(), end - start
        while left and (data := self._file.read(min(left, CHUNK))):
            digest.update(data)
            left -= len(data)
        return Blob(end - start, digest.hexdigest())

    def _damaged(self, reason: str) -> ArtifactError:
        return damaged(self._path, reason)


def extra_fields(data: bytes) -> list[tuple[int, bytes]] | None:
    """The fields of an extra area (APPNOTE 4.5.1); None if they do not fill it exactly."""
    fields, position = [], 0
    while position < len(data):
        if len(data) - position < 4:
            return None
        key, length = struct.unpack_from("<HH", data, position)
        position += 4 + length
        if len(data) < position:
            return None
        fields.append((key, data[position - length : position]))
    return fields


def _inflated(inflate: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    while not inflate.eof:
        yield (plain := inflate.decompress(data, CHUNK))
        data = inflate.unconsumed_tail
        if not data and len(plain) < CHUNK:  # else zlib may hold more, although it took all input
            return


def _has_other_end(tail: bytes, found: int) -> bool:
    """Whether a record before the last one fits the file too; that of a zip in the zip does not."""
    place = tail.rfind(_END_MAGIC, 0, found)
    while place >= 0:
        (length,) = struct.unpack_from("<H", tail, place + 20)
        if place + _END_SIZE + length == len(tail):
            return True
        place = tail.rfind(_END_MAGIC, 0, place)
    return False


def _name(path: Path, entry: _Entry) -> str:
    """The name as UTF-8 if a flag says so, else in the old code page 437 (APPNOTE appendix D)."""
    try:
        return entry.name.decode("utf-8" if entry.flags & UTF8 else "cp437")
    except UnicodeDecodeError:
        raise damaged(path, f"{entry.name!r:.200} is said to be UTF-8, and is not") from None
