"""How much of the machine a confined process may take."""

from __future__ import annotations

from dataclasses import dataclass

_MIB = 1024**2
_GIB = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What all processes of one sandbox may use together, in bytes but for two.

    ``processes`` counts threads as well, ``files`` folders. ``file`` bounds each file; ``printed``
    what comes out of standard output and error. ``spare`` is what stays free of the machine's
    memory, and of its disk, whoever takes the rest: it bounds what no process can be charged with.
    """

    memory: int = 4 * _GIB
    processes: int = 512
    file: int = 2 * _GIB
    files: int = 500_000
    disk: int = 8 * _GIB
    printed: int = 64 * _MIB
    spare: int = _GIB
