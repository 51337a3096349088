"""Reading a tar (POSIX ustar and pax, GNU, V7) with every byte of it accounted for.

What two unpackers could take for two different things is refused, not interpreted.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from samebytes.archive.damage import damaged
from samebytes.archive.limits import Limits
from samebytes.archive.member import (
    NOTHING,
    Blob,
    Extension,
    Found,
    Member,
    MemberType,
    TarHeader,
)
from samebytes.archive.pax import RESHAPING, pax_records

BLOCK = 512
_ZERO_BLOCK = bytes(BLOCK)
_LARGEST_MODE = 0o7777777
#: Of an owner, a time, a size or a device; some programs fail on larger ones.
_LARGEST_NUMBER = 2**40
#: Bytes of one extension; a path or a label has no need of more.
_LONGEST_EXTENSION = 1024 * 1024
_AT_ONCE = 1024 * 1024
#: What a PAX record takes in memory, however short it is, in bytes.
_RECORD = 256

#: Where each field of a header lies (POSIX.1-2017, pax, "ustar Interchange Format").
FIELDS: Mapping[str, slice] = {
    "name": slice(0, 100),
    "mode": slice(100, 108),
    "uid": slice(108, 116),
    "gid": slice(116, 124),
    "size": slice(124, 136),
    "mtime": slice(136, 148),
    "checksum": slice(148, 156),
    "type": slice(156, 157),
    "link": slice(157, 257),
    "format": slice(257, 265),
    "uname": slice(265, 297),
    "gname": slice(297, 329),
    "devmajor": slice(329, 337),
    "devminor": slice(337, 345),
    "prefix": slice(345, 500),
    "unused": slice(500, 512),
}

_NUMBERS = tuple(
    FIELDS[name] for name in ("mode", "uid", "gid", "size", "mtime", "devmajor", "devminor")
)
#: The same as nearly all are, for they are many.
_USUAL = re.compile(rb"([0-7]{7}[ \0]){3}([0-7]{11}[ \0]){2}([0-7]{7}[ \0]|\0{8}){2}")
#: Unpackers give a hard link's mode to the file that it leads to.
_WITH_MODE = (MemberType.FILE, MemberType.HARD_LINK)
_TYPES = {
    b"0": MemberType.FILE,
    b"\0": MemberType.FILE,
    b"7": MemberType.FILE,
    b"1": MemberType.HARD_LINK,
    b"2": MemberType.LINK,
    b"3": MemberType.DEVICE,
    b"4": MemberType.DEVICE,
    b"5": MemberType.FOLDER,
    b"6": MemberType.DEVICE,
}
#: Headers that may stand before a member, and their order: programs disagree on all others.
_ORDERS = re.compile(rb"g*(x|LK?|KL?)?")
_MOST_EXTENSIONS = 8
_EXTENSIONS = (b"x", b"g", b"L", b"K")


@dataclass(frozen=True, slots=True, kw_only=True)
class TarEnd:
    """What follows the last member: zeros, and anything else."""

    zeros: int = 0
    trailing: Blob = NOTHING


@dataclass(slots=True)
class _Plain:
    """The tar's bytes, from chunks, as many at a time as are asked for."""

    path: Path
    chunks: Iterator[bytes]
    _buffer: bytes = b""
    _position: int = 0

    def upto(self, size: int) -> bytes:
        """The next bytes, fewer only at the end."""
        if len(self._buffer) - self._position < size:
            parts = [self._buffer[self._position :]]
            missing = size - len(parts[0])
            self._buffer = b""
            while missing > 0 and (more := next(self.chunks, b"")):
                parts.append(more)
                missing -= len(more)
            self._buffer, self._position = b"".join(parts), 0
        data = self._buffer[self._position : self._position + size]
        self._position += len(data)
        return data

    def take(self, size: int) -> bytes:
        data = self.upto(size)
        if len(data) < size:
            raise damaged(self.path, "it ends in the middle of a member")
        return data


class _Entry(NamedTuple):
    """A member before its content is read."""

    name: str
    type: MemberType
    size: int
    mode: int
    link: str
    records: Mapping[str, bytes]


@dataclass(slots=True)
class TarReader:
    """Walks through a tar once; ``end`` is there when it has come to the end."""

    path: Path
    chunks: Iterator[bytes]
    limits: Limits
    end: TarEnd = field(default_factory=TarEnd)

    def members(self, wanted: Callable[[int, str, int], bool]) -> Iterator[Found]:
        """Every member, in order, and the content of the files that are ``wanted``.

        ``wanted`` is asked with a member's number, name and size (bytes). Raises ArtifactError if
        the tar is damaged, ambiguous or over the limits.
        """
        plain = _Plain(self.path, self.chunks)
        shared: dict[str, bytes] = {}
        size = headers = count = 0
        extensions: list[Extension] = []
        while (raw := plain.upto(BLOCK)) and raw != _ZERO_BLOCK:
            self._check_header(raw)
            headers += BLOCK
            if (kind := raw[FIELDS["type"]]) in _EXTENSIONS:
                extension = self._extension(kind, raw, plain)
                headers += len(extension.payload) + _RECORD * len(extension.records)
                if kind == b"g":
                    shared = {**shared, **extension.records}
                extensions.append(extension)
                order = b"".join(each.type for each in extensions)
                if len(order) > _MOST_EXTENSIONS or not _ORDERS.fullmatch(order):
                    raise damaged(self.path, "programs disagree on the headers before a member")
                self.limits.check(self.path, headers=headers)
            else:
                entry = _entry(self.path, raw, extensions, shared)
                size += entry.size
                headers += _RECORD * len(entry.records) * (entry.records is not shared)
                self.limits.check(self.path, members=count + 1, size=size, headers=headers)
                keep = wanted(count, entry.name, entry.size)
                member, content = _member(entry, raw, tuple(extensions), plain, keep=keep)
                yield Found(count, member, content)
                extensions.clear()
                count += 1
        if extensions or not count:
            raise damaged(self.path, "its tar ends without a member")
        self.end = _end(plain, raw)

    def _check_header(self, raw: bytes) -> None:
        if len(raw) < BLOCK:
            raise damaged(self.path, "it ends in the middle of a header")
        stored = number(raw[FIELDS["checksum"]])
        if stored != _unsigned_sum(raw) and stored != _signed_sum(raw):
            raise damaged(self.path, f"a header of its tar is damaged: {raw[:100]!r:.120}")
        numbers = raw[100:148] + raw[329:345]
        if not _USUAL.fullmatch(numbers) and not all(_is_sane(raw[each]) for each in _NUMBERS):
            raise damaged(self.path, f"a field of its tar is not a number: {raw[:100]!r:.120}")

    def _extension(self, kind: bytes, raw: bytes, plain: _Plain) -> Extension:
        size = number(raw[FIELDS["size"]])
        if size is None or not 0 <= size <= _LONGEST_EXTENSION:
            raise damaged(self.path, f"a header of its tar has a size of {size}")
        payload, padding = plain.take(size), plain.take(-size % BLOCK)
        if padding.strip(b"\0"):
            raise damaged(self.path, "bytes are hidden in the padding of a header of its tar")
        hidden = raw[FIELDS["link"]] + raw[FIELDS["unused"]] + raw[FIELDS["prefix"]]
        if hidden.strip(b"\0"):
            raise damaged(self.path, "bytes are hidden in a header of its tar")
        records = pax_records(self.path, payload) if kind in (b"x", b"g") else {}
        if kind == b"g" and records.keys() & RESHAPING:
            raise damaged(self.path, "a global header gives all its members one name or size")
        return Extension(type=kind, raw=raw, payload=payload, records=records)


def _is_sane(raw: bytes) -> bool:
    value = number(raw)
    lowest = -_LARGEST_NUMBER if len(raw) == 12 else 0  # a time may be before 1970
    return value is not None and lowest <= value <= _LARGEST_NUMBER


@lru_cache(4096)
def number(raw: bytes) -> int | None:
    """A numeric field: octal digits, or base 256 (GNU); None if it is neither."""
    if raw[0] in (0x80, 0xFF):
        value = int.from_bytes(raw[1:], "big")
        return value if raw[0] == 0x80 else value - (1 << 8 * (len(raw) - 1))
    digits = raw.strip(b" \0")
    if digits.translate(None, b"01234567") or (digits and b"\0" in raw[: raw.find(digits)]):
        return None
    return int(digits or b"0", 8)


def text(raw: bytes) -> str:
    """A field of text, which ends at the first NUL."""
    return raw.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _entry(
    path: Path, raw: bytes, extensions: Sequence[Extension], shared: Mapping[str, bytes]
) -> _Entry:
    records = shared
    for extension in extensions:
        if extension.type == b"x":
            records = {**records, **extension.records}
    name = _overridden(path, "path", b"L", extensions) or _own_name(path, raw)
    kind = _type(path, raw, name)
    link = ""
    if kind in (MemberType.LINK, MemberType.HARD_LINK):
        link = _overridden(path, "linkpath", b"K", extensions) or text(raw[FIELDS["link"]])
    elif kind is MemberType.DEVICE:
        numbers = (number(raw[FIELDS[field]]) for field in ("type", "devmajor", "devminor"))
        link = "type {}, device {}, {}".format(*numbers)
    size, mode = number(raw[FIELDS["size"]]), number(raw[FIELDS["mode"]])
    if "size" in records:
        size = int(records["size"])
    if size is None or size < 0 or mode is None or not 0 <= mode <= _LARGEST_MODE:
        raise damaged(path, f"size or mode of {name!r:.200} is not a number")
    if not (raw[FIELDS["size"]].strip(b" \0") and raw[FIELDS["mode"]].strip(b" \0")):
        raise damaged(path, f"{name!r:.200} has no size, or no mode")
    if kind is not MemberType.FILE and size:
        raise damaged(path, f"{name!r:.200} is a {kind} and has a content")
    return _Entry(checked_name(path, name), kind, size, mode, link, records)


def _type(path: Path, raw: bytes, name: str) -> MemberType:
    field = raw[FIELDS["type"]]
    kind = _TYPES.get(field)
    if kind is None:
        raise damaged(path, f"{name!r:.200} is of a type that sdists do not hold")
    if kind is MemberType.FOLDER:
        return kind
    # Of this type is what old programs wrote, folders too. Of the name in the header and the one
    # that overrules it, which may be longer, some look at the one, some at the other.
    old = field == b"\0"
    is_named = name.endswith("/")
    if not is_named and not (old and text(raw[FIELDS["name"]]).endswith("/")):
        return kind
    if old and is_named and name == _own_name(path, raw):
        return MemberType.FOLDER
    raise damaged(path, f"{name!r:.200} has the name of a folder and is none")


def _member(
    entry: _Entry, raw: bytes, extensions: tuple[Extension, ...], plain: _Plain, *, keep: bool
) -> tuple[Member, bytes]:
    """The member with the digest of its content, which is read here, and kept if it should be."""
    kept = padding = b""
    content = NOTHING
    if entry.size:
        if entry.size <= _AT_ONCE:
            data = plain.take(entry.size + -entry.size % BLOCK)
            kept, padding = data[: entry.size], data[entry.size :]
            sha256 = hashlib.sha256(kept).hexdigest()
        else:
            kept, sha256 = _long_content(plain, entry.size, keep=keep)
            padding = plain.take(-entry.size % BLOCK)
        content = Blob(entry.size, sha256)
    member = Member(
        name=entry.name,
        type=entry.type,
        content=content,
        mode=entry.mode,
        executable_for=_executable_for(entry.mode) if entry.type in _WITH_MODE else (),
        link=entry.link,
        header=TarHeader(
            raw=raw,
            extensions=extensions,
            records=entry.records,
            padding=padding if padding.strip(b"\0") else b"",
        ),
    )
    return member, kept if keep else b""


@lru_cache(64)
def _executable_for(mode: int) -> tuple[str, ...]:
    """Who makes an executable file of it: some look at the owner's bit (PEP 706), some at any."""
    rules = (
        ("programs that look at the owner", mode & 0o100),
        ("programs that look at all", mode & 0o111),
        ("another user, as setuid or setgid", mode & 0o7000),
    )
    return tuple(name for name, applies in rules if applies)


def _long_content(plain: _Plain, size: int, *, keep: bool) -> tuple[bytes, str]:
    digest, kept = hashlib.sha256(), []
    while size:
        data = plain.take(min(size, _AT_ONCE))
        digest.update(data)
        size -= len(data)
        if keep:
            kept.append(data)
    return b"".join(kept), digest.hexdigest()


def _overridden(path: Path, key: str, gnu: bytes, extensions: Sequence[Extension]) -> str | None:
    """The long name that extensions give, if any does; never more than one."""
    if not extensions:
        return None
    found = [
        extension.records[key] if extension.type == b"x" else extension.payload.rstrip(b"\0")
        for extension in extensions
        if extension.type == gnu or (extension.type == b"x" and key in extension.records)
    ]
    if len(found) > 1 or any(not name or b"\0" in name for name in found):
        raise damaged(path, "a member of its tar has two names, or none")
    return found[0].decode("utf-8", "surrogateescape") if found else None


def _own_name(path: Path, raw: bytes) -> str:
    name, prefix = text(raw[FIELDS["name"]]), raw[FIELDS["prefix"]]
    if not prefix.strip(b"\0"):
        return name
    if not raw.startswith(b"ustar\0", 257):
        raise damaged(path, f"{name!r:.200} has fields that tar programs read differently")
    return f"{text(prefix)}/{name}"


def checked_name(path: Path, name: str) -> str:
    """The name without the slash that ends a folder's.

    Raises ArtifactError if it is empty, absolute, has a NUL, or would leave the folder.
    """
    stripped = name.rstrip("/")
    leaves = ".." in name and ".." in name.split("/")
    if not stripped or name.startswith("/") or "\0" in name or leaves:
        raise damaged(path, f"a member's name could reach outside of its folder: {name!r:.200}")
    return stripped


def _unsigned_sum(raw: bytes) -> int:
    """The checksum of a header, which counts its own field as eight spaces."""
    own = 8 * 0x20 - sum(raw[FIELDS["checksum"]])
    if raw.count(0) >= BLOCK // 2:  # then the sum is less than Adler-32's modulus
        return (zlib.adler32(raw, 0) & 0xFFFF) + own
    return sum(raw) + own


def _signed_sum(raw: bytes) -> int:
    """The checksum as some old programs computed it, with signed bytes."""
    field = raw[FIELDS["checksum"]]
    data = raw[:148] + b" " * len(field) + raw[156:]
    return sum(data) - 256 * sum(byte > 127 for byte in data)


def _end(plain: _Plain, first: bytes) -> TarEnd:
    """What is left: zeros, or bytes that some program might take for more members."""
    zeros = len(first)
    digest, size = hashlib.sha256(), 0
    while data := plain.upto(_AT_ONCE):
        if not size:
            rest = data.lstrip(b"\0")
            zeros += len(data) - len(rest)
            data = rest
        digest.update(data)
        size += len(data)
    return TarEnd(zeros=zeros, trailing=Blob(size, digest.hexdigest()))
