"""What becomes of the files that backends build, and of those that they say they built."""

from __future__ import annotations

import gzip
import io
import os
import signal
import stat
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from projects import EPOCH, write
from samebytes_core import build
from samebytes_core.errors import CoreError
from samebytes_core.settings import Settings
from wrapped import toy

SDIST, WHEEL = "x-1.tar.gz", "x-1-py3-none-any.whl"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(EPOCH))
    root = write(tmp_path / "tree", {"pyproject.toml": ""})
    monkeypatch.chdir(root)
    return root


def archive(name: str) -> bytes:
    """What a backend writes, with traces of its machine."""
    raw = io.BytesIO()
    if name.endswith((".whl", ".zip")):
        with zipfile.ZipFile(raw, "w") as wheel:
            wheel.writestr(zipfile.ZipInfo("x-1/x.py", (1999, 1, 1, 0, 0, 0)), "")
    else:
        with tarfile.open(fileobj=raw, mode="w:gz") as sdist:
            info = tarfile.TarInfo("x-1/x.py")
            info.uname = "somebody"
            sdist.addfile(info)
    return raw.getvalue()


def writes(name: str, said: object = None) -> build.Hook:
    """A hook that writes that file; ``said`` is what it returns instead of the name."""

    def hook(folder: str) -> str:
        Path(folder, name).write_bytes(archive(name))
        return name if said is None else said(folder) if callable(said) else said  # type: ignore[return-value]

    return hook


Write = Callable[[build.Hook, Settings, Path, str], str]
BOTH = pytest.mark.parametrize(("write_", "name"), [(build.sdist, SDIST), (build.wheel, WHEEL)])


@BOTH
def test_an_older_file_is_replaced(tree: Path, write_: Write, name: str) -> None:
    old = write(tree / "new/dist", {name: "old"}) / name
    with old.open() as reader:  # is still read
        assert write_(writes(name), Settings(), tree, "new/dist") == name
        assert reader.read() == "old"
    assert os.listdir(tree / "new/dist") == [name]
    content = old.read_bytes()
    write_(writes(name), Settings(), tree, "new/dist")
    assert old.read_bytes() == content != archive(name)
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(old.stat().st_mode) == 0o666 & ~mask


@BOTH
def test_a_path_in_the_folder_is_as_good(tree: Path, write_: Write, name: str) -> None:
    hook = writes(name, lambda folder: os.path.join(folder, name))
    assert write_(hook, Settings(), tree, "dist") == name
    assert os.listdir(tree / "dist") == [name]


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        (writes("../x-1.tar.gz"), "'../x-1.tar.gz'"),
        (writes(SDIST, lambda folder: "/etc/hostname"), "'/etc/hostname'"),
        (writes(SDIST, "y-1.tar.gz"), "'y-1.tar.gz'"),
        (writes(SDIST, ""), "''"),
        (writes(SDIST, "."), "'.'"),
        (writes(SDIST, b"x"), "b'x'"),
        (writes(SDIST, 5), "5"),
        (writes(WHEEL), f"'{WHEEL}'"),
    ],
)
def test_what_is_no_sdist(tree: Path, hook: build.Hook, said: str) -> None:
    with pytest.raises(CoreError) as refused:
        build.sdist(hook, Settings(), tree, "dist")
    assert str(refused.value).startswith(f"the backend says that it built {said}, where a file ")
    assert [path for path in (tree / "dist").iterdir() if path.name != SDIST] == []
    with pytest.raises(CoreError):
        build.wheel(writes(SDIST), Settings(), tree, "dist")


@pytest.mark.parametrize("name", ["x-1.zip", "x-1.tar", "x-1.tgz"])
def test_other_archives_stay_as_they_are(
    tree: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build.sdist(writes(name), Settings(), tree, "dist") == name
    assert (tree / "dist" / name).read_bytes()[:2] == archive(name)[:2]
    message = f"{name} is left as the backend made it: it is no .tar.gz"
    assert capsys.readouterr().err == f"samebytes-core: warning: {message}\n"


@BOTH
def test_where_no_time_is_known(
    tree: Path,
    write_: Write,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What could be built, and installed, still can."""
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    written = archive(name)

    def hook(folder: str) -> str:
        assert "SOURCE_DATE_EPOCH" not in os.environ
        Path(folder, name).write_bytes(written)
        return name

    assert write_(hook, Settings(), tree, "dist") == name
    assert (tree / "dist" / name).read_bytes() == written
    assert len(capsys.readouterr().err.splitlines()) == 1
    with pytest.raises(CoreError, match="Set SOURCE_DATE_EPOCH"):
        write_(hook, Settings(dirty="error"), tree, "dist")


@BOTH
def test_folders_that_cannot_be(tree: Path, write_: Write, name: str) -> None:
    write(tree, {"file": ""})
    with pytest.raises(CoreError, match="nothing can be written to file/dist: "):
        write_(writes(name), Settings(), tree, "file/dist")


@BOTH
@pytest.mark.parametrize("failure", [KeyboardInterrupt, SystemExit, ValueError])
def test_after_a_failure_all_is_as_before(
    tree: Path, write_: Write, name: str, failure: type[BaseException]
) -> None:
    def hook(folder: str) -> str:
        assert os.environ["SOURCE_DATE_EPOCH"] == str(EPOCH)
        writes(name)(folder)
        os.environ["SOURCE_DATE_EPOCH"] = "5"
        raise failure("no")

    with pytest.raises(failure, match="no"):
        write_(hook, Settings(), tree, os.fspath(tree / "dist"))
    assert os.listdir(tree / "dist") == []
    assert os.environ["SOURCE_DATE_EPOCH"] == str(EPOCH)


def test_what_is_damaged(tree: Path) -> None:
    def hook(folder: str) -> str:
        Path(folder, SDIST).write_bytes(gzip.compress(b"x" * 600))
        return SDIST

    with pytest.raises(tarfile.ReadError):
        build.sdist(hook, Settings(), tree, "dist")
    assert os.listdir(tree / "dist") == []


#: Takes long to write again: what ends it comes after 0.03 seconds of work at that.
BULK = """
import signal, gzip
def build_sdist(folder, config_settings=None):
    with gzip.open(os.path.join(folder, "toy-1.tar.gz"), "wb", 1) as packed:
        with tarfile.open(fileobj=packed, mode="w") as archive:
            info = tarfile.TarInfo("toy-1/z")
            info.size = 4_000_000
            archive.addfile(info, io.BytesIO(os.urandom(info.size)))
    signal.signal(signal.SIGVTALRM, lambda *_: signal.raise_signal({number}))
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.03)
    return "toy-1.tar.gz"
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_build_that_is_ended_while_it_writes(tmp_path: Path, number: signal.Signals) -> None:
    project = toy(tmp_path / "toy", more=BULK.replace("{number}", str(int(number))))
    out = write(tmp_path / "out", {"toy-1.tar.gz": "old"})
    script = f"from samebytes_core import backend; backend.build_sdist({os.fspath(out)!r})"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=project.root,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == -number
    assert (out / "toy-1.tar.gz").read_text() == "old"
    if number == signal.SIGINT:
        assert "rewrite_sdist" in done.stderr
        assert os.listdir(out) == ["toy-1.tar.gz"]
