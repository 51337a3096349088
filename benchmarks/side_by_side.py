"""Times two commands on the same checkout, alternating."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from conftest import SHARED
from django_tree import EPOCH
from projects import git

if SHARED not in os.environ:  # as conftest does for a run of the tests
    _shared = tempfile.TemporaryDirectory(prefix="shared-")
    os.environ[SHARED] = _shared.name

#: Where checkouts of thousands of files are made, if there is such a place.
MEMORY = Path("/dev/shm")


def run(command: Sequence[str], folder: Path) -> float:
    """Seconds that a command takes."""
    environ = os.environ | {"SOURCE_DATE_EPOCH": str(EPOCH), "TMPDIR": str(folder)}
    if "samebytes" in command:
        del environ["SOURCE_DATE_EPOCH"]
    started = time.perf_counter()
    done = subprocess.run(command, env=environ, capture_output=True)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr.decode()}")
    return seconds


def print_ratio(
    commands: Mapping[str, Sequence[str]], root: Path, rounds: int, *, aim: float
) -> None:
    """Run each in turn, one round uncounted; print the medians, and the first to the second."""
    print(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores")
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            taken = run(command, root.parent)
            git(root, "clean", "--quiet", "-dffx")
            if number:
                seconds[name].append(taken)
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    for name, times in seconds.items():
        print(f"{name:<18} {medians[name]:6.2f} s  ({min(times):.2f} to {max(times):.2f})")
    first, second = medians.values()
    print(f"ratio {first / second:.2f} (aim: at most {aim})")
