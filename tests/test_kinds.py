"""For each kind of difference between archives, the smallest pair that differs in that alone."""

from __future__ import annotations

import stat
import struct
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
import test_content_kinds
from factory import Spec, same_when_unpacked, write
from tar_factory import (
    BZIP2,
    EPOCH,
    GNU,
    USTAR,
    V7,
    XZ,
    GzipSpec,
    Long,
    TarMember,
    TarSpec,
    base256,
    octal_both,
    octal_space,
)
from zip_factory import STORED, UTF8, Descriptor, ZipMember, ZipSpec, dos_time

from samebytes.compare.comparison import compare
from samebytes.compare.kinds import KINDS, Level
from samebytes.compare.model import Verdict

#: Long and irregular enough for each level of zlib to have its own stream.
TEXT = "\n".join(f"{n * n % 9973} {n * 7919 % 613} lines" for n in range(2_000)).encode()

FILE = TarMember(name=b"demo-1.0/a.txt", content=b"hello\n" * 90)
OTHER = replace(FILE, name=b"demo-1.0/b.txt", content=b"other\n")
LINK = TarMember(name=b"demo-1.0/c.txt", type=b"2", link=b"a.txt", mode=0o777)
DEVICE = TarMember(name=b"demo-1.0/null", type=b"3", device=(1, 3))
FOLDER = TarMember(name=b"demo-1.0/sub/", type=b"5", mode=0o755)
INSIDE = replace(OTHER, name=b"demo-1.0/sub/d.txt")
SDIST = TarSpec(members=(FILE, OTHER))
LARGE = TarSpec(members=(replace(FILE, content=TEXT),))

ENTRY = ZipMember(name=b"demo/a.py", content=b"print('hello')\n" * 20)
SECOND = ZipMember(name=b"demo/b.py", content=b"import demo\n")
WHEEL = ZipSpec(members=(ENTRY, SECOND))


class Case(NamedTuple):
    kind: str
    first: Spec
    second: Spec


def in_gzip(kind: str, **changes: object) -> Case:
    """The usual sdist, and one whose gzip fields are others."""
    return Case(kind, SDIST, replace(SDIST, compression=GzipSpec(**changes)))  # type: ignore[arg-type]


def in_tar(kind: str, member: TarMember = FILE, **changes: object) -> Case:
    """Two sdists of the same members but for some fields of one."""
    changed = replace(member, **changes)  # type: ignore[arg-type]
    others = (OTHER,)
    return Case(kind, TarSpec(members=(member, *others)), TarSpec(members=(changed, *others)))


def in_zip(kind: str, member: ZipMember = ENTRY, **changes: object) -> Case:
    """Two wheels of the same members but for some fields of one."""
    changed = replace(member, **changes)  # type: ignore[arg-type]
    return Case(kind, ZipSpec(members=(member, SECOND)), ZipSpec(members=(changed, SECOND)))


def in_sdist(kind: str, *members: TarMember, than: TarSpec = SDIST) -> Case:
    return Case(kind, than, replace(than, members=members))


def in_wheel(kind: str, **changes: object) -> Case:
    return Case(kind, WHEEL, replace(WHEEL, **changes))  # type: ignore[arg-type]


LONG_NAME = replace(FILE, name=b"demo-1.0/" + b"/".join([b"folder"] * 8) + b"/" + b"x" * 60)
#: What of it fits into the header ends with a slash, like the name of a folder.
CUT_NAME = replace(FILE, name=b"demo-1.0/" + b"x" * 90 + b"/y.txt")
HARD_LINK = TarMember(name=b"demo-1.0/hard", type=b"1", link=FILE.name)
LONG_LINK = replace(LINK, link=b"x" * 90)
PAX = replace(FILE, records=((b"LIBARCHIVE.creationtime", b"1"), (b"SCHILY.dev", b"5")))
PAX_OWNER = replace(FILE, records=((b"uname", b"jane"),))
PAX_TIME = replace(FILE, records=((b"mtime", b"%d.25" % EPOCH),))
ALL_V7 = {"format": V7, "fields": {"devmajor": b"", "devminor": b""}}
DOT_TWO = (ZipMember(name=b"demo-1.0.dist-info/x"), ZipMember(name=b"demo-1.0.post0.dist-info/x"))
MODE = stat.S_IFREG | 0o644
EXTRA = struct.pack("<HHBL", 0x5455, 5, 1, EPOCH)

#: libarchive's field, from which it takes the mode and the type.
SPECIAL = struct.pack("<HHB", 0x6C78, 1, 0)
ACCENT = replace(ENTRY, name="demo/é.py".encode(), flags=UTF8)

GZIP_CASES = (
    in_gzip("gzip-header-mtime", mtime=EPOCH),
    in_gzip("gzip-header-name", name=b"demo-1.0.tar"),
    in_gzip("gzip-header-comment", comment=b"built on ci"),
    in_gzip("gzip-header-extra", extra=b"AB\x02\x00xy"),
    in_gzip("gzip-header-extra", extra=b""),
    in_gzip("gzip-header-flags", text=True),
    in_gzip("gzip-header-flags", checksum=True),
    in_gzip("gzip-header-xfl", xfl=0),
    in_gzip("gzip-header-os", os=3),
    in_gzip("gzip-members", members=2),
    in_gzip("gzip-padding", padding=20),
    in_gzip("gzip-trailing", trailing=b"more"),
    Case("deflate-stream", LARGE, replace(LARGE, compression=GzipSpec(level=1))),
    Case(
        "compressed-stream",
        replace(LARGE, compression=BZIP2),
        replace(LARGE, compression=replace(BZIP2, level=1)),
    ),
    Case(
        "gzip-members",
        replace(LARGE, compression=BZIP2),
        replace(LARGE, compression=replace(BZIP2, streams=2)),
    ),
    Case(
        "compressed-stream",
        replace(LARGE, compression=XZ),
        replace(LARGE, compression=replace(XZ, level=1)),
    ),
    Case(
        "gzip-trailing",
        replace(SDIST, compression=XZ),
        replace(SDIST, compression=replace(XZ, padding=4)),
    ),
    Case("archive-format", SDIST, replace(SDIST, compression=BZIP2)),
    Case("archive-format", SDIST, replace(SDIST, compression=XZ)),
    Case(
        "archive-format",
        TarSpec(members=(TarMember(name=b"demo-1.0/a.py", content=b"1\n"),)),
        ZipSpec(members=(ZipMember(name=b"demo-1.0/a.py", content=b"1\n"),), suffix=".zip"),
    ),
)

TAR_CASES = (
    in_tar("tar-mtime", mtime=EPOCH + 1),
    in_tar("tar-mtime", PAX_TIME, records=((b"mtime", b"%d.25" % (EPOCH + 1)),)),
    in_tar("tar-pax-mtime", PAX_TIME, records=((b"mtime", b"%d.5" % EPOCH),)),
    in_tar("tar-pax-mtime", records=((b"mtime", b"%d.5" % EPOCH),)),
    in_tar("tar-owner", uid=501),
    in_tar("tar-owner", gid=20),
    in_tar("tar-owner", uname=b"jane"),
    in_tar("tar-owner", gname=b"staff"),
    in_tar("tar-owner", PAX_OWNER, records=((b"uname", b"joe"),)),
    in_tar("tar-mode", mode=0o600),
    in_tar("tar-mode", mode=0o100644),
    in_tar("tar-mode", LINK, mode=0o755),
    in_tar("member-link", DEVICE, device=(1, 5)),
    in_tar("member-link", DEVICE, type=b"4"),
    in_tar("tar-pax-other", records=((b"SCHILY.realsize", b"1"),)),
    in_tar("member-executable", mode=0o645),
    in_tar("member-executable", mode=0o4644),
    in_tar("member-executable", HARD_LINK, mode=0o755),
    in_tar("member-executable", HARD_LINK, mode=0o4644),
    in_tar("tar-pax-other", records=((b"LIBARCHIVE.xattr.security.capability", b"AQ"),)),
    in_tar("tar-device", device=(1, 5)),
    in_tar("tar-format", format=GNU),
    in_tar("tar-format", replace(FILE, **ALL_V7), format=USTAR),  # type: ignore[arg-type]
    in_tar("tar-type", type=b"\0"),
    in_tar("tar-type", type=b"7"),
    in_tar("tar-name-encoding", long=Long.PREFIX),
    in_tar("tar-name-encoding", long=Long.GNU),
    in_tar("tar-name-encoding", long=Long.PAX),
    in_tar("tar-name-encoding", replace(LONG_NAME, long=Long.GNU), long=Long.PAX),
    in_tar("tar-name-encoding", replace(LONG_NAME, long=Long.PREFIX), long=Long.PAX),
    in_tar("tar-name-encoding", replace(CUT_NAME, long=Long.GNU), long=Long.PAX),
    in_tar("tar-name-encoding", replace(LONG_LINK, long_link=Long.GNU), long_link=Long.PAX),
    in_tar("tar-name-encoding", FOLDER, name=FOLDER.name.rstrip(b"/")),
    in_tar("tar-number-encoding", number=octal_space),
    in_tar("tar-number-encoding", number=octal_both),
    in_tar("tar-number-encoding", number=base256),
    in_tar("tar-number-encoding", fields={"checksum": b""}, before=b"", number=octal_both),
    in_tar("tar-pax-record", PAX, records=PAX.records[:1]),
    in_tar("tar-pax-record", PAX, records=(PAX.records[0], (b"SCHILY.dev", b"6"))),
    in_tar("tar-pax-header", PAX, pax_name=b"./PaxHeaders.4711/a.txt"),
    in_tar("tar-pax-header", PAX, records=PAX.records[::-1]),
    Case("tar-pax-global", SDIST, replace(SDIST, shared=((b"comment", b"a commit"),))),
    Case("tar-pax-other", SDIST, replace(SDIST, shared=((b"hdrcharset", b"BINARY"),))),
    Case(
        "tar-pax-global",
        replace(SDIST, shared=((b"comment", b"a commit"),)),
        replace(SDIST, shared=((b"comment", b"another"),)),
    ),
    Case(
        "tar-pax-global",
        replace(SDIST, shared=((b"comment", b"a commit"),)),
        replace(SDIST, shared=((b"comment", b"a commit"),), shared_name=b"pax_global_header"),
    ),
    in_tar("tar-padding", padding=b"left over"),
    in_tar("tar-padding", fields={"unused": b"rest"}),
    in_tar("tar-padding", fields={"name": FILE.name + b"\0rest"}),
    in_tar("tar-padding", link=b"of no link"),
    Case("tar-end", SDIST, replace(SDIST, end=10_240)),
    Case("tar-end", SDIST, replace(SDIST, end=0)),
    Case("tar-trailing", SDIST, replace(SDIST, after=b"more")),
    Case("tar-trailing", SDIST, replace(SDIST, after=FILE.data())),
    in_sdist("member-order", OTHER, FILE),
    in_sdist("link-order", OTHER, FILE, LINK, than=replace(SDIST, members=(FILE, OTHER, LINK))),
    in_sdist("folder-entry", FOLDER, INSIDE, than=TarSpec(members=(INSIDE,))),
    in_sdist("member-only-in-second", FILE, OTHER, FOLDER),
    in_sdist("member-only-in-second", FILE, OTHER, LINK),
    in_sdist("member-only-in-second", FILE, OTHER, OTHER),
    in_sdist("member-only-in-first", FILE),
    in_sdist("member-renamed", FILE, replace(OTHER, name=b"demo-1.0/c.txt")),
    in_tar("member-type", LINK, type=b"1"),
    in_tar("member-link", LINK, link=b"b.txt"),
    in_tar("member-link", LONG_LINK, link=b"y" * 150, long_link=Long.NO),
    in_tar("member-executable", mode=0o744),
    Case(
        "sdist-folder",
        SDIST,
        TarSpec(
            members=tuple(
                replace(member, name=member.name.replace(b"demo-1.0", b"Demo-1.0"))
                for member in SDIST.members
            )
        ),
    ),
)

ZIP_CASES = (
    in_zip("zip-mtime", time=dos_time(2020, 2, 2, 1)),
    in_zip("zip-mtime", time=0),
    in_zip("zip-mtime", local={"time": dos_time(1999, 1, 1)}),
    in_zip("zip-external-attr", mode=stat.S_IFREG | 0o600),
    in_zip("zip-external-attr", attributes=0x20),
    in_zip("zip-internal-attr", internal=1),
    in_zip("zip-create-system", create_system=19, mode=MODE),
    in_zip("zip-create-system", create_system=0, mode=MODE),
    in_zip("zip-create-version", create_version=63),
    in_zip("zip-extract-version", extract_version=10),
    in_zip("zip-extract-version", local={"version": 10}),
    in_zip("zip-flags", flags=2),
    in_zip("zip-flags", flags=UTF8),
    in_zip("zip-flags", local={"flags": 2}),
    in_zip("zip-descriptor", descriptor=Descriptor.SIGNED),
    in_zip("zip-descriptor", descriptor=Descriptor.BARE),
    in_zip(
        "zip-descriptor", replace(ENTRY, descriptor=Descriptor.SIGNED), descriptor=Descriptor.BARE
    ),
    in_zip("zip-stored-descriptor", replace(ENTRY, method=STORED), descriptor=Descriptor.SIGNED),
    in_zip("zip-extra-other", local_extra=SPECIAL),
    in_zip("zip-extra-other", central_extra=SPECIAL),
    in_zip("zip-name-encoding", ACCENT, name="demo/é.py".encode("cp437"), flags=0),
    in_zip("zip-extra", local_extra=EXTRA, central_extra=EXTRA),
    in_zip("zip-extra", local_extra=EXTRA),
    in_zip("zip-extra", central_extra=EXTRA),
    in_zip("zip-zip64", zip64=True),
    in_zip("zip-method", method=STORED),
    in_zip("zip-member-comment", comment=b"of a member"),
    in_zip("deflate-stream", replace(ENTRY, content=TEXT), level=1),
    in_wheel("zip-comment", comment=b"of the zip"),
    in_wheel("zip-end", zip64_end=True),
    in_wheel("zip-layout", layout=(1, 0)),
    in_wheel("member-order", members=(SECOND, ENTRY)),
    in_wheel("zip-gap", prefix=b"#!/bin/sh\n"),
    in_wheel("zip-gap", gap=b"more"),
    in_zip("zip-gap", gap=b"more"),
    in_wheel("zip-trailing", trailing=b"more"),
    in_wheel("folder-entry", members=(ENTRY, SECOND, ZipMember(name=b"demo/"))),
    in_wheel("member-only-in-second", members=(ENTRY, SECOND, ZipMember(name=b"empty/"))),
    in_wheel("member-only-in-second", members=(ENTRY, SECOND, SECOND)),
    in_wheel("member-only-in-first", members=(ENTRY,)),
    in_wheel("member-renamed", members=(ENTRY, replace(SECOND, name=b"demo/c.py"))),
    in_zip("member-executable", mode=stat.S_IFREG | 0o744),
    in_zip("member-type", mode=stat.S_IFLNK | 0o644),
    in_zip("member-type", replace(ENTRY, content=b""), name=ENTRY.name + b"/"),
    Case("dist-info-folder", ZipSpec(members=DOT_TWO[:1]), ZipSpec(members=DOT_TWO[1:])),
)

CASES = (*GZIP_CASES, *TAR_CASES, *ZIP_CASES)
MIRRORED = {
    "member-only-in-first": "member-only-in-second",
    "member-only-in-second": "member-only-in-first",
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
@pytest.mark.parametrize("mirrored", [False, True], ids=["forwards", "backwards"])
def test_kind(case: Case, mirrored: bool, folder: Path) -> None:
    first, second = write(folder, "first", case.first), write(folder, "second", case.second)
    kind = KINDS[MIRRORED.get(case.kind, case.kind) if mirrored else case.kind]
    comparison = compare(second, first) if mirrored else compare(first, second)
    assert {difference.kind for difference in comparison.differences} == {kind}
    container = kind.level is Level.CONTAINER
    assert comparison.verdict is (Verdict.EQUIVALENT if container else Verdict.DIFFERENT)
    assert same_when_unpacked(first, second) or not container


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
def test_the_same_bytes(case: Case, folder: Path) -> None:
    paths = [write(folder, name, case.second) for name in ("first", "second")]
    comparison = compare(paths[0], paths[1])
    assert comparison.verdict is Verdict.IDENTICAL
    assert not comparison.differences


def test_every_kind_has_a_case() -> None:
    covered = {case.kind for case in CASES} | {case.kind for case in test_content_kinds.CASES}
    assert covered == KINDS.keys() - {"unexplained-bytes"}
