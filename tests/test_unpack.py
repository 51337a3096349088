from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from samebytes.archive.limits import Limits
from samebytes.archive.traces import TarFacts
from samebytes.archive.unpack import file_times, unpack_sdist
from samebytes.errors import ArtifactError

MTIME = 1_000_000_000

Entry = tuple[str, bytes | None, dict[str, object]]


def entry(name: str, content: bytes | None = b"", **fields: object) -> Entry:
    return name, content, fields


def make_tar(path: Path, *entries: Entry, mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content, fields in entries:
            info = tarfile.TarInfo(name)
            info.size = len(content or b"")
            for field, value in fields.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(content) if content is not None else None)
    return path


def unpack(path: Path, out: Path, limits: Limits | None = None) -> list[TarFacts]:
    return unpack_sdist(path, out, mtime=MTIME, limits=limits)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("name", ["a-1.tar.gz", "a-1.tgz", "a-1.tar.bz2"])
def test_tar(tmp_path: Path, name: str) -> None:
    path = make_tar(
        tmp_path / name,
        entry("a-1", None, type=tarfile.DIRTYPE),
        entry("a-1/x", b"x", mode=0o4777, mtime=7),
        entry("a-1/deep/er/y", b"y", mode=0o600),
        entry("a-1/link", None, type=tarfile.SYMTYPE, linkname="deep/er/y"),
        entry("a-1/hard", None, type=tarfile.LNKTYPE, linkname="a-1/x"),
        mode="w:bz2" if name.endswith("bz2") else "w:gz",
    )
    facts = unpack(path, tmp_path / "out")
    assert tree(tmp_path / "out") == {"x": b"x", "deep/er/y": b"y", "link": b"y", "hard": b"x"}
    assert [fact.mtime for fact in facts] == [0, 7, 0, 0, 0]
    modes = {name: (tmp_path / "out" / name).stat().st_mode for name in ("x", "deep/er/y", "hard")}
    assert {stat.S_IMODE(mode) for mode in modes.values()} == {0o755, 0o644}
    assert modes["x"] & stat.S_IXUSR
    assert (tmp_path / "out" / "deep/er/y").stat().st_mtime == MTIME
    assert sorted(os.listdir(tmp_path)) == [name, "out"]


def test_zip(tmp_path: Path) -> None:
    path = tmp_path / "a-1.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a-1/", (2020, 1, 1, 0, 0, 0)), b"")
        archive.writestr(zipfile.ZipInfo("a-1/x", (2020, 1, 1, 0, 0, 2)), b"x")
    assert unpack(path, tmp_path / "out") == []
    assert tree(tmp_path / "out") == {"x": b"x"}
    assert [(time.name, time.mtime) for time in file_times(path)] == [("a-1/x", 1577836802)]


def test_second_member_of_a_name_replaces_the_first(tmp_path: Path) -> None:
    path = make_tar(tmp_path / "a-1.tar.gz", entry("a-1/x", b"one"), entry("a-1/x", b"two"))
    unpack(path, tmp_path / "out")
    assert tree(tmp_path / "out") == {"x": b"two"}


@pytest.mark.parametrize(
    "entries",
    [
        [entry("/etc/evil", b"x")],
        [entry("a-1/../../evil", b"x")],
        [entry("../evil", b"x")],
        [entry("a-1/link", None, type=tarfile.SYMTYPE, linkname="/etc")],
        [entry("a-1/link", None, type=tarfile.SYMTYPE, linkname="../../evil")],
        [entry("a-1/hard", None, type=tarfile.LNKTYPE, linkname="/etc/passwd")],
        [entry("a-1/hard", None, type=tarfile.LNKTYPE, linkname="a-1/none")],
        [entry("a-1/null", None, type=tarfile.CHRTYPE, devmajor=1, devminor=3)],
        [entry("a-1/pipe", None, type=tarfile.FIFOTYPE)],
        [entry("a-1/link", None, type=tarfile.SYMTYPE, linkname="../a-1")],
        [entry("a-1/link", None, type=tarfile.SYMTYPE, linkname="x/../..")],
        [entry("a-1/x", b"", type=tarfile.SYMTYPE, linkname="y"), entry("a-1/x/y", b"")],
        [entry("a-1/x/y", b""), entry("a-1/x", None, type=tarfile.SYMTYPE, linkname="y")],
        [entry("a-1/x", b""), entry("b-1/x", b"")],
        [entry("x", b"")],
        [entry("a-1/x", b""), entry("a-1/x/y", b"")],
        [],
    ],
    ids=lambda entries: "+".join(name for name, *_ in entries) or "empty",
)
def test_what_no_sdist_holds(tmp_path: Path, entries: list[Entry]) -> None:
    inner = tmp_path / "one" / "two"
    inner.mkdir(parents=True)
    path = make_tar(tmp_path / "a-1.tar.gz", *entries)
    with pytest.raises(ArtifactError) as raised:
        unpack(path, inner / "out")
    assert raised.value.hint
    assert not (inner / "out").exists()
    assert sorted(os.listdir(tmp_path)) == ["a-1.tar.gz", "one"]
    assert os.listdir(tmp_path / "one") == ["two"]


def test_link_to_a_folder_is_not_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    path = make_tar(
        tmp_path / "a-1.tar.gz",
        entry("a-1/x", b""),
        entry("a-1/in", None, type=tarfile.SYMTYPE, linkname="."),
        entry("a-1/in/up", None, type=tarfile.SYMTYPE, linkname="../../outside"),
        entry("a-1/in/up/evil", b"x"),
    )
    with pytest.raises(ArtifactError):
        unpack(path, tmp_path / "out")
    assert not list((tmp_path / "outside").iterdir())


@pytest.mark.parametrize("name", ["/evil", "../evil", "a-1/../../evil"])
def test_zip_names_that_reach_outside(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "a-1.zip", "w") as archive:
        archive.writestr(name, b"x")
    with pytest.raises(ArtifactError, match="outside"):
        unpack(tmp_path / "a-1.zip", tmp_path / "out")


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(members=2), "more than 2 members"),
        (Limits(size=100_000), "unpacks to more than 100,000 bytes"),
    ],
)
def test_limits(tmp_path: Path, limits: Limits, reason: str) -> None:
    entries = [entry(f"a-1/{number}", bytes(50_000)) for number in range(3)]
    path = make_tar(tmp_path / "a-1.tar.gz", *entries)
    for read in (
        lambda: unpack(path, tmp_path / "out", limits),
        lambda: file_times(path, limits),
    ):
        with pytest.raises(ArtifactError, match=reason):
            read()


def test_sparse_member_of_any_size(tmp_path: Path) -> None:
    path = tmp_path / "a-1.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("a-1/x")
        info.pax_headers = {
            "GNU.sparse.major": "0",
            "GNU.sparse.map": "0,1",
            "GNU.sparse.size": "9",
        }
        archive.addfile(info)
    with pytest.raises(ArtifactError, match="is sparse"):
        unpack(path, tmp_path / "out")


def test_links_beyond_the_longest_path(tmp_path: Path) -> None:
    """The pattern of CVE-2025-4517: links whose real path is too long to be looked at."""
    long = "d" * 247
    entries = []
    steps = ""
    for letter in "abcdefghijklmnop":
        entries.append(entry(f"a-1/{steps}{long}", None, type=tarfile.DIRTYPE))
        link = f"a-1/{steps}{letter}"
        entries.append(entry(link, None, type=tarfile.SYMTYPE, linkname=long))
        steps += f"{letter}/"
    entries.append(entry("a-1/out", None, type=tarfile.SYMTYPE, linkname=f"{steps}/" + "../" * 17))
    entries.append(entry("a-1/out/evil", b"x"))
    path = make_tar(tmp_path / "a-1.tar.gz", *entries)
    with pytest.raises(ArtifactError, match="outside"):
        unpack(path, tmp_path / "room")
    assert not list(tmp_path.rglob("evil"))


def test_header_made_to_exhaust_memory(tmp_path: Path) -> None:
    info = tarfile.TarInfo("a-1/x")
    info.type = tarfile.XHDTYPE
    info.size = 8**11 - 1
    path = tmp_path / "a-1.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        assert archive.fileobj is not None
        archive.fileobj.write(info.tobuf(tarfile.USTAR_FORMAT))
    with pytest.raises(ArtifactError, match="header of"):
        file_times(path)


def _good_tar(folder: Path) -> bytes:
    return make_tar(
        folder / "good.tar.gz",
        entry("a-1/é" + "x" * 200, b"x" * 1000, mtime=1.5),
        entry("a-1/link", None, type=tarfile.SYMTYPE, linkname="x"),
        entry("a-1/PKG-INFO", b"Name: a\n"),
    ).read_bytes()


def _good_zip(folder: Path) -> bytes:
    with zipfile.ZipFile(folder / "good.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a-1/x", b"x" * 1000)
        archive.writestr("a-1/PKG-INFO", b"Name: a\n")
    return (folder / "good.zip").read_bytes()


@pytest.mark.parametrize(
    ("name", "good"), [("a-1.tar.gz", _good_tar), ("a-1.zip", _good_zip)], ids=["tar", "zip"]
)
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_is_an_archive_error_or_harmless(
    folder: Path, name: str, good: Callable[[Path], bytes], data: st.DataObject
) -> None:
    content = bytearray(good(folder))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    del content[data.draw(st.integers(0, len(content))) :]
    path = folder / name
    path.write_bytes(content)
    out = folder / "room" / "out"
    out.parent.mkdir(exist_ok=True)
    try:
        file_times(path)
        unpack(path, out)
    except ArtifactError:
        pass
    finally:
        for left in out.parent.iterdir():
            _remove(left)
    assert {entry.name for entry in folder.iterdir()} <= {name, "good.tar.gz", "good.zip", "room"}


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        for entry in path.iterdir():
            _remove(entry)
        path.rmdir()
    else:
        path.unlink()
