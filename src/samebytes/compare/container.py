"""How what is around the members differs: compression, the archive's own records, order."""

from __future__ import annotations

import bz2
import lzma
import struct
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, Protocol

from samebytes.archive.artifact import Artifact, Tarball, Zipfile
from samebytes.archive.compressed import Gzip, GzipMember, OtherStream
from samebytes.archive.member import Blob, Member, MemberType, ZipHeader
from samebytes.compare.model import Difference
from samebytes.compare.pairing import Pairing, moved
from samebytes.compare.tar_fields import moment

_OWN_FLAGS = 0xFF & ~(4 | 8 | 16)  # the others say which fields there are
_SURE = 256  # bytes
_LEVELS = {2: (9, 8, 7, 6, 5), 4: (1, 2, 3), 0: (6, 5, 4, 7, 8, 3, 2, 9, 1)}


class Compressor(Protocol):
    """What zlib, bz2 and lzma give to compress piece by piece."""

    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


def tarball_differences(one: Tarball, two: Tarball, *, same_tar: bool) -> Iterator[Difference]:
    """How two compressed tars differ around the tar and at its end."""
    compressions = one.compression, two.compression
    match compressions:
        case Gzip() as first, Gzip() as second:
            yield from _gzip(first, second, same_tar=same_tar)
        case OtherStream() as first, OtherStream() as second:
            if first.streams != second.streams:
                yield Difference.of("gzip-members", None, first.streams, second.streams)
            elif same_tar and first.stream != second.stream:
                yield _sized("compressed-stream", first.stream, second.stream)
        case _:
            pass
    if compressions[0].trailing != compressions[1].trailing:
        zero = all(each.trailing_is_zero for each in compressions)
        kind = "gzip-padding" if zero else "gzip-trailing"
        yield _sized(kind, compressions[0].trailing, compressions[1].trailing)
    ends = one.end, two.end
    if ends[0].trailing != ends[1].trailing:
        yield _sized("tar-trailing", ends[0].trailing, ends[1].trailing)
    if ends[0].zeros != ends[1].zeros:
        yield Difference.of("tar-end", None, *(f"{each.zeros:,} bytes" for each in ends))


def _gzip(first: Gzip, second: Gzip, *, same_tar: bool) -> Iterator[Difference]:
    counts = len(first.members), len(second.members)
    if counts[0] != counts[1]:
        yield Difference.of("gzip-members", None, *counts)
    elif [m.size for m in first.members[:-1]] != [m.size for m in second.members[:-1]]:
        yield Difference.of("gzip-members", None, "other parts", "other parts")
    for number, (one, two) in enumerate(zip(first.members, second.members, strict=False)):
        field = f"gzip member {number + 1}" if number else ""
        yield from _gzip_header(one, two, field)
        if (
            same_tar
            and counts[0] == counts[1]
            and one.size == two.size
            and one.stream != two.stream
        ):
            yield Difference.of("deflate-stream", None, *_compressors(first, second), field)
    if not same_tar and not _may_be_same_compressor(first, second):
        yield Difference.of("deflate-stream", None, *_compressors(first, second))


def _gzip_header(one: GzipMember, two: GzipMember, field: str) -> Iterator[Difference]:
    fields: Sequence[tuple[str, tuple[Any, Any], Callable[[Any], str]]] = (
        ("mtime", (one.mtime, two.mtime), _gzip_time),
        ("name", (one.name, two.name), _shown),
        ("comment", (one.comment, two.comment), _shown),
        ("extra", (one.extra, two.extra), _shown),
        ("flags", (one.flags & _OWN_FLAGS, two.flags & _OWN_FLAGS), hex),
        ("xfl", (one.xfl, two.xfl), str),
        ("os", (one.os, two.os), str),
    )
    for kind, values, show in fields:
        if values[0] != values[1]:
            shown = show(values[0]), show(values[1])
            yield Difference.of(f"gzip-header-{kind}", None, *shown, field)


def _gzip_time(seconds: int) -> str:
    return moment(seconds) if seconds else "none"


def _shown(raw: bytes | None) -> str:
    return "none" if raw is None else repr(raw)[1:]


def _sized(kind: str, one: Blob, two: Blob) -> Difference:
    values = [f"{blob.size:,} bytes, SHA-256 {blob.sha256[:12]}" for blob in (one, two)]
    return Difference.of(kind, None, values[0], values[1])


def levels_of(gzip: Gzip) -> Iterator[int]:
    """Levels of this machine's zlib that give the beginning of the stream, the likeliest first."""
    for level in _LEVELS.get(gzip.members[0].xfl, _LEVELS[0]):
        if _begins(gzip, level):
            yield level


def is_surely_zlib(gzip: Gzip) -> bool:
    """Whether a level gives so much of the stream that no other compressor made it."""
    return any((_common(gzip, level) or 0) >= _SURE for level in levels_of(gzip))


def _begins(gzip: Gzip, level: int) -> bool:
    return _common(gzip, level) is not None


def _common(gzip: Gzip, level: int) -> int | None:
    """How many bytes the beginnings of both streams have, if they are the same: perhaps none."""
    deflate = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    made = deflate.compress(gzip.sample_plain)
    member = gzip.members[0]
    if len(gzip.sample_plain) == member.size:
        made += deflate.flush()
        if len(made) != member.stream.size:
            return None
    common = min(len(made), len(gzip.sample_stream))
    return common if made[:common] == gzip.sample_stream[:common] else None


def _may_be_same_compressor(first: Gzip, second: Gzip) -> bool:
    """Whether nothing shows that two streams of different data are of two compressors."""
    one = list(levels_of(first))
    if any(_begins(second, level) for level in one):
        return True
    return not one and next(levels_of(second), None) is None


def _compressors(first: Gzip, second: Gzip) -> tuple[str, str]:
    names = []
    for gzip in (first, second):
        level = next(levels_of(gzip), None)
        size = sum(member.stream.size for member in gzip.members)
        by = "another compressor" if level is None else f"as zlib level {level}"
        names.append(f"{by}, {size:,} bytes")
    return names[0], names[1]


def candidates(compression: Gzip | OtherStream) -> Iterator[tuple[str, Callable[[], Compressor]]]:
    """Compressors of this machine that may have made a stream: their names and how to start one."""
    match compression:
        case Gzip(members=[_]):
            for level in levels_of(compression):
                name = f"zlib {zlib.ZLIB_RUNTIME_VERSION}, level {level}"
                yield name, partial(zlib.compressobj, level, zlib.DEFLATED, -zlib.MAX_WBITS)
        case OtherStream(method="bzip2"):
            yield "bzip2, level 9", bz2.BZ2Compressor
        case OtherStream(method="xz"):
            yield "xz, preset 6", lzma.LZMACompressor
        case _:
            pass


def zip_differences(one: Zipfile, two: Zipfile) -> Iterator[Difference]:
    """How two zips differ outside of their members."""
    ends = one.end, two.end
    if ends[0].comment != ends[1].comment:
        yield Difference.of("zip-comment", None, *(_shown(each.comment) for each in ends))
    if ends[0].trailing != ends[1].trailing:
        yield _sized("zip-trailing", ends[0].trailing, ends[1].trailing)
    if ends[0].gap != ends[1].gap:
        yield _sized("zip-gap", ends[0].gap, ends[1].gap)
    records = [end_style(each.record) for each in ends]
    if records[0] != records[1]:
        yield Difference.of("zip-end", None, *(_end_name(each.record) for each in ends))


def end_style(record: bytes) -> tuple[bytes, tuple[bool, ...]]:
    """What of the end of a zip does not follow from its members: the zip64 part, what is full."""
    classic = record[-22:]
    fields = struct.unpack("<4xHHHHLLH", classic)
    full = tuple(value == limit for value, limit in zip(fields, _FULL, strict=False))
    wide = bytearray(record[:-22])
    if len(wide) >= 76:
        wide[24:56] = bytes(32)  # counts, size and offset of the directory
        wide[-12:-4] = bytes(8)  # offset of the record itself
    return bytes(wide), full


_FULL = (0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)


def _end_name(record: bytes) -> str:
    return "zip64" if len(record) > 22 else "classic"


def order_differences(first: Artifact, second: Artifact, pairing: Pairing) -> Iterator[Difference]:
    """Whether the members stand in another order, and zip data in another than its directory."""
    numbers = [number for _, number in pairing.pairs]
    decides = _order_decides(first) or _order_decides(second)
    if count := moved(numbers):
        kind = "link-order" if decides else "member-order"
        values = _order(first.members, second.members), _order(second.members, first.members)
        yield Difference.of(kind, None, *values, f"{count:,} members elsewhere")
    if not isinstance(first.container, Zipfile) or not isinstance(second.container, Zipfile):
        return
    layouts = [
        layout(artifact.members[number] for number in sorted(pair[side] for pair in pairing.pairs))
        for side, artifact in enumerate((first, second))
    ]
    if layouts[0] != layouts[1]:
        how = ["as listed" if each == sorted(each) else "another order" for each in layouts]
        yield Difference.of("link-order" if decides else "zip-layout", None, how[0], how[1])


def _order_decides(artifact: Artifact) -> bool:
    """Whether unpacking in another order may give something else: links, or one path twice.

    Paths are one where some file system takes them for one.
    """
    if any(member.type in (MemberType.LINK, MemberType.HARD_LINK) for member in artifact.members):
        return True
    return len({_folded(member.name) for member in artifact.members}) < len(artifact.members)


def _folded(name: str) -> str:
    if "/." in name or "//" in name or name.startswith("./"):
        name = "/".join(part for part in name.split("/") if part not in ("", "."))
    return name.lower() if name.isascii() else unicodedata.normalize("NFKC", name.casefold())


def layout(members: Iterable[Member]) -> list[int]:
    """Of members in the directory's order, the places in the order in which their data lie."""
    positions = [
        member.header.position for member in members if isinstance(member.header, ZipHeader)
    ]
    rank = {position: place for place, position in enumerate(sorted(positions))}
    return [rank[position] for position in positions]


def _order(members: Sequence[Member], others: Sequence[Member]) -> str:
    """The rule that an order follows, if it is a known one; else where it leaves the other's."""
    names = [member.name for member in members]
    if _ascending(names):
        return "sorted by name"
    if _ascending([name.split("/") for name in names]):
        return "sorted by folder"
    if _ascending([(name.count("/"), name) for name in names]):
        return "sorted by depth"
    differing = (
        one.name for one, two in zip(members, others, strict=False) if one.name != two.name
    )
    return f"not sorted: {next(differing, names[-1]).rpartition('/')[2]} before others"


def _ascending(keys: Sequence[object]) -> bool:
    return all(one <= two for one, two in pairwise(keys))  # type: ignore[operator]
