"""Watches from outside what all processes of a cell use together."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from samebytes.errors import LimitError
from samebytes.sandbox.bounds import Bounds

_PAGE = os.sysconf("SC_PAGE_SIZE")
#: Of what is free at the start, so much may be used up where there is less than is to be spared.
_SHARE = 0.5
#: How long files are looked at before it is the turn of processes again, and the pause in between.
_LOOK_SECONDS, _PAUSE_SECONDS = 0.1, 1.0
#: On a disk that has less, whoever fails may have failed for that.
_LEAST_BYTES = 1024**2
_LEAST_INODES = 10_000


class _Process(NamedTuple):
    parent: int
    threads: int
    memory: int


class Watchdog:
    """Called with a process's number, says which bound it and all that it started exceed."""

    def __init__(self, bounds: Bounds, folders: Sequence[Path]) -> None:
        """``folders`` are those that the processes may write to; the first is there already."""
        self._bounds = bounds
        self._files = _Files(bounds, folders)
        self._reserves = (_Memory(bounds.spare), _Disk(bounds.spare, folders[0]))

    def __call__(self, number: int) -> LimitError | None:
        found = _below(number, _processes())
        if sum(process.threads for process in found) > self._bounds.processes:
            return _over("processes", f"more than {self._bounds.processes} processes and threads")
        if sum(process.memory for process in found) > self._bounds.memory:
            return _over("memory", f"more than {_size(self._bounds.memory)} of memory")
        for reserve in self._reserves:
            if error := reserve():
                return error
        return self._files.look()


class _Memory:
    """Memory that is no process's own, such as files in it, is seen by what is left."""

    def __init__(self, spare: int) -> None:
        self._least = min(spare, int(_available() * _SHARE))

    def __call__(self) -> LimitError | None:
        if _available() >= self._least:
            return None
        return _over("memory", f"so much memory that less than {_size(self._least)} was left")


class _Disk:
    """Files that have no name any more are seen by what is left."""

    def __init__(self, spare: int, folder: Path) -> None:
        self._folder = folder
        free, inodes = self._free()
        self._least = max(_LEAST_BYTES, min(spare, int(free * _SHARE)))
        self._fewest = min(_LEAST_INODES, int(inodes * _SHARE))

    def __call__(self) -> LimitError | None:
        free, inodes = self._free()
        if free >= self._least and inodes >= self._fewest:
            return None
        return _over("disk", f"so much of the disk that less than {_size(self._least)} was left")

    def _free(self) -> tuple[int, int]:
        facts = os.statvfs(self._folder)
        # Some file systems do not count inodes.
        return facts.f_bavail * facts.f_frsize, facts.f_favail if facts.f_files else _LEAST_INODES


class _Files:
    """Counts what lies in some folders, a little at a time and then again."""

    def __init__(self, bounds: Bounds, folders: Sequence[Path]) -> None:
        self._bounds = bounds
        self._folders = folders
        self._round = self._count()
        self._next = time.monotonic()

    def look(self) -> LimitError | None:
        now = time.monotonic()
        if now < self._next:
            return None
        for found in self._round:
            if found is not None:
                return found
            if time.monotonic() > now + _LOOK_SECONDS:
                return None
        self._round = self._count()
        self._next = time.monotonic() + _PAUSE_SECONDS
        return None

    def _count(self) -> Iterator[LimitError | None]:
        """None for each folder that was counted, until one bound is exceeded."""
        taken, files, left = 0, 0, [os.fspath(folder) for folder in self._folders]
        while left:
            try:
                with os.scandir(left.pop()) as entries:
                    for entry in entries:
                        files += 1
                        if entry.is_dir(follow_symlinks=False):
                            left.append(entry.path)
                        with suppress(FileNotFoundError):
                            taken += entry.stat(follow_symlinks=False).st_blocks * 512
                        if error := self._error(taken, files):
                            yield error
                        if files % 1000 == 0:
                            yield None
            except (FileNotFoundError, NotADirectoryError):
                continue  # removed meanwhile
            except OSError as error:
                # Its owner took our right to read it, or it is deeper than a path may be long.
                yield _over("disk", f"a folder that cannot be looked into ({error.strerror})")
            yield None

    def _error(self, taken: int, files: int) -> LimitError | None:
        if taken > self._bounds.disk:
            return _over("disk", f"more than {_size(self._bounds.disk)} on disk")
        if files > self._bounds.files:
            return _over("files", f"more than {self._bounds.files:,} files and folders")
        return None


def _over(limit: str, what: str) -> LimitError:
    return LimitError(
        f"The build took {what}.",
        limit=limit,
        hint="It was ended, with all that it had started.",
    )


def _size(number: int) -> str:
    return f"{number / 1024**3:.3g} GiB"


def _available() -> int:
    """The bytes of memory that could be used before there is none."""
    with open("/proc/meminfo") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 0  # an old kernel, which does not say


def _processes() -> Mapping[int, _Process]:
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
            except OSError:
                continue  # already gone
            found[int(name)] = _Process(int(fields[1]), int(fields[17]), int(fields[21]) * _PAGE)
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
