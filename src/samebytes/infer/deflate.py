"""By what the members of a wheel were compressed, as far as the zlib of this machine tells."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from samebytes.archive.artifact import Artifact, read_contents
from samebytes.archive.limits import Limits
from samebytes.archive.member import Blob, ZipHeader
from samebytes.archive.zip_directory import CENTRAL
from samebytes.digest import Digest
from samebytes.infer.candidate import Decision

#: Sizes (bytes) of contents that tell levels apart and are quickly compressed, and how many.
_SMALLEST, _LARGEST, _SAMPLES = 2_000, 200_000, 4
_DEFLATED = b"\x08\0"
#: zlib's default first, then what people choose instead of it.
_LEVELS = (6, 9, 1, 8, 7, 5, 4, 3, 2)


def wheel_deflate(wheel: Artifact) -> Decision | None:
    """Which level of zlib gives the streams of some members; None where nothing is compressed."""
    numbers = list(_samples(wheel))
    if not numbers:
        return None
    contents = read_contents(wheel, numbers, Limits())
    streams = {number: _stream(wheel, number) for number in numbers}
    for level in _LEVELS:
        if all(_deflated(contents[number], level) == streams[number] for number in numbers):
            why = f"it gives the streams of the {len(numbers)} members that were compressed again"
            if len(numbers) == 1:
                why = "it gives the stream of the one member that was compressed again"
            return Decision("deflate", f"zlib level {level}", why)
    why = f"no level of zlib {zlib.ZLIB_RUNTIME_VERSION} gives the streams of its members"
    return Decision("deflate", "not this zlib", why)


def _samples(wheel: Artifact) -> Iterator[int]:
    found = 0
    for number, member in enumerate(wheel.members):
        header = member.header
        if not isinstance(header, ZipHeader) or found == _SAMPLES:
            return
        is_deflated = header.central[CENTRAL["method"]] == _DEFLATED
        if is_deflated and _SMALLEST <= member.content.size <= _LARGEST:
            found += 1
            yield number


def _stream(wheel: Artifact, number: int) -> Blob:
    header = wheel.members[number].header
    assert isinstance(header, ZipHeader)
    return header.stream


def _deflated(content: bytes, level: int) -> Blob:
    compressor = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    data = compressor.compress(content) + compressor.flush()
    return Blob(len(data), Digest.of(data).hex)
