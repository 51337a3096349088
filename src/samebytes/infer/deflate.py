"""By what an artifact was compressed, as far as the zlib of this machine, and libdeflate, tell."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from samebytes.archive.artifact import Artifact, Tarball, read_contents
from samebytes.archive.compressed import Gzip
from samebytes.archive.deflate import NAME, why_untried
from samebytes.archive.limits import Limits
from samebytes.archive.member import Blob, zip_header
from samebytes.compare.canonical import are_canonical, deflated, is_canonical_gzip
from samebytes.compare.container import is_surely_zlib
from samebytes.digest import Digest
from samebytes.infer.candidate import Decision
from samebytes.recipe import CANONICAL, Deflate

#: Sizes (bytes) of contents that tell levels apart and are quickly compressed, and how many.
_SMALLEST, _LARGEST, _SAMPLES = 2_000, 200_000, 4
#: zlib's default first, then what people choose instead of it.
_LEVELS = (6, 9, 1, 8, 7, 5, 4, 3, 2)

#: With what the rebuilt file is compressed again, and the evidence.
Compressed = tuple[Deflate | None, Decision | None]


def sdist_deflate(sdist: Artifact) -> Compressed:
    """Whether its stream is of the one deflate that is the same everywhere."""
    if is_canonical_gzip(sdist):
        return CANONICAL, Decision("deflate", NAME, "it gives the stream of the whole tar")
    container = sdist.container
    compression = container.compression if isinstance(container, Tarball) else None
    if not isinstance(compression, Gzip) or is_surely_zlib(compression):
        return None, None
    untried = why_untried(sum(member.size for member in compression.members))
    return None, Decision("deflate", "not known", _untried(untried)) if untried else None


def wheel_deflate(wheel: Artifact) -> Compressed:
    """Which level of zlib gives the streams of some members, or which other gives all of them."""
    numbers = list(_samples(wheel))
    contents = read_contents(wheel, numbers, Limits())
    streams = {number: zip_header(wheel.members[number]).stream for number in numbers}
    for level in _LEVELS if numbers else ():
        if all(_deflated(contents[number], level) == streams[number] for number in numbers):
            return None, Decision("deflate", f"zlib level {level}", _why(len(numbers)))
    every = list(deflated(wheel))
    if are_canonical(wheel, every):
        return CANONICAL, Decision("deflate", NAME, _why(len(every)))
    untried = _untried(why_untried()) if every else ""
    if not numbers:
        return None, Decision("deflate", "not known", untried) if untried else None
    why = f"no level of zlib {zlib.ZLIB_RUNTIME_VERSION} gives the streams of its members"
    return None, Decision("deflate", "not this zlib", f"{why}; {untried}" if untried else why)


def _untried(reason: str) -> str:
    return f"{NAME} could not be tried here: {reason}" if reason else ""


def _why(count: int) -> str:
    if count == 1:
        return "it gives the stream of the one member that was compressed again"
    return f"it gives the streams of the {count:,} members that were compressed again"


def _samples(wheel: Artifact) -> Iterator[int]:
    found = 0
    for number in deflated(wheel):
        if found == _SAMPLES:
            return
        if _SMALLEST <= wheel.members[number].content.size <= _LARGEST:
            found += 1
            yield number


def _deflated(content: bytes, level: int) -> Blob:
    compressor = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    data = compressor.compress(content) + compressor.flush()
    return Blob(len(data), Digest.of(data).hex)
