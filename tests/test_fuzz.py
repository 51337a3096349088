"""Thousands of damaged archives: a clear error or a true verdict, nothing else, and soon."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from factory import Spec, same_when_unpacked
from tar_factory import (
    BLOCK,
    BZIP2,
    EPOCH,
    GNU,
    TAR_FIELDS,
    XZ,
    GzipSpec,
    Long,
    TarMember,
    TarSpec,
    summed,
)
from test_hostile import check_sentence
from zip_factory import (
    CENTRAL_FIELDS,
    END64_FIELDS,
    END_FIELDS,
    LOCAL_FIELDS,
    LOCATOR_FIELDS,
    STORED,
    UTF8,
    Descriptor,
    ZipMember,
    ZipSpec,
)

from samebytes.compare.comparison import compare
from samebytes.compare.model import Verdict
from samebytes.errors import SamebytesError

pytestmark = pytest.mark.slow

SECONDS = 2
#: Of so many parts of the mutants, the first ones are tried.
PARTS, CHUNKS = 8, 4

TAR = TarSpec(
    members=(
        TarMember(name=b"demo-1.0/", type=b"5", mode=0o755),
        TarMember(name=b"demo-1.0/a.py", content=b"print('a')\n" * 9, uname=b"jane", uid=501),
        TarMember(name=b"demo-1.0/run", content=b"#!/bin/sh\n", mode=0o755),
        TarMember(
            name=b"demo-1.0/" + b"x" * 110 + b".py",
            content=b"x = 1\n",
            long=Long.PAX,
            records=((b"mtime", b"%d.5" % EPOCH), (b"SCHILY.fflags", b"none")),
        ),
        TarMember(name=b"demo-1.0/" + b"y" * 120, content=b"y", long=Long.GNU, format=GNU),
        TarMember(name=b"demo-1.0/link", type=b"2", link=b"a.py", mode=0o777),
        TarMember(name=b"demo-1.0/hard", type=b"1", link=b"demo-1.0/run"),
        TarMember(name=b"demo-1.0/sub/deep/" + b"z" * 80 + b"/z.py", long=Long.PREFIX),
    ),
    shared=((b"comment", b"0123456789abcdef"),),
)
GZIP = GzipSpec(checksum=True, extra=b"AB\x02\x00xy", name=b"demo.tar", comment=b"none", members=2)
SMALL = replace(TAR, members=TAR.members[1:3], shared=())
ZIP = ZipSpec(
    members=(
        ZipMember(name=b"demo/a.py", content=b"print('a')\n" * 9),
        ZipMember(name=b"demo/run", content=b"#!/bin/sh\n", method=STORED, mode=0o100755),
        ZipMember(name=b"demo/b.py", content=b"b\n" * 9, descriptor=Descriptor.SIGNED),
        ZipMember(name="demo/é.py".encode(), content=b"c\n", flags=UTF8, zip64=True),
        ZipMember(name=b"demo/", local_extra=b"UT\x01\x00\x00", comment=b"a folder", mode=0o040755),
        ZipMember(name=b"demo/link", content=b"a.py", mode=0o120777),
    ),
    layout=(4, 0, 1, 2, 5, 3),
    comment=b"a wheel",
)
ZIP64 = replace(ZIP, members=ZIP.members[:2], layout=None, zip64_end=True)
SPECS: Mapping[str, Spec] = {
    "gzip": replace(SMALL, compression=GZIP),
    "bzip2": replace(SMALL, compression=BZIP2),
    "xz": replace(SMALL, compression=XZ),
    "zip": ZIP,
    "zip64": ZIP64,
}

Mutator = Callable[[bytes, Random], Iterator[bytes]]


def flipped(data: bytes, random: Random) -> Iterator[bytes]:
    """Each byte of the file with one of its bits flipped, two of them in turn."""
    for place in range(len(data)):
        for bit in random.sample(range(8), 2):
            yield data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]


def truncated(data: bytes, random: Random) -> Iterator[bytes]:
    for size in range(0, len(data), max(1, len(data) // 400)):
        yield data[:size]


def overwritten(data: bytes, random: Random) -> Iterator[bytes]:
    """Runs of random bytes, of zeros and of ones."""
    for _ in range(500):
        size = random.choice((1, 2, 4, 8, 16, 100))
        place = random.randrange(len(data))
        run = random.choice((bytes(size), b"\xff" * size, random.randbytes(size)))
        yield data[:place] + run + data[place + size :]


def spliced(data: bytes, random: Random) -> Iterator[bytes]:
    """Parts moved, doubled, dropped and taken from elsewhere."""
    for _ in range(500):
        step = random.choice((1, 1, BLOCK)) if len(data) > 2 * BLOCK else 1
        cuts = sorted(random.randrange(0, len(data) + 1, step) for _ in range(3))
        a, b, c = data[: cuts[0]], data[cuts[0] : cuts[1]], data[cuts[1] : cuts[2]]
        end = data[cuts[2] :]
        yield random.choice(
            (a + c + b + end, a + b + b + c + end, a + c + end, a + b + c + b + end)
        )


MUTATORS: Mapping[str, Mutator] = {
    "flipped": flipped,
    "truncated": truncated,
    "overwritten": overwritten,
    "spliced": spliced,
}


def headers(plain: bytes) -> list[int]:
    """Where the headers of a tar lie."""
    return [
        place
        for place in range(0, len(plain), BLOCK)
        if plain[place + 257 : place + 262] == b"ustar"
    ]


def summed_again(plain: bytes) -> bytes:
    """The tar with the right checksums, so that no reader stops at them."""
    parts = bytearray(plain)
    for place in headers(plain):
        if place + BLOCK <= len(plain):
            header = plain[place : place + BLOCK]
            parts[place : place + BLOCK] = summed(header[:148] + bytes(8) + header[156:])
    return bytes(parts)


def mutated_headers(plain: bytes, random: Random) -> Iterator[bytes]:
    """Each byte of each header with a bit flipped, and the checksum right again."""
    for start in headers(plain):
        for place in range(start, start + BLOCK):
            bit = 1 << random.randrange(8)
            yield summed_again(plain[:place] + bytes([plain[place] ^ bit]) + plain[place + 1 :])


def mutated_records(plain: bytes, random: Random) -> Iterator[bytes]:
    """The payloads of extensions and the contents, byte by byte."""
    starts = [*headers(plain), len(plain)]
    for start, end in pairwise(starts):
        for place in range(start + BLOCK, min(end, start + BLOCK + 190)):
            for value in (0, 0xFF, random.randrange(256), ord(random.choice("0123456789 =\n/."))):
                yield plain[:place] + bytes([value]) + plain[place + 1 :]


def replaced_fields(plain: bytes, random: Random) -> Iterator[bytes]:
    """Each field of each header with values that numbers and names may not have, or seldom do."""
    for start in headers(plain):
        place = start
        for width in TAR_FIELDS.values():
            for value in _field_values(width, random):
                yield summed_again(plain[:place] + value + plain[place + width :])
            place += width


def _field_values(width: int, random: Random) -> Iterator[bytes]:
    for byte in (b"\0", b"\xff", b" ", b"7", b"0", b"\x80", b"-", b"/", b"."):
        yield byte * width
    yield b"\x80" + random.randbytes(width - 1)
    yield random.randbytes(width)
    yield (b"%o" % random.randrange(8**4)).rjust(width, b" ")[:width]
    yield b"../" * (width // 3) + bytes(width % 3)


def moved_members(plain: bytes, random: Random) -> Iterator[bytes]:
    """Headers with what follows them, in another order, twice, or left out."""
    starts = [*headers(plain), len(plain.rstrip(b"\0")) // BLOCK * BLOCK + BLOCK]
    parts = [plain[start:end] for start, end in pairwise(starts)]
    for _ in range(600):
        chosen = random.choices(parts, k=random.randrange(1, len(parts) + 3))
        if random.random() < 0.5:
            chosen = random.sample(parts, random.randrange(1, len(parts) + 1))
        yield b"".join(chosen) + bytes(random.choice((0, BLOCK, 2 * BLOCK)))


def resummed(mutator: Mutator) -> Mutator:
    return lambda plain, random: map(summed_again, mutator(plain, random))


TAR_MUTATORS: Mapping[str, Mutator] = {
    "headers": mutated_headers,
    "records": mutated_records,
    "fields": replaced_fields,
    "members": moved_members,
    "truncated": truncated,
    "overwritten": resummed(overwritten),
    "spliced": resummed(spliced),
}


_HEADERS = {"local": LOCAL_FIELDS, "central": CENTRAL_FIELDS}
_ENDS = {"end": END_FIELDS, "end64": END64_FIELDS, "locator": LOCATOR_FIELDS}


def lying(random: Random) -> Iterator[ZipSpec]:
    """Zips whose headers say, in one place or in both, what is not so."""
    for index, member in enumerate(ZIP.members):
        for name, kind in (LOCAL_FIELDS | CENTRAL_FIELDS).items():
            for value in _lies(kind, random):
                lie = {name: value}
                for liars in (("local",), ("central",), ("local", "central")):
                    changes = {liar: lie for liar in liars if name in _HEADERS[liar]}
                    members = list(ZIP.members)
                    members[index] = replace(member, **changes)  # type: ignore[arg-type]
                    yield replace(ZIP, members=tuple(members))
    for spec in (ZIP, ZIP64):
        for place, layout in _ENDS.items():
            for name, kind in layout.items():
                for value in _lies(kind, random):
                    yield replace(spec, **{place: {name: value}})  # type: ignore[arg-type]


def _lies(kind: str, random: Random) -> Iterator[int | bytes]:
    if kind == "4s":
        yield from (bytes(4), b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\6", b"PK\6\7", b"PK\7\x08")
        return
    bits = {"B": 8, "H": 16, "L": 32, "Q": 64}[kind]
    yield from (0, 1, (1 << bits) - 1, 1 << bits - 1, random.getrandbits(bits))
    yield from (1 << random.randrange(bits) for _ in range(3))


class Judge:
    """Compares archives with the one that they were made from."""

    def __init__(self, folder: Path, spec: Spec) -> None:
        name = f"demo-1.0{spec.suffix}"
        self.data = spec.data()
        self.base, self.mutant = folder / name, folder / "mutant" / name
        self.mutant.parent.mkdir()
        self.base.write_bytes(self.data)

    def verdict(self, first: Path, second: Path) -> Verdict | None:
        """The verdict; none if one of the files is refused."""
        try:
            return compare(first, second).verdict
        except SamebytesError as error:
            check_sentence(error)
            return None

    def judge(self, data: bytes, *, mirrored: bool) -> None:
        self.mutant.write_bytes(data)
        pair = (self.mutant, self.base) if mirrored else (self.base, self.mutant)
        started = time.perf_counter()
        verdict = self.verdict(*pair)
        assert time.perf_counter() - started < SECONDS
        assert (verdict is Verdict.IDENTICAL) == (data == self.data)
        if verdict is Verdict.EQUIVALENT:
            assert same_when_unpacked(self.base, self.mutant)


def judge_all(judge: Judge, mutants: Iterator[bytes], chunk: int, random: Random) -> None:
    for number, data in enumerate(mutants):
        if number % PARTS == chunk:
            judge.judge(data, mirrored=random.random() < 0.3)


@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("how", MUTATORS)
@pytest.mark.parametrize("what", SPECS)
def test_damaged_file(what: str, how: str, chunk: int, folder: Path) -> None:
    judge, random = Judge(folder, SPECS[what]), Random(f"{what} {how}")
    judge_all(judge, MUTATORS[how](judge.data, random), chunk, Random(chunk))


@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("how", TAR_MUTATORS)
def test_damaged_tar(how: str, chunk: int, folder: Path) -> None:
    """The compression is right; what it holds is not."""
    judge, random = Judge(folder, TAR), Random(how)
    mutants = map(TAR.compression.data, TAR_MUTATORS[how](TAR.plain(), random))
    judge_all(judge, mutants, chunk, Random(chunk))


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_lying_zip(chunk: int, folder: Path) -> None:
    judge, random = Judge(folder, ZIP), Random("lies")
    judge_all(judge, (spec.data() for spec in lying(random)), chunk, Random(chunk))
