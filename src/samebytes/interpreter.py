"""Python interpreters on this machine, found by running them.

A version manager's shim answers to ``python3.12`` and then fails when 3.12 is not the active
version, so a name on ``PATH`` proves nothing.
"""

from __future__ import annotations

import json
import os
import platform
import re
import sys
import sysconfig
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from samebytes.errors import SamebytesError, UserError
from samebytes.process import Runner
from samebytes.recipe import PythonId
from samebytes.versions import version_or_none

_PROBE = """
import json, platform, sys, sysconfig, zlib
print(json.dumps([platform.python_implementation(), platform.python_version(),
                  getattr(zlib, "ZLIB_RUNTIME_VERSION", ""), sysconfig.get_platform(),
                  sys.executable]))
"""
_PROBE_SECONDS = 30.0

#: Folders below the home in which version managers keep one folder an interpreter, and the
#: variable that moves each of them.
_MANAGERS = (
    ("PYENV_ROOT", ".pyenv", "versions/*/bin"),
    ("ASDF_DATA_DIR", ".asdf", "installs/python/*/bin"),
    ("MISE_DATA_DIR", ".local/share/mise", "installs/python/*/bin"),
    ("UV_PYTHON_INSTALL_DIR", ".local/share/uv/python", "*/bin"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A Python that was run and answered."""

    path: Path
    identity: PythonId
    platform: str

    def __str__(self) -> str:
        return f"{self.identity} at {self.path}"


def find_interpreter(wanted: str | None, runner: Runner, environ: Mapping[str, str]) -> Interpreter:
    """The interpreter for ``wanted``: a version (``3.12``, ``3.12.4``), a path, or None: our own.

    Raises UserError when there is none.
    """
    if wanted is None:
        return _own()
    if os.sep in wanted:
        if named := _probe(Path(wanted), runner, environ):
            return named
        raise UserError(f"{wanted} is not a Python interpreter that runs.")
    version = _version(wanted)
    for candidate in _candidates(version, environ):
        found = _probe(candidate, runner, environ)
        if found is not None and _matches(found.identity.version, version):
            return found
    raise UserError(
        f"There is no Python {wanted} on this machine.",
        hint="Install it (for example: uv python install "
        f"{wanted}), or give the path of an interpreter.",
    )


def _version(text: str) -> Version:
    version = version_or_none(text)
    if version is None:
        raise UserError(f"{text!r} is not a Python version.", hint="For example: --python 3.12")
    if len(version.release) < 2:
        raise UserError(
            f"Python {text} leaves the version open, and the bytes could depend on it.",
            hint="Name at least two numbers: --python 3.12",
        )
    return version


def _matches(found: Version, wanted: Version) -> bool:
    return found.release[: len(wanted.release)] == wanted.release


def _candidates(version: Version, environ: Mapping[str, str]) -> Iterator[Path]:
    """Where such an interpreter may be, the likeliest first, each once."""
    seen: set[Path] = set()
    for path in _all_candidates(version, environ):
        if path not in seen and path.is_file():
            seen.add(path)
            yield path


def _all_candidates(version: Version, environ: Mapping[str, str]) -> Iterator[Path]:
    name = f"python{version.release[0]}.{version.release[1]}"
    if _matches(Version("{}.{}.{}".format(*sys.version_info[:3])), version):
        yield Path(sys.executable)
    for folder in environ.get("PATH", os.defpath).split(os.pathsep):
        if folder:
            yield Path(folder) / name
    home = Path(environ.get("HOME", "/"))
    for variable, default, pattern in _MANAGERS:
        root = Path(environ.get(variable) or home / default)
        yield from sorted((path / name for path in root.glob(pattern)), key=_by_version)


def _by_version(path: Path) -> list[int]:
    """Sort key: the highest patch version first."""
    return [-int(number) for number in re.findall(r"\d+", path.parent.parent.name)]


def _own() -> Interpreter:
    """What ``_PROBE`` would print here."""
    return Interpreter(
        path=Path(sys.executable),
        identity=PythonId(
            implementation=platform.python_implementation(),
            version=Version(platform.python_version()),
            zlib=zlib.ZLIB_RUNTIME_VERSION,
        ),
        platform=sysconfig.get_platform(),
    )


def _probe(path: Path, runner: Runner, environ: Mapping[str, str]) -> Interpreter | None:
    env = {key: environ[key] for key in ("PATH", "HOME") if key in environ}
    try:
        answer = runner.run([path, "-I", "-c", _PROBE], env=env, timeout=_PROBE_SECONDS)
        implementation, version, deflate, system, executable = json.loads(answer.stdout)
    except (OSError, ValueError, SamebytesError):
        return None
    return Interpreter(
        path=Path(executable),
        identity=PythonId(implementation=implementation, version=Version(version), zlib=deflate),
        platform=system,
    )
