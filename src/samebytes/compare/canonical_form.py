"""Whether an archive is written as samebytes_core writes it: its headers, order and end.

The streams have no say: any deflate may have compressed them.
"""

from __future__ import annotations

import stat
import tarfile
from collections.abc import Iterable, Sequence
from itertools import pairwise
from zipfile import ZIP_DEFLATED, ZIP_STORED

from samebytes_core.canonical import wheel_order

from samebytes.archive.artifact import Artifact, Form, Tarball, Zipfile
from samebytes.archive.compressed import Gzip
from samebytes.archive.member import NOTHING, Member, MemberType, TarHeader, ZipHeader, zip_header
from samebytes.archive.tar import FIELDS, number
from samebytes.archive.zip_directory import CENTRAL, LOCAL

_BLOCK, _RECORD = 512, 10_240
_TAR_TYPES = {
    MemberType.FILE: tarfile.REGTYPE,
    MemberType.FOLDER: tarfile.DIRTYPE,
    MemberType.LINK: tarfile.SYMTYPE,
}
#: What a central header says besides what the local one says, and the permissions.
_CENTRAL = {"create_version": b"\x14", "create_system": b"\3", "disk": b"\0\0"}
_CENTRAL["internal_attr"] = b"\0\0"
_COMMON = ("extract_version", "flags", "method", "time", "crc", "packed", "size")


def is_in_canonical_form(artifact: Artifact) -> bool:
    """Whether the canonical writer would write these members no other way, but for the streams."""
    members, container = artifact.members, artifact.container
    if not members:
        return False
    if artifact.form is Form.WHEEL and isinstance(container, Zipfile):
        return _is_wheel(members, container)
    return (
        artifact.form is Form.SDIST
        and isinstance(container, Tarball)
        and (_is_sdist(members, container))
    )


def _is_sdist(members: Sequence[Member], container: Tarball) -> bool:
    compression, end = container.compression, container.end
    if not isinstance(compression, Gzip) or len(compression.members) != 1:
        return False
    (gzip,) = compression.members
    plain = (gzip.flags, gzip.mtime, gzip.xfl, gzip.os) == (0, 0, 2, 255)
    ends = (compression.trailing, end.trailing) == (NOTHING, NOTHING)
    filled = not gzip.size % _RECORD and end.zeros < _RECORD + 2 * _BLOCK
    if not (plain and ends and filled):
        return False
    mtime = _tar_header(members[0]).raw[FIELDS["mtime"]]
    return _ascending(member.name for member in members) and all(
        _is_tar_member(member, mtime) for member in members
    )


def _is_tar_member(member: Member, mtime: bytes) -> bool:
    """Whether its headers are those that Python's tarfile gives for what is canonical."""
    header, kind = _tar_header(member), _TAR_TYPES.get(member.type)
    seconds = number(mtime)
    if kind is None or seconds is None or header.padding:
        return False
    info = tarfile.TarInfo(member.name)
    info.type, info.linkname, info.mtime = kind, member.link, seconds
    info.size = member.content.size
    executable = member.type is MemberType.FOLDER or member.mode & stat.S_IXUSR
    info.mode = 0o755 if executable else 0o644
    try:
        expected = info.tobuf(tarfile.PAX_FORMAT)
    except ValueError:
        return False
    extensions = (each.raw + _filled(each.payload) for each in header.extensions)
    return b"".join(extensions) + header.raw == expected


def _tar_header(member: Member) -> TarHeader:
    assert isinstance(member.header, TarHeader)
    return member.header


def _filled(payload: bytes) -> bytes:
    return payload + bytes(-len(payload) % _BLOCK)


def _is_wheel(members: Sequence[Member], container: Zipfile) -> bool:
    end = container.end
    if end.comment or (end.gap, end.trailing) != (NOTHING, NOTHING) or len(end.record) != 22:
        return False
    headers = [zip_header(member) for member in members]
    time = headers[0].central[CENTRAL["time"]]
    return (
        [header.position for header in headers] == sorted(header.position for header in headers)
        and _ascending(
            wheel_order(header.name.decode("utf-8", "surrogateescape")) for header in headers
        )
        and all(_is_zip_member(*each, time) for each in zip(members, headers, strict=True))
    )


def _is_zip_member(member: Member, header: ZipHeader, time: bytes) -> bool:
    central, local = header.central, header.local
    folder = header.name.endswith(b"/")
    kind = stat.S_IFDIR if folder else stat.S_IFMT(member.mode) or stat.S_IFREG
    executable = folder or member.mode & stat.S_IXUSR
    mode = kind | (0o755 if executable else 0o644)
    method = ZIP_STORED if folder else ZIP_DEFLATED
    said = {
        **_CENTRAL,
        "external_attr": (mode << 16).to_bytes(4, "little"),
        "method": method.to_bytes(2, "little"),
        "time": time,
    }
    return (
        all(central[CENTRAL[name]] == value for name, value in said.items())
        and all(central[CENTRAL[name]] == local[LOCAL[name]] for name in _COMMON)
        and local[LOCAL["flags"]] == (b"\0\0" if header.name.isascii() else b"\0\x08")
        and local[LOCAL["extract_version"]] == b"\x14\0"
        and not (header.central_extra or header.local_extra or header.comment or header.descriptor)
        and header.gap == NOTHING
    )


def _ascending(keys: Iterable[object]) -> bool:
    return all(one <= two for one, two in pairwise(keys))  # type: ignore[operator]
