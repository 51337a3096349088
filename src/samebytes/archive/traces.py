"""What an archive tells about the machine that wrote it."""

from __future__ import annotations

import struct
import tarfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from samebytes_core.canonical import zip_time


@dataclass(frozen=True, slots=True)
class TarFacts:
    """What one tar member says of its time and owner."""

    mtime: float
    uid: int
    gid: int
    uname: str
    gname: str

    @classmethod
    def of(cls, member: tarfile.TarInfo) -> TarFacts:
        return cls(member.mtime, member.uid, member.gid, member.uname, member.gname)


def sdist_traces(header: bytes, facts: Iterable[TarFacts], epoch: int) -> frozenset[str]:
    """Which facts of the build machine a ``.tar.gz`` shows, as ids of difference kinds.

    ``header`` is the first 10 bytes of the file. Empty when every time is the epoch, or the
    constant 0 that some backends write, and no member has an owner.
    """
    fixed = {0, epoch}
    traces = set()
    if struct.unpack_from("<I", header, 4)[0] not in fixed:
        traces.add("gzip-header-mtime")
    for fact in facts:
        if fact.mtime not in fixed:
            traces.add("tar-mtime")
        if fact.uid or fact.gid or fact.uname or fact.gname:
            traces.add("tar-owner")
    return frozenset(traces)


def wheel_traces(path: Path, epoch: int) -> frozenset[str]:
    """Which facts of the build machine a wheel shows, as ids of difference kinds.

    Empty when every member's time is the epoch, in the two-second steps of zip, or 1980-01-01.
    """
    fixed = {zip_time(epoch), zip_time(0)}
    with zipfile.ZipFile(path) as archive:
        times = {member.date_time for member in archive.filelist}
    return frozenset() if times <= fixed else frozenset({"zip-mtime"})
