"""What is in canonical form, what is done to a rebuilt file, and what a difference is laid to."""

from __future__ import annotations

import gzip
import io
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import samebytes_core.deflate as core
from hypothesis import HealthCheck, given, settings
from projects import EPOCH
from samebytes_core.canonical import zip_time
from samebytes_core.deflate import COMPRESSORS
from samebytes_core.errors import CoreError
from test_deflate import FEW, FILES, REWRITE, TEXT, read, stream, written

from samebytes.archive.deflate import NAME, check_deflate, core_errors
from samebytes.compare.canonical_form import is_in_canonical_form
from samebytes.compare.comparison import compare
from samebytes.errors import UserError
from samebytes.infer.deflate import sdist_deflate, wheel_deflate
from samebytes.recipe import CANONICAL
from samebytes.verify import packing
from samebytes.verify.packing import packed_again

SDIST, WHEEL = REWRITE
Change = Callable[[Any], None]


def zip_of(
    path: Path, change: Change = lambda _info: None, comment: bytes = b"", order: int = 1
) -> Path:
    """As the canonical writer has it, but for what ``change`` does to each member."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("a/one", "a/two", "a-1.dist-info/METADATA", "a-1.dist-info/RECORD")[::order]:
            info = zipfile.ZipInfo(name, zip_time(EPOCH))
            info.create_system, info.compress_type = 3, zipfile.ZIP_DEFLATED
            info.external_attr = 0o100644 << 16
            change(info)
            archive.writestr(info, TEXT + name.encode())
        archive.comment = comment
    return path


def tar_of(path: Path, change: Change = lambda _info: None, order: int = 1, **header: Any) -> Path:
    """The same of an sdist; gzip's header by Python's own is as it says."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in ("a-1/PKG-INFO", "a-1/one", "a-1/two")[::order]:
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.mode = len(TEXT), EPOCH, 0o644
            change(info)
            archive.addfile(info, io.BytesIO(TEXT))
    values = {"filename": "", "mtime": 0, **header}
    with (
        path.open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", **values) as file,
    ):
        file.write(plain.getvalue())
    return path


def setting(only: str = "", **values: Any) -> Change:
    def change(info: Any) -> None:
        name = info.filename if isinstance(info, zipfile.ZipInfo) else info.name
        if only in name:
            for field, value in values.items():
                setattr(info, field, value)

    return change


class TestForm:
    @pytest.mark.parametrize("name", REWRITE)
    @settings(
        suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None
    )
    @given(files=FILES)
    def test_is_what_the_core_writes(
        self, folder: Path, name: str, files: dict[str, tuple[bytes, bool]]
    ) -> None:
        for each in written(folder, name, files).values():
            assert is_in_canonical_form(read(each))

    def test_of_folders_links_and_long_names(self, tmp_path: Path) -> None:
        made = tmp_path / SDIST
        with tarfile.open(made, "w:gz") as archive:
            for name, kind, link in (
                ("a-1", tarfile.DIRTYPE, ""),
                ("a-1/one", tarfile.SYMTYPE, "two"),
                ("a-1/two", tarfile.REGTYPE, ""),
                ("a-1/three", tarfile.LNKTYPE, "a-1/two"),
                ("a-1/" + "é/" * 120 + "name", tarfile.REGTYPE, ""),
            ):
                info = tarfile.TarInfo(name)
                info.type, info.linkname, info.uname = kind, link, "me"
                archive.addfile(info)
        (tmp_path / "out").mkdir()
        again = tmp_path / "out" / SDIST
        REWRITE[SDIST](made, again, EPOCH)
        assert not is_in_canonical_form(read(made))
        assert is_in_canonical_form(read(again))

    def test_of_a_wheel_with_one_other(self, tmp_path: Path) -> None:
        assert is_in_canonical_form(read(zip_of(tmp_path / WHEEL)))

    @pytest.mark.parametrize(
        "values",
        [
            {"change": setting("RECORD", external_attr=0o100664 << 16)},
            {"change": setting("one", date_time=zip_time(EPOCH + 2))},
            {"change": setting("one", compress_type=zipfile.ZIP_STORED)},
            {"change": setting(create_system=0)},
            {"change": setting("two", comment=b"x")},
            {"change": setting("two", extra=b"\x55\x54\x01\x00x")},
            {"change": setting("two", internal_attr=1)},
            {"comment": b"x"},
            {"order": -1},
        ],
    )
    def test_not_of_another_wheel(self, tmp_path: Path, values: Mapping[str, Any]) -> None:
        assert not is_in_canonical_form(read(zip_of(tmp_path / WHEEL, **values)))

    @pytest.mark.parametrize(
        "values",
        [
            {},  # Python's gzip says of level 9, and that the system is not known: the same
            {"change": setting("one", mode=0o664)},
            {"change": setting("one", mtime=EPOCH + 1)},
            {"change": setting("one", uname="me")},
            {"change": setting("one", uid=1000)},
            {"change": setting("one", pax_headers={"comment": "x"})},
            {"order": -1},
            {"filename": "a-1.tar"},
            {"mtime": 1},
            {"compresslevel": 6},
        ],
    )
    def test_not_of_another_sdist(self, tmp_path: Path, values: Mapping[str, Any]) -> None:
        found = is_in_canonical_form(read(tar_of(tmp_path / SDIST, **values)))
        assert found is (not values)


def recompressed_by_another(path: Path, to: Path) -> Path:
    """What a third program made of it: streams of libdeflate, and nothing else is another."""
    if path.name == SDIST:
        data = path.read_bytes()
        to.write_bytes(data[:10] + stream("canonical", gzip.decompress(data)) + data[-8:])
        return to
    with zipfile.ZipFile(path) as old, to.open("xb") as raw, zipfile.ZipFile(raw, "w") as new:
        for info in old.infolist():
            content = old.read(info)
            if info.compress_type == zipfile.ZIP_STORED:
                new.writestr(info, content)
                continue
            crc, size = info.CRC, info.file_size
            info.compress_type = zipfile.ZIP_STORED
            new.writestr(info, stream("canonical", content))
            info.compress_type, info.CRC, info.file_size = zipfile.ZIP_DEFLATED, crc, size
            end = raw.tell()
            raw.seek(info.header_offset)
            raw.write(info.FileHeader())
            raw.seek(end)
    return to


#: What backends write, not in canonical form.
MADE: Mapping[str, Callable[[Path], Path]] = {
    SDIST: lambda path: tar_of(path, setting("one", mode=0o664, uname="me")),
    WHEEL: lambda path: zip_of(path, setting("one", external_attr=0o100664 << 16), order=-1),
}


@pytest.fixture
def rooms(tmp_path: Path) -> Path:
    for name in ("backend", "published", "ours"):
        (tmp_path / name).mkdir()
    return tmp_path


class TestPacking:
    @pytest.mark.parametrize("name", MADE)
    def test_only_streams_where_only_they_are_others(self, rooms: Path, name: str) -> None:
        made = MADE[name](rooms / "backend" / name)
        published = recompressed_by_another(made, rooms / "published" / name)
        recognise = wheel_deflate if name == WHEEL else sdist_deflate
        assert recognise(read(published))[0] == CANONICAL
        assert not is_in_canonical_form(read(published))
        path, done, is_compressed = packed_again(made, rooms / "ours" / name, None)
        assert path.read_bytes() == published.read_bytes()
        assert done is not None
        assert done.value == f"by the backend, and its streams compressed again by {NAME}"
        assert is_compressed

    def test_what_is_stored_stays_so_and_where_it_was(self, rooms: Path) -> None:
        change = setting("two", compress_type=zipfile.ZIP_STORED)
        made = zip_of(rooms / "backend" / WHEEL, change, comment=b"a comment")
        published = recompressed_by_another(made, rooms / "published" / WHEEL)
        with zipfile.ZipFile(published, "a") as archive:
            archive.comment = b"a comment"
        path, _, _ = packed_again(made, rooms / "ours" / WHEEL, None)
        assert path.read_bytes() == published.read_bytes()

    @pytest.mark.parametrize("name", MADE)
    def test_all_of_what_is_in_canonical_form(self, rooms: Path, name: str) -> None:
        made = MADE[name](rooms / "backend" / name)
        published = rooms / "published" / name
        REWRITE[name](made, published, EPOCH, deflate="canonical")
        path, done, is_compressed = packed_again(made, rooms / "ours" / name, EPOCH)
        assert path.read_bytes() == published.read_bytes()
        assert done is not None
        assert done.value.startswith("again in canonical form, after the backend")
        assert is_compressed

    @pytest.mark.parametrize("name", MADE)
    @pytest.mark.parametrize("epoch", [None, EPOCH])
    def test_nothing_is_said_where_the_backend_does_it(
        self, rooms: Path, name: str, epoch: int | None
    ) -> None:
        made = rooms / "backend" / name
        REWRITE[name](MADE[name](rooms / "published" / name), made, EPOCH, deflate="canonical")
        assert packed_again(made, rooms / "ours" / name, epoch) == (made, None, True)

    @pytest.mark.parametrize("name", REWRITE)
    @settings(
        suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None
    )
    @given(files=FILES)
    def test_only_streams_is_as_the_core_does_it(
        self, folder: Path, name: str, files: dict[str, tuple[bytes, bool]]
    ) -> None:
        """Where only the streams are others: two ways to the same bytes."""
        both = written(folder, name, files)
        final = folder / name
        final.unlink(missing_ok=True)
        path, _, _ = packed_again(both["zlib"], final, None)
        assert path.read_bytes() == both["canonical"].read_bytes()

    @pytest.mark.parametrize("name", MADE)
    @pytest.mark.parametrize("epoch", [None, EPOCH])
    def test_what_is_too_large_is_left_and_that_is_said(
        self, rooms: Path, name: str, epoch: int | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(packing, "LARGEST_TRIED", 1000)
        made = MADE[name](rooms / "backend" / name)
        path, done, is_compressed = packed_again(made, rooms / "ours" / name, epoch)
        assert (path, is_compressed) == (made, False)
        assert done is not None
        assert done.value == "by the backend, and left so"
        assert "more than 1,000 bytes" in done.why

    def test_what_hides_bytes_is_left(self, rooms: Path) -> None:
        made = zip_of(rooms / "backend" / WHEEL)
        made.write_bytes(made.read_bytes() + b"trailing")
        made_tar = tar_of(rooms / "backend" / SDIST)
        made_tar.write_bytes(made_tar.read_bytes() * 2)
        for each in (made, made_tar):
            path, done, is_compressed = packed_again(each, rooms / "ours" / each.name, None)
            assert (path, is_compressed) == (each, False)
            assert done is not None


class TestCauses:
    """Permissions and order are not laid to machines where the writer is another."""

    def causes(self, first: Path, second: Path) -> dict[str, str]:
        return {each.cause: each.reason for each in compare(first, second).explanations}

    @pytest.mark.parametrize("name", MADE)
    @pytest.mark.parametrize("deflate", COMPRESSORS)
    @pytest.mark.parametrize("side", ["first", "second"])
    def test_one_was_written_again(self, rooms: Path, name: str, deflate: str, side: str) -> None:
        made = MADE[name](rooms / "backend" / name)
        again = rooms / "ours" / name
        REWRITE[name](made, again, EPOCH, deflate=deflate)
        found = self.causes(*((again, made) if side == "first" else (made, again)))
        assert "umask" not in found
        assert "file-order" not in found
        assert f"The {side} has the order and the permissions" in found["other-writer"]

    @pytest.mark.parametrize("name", MADE)
    def test_none_was(self, rooms: Path, name: str) -> None:
        make: Any = zip_of if name == WHEEL else tar_of
        modes = [0o100644, 0o100664, 0o100640]
        both = []
        for folder, mode in zip(("backend", "published", "ours"), modes, strict=True):
            values = {"external_attr": mode << 16} if name == WHEEL else {"mode": mode & 0o777}
            both.append(make(rooms / folder / name, setting("one", **values)))
        assert set(self.causes(both[1], both[2])) == {"umask"}
        assert "umask" not in self.causes(both[0], both[1])


@pytest.fixture
def without_library(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "deflate", None)
    core._checked_library.cache_clear()
    yield
    core._checked_library.cache_clear()


class TestMessages:
    def test_speak_to_who_runs_samebytes(self, without_library: None) -> None:
        with pytest.raises(UserError) as error:
            check_deflate()
        assert "need deflate==0.8.1" in error.value.message
        assert "build-system" not in error.value.message
        assert "pip install 'samebytes-core[deflate]'" in error.value.hint

    def test_of_what_is_too_large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(core, "LARGEST", 5)
        with pytest.raises(UserError) as error, core_errors():
            stream("canonical", b"123456")
        assert error.value.message.endswith(
            "more than 5 bytes in one stream are not compressed canonically."
        )
        assert "pip" not in error.value.hint

    def test_of_anything_else(self) -> None:
        message = r"^The archive cannot be written again: why\.$"
        with pytest.raises(UserError, match=message), core_errors():
            raise CoreError("why")

    def test_verify_says_what_could_not_be_tried(
        self, tmp_path: Path, request: pytest.FixtureRequest
    ) -> None:
        few = {name: written(tmp_path, name, FEW)["canonical"] for name in REWRITE}
        (tmp_path / "tiny").mkdir()
        tiny = written(tmp_path / "tiny", WHEEL, {"one": (b"1", False)})["canonical"]
        request.getfixturevalue("without_library")
        for recognise, path, value in (
            (sdist_deflate, few[SDIST], "not known"),
            (wheel_deflate, few[WHEEL], "not this zlib"),
            (wheel_deflate, tiny, "not known"),
        ):
            again, decision = recognise(read(path))
            assert again is None
            assert decision is not None
            assert decision.value == value
            assert f"{NAME} could not be tried here: canonical" in decision.why

    def test_there_is_not_the_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def exhausted(_data: Any, _level: int) -> bytes:
            raise MemoryError

        compressor = COMPRESSORS["canonical"]()
        monkeypatch.setattr(compressor, "_compressed", exhausted)
        compressor.compress(b"12345")
        with pytest.raises(CoreError, match="not the memory to compress 5 bytes at once"):
            compressor.flush()
