"""A process that sees another machine: bubblewrap, on Linux, by user namespaces and without root.

The host's files are read-only for it, but for what it is given to write; as root it has none of
root's privileges. When it ends, or we do, its namespaces are gone, and all its processes with them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

#: Where programs put files of which nothing shall stay.
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a private one is put in its place
_TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108 - as they are outside


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """What a confined process sees; None is what the host has.

    ``shown`` has, by path, the file that is seen there instead; ``fresh`` is a folder that is empty
    and in memory. ``environment`` is set inside only.
    """

    program: Path
    writable: tuple[Path, ...] = ()
    host: str | None = None
    user: int | None = None
    shown: Mapping[Path, Path] = field(default_factory=dict)
    fresh: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    def command(self, command: Sequence[str], writable: Iterable[Path] = ()) -> list[str]:
        """``command`` in the sandbox, with more folders that it may write to."""
        return [*(os.fspath(each) for each in self._options(writable)), "--", *command]

    def _options(self, writable: Iterable[Path]) -> Iterator[str | Path]:
        user = os.getuid() if self.user is None else self.user
        group = os.getgid() if self.user is None else self.user
        yield from (self.program, "--unshare-user", "--unshare-pid", "--unshare-uts")
        yield from ("--die-with-parent", "--cap-drop", "ALL")
        yield from ("--uid", str(user), "--gid", str(group))
        if self.host is not None:
            yield from ("--hostname", self.host)
        yield from ("--ro-bind", "/", "/", "--dev-bind", "/dev", "/dev", "--proc", "/proc")
        yield from self._shared_memory()
        for folder in (*map(Path, _TEMPORARY), *self.writable, *writable):
            yield from ("--bind-try", folder, folder)
        for place, file in self.shown.items():
            yield from ("--ro-bind", file, place)
        if self.fresh is not None:
            yield from ("--tmpfs", self.fresh)
        for name, value in self.environment.items():
            yield from ("--setenv", name, value)

    def _shared_memory(self) -> Iterator[str | Path]:
        """A private folder in which whatever lies in the host's can be read."""
        if not _SHARED_MEMORY.is_dir():
            return
        yield from ("--tmpfs", _SHARED_MEMORY)
        for entry in os.scandir(_SHARED_MEMORY):
            if entry.is_dir(follow_symlinks=False):
                yield from ("--ro-bind-try", entry.path, entry.path)
