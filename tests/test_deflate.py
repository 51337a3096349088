"""One deflate: what it gives, when it refuses, and what is made of it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import deflate as library
import pytest
import samebytes_core.deflate as core
from conftest import Command, Result
from core_index import UPLOADED, served_core
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from parties import SMALL, party
from projects import EPOCH, own_backend, repository
from samebytes_core.canonical import rewrite_sdist, rewrite_wheel
from samebytes_core.deflate import COMPRESSORS
from samebytes_core.errors import CoreError
from test_documents import validate

from samebytes.archive.artifact import Artifact, read_artifact
from samebytes.archive.deflate import LARGEST_TRIED, NAME, is_canonical
from samebytes.archive.limits import Limits
from samebytes.archive.member import Blob
from samebytes.compare.comparison import compare
from samebytes.compare.model import Verdict
from samebytes.infer.deflate import sdist_deflate, wheel_deflate
from samebytes.recipe import CANONICAL, BuildInfo, Deflate
from samebytes.release.record import RECORD

PIECE = 64 * 1024


def stream(name: str, data: bytes) -> bytes:
    """What one of the compressors gives, piece by piece."""
    compressor = COMPRESSORS[name]()
    made = b"".join(
        compressor.compress(data[start : start + PIECE]) for start in range(0, len(data), PIECE)
    )
    return made + compressor.flush()


DATA = st.one_of(
    st.binary(max_size=3000),
    st.builds(lambda piece, count: piece * count, st.binary(max_size=40), st.integers(0, 9000)),
)


class TestCompressors:
    @pytest.mark.parametrize("name", COMPRESSORS)
    @given(data=DATA)
    def test_zlib_gets_back_what_was_compressed(self, name: str, data: bytes) -> None:
        made = stream(name, data)
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        assert inflate.decompress(made) + inflate.flush() == data
        assert inflate.eof
        assert not inflate.unused_data

    @pytest.mark.parametrize("size", [0, 1, 20, 65_536, core._IN_MEMORY, core._IN_MEMORY + 1])
    def test_in_pieces_it_is_as_at_once(self, size: int) -> None:
        """Also where it does not stay in memory."""
        data = (b"some text; " * 4096 * 512)[:size]
        assert stream("canonical", data) == bytes(library.deflate_compress(data, core.LEVEL))

    def test_the_stream_is_the_same_on_every_machine(self) -> None:
        """What it is, on whichever machine this runs: not only what it was a moment ago."""
        assert stream("canonical", b"").hex() == "010000ffff"
        assert zlib.crc32(stream("canonical", core._sample())) == 0xCB1278F1

    def test_too_much_at_once_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(core, "LARGEST", 3 * PIECE)
        assert stream("canonical", bytes(3 * PIECE))
        with pytest.raises(CoreError, match="more than 196,608 bytes in one stream"):
            stream("canonical", bytes(3 * PIECE + 1))


def other(version: str, compress: Callable[[Any, int], bytes | bytearray]) -> SimpleNamespace:
    return SimpleNamespace(__version__=version, deflate_compress=compress)


def at_another_level(data: bytes, level: int) -> bytes:
    return bytes(library.deflate_compress(data, level - 1))


def cut_off(data: bytes, level: int) -> bytes:
    return bytes(library.deflate_compress(data, level))[:-1]


def of_other_data(data: bytes, level: int) -> bytes:
    return bytes(library.deflate_compress(data[:-1] + b"?", level))


def with_more(data: bytes, level: int) -> bytes:
    return bytes(library.deflate_compress(data, level)) + b"?"


UNFIT: Mapping[str, tuple[Any, str]] = {
    "missing": (None, r'need deflate==0\.8\.1 .*add "samebytes-core\[deflate\]" to requires'),
    "another release": (other("0.9.0", library.deflate_compress), r"0\.8\.1, and 0\.9\.0 is here"),
    "something else": (SimpleNamespace(), r"0\.8\.1, and another is here"),
    "another libdeflate": (other("0.8.1", at_another_level), "gives other bytes here"),
    "cut off": (other("0.8.1", cut_off), "zlib does not get the same from"),
    "of other data": (other("0.8.1", of_other_data), "zlib does not get the same from"),
    "with more": (other("0.8.1", with_more), "zlib does not get the same from"),
}


@pytest.fixture
def unfit(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The package is another one, and not checked yet."""
    module, message = UNFIT[request.param]
    monkeypatch.setitem(sys.modules, "deflate", module)
    core._checked_library.cache_clear()
    yield message
    core._checked_library.cache_clear()


@pytest.mark.parametrize("unfit", UNFIT, indirect=True)
def test_what_is_not_the_one_is_refused(unfit: str) -> None:
    with pytest.raises(CoreError, match=unfit):
        COMPRESSORS["canonical"]()
    assert stream("zlib", b"needs nothing")


@pytest.mark.parametrize("unfit", ["missing"], indirect=True)
def test_nothing_is_built_without_it(unfit: str, samebytes: Command, tmp_path: Path) -> None:
    root = repository(tmp_path / "small", own_backend())
    done = samebytes.here("build", root, "--deflate", "canonical", "-o", tmp_path / "out")
    assert (done.status, done.stdout) == (2, "")
    assert "cannot be compressed by libdeflate" in done.stderr
    assert not (tmp_path / "out").exists()


NAMES = st.from_regex(r"[a-zé]{1,9}(/[a-z]{1,40})?", fullmatch=True)
FILES = st.dictionaries(NAMES, st.tuples(DATA, st.booleans()), min_size=1, max_size=4)
METADATA = "a-1.dist-info/METADATA"


def wheel(path: Path, files: Mapping[str, tuple[bytes, bool]]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("folder/"), b"")
        metadata = {METADATA: (b"Name: a\n" * 9, False)}
        for name, (content, executable) in {**files, **metadata}.items():
            info = zipfile.ZipInfo(f"p/{name}" if name != METADATA else name)
            info.external_attr = (0o100755 if executable else 0o100644) << 16
            archive.writestr(info, content)
    return path


def sdist(path: Path, files: Mapping[str, tuple[bytes, bool]]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, (content, executable) in files.items():
            info = tarfile.TarInfo(f"a-1/{name}")
            info.size, info.mode = len(content), 0o755 if executable else 0o644
            archive.addfile(info, io.BytesIO(content))
    return path


REWRITE: Mapping[str, Any] = {"a-1.tar.gz": rewrite_sdist, "a-1-py3-none-any.whl": rewrite_wheel}
MAKE = {"a-1.tar.gz": sdist, "a-1-py3-none-any.whl": wheel}


def written(folder: Path, name: str, files: Mapping[str, tuple[bytes, bool]]) -> dict[str, Path]:
    """The same archive by each of the compressors."""
    made = MAKE[name](folder / name, files)
    found = {}
    for deflate in COMPRESSORS:
        found[deflate] = folder / deflate / name
        found[deflate].parent.mkdir(exist_ok=True)
        found[deflate].unlink(missing_ok=True)
        REWRITE[name](made, found[deflate], EPOCH, deflate=deflate)
    made.unlink()
    return found


def read(path: Path) -> Artifact:
    return read_artifact(path, Limits())


@pytest.mark.parametrize("name", REWRITE)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None
)
@given(files=FILES)
def test_only_the_streams_are_others(
    folder: Path, name: str, files: dict[str, tuple[bytes, bool]]
) -> None:
    """By the strict readers of a comparison, which see every byte of an archive."""
    both = written(folder, name, files)
    found = compare(both["zlib"], both["canonical"])
    assert found.verdict in (Verdict.IDENTICAL, Verdict.EQUIVALENT)
    assert {each.kind.id for each in found.differences} <= {"deflate-stream"}
    again = folder / "again"
    again.unlink(missing_ok=True)
    REWRITE[name](both["zlib"], again, EPOCH, deflate="canonical")
    assert again.read_bytes() == both["canonical"].read_bytes()
    if name.endswith(".whl"):
        with zipfile.ZipFile(both["canonical"]) as archive:
            assert archive.testzip() is None
            assert {each.compress_type for each in archive.filelist if not each.is_dir()} == {8}
    else:
        with tarfile.open(both["canonical"]) as archive:
            assert len(archive.getmembers()) == len(files)


@pytest.mark.parametrize("name", REWRITE)
def test_too_large_a_file_is_refused(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core, "LARGEST", 10**6)
    made = MAKE[name](tmp_path / name, {"zeros": (bytes(10**6 + 1), False)})
    assert made.stat().st_size < 2 * 10**6
    with pytest.raises(CoreError, match="in one stream"):
        REWRITE[name](made, tmp_path / "out", EPOCH, deflate="canonical")


TEXT = "\n".join(f"line {number * number} of a text" for number in range(900)).encode()
FEW = {"one": (TEXT, False), "two": (TEXT[::-1], True), "three": (b"", False)}
CHANGED = FEW | {"two": (TEXT[::-2], True)}


class TestRecognition:
    @pytest.mark.parametrize("name", REWRITE)
    def test_in_what_was_published(self, tmp_path: Path, name: str) -> None:
        both = written(tmp_path, name, FEW)
        recognise = wheel_deflate if name.endswith(".whl") else sdist_deflate
        again, decision = recognise(read(both["canonical"]))
        assert again == CANONICAL
        assert decision is not None
        assert (decision.what, decision.value) == ("deflate", NAME)
        assert recognise(read(both["zlib"]))[0] is None

    def test_not_in_more_than_is_tried(self) -> None:
        stream = Blob(5, hashlib.sha256(bytes.fromhex("010000ffff")).hexdigest())
        assert is_canonical(iter([]), 0, stream)
        assert not is_canonical(iter([]), LARGEST_TRIED + 1, stream)

    def test_of_what_zlib_says_nothing_for_long(self, tmp_path: Path) -> None:
        """It begins to write when it has seen more than is kept to tell levels apart."""
        both = written(tmp_path, "a-1.tar.gz", {"zeros": (bytes(10**6), False)})
        assert sdist_deflate(read(both["canonical"]))[0] == CANONICAL
        assert sdist_deflate(read(both["zlib"]))[0] is None

    def test_not_where_one_stream_is_another(self, tmp_path: Path) -> None:
        both = written(tmp_path, "a-1-py3-none-any.whl", FEW)
        data = both["canonical"].read_bytes()
        # The last member's stream, in another way that gives the same.
        with zipfile.ZipFile(both["canonical"]) as archive:
            infos = archive.infolist()
            contents = {each.filename: archive.read(each) for each in infos}
        mixed = tmp_path / both["canonical"].name
        with zipfile.ZipFile(mixed, "w") as archive:
            for each in infos:
                archive.writestr(each, contents[each.filename])
        assert mixed.read_bytes() != data
        again, decision = wheel_deflate(read(mixed))
        assert again is None
        assert decision is not None
        assert decision.value == "zlib level 6"

    @pytest.mark.parametrize("name", REWRITE)
    @pytest.mark.parametrize("order", [1, -1])
    def test_in_what_is_compared(self, tmp_path: Path, name: str, order: int) -> None:
        first, second = [*written(tmp_path, name, FEW).values()][::order]
        (explanation,) = compare(first, second).explanations
        assert explanation.cause == "other-compressor"
        side = "first" if order < 0 else "second"
        assert explanation.reason.endswith(f"bytes. The {side} is by {NAME}.")
        assert "level 9. The" not in explanation.reason

    def test_by_what_a_corrected_tar_is_compressed(self, tmp_path: Path) -> None:
        """The headers differ, both streams are its: it is made again, not taken over."""
        made = sdist(tmp_path / "a-1.tar.gz", FEW)
        files = []
        for epoch in (EPOCH, EPOCH + 60):
            (tmp_path / str(epoch)).mkdir()
            files.append(tmp_path / str(epoch) / made.name)
            rewrite_sdist(made, files[-1], epoch, deflate="canonical")
        found = compare(files[0], files[1])
        assert (found.verdict, found.recompressed) == (Verdict.EQUIVALENT, NAME)
        assert {each.kind.id for each in found.differences} == {"tar-mtime"}

    @pytest.mark.parametrize("name", REWRITE)
    def test_other_contents_stay_others(self, tmp_path: Path, name: str) -> None:
        for folder in ("one", "two"):
            (tmp_path / folder).mkdir()
        one = written(tmp_path / "one", name, FEW)["canonical"]
        two = written(tmp_path / "two", name, CHANGED)["canonical"]
        assert compare(one, two).verdict is Verdict.DIFFERENT


@dataclass(frozen=True)
class Project:
    root: Path
    done: Result
    out: Path

    @property
    def record(self) -> Path:
        return self.out / "small-1.0.buildinfo.json"


@pytest.mark.slow
class TestCommands:
    @pytest.fixture(scope="class")
    @staticmethod
    def project(tmp_path_factory: pytest.TempPathFactory, fast_folder: Path) -> Project:
        """Built once; nobody changes it."""
        content = f"def content(): return {TEXT.decode()!r}"
        folder = tmp_path_factory.mktemp("project")
        files = own_backend(content)
        files["backend.py"] = files["backend.py"].replace('name), "w")', 'name), "w", 8)')
        root = repository(folder / "small", files)
        done = Command(fast_folder)("build", root, "-o", folder / "out", "--deflate", "canonical")
        assert done.status == 0, done.stderr
        return Project(root, done, folder / "out")

    def test_built_recorded_and_repeated(
        self, project: Project, samebytes: Command, tmp_path: Path
    ) -> None:
        assert f"written again by {NAME}" in project.done.stderr
        document = json.loads(project.record.read_text())
        validate(document, "buildinfo-1.json")
        built = BuildInfo.read(project.record)
        assert built.recipe.deflate == CANONICAL
        for each in built.artifacts:
            assert each.writer == "samebytes"
            assert "deflate-stream" in each.traces
        repeat = ("build", project.root, "-o", tmp_path, "--buildinfo", project.record)
        again = samebytes(*repeat)
        assert again.digests == project.done.digests, again.stderr
        for asked in ("backend", "canonical"):
            refused = samebytes.here(*repeat, "--deflate", asked)
            assert (refused.status, "--deflate" in refused.stderr) == (2, True)

    def test_another_release_of_it_is_refused(
        self, project: Project, samebytes: Command, tmp_path: Path
    ) -> None:
        document = json.loads(project.record.read_text())
        document["recipe"]["deflate"]["version"] = "0.9.0"
        record = tmp_path / "record.json"
        record.write_text(json.dumps(document))
        refused = samebytes.here(
            "build", project.root, "--buildinfo", record, "-o", tmp_path / "no"
        )
        assert refused.status == 2
        assert re.search(r"deflate 0\.9\.0, level 9; this is deflate 0\.8\.1", refused.stderr)

    def test_verified(self, project: Project, samebytes: Command, tmp_path: Path) -> None:
        good = sorted(map(project.out.joinpath, project.done.digests))
        bad = _tampered(good[0], tmp_path / good[0].name)
        other = _by_a_third(good[0], tmp_path / "other" / good[0].name)
        # An index that knows nothing need not be asked for long.
        (tmp_path / "simple").mkdir()
        index = {"PIP_INDEX_URL": (tmp_path / "simple").as_uri(), "PIP_CONFIG_FILE": os.devnull}
        found = _verified(samebytes, project.root, [*good, bad, other], index)
        validate(found, "verify-1.json")
        verdicts = [each["verdict"] for each in found["results"]]
        assert verdicts == ["identical", "identical", "different", "equivalent"]
        again, streams = "again in canonical form", "by the backend, and its streams compressed"
        for each, done in zip(found["results"], (again, again, again, streams), strict=True):
            assert each["recipe"]["deflate"] == CANONICAL.to_dict()
            evidence = {part["what"]: part["value"] for part in each["evidence"]}
            assert evidence["deflate"] == NAME
            assert evidence["written"].startswith(done)
        kinds = {each["kind"] for each in found["results"][3]["corrections"]}
        assert "zip-external-attr" in kinds
        assert not kinds & {"deflate-stream", "zip-method"}


def _verified(
    samebytes: Command, root: Path, files: list[Path], index: Mapping[str, str]
) -> dict[str, Any]:
    source = ("--source", root, "--rev", "HEAD")
    done = samebytes("verify", *files, *source, "--max-attempts", "1", "--json", "-", env=index)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _tampered(wheel: Path, to: Path) -> Path:
    """One byte of one file is another, and all is compressed as before."""
    plain = to.with_suffix(".plain")
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(plain, "w") as new:
        for each in old.infolist():
            new.writestr(each, old.read(each).replace(b"line 4 of", b"line 5 of"))
    rewrite_wheel(plain, to, EPOCH, deflate="canonical")
    assert to.stat().st_size
    assert to.read_bytes() != wheel.read_bytes()
    return to


def _by_a_third(wheel: Path, to: Path) -> Path:
    """In no form of ours: its first file has other permissions."""
    to.parent.mkdir()
    data = bytearray(wheel.read_bytes())
    at = data.index(b"PK\1\2") + 38
    assert data[at : at + 4] == (0o100644 << 16).to_bytes(4, "little")
    data[at : at + 4] = (0o100664 << 16).to_bytes(4, "little")
    to.write_bytes(data)
    return to


def test_a_recipe_keeps_what_compressed() -> None:
    assert str(Deflate(implementation="a", version="1", level=2)) == "a 1, level 2"
    assert CANONICAL.to_dict() == {"implementation": "deflate", "version": "0.8.1", "level": 9}


@pytest.mark.slow
def test_a_release_is_confirmed_with_what_its_record_names(folder: Path) -> None:
    root = repository(folder / "small", SMALL)
    with party(root, folder, Command(folder), tag="v1.0") as people:
        done = people.prepare("--deflate", "canonical", "-q")
        assert done.status == 0, done.stderr
        assert json.loads((people.out / RECORD).read_text())["arguments"][-2:] == [
            *("--deflate", "canonical")
        ]
        parameters = people.statement("provenance")["predicate"]["buildDefinition"]
        assert parameters["externalParameters"]["deflate"] == CANONICAL.to_dict()
        done = people.confirm_in_ci("--json", "-")
        assert done.status == 0, done.stderr
        document = json.loads(done.stdout)
        validate(document, "confirmation-1.json")
        assert document["recipe"]["deflate"] == CANONICAL.to_dict()
        record = people.out / "small-1.0.buildinfo.json"
        record.write_text(record.read_text().replace('"0.8.1"', '"0.9.0"'))
        refused = people.confirm_in_ci()
        assert refused.status == 2
        assert "deflate 0.9.0, level 9; this is deflate 0.8.1" in refused.stderr


WRAPPED = {
    "pyproject.toml": """\
[build-system]
requires = ["setuptools>=77", "samebytes-core[deflate]"]
build-backend = "samebytes_core.backend"

[tool.samebytes]
backend = "setuptools.build_meta"
deflate = "canonical"

[project]
name = "wrapped"
version = "1.0"
""",
    "wrapped/__init__.py": "VALUE = 1\n",
    "wrapped/data.txt": TEXT.decode(),
}


@pytest.mark.slow
def test_what_the_wrapper_compresses_is_left_and_verified(
    samebytes: Command, tmp_path: Path
) -> None:
    root = repository(tmp_path / "wrapped", WRAPPED, date=UPLOADED.replace("T00", "T01"))
    with served_core() as index:
        done = samebytes(
            *("build", root, "-o", tmp_path / "out", "--deflate", "canonical"), env=index
        )
        assert done.status == 0, done.stderr
        built = BuildInfo.read(tmp_path / "out/wrapped-1.0.buildinfo.json")
        assert {each.writer for each in built.artifacts} == {"backend"}
        files = [tmp_path / "out" / each.filename for each in built.artifacts]
        for each in _verified(samebytes, root, files, index)["results"]:
            assert each["verdict"] == "identical"
            assert {"what": "deflate", "value": NAME}.items() <= each["evidence"][-1].items()
