"""The directory of a zip: where it is, what it lists, and whether it can be relied on.

Field offsets: PKWARE APPNOTE.TXT 6.3, sections 4.3.12 to 4.3.16. What two unpackers could take for
two different things is refused, not interpreted.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from samebytes.archive.compressed import CHUNK
from samebytes.archive.damage import damaged
from samebytes.archive.limits import Limits
from samebytes.archive.member import NOTHING, Blob
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
#: Some programs look no further back from the end.
_LONGEST_COMMENT = 8192
STORED, DEFLATED = 0, 8
FULL_16, FULL_32 = 0xFFFF, 0xFFFFFFFF
ZIP64_EXTRA = 1
UNICODE_PATH_EXTRA = 0x7075

_CENTRAL_SIZE, _END_SIZE = 46, 22
_END64_SIZE = 56 + 20  # with its locator
_CENTRAL_MAGIC, _END_MAGIC = b"PK\x01\x02", b"PK\x05\x06"
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


class Entry(NamedTuple):
    """A central header and what its zip64 field, if it has one, says in place of its own."""

    number: int
    raw: bytes
    name: bytes
    extra: bytes
    comment: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int


class ZipDirectory:
    """Where the directory of a zip is, what follows it, and its entries."""

    def __init__(self, file: BinaryIO, path: Path, limits: Limits) -> None:
        self._file = file
        self._path = path
        self._limits = limits
        self._size = file.seek(0, 2)
        self.place, self.end = self._find_directory()

    def _find_directory(self) -> tuple[_Directory, ZipEnd]:
        start = max(0, self._size - _END_SIZE - FULL_16)
        tail = self.read(start, self._size - start)
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
            if small != large and not (wide and small == full):
                raise self._damaged("its two zip directories disagree")
        parts = (0, FULL_16) if wide else (0,)
        if fields[0] not in parts or fields[1] not in parts or len(comment) > _LONGEST_COMMENT:
            raise self._damaged("it is one part of several, or has too long a comment")
        record = directory.offset + directory.size
        if record != (end - _END64_SIZE if wide else end):
            raise self._damaged("its directory is not where its end says")
        self._limits.check(self._path, members=directory.entries, headers=directory.size)
        return directory, ZipEnd(
            gap=NOTHING,
            record=self.read(record, end - record) + tail[found:after],
            comment=comment,
            trailing=self.blob(end + _END_SIZE + fields[6], self._size),
        )

    def _zip64(self, end: int) -> _Directory | None:
        locator = self.read(end - 20, 20) if end >= 20 else b""
        if not locator.startswith(_LOCATOR_MAGIC):
            return None
        disk, offset, disks = struct.unpack_from("<LQL", locator, 4)
        if offset != end - _END64_SIZE or not (raw := self.read(offset, 56)).startswith(
            _END64_MAGIC
        ):
            raise self._damaged("its zip64 directory is not where its end says")
        length, number, other, here, count, size, start = struct.unpack_from("<Q4xLLQQQQ", raw, 4)
        if length != 44 or here != count or start + size != offset:
            raise self._damaged("its two zip directories disagree")
        if disk or number or other or disks != 1:
            raise self._damaged("it is one part of several")
        return _Directory(start, size, count)

    def entries(self) -> Iterator[Entry]:
        """Every entry, in the order of the directory."""
        data = self.read(self.place.offset, self.place.size)
        position = total = 0
        for count in range(self.place.entries):
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

    def _entry(self, number: int, raw: bytes, name: bytes, extra: bytes, comment: bytes) -> Entry:
        flags, method, crc, packed, size = struct.unpack_from("<HH4xLLL", raw, 8)
        (offset,) = struct.unpack_from("<L", raw, 42)
        fields = extra_fields(extra)
        if fields is None:
            raise self._damaged("an extra field of its directory is damaged")
        packed, size, offset = self.widened([packed, size, offset], fields)
        entry = Entry(number, raw, name, extra, comment, flags, method, crc, packed, size, offset)
        if flags & (ENCRYPTED | _STRONGLY | _MASKED):
            raise self._damaged(f"{name!r:.200} is encrypted")
        if flags & _PATCH or raw[6] > _NEWEST:
            raise self._damaged(f"{name!r:.200} needs more than zip programs can do")
        if method not in (STORED, DEFLATED):
            raise self._damaged(f"{name!r:.200} is neither stored nor deflated")
        if any(raw[CENTRAL["disk"]]):
            raise self._damaged("it is one part of several")
        if any(key == UNICODE_PATH_EXTRA for key, _ in fields):
            raise self._damaged(f"{name!r:.200} has a second name")
        return entry

    def widened(self, values: list[int], fields: list[tuple[int, bytes]]) -> list[int]:
        """Packed size, size, and offset if asked for, from the zip64 field if they do not fit."""
        if not fields and FULL_32 not in values:
            return values
        wide = [data for key, data in fields if key == ZIP64_EXTRA]
        if len(wide) > 1:
            raise self._damaged("an entry has two zip64 fields")
        rest = wide[0] if wide else b""
        for index in (1, 0, 2)[: len(values)]:  # APPNOTE 4.5.3: the original size comes first
            if values[index] == FULL_32:
                if len(rest) < 8:
                    raise self._damaged("an entry's zip64 field is missing")
                values[index] = int.from_bytes(rest[:8], "little")
                rest = rest[8:]
        if rest and rest not in (struct.pack("<QQ", values[1], values[0]), bytes(16)):
            raise self._damaged("an entry's zip64 field says something else")
        return values

    def read(self, position: int, size: int) -> bytes:
        self._file.seek(position)
        return self._file.read(size)

    def blob(self, start: int, end: int) -> Blob:
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


def _has_other_end(tail: bytes, found: int) -> bool:
    """Whether a record before the last one fits the file too; that of a zip in the zip does not."""
    place = tail.rfind(_END_MAGIC, 0, found)
    while place >= 0:
        (length,) = struct.unpack_from("<H", tail, place + 20)
        if place + _END_SIZE + length == len(tail):
            return True
        place = tail.rfind(_END_MAGIC, 0, place)
    return False
