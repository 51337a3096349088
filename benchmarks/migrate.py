"""How long a whole migration of Django takes, with its proof, beside one ``python -m build``.

    hatch run benchmarks:migrate [--rounds N] [--folder DIR]

Both work on the same checkout on setuptools. ``samebytes migrate --dry-run --kit django`` builds it
by setuptools, by hatchling twice, and compares; ``python -m build`` builds it by setuptools once.
Each round runs both, alternating; the figures are medians of wall time over the rounds after one
that is not counted, which fills the caches of pip and uv.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from django_tree import EPOCH, RELEASES, django_checkout
from projects import git

MEMORY = Path("/dev/shm")


def commands(root: Path, out: Path) -> dict[str, list[str]]:
    return {
        "samebytes migrate": [
            *(sys.executable, "-m", "samebytes", "migrate", "--dry-run", "--quiet"),
            *("--kit", "django", "--workspace", str(root.parent), str(root)),
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=MEMORY if MEMORY.is_dir() else None)
    options = parser.parse_args()
    print(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=options.folder) as name:
        folder = Path(name)
        root = django_checkout(RELEASES[1], folder / "django")
        pair = commands(root, folder / "dist")
        seconds: dict[str, list[float]] = {name: [] for name in pair}
        for number in range(options.rounds + 1):
            for name, command in pair.items():
                taken = run(command, folder)
                git(root, "clean", "--quiet", "-dffx")
                if number:
                    seconds[name].append(taken)
        medians = {name: statistics.median(taken) for name, taken in seconds.items()}
        for name, times in seconds.items():
            print(f"{name:<18} {medians[name]:6.2f} s  ({min(times):.2f} to {max(times):.2f})")
        ratio = medians["samebytes migrate"] / medians["python -m build"]
        print(f"ratio {ratio:.2f} (aim: at most 1.5)")


if __name__ == "__main__":
    main()
