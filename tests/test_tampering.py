"""A tampered artifact is never called identical or equivalent, and what was done is named."""

from __future__ import annotations

import gzip
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from factory import same_when_unpacked
from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename
from tampered_sdists import SDIST_TAMPERINGS
from tampered_wheels import WHEEL_TAMPERINGS
from tampering import (
    Sdist,
    Wheel,
    built_as,
    later,
    read_wheel,
    verdicts_on,
)
from tar_factory import BLOCK, GzipSpec, TarMember, TarSpec
from test_fuzz import headers, summed_again
from zip_factory import STORED, ZipMember, ZipSpec, dos_time

from samebytes.compare.model import Verdict
from samebytes.digest import Digest
from samebytes.errors import UserError
from samebytes.index.client import Index
from samebytes.index.settings import IndexSettings
from samebytes.places import cache_folder
from samebytes.verify.judgement import read_published
from samebytes.verify.verification import Place

# --- small ones ----------------------------------------------------------------------------------

_INFO = "demo-1.0.dist-info"
_METADATA = """\
Metadata-Version: 2.1
Name: demo
Version: 1.0
Requires-Python: >=3.8

A description.
"""
_WHEEL = "Wheel-Version: 1.0\nGenerator: x (1)\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_CONTENTS = {
    "demo/__init__.py": "VALUE = 1\n" * 40,
    "demo/run.py": "#!python\nprint('run')\n",
    f"{_INFO}/METADATA": _METADATA,
    f"{_INFO}/WHEEL": _WHEEL,
    f"{_INFO}/RECORD": "",
}


def small_wheel() -> ZipSpec:
    members = tuple(
        ZipMember(
            name=name.encode(),
            content=text.encode(),
            mode=stat.S_IFREG | (0o755 if name == "demo/run.py" else 0o644),
        )
        for name, text in _CONTENTS.items()
    )
    wheel = Wheel(ZipSpec(members=members))
    return wheel.recorded(*(name for name in wheel.names if name != f"{_INFO}/RECORD")).spec


def small_sdist() -> bytes:
    return TarSpec(
        members=(
            TarMember(name=b"demo-1.0/demo/__init__.py", content=b"VALUE = 1\n" * 40),
            TarMember(name=b"demo-1.0/run", content=b"#!/bin/sh\n", mode=0o755),
            TarMember(name=b"demo-1.0/pyproject.toml", content=b"[project]\nname = 'demo'\n"),
            TarMember(name=b"demo-1.0/PKG-INFO", content=_METADATA.encode()),
        )
    ).data()


WHEEL, SDIST = small_wheel(), small_sdist()
WHEEL_NAME, SDIST_NAME = "demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"


@pytest.mark.parametrize("how", WHEEL_TAMPERINGS)
def test_wheel(how: str, folder: Path) -> None:
    tampered = WHEEL_TAMPERINGS[how](Wheel(WHEEL))
    assert tampered is not None
    built = [
        built_as(folder / str(number) / WHEEL_NAME, spec.data())
        for number, spec in enumerate((WHEEL, later(WHEEL)))
    ]
    assert tampered.complaints(folder / WHEEL_NAME, *built) == []


@pytest.mark.parametrize("how", SDIST_TAMPERINGS)
def test_sdist(how: str, folder: Path) -> None:
    tampered = SDIST_TAMPERINGS[how](Sdist.read(SDIST))
    assert tampered is not None
    built = [
        built_as(folder / str(number) / SDIST_NAME, data)
        for number, data in enumerate((SDIST, Sdist.read(SDIST).later().data()))
    ]
    assert tampered.complaints(folder / SDIST_NAME, *built) == []


def test_untouched(folder: Path) -> None:
    """What is compared above is identical, and equivalent, as long as nobody touches it."""
    for name, data, other in (
        (WHEEL_NAME, WHEEL.data(), later(WHEEL).data()),
        (SDIST_NAME, SDIST, Sdist.read(SDIST).later().data()),
    ):
        published = folder / name
        published.write_bytes(data)
        built = built_as(folder / "1" / name, data), built_as(folder / "2" / name, other)
        one, two = verdicts_on(published, *built)
        assert (one.verdict, two.verdict) == (Verdict.IDENTICAL, Verdict.EQUIVALENT)
        assert {each.kind.id for each in two.differences} <= {"zip-mtime", "tar-mtime"} | _GZIP


_GZIP = {"deflate-stream", "gzip-header-mtime", "gzip-header-xfl", "gzip-header-os"}


def test_gzip_members_cut_elsewhere(folder: Path) -> None:
    """Whoever reads only the first gets less of the one, whatever else differs."""
    plain = Sdist.read(SDIST).plain(), Sdist.read(SDIST).later().plain()
    cuts = 1536, 2560
    data = [
        gzip.compress(each[:cut], mtime=0) + gzip.compress(each[cut:], mtime=0)
        for each, cut in zip(plain, cuts, strict=True)
    ]
    published = folder / SDIST_NAME
    published.write_bytes(data[0])
    (found,) = verdicts_on(published, built_as(folder / "built" / SDIST_NAME, data[1]))
    assert found.verdict is Verdict.DIFFERENT
    assert found.places == (Place.CONTAINER,)


def test_another_spelling_of_the_name(folder: Path) -> None:
    built = built_as(folder / "1" / WHEEL_NAME, WHEEL.data())
    published = folder / "Demo-1.0-py3-none-any.whl"
    published.write_bytes(WHEEL.data())
    assert verdicts_on(published, built)[0].verdict is Verdict.IDENTICAL


def test_changed_after_it_was_looked_at(folder: Path) -> None:
    """The verdict names the digest of the file that was judged."""
    path = folder / WHEEL_NAME
    path.write_bytes(WHEEL.data())
    digest = Digest.of_file(path)
    path.write_bytes(later(WHEEL).data())
    with pytest.raises(UserError, match="changed while it was read"):
        read_published(path, digest)


# --- anywhere ------------------------------------------------------------------------------------


def regions(spec: ZipSpec, data: bytes) -> list[range]:
    """Of the kinds of part of a zip, one kind after the other: where a member's lie."""
    found, start = [], 0
    for index in spec.layout or range(len(spec.members)):
        member = spec.members[index]
        end = start + len(member.entry())
        name = start + 30
        stream = name + len(member.name) + len(member.local_extra)
        found += [range(start, name), range(name, stream), range(stream, max(end, stream + 1))]
        start = end
    return [*found, *[range(start, len(data) - 22)] * 20, *[range(len(data) - 22, len(data))] * 9]


def damaged(data: bytes, places: Sequence[range], random: Random) -> Iterator[bytes]:
    """A file with something done to it somewhere, without an end."""
    while True:
        place = random.choice(random.choice(places))
        other, size = random.randrange(len(data)), random.choice((1, 2, 4, 30))
        low, high = sorted((place, other))
        yield random.choice(
            (
                data[:place] + bytes([data[place] ^ 1 << random.randrange(8)]) + data[place + 1 :],
                data[:place] + random.randbytes(1) + data[place + 1 :],
                data[:place] + data[place + 1 :],
                data[:place] + random.randbytes(1) + data[place:],
                data[:low]
                + data[high : high + size]
                + data[low + size : high]
                + data[low : low + size]
                + data[high + size :],
            )
        )


def check_anywhere(name: str, data: bytes, mutants: Iterator[bytes], folder: Path) -> int:
    """No mutant is identical; those that are equivalent unpack to the same; gives their number.

    Rightly so: whatever byte of a time is changed, of a creator's version, or of a comment.
    """
    built = built_as(folder / "built" / name, data)
    published, count = folder / name, 0
    for mutant in mutants:
        published.write_bytes(mutant)
        (found,) = verdicts_on(published, built)
        assert (found.verdict is Verdict.IDENTICAL) == (mutant == data)
        if found.verdict is Verdict.EQUIVALENT:
            assert found.differences
            assert same_when_unpacked(published, built.path)
            if name.endswith(".whl"):
                read_wheel(mutant)  # of which every byte is accounted for
            count += 1
    return count


def some(mutants: Iterator[bytes], number: int) -> Iterator[bytes]:
    return (mutant for mutant, _ in zip(mutants, range(number), strict=False))


def damaged_wheel(data: bytes, random: Random) -> Iterator[bytes]:
    spec = read_wheel(data)
    return damaged(data, regions(spec, data), random)


def damaged_sdist(data: bytes, random: Random) -> Iterator[bytes]:
    """Its tar, mostly with right checksums, and compressed again; else nobody would look at it."""
    plain = Sdist.read(data).plain()
    places = [range(start, start + BLOCK) for start in headers(plain)]
    for mutant in damaged(plain, [*places, range(len(plain))], random):
        tar = summed_again(mutant) if random.random() < 0.8 else mutant
        yield GzipSpec(level=1).data(tar)


def test_anywhere_in_a_wheel(folder: Path) -> None:
    data = WHEEL.data()
    assert check_anywhere(WHEEL_NAME, data, some(damaged_wheel(data, Random(1)), 400), folder)


def test_anywhere_in_an_sdist(folder: Path) -> None:
    check_anywhere(SDIST_NAME, SDIST, some(damaged_sdist(SDIST, Random(1)), 250), folder)


def test_any_time_is_equivalent(folder: Path) -> None:
    """It is a correction of the container, and the report lists it."""
    member = ZipMember(name=b"demo.py", content=b"x = 1\n", method=STORED)
    built = built_as(folder / "built" / WHEEL_NAME, ZipSpec(members=(member,)).data())
    published = folder / WHEEL_NAME
    other = ZipMember(
        name=b"demo.py", content=b"x = 1\n", method=STORED, local={"time": dos_time(1999, 9, 9)}
    )
    published.write_bytes(ZipSpec(members=(other,)).data())
    (found,) = verdicts_on(published, built)
    assert found.verdict is Verdict.EQUIVALENT
    assert [each.kind.id for each in found.differences] == ["zip-mtime"]


# --- real ones -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Published:
    filename: str
    sha256: str


WHEELS = (
    Published(
        "attrs-26.1.0-py3-none-any.whl",
        "c647aa4a12dfbad9333ca4e71fe62ddc36f4e63b2d260a37a8b83d2f043ac309",
    ),
    Published(
        "click-8.5.1-py3-none-any.whl",
        "8bb5376d2006950386f8c6427613334a2acadc5f559cb80e638d00b4df957e37",
    ),
    Published(
        "flask-3.1.3-py3-none-any.whl",
        "f4bcbefc124291925f1a26446da31a5178f9483862233b23c0c96a20701f670c",
    ),
    Published(
        "flit_core-4.2.0-py3-none-any.whl",
        "2bee22dc8ba89c2e35b4e1ad575e596aac945c85672dd8f3cad21b629036e044",
    ),
    Published(
        "hatchling-1.33.0-py3-none-any.whl",
        "415290b84f464d2884303fca8974d38e7b85579069fab02a15db0828fbb1446d",
    ),
    Published(
        "httpx-0.28.1-py3-none-any.whl",
        "d909fcccc110f8c7faf814ca82a9a4d816bc5a6dbfea25d6591d6985b8ba59ad",
    ),
    Published(
        "iniconfig-2.3.1-py3-none-any.whl",
        "9121e2c1fdb355232495be3194c8dfe87ccc2d5dee45947b78e68f499790d7a7",
    ),
    Published(
        "jinja2-3.1.6-py3-none-any.whl",
        "85ece4451f492d0c13c5dd7c13a64681a86afae63a5f347908daf103ce6d2f67",
    ),
    Published(
        "pdm_backend-2.5.0-py3-none-any.whl",
        "5b8746b567a16a1fd506ce66ee28e89d46374526f52238aa1b96cc2c08245c63",
    ),
    Published(
        "pluggy-1.7.0-py3-none-any.whl",
        "7dd7b0d8832ba3cb632c306926ded123429211b83641b35dc5c41ad2d34f9bec",
    ),
    Published(
        "poetry_core-2.5.0-py3-none-any.whl",
        "98ee465b66f7e14bb9fbe68fb5e00d0cff184f036993ec94610ae4b5612f3add",
    ),
    Published(
        "pytest-9.2.0-py3-none-any.whl",
        "07acdcf88ec174f907dc01af70bf52d49b014bbab03faeeade31c96b18c2e588",
    ),
    Published(
        "requests-2.34.2-py3-none-any.whl",
        "2a0d60c172f83ac6ab31e4554906c0f3b3588d37b5cb939b1c061f4907e278e0",
    ),
    Published(
        "rich-15.0.0-py3-none-any.whl",
        "33bd4ef74232fb73fe9279a257718407f169c09b78a87ad3d296f548e27de0bb",
    ),
    Published(
        "setuptools-84.2.1-py3-none-any.whl",
        "ca140b45d5325a9478f880e351484f62fef15f336462e449ca0c03c873d589c2",
    ),
    Published(
        "six-1.17.0-py2.py3-none-any.whl",
        "4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274",
    ),
    Published(
        "sniffio-1.3.1-py3-none-any.whl",
        "2f6da418d1f1e0fddd844478f41680e794e6051915791a034ff65e5f100525a2",
    ),
    Published(
        "trove_classifiers-2026.9.21.13-py3-none-any.whl",
        "8b1ff4f9c191b1040b71c37f1e445ab99732911e3cd91de52838453a854d7a17",
    ),
)
DJANGOS = (
    Published(
        "django-4.2.30-py3-none-any.whl",
        "4d07aaf1c62f9984842b67c2874ebbf7056a17be253860299b93ae1881faad65",
    ),
    Published(
        "django-5.2.19-py3-none-any.whl",
        "5965d974a5218a2b68a11dd1276434707f23886525c23f0598eccedaf4f4ca00",
    ),
)
SDISTS = (
    Published(
        "flit_core-4.2.0.tar.gz",
        "84e4e4d8fdd45ba2613800a3ebc6834de26d47ec9746efc3719f94181137b460",
    ),
    Published(
        "hatchling-1.33.0.tar.gz",
        "4c422bd4d554fcff5de5b73e9596f85e41e9f97f7e553d8f7595ecb31a627bef",
    ),
    Published(
        "iniconfig-2.3.1.tar.gz",
        "67f4b9c50da0dedf52af349e7749a80a9057a5031199791b906c3bb3ae878960",
    ),
    Published(
        "six-1.17.0.tar.gz",
        "ff70335d468e7eb6ec65b95b99d3a2836546063f63acc5171de367e834932a81",
    ),
    Published(
        "sniffio-1.3.1.tar.gz",
        "f4324edc670a0f49750a81b895f35c3adb843cca46f0530f79fc1babb23789dc",
    ),
)
#: Of Django's thousands of members each takes a second.
FEW = (
    "a byte of a content, and its row in RECORD",
    ".pth with a row in RECORD",
    "name twice",
    "member that the directory does not list",
)


@pytest.fixture(scope="module")
def index() -> Index:
    return Index(IndexSettings.from_pip(os.environ), cache_folder() / "downloads")


def fetched(published: Published, index: Index) -> bytes:
    filename = published.filename
    if filename.endswith(".whl"):
        name, version = parse_wheel_filename(filename)[:2]
    else:
        name, version = parse_sdist_filename(filename)
    files = index.release(canonicalize_name(name), version)
    path = index.fetch(next(file for file in files if file.filename == filename)).path
    assert Digest.of_file(path) == Digest(published.sha256)
    return path.read_bytes()


def test_all_have_a_case() -> None:
    assert set(FEW) <= WHEEL_TAMPERINGS.keys()


@pytest.mark.slow
@pytest.mark.parametrize("published", [*WHEELS, *DJANGOS], ids=lambda each: each.filename)
def test_published_wheel(published: Published, index: Index, folder: Path) -> None:
    data = fetched(published, index)
    spec, path = read_wheel(data), folder / published.filename
    built = [
        built_as(folder / str(number) / path.name, other)
        for number, other in enumerate((data, later(spec).data()))
    ]
    path.write_bytes(data)
    verdicts = [found.verdict for found in verdicts_on(path, *built)]
    assert verdicts == [Verdict.IDENTICAL, Verdict.EQUIVALENT]
    for how in FEW if published in DJANGOS else WHEEL_TAMPERINGS:
        if (tampered := WHEEL_TAMPERINGS[how](Wheel(spec))) is not None:
            assert (how, tampered.complaints(path, *built)) == (how, [])


@pytest.mark.slow
@pytest.mark.parametrize("published", WHEELS, ids=lambda each: each.filename)
def test_anywhere_in_a_published_wheel(published: Published, index: Index, folder: Path) -> None:
    data = fetched(published, index)
    mutants = damaged_wheel(data, Random(published.sha256))
    check_anywhere(published.filename, data, some(mutants, 20), folder)


@pytest.mark.slow
@pytest.mark.parametrize("published", SDISTS, ids=lambda each: each.filename)
def test_published_sdist(published: Published, index: Index, folder: Path) -> None:
    data = fetched(published, index)
    sdist, path = Sdist.read(data), folder / published.filename
    built = [
        built_as(folder / str(number) / path.name, other)
        for number, other in enumerate((data, sdist.later().data()))
    ]
    path.write_bytes(data)
    verdicts = [found.verdict for found in verdicts_on(path, *built)]
    assert verdicts == [Verdict.IDENTICAL, Verdict.EQUIVALENT]
    for how, tamper in SDIST_TAMPERINGS.items():
        if (tampered := tamper(sdist)) is not None:
            assert (how, tampered.complaints(path, *built)) == (how, [])
    mutants = damaged_sdist(data, Random(published.sha256))
    check_anywhere(published.filename, data, some(mutants, 12), folder)
