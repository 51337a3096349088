"""What people build with, none of which knows of us, and ourselves: all as they are typed."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

from core_index import core_wheel
from django_tree import once
from samebytes_core.epoch import VARIABLE

from samebytes.interpreter import find_interpreter
from samebytes.process import Runner

#: Command line of a frontend: what builds, the tree, and where the archives go.
Typed = Callable[["Builder", Path, Path], list[str]]


@dataclass(frozen=True)
class Builder:
    """Somebody's machine: a Python, and what must not show. ``python`` is a version, or ours."""

    python: str = ""
    umask: int = 0o022
    zone: str = "UTC"
    #: Of the folder that the checkout is in.
    place: str = "checkout"

    @property
    def program(self) -> str:
        """A Python that has build and pip, which are installed once in a run."""
        return str(once(f"frontends {self.python}", partial(_install, self.python)) / "bin/python")


def _install(version: str, folder: Path) -> None:
    found = find_interpreter(version or None, Runner(), os.environ)
    # It is moved afterwards.
    venv = ("venv", "--quiet", "--relocatable", "--clear", "--python", str(found.path), str(folder))
    install = ("pip", "install", "--quiet", "--python", str(folder / "bin/python"), "build", "pip")
    for arguments in (venv, install):
        subprocess.run([sys.executable, "-m", "uv", *arguments], check=True)


def _build(builder: Builder, tree: Path, out: Path) -> list[str]:
    return [builder.program, "-m", "build", "--outdir", str(out), str(tree)]


def _uv(builder: Builder, tree: Path, out: Path) -> list[str]:
    python = ("--python", builder.program)
    return [sys.executable, "-m", "uv", "build", *python, "--out-dir", str(out), str(tree)]


def _hatch(_builder: Builder, _tree: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "hatch", "build", str(out)]


def _pip(builder: Builder, tree: Path, out: Path) -> list[str]:
    return [builder.program, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(out), str(tree)]


def _samebytes(builder: Builder, tree: Path, out: Path) -> list[str]:
    python = ("--python", builder.python) if builder.python else ()
    return [sys.executable, "-m", "samebytes", "build", str(tree), "--outdir", str(out), *python]


#: By what is typed.
FRONTENDS: Mapping[str, Typed] = {
    "python -m build": _build,
    "uv build": _uv,
    "hatch build": _hatch,
    "pip wheel": _pip,
    "samebytes build": _samebytes,
}


def built(
    name: str, tree: Path, out: Path, environ: Mapping[str, str], builder: Builder = Builder()
) -> dict[str, str]:
    """The SHA-256 of each archive that a frontend makes of the tree, in ``out``."""
    hatch = {"HATCH_PYTHON": builder.program} if builder.python else {}
    done = subprocess.run(
        FRONTENDS[name](builder, tree, out),
        cwd=tree,
        env={**environ, "TZ": builder.zone, **hatch},
        umask=builder.umask,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
    paths = [*out.glob("*.tar.gz"), *out.glob("*.whl")]
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in paths}


def environment(folder: Path, more: Mapping[str, str]) -> dict[str, str]:
    """Where samebytes-core can be required; ``more`` is that of an index which has it.

    No time is set; what frontends and backends keep is in ``folder``.
    """
    found = {
        name: text
        for name, text in os.environ.items()
        if name != VARIABLE and not name.startswith("HATCH_")
    }
    found |= {"TMPDIR": str(folder), "SAMEBYTES_WORKSPACE": str(folder)}
    found |= {"HATCH_DATA_DIR": str(folder / "hatch"), "HATCH_CACHE_DIR": str(folder / "cache")}
    return found | {"UV_FIND_LINKS": str(core_wheel().parent), **more}


def contents(path: Path) -> dict[str, tuple[str, bool]]:
    """The digest of each file, below the folder of an sdist, and whether it can be run."""
    return dict(_in_wheel(path) if path.suffix == ".whl" else _in_sdist(path))


def _in_sdist(path: Path) -> Iterator[tuple[str, tuple[str, bool]]]:
    with tarfile.open(path) as archive:
        for member in archive:
            if content := archive.extractfile(member):
                name = member.name.partition("/")[2]
                yield name, (sha256(content.read()).hexdigest(), bool(member.mode & 0o100))


def _in_wheel(path: Path) -> Iterator[tuple[str, tuple[str, bool]]]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            is_executable = bool(member.external_attr >> 16 & 0o100)
            yield member.filename, (sha256(archive.read(member)).hexdigest(), is_executable)
