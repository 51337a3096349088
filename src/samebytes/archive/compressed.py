"""The compressed stream around a tar: every field of gzip (RFC 1952), the stream of the others."""

from __future__ import annotations

import bz2
import hashlib
import lzma
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from samebytes.archive.damage import damaged
from samebytes.archive.limits import Limits
from samebytes.archive.member import NOTHING, Blob

CHUNK = 256 * 1024
#: Compressed bytes given to zlib at once: what it cannot take yet, it copies.
_INPUT = 32 * 1024
#: Of what is compressed, and of what that became, this much is kept to recognise the compressor.
SAMPLE_PLAIN, SAMPLE_STREAM = 128 * 1024, 32 * 1024

#: Flags of a gzip header (RFC 1952, 2.3.1).
FHCRC, FEXTRA, FNAME, FCOMMENT = 2, 4, 8, 16
_RESERVED = 0xE0
_LONGEST_FIELD = 64 * 1024
_MOST_GZIP_MEMBERS = 65_536
_XZ_MEMORY = 256 * 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class GzipMember:
    """One member of a gzip file: header fields, digest of the deflate stream, size unpacked."""

    flags: int
    mtime: int
    xfl: int
    os: int
    extra: bytes | None
    name: bytes | None
    comment: bytes | None
    header: bytes
    stream: Blob
    size: int


@dataclass(slots=True, kw_only=True)
class Gzip:
    """A gzip file: its members, and samples from the beginning of the first."""

    members: list[GzipMember]
    method: str = "gzip"
    trailing: Blob = NOTHING
    trailing_is_zero: bool = True
    sample_plain: bytes = b""
    sample_stream: bytes = b""


@dataclass(slots=True, kw_only=True)
class OtherStream:
    """A bzip2 or xz file: its streams as one, and how many they are."""

    method: str
    stream: Blob = NOTHING
    streams: int = 0
    trailing: Blob = NOTHING
    trailing_is_zero: bool = False


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Input:
    """A file read in chunks; what was read too far can be given back."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._buffer = b""
        self._position = 0

    def chunk(self) -> bytes:
        """Some bytes; none at the end."""
        if self._position == len(self._buffer):
            self._buffer, self._position = self._file.read(_INPUT), 0
        data = self._buffer[self._position :]
        self._position = len(self._buffer)
        return data

    def give_back(self, data: bytes) -> None:
        """The end of the last chunk was not needed."""
        self._position -= len(data)

    def peek(self, size: int) -> bytes:
        while len(self._buffer) - self._position < size and (more := self._file.read(_INPUT)):
            self._buffer = self._buffer[self._position :] + more
            self._position = 0
        return self._buffer[self._position : self._position + size]

    def take(self, size: int) -> bytes:
        data = self.peek(size)
        self._position += len(data)
        return data

    def remainder(self) -> tuple[Blob, bool]:
        """All that is left, and whether it is zeros."""
        digest, size, zero = hashlib.sha256(), 0, True
        while data := self.chunk():
            digest.update(data)
            size += len(data)
            zero = zero and not any(data)
        return Blob(size, digest.hexdigest()), zero


def gzip_chunks(file: BinaryIO, path: Path, limits: Limits, facts: Gzip) -> Iterator[bytes]:
    """What a gzip file holds, in chunks of at most 256 KiB; ``facts`` is filled on the way.

    Raises ArtifactError if the file is not gzip, is damaged, or is over the limits.
    """
    source = _Input(file)
    total = 0
    while True:
        header = _gzip_header(source, path)
        inflate, digest = zlib.decompressobj(-zlib.MAX_WBITS), hashlib.sha256()
        size = crc = packed = 0
        while not inflate.eof:
            data = inflate.unconsumed_tail or source.chunk()
            if not data:
                raise damaged(path, "it ends too early")
            plain = inflate.decompress(data, CHUNK)
            # At the end of the stream, zlib names the rest twice.
            rest = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
            used = data[: len(data) - len(rest)]
            digest.update(used)
            packed += len(used)
            if not facts.members and len(facts.sample_plain) < SAMPLE_PLAIN:
                facts.sample_plain += plain
                facts.sample_stream += used[: SAMPLE_STREAM - len(facts.sample_stream)]
            crc = zlib.crc32(plain, crc)
            size += len(plain)
            limits.check(path, size=total + size)
            if plain:
                yield plain
        source.give_back(inflate.unused_data)
        trailer = source.take(8)
        if len(trailer) < 8:
            raise damaged(path, "it ends too early")
        if trailer != struct.pack("<II", crc, size & 0xFFFFFFFF):
            raise damaged(path, "its contents do not have the checksum at its end")
        total += size
        facts.members.append(header(Blob(packed, digest.hexdigest()), size))
        if len(facts.members) > _MOST_GZIP_MEMBERS:
            raise damaged(path, f"it has more than {_MOST_GZIP_MEMBERS:,} gzip members")
        if source.peek(2) != b"\x1f\x8b":
            facts.trailing, facts.trailing_is_zero = source.remainder()
            return


class _HeaderFields(Protocol):
    def __call__(self, stream: Blob, size: int) -> GzipMember: ...


def _gzip_header(source: _Input, path: Path) -> _HeaderFields:
    fixed = source.take(10)
    if len(fixed) < 10:
        raise damaged(path, "it ends too early")
    magic, method, flags, mtime, xfl, system = struct.unpack("<2sBBIBB", fixed)
    if magic != b"\x1f\x8b" or method != 8:
        raise damaged(path, f"it is not a gzip file: {_looks_like(fixed)}")
    if flags & _RESERVED:
        raise damaged(path, "its gzip header has flags of unknown meaning")
    raw, extra, name, comment = fixed, None, None, None
    if flags & FEXTRA:
        length = source.take(2)
        extra = source.take(int.from_bytes(length, "little"))
        raw += length + extra
    if flags & FNAME:
        name = _until_nul(source, path)
        raw += name + b"\0"
    if flags & FCOMMENT:
        comment = _until_nul(source, path)
        raw += comment + b"\0"
    if flags & FHCRC:
        stored = source.take(2)
        if stored != struct.pack("<H", zlib.crc32(raw) & 0xFFFF):
            raise damaged(path, "its gzip header does not have its own checksum")
        raw += stored

    def member(stream: Blob, size: int) -> GzipMember:
        return GzipMember(
            flags=flags,
            mtime=mtime,
            xfl=xfl,
            os=system,
            extra=extra,
            name=name,
            comment=comment,
            header=raw,
            stream=stream,
            size=size,
        )

    return member


def _until_nul(source: _Input, path: Path) -> bytes:
    data = source.peek(_LONGEST_FIELD)
    text, nul, _ = data.partition(b"\0")
    if not nul:
        raise damaged(path, "a name in its gzip header has no end")
    source.take(len(text) + 1)
    return text


def other_chunks(file: BinaryIO, path: Path, limits: Limits, facts: OtherStream) -> Iterator[bytes]:
    """What a bzip2 or xz file holds, in chunks of at most 256 KiB.

    Raises ArtifactError, OSError without a number, or lzma.LZMAError if the file is damaged.
    """
    magic = {"bzip2": b"BZh", "xz": b"\xfd7zXZ\0"}[facts.method]
    source, digest, size, packed = _Input(file), hashlib.sha256(), 0, 0
    if not (found := source.peek(6)).startswith(magic):
        raise damaged(path, f"it is not a {facts.method} file: {_looks_like(found)}")
    while source.peek(len(magic)) == magic:
        decompress = _decompressor(facts.method)
        while not decompress.eof:
            data = source.chunk() if decompress.needs_input else b""
            if decompress.needs_input and not data:
                raise damaged(path, "it ends too early")
            plain = decompress.decompress(data, CHUNK)
            used = data[: len(data) - len(decompress.unused_data)] if decompress.eof else data
            digest.update(used)
            packed += len(used)
            size += len(plain)
            limits.check(path, size=size)
            if plain:
                yield plain
        source.give_back(decompress.unused_data)
        facts.streams += 1
    facts.stream = Blob(packed, digest.hexdigest())
    facts.trailing, _ = source.remainder()  # not even zeros may follow


def _decompressor(method: str) -> _Decompressor:
    if method == "bzip2":
        return bz2.BZ2Decompressor()
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)


def _looks_like(beginning: bytes) -> str:
    for magic, text in (
        (b"PK", "it begins as a zip file"),
        (b"\x1f\x8b", "it begins as a gzip file"),
        (b"BZh", "it begins as a bzip2 file"),
        (b"\xfd7zXZ", "it begins as an xz file"),
    ):
        if beginning.startswith(magic):
            return text
    return f"it begins with {beginning[:6].hex(' ') or 'nothing'}"
