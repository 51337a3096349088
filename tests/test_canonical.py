from __future__ import annotations

import gzip
import io
import stat
import tarfile
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from samebytes_core.canonical import rewrite_sdist, rewrite_wheel
from samebytes_core.errors import CoreError

from samebytes.archive.traces import TarFacts, sdist_traces, wheel_traces

EPOCH = 1_793_707_201
CLEAN = TarFacts(EPOCH, 0, 0, "", "")


def gzip_header(mtime: int) -> bytes:
    buffer = io.BytesIO()
    gzip.GzipFile(fileobj=buffer, mode="wb", mtime=mtime).close()
    return buffer.getvalue()[:10]


@pytest.mark.parametrize(
    ("mtime", "facts", "traces"),
    [
        (0, CLEAN, set()),
        (EPOCH, CLEAN, set()),
        (EPOCH, TarFacts(0, 0, 0, "", ""), set()),
        (5, CLEAN, {"gzip-header-mtime"}),
        (0, TarFacts(EPOCH + 1, 0, 0, "", ""), {"tar-mtime"}),
        (0, TarFacts(EPOCH + 0.5, 0, 0, "", ""), {"tar-mtime"}),
        (0, TarFacts(EPOCH, 501, 0, "", ""), {"tar-owner"}),
        (0, TarFacts(EPOCH, 0, 20, "", ""), {"tar-owner"}),
        (0, TarFacts(EPOCH, 0, 0, "jane", ""), {"tar-owner"}),
        (0, TarFacts(EPOCH, 0, 0, "", "staff"), {"tar-owner"}),
    ],
)
def test_sdist_traces(mtime: int, facts: TarFacts, traces: set[str]) -> None:
    assert sdist_traces(gzip_header(mtime), [CLEAN, facts], EPOCH) == traces


@pytest.mark.parametrize(
    ("first", "record"),
    [
        ("p-1/a", "p-1/RECORD"),
        ("p-1", "p-1/RECORD"),
        ("./p-1/a", "./p-1/RECORD"),
        ("/p-1/a", None),
        ("../a", None),
        (".", None),
        (None, None),
    ],
)
def test_what_is_added_lies_in_the_one_folder(
    tmp_path: Path, first: str | None, record: str | None
) -> None:
    source, destination = tmp_path / "a.tar.gz", tmp_path / "b.tar.gz"
    with tarfile.open(source, "w:gz") as archive:
        if first is not None:
            archive.addfile(tarfile.TarInfo(first))
    if record is None:
        with pytest.raises(CoreError, match="has no folder that holds its files"):
            rewrite_sdist(source, destination, EPOCH, added={"RECORD": b"1"})
        return
    rewrite_sdist(source, destination, EPOCH, added={"RECORD": b"1"})
    with tarfile.open(destination) as archive:
        assert sorted(archive.getnames()) == sorted([str(first), record])


@pytest.mark.parametrize(
    ("moment", "traces"),
    [
        (time.gmtime(EPOCH), set()),
        (time.gmtime(0 + 315532800), set()),
        (time.gmtime(EPOCH + 2), {"zip-mtime"}),
        (time.gmtime(EPOCH - 3600), {"zip-mtime"}),
    ],
)
def test_wheel_traces(tmp_path: Path, moment: time.struct_time, traces: set[str]) -> None:
    path = tmp_path / "a.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("x", moment[:6]), b"")
    assert wheel_traces(path, EPOCH) == traces


# One member of a tar: name, content or None for a folder, mode, time, owner.
MEMBERS = st.dictionaries(
    st.from_regex(r"a-1/[a-z]{1,9}(/[a-zé]{1,120})?", fullmatch=True),
    st.tuples(
        st.binary(max_size=600),
        st.integers(0, 0o7777),
        st.integers(0, 2**33),
        st.sampled_from(["", "jane", "root"]),
    ),
    min_size=1,
    max_size=6,
)


def make_sdist(path: Path, members: dict[str, tuple[bytes, int, int, str]], order: int) -> None:
    items = sorted(members.items())
    items = items[order % len(items) :] + items[: order % len(items)]
    with tarfile.open(path, "w:gz") as archive:
        for name, (content, mode, mtime, owner) in items:
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = len(content), mode, mtime
            info.uname = info.gname = owner
            archive.addfile(info, io.BytesIO(content))


def contents(path: Path) -> dict[str, tuple[bytes, bool]]:
    found = {}
    with tarfile.open(path) as archive:
        for member in archive:
            file = archive.extractfile(member)
            assert file is not None
            found[member.name] = (file.read(), bool(member.mode & stat.S_IXUSR))
    return found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    members=MEMBERS, orders=st.tuples(st.integers(0, 5), st.integers(0, 5)), shift=st.integers(1)
)
def test_only_contents_and_the_executable_bit_decide_the_bytes_of_an_sdist(
    folder: Path,
    members: dict[str, tuple[bytes, int, int, str]],
    orders: tuple[int, int],
    shift: int,
) -> None:
    other = {
        name: (content, (mode & 0o100) | (~mode & 0o7677), (mtime + shift) % 2**33, owner[1:])
        for name, (content, mode, mtime, owner) in members.items()
    }
    results = []
    for number, (variant, order) in enumerate(zip((members, other), orders, strict=True)):
        made, rewritten = folder / f"{number}.tar.gz", folder / f"{number}.out"
        make_sdist(made, variant, order)
        rewritten.unlink(missing_ok=True)
        rewrite_sdist(made, rewritten, EPOCH)
        assert contents(rewritten) == contents(made)
        results.append(rewritten.read_bytes())
    assert results[0] == results[1]
    with tarfile.open(folder / "0.out") as archive:
        listed = archive.getmembers()
    assert [member.name for member in listed] == sorted(members)
    assert not sdist_traces(results[0][:10], map(TarFacts.of, listed), EPOCH)
    assert {member.mode for member in listed} <= {0o644, 0o755}


def test_links_and_folders_of_an_sdist(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        for name, kind, link in [
            ("a-1", tarfile.DIRTYPE, ""),
            ("a-1/z", tarfile.REGTYPE, ""),
            ("a-1/hard", tarfile.LNKTYPE, "a-1/z"),
            ("a-1/soft", tarfile.SYMTYPE, "z"),
        ]:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            info.size = 1 if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(b"z"))
    rewrite_sdist(tmp_path / "a.tar.gz", tmp_path / "b.tar.gz", EPOCH)
    with tarfile.open(tmp_path / "b.tar.gz") as archive:
        found = [(m.name, m.type, m.mode, m.linkname, m.size) for m in archive]
    assert found == [
        ("a-1", tarfile.DIRTYPE, 0o755, "", 0),
        ("a-1/hard", tarfile.REGTYPE, 0o644, "", 1),
        ("a-1/soft", tarfile.SYMTYPE, 0o644, "z", 0),
        ("a-1/z", tarfile.REGTYPE, 0o644, "", 1),
    ]


def test_rewritten_wheel(tmp_path: Path) -> None:
    members = {
        "a-1.dist-info/RECORD": (b"r", 0o100664),
        "a-1.dist-info/METADATA": (b"m" * 5000, 0o100600),
        "b/run": (b"x", 0o100700),
        "a.py": (b"", 0),
    }
    outputs = []
    for number, names in enumerate((list(members), list(reversed(members)))):
        path = tmp_path / f"{number}.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                info = zipfile.ZipInfo(name, (2001 + number, 1, 1, 1, 1, 1))
                info.external_attr = members[name][1] << 16
                archive.writestr(info, members[name][0])
        rewrite_wheel(path, tmp_path / f"{number}.out", EPOCH)
        outputs.append((tmp_path / f"{number}.out").read_bytes())
    assert outputs[0] == outputs[1]
    assert not wheel_traces(tmp_path / "0.out", EPOCH)
    with zipfile.ZipFile(tmp_path / "0.out") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            name: content for name, (content, _) in members.items()
        }
        listed = [(info.filename, oct(info.external_attr >> 16)) for info in archive.filelist]
    assert listed == [
        ("a.py", "0o100644"),
        ("b/run", "0o100755"),
        ("a-1.dist-info/METADATA", "0o100644"),
        ("a-1.dist-info/RECORD", "0o100644"),
    ]
