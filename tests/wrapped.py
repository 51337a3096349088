"""Small projects around which the wrapper of the core is, and what frontends get of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import projects
from pyproject_hooks import BuildBackendHookCaller
from samebytes_core.epoch import VARIABLE

#: As frontends know it.
WRAPPER = "samebytes_core.backend"

#: A backend of whose hooks each can be left out: {missing} names those.
TOY = """\
import io, json, os, tarfile, zipfile

MISSING = {missing!r}

class UnsupportedOperation(Exception):
    pass

def seen(name, **arguments):
    '''What a hook was called with, and under which epoch, is what it returns and writes.'''
    return json.dumps([name, os.environ.get("SOURCE_DATE_EPOCH"), arguments], sort_keys=True)

def get_requires_for_build_sdist(config_settings=None):
    return [seen("requires sdist", config=config_settings)]

def get_requires_for_build_wheel(config_settings=None):
    return [seen("requires wheel", config=config_settings)]

def get_requires_for_build_editable(config_settings=None):
    return [seen("requires editable", config=config_settings)]

def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    os.mkdir(os.path.join(metadata_directory, "toy-1.dist-info"))
    with open(os.path.join(metadata_directory, "toy-1.dist-info/METADATA"), "w") as file:
        file.write(seen("metadata", config=config_settings))
    return "toy-1.dist-info"

prepare_metadata_for_build_editable = prepare_metadata_for_build_wheel

def build_sdist(sdist_directory, config_settings=None):
    with tarfile.open(os.path.join(sdist_directory, "toy-1.tar.gz"), "w:gz") as archive:
        for name, text in [("PKG-INFO", "Name: toy"), ("z", seen("sdist", config=config_settings))]:
            info = tarfile.TarInfo("toy-1/" + name)
            info.size = len(text)
            info.uname = "somebody"
            archive.addfile(info, io.BytesIO(text.encode()))
    return "toy-1.tar.gz"

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(os.path.join(wheel_directory, "toy-1-py3-none-any.whl"), "w") as archive:
        for name in ["toy-1.dist-info/METADATA", "toy-1.dist-info/RECORD"]:
            given = {"config": config_settings, "metadata": metadata_directory}
            archive.writestr(name, seen("wheel", **given))
        archive.writestr("toy.py", "VALUE = 1")
    return "toy-1-py3-none-any.whl"

build_editable = build_wheel

{more}
for name in MISSING:
    del globals()[name]
"""


@dataclass(frozen=True)
class Wrapped:
    """A project in ``root`` whose own backend is ``inner``, around which ``outer`` is."""

    root: Path
    inner: str
    inner_path: tuple[str, ...] = ()
    outer: str = WRAPPER

    def through(
        self,
        wrapper: bool = True,
        *,
        environ: Mapping[str, str] = MappingProxyType({}),
        python: str = sys.executable,
        umask: int = -1,
    ) -> BuildBackendHookCaller:
        """What a frontend calls; without the wrapper, what it would call without."""
        env = {key: value for key, value in os.environ.items() if key != VARIABLE}
        env |= environ

        def run(
            cmd: Sequence[str],
            cwd: str | None = None,
            extra_environ: Mapping[str, str] | None = None,
        ) -> None:
            own = {**env, **(extra_environ or {})}
            done = subprocess.run(
                cmd, cwd=cwd, env=own, umask=umask, capture_output=True, text=True
            )
            if done.returncode:
                raise HookFailedError(done.returncode, done.stderr)
            sys.stderr.write(done.stderr)

        backend = self.outer if wrapper else self.inner
        path = None if wrapper else self.inner_path
        return BuildBackendHookCaller(
            os.fspath(self.root), backend, path, runner=run, python_executable=python
        )


class HookFailedError(Exception):
    """A hook's process ended with a status that is not 0; its standard error."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(status, said)
        self.status = status
        self.said = said

    @property
    def last(self) -> str:
        """The last line that it wrote: the exception, or the message."""
        return self.said.rstrip().rpartition("\n")[2]


def pyproject(inner: str, settings: str = "", rest: str = "") -> str:
    """A pyproject.toml; ``settings`` are further lines of [tool.samebytes]."""
    return f"""\
[build-system]
requires = []
build-backend = "{WRAPPER}"

[tool.samebytes]
backend = "{inner}"
{settings}
{rest}
"""


def toy(
    root: Path,
    *,
    missing: Sequence[str] = (),
    more: str = "",
    settings: str = "",
    repository: bool = False,
) -> Wrapped:
    """A project that is its own backend, which lacks the hooks that are ``missing``."""
    content = TOY.replace("{missing!r}", repr(missing)).replace("{more}", more)
    path = f'backend-path = ["."]\n{settings}'
    files = {"pyproject.toml": pyproject("toy_backend", path), "toy_backend.py": content}
    if repository:
        projects.repository(root, files)
    else:
        projects.write(root, files)
    return Wrapped(root, "toy_backend", (".",))
