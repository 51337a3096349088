"""Compressed tars written field by field: no library writes most of what a stranger may send.

Describe one with the dataclasses, vary it with ``dataclasses.replace``, write it with ``data``.
Nothing is checked: a description may contradict itself, as a hostile file does.
"""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

EPOCH = 1_000_000_000
BLOCK = 512

Record = tuple[bytes, bytes]

# --- gzip, bzip2, xz ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class GzipSpec:
    """RFC 1952. The data are spread over ``members``; ``padding`` counts zeros after the last."""

    suffix: str = ".tar.gz"
    text: bool = False
    checksum: bool = False
    extra: bytes | None = None
    name: bytes | None = None
    comment: bytes | None = None
    mtime: int = 0
    xfl: int = 2
    os: int = 255
    level: int = 9
    members: int = 1
    padding: int = 0
    trailing: bytes = b""

    def header(self) -> bytes:
        flags = self.text * 1 | self.checksum * 2
        rest = b""
        if self.extra is not None:
            flags |= 4
            rest += struct.pack("<H", len(self.extra)) + self.extra
        for bit, value in ((8, self.name), (16, self.comment)):
            if value is not None:
                flags |= bit
                rest += value + b"\0"
        head = struct.pack("<2sBBLBB", b"\x1f\x8b", 8, flags, self.mtime, self.xfl, self.os) + rest
        return head + struct.pack("<H", zlib.crc32(head) & 0xFFFF) * self.checksum

    def member(self, plain: bytes) -> bytes:
        end = struct.pack("<LL", zlib.crc32(plain), len(plain) & 0xFFFFFFFF)
        return self.header() + deflated(plain, self.level) + end

    def data(self, plain: bytes) -> bytes:
        step = -(-len(plain) // self.members) or 1
        parts = [plain[start : start + step] for start in range(0, len(plain), step)] or [b""]
        written = b"".join(self.member(part) for part in parts)
        return written + bytes(self.padding) + self.trailing


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherSpec:
    """A bzip2 or xz file."""

    suffix: str
    level: int = 6
    streams: int = 1
    padding: int = 0
    trailing: bytes = b""

    def data(self, plain: bytes) -> bytes:
        step = -(-len(plain) // self.streams) or 1
        parts = [plain[start : start + step] for start in range(0, len(plain), step)] or [b""]
        return b"".join(map(self.stream, parts)) + bytes(self.padding) + self.trailing

    def stream(self, plain: bytes) -> bytes:
        if self.suffix == ".tar.bz2":
            return bz2.compress(plain, self.level)
        return lzma.compress(plain, preset=self.level)


BZIP2 = OtherSpec(suffix=".tar.bz2")
XZ = OtherSpec(suffix=".tar.xz")


def deflated(plain: bytes, level: int) -> bytes:
    compress = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compress.compress(plain) + compress.flush()


# --- tar ---------------------------------------------------------------------------------------

USTAR, GNU, V7 = b"ustar\x0000", b"ustar  \0", bytes(8)

#: The fields of a header and their widths (POSIX.1-2017, pax); ``unused`` is what is left.
TAR_FIELDS: Mapping[str, int] = {
    "name": 100,
    "mode": 8,
    "uid": 8,
    "gid": 8,
    "size": 12,
    "mtime": 12,
    "checksum": 8,
    "type": 1,
    "link": 100,
    "format": 8,
    "uname": 32,
    "gname": 32,
    "devmajor": 8,
    "devminor": 8,
    "prefix": 155,
    "unused": 12,
}


def octal(value: int, width: int) -> bytes:
    return b"%0*o\0" % (width - 1, value)


def octal_space(value: int, width: int) -> bytes:
    return b"%0*o " % (width - 1, value)


def octal_both(value: int, width: int) -> bytes:
    return b"%*o \0" % (width - 2, value)


def base256(value: int, width: int) -> bytes:
    return (value + (0x80 << 8 * (width - 1)) if value >= 0 else value + (1 << 8 * width)).to_bytes(
        width, "big"
    )


class Long(Enum):
    """How a name is stored that need not fit into its field."""

    NO = "in its field"
    PREFIX = "in two fields"
    GNU = "in a member of type L or K"
    PAX = "in a record"


@dataclass(frozen=True, slots=True, kw_only=True)
class TarMember:
    """One member; ``fields`` are raw values that win, ``before`` are raw blocks before it.

    ``size`` is what the header claims where it is not the truth; ``padding`` is what the content's
    begins with.
    """

    name: bytes
    content: bytes = b""
    type: bytes = b"0"
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    uname: bytes = b""
    gname: bytes = b""
    mtime: int = EPOCH
    link: bytes = b""
    format: bytes = USTAR
    device: tuple[int, int] = (0, 0)
    number: Callable[[int, int], bytes] = octal
    long: Long = Long.NO
    long_link: Long = Long.NO
    records: tuple[Record, ...] = ()
    pax_name: bytes = b"PaxHeader"
    before: bytes = b""
    size: int | None = None
    fields: Mapping[str, bytes] = field(default_factory=dict)
    padding: bytes = b""

    def data(self) -> bytes:
        padding = self.padding + bytes(-(len(self.content) + len(self.padding)) % BLOCK)
        return self.before + self._extensions() + self.header() + self.content + padding

    def header(self) -> bytes:
        name, prefix = self.name, b""
        if self.long is Long.PREFIX:
            prefix, _, name = self.name.rpartition(b"/")
        numbers = {
            "mode": self.mode,
            "uid": self.uid,
            "gid": self.gid,
            "size": len(self.content) if self.size is None else self.size,
            "mtime": self.mtime,
            "devmajor": self.device[0],
            "devminor": self.device[1],
        }
        values = {key: self.number(value, TAR_FIELDS[key]) for key, value in numbers.items()} | {
            "name": name[:100],
            "type": self.type,
            "link": self.link[:100],
            "format": self.format,
            "uname": self.uname,
            "gname": self.gname,
            "prefix": prefix,
            **self.fields,
        }
        return summed(
            b"".join(values.get(key, b"").ljust(w, b"\0") for key, w in TAR_FIELDS.items())
        )

    def _extensions(self) -> bytes:
        records, raw = self.records, b""
        for long, key, kind, value in (
            (self.long, b"path", b"L", self.name),
            (self.long_link, b"linkpath", b"K", self.link),
        ):
            if long is Long.PAX:
                records = (*records, (key, value))
            elif long is Long.GNU:
                raw += extension(kind, value + b"\0", b"././@LongLink", GNU)
        return raw + (extension(b"x", pax(*records), self.pax_name) if records else b"")


def summed(header: bytes) -> bytes:
    """A header of 512 bytes with the right checksum; one that is there already stays."""
    if any(header[148:156]):
        return header
    return header[:148] + b"%06o\0 " % (sum(header) + 8 * 0x20) + header[156:]


def extension(kind: bytes, payload: bytes, name: bytes, magic: bytes = USTAR) -> bytes:
    """A header that says something about the next member (x, L, K), or about all others (g)."""
    return TarMember(name=name, content=payload, type=kind, mtime=0, format=magic).data()


def pax(*records: Record) -> bytes:
    """Each record begins with its own length, those digits included."""
    lines = b""
    for key, value in records:
        rest = b" %s=%s\n" % (key, value)
        length = len(rest) + 1
        while len(b"%d%s" % (length, rest)) != length:
            length += 1
        lines += b"%d%s" % (length, rest)
    return lines


@dataclass(frozen=True, slots=True, kw_only=True)
class TarSpec:
    """A compressed tar; ``end`` counts the zeros after the last member, ``after`` follows them."""

    members: tuple[TarMember, ...]
    shared: tuple[Record, ...] = ()
    shared_name: bytes = b"GlobalHead"
    end: int = 2 * BLOCK
    after: bytes = b""
    compression: GzipSpec | OtherSpec = GzipSpec()

    @property
    def suffix(self) -> str:
        return self.compression.suffix

    def plain(self) -> bytes:
        shared = extension(b"g", pax(*self.shared), self.shared_name) if self.shared else b""
        members = b"".join(member.data() for member in self.members)
        return shared + members + bytes(self.end) + self.after

    def data(self) -> bytes:
        return self.compression.data(self.plain())
