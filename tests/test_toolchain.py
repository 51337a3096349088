"""Environments for backends: what comes into them does not run before a build does."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

from samebytes.index.settings import IndexSettings
from samebytes.interpreter import find_interpreter
from samebytes.process import Runner
from samebytes.toolchain import Toolshed


def index_of(folder: Path, name: str, files: dict[str, str]) -> str:
    """An index of this machine with one wheel."""
    place = folder / "simple" / name
    place.mkdir(parents=True)
    wheel = place / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    written = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in (*written, f"{info}/RECORD"))
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in (written | {f"{info}/RECORD": record}).items():
            archive.writestr(path, text)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    link = f'<a href="{wheel.name}#sha256={digest}">{wheel.name}</a>'
    (place / "index.html").write_text(f"<!doctype html><html><body>{link}</body></html>")
    return (folder / "simple").as_uri()


def test_what_is_installed_does_not_run(tmp_path: Path) -> None:
    """A .pth file runs whenever its environment's Python starts: in a cell only."""
    mark = tmp_path / "it-ran"
    code = f"import os; os.close(os.open({os.fspath(mark)!r}, os.O_CREAT))\n"
    module = "VALUE = 1\n"
    url = index_of(tmp_path, "trap", {"trap.pth": code, "trap.py": module, "broken.py": "def"})
    runner = Runner()
    shed = Toolshed(
        runner=runner,
        environ={key: os.environ[key] for key in ("HOME", "PATH") if key in os.environ},
        settings=IndexSettings(index_url=url),
        interpreter=find_interpreter(None, runner, os.environ),
        cache=tmp_path / "cache",
    )
    pins = shed.resolve(["trap"], None)
    toolchain = shed.provide(pins)
    assert [str(pin) for pin in pins] == ["trap==1.0"]
    assert list(toolchain.root.rglob("trap.pth"))
    assert list(toolchain.root.rglob("trap.*.pyc"))
    assert not mark.exists()
    assert shed.provide(pins) == toolchain
    assert not mark.exists()
    runner.run([toolchain.python, "-c", "import trap"], env={})
    assert mark.exists()  # the trap is one
