"""A process that sees another machine: bubblewrap, on Linux, by user namespaces and without root.

The host's files are read-only for it, but for what it is given to write, and it has a /tmp of its
own; as root it has none of root's privileges. When it ends, or we do, its namespaces are gone, and
all its processes with them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

#: Where any program may write: each sandbox has these for itself, empty, and nothing of it stays.
_COMMON = ("/dev/shm", "/tmp", "/var/tmp")  # noqa: S108 - private ones are put in their places


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """What a confined process sees; None is what the host has.

    Of the host's folders for temporary files it sees what is ``visible`` or ``writable``.
    ``shown`` has, by path, the file that is seen there instead; ``fresh`` is a folder that is empty
    and in memory. ``environment`` is set inside only.
    """

    program: Path
    writable: tuple[Path, ...] = ()
    visible: tuple[Path, ...] = ()
    host: str | None = None
    user: int | None = None
    shown: Mapping[Path, Path] = field(default_factory=dict)
    fresh: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    def command(self, command: Sequence[str]) -> list[str]:
        """``command`` in the sandbox."""
        return [*(os.fspath(each) for each in self._options()), "--", *command]

    def _options(self) -> Iterator[str | Path]:
        user = os.getuid() if self.user is None else self.user
        group = os.getgid() if self.user is None else self.user
        yield from (self.program, "--unshare-user", "--unshare-pid", "--unshare-uts")
        yield from ("--die-with-parent", "--cap-drop", "ALL")
        yield from ("--uid", str(user), "--gid", str(group))
        if self.host is not None:
            yield from ("--hostname", self.host)
        yield from ("--ro-bind", "/", "/", "--dev-bind", "/dev", "/dev", "--proc", "/proc")
        for name in filter(os.path.isdir, _COMMON):
            yield from ("--tmpfs", name)
        for path in self.visible:
            if any(path.is_relative_to(name) for name in _COMMON):
                yield from ("--ro-bind-try", path, path)
        for folder in self.writable:
            yield from ("--bind", folder, folder)
        for place, file in self.shown.items():
            yield from ("--ro-bind", file, place)
        if self.fresh is not None:
            yield from ("--tmpfs", self.fresh)
        for name, value in self.environment.items():
            yield from ("--setenv", name, value)
