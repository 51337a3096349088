"""Small files that hold, or claim to hold, more than a machine does."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from factory import Spec, write
from tar_factory import BZIP2, XZ, GzipSpec, TarSpec, extension, pax
from test_content_kinds import Case, metadata
from test_hostile import ENTRY, FILE, SDIST, WHEEL, named, refusal, sdist, wheel
from zip_factory import ZipSpec

from samebytes.archive.limits import Limits
from samebytes.compare.comparison import Options, compare
from samebytes.errors import ArtifactError

pytestmark = pytest.mark.slow


def zeros(size: int) -> TarSpec:
    """A tar of zeros, which has no members."""
    return TarSpec(members=(), end=size)


#: Bombs for low limits: one and a half million bytes from a few.
BOMBS: Mapping[str, tuple[Spec, str]] = {
    "gzip zeros": (zeros(1_500_000), "unpacks|without a member"),
    "bzip2 zeros": (replace(zeros(1_500_000), compression=BZIP2), "unpacks|without a member"),
    "xz zeros": (replace(zeros(1_500_000), compression=XZ), "unpacks|without a member"),
    "gzip members": (
        replace(zeros(1_500_000), compression=GzipSpec(members=50)),
        "unpacks|without a member",
    ),
    "bzip2 streams": (
        replace(zeros(1_500_000), compression=replace(BZIP2, streams=9)),
        "unpacks|without a member",
    ),
    "tar content": (sdist(content=bytes(1_500_000)), "unpacks"),
    "tar members": (TarSpec(members=(FILE,) * 200), "200|100 members"),
    "tar sum": (TarSpec(members=(replace(FILE, content=bytes(400_000)),) * 3), "unpacks"),
    "tar extensions": (named(*((b"x", pax((b"a", b"b"))),) * 500), "disagree"),
    "tar records": (named((b"x", pax(*((b"%d" % n, b"") for n in range(20_000))))), "describes"),
    "zip content": (wheel(content=bytes(1_500_000)), "unpacks"),
    "zip sum": (
        ZipSpec(members=tuple(replace(ENTRY, content=bytes(400_000)) for _ in "abc")),
        "unp",
    ),
    "zip members": (ZipSpec(members=(ENTRY,) * 200), "100 members"),
    "zip comments": (ZipSpec(members=(replace(ENTRY, comment=bytes(60_000)),) * 9), "describes"),
    "zip that lies": (
        wheel(content=bytes(1_500_000), local={"size": 5}, central={"size": 5}),
        "not as long as it says",
    ),
}
LOW = Limits(members=100, size=1_000_000, headers=400_000)


@pytest.mark.parametrize(("spec", "words"), BOMBS.values(), ids=BOMBS.keys())
def test_bomb(spec: Spec, words: str, folder: Path) -> None:
    path = write(folder, "bomb", spec)
    assert re.search(words, refusal(path, LOW))
    good = write(folder, "good", WHEEL if isinstance(spec, ZipSpec) else SDIST)
    with pytest.raises(ArtifactError, match=words):
        compare(good, path, Options(limits=LOW))


def test_xz_with_a_giant_dictionary(folder: Path) -> None:
    """4 GiB, which a decompressor would have to set aside."""
    data = bytearray(XZ.data(SDIST.plain()))
    size = (data[12] + 1) * 4
    assert data[14:16] == b"\x21\x01"  # LZMA2, one byte of properties
    data[16] = 40
    data[12 + size - 4 : 12 + size] = struct.pack("<L", zlib.crc32(data[12 : 12 + size - 4]))
    path = folder / "demo-1.0.tar.xz"
    path.write_bytes(data)
    assert "emory" in refusal(path)


# --- within 512 MiB, with the limits that users have ---------------------------------------------

MEMORY = 512 * 1024**2
CHILD = f"""
import resource, sys
from pathlib import Path
from samebytes.compare.comparison import compare
from samebytes.errors import SamebytesError
resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY}))
try:
    print(compare(*map(Path, sys.argv[1:])).verdict)
except SamebytesError as error:
    print(error.message)
"""


def outcome(first: Path, second: Path) -> str:
    """What a process with little memory and time says of two archives."""
    command = [sys.executable, "-c", CHILD, str(first), str(second)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    return done.stdout or done.stderr


END = GzipSpec().member(bytes(1024))


def packed(*parts: bytes, times: int = 1) -> bytes:
    """A gzip file of the same parts over and over, made without unpacking it in memory."""
    return b"".join(map(GzipSpec().member, parts)) * times + END


def records(size: int) -> bytes:
    return pax(*((b"%x" % number, b"") for number in range(size)))


def empty(count: int) -> bytes:
    """Headers of as many empty members, of different names."""
    return b"".join(replace(FILE, name=b"demo/%d" % n, content=b"").header() for n in range(count))


def extended(records: bytes, *, kind: bytes) -> bytes:
    return extension(kind, records, b"x") + empty(1)


#: Small files, what they hold when unpacked, and what is said of them.
EXHAUSTING: Mapping[str, tuple[Callable[[], bytes], str]] = {
    "ten million members": (lambda: packed(empty(20_000), times=500), "more than 200,000 members"),
    "a quarter of a million headers": (
        lambda: packed(extension(b"x", records(1), b"x") * 10_000, times=30),
        "programs disagree on the headers",
    ),
    "members with records": (
        lambda: packed(extended(records(90_000), kind=b"x"), times=250),
        "describes its members",
    ),
    "records for all members": (
        lambda: packed(extension(b"g", records(60_000), b"x"), empty(100_000)),
        "different",
    ),
    "records for all, and more": (
        lambda: packed(
            extension(b"g", records(60_000), b"x"), extended(records(1), kind=b"x") * 10_000
        ),
        "describes its members",
    ),
    "gzip members": (lambda: packed(SDIST.plain()) + GzipSpec().member(b"") * 60_000, "different"),
    "more gzip members": (
        lambda: packed(SDIST.plain()) + GzipSpec().member(b"") * 70_000,
        "65,536",
    ),
    "a gzip name without end": (lambda: b"\x1f\x8b\x08\x08" + b"x" * 9_000_000, "has no end"),
    "four hundred million zeros": (lambda: packed(bytes(50_000_000), times=8), "without a member"),
}


@pytest.mark.parametrize(("made", "words"), EXHAUSTING.values(), ids=EXHAUSTING.keys())
def test_bounded(made: Callable[[], bytes], words: str, folder: Path) -> None:
    good = write(folder, "good", SDIST)
    bad = folder / good.name
    bad.write_bytes(made())
    assert words in outcome(good, bad)


# --- contents that are read, within the same bounds ----------------------------------------------


def overlapping_catalogue(end: bytes) -> bytes:
    """A catalogue of two megabytes whose sixty thousand messages are all the same text."""
    count, texts = 60_000, b"A" * 1_000_000
    start = 28 + 16 * count
    tables = [struct.pack("<LL", length, start) for length in range(count)]
    tables += [struct.pack("<LL", len(texts) - 1_000, start)] * count
    head = struct.pack("<7L", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, 0)
    return head + b"".join(tables) + texts + end


def nested_mail(end: bytes) -> bytes:
    """Parts of a message inside of each other, two thousand deep."""
    line = b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n"
    return b"".join(line % (depth, depth) for depth in range(2_000)) + end


def parenthesised(depth: int) -> bytes:
    marker = "(" * depth + "python_version > '3'" + ")" * depth
    return metadata(f"Requires-Dist: other; {marker}")


def defaults(count: int) -> bytes:
    """Sections that each have all of the defaults."""
    lines = ["[DEFAULT]", *(f"x{n} = 1" for n in range(count))]
    return "\n".join([*lines, *(f"[s{n}]" for n in range(count)), ""]).encode()


METADATA, WHEEL_FILE = "demo-1.0.dist-info/METADATA", "demo-1.0.dist-info/WHEEL"
DIGITS = "9" * 5_000  # Python turns no more than 4,300 into a number

CONTENTS: Mapping[str, tuple[str, Callable[[], bytes], bytes]] = {
    "messages that overlap": (
        "a.mo",
        lambda: overlapping_catalogue(b"x"),
        overlapping_catalogue(b"y"),
    ),
    "nested parts": (METADATA, lambda: nested_mail(b"x"), nested_mail(b"y")),
    "nested parentheses": (METADATA, lambda: parenthesised(3_000), metadata()),
    "nested brackets": ("pyproject.toml", lambda: b"a = " + b"[" * 100_000, b""),
    "a long number": ("pyproject.toml", lambda: f"a = {DIGITS}\n".encode(), b""),
    "a long version": (METADATA, lambda: metadata(f"Requires-Python: >={DIGITS}"), metadata()),
    "a long generator": (
        WHEEL_FILE,
        lambda: f"Generator: x {DIGITS}\n".encode(),
        b"Generator: x 1\n",
    ),
    "many fields": (METADATA, lambda: b"A: b\n" * 200_000, b"A: c\n" * 200_000),
    "a folded field": (METADATA, lambda: b"A: b\n" + b" c\n" * 400_000, b"A: b\n"),
    "many defaults": ("setup.cfg", lambda: defaults(5_000), b"[egg_info]\ntag_date = 0\n"),
    "an open quote": ("demo-1.0.dist-info/RECORD", lambda: b'"' * 1_000_000, b"a,b,1\n"),
    "many clocks": ("a.txt", lambda: b"1:1" * 600_000, b"1:2" * 600_000),
    "many months": ("a.txt", lambda: b"January 1 " * 190_000, b"Mon, " * 390_000),
    "one path": ("a.txt", lambda: b"/a" * 900_000 + b'"', b"/b" * 900_000),
    "many lines": ("a.txt", lambda: b"a\n" * 900_000, b"b\n" * 900_001),
    "lines alike": (
        "a.txt",
        lambda: b"".join(b"%d\n" % (n * n % 113) for n in range(2_900)),
        b"".join(b"%d\n" % (n * n * n % 113) for n in range(2_900)),
    ),
}


@pytest.mark.parametrize(("path", "made", "other"), CONTENTS.values(), ids=CONTENTS.keys())
def test_bounded_contents(path: str, made: Callable[[], bytes], other: bytes, folder: Path) -> None:
    case = Case("", path, made(), other, ".whl" if "dist-info" in path else ".tar.gz")
    first = write(folder, "first", case.spec(case.first))
    second = write(folder, "second", case.spec(case.second))
    for pair in ((first, second), (second, first)):
        assert outcome(*pair) == "different\n"
