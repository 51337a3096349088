"""PEP 517 and PEP 660: a frontend gets from the wrapper what it gets from the backend in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from projects import EPOCH
from pyproject_hooks import BackendUnavailable, BuildBackendHookCaller, HookMissing
from pyproject_hooks import UnsupportedOperation as Unsupported
from wrapped import HookFailedError, Wrapped, toy

SETTINGS = {"key": "value", "flags": ["-v", "a b"], "nothing": None}
SDIST, WHEEL = "toy-1.tar.gz", "toy-1-py3-none-any.whl"

Ask = Callable[[BuildBackendHookCaller, str], Any]


def answer(ask: Ask, project: Wrapped, out: Path) -> Any:
    """What a frontend is given, or what it is told."""
    out.mkdir()
    try:
        return ask(project.through(environ={"SOURCE_DATE_EPOCH": "1234567890"}), os.fspath(out))
    except (BackendUnavailable, HookMissing, Unsupported) as error:
        return type(error)
    except HookFailedError as error:
        return error.status, error.last


#: Each optional hook, what a frontend asks for that needs it, and what it gets where it is missing.
OPTIONAL: list[tuple[str, Ask, Any]] = [
    ("get_requires_for_build_sdist", lambda to, _: to.get_requires_for_build_sdist(), []),
    ("get_requires_for_build_wheel", lambda to, _: to.get_requires_for_build_wheel(), []),
    ("get_requires_for_build_editable", lambda to, _: to.get_requires_for_build_editable(), []),
    (
        "prepare_metadata_for_build_wheel",
        lambda to, out: to.prepare_metadata_for_build_wheel(out, _allow_fallback=False),
        HookMissing,
    ),
    (
        "prepare_metadata_for_build_editable",
        lambda to, out: to.prepare_metadata_for_build_editable(out, _allow_fallback=False),
        HookMissing,
    ),
    ("build_editable", lambda to, out: to.build_editable(out), HookMissing),
]


@pytest.mark.parametrize(("hook", "ask", "expected"), OPTIONAL)
def test_what_a_backend_lacks(tmp_path: Path, hook: str, ask: Ask, expected: Any) -> None:
    project = toy(tmp_path / "toy", missing=(hook,))
    assert answer(ask, project, tmp_path / "out") == expected


#: What a hook does, or the backend while it is imported, and what a frontend is told.
FAILURES: list[tuple[str, Any]] = [
    ("raise RuntimeError('no')", (1, "RuntimeError: no")),
    ("raise UnsupportedOperation('no')", Unsupported),
    ("os.chdir('..'); raise UnsupportedOperation('no')", Unsupported),
    ("raise SystemExit('no')", (1, "no")),
    ("raise SystemExit(3)", (3, "")),
    ("raise GeneratorExit('no')", (1, "GeneratorExit: no")),
]


@pytest.mark.parametrize(("failure", "expected"), FAILURES)
def test_errors_pass_unchanged(tmp_path: Path, failure: str, expected: Any) -> None:
    more = f"def build_sdist(folder, config_settings=None):\n    {failure}"
    assert answer(sdist, toy(tmp_path / "toy", more=more), tmp_path / "out") == expected
    assert os.listdir(tmp_path / "out") == []


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("import not_there", BackendUnavailable),
        ("os.not_there", (1, "AttributeError: module 'os' has no attribute 'not_there'")),
        ("raise SystemExit('not on this system')", (1, "not on this system")),
        ("def build_sdist(): ...", (1, "TypeError: build_sdist() takes 0 positional arguments")),
    ],
)
def test_backends_that_cannot_be_used(tmp_path: Path, more: str, expected: Any) -> None:
    """As without the wrapper: what is raised by an import is not a hook that is missing."""
    project = toy(tmp_path / "toy", more=more)
    found = answer(sdist, project, tmp_path / "out")
    if isinstance(found, tuple):
        found = found[0], found[1][: len(expected[1])]
    assert found == expected


def sdist(backend: BuildBackendHookCaller, out: str) -> str:
    return backend.build_sdist(out)


def test_settings_and_metadata_arrive_as_they_came(tmp_path: Path) -> None:
    backend = toy(tmp_path / "toy", repository=True).through()
    out = tmp_path / "out"
    metadata = str(out / "toy-1.dist-info")
    for name in ("sdist", "wheel"):
        requires = getattr(backend, f"get_requires_for_build_{name}")(SETTINGS)
        assert json.loads(requires[0]) == [f"requires {name}", str(EPOCH), {"config": SETTINGS}]
    out.mkdir()
    assert backend.prepare_metadata_for_build_wheel(os.fspath(out), SETTINGS) == "toy-1.dist-info"
    written = json.loads(Path(metadata, "METADATA").read_text())
    assert written == ["metadata", str(EPOCH), {"config": SETTINGS}]
    assert backend.build_sdist(os.fspath(out), SETTINGS) == SDIST
    with tarfile.open(out / SDIST) as archive:
        assert {(member.mtime, member.uname) for member in archive} == {(EPOCH, "")}
        written = archive.extractfile("toy-1/z")
        assert written is not None
        assert json.load(written) == ["sdist", str(EPOCH), {"config": SETTINGS}]
    assert backend.build_wheel(os.fspath(out), SETTINGS, metadata) == WHEEL
    with zipfile.ZipFile(out / WHEEL) as archive:
        given = {"config": SETTINGS, "metadata": metadata}
        assert json.loads(archive.read("toy-1.dist-info/METADATA")) == ["wheel", str(EPOCH), given]
        assert archive.namelist()[-1] == "toy-1.dist-info/RECORD"
    assert sorted(os.listdir(out)) == [WHEEL, "toy-1.dist-info", SDIST]


#: PEP 517: hooks may be called with positional or keyword arguments.
KEYWORDS = """\
import json, os, sys
from samebytes_core import backend as wrapper
import toy_backend as toy
names = {name for name in vars(toy) if not name.startswith("_")}
os.mkdir("out")
print(json.dumps({
    "missing": sorted(name for name in names if not hasattr(wrapper, name)),
    "there": [name for name in ("build_something", "__path__") if hasattr(wrapper, name)],
    "own": sorted(name for name in names if getattr(wrapper, name) is getattr(toy, name)),
    "wheel": wrapper.build_wheel(config_settings={}, wheel_directory="out"),
    "sdist": wrapper.build_sdist(sdist_directory="out"),
    "out": sorted(os.listdir("out")),
    "epoch": os.environ.get("SOURCE_DATE_EPOCH"),
    "folder": os.getcwd() == sys.argv[1],
}))
"""


def test_a_frontend_in_the_same_process(tmp_path: Path) -> None:
    more = (
        "def build_something(): ...\n"
        "def get_requires_for_build_sdist(config_settings=None): print(1); os.chdir('..')\n"
        "WRITTEN = build_sdist\n"
        "def build_sdist(sdist_directory):\n"
        "    print('of the backend', file=sys.stderr)\n"
        "    os.chdir('..')\n"
        "    return WRITTEN(sdist_directory)\n"
        "import sys"
    )
    project = toy(tmp_path / "toy", missing=("build_something",), more=more)
    environ = {key: value for key, value in os.environ.items() if key != "SOURCE_DATE_EPOCH"}
    done = subprocess.run(
        [sys.executable, "-c", KEYWORDS, project.root],
        cwd=project.root,
        env=environ | {"PYTHONPATH": str(project.root)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    rewritten = {"build_sdist", "build_wheel", "get_requires_for_build_sdist"}
    rewritten |= {"get_requires_for_build_wheel", "prepare_metadata_for_build_wheel"}
    assert rewritten.isdisjoint(found.pop("own"))
    assert found == {
        "missing": [],
        "there": [],
        "wheel": WHEEL,
        "sdist": SDIST,
        "out": [WHEEL, SDIST],
        "epoch": None,
        "folder": True,
    }
    assert "of the backend" in done.stderr


def test_metadata_of_a_backend_that_prepares_none(tmp_path: Path) -> None:
    """The frontend builds the wheel for it, and does not build it again."""
    project = toy(tmp_path / "toy", missing=("prepare_metadata_for_build_wheel",), repository=True)
    out = tmp_path / "out"
    (out / "metadata").mkdir(parents=True)
    backend = project.through()
    name = backend.prepare_metadata_for_build_wheel(os.fspath(out / "metadata"))
    assert name == "toy-1.dist-info"
    assert backend.build_wheel(os.fspath(out), None, os.fspath(out / "metadata" / name)) == WHEEL
    with zipfile.ZipFile(out / WHEEL) as archive:
        assert archive.infolist()[0].date_time == (2026, 11, 3, 12, 0, 0)


@pytest.mark.parametrize(
    ("inner", "message"),
    [
        ("not_there.build", "the backend not_there.build cannot be imported: [build-system] req"),
        ("toy_backend:nothing", "[tool.samebytes] backend is toy_backend:nothing: no nothing"),
        ("", "no backend is named to build with"),
    ],
)
def test_what_is_wrong_is_said_without_a_traceback(
    tmp_path: Path, inner: str, message: str
) -> None:
    project = toy(tmp_path / "toy")
    path = 'backend-path = ["."]' if inner.startswith("toy") else ""
    table = f'[tool.samebytes]\nbackend = "{inner}"\n{path}' if inner else ""
    (project.root / "pyproject.toml").write_text(table)
    with pytest.raises(HookFailedError) as failed:
        project.through().build_wheel(os.fspath(tmp_path))
    assert failed.value.said.startswith(f"samebytes-core: error: {message}")
    assert len(failed.value.said.splitlines()) == 1
