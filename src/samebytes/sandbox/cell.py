"""A process that has nothing of the host but its programs: no network, no home, no secrets.

bubblewrap, on Linux, by user namespaces and without root. Only what is named can be seen, read-only
but for one room. When the process ends, or we do, its namespaces are gone, and all processes in
them.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyproject_hooks

from samebytes.builder import Surroundings
from samebytes.errors import SamebytesError, UserError
from samebytes.guard import remove_folder
from samebytes.process import Runner
from samebytes.sandbox import noted
from samebytes.sandbox.bounds import Bounds
from samebytes.sandbox.watchdog import Watchdog
from samebytes.workspace import Room

_INSIDE = Path(__file__).with_name("inside.py")

#: The host's folders in which programs and their libraries are; some are links to others.
_KINDS = ("bin", "include", "lib", "lib32", "lib64", "libexec", "libx32", "sbin", "share")
_PROGRAMS = (
    *(f"/usr/{kind}" for kind in _KINDS),
    *(f"/usr/local/{kind}" for kind in _KINDS),
    *("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store"),
)
#: Below where a Python is installed: what was installed for it, perhaps what is to be verified.
_INSTALLED = (
    "lib*/python3*/dist-packages",
    "lib*/python3*/ensurepip/_bundled",
    "lib*/python3*/site-packages",
)
#: Where the system's own Pythons are installed, of which a cell sees no more than programs.
SYSTEM = (Path("/usr"), Path("/usr/local"))
#: What programs need of /etc; it names no user, and holds no secret.
_SETTINGS = (
    *("alternatives", "ca-certificates", "ld.so.cache", "ld.so.conf", "ld.so.conf.d"),
    *("localtime", "mime.types", "protocols", "services", "ssl/certs", "timezone"),
)
#: The search path for programs; a build that needs more needs more than the sandbox has.
PATH = "/usr/local/bin:/usr/bin:/bin"
_USER = 1000
#: In the room, and shown in /etc.
_USERS = ("passwd", "group")
#: Is the first to go when memory is short. Opens the report, which the cell does not see, for the
#: first process there.
_WITH_REPORT = 'echo 1000 2>&- >/proc/self/oom_score_adj; exec 3>>"$0" "$@"'
_PROBE_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """``readable`` is what a build may read besides programs: its toolchain, objects of git.

    ``prefixes`` are where other Pythons than the system's are installed: what was installed for
    them, or for the system's, is not seen. Else a build could fetch the published file from there.
    ``links`` are made to point to where they point on the host, if they are not seen anyway;
    ``calls`` is the folder by which hooks are told their arguments, and answer; ``extra`` are
    options that not every release of bubblewrap has.
    """

    program: Path
    calls: Path | None = None
    readable: tuple[Path, ...] = ()
    prefixes: tuple[Path, ...] = ()
    links: tuple[Path, ...] = ()
    bounds: Bounds = field(default_factory=Bounds)
    extra: tuple[str, ...] = ()

    def fitted(self, pythons: Sequence[Path], readable: Iterable[Path]) -> Cell:
        """A cell where ``pythons`` run, the first by which an environment was made.

        Raises UserError where all that is in the home could be read.
        """
        prefixes = dict.fromkeys(map(_prefix, pythons))
        return replace(
            self,
            readable=tuple(dict.fromkeys(readable)),
            prefixes=tuple(prefix for prefix in prefixes if prefix not in SYSTEM),
            links=tuple(dict.fromkeys(link for each in pythons for link in _links(each))),
        )

    def surroundings(
        self, room: Room, python: Path, environment: Mapping[str, str], umask: int
    ) -> Surroundings:
        """Those of a hook that works in ``room``, by ``python`` or a program that it starts."""
        _describe_user(room)

        def wrapped(command: Sequence[str]) -> list[str]:
            _furnish(room)
            outer = [os.fspath(each) for each in self._options(room)]
            limits = json.dumps([self.bounds.memory, self.bounds.processes, self.bounds.file])
            inner = [os.fspath(python), "-I", "-S", os.fspath(_INSIDE), limits]
            report = os.fspath(report_of(room))
            return ["/bin/sh", "-c", _WITH_REPORT, report, *outer, "--", *inner, *command]

        writable = [room.root, *([self.calls] if self.calls else [])]
        watched = {
            "PYTHONPATH": noted.path(),
            "SAMEBYTES_ROOM": os.pathsep.join(map(os.fspath, writable)),
            "SAMEBYTES_GIVEN": os.pathsep.join(map(os.fspath, self._given())),
            "SAMEBYTES_HOME": os.path.expanduser("~"),
        }
        return Surroundings(
            environment={**environment, **watched},
            umask=umask,
            wrapped=wrapped,
            watch=Watchdog(self.bounds, writable),
            printed=self.bounds.printed,
        )

    def _given(self) -> tuple[Path, ...]:
        """The host's files, besides programs, each at its own place."""
        hooks = Path(pyproject_hooks.__file__).parent
        return (*self.prefixes, *self.readable, _INSIDE, Path(noted.path()), hooks)

    def _hidden(self) -> Iterator[Path]:
        """What Pythons have installed."""
        for prefix in (*SYSTEM, *self.prefixes):
            for pattern in _INSTALLED:
                yield from (path for path in prefix.glob(pattern) if path.is_dir())

    def _options(self, room: Room) -> Iterator[str | Path]:
        yield from (self.program, "--unshare-all", "--unshare-user", "--die-with-parent")
        yield from ("--as-pid-1", *self.extra)
        yield from ("--cap-drop", "ALL", "--hostname", "build", "--uid", str(_USER))
        yield from ("--gid", str(_USER), "--proc", "/proc", "--dev", "/dev")
        yield from self._programs()
        for name in _USERS:
            yield from ("--ro-bind", room.root / name, f"/etc/{name}")
        for place, path in _common(room).items():
            yield from ("--bind", path, place)
        steps = self._steps(room)
        for step in steps:
            yield from ("--tmpfs", step)
        hidden = tuple(dict.fromkeys(path.resolve() for path in self._hidden()))
        yield from self._shown(hidden)
        # What is mounted cannot be replaced by something else, such as a link to what is not here.
        yield from ("--ro-bind", room.root, room.root)
        for folder in filter(None, (*room.folders, self.calls)):
            yield from ("--bind", folder, folder)
        # Whom the kernel takes for root could write the settings of the machine below /proc; the
        # others are in memory, and as large as one likes.
        for closed in ("/proc", "/dev", *map(os.fspath, (*steps, *hidden)), "/"):
            yield from ("--remount-ro", closed)

    def _shown(self, hidden: Sequence[Path]) -> Iterator[str | Path]:
        """What is given, and the links to it, but nothing of what is ``hidden``."""
        for path in self.prefixes:
            yield from ("--ro-bind", path, path)
        for path in hidden:
            yield from ("--tmpfs", path)
        for path in self._given()[len(self.prefixes) :]:
            yield from ("--ro-bind", path, path)
        seen = (*self._given(), *map(Path, _PROGRAMS))
        for link in self.links:
            if not any(link.is_relative_to(path) for path in seen):
                yield from ("--symlink", os.readlink(link), link)

    def _steps(self, room: Room) -> tuple[Path, ...]:
        """What lies between the common places and what is mounted below them.

        If it lay in them, a hook could put a link in its place, where the next cell would follow.
        """
        paths = (*self._given(), *(link.parent for link in self.links), room.root)
        found: dict[Path, None] = {}
        for common in map(Path, _common(room)):
            for path in paths:
                if path != common and path.is_relative_to(common):
                    found[common / path.relative_to(common).parts[0]] = None
        return tuple(found)

    def _programs(self) -> Iterator[str | Path]:
        for name in _PROGRAMS:
            if os.path.islink(name):
                yield from ("--symlink", os.readlink(name), name)
            elif os.path.isdir(name):
                yield from ("--ro-bind", name, name)
        for name in _SETTINGS:
            yield from ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")


def _links(path: Path) -> Iterator[Path]:
    """The links that lead from ``path`` to a file."""
    while path.is_symlink():
        yield path
        path = Path(os.path.normpath(path.parent / os.readlink(path)))


def _prefix(python: Path) -> Path:
    """The folder in which an interpreter is installed, with its library."""
    *_, last = python, *(link.parent / os.readlink(link) for link in _links(python))
    prefix = last.resolve().parent.parent
    if Path.home().resolve().is_relative_to(prefix):
        raise UserError(
            f"The Python {last} is installed in a folder that holds your home: {prefix}.",
            hint="Builds in a sandbox would see all of it: use a Python that lies elsewhere.",
        )
    return prefix


def report_of(room: Room) -> Path:
    """Where it is written what was tried in ``room``: beside it, and so out of reach."""
    return room.root.with_name(f"{room.root.name}.tried")


def _common(room: Room) -> Mapping[str, Path]:
    """What is seen in the places where any program may write."""
    shm, other = room.root / "shm", room.root / "var-tmp"
    return {"/tmp": room.tmp, "/var/tmp": other, "/dev/shm": shm}  # noqa: S108 - private ones


def _describe_user(room: Room) -> None:
    texts = (f"build:x:{_USER}:{_USER}::{room.home}:/bin/sh\n", f"build:x:{_USER}:\n")
    for name, text in zip(_USERS, texts, strict=True):
        (room.root / name).write_text(text)


def _furnish(room: Room) -> None:
    """Have the places of temporary files empty: other places are made, and mounted, below them.

    An earlier hook may have put links there.
    """
    room.reopen()
    for folder in _common(room).values():
        remove_folder(folder)
        folder.mkdir()


def find_cell(runner: Runner, environ: Mapping[str, str], bounds: Bounds) -> Cell:
    """A cell that works here; raises UserError where there is none."""
    found = shutil.which("bwrap", path=environ.get("PATH", os.defpath))
    if found is None:
        raise _no_cell("bubblewrap is not installed")
    probe = [found, "--unshare-all", "--unshare-user", "--ro-bind", "/", "/", "--proc", "/proc"]
    problem = ""
    for extra in (("--disable-userns",), ()):
        command = [*probe, "--dev", "/dev", "--as-pid-1", *extra, "true"]
        try:
            done = runner.run(command, env=environ, timeout=_PROBE_SECONDS)
        except SamebytesError as error:
            raise _no_cell(error.message) from None
        if not done.status:
            return Cell(program=Path(found), bounds=bounds, extra=extra)
        problem = done.last_lines(1)
    raise _no_cell(f"the kernel allows no namespaces here: {problem}")


def _no_cell(reason: str) -> UserError:
    return UserError(
        f"There is no sandbox for the code of strangers: {reason}.",
        hint="Install bubblewrap (Linux), and allow user namespaces. In a machine that holds "
        "nothing of value, --no-sandbox builds without.",
    )
