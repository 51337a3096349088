"""Cleans up after a program that was killed: a script with the standard library only.

    guard.py FOLDER

Waits until standard input ends. Unless a line "done" came before, whoever started this is gone
without having cleaned up: every process that works in FOLDER is killed and FOLDER removed. The lock
on FOLDER is inherited, so that nobody else begins to use it meanwhile.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
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
    """Remove a tree, also where a build took the right to read or write from its folders."""

    def retry(function: Callable[..., object], path: str, _: object) -> None:
        for blocked in (os.path.dirname(path), path):
            if os.path.isdir(blocked) and not os.path.islink(blocked):
                os.chmod(blocked, 0o700)
        if function in (os.open, os.scandir, os.listdir, os.rmdir):
            shutil.rmtree(path)
        else:
            function(path)

    if os.path.exists(folder):
        shutil.rmtree(folder, onerror=retry)


def clean(folder: str) -> None:
    end = time.monotonic() + _SECONDS
    while end_processes(folder) or os.path.exists(folder):
        if time.monotonic() > end:
            return
        with suppress(OSError):  # where something still writes
            remove_folder(folder)
        time.sleep(0.05)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if sys.stdin.read() != "done\n":
        clean(sys.argv[1])
