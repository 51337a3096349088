"""The residual-free rule: corrections applied to the second artifact give the first, byte for byte.

Nothing is written. Headers are made from the second's by the corrections and compared as bytes with
the first's; contents are compared by size and SHA-256; a compressed stream is made again, or taken
from the first, which a reported difference then says.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from samebytes.archive.artifact import Artifact, Tarball, Zipfile, is_same_tar, plain_chunks
from samebytes.archive.compressed import (
    FCOMMENT,
    FEXTRA,
    FHCRC,
    FNAME,
    Gzip,
    GzipMember,
    OtherStream,
)
from samebytes.archive.deflate import NAME
from samebytes.archive.limits import Limits
from samebytes.archive.member import Blob, TarHeader, zip_header
from samebytes.compare import tar_fields, zip_fields
from samebytes.compare.canonical import is_canonical_gzip
from samebytes.compare.container import candidates, end_style, layout
from samebytes.compare.correction import Correction, corrected
from samebytes.compare.pairing import Pairing


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """That the second artifact, corrected, is the first.

    ``corrections`` are by the number of the first's member; ``reported`` are the ids of all
    differences, those of the archives as wholes included, whose parts are taken from the first.
    Both artifacts have the same members with the same contents.
    """

    first: Artifact
    second: Artifact
    pairing: Pairing
    corrections: Mapping[int, list[Correction]]
    reported: frozenset[str]


def residual(claim: Claim) -> str | None:
    """Where the corrected second is not the first; None if it is nowhere."""
    if "member-order" not in claim.reported and not _is_ascending(claim.pairing):
        return "the order of the members"
    is_zip = isinstance(claim.first.container, Zipfile)
    return _zip_residual(claim) if is_zip else _tar_residual(claim)


def _tar_residual(claim: Claim) -> str | None:
    first, second, reported = claim.first, claim.second, claim.reported
    for number, other in claim.pairing.pairs:
        mine, theirs = first.members[number], second.members[other]
        assert isinstance(mine.header, TarHeader)
        assert isinstance(theirs.header, TarHeader)
        if mine.content != theirs.content:
            return f"the content of {mine.name!r}"
        wanted = mine.header
        slots = corrected(
            tar_fields.slots_of(wanted),
            tar_fields.slots_of(theirs.header),
            claim.corrections.get(number, []),
        )
        extensions = tuple((each.raw, each.payload) for each in wanted.extensions)
        if tar_fields.encoded(slots) != (wanted.raw, extensions, wanted.padding):
            return f"the header of {mine.name!r}"
    one, two = first.container, second.container
    assert isinstance(one, Tarball)
    assert isinstance(two, Tarball)
    if "tar-end" not in reported and one.end != two.end:
        return "the end of the tar"
    return _compression_residual(one, two, reported, same_tar=is_same_tar(first, second))


def _compression_residual(
    one: Tarball, two: Tarball, reported: frozenset[str], *, same_tar: bool
) -> str | None:
    """What of the compressed file, but for its streams, the corrections do not give."""
    first, second = one.compression, two.compression
    if "gzip-padding" not in reported and first.trailing != second.trailing:
        return "the end of the file"
    if isinstance(first, OtherStream):
        return None  # whose headers are part of the stream
    assert isinstance(second, Gzip)
    for mine, theirs in zip(first.members, second.members, strict=True):
        if _gzip_header(mine, theirs, reported) != mine.header:
            return "the header of gzip"
        is_kept = same_tar and "deflate-stream" not in reported
        if is_kept and mine.stream != theirs.stream:
            return "the deflate stream"
    return None


def _gzip_header(mine: GzipMember, theirs: GzipMember, reported: frozenset[str]) -> bytes:
    """The second's header, with the first's fields where a difference says so (RFC 1952, 2.3)."""

    def source(field: str) -> GzipMember:
        return mine if f"gzip-header-{field}" in reported else theirs

    extra, name, comment = source("extra").extra, source("name").name, source("comment").comment
    own = source("flags").flags & ~(FEXTRA | FNAME | FCOMMENT)
    flags = own | (
        (extra is not None) * FEXTRA | (name is not None) * FNAME | (comment is not None) * FCOMMENT
    )
    header = b"\x1f\x8b" + struct.pack(
        "<BBLBB", 8, flags, source("mtime").mtime, source("xfl").xfl, source("os").os
    )
    if extra is not None:
        header += struct.pack("<H", len(extra)) + extra
    header += b"".join(text + b"\0" for text in (name, comment) if text is not None)
    if flags & FHCRC:
        header += struct.pack("<H", zlib.crc32(header) & 0xFFFF)
    return header


def _zip_residual(claim: Claim) -> str | None:
    """Lay the corrected members out as in the first, and compare every header that gives."""
    first, second, pairing = claim.first, claim.second, claim.pairing
    members = [first.members[number] for number, _ in pairing.pairs]
    others = [second.members[number] for number in sorted(other for _, other in pairing.pairs)]
    if "zip-layout" not in claim.reported and layout(members) != layout(others):
        return "the layout of the zip"
    partners = {number: second.members[other] for number, other in pairing.pairs}
    end = 0
    for number, mine in sorted(
        enumerate(first.members), key=lambda each: zip_header(each[1]).position
    ):
        header = zip_header(mine)
        partner = partners.get(number, mine)  # entries for folders are taken as they are
        slots = corrected(
            zip_fields.slots_of(mine),
            zip_fields.slots_of(partner),
            claim.corrections.get(number, []),
        )
        gap: Blob = slots["gap"]
        local, descriptor, central = zip_fields.encoded(slots, end + gap.size)
        expected = (
            header.local + header.name + header.local_extra,
            header.descriptor,
            header.central + header.name + header.central_extra + header.comment,
        )
        if (local, descriptor, central) != expected or slots["stream"] != header.stream:
            return f"the headers of {mine.name!r}"
        if mine.content != partner.content or gap != header.gap:
            return f"the content of {mine.name!r}"
        end += gap.size + len(local) + header.stream.size + len(descriptor)
    return _zip_end_residual(first, second, claim.reported)


def _zip_end_residual(first: Artifact, second: Artifact, reported: frozenset[str]) -> str | None:
    one, two = first.container, second.container
    assert isinstance(one, Zipfile)
    assert isinstance(two, Zipfile)
    if "zip-comment" not in reported and one.end.comment != two.end.comment:
        return "the comment of the zip"
    if "zip-end" not in reported and end_style(one.end.record) != end_style(two.end.record):
        return "the end of the zip"
    if one.end.gap != two.end.gap or one.end.trailing != two.end.trailing:
        return "the end of the zip"
    return None


def _is_ascending(pairing: Pairing) -> bool:
    return all(one[1] < two[1] for one, two in pairwise(pairing.pairs))


def recompressed(artifact: Artifact, limits: Limits) -> str | None:
    """The compressor of this machine that gives an artifact's stream; None if none is found."""
    container = artifact.container
    assert isinstance(container, Tarball)
    compression = container.compression
    made = compression.members[0] if isinstance(compression, Gzip) else compression
    wanted = made.stream
    for name, start in candidates(compression):
        compressor, digest, size = start(), hashlib.sha256(), 0
        for chunk in plain_chunks(artifact, limits):
            data = compressor.compress(chunk)
            digest.update(data)
            size += len(data)
            if size > wanted.size:
                break
        data = compressor.flush()
        digest.update(data)
        if Blob(size + len(data), digest.hexdigest()) == wanted:
            return name
    return NAME if is_canonical_gzip(artifact) else None
