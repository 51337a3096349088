"""Cleans up after a program that was killed: a script with the standard library only.

    guard.py FOLDER

Waits until standard input ends. Unless a line "done" came before, whoever started this is gone
without having cleaned up: every process that works in FOLDER is killed and FOLDER removed. The lock
on FOLDER is inherited, so that nobody else begins to use it meanwhile.
"""

from __future__ import annotations

import errno
import itertools
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

_SECONDS = 10.0


def processes(folder: str) -> list[int]:
    """The processes of this user that were told to work in ``folder``, or that are in it."""
    found = []
    marks = os.fsencode(folder) + b"/"
    for name in os.listdir("/proc") if os.path.isdir("/proc") else []:
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open(f"/proc/{name}/environ", "rb") as file:
                is_told = marks in file.read()
            if is_told or (os.readlink(f"/proc/{name}/cwd") + "/").startswith(folder + "/"):
                found.append(int(name))
        except OSError:
            continue  # another user's, or already gone
    return found


def end_processes(folder: str) -> bool:
    """Kill those processes; whether there were any."""
    found = processes(folder)
    for number in found:
        with suppress(OSError):
            os.kill(number, signal.SIGKILL)
    return bool(found)


def remove_folder(folder: str | os.PathLike[str]) -> None:
    """Remove a tree, also where a build took the right to read or write from its folders.

    It may be deeper than a path is long, or than functions may call each other: what lies in its
    folders is moved up, and so no more than two are ever below each other.
    """
    path = os.fspath(folder)
    if not os.path.isdir(path) or os.path.islink(path):
        return
    numbers = itertools.count()
    while inner := _keep_folders(path):
        for name in inner:
            place = os.path.join(path, name)
            for below in _keep_folders(place):
                _move_up(os.path.join(place, below), path, numbers)
            os.rmdir(place)
    os.rmdir(path)


def _keep_folders(folder: str) -> list[str]:
    """Remove all but the folders that are in one, and return their names; we may use them now."""
    os.chmod(folder, 0o700)
    found = []
    with os.scandir(folder) as entries:
        for entry in list(entries):
            if entry.is_dir(follow_symlinks=False):
                os.chmod(entry.path, 0o700)
                found.append(entry.name)
            else:
                os.unlink(entry.path)
    return found


def _move_up(place: str, folder: str, numbers: Iterator[int]) -> None:
    for number in numbers:
        try:
            os.rename(place, os.path.join(folder, f"removed-{number}"))
        except (FileExistsError, NotADirectoryError):
            continue
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise
            continue
        return


def clean(folder: str) -> None:
    """Remove the folder that there is now, and not the next one by its name.

    The lock that was inherited keeps it from being another's, also once it has no name.
    """
    end, ours = time.monotonic() + _SECONDS, _identity(folder)
    while ours is not None and _identity(folder) == ours and time.monotonic() < end:
        if not end_processes(folder):
            with suppress(OSError):  # where something still writes
                remove_folder(folder)
                return
        time.sleep(0.05)


def _identity(folder: str) -> tuple[int, int] | None:
    try:
        found = os.stat(folder, follow_symlinks=False)
    except OSError:
        return None
    return found.st_dev, found.st_ino


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if sys.stdin.read() != "done\n":
        clean(sys.argv[1])
