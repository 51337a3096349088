"""Which process writes a store: told apart from one that has its number later on."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
#: Where a process cannot be looked at, it is taken to be gone when it said nothing for so long.
SILENCE = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A process on a host; ``process`` says when it began, and of which boot and namespace it is.

    It is empty where the system does not tell.
    """

    host: str
    pid: int
    process: str

    @classmethod
    def of_this_process(cls) -> Owner:
        pid = os.getpid()
        return cls(host=_host(), pid=pid, process=_process(pid))

    def is_alive(self, silence: float) -> bool:
        """Whether it still runs, as far as can be known here; ``silence`` in seconds.

        A process of this machine is looked at. Of another one, of another container, or of before
        the machine was started again, only that it writes from time to time can be known.
        """
        here = _place()
        if not here and self.host == _host() and not _is_there(self.pid):
            return False
        if not here or self.process.partition(" ")[0] != here or self.host != _host():
            return abs(silence) < SILENCE
        return _process(self.pid) == self.process


def _host() -> str:
    return platform.node() or "localhost"


def _process(pid: int) -> str:
    """Where and when a process began, in two words; empty where there is none, or no telling."""
    place = _place()
    if not place:
        return ""
    with suppress(OSError, IndexError):
        stat = (_PROC / str(pid) / "stat").read_bytes()
        state, *fields = stat.rpartition(b")")[2].split()
        # A process that ended, and that nobody waits for, is called a zombie.
        if state not in (b"Z", b"X"):
            return f"{place} {int(fields[18])}"  # field 22, starttime: proc_pid_stat(5)
    return ""


def _is_there(pid: int) -> bool:
    """Whether any process has this number, where no more can be known."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # of another user
    return True


def _place() -> str:
    """What numbers of processes hold for: this boot, this namespace."""
    with suppress(OSError):
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink(_PROC / 'self/ns/pid')}"
    return ""
