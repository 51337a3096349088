"""Whether an artifact was compressed by the one deflate that is the same on all machines."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from samebytes.archive.artifact import Artifact, Tarball, each_content, plain_chunks
from samebytes.archive.compressed import Gzip
from samebytes.archive.deflate import LARGEST_TRIED, is_canonical
from samebytes.archive.limits import Limits
from samebytes.archive.member import ZipHeader, zip_header
from samebytes.archive.zip_directory import CENTRAL
from samebytes.compare.container import is_surely_zlib

_DEFLATED = b"\x08\0"
#: Bytes of a member of a zip, which is in memory as a whole.
_LARGEST_MEMBER = 64 * 1024**2


def is_canonical_gzip(artifact: Artifact) -> bool:
    """Whether it is a tar in one gzip stream of this kind, which all of it is compressed for."""
    container = artifact.container
    compression = container.compression if isinstance(container, Tarball) else None
    if not isinstance(compression, Gzip) or len(compression.members) != 1:
        return False
    (member,) = compression.members
    if is_surely_zlib(compression):
        return False
    return is_canonical(plain_chunks(artifact, Limits()), member.size, member.stream)


def deflated(artifact: Artifact) -> Iterator[int]:
    """The members of a zip that are compressed, by number, as far as they are of a size to try."""
    total = 0
    for number, member in enumerate(artifact.members):
        header, size = member.header, member.content.size
        if not isinstance(header, ZipHeader) or header.central[CENTRAL["method"]] != _DEFLATED:
            continue
        if size <= _LARGEST_MEMBER and total + size <= LARGEST_TRIED:
            total += size
            yield number


def are_canonical(artifact: Artifact, numbers: Collection[int]) -> bool:
    """Whether the streams of these members of a zip are all of this kind, and there are some."""
    found = False
    for number, content in each_content(artifact, numbers, Limits()):
        stream = zip_header(artifact.members[number]).stream
        if not is_canonical([content], len(content), stream):
            return False
        found = True
    return found
