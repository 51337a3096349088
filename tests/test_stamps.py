"""Times, permissions and compression that a wheel and its sdist show."""

from __future__ import annotations

import io
import tarfile
import time
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from samebytes.archive.artifact import Artifact, read_artifact
from samebytes.archive.limits import Limits
from samebytes.archive.unpack import DATA_FILTER
from samebytes.compare.evidence import is_evidence
from samebytes.infer.candidate import Decision, Stamps
from samebytes.infer.candidates import Known, candidates
from samebytes.infer.deflate import wheel_deflate
from samebytes.infer.generators import GENERATORS
from samebytes.infer.stamps import sdist_stamps, wheel_stamps, wheel_system, wheel_umask
from samebytes.infer.styles import styled
from samebytes.interpreter import find_interpreter
from samebytes.process import Runner

NOW = 1_733_333_722  # an even number of seconds, as zip has them
OTHER = 1_700_000_001
MEBIBYTE = 1024**2
TEXT = "".join(f"line {number * number}\n" for number in range(400))


def wheel(
    folder: Path,
    times: Mapping[str, int],
    *,
    mode: int = 0o644,
    system: int = 3,
    level: int | None = None,
    texts: Mapping[str, str] | None = None,
) -> Artifact:
    path = folder / "a-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, seconds in times.items():
            info = zipfile.ZipInfo(name, time.gmtime(seconds)[:6])
            info.external_attr = (0o100000 | mode) << 16
            info.create_system = system
            info.compress_type = zipfile.ZIP_DEFLATED
            text = (texts or {}).get(name, f"# {name}\n{TEXT}")
            archive.writestr(info, text, compresslevel=level)
    return read_artifact(path, Limits(), wanted=is_evidence)


def sdist(folder: Path, times: Mapping[str, int]) -> Artifact:
    path = folder / "a-1.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, seconds in times.items():
            info = tarfile.TarInfo(f"a-1/src/{name}")
            data = f"# {name}\n{TEXT}".encode()
            info.size, info.mtime = len(data), seconds
            archive.addfile(info, io.BytesIO(data))
    return read_artifact(path, Limits(), wanted=is_evidence)


def first(stamps: object) -> Stamps:
    return next(iter(stamps))[0]  # type: ignore[call-overload, no-any-return]


def test_one_time_is_the_epoch(tmp_path: Path) -> None:
    published = wheel(tmp_path, {"a.py": NOW, "b.py": NOW})
    assert first(wheel_stamps(published, None, None)) == Stamps(epoch=NOW)


def test_the_sdist_knows_the_odd_second(tmp_path: Path) -> None:
    published = wheel(tmp_path, {"a.py": NOW})
    source = sdist(tmp_path, {"a.py": NOW + 1})
    assert first(wheel_stamps(published, source, None)) == Stamps(epoch=NOW + 1)


@pytest.mark.parametrize(
    ("name", "untold"), [(each.name, each.untold) for each in GENERATORS.values() if each.untold]
)
def test_what_backends_write_that_are_told_none(tmp_path: Path, name: str, untold: int) -> None:
    published = wheel(tmp_path, {"a.py": untold, "b.py": untold})
    found = [stamps for stamps, _ in wheel_stamps(published, None, GENERATORS[name])]
    assert found == [Stamps(epoch=None), Stamps(epoch=untold)]


@pytest.mark.parametrize(
    ("shift", "zone"),
    [
        (0, "UTC"),
        (3600, "<+0100>-01:00"),
        (-5 * 3600, "<-0500>+05:00"),
        (19800, "<+0530>-05:30"),
    ],
)
def test_the_times_of_the_sdist_in_some_zone(tmp_path: Path, shift: int, zone: str) -> None:
    files = {"a.py": NOW, "b.py": OTHER, "c.py": NOW - 10_000}
    local = {name: seconds // 2 * 2 + shift for name, seconds in files.items()}
    published = wheel(tmp_path, local | {"a-1.dist-info/WHEEL": NOW + 50_000})
    found = first(wheel_stamps(published, sdist(tmp_path, files), None))
    assert found == Stamps(epoch=None, archived=DATA_FILTER, timezone=zone)


def test_times_that_the_sdist_does_not_explain(tmp_path: Path) -> None:
    published = wheel(tmp_path, {"a.py": NOW, "b.py": NOW + 2})
    source = sdist(tmp_path, {"a.py": NOW - 40_000_000, "b.py": NOW - 40_000_000})
    found = [stamps for stamps, _ in wheel_stamps(published, source, None)]
    assert found == [Stamps(epoch=None), Stamps(epoch=NOW + 2)]


def test_permissions_of_the_sdist_that_arrived(tmp_path: Path) -> None:
    published = wheel(tmp_path, {"a.py": NOW, "b.py": OTHER}, mode=0o664)
    found = first(wheel_stamps(published, sdist(tmp_path, {"a.py": NOW}), None))
    assert found.archived == 0o777


@pytest.mark.parametrize(
    ("times", "epoch"),
    [
        ({"a.py": NOW, "b.py": NOW}, NOW),
        ({"a.py": NOW, "b.py": 0}, NOW),  # flit's PKG-INFO
        ({"a.py": 1_580_601_600}, None),
        ({"a.py": NOW, "b.py": OTHER}, 77),
    ],
)
def test_sdists(tmp_path: Path, times: Mapping[str, int], epoch: int | None) -> None:
    assert first(sdist_stamps(sdist(tmp_path, times), 77)).epoch == epoch


UMASKS = [
    *((0o644, 0o022), (0o664, 0o002), (0o600, 0o066)),
    # with which nothing is built
    *((0o000, 0o022), (0o044, 0o022), (0o444, 0o022), (0o266, 0o022)),
]


@pytest.mark.parametrize(("mode", "umask"), UMASKS)
def test_umask(tmp_path: Path, mode: int, umask: int) -> None:
    names = {"a.py": NOW, "a-1.dist-info/METADATA": NOW, "a-1.dist-info/WHEEL": NOW}
    assert wheel_umask(wheel(tmp_path, names, mode=mode))[0] == umask


def test_system(tmp_path: Path) -> None:
    assert wheel_system(wheel(tmp_path, {"a.py": NOW}, system=0)) is not None
    assert wheel_system(wheel(tmp_path, {"a.py": NOW}, system=3)) is None


@pytest.mark.parametrize("level", [1, 6, 9])
def test_deflate(tmp_path: Path, level: int) -> None:
    again, found = wheel_deflate(wheel(tmp_path, {"a.py": NOW, "b.py": NOW}, level=level))
    assert again is None
    assert found is not None
    assert found.value == f"zlib level {level}"
    assert found.why == "it gives the streams of the 2 members that were compressed again"
    _, only = wheel_deflate(wheel(tmp_path, {"a.py": NOW}, level=level))
    assert only is not None
    assert only.why == "it gives the stream of the one member that was compressed again"


METADATA = "Metadata-Version: 2.1\nName: a\nVersion: 1\n{}\n"


@pytest.mark.parametrize(
    ("generator", "lines", "requirements"),
    [
        ("bdist_wheel", "Platform: UNKNOWN\n", ["setuptools<62.2"]),
        ("bdist_wheel", "", []),
        ("bdist_wheel", "\n\n", ["setuptools<62.2"]),
        ("setuptools", "Requires-Dist: b (<2,>=1)\n", ["wheel<=0.41"]),
        ("setuptools", "Requires-Dist: b <2,>=1\n", ["wheel<0.44,>=0.42"]),
        ("setuptools", "Requires-Dist: b<2,>=1\n", []),
        ("hatchling", "Requires-Dist: b (<2,>=1)\n", []),
        # not of one requirement, or of the description
        ("setuptools", "Requires-Dist: b\nX: (c\n", []),
        ("setuptools", "\nRequires-Dist: b (<2,>=1)\nRequires-Dist: b <2\n", []),
        ("setuptools", "X: b\n\nRequires-Dist: b\n (c\n", []),
        ("bdist_wheel", "\nPlatform: UNKNOWN\n", []),
    ],
)
def test_styles(tmp_path: Path, generator: str, lines: str, requirements: list[str]) -> None:
    name = "a-1.dist-info/METADATA"
    published = wheel(tmp_path, {name: NOW}, texts={name: METADATA.format(lines)})
    assert [str(each) for each, _ in styled(published, generator)] == requirements


@pytest.mark.parametrize(
    "text",
    ["\n", " ", "\t\n", ":\n", "\r", "X: y\n", "Requires-Dist: ", "Requires-Dist: b\n", "(", " ("],
)
def test_hostile_metadata_take_little_time(tmp_path: Path, text: str) -> None:
    name = "a-1.dist-info/METADATA"
    for before in ("", "Requires-Dist: ", "A: b\n"):
        metadata = (before + text * MEBIBYTE)[: MEBIBYTE // 2]
        published = wheel(tmp_path, {name: NOW}, texts={name: metadata})
        begun = time.process_time()
        list(styled(published, "setuptools"))
        list(styled(published, "bdist_wheel"))
        assert time.process_time() - begun < 2.5


def known_of(published: Artifact, **known: Any) -> Known:
    defaults: dict[str, Any] = {
        "sdist": None,
        "texts": {},
        "commit": OTHER,
        "uploaded": None,
        "sibling": "",
        "pythons": [find_interpreter(None, Runner(), {})],
    }
    return Known(published=published, **(defaults | known))


def decided(published: Artifact, **known: Any) -> Mapping[str, Decision]:
    """The decisions of the likeliest recipe, by what they decide."""
    defaults: dict[str, Any] = {
        "sdist": None,
        "texts": {},
        "commit": OTHER,
        "uploaded": None,
        "sibling": "",
        "pythons": [find_interpreter(None, Runner(), {})],
    }
    candidate = next(candidates(Known(published=published, **(defaults | known))))
    return {each.what: each for each in candidate.decisions}


SETUPTOOLS = '[build-system]\nrequires = ["setuptools>=61"]'
OTHER_BACKEND = '[build-system]\nrequires = ["wheel", "own"]\nbuild-backend = "own"'


@pytest.mark.parametrize(
    ("generator", "pyproject", "value", "why"),
    [
        ("bdist_wheel (0.40)", OTHER_BACKEND, "what the source requires: wheel, own",
         "'bdist_wheel (0.40)' is of setuptools, which is not the backend"),
        ("bdist_wheel (0.40)", '[build-system]\nrequires = []\nbuild-backend = "own"',
         "what the source requires: nothing", "the source does not require wheel"),
        ("hatchling 1.20", SETUPTOOLS, "what the source requires: setuptools>=61",
         "the source does not require hatchling"),
        ("setuptools (70)", SETUPTOOLS, "setuptools==70", "WHEEL says Generator: setuptools (70)"),
        ("setuptools (60)", SETUPTOOLS, "setuptools==60",
         "WHEEL says Generator: setuptools (60), though the source requires setuptools>=61"),
        ("setuptools", SETUPTOOLS, "what the source requires: setuptools>=61",
         "'setuptools' names no release"),
        ("x" * 999, SETUPTOOLS, "what the source requires: setuptools>=61",
         f"'{'x' * 100}' is no backend that is known"),
    ],
)  # fmt: skip
def test_what_is_said_of_the_backend(
    tmp_path: Path, generator: str, pyproject: str, value: str, why: str
) -> None:
    name = "a-1.dist-info/WHEEL"
    texts = {name: f"Wheel-Version: 1.0\nGenerator: {generator}\n"}
    found = decided(wheel(tmp_path, {name: NOW}, texts=texts), texts={"pyproject.toml": pyproject})
    assert found["backend"] == Decision("backend", value, why)


COMMITTED = datetime.fromtimestamp(OTHER, UTC)
UPLOAD = datetime(2024, 12, 4, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    ("commit", "uploaded", "value", "why"),
    [
        (OTHER, UPLOAD, "as of 2024-12-04 17:00:00 UTC", "its upload"),
        (OTHER, None, "as of 2023-11-14 22:13:21 UTC",
         "the commit; nothing says when it was uploaded"),
        (None, None, "the newest", "nothing says when it was uploaded"),
        (10**15, None, "the newest", "nothing says when it was uploaded"),
    ],
)  # fmt: skip
def test_when_requirements_were_resolved(
    tmp_path: Path, commit: int | None, uploaded: datetime | None, value: str, why: str
) -> None:
    published = wheel(tmp_path, {"a-1.dist-info/WHEEL": NOW})
    known = known_of(published, commit=commit, uploaded=uploaded)
    found = [(each.decisions, each.as_of) for each in candidates(known)]
    assert Decision("requirements", value, why) in found[0][0]
    assert {day for _, day in found} == (
        {None, COMMITTED} if value.endswith("21 UTC") else {uploaded}
    )


@pytest.mark.parametrize(
    ("pyproject", "uploaded", "day"),
    [
        ("", datetime(2015, 10, 7, tzinfo=UTC), "2019-04-23"),
        ("", datetime(2019, 7, 21, tzinfo=UTC), "2019-07-21"),
        (OTHER_BACKEND, datetime(2015, 10, 7, tzinfo=UTC), "2015-10-07"),
    ],
)
def test_before_setuptools_was_a_backend(
    tmp_path: Path, pyproject: str, uploaded: datetime, day: str
) -> None:
    published = wheel(tmp_path, {"a-1.dist-info/WHEEL": NOW})
    found = decided(published, uploaded=uploaded, texts={"pyproject.toml": pyproject})
    assert found["requirements"].value == f"as of {day} 00:00:00 UTC"
    assert ("no backend yet" in found["requirements"].why) is (f"{uploaded:%Y-%m-%d}" != day)
