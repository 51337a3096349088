"""Files that were made to mislead, or to exhaust the machine."""

from __future__ import annotations

import re
import struct
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import zip_factory as zips
from factory import Spec, write
from tar_factory import (
    BZIP2,
    GNU,
    V7,
    XZ,
    GzipSpec,
    Long,
    TarMember,
    TarSpec,
    base256,
    extension,
    pax,
)
from zip_factory import Descriptor, ZipMember, ZipSpec

from samebytes.archive.artifact import read_artifact
from samebytes.archive.limits import Limits
from samebytes.compare.comparison import compare
from samebytes.compare.model import Verdict
from samebytes.errors import ArtifactError, SamebytesError

FILE = TarMember(name=b"demo-1.0/a.txt", content=b"hello\n" * 90)
SDIST = TarSpec(members=(FILE,))
ENTRY = ZipMember(name=b"demo/a.py", content=b"print('hello')\n" * 20)
OTHER = replace(ENTRY, name=b"demo/b.py")
WHEEL = ZipSpec(members=(ENTRY, OTHER))

SECONDS = 5


def sdist(**changes: object) -> TarSpec:
    """An sdist of one member that is a variant of the usual one."""
    return TarSpec(members=(replace(FILE, **changes),))  # type: ignore[arg-type]


def folder_entry(**changes: object) -> TarSpec:
    """An sdist with an entry for the folder that its member lies in."""
    entry = TarMember(name=b"demo-1.0/", type=b"5", mode=0o755, **changes)  # type: ignore[arg-type]
    return TarSpec(members=(entry, FILE))


def named(*extensions: tuple[bytes, bytes]) -> TarSpec:
    """An sdist whose member comes after extension headers of these types and payloads."""
    return sdist(before=b"".join(extension(kind, data, b"x") for kind, data in extensions))


def wheel(**changes: object) -> ZipSpec:
    """A wheel whose first member is a variant of the usual one."""
    return ZipSpec(members=(replace(ENTRY, **changes), OTHER))  # type: ignore[arg-type]


def wide(*values: int) -> bytes:
    """The zip64 extra field."""
    return struct.pack(f"<HH{len(values)}Q", 1, 8 * len(values), *values)


def overlapping() -> ZipSpec:
    """Two names for the same data (the trick of the better zip bombs)."""
    offset = len(ENTRY.entry())
    return ZipSpec(
        members=(ENTRY, OTHER, replace(OTHER, name=b"demo/c.py", central={"offset": offset}))
    )


def quoting() -> ZipSpec:
    """A member whose local header lies inside of another's data."""
    inner = OTHER.entry()
    outer = replace(ENTRY, content=inner, method=zips.STORED)
    offset = len(outer.entry()) - len(inner)
    return ZipSpec(members=(outer, replace(OTHER, central={"offset": offset})))


#: Each must be refused with a sentence that has these words in it.
REFUSED: Mapping[str, tuple[Spec, str]] = {
    # names
    "tar absolute": (sdist(name=b"/etc/passwd"), "outside"),
    "tar ..": (sdist(name=b"demo-1.0/../../x"), "outside"),
    "tar .. in PAX": (sdist(name=b"../x", long=Long.PAX), "outside"),
    "tar .. in GNU": (sdist(name=b"../x", long=Long.GNU), "outside"),
    "tar .. by prefix": (sdist(name=b"../x", long=Long.PREFIX), "outside"),
    "tar no name": (sdist(name=b""), "outside"),
    "tar only slashes": (sdist(name=b"///", type=b"5", content=b""), "outside"),
    "tar NUL in PAX": (sdist(name=b"demo-1.0/a\0.exe", long=Long.PAX), "two names, or none"),
    "tar NUL in GNU": (sdist(name=b"demo-1.0/a\0.exe", long=Long.GNU), "two names, or none"),
    "tar empty PAX name": (named((b"x", pax((b"path", b"")))), "two names, or none"),
    "zip absolute": (wheel(name=b"/etc/passwd"), "outside"),
    "zip ..": (wheel(name=b"demo/../../x"), "outside"),
    "zip no name": (wheel(name=b""), "outside"),
    "zip NUL": (wheel(name=b"demo/a.py\0.txt"), "outside"),
    "zip not UTF-8": (wheel(name=b"demo/\xff.py", flags=zips.UTF8), "UTF-8"),
    "zip second name": (wheel(central_extra=struct.pack("<HH6s", 0x7075, 6, b"\1other")), "name"),
    "zip second name, local": (wheel(local_extra=struct.pack("<HHB", 0x7075, 1, 1)), "extra"),
    # two names, or sizes
    "tar PAX twice": (
        named((b"x", pax((b"path", b"a"))), (b"x", pax((b"path", b"b")))),
        "disagree",
    ),
    "tar PAX and GNU": (named((b"x", pax((b"path", b"a"))), (b"L", b"b\0")), "disagree"),
    "tar GNU twice": (named((b"L", b"a\0"), (b"L", b"b\0")), "disagree"),
    "tar path twice": (named((b"x", pax((b"path", b"a"), (b"path", b"b")))), "two PAX records"),
    "tar size twice": (named((b"x", pax((b"size", b"1"), (b"size", b"2")))), "two PAX records"),
    "tar global path": (named((b"g", pax((b"path", b"demo-1.0/b")))), "global"),
    "tar global size": (named((b"g", pax((b"size", b"5")))), "global"),
    "tar GNU with prefix": (sdist(format=GNU, fields={"prefix": b"x"}), "differently"),
    "tar V7 with prefix": (sdist(format=V7, fields={"prefix": b"x"}), "differently"),
    "tar folder's name": (sdist(name=b"demo-1.0/a/"), "folder"),
    "tar name of a folder under another": (
        sdist(type=b"\0", long=Long.PAX, fields={"name": b"a/"}),
        "name of a folder",
    ),
    "tar other name of a folder": (
        named((b"x", pax((b"path", b"demo-1.0/a/")))),
        "name of a folder",
    ),
    "tar global after own": (named((b"x", pax((b"comment", b"a"))), (b"g", b"")), "disagree"),
    "tar blank size": (sdist(fields={"size": b" " * 12}), "no size"),
    "tar blank mode": (sdist(fields={"mode": b" " * 8}), "no size, or no mode"),
    "tar time that is none": (named((b"x", pax((b"mtime", b"nan")))), "not a number"),
    "tar empty": (TarSpec(members=()), "without a member"),
    "tar folder with content": (sdist(type=b"5"), "content"),
    "tar link with content": (sdist(type=b"2", link=b"b"), "content"),
    "tar hard link with content": (sdist(type=b"1", link=b"b"), "content"),
    "tar sparse": (sdist(type=b"S"), "type"),
    "tar sparse by PAX": (named((b"x", pax((b"GNU.sparse.major", b"1")))), "sparse"),
    "tar unknown type": (sdist(type=b"Z"), "type"),
    # damaged headers
    "tar checksum": (sdist(fields={"checksum": b"000000\0 "}), "damaged"),
    "tar mode": (sdist(fields={"mode": b"rwxrwxr\0"}), "not a number"),
    "tar size": (sdist(fields={"size": b"0x20"}), "not a number"),
    "tar negative size": (sdist(size=-5, number=base256), "not a number"),
    "tar negative PAX size": (named((b"x", pax((b"size", b"-5")))), "not a number"),
    "tar size past the end": (sdist(size=99_999), "middle of a member"),
    "tar PAX size past the end": (named((b"x", pax((b"size", b"99999")))), "middle of a member"),
    "tar enormous size": (sdist(size=1 << 80, number=base256), "not a number"),
    "tar PAX without length": (named((b"x", b"path=a\n")), "length"),
    "tar PAX length 0": (named((b"x", b"0 a=b\n")), "length"),
    "tar PAX length too long": (named((b"x", b"99 path=a\n")), "length"),
    "tar PAX enormous length": (named((b"x", b"9" * 30 + b" a=b\n")), "length"),
    "tar PAX without =": (named((b"x", b"8 abcde\n")), "damaged"),
    "tar PAX without key": (named((b"x", b"6 =bc\n")), "damaged"),
    "tar PAX without line end": (named((b"x", b"7 a=bcd")), "damaged"),
    "tar huge PAX": (named((b"x", pax((b"comment", bytes(2_000_000))))), "size of 2000017"),
    "tar hidden in extension": (
        sdist(before=TarMember(name=b"x", type=b"L", content=b"a\0", padding=b"b").data()),
        "hidden",
    ),
    # a zip that says two things
    "zip name": (wheel(local_name=b"demo/x.py"), "disagree"),
    "zip method": (wheel(local={"method": zips.STORED}), "disagree"),
    "zip crc": (wheel(local={"crc": 1}), "disagree"),
    "zip packed": (wheel(local={"packed": 1}), "disagree"),
    "zip size": (wheel(local={"size": 1}), "disagree"),
    "zip encrypted flag": (wheel(local={"flags": 1}), "disagree"),
    "zip descriptor flag": (wheel(local={"flags": 8}), "disagree"),
    "zip UTF-8 flag": (wheel(local={"flags": zips.UTF8}), "disagree"),
    "zip signature": (wheel(local={"magic": b"PK\3\5"}), "not where"),
    "zip central signature": (wheel(central={"magic": b"PK\3\4"}), "header of its directory"),
    "zip offset": (wheel(central={"offset": 7}), "not where|overlap"),
    "zip offset past the end": (wheel(central={"offset": 1 << 30}), "not where|overlap"),
    "zip crc, both": (wheel(local={"crc": 1}, central={"crc": 1}), "checksum"),
    "zip size, both": (wheel(local={"size": 9}, central={"size": 9}), "not as long as it says"),
    "zip size, both, more": (wheel(local={"size": 999}, central={"size": 999}), "not as long"),
    "zip packed, both": (wheel(local={"packed": 9}, central={"packed": 9}), "not as long"),
    "zip name length": (wheel(central={"name_length": 60_000}), "directory"),
    "zip extra": (wheel(central_extra=b"abcde"), "extra field"),
    "zip extra, local": (wheel(local_extra=b"abcde"), "extra field"),
    "zip encrypted": (wheel(flags=1), "encrypted"),
    "zip method 99": (wheel(method=99), "neither"),
    "zip folder with content": (wheel(name=b"demo/a/"), "disagree"),
    "zip folder of DOS": (wheel(attributes=0x10, create_system=0), "disagree"),
    "zip link of DOS": (wheel(mode=0o120777, create_system=0), "disagree"),
    "zip backslash": (wheel(name=b"demo\\a.py"), "disagree"),
    "zip empty stream": (wheel(content=b"", stream=b""), "not as long"),
    "zip long comment": (replace(WHEEL, comment=bytes(9000)), "comment"),
    "zip part of several": (wheel(central={"disk": 1}), "several"),
    "zip overlapping": (overlapping(), "overlap"),
    "zip quoting": (quoting(), "overlap"),
    "zip packed into the directory": (
        ZipSpec(members=(replace(ENTRY, local={"packed": 400}, central={"packed": 400}),)),
        "overlap|not as long",
    ),
    "zip descriptor": (wheel(descriptor=Descriptor.SIGNED, central={"flags": 0}), "disagree"),
    "zip64 missing": (wheel(central={"size": zips.FULL}), "zip64"),
    "zip64 twice": (wheel(central_extra=wide(300) * 2, central={"size": zips.FULL}), "two zip64"),
    "zip64 unneeded": (wheel(central_extra=wide(1, 2)), "something else"),
    "zip64 other size": (
        wheel(central_extra=wide(9_999), central={"size": zips.FULL}),
        "disagree",
    ),
    "zip64 enormous": (
        wheel(central_extra=wide(1 << 60), central={"size": zips.FULL}),
        "more than 8,589,934,592 bytes",
    ),
    # the zip's end
    "zip count": (replace(WHEEL, end={"count": 1, "here": 1}), "more entries"),
    "zip count, one": (replace(WHEEL, end={"here": 1}), "disagree"),
    "zip count, many": (replace(WHEEL, end={"count": 900, "here": 900}), "directory"),
    "zip directory size": (replace(WHEEL, end={"size": 9}), "directory"),
    "zip directory offset": (replace(WHEEL, end={"offset": 9}), "directory"),
    "zip directory past the end": (replace(WHEEL, end={"offset": 1 << 30}), "directory"),
    "zip disk": (replace(WHEEL, end={"disk": 1}), "several"),
    "zip comment cut short": (replace(WHEEL, end={"comment_length": 9}), "cut short"),
    "zip two ends": (replace(WHEEL, comment=ZipSpec(members=()).data()), "two zip directories"),
    "zip64 end": (replace(WHEEL, zip64_end=True, end64={"count": 1}), "disagree"),
    "zip64 end, both": (replace(WHEEL, zip64_end=True, end64={"count": 1, "here": 1}), "disagree"),
    "zip64 end offset": (replace(WHEEL, zip64_end=True, end64={"offset": 9}), "disagree"),
    "zip64 locator": (replace(WHEEL, zip64_end=True, locator={"offset": 9}), "not where"),
    "zip64 locator past": (
        replace(WHEEL, zip64_end=True, locator={"offset": 1 << 60}),
        "not where",
    ),
    "zip64 millions": (
        replace(
            WHEEL,
            zip64_end=True,
            end={"count": 0xFFFF, "here": 0xFFFF},
            end64={"count": 10_000_000, "here": 10_000_000},
        ),
        "more than 200,000 members",
    ),
}


def refusal(path: Path, limits: Limits | None = None) -> str:
    """What is said of a file that must be refused, and quickly."""
    started = time.perf_counter()
    with pytest.raises(ArtifactError) as caught:
        read_artifact(path, limits or Limits())
    assert time.perf_counter() - started < SECONDS
    check_sentence(caught.value)
    return caught.value.message


def check_sentence(error: SamebytesError) -> None:
    """One sentence, of a length that one reads, without Python in it."""
    assert re.fullmatch(r"[^\n]{10,500}\.", error.message), error.message
    assert not re.search(r"\.\s+[A-Z]|Traceback|[a-z]Error\b|0x[0-9a-f]{6}", error.message)
    assert error.hint


@pytest.mark.parametrize(("spec", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(spec: Spec, words: str, folder: Path) -> None:
    assert re.search(words, refusal(write(folder, "a", spec)))


@pytest.mark.parametrize(("spec", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_compare_refuses_too(spec: Spec, words: str, folder: Path) -> None:
    """Whichever of the two files it is; only the same bytes are the same bytes."""
    bad = write(folder, "bad", spec)
    good = write(folder, "good", WHEEL if isinstance(spec, ZipSpec) else SDIST)
    for pair in ((bad, good), (good, bad)):
        with pytest.raises(ArtifactError) as caught:
            compare(*pair)
        check_sentence(caught.value)


#: Each can be read, and makes an artifact different, by these kinds.
FOUND: Mapping[str, tuple[Spec, set[str]]] = {
    "gzip garbage": (replace(SDIST, compression=GzipSpec(trailing=b"x")), {"gzip-trailing"}),
    "bzip2 garbage": (
        replace(SDIST, compression=replace(BZIP2, trailing=b"x")),
        {"archive-format"},
    ),
    "tar garbage": (replace(SDIST, after=b"x"), {"tar-trailing"}),
    "tar after a tar": (replace(SDIST, after=SDIST.plain()), {"tar-trailing"}),
    "zip garbage": (replace(WHEEL, trailing=b"x"), {"zip-trailing"}),
    "zip behind a program": (replace(WHEEL, prefix=b"#!/bin/sh\n"), {"zip-gap"}),
    "zip gap": (wheel(gap=b"x"), {"zip-gap"}),
    "zip gap at the end": (replace(WHEEL, gap=b"x"), {"zip-gap"}),
    "tar twice": (TarSpec(members=(FILE, FILE)), {"member-only-in-second"}),
    "zip twice": (ZipSpec(members=(ENTRY, OTHER, ENTRY)), {"member-only-in-second"}),
    "tar not UTF-8": (sdist(name=b"demo-1.0/\xff.txt"), {"member-renamed"}),
    "tar link": (sdist(type=b"2", link=b"/etc/passwd", content=b""), {"member-type"}),
    "tar hard link": (sdist(type=b"1", link=b"../../x", content=b""), {"member-type"}),
    "tar character device": (sdist(type=b"3", device=(1, 3), content=b""), {"member-type"}),
    "tar block device": (sdist(type=b"4", device=(8, 0), content=b""), {"member-type"}),
    "tar pipe": (sdist(type=b"6", content=b""), {"member-type"}),
    "zip link": (wheel(mode=0o120777), {"member-type"}),
    "zip gap before a folder": (
        ZipSpec(members=(ENTRY, ZipMember(name=b"demo/", gap=b"x"), OTHER)),
        {"folder-entry", "zip-gap"},
    ),
    "zip mode in a folder's extra field": (
        ZipSpec(members=(ENTRY, ZipMember(name=b"demo/", central_extra=b"\x78\x6c\0\0"), OTHER)),
        {"folder-entry", "zip-extra-other"},
    ),
    "tar record before a folder": (
        folder_entry(before=extension(b"g", pax((b"hdrcharset", b"BINARY")), b"x")),
        {"folder-entry", "tar-pax-other"},
    ),
    "tar record of a folder": (
        folder_entry(records=((b"SCHILY.acl.default", b"x"),)),
        {"folder-entry", "tar-pax-other"},
    ),
    "tar garbage in a folder's header": (
        folder_entry(fields={"unused": b"x"}),
        {"folder-entry", "tar-padding"},
    ),
    "zip device": (wheel(mode=0o020666), {"member-type"}),
}


@pytest.mark.parametrize(("spec", "kinds"), FOUND.values(), ids=FOUND.keys())
def test_found(spec: Spec, kinds: set[str], folder: Path) -> None:
    odd = write(folder, "odd", spec)
    good = write(folder, "good", WHEEL if isinstance(spec, ZipSpec) else SDIST)
    comparison = compare(good, odd)
    assert comparison.verdict is Verdict.DIFFERENT
    assert kinds <= {difference.kind.id for difference in comparison.differences}


@pytest.mark.parametrize("path", [b"a.txt", b"/a.txt", b"./a.txt", b"A.txt"])
@pytest.mark.parametrize("how", ["order in a tar", "order in a zip", "layout of a zip"])
def test_order_of_members_of_one_path(how: str, path: bytes, folder: Path) -> None:
    """The last one wins: in a tar, in the directory, to whom does not wait for the directory.

    ``a//b`` is ``a/b``, as ``a/./b`` is, and ``A`` is ``a`` on half of all machines.
    """
    name = b"demo-1.0/" + path
    if how == "order in a tar":
        two = replace(FILE, name=name, content=b"other\n")
        specs: tuple[Spec, Spec] = TarSpec(members=(FILE, two)), TarSpec(members=(two, FILE))
    else:
        entries = (replace(ENTRY, name=FILE.name), replace(OTHER, name=name, content=b"other\n"))
        specs = ZipSpec(members=entries), ZipSpec(members=entries[::-1])
        if how == "layout of a zip":
            specs = ZipSpec(members=entries), ZipSpec(members=entries, layout=(1, 0))
    paths = write(folder, "first", specs[0]), write(folder, "second", specs[1])
    try:
        assert compare(*paths).verdict is Verdict.DIFFERENT
    except ArtifactError as error:
        check_sentence(error)


SPECS: tuple[Spec, ...] = (
    SDIST,
    replace(SDIST, compression=BZIP2),
    replace(SDIST, compression=XZ),
    WHEEL,
    replace(WHEEL, suffix=".zip"),
)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.suffix)
@pytest.mark.parametrize("suffix", [spec.suffix for spec in SPECS])
def test_another_kind_of_file_than_its_name_says(spec: Spec, suffix: str, folder: Path) -> None:
    path = folder / f"demo-1.0{suffix}"
    path.write_bytes(spec.data())
    if suffix == spec.suffix or {suffix, spec.suffix} == {".whl", ".zip"}:
        assert read_artifact(path, Limits()).members
    else:
        assert re.search("it begins as a|no zip directory", refusal(path))


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"PK", b"\x1f\x8b", bytes(5_000), b"BZh9", b"\xfd7zXZ\0"]
)
@pytest.mark.parametrize("suffix", [spec.suffix for spec in SPECS])
def test_no_archive_at_all(data: bytes, suffix: str, folder: Path) -> None:
    path = folder / f"demo-1.0{suffix}"
    path.write_bytes(data)
    assert refusal(path)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.suffix)
def test_truncated(spec: Spec, folder: Path) -> None:
    data = spec.data()
    path = folder / f"demo-1.0{spec.suffix}"
    for size in range(0, len(data), 7):
        path.write_bytes(data[:size])
        assert refusal(path)
