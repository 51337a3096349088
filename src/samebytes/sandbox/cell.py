"""A process that has nothing of the host but its programs: no network, no home, no secrets.

bubblewrap, on Linux, by user namespaces and without root. Only what is named can be seen, read-only
but for one room. When the process ends, or we do, its namespaces are gone, and all processes in
them.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyproject_hooks

from samebytes.builder import Surroundings
from samebytes.errors import SamebytesError, UserError
from samebytes.process import Runner
from samebytes.sandbox import noted
from samebytes.sandbox.bounds import Bounds
from samebytes.sandbox.tried import NOTES, REPORT
from samebytes.sandbox.watchdog import Watchdog
from samebytes.workspace import Room

_INSIDE = Path(__file__).with_name("inside.py")

#: The host's folders in which programs and their libraries are; some are links to others.
_PROGRAMS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store")
#: What programs need of /etc; it names no user, and holds no secret.
_SETTINGS = (
    *("alternatives", "ca-certificates", "ld.so.cache", "ld.so.conf", "ld.so.conf.d"),
    *("localtime", "mime.types", "protocols", "services", "ssl/certs", "timezone"),
)
#: The search path for programs; a build that needs more needs more than the sandbox has.
PATH = "/usr/local/bin:/usr/bin:/bin"
_USER = 1000
_PROBE_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """``readable`` is what a build may read besides programs: toolchain, interpreter, objects.

    ``calls`` is the folder by which hooks are told their arguments, and answer.
    """

    program: Path
    calls: Path | None = None
    readable: tuple[Path, ...] = ()
    bounds: Bounds = field(default_factory=Bounds)

    def surroundings(
        self, room: Room, python: Path, environment: Mapping[str, str], umask: int
    ) -> Surroundings:
        """Those of a hook that works in ``room``, by ``python`` or a program that it starts."""
        for name in ("shm", "var-tmp"):
            (room.root / name).mkdir(exist_ok=True)
        for name, line in (("passwd", f"{room.home}:/bin/sh"), ("group", "")):
            entry = f"build:x:{_USER}:{_USER}::{line}" if line else f"build:x:{_USER}:"
            (room.root / name).write_text(f"{entry}\n")

        def wrapped(command: Sequence[str]) -> list[str]:
            outer = [os.fspath(each) for each in self._options(room)]
            limits = json.dumps([self.bounds.memory, self.bounds.processes, self.bounds.file])
            report = os.fspath(room.root / REPORT)
            inner = [os.fspath(python), "-I", "-S", os.fspath(_INSIDE), limits, report]
            return [*outer, "--", *inner, *command]

        watched = {
            "PYTHONPATH": noted.path(),
            "SAMEBYTES_NOTES": os.fspath(room.root / NOTES),
            "SAMEBYTES_ROOM": os.fspath(room.root),
            "SAMEBYTES_HOME": os.path.expanduser("~"),
        }
        return Surroundings(
            environment={**environment, **watched},
            umask=umask,
            wrapped=wrapped,
            watch=Watchdog(self.bounds, room.root),
            printed=self.bounds.printed,
        )

    def _options(self, room: Room) -> Iterator[str | Path]:
        yield from (self.program, "--unshare-all", "--unshare-user", "--die-with-parent")
        yield from ("--cap-drop", "ALL", "--hostname", "build", "--uid", str(_USER))
        yield from ("--gid", str(_USER), "--proc", "/proc", "--dev", "/dev")
        yield from self._programs()
        for name in ("passwd", "group"):
            yield from ("--ro-bind", room.root / name, f"/etc/{name}")
        for place, name in (("/tmp", "tmp"), ("/var/tmp", "var-tmp"), ("/dev/shm", "shm")):  # noqa: S108 - private ones are put in their places
            yield from ("--bind", room.root / name, place)
        for path in (
            _INSIDE,
            Path(noted.path()),
            Path(pyproject_hooks.__file__).parent,
            *self.readable,
        ):
            yield from ("--ro-bind", path, path)
        for folder in filter(None, (room.root, self.calls)):
            yield from ("--bind", folder, folder)
        # Both are in memory, and as large as one likes.
        yield from ("--remount-ro", "/dev", "--remount-ro", "/")

    def _programs(self) -> Iterator[str | Path]:
        for name in _PROGRAMS:
            if os.path.islink(name):
                yield from ("--symlink", os.readlink(name), name)
            elif os.path.isdir(name):
                yield from ("--ro-bind", name, name)
        for name in _SETTINGS:
            yield from ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")


def find_cell(runner: Runner, environ: Mapping[str, str], bounds: Bounds | None = None) -> Cell:
    """A cell that works here; raises UserError where there is none."""
    found = shutil.which("bwrap", path=environ.get("PATH", os.defpath))
    if found is None:
        raise _no_cell("bubblewrap is not installed")
    probe = [found, "--unshare-all", "--unshare-user", "--ro-bind", "/", "/", "--proc", "/proc"]
    try:
        done = runner.run([*probe, "--dev", "/dev", "true"], env=environ, timeout=_PROBE_SECONDS)
    except SamebytesError as error:
        raise _no_cell(error.message) from None
    if done.status:
        raise _no_cell(f"the kernel allows no namespaces here: {done.last_lines(1)}")
    return Cell(program=Path(found), bounds=bounds or Bounds())


def _no_cell(reason: str) -> UserError:
    return UserError(
        f"There is no sandbox for the code of strangers: {reason}.",
        hint="Install bubblewrap (Linux), and allow user namespaces. In a machine that holds "
        "nothing of value, --no-sandbox builds without.",
    )
