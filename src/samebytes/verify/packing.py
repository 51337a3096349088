"""What is done to a rebuilt file, so that it is compressed as the published one is."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import BinaryIO

from samebytes_core.canonical import rewrite_sdist, rewrite_wheel

from samebytes.archive.artifact import (
    Artifact,
    Form,
    Tarball,
    Zipfile,
    each_content,
    plain_chunks,
    read_artifact,
)
from samebytes.archive.compressed import Gzip
from samebytes.archive.damage import damage_named
from samebytes.archive.deflate import LARGEST_TRIED, NAME, canonical_compressor, core_errors
from samebytes.archive.limits import Limits
from samebytes.archive.member import NOTHING, Blob, zip_header
from samebytes.archive.zip_directory import CENTRAL
from samebytes.compare.canonical import deflated
from samebytes.compare.zip_fields import encoded, slots_of
from samebytes.digest import Digest
from samebytes.errors import ArtifactError, SamebytesError
from samebytes.infer.candidate import Decision

_WHAT = "written"
_STORED = b"\0\0"
_END_RECORD = 22  # bytes


def packed_again(built: Path, final: Path, epoch: int | None) -> tuple[Path, Decision | None, bool]:
    """The file to compare, what was done to it, and whether it is compressed canonically.

    With ``epoch`` (seconds) all of it is written again in canonical form, with that time; without,
    its streams are compressed again, and all else stays. Nothing is said if the backend does that
    itself. What cannot be compressed again is compared as it is.
    """
    try:
        with core_errors(), damage_named(built):
            artifact = read_artifact(built, Limits(size=LARGEST_TRIED))
            if epoch is None:
                _recompress(artifact, final)
            else:
                rewrite = rewrite_wheel if artifact.form is Form.WHEEL else rewrite_sdist
                rewrite(built, final, epoch, deflate="canonical")
    except SamebytesError as error:
        return built, Decision(_WHAT, "by the backend, and left so", error.message), False
    if Digest.of_file(final) == artifact.digest:
        return built, None, True
    return final, _done(epoch), True


def _done(epoch: int | None) -> Decision:
    if epoch is None:
        return Decision(
            _WHAT,
            f"by the backend, and its streams compressed again by {NAME}",
            "the published file is compressed so, and not in canonical form",
        )
    return Decision(
        _WHAT,
        f"again in canonical form, after the backend, and compressed by {NAME}",
        "the published file has the order, permissions and one time of that form",
    )


def _recompress(artifact: Artifact, final: Path) -> None:
    container = artifact.container
    with final.open("xb") as file:
        if isinstance(container, Zipfile):
            _recompress_zip(artifact, container, file)
        else:
            _recompress_gzip(artifact, container, file)


def _recompress_gzip(artifact: Artifact, container: Tarball, file: BinaryIO) -> None:
    compression = container.compression
    if (
        not isinstance(compression, Gzip)
        or len(compression.members) != 1
        or (compression.trailing != NOTHING)
    ):
        raise _unfit(artifact, "it is not one gzip stream")
    file.write(compression.members[0].header)
    compressor, crc, size = canonical_compressor(), 0, 0
    for chunk in plain_chunks(artifact, Limits()):
        crc, size = zlib.crc32(chunk, crc), size + len(chunk)
        file.write(compressor.compress(chunk))
    file.write(compressor.flush())
    file.write(struct.pack("<LL", crc, size & 0xFFFFFFFF))


def _recompress_zip(artifact: Artifact, container: Zipfile, file: BinaryIO) -> None:
    """All headers as they are, but for sizes and places that follow from the streams."""
    numbers, packed = range(len(artifact.members)), set(deflated(artifact))
    end = container.end
    for number in numbers:
        name, header = artifact.members[number].name, zip_header(artifact.members[number])
        if number not in packed and header.central[CENTRAL["method"]] != _STORED:
            raise _unfit(artifact, f"{name!r:.200} is too large")
        if header.gap != NOTHING:
            raise _unfit(artifact, f"before {name!r:.200} are bytes of no member")
    if (end.gap, end.trailing) != (NOTHING, NOTHING) or len(end.record) != _END_RECORD:
        raise _unfit(artifact, "its end is an unusual one")
    directory = {}
    for number, content in each_content(artifact, numbers, Limits()):
        stream = _compressed(content) if number in packed else content
        slots = {**slots_of(artifact.members[number]), "stream": Blob(len(stream), "")}
        local, descriptor, directory[number] = encoded(slots, file.tell())
        file.write(local)
        file.write(stream)
        file.write(descriptor)
    start = file.tell()
    for number in numbers:
        file.write(directory[number])
    places = struct.pack("<LL", file.tell() - start, start)
    file.write(end.record[:12] + places + end.record[20:] + end.comment)


def _unfit(artifact: Artifact, reason: str) -> ArtifactError:
    return ArtifactError(f"{artifact.path.name} cannot be compressed again: {reason}.")


def _compressed(content: bytes) -> bytes | memoryview:
    compressor = canonical_compressor()
    compressor.compress(content)
    return compressor.flush()
