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
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from side_by_side import MEMORY, print_ratio

from django_tree import RELEASES, django_checkout, django_repository  # isort: skip
from projects import repository  # isort: skip
from zoo import RAW, ZOO  # isort: skip


def commands(root: Path, out: Path) -> dict[str, list[str]]:
    return {
        "samebytes check": [
            *(sys.executable, "-m", "samebytes", "check", "--quiet"),
            *("--workspace", str(root.parent), str(root)),
        ],
        "python -m build": [sys.executable, "-m", "build", "--outdir", str(out), str(root)],
    }


def passing(folder: Path, rounds: int) -> None:
    root = django_repository(RELEASES[1], folder / "django", hatchling=True)
    print_ratio(commands(root, folder / "dist"), root, rounds, aim=1.0)


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
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=options.folder) as name:
        if options.failing:
            failing(Path(name))
        else:
            passing(Path(name), options.rounds)


if __name__ == "__main__":
    main()
