"""Zips written field by field; see tar_factory."""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from tar_factory import deflated

Values = Mapping[str, int | bytes]

_FIXED = {"version": "H", "flags": "H", "method": "H", "time": "L", "crc": "L", "packed": "L"}
_LENGTHS = {"size": "L", "name_length": "H", "extra_length": "H"}
LOCAL_FIELDS = {"magic": "4s", **_FIXED, **_LENGTHS}
CENTRAL_FIELDS = {
    "magic": "4s",
    "create_version": "B",
    "create_system": "B",
    **_FIXED,
    **_LENGTHS,
    "comment_length": "H",
    "disk": "H",
    "internal": "H",
    "external": "L",
    "offset": "L",
}
END_FIELDS = {
    "magic": "4s",
    "disk": "H",
    "directory_disk": "H",
    "here": "H",
    "count": "H",
    "size": "L",
    "offset": "L",
    "comment_length": "H",
}
END64_FIELDS = {
    "magic": "4s",
    "record_size": "Q",
    "create_version": "H",
    "extract_version": "H",
    "disk": "L",
    "directory_disk": "L",
    "here": "Q",
    "count": "Q",
    "size": "Q",
    "offset": "Q",
}
LOCATOR_FIELDS = {"magic": "4s", "disk": "L", "offset": "Q", "disks": "L"}
_VERSIONS: Values = {"create_version": 45, "extract_version": 45}
FULL = 0xFFFFFFFF
UTF8, DESCRIPTOR = 0x800, 0x8
STORED, DEFLATED = 0, 8


def packed(fields: Mapping[str, str], values: Values, lies: Values) -> bytes:
    """A fixed part; the lies win over the true values."""
    told = {**values, **lies}
    return struct.pack("<" + "".join(fields.values()), *(told[name] for name in fields))


def dos_time(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0
) -> int:
    """Date and time as a zip stores them, in two seconds."""
    date = (year - 1980) << 9 | month << 5 | day
    return date << 16 | hour << 11 | minute << 5 | second // 2


class Descriptor(Enum):
    """The sizes after the data (APPNOTE 4.3.9), with or without a signature before them."""

    NO = None
    SIGNED = b"PK\x07\x08"
    BARE = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipMember:
    """One entry; ``local`` and ``central`` are fields of its headers that win over the truth."""

    name: bytes
    content: bytes = b""
    time: int = dos_time(2020, 2, 2)
    mode: int = stat.S_IFREG | 0o644
    attributes: int = 0
    internal: int = 0
    create_system: int = 3
    create_version: int = 20
    extract_version: int = 20
    flags: int = 0
    descriptor: Descriptor = Descriptor.NO
    local_extra: bytes = b""
    central_extra: bytes = b""
    zip64: bool = False
    comment: bytes = b""
    method: int = DEFLATED
    level: int = 6
    stream: bytes | None = None
    gap: bytes = b""
    local: Values = field(default_factory=dict)
    central: Values = field(default_factory=dict)
    local_name: bytes | None = None

    def _stream(self) -> bytes:
        if self.stream is not None:
            return self.stream
        return deflated(self.content, self.level) if self.method == DEFLATED else self.content

    def _values(self, extra: bytes) -> dict[str, int | bytes]:
        return {
            "version": self.extract_version,
            "flags": self.flags | DESCRIPTOR * (self.descriptor is not Descriptor.NO),
            "method": self.method,
            "time": self.time,
            "crc": zlib.crc32(self.content),
            "packed": len(self._stream()),
            "size": len(self.content),
            "name_length": len(self.name),
            "extra_length": len(extra),
        }

    def entry(self) -> bytes:
        """The local header, the data, and what follows them."""
        stream, extra, end = self._stream(), self.local_extra, b""
        name = self.name if self.local_name is None else self.local_name
        values, sizes = self._values(extra), (len(stream), len(self.content))
        if self.descriptor.value is not None:
            layout = "<LQQ" if self.zip64 else "<LLL"
            end = self.descriptor.value + struct.pack(layout, zlib.crc32(self.content), *sizes)
            values |= {"crc": 0, "packed": 0, "size": 0}
            sizes = (0, 0)
        if self.zip64:
            extra += struct.pack("<HHQQ", 1, 16, sizes[1], sizes[0])
            values |= {"packed": FULL, "size": FULL}
        values |= {"magic": b"PK\x03\x04", "name_length": len(name), "extra_length": len(extra)}
        return packed(LOCAL_FIELDS, values, self.local) + name + extra + stream + end

    def directory_entry(self, offset: int) -> bytes:
        """The central header of an entry that lies at ``offset``."""
        own: dict[str, int | bytes] = {
            "magic": b"PK\x01\x02",
            "create_version": self.create_version,
            "create_system": self.create_system,
            "comment_length": len(self.comment),
            "disk": 0,
            "internal": self.internal,
            "external": self.mode << 16 | self.attributes,
            "offset": offset,
        }
        values = self._values(self.central_extra) | own
        fixed = packed(CENTRAL_FIELDS, values, self.central)
        return fixed + self.name + self.central_extra + self.comment


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipSpec:
    """A zip, its members in the directory's order; ``layout`` is their order in the file."""

    members: tuple[ZipMember, ...]
    layout: tuple[int, ...] | None = None
    prefix: bytes = b""
    gap: bytes = b""
    comment: bytes = b""
    trailing: bytes = b""
    zip64_end: bool = False
    end: Values = field(default_factory=dict)
    end64: Values = field(default_factory=dict)
    locator: Values = field(default_factory=dict)
    suffix: str = ".whl"

    def data(self) -> bytes:
        written, offsets = bytearray(self.prefix), dict[int, int]()
        for index in self.layout or range(len(self.members)):
            written += self.members[index].gap
            offsets[index] = len(written)
            written += self.members[index].entry()
        written += self.gap
        directory = b"".join(
            member.directory_entry(offsets[index]) for index, member in enumerate(self.members)
        )
        return bytes(written) + directory + self._end(len(written), len(directory))

    def _end(self, offset: int, size: int) -> bytes:
        count = len(self.members)
        values: dict[str, int | bytes] = {
            "magic": b"PK\x05\x06",
            "disk": 0,
            "directory_disk": 0,
            "here": count,
            "count": count,
            "size": size,
            "offset": offset,
            "comment_length": len(self.comment),
        }
        before = b""
        if self.zip64_end:
            own: Values = {"magic": b"PK\x06\x06", "record_size": 44, **_VERSIONS, **self.end64}
            before = packed(END64_FIELDS, values, own)
            where: Values = {"magic": b"PK\x06\x07", "disk": 0, "offset": offset + size, "disks": 1}
            before += packed(LOCATOR_FIELDS, where, self.locator)
        return before + packed(END_FIELDS, values, self.end) + self.comment + self.trailing
