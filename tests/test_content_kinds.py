"""For each kind of difference between contents, the smallest pair that differs in that alone."""

from __future__ import annotations

import gzip
import marshal
import struct
from pathlib import Path
from typing import NamedTuple

import pytest
from factory import Spec, write
from tar_factory import TarMember, TarSpec
from zip_factory import ZipMember, ZipSpec

from samebytes.compare.comparison import compare
from samebytes.compare.kinds import KINDS, Level
from samebytes.compare.model import Verdict

WHEEL = ".whl"
SDIST = ".tar.gz"


class Case(NamedTuple):
    kind: str
    path: str
    first: bytes
    second: bytes
    suffix: str = SDIST

    def spec(self, content: bytes) -> Spec:
        """An archive of this content at the path, beside another that is always the same."""
        if self.suffix == WHEEL:
            other = ZipMember(name=b"demo/a.py", content=b"1\n")
            return ZipSpec(members=(other, ZipMember(name=self.path.encode(), content=content)))
        plain = TarMember(name=b"demo-1.0/a.py", content=b"1\n")
        name = f"demo-1.0/{self.path}".encode()
        return TarSpec(members=(plain, TarMember(name=name, content=content)))


def catalogue(*messages: tuple[bytes, bytes], order: str = "<", gap: int = 0) -> bytes:
    """A compiled catalogue as gettext's manual describes it; ``gap`` bytes of no use are in it."""
    tables, texts = b"", b""
    start = 28 + 16 * len(messages) + gap
    for column in (0, 1):
        for message in messages:
            tables += struct.pack(f"{order}LL", len(message[column]), start + len(texts))
            texts += message[column] + b"\0"
    count = len(messages)
    head = (0x950412DE, 0, count, 28, 28 + 8 * count, 0, 28 + 16 * count)
    return struct.pack(f"{order}7L", *head) + tables + bytes(gap) + texts


HEADER = b"Project-Id-Version: demo\nPOT-Creation-Date: 2020-01-01 00:00+0000\n"
MESSAGES = ((b"", HEADER), (b"one", b"un"), (b"two", b"deux"))
LATER = ((b"", HEADER.replace(b"2020", b"2021")), *MESSAGES[1:])
OTHER = (*MESSAGES[:2], (b"two", b"zwei"))


def compiled(source: str, mtime: int) -> bytes:
    """Compiled Python with the header of PEP 552."""
    head = struct.pack("<4sLLL", b"\xa7\x0d\x0d\x0a", 0, mtime, len(source))
    return head + marshal.dumps(compile(source, "demo/a.py", "exec"))


def metadata(*lines: str, body: str = "") -> bytes:
    head = ("Metadata-Version: 2.4", "Name: demo", "Version: 1.0", *lines)
    return ("\n".join(head) + "\n" + (f"\n{body}" if body else "")).encode()


METADATA = "demo-1.0.dist-info/METADATA"
PKG_INFO = "PKG-INFO"
METADATA_CASES = tuple(
    case
    for path, suffix in ((METADATA, WHEEL), (PKG_INFO, SDIST))
    for case in (
        Case("metadata-version", path, metadata(), metadata().replace(b"2.4", b"2.1"), suffix),
        Case(
            "metadata-spelling",
            path,
            metadata("Requires-Dist: other (>=1,<2)"),
            metadata("Requires-Dist: other<2,>=1"),
            suffix,
        ),
        Case(
            "metadata-spelling",
            path,
            metadata('Requires-Dist: other; python_version < "3"'),
            metadata("Requires-Dist: Other ; python_version<'3'"),
            suffix,
        ),
        Case(
            "metadata-spelling",
            path,
            metadata("Requires-Python: >=3.8, <4"),
            metadata("Requires-Python: <4,>=3.8"),
            suffix,
        ),
        Case(
            "metadata-spelling", path, metadata("Keywords: a,b"), metadata("Keywords: a b"), suffix
        ),
        Case(
            "metadata-order",
            path,
            metadata("Summary: short", "Author: Jane"),
            metadata("Author: Jane", "Summary: short"),
            suffix,
        ),
        Case("metadata-field", path, metadata(), metadata("License-File: LICENSE"), suffix),
        Case("metadata-field", path, metadata("Summary: a"), metadata("Summary: b"), suffix),
        Case(
            "metadata-field",
            path,
            metadata("Requires-Dist: other>=1"),
            metadata("Requires-Dist: other>=2"),
            suffix,
        ),
        Case(
            "metadata-description", path, metadata(body="Hello\n"), metadata(body="Bye\n"), suffix
        ),
    )
)

WHEEL_FILE = b"Wheel-Version: 1.0\nGenerator: hatchling 1.27.0\nRoot-Is-Purelib: true\n"
ROW, OTHER_ROW = b"demo/a.py,sha256=abc,2\n", b"demo/b.py,sha256=def,3\n"
DIST_INFO = "demo-1.0.dist-info/"
SOURCES = "demo.egg-info/SOURCES.txt"
WHEEL_CASES = (
    Case(
        "wheel-generator",
        f"{DIST_INFO}WHEEL",
        WHEEL_FILE,
        WHEEL_FILE.replace(b"1.27.0", b"1.28.0"),
        WHEEL,
    ),
    Case(
        "wheel-field", f"{DIST_INFO}WHEEL", WHEEL_FILE, WHEEL_FILE + b"Tag: py3-none-any\n", WHEEL
    ),
    Case(
        "wheel-field",
        f"{DIST_INFO}WHEEL",
        WHEEL_FILE,
        WHEEL_FILE.replace(b"true", b"false"),
        WHEEL,
    ),
    Case("record-order", f"{DIST_INFO}RECORD", ROW + OTHER_ROW, OTHER_ROW + ROW, WHEEL),
    Case("record-rows", f"{DIST_INFO}RECORD", ROW, ROW + OTHER_ROW, WHEEL),
    Case("record-rows", f"{DIST_INFO}RECORD", ROW, ROW.replace(b"abc", b"abd"), WHEEL),
    Case("record-line-ends", f"{DIST_INFO}RECORD", ROW, ROW.replace(b"\n", b"\r\n"), WHEEL),
    Case("sources-list", SOURCES, b"a.py\n", b"a.py\nb.py\n"),
    Case("sources-order", SOURCES, b"a.py\nb.py\n", b"b.py\na.py\n"),
    Case(
        "setup-cfg-tags",
        "setup.cfg",
        b"[metadata]\nname = demo\n",
        b"[metadata]\nname = demo\n\n[egg_info]\ntag_build = \ntag_date = 0\n\n",
    ),
)

LATIN = "naïve\n".encode("latin-1")
TEXT_CASES = (
    Case("content-line-ends", "a.txt", b"one\ntwo\n", b"one\r\ntwo\r\n"),
    Case("content-line-ends", "a.txt", b"one\ntwo\n", b"one\ntwo\r\n"),
    Case("content-line-order", "a.txt", b"one\ntwo\n", b"two\none\n"),
    Case("content-timestamp", "a.txt", b"at 2020-01-01 00:00:00\n", b"at 2021-03-04 05:06:07\n"),
    Case("content-timestamp", "a.txt", b"on Wed Jan 1 2020\n", b"on Tue Mar 2 2021\n"),
    Case("content-path", "a.txt", b"in /tmp/build-1/demo/a.c\n", b"in /home/jane/demo/a.c\n"),
    Case("content-spacing", "a.txt", b"one two\n", b"one  two \n\n"),
    Case("member-content", "a.txt", b"one\n", b"two\n"),
    Case("member-content", "a.txt", b"one\n", b""),
    Case("member-content", "a.txt", b"at 2020-01-01\n", b"at 2021-01-01, once more\n"),
    Case("member-content", "a.txt", LATIN, LATIN.upper()),
    Case("member-content", "a.bin", b"\0\1\2", b"\0\1\3"),
    Case("member-content", "a.mo", b"no catalogue", b"none at all"),
    Case("member-content", "a.txt", b"x" * 3_000_000, b"y" * 3_000_000),
)

BINARY_CASES = (
    Case("content-gzip", "a.js.gz", gzip.compress(b"same" * 99, 1), gzip.compress(b"same" * 99, 9)),
    Case("member-content", "a.js.gz", gzip.compress(b"one"), gzip.compress(b"two")),
    Case("catalogue-header", "a.mo", catalogue(*MESSAGES), catalogue(*LATER)),
    Case("catalogue-layout", "a.mo", catalogue(*MESSAGES), catalogue(*MESSAGES, order=">")),
    Case("catalogue-layout", "a.mo", catalogue(*MESSAGES), catalogue(*MESSAGES, gap=12)),
    Case("catalogue-layout", "a.mo", catalogue(*MESSAGES), catalogue(*MESSAGES[::-1])),
    Case("catalogue-messages", "a.mo", catalogue(*MESSAGES), catalogue(*OTHER)),
    Case("catalogue-messages", "a.mo", catalogue(*MESSAGES), catalogue(*MESSAGES[:2])),
    Case("pyc-header", "a.pyc", compiled("a = 1", 1), compiled("a = 1", 2)),
    Case("pyc-code", "a.pyc", compiled("a = 1", 1), compiled("a = 2", 1)),
)

CASES = (*TEXT_CASES, *BINARY_CASES, *METADATA_CASES, *WHEEL_CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
@pytest.mark.parametrize("mirrored", [False, True], ids=["forwards", "backwards"])
def test_kind(case: Case, mirrored: bool, folder: Path) -> None:
    first = write(folder, "first", case.spec(case.first))
    second = write(folder, "second", case.spec(case.second))
    comparison = compare(second, first) if mirrored else compare(first, second)
    assert {difference.kind.id for difference in comparison.differences} == {case.kind}
    assert KINDS[case.kind].level is Level.CONTENT
    assert comparison.verdict is Verdict.DIFFERENT
