"""How long ``samebytes build`` takes beside its peers: Django on hatchling, alternating, one run.

    hatch run benchmarks:build [--rounds N] [--folder DIR]

Each round runs every command once; the figures are medians over the rounds after one that is not
counted, in seconds of wall time, and their ratios. All commands get the same SOURCE_DATE_EPOCH and
put their temporary files in the same folder (by default in memory, so that the disk has no say),
and all must give the same bytes, or there is nothing to compare.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from django_tree import EPOCH, RELEASES, django_repository

MEMORY = Path("/dev/shm")
REFERENCE = "python -m build"


def commands(root: Path, out: Path) -> dict[str, list[str]]:
    python = sys.executable
    return {
        REFERENCE: [python, "-m", "build", "--outdir", str(out), str(root)],
        "hatch build": [python, "-m", "hatch", "build", str(out)],
        "uv build": [python, "-m", "uv", "build", "--out-dir", str(out), str(root)],
        "samebytes build": [python, "-m", "samebytes", "build", str(root), "-o", str(out)],
    }


def run(command: list[str], root: Path, folder: Path) -> float:
    """Seconds that one command takes."""
    environ = {key: text for key, text in os.environ.items() if not key.startswith("HATCH_")}
    environ |= {"TMPDIR": str(folder), "SAMEBYTES_WORKSPACE": str(folder)}
    if "samebytes" not in command:
        environ["SOURCE_DATE_EPOCH"] = str(EPOCH)
    started = time.perf_counter()
    done = subprocess.run(command, cwd=root, env=environ, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return seconds


def digests(out: Path) -> tuple[str, ...]:
    files = sorted(path for path in out.iterdir() if path.suffix in (".gz", ".whl"))
    return tuple(hashlib.sha256(path.read_bytes()).hexdigest() for path in files)


def measure(folder: Path, rounds: int) -> dict[str, list[float]]:
    root = django_repository(RELEASES[1], folder / "django", hatchling=True)
    times: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        seen = set()
        for name, command in commands(root, folder / "out").items():
            seconds = run(command, root, folder)
            seen.add(digests(folder / "out"))
            shutil.rmtree(folder / "out")
            if number:
                times.setdefault(name, []).append(seconds)
                print(f"round {number}  {name:<16} {seconds:6.2f} s", file=sys.stderr)
        if len(seen) != 1:
            raise SystemExit(f"not the same bytes: {seen}")
    return times


def report(times: dict[str, list[float]]) -> None:
    medians = {name: statistics.median(values) for name, values in times.items()}
    ours = medians["samebytes build"]
    print(
        f"Django {RELEASES[1].version}, hatchling, {platform.python_implementation()} "
        f"{platform.python_version()}, {os.cpu_count()} processors"
    )
    print(f"{'command':<16} {'median':>8} {'min':>8} {'max':>8}   samebytes / it")
    for name, values in times.items():
        print(
            f"{name:<16} {medians[name]:7.2f}s {min(values):7.2f}s {max(values):7.2f}s"
            f"   {ours / medians[name]:.2f}"
        )
    fastest = min(seconds for name, seconds in medians.items() if name != "samebytes build")
    print(f"samebytes / {REFERENCE}: {ours / medians[REFERENCE]:.2f} (aim: at most 0.55)")
    print(f"samebytes / the fastest peer: {ours / fastest:.2f} (aim: at most 1.10)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=MEMORY if MEMORY.is_dir() else None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=options.folder) as name:
        report(measure(Path(name), options.rounds))


if __name__ == "__main__":
    main()
