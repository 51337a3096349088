"""Watches from outside what all processes of a cell use together."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from samebytes.errors import LimitError
from samebytes.sandbox.bounds import Bounds

_PAGE = os.sysconf("SC_PAGE_SIZE")
_DISK_SECONDS = 1.0


class _Process(NamedTuple):
    parent: int
    memory: int


class Watchdog:
    """Called with a process's number, says which bound it and all that it started exceed."""

    def __init__(self, bounds: Bounds, folder: Path) -> None:
        self._bounds = bounds
        self._folder = folder
        self._looked = time.monotonic()

    def __call__(self, number: int) -> LimitError | None:
        found = _below(number, _processes())
        if len(found) > self._bounds.processes:
            return _over("processes", f"more than {self._bounds.processes} processes")
        memory = sum(process.memory for process in found)
        if memory > self._bounds.memory:
            return _over("memory", f"more than {_size(self._bounds.memory)} of memory")
        if time.monotonic() - self._looked > _DISK_SECONDS:
            if _is_fuller(self._folder, self._bounds.disk):
                return _over("disk", f"more than {_size(self._bounds.disk)} on disk")
            self._looked = time.monotonic()
        return None


def _over(limit: str, what: str) -> LimitError:
    return LimitError(
        f"The build took {what}.",
        limit=limit,
        hint="It was ended. A build that needs so much can be given more by its own options.",
    )


def _size(number: int) -> str:
    return f"{number / 1024**3:g} GiB"


def _processes() -> Mapping[int, _Process]:
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
            except OSError:
                continue  # already gone
            found[int(name)] = _Process(int(fields[1]), int(fields[21]) * _PAGE)
    return found


def _below(number: int, processes: Mapping[int, _Process]) -> list[_Process]:
    """Of all processes those that ``number``, or what it started, has started."""
    children = defaultdict[int, list[int]](list)
    for each, process in processes.items():
        children[process.parent].append(each)
    found, left = [], [number]
    while left:
        for child in children.pop(left.pop(), ()):
            found.append(processes[child])
            left.append(child)
    return found


def _is_fuller(folder: Path, most: int) -> bool:
    """Whether the files in ``folder`` take more than ``most`` bytes."""
    total, left = 0, [os.fspath(folder)]
    while left:
        try:
            with os.scandir(left.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
        except OSError:
            continue  # removed meanwhile, or not for us to read
        if total > most:
            return True
    return False
