"""In what one build runs: what each variation sets, and what is set while it is not varied."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from samebytes.builder import FIXED_ENVIRONMENT, Surroundings
from samebytes.process import UMASK
from samebytes.sandbox.host import Sandbox
from samebytes.variations import pinned
from samebytes.variations.machine import ONLINE, Machine
from samebytes.workspace import Room

#: The clock stands still in every build, so that the time is no chance; it is varied by this.
LATER_SECONDS = (400 * 24 + 7) * 3600
_VARIED_UMASK = 0o077
USER, _NUMBER, HOST = "somebody", 4711, "build-elsewhere"
_HOSTNAME = Path("/etc/hostname")
_INSIDE = Path(__file__).with_name("inside.py")

#: What each of these variations sets in the environment.
_ENVIRONMENTS: Mapping[str, Mapping[str, str]] = {
    "environment": {
        "BUILD_ID": "4711",
        "BUILD_NUMBER": "4711",
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_RUN_NUMBER": "4711",
        "SAMEBYTES_VARIED": "yes",
    },
    "hash-seed": {"PYTHONHASHSEED": "4711"},
    "timezone": {"TZ": "<+14>-14"},  # as POSIX has it, which needs no list of zones
    "user": {"LOGNAME": USER, "USER": USER},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Those of one build.

    ``varied`` are the variations of this build, which is the ``number``th, and ``held`` what stands
    still where it is not varied. ``clock`` is the fixed time, in seconds, and ``since`` a file that
    is as old as the check. ``folder`` is private to the check; where the host keeps temporary
    files, only what is ``visible`` can be read. ``zlib`` is the folder with zlib-ng.
    """

    machine: Machine
    held: frozenset[str]
    varied: frozenset[str]
    number: int
    clock: int
    since: Path
    folder: Path
    visible: tuple[Path, ...]
    zlib: Path | None

    @property
    def room(self) -> Room:
        """Where it is built."""
        if "path" in self.varied:
            return Room(self.folder / "another/folder/elsewhere", "another-name", "another-tmp")
        return Room(self.folder / "build")

    @property
    def home(self) -> Path:
        return self.folder / ("another-home" if "home" in self.varied else "home")

    @property
    def _set(self) -> frozenset[str]:
        """What is not left to the machine."""
        return self.held | self.varied

    @property
    def now(self) -> int:
        return self.clock + (LATER_SECONDS if "clock" in self.varied else 0)

    @property
    def umask(self) -> int:
        return _VARIED_UMASK if "umask" in self.varied else UMASK

    def path(self, path: str) -> str:
        """The search path for programs that was ``path``."""
        if "exec-path" not in self.varied:
            return path
        first, last = (os.fspath(self.folder / f"programs-{end}") for end in ("first", "last"))
        return os.pathsep.join([first, path, last])

    def surroundings(self, room: Room, tree: Path, project: Path) -> Surroundings:
        """Those of a process that works in ``project``, which is, or is in, ``tree``."""

        def wrapped(command: Sequence[str]) -> list[str]:
            return [*self._outside(), *self._confined(command, room, tree, project)]

        return Surroundings(environment=self._environment(), umask=self.umask, wrapped=wrapped)

    def _environment(self) -> dict[str, str]:
        found = {**FIXED_ENVIRONMENT, "HOME": os.fspath(self.home)}
        for name in self.varied & set(_ENVIRONMENTS):
            found |= _ENVIRONMENTS[name]
        if "locale" in self.varied and (locale := self.machine.locale) is not None:
            found |= dict.fromkeys(("LANG", "LANGUAGE", "LC_ALL"), locale.name)
            if locale.folder is not None:
                found["LOCPATH"] = os.fspath(locale.folder)
        if "clock" in self._set:
            found |= {"PYTHONPATH": pinned.path(), pinned.SINCE_VARIABLE: os.fspath(self.since)}
        if "zlib" in self.varied:
            found |= {"PYTHONPATH": pinned.path(), pinned.ZLIB_VARIABLE: os.fspath(self.zlib or "")}
        return found

    def _faked(self) -> dict[str, str]:
        """The environment in which libfaketime works; it leaves files in /dev/shm."""
        if "clock" not in self._set:
            return {}
        return {
            "FAKETIME": str(self.now),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_FMT": "%s",
            "LD_PRELOAD": os.fspath(self.machine.faketime or ""),
            "NO_FAKE_STAT": "1",
        }

    def _outside(self) -> Iterator[str]:
        """What changes a process for good, and all that it starts."""
        options = ["-R"] if "aslr" in self.held - self.varied else []
        options += ["--uname-2.6"] if "kernel" in self.varied else []
        if options:
            yield from (os.fspath(self.machine.setarch or ""), platform.machine(), *options)

    @property
    def _processors(self) -> int:
        return len(os.sched_getaffinity(0))

    def _confined(
        self, command: Sequence[str], room: Room, tree: Path, project: Path
    ) -> Sequence[str]:
        if self.machine.bubblewrap is None:
            return command
        original, order = room.root / "original", "as-it-is"
        shown = dict(self._shown())
        if "file-order" in self._set:
            original.mkdir(exist_ok=True)
            shown[original] = tree
            order = "backward" if "file-order" in self.varied else "forward"
        sandbox = Sandbox(
            program=self.machine.bubblewrap,
            writable=(self.folder,),
            visible=self.visible,
            host=HOST if "host" in self.varied else None,
            user=_NUMBER if "user" in self.varied else None,
            shown=shown,
            fresh=tree if original in shown else None,
            environment=self._faked(),
        )
        processors = 1 if "cpus" in self.varied else self._processors
        numbers = (str(self.number), str(processors))
        inside = [sys.executable, "-I", "-S", os.fspath(_INSIDE), *numbers]
        places = [os.fspath(each) for each in (tree, original)]
        return sandbox.command([*inside, os.fspath(project), order, *places, *command])

    def _shown(self) -> Iterator[tuple[Path, Path]]:
        """By its path, the file that is seen in the place of the host's."""
        if "cpus" in self.varied:
            yield ONLINE, self._written("online", "0\n" if self._processors > 1 else "0-1\n")
        if "user" in self.varied:
            users = f"{USER}:x:{_NUMBER}:{_NUMBER}::{self.home}:/bin/sh\n"
            yield Path("/etc/passwd"), self._written("passwd", users)
            yield Path("/etc/group"), self._written("group", f"{USER}:x:{_NUMBER}:\n")
        if "host" in self.varied and _HOSTNAME.is_file():
            yield _HOSTNAME, self._written("hostname", f"{HOST}\n")

    def _written(self, name: str, text: str) -> Path:
        path = self.folder / f"seen-{name}-{self.number}"
        path.write_text(text)
        return path
