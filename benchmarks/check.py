"""How long a check of Django that finds nothing takes, beside one ``python -m build``.

    hatch run benchmarks:check [--rounds N] [--folder DIR] [--failing]

Both work on the same checkout on hatchling. ``samebytes check`` builds it twice, side by side,
under all variations of the default; ``python -m build`` builds it once. Each round runs
both, alternating; the figures are medians of wall time over the rounds after one that is not
counted, which fills the caches of pip and uv.

``--failing`` counts the further builds of checks that find something: of each animal of the zoo in
``tests/``, and of Django on setuptools with ``--raw``.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from django_tree import EPOCH, RELEASES, django_checkout, django_repository
from projects import git, repository
from zoo import RAW, ZOO

MEMORY = Path("/dev/shm")


def commands(root: Path, out: Path) -> dict[str, list[str]]:
    return {
        "samebytes check": [
            *(sys.executable, "-m", "samebytes", "check", "--quiet"),
            *("--workspace", str(root.parent), str(root)),
        ],
        "python -m build": [sys.executable, "-m", "build", "--outdir", str(out), str(root)],
    }


def run(command: list[str], folder: Path) -> float:
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


def passing(folder: Path, rounds: int) -> None:
    root = django_repository(RELEASES[1], folder / "django", hatchling=True)
    pair = commands(root, folder / "dist")
    seconds: dict[str, list[float]] = {name: [] for name in pair}
    for number in range(rounds + 1):
        for name, command in pair.items():
            taken = run(command, folder)
            git(root, "clean", "--quiet", "-dffx")
            if number:
                seconds[name].append(taken)
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    for name, times in seconds.items():
        print(f"{name:<18} {medians[name]:6.2f} s  ({min(times):.2f} to {max(times):.2f})")
    ratio = medians["samebytes check"] / medians["python -m build"]
    print(f"ratio {ratio:.2f} (aim: at most 1.0)")


def failing(folder: Path) -> None:
    for name, files in ZOO.items():
        report(name, repository(folder / name, files), raw=name in RAW)
    report("Django", django_checkout(RELEASES[1], folder / "django"), raw=True)


def report(name: str, root: Path, *, raw: bool) -> None:
    command = [sys.executable, "-m", "samebytes", "check", "--json", "-", str(root)]
    command += ["--workspace", str(root.parent), *(["--raw"] if raw else [])]
    found: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True).stdout)
    groups = len({tuple(each["variations"]) for each in found["findings"]})
    further, tried = found["builds"] - 2, len(found["tried"])
    bound = groups * (math.ceil(math.log2(tried)) + 2)
    print(
        f"{name:<14} {further:>3} further builds, {groups} groups, {tried} variations: "
        f"at most {bound}; {found['seconds']:.1f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=MEMORY if MEMORY.is_dir() else None)
    parser.add_argument("--failing", action="store_true")
    options = parser.parse_args()
    print(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=options.folder) as name:
        if options.failing:
            failing(Path(name))
        else:
            passing(Path(name), options.rounds)


if __name__ == "__main__":
    main()
