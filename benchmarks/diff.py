"""How long ``samebytes diff`` takes beside diffoscope and beside the least that must be done.

    hatch run benchmarks:diff [--rounds N] [--folder DIR] [--large GIB]

The pairs are Django built by setuptools and by hatchling: two sdists, two wheels. Each round runs
every command once, alternating; the figures are medians of wall time over the rounds after one that
is not counted. The floor decompresses both and hashes every member, with the standard library, in
one process that does nothing else. ``--large`` makes a pair of wheels and a pair of sdists of that
size and prints the most memory that ``samebytes diff`` had at any time.
"""

from __future__ import annotations

import argparse
import gzip
import io
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from django_tree import EPOCH, RELEASES, django_repository

MEMORY = Path("/dev/shm")
FLOOR = """
import hashlib, sys, tarfile, zipfile
for path in sys.argv[1:]:
    if path.endswith(".whl"):
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                with archive.open(member) as file:
                    hashlib.file_digest(file, "sha256")
    else:
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isreg():
                    hashlib.file_digest(archive.extractfile(member), "sha256")
"""


def commands(first: Path, second: Path) -> dict[str, list[str]]:
    files = [str(first), str(second)]
    diffoscope = shutil.which("diffoscope", path=f"{Path(sys.executable).parent}:{os.defpath}")
    if diffoscope is None:
        raise SystemExit("diffoscope is missing; hatch run benchmarks:diff installs it")
    return {
        "samebytes diff": [sys.executable, "-m", "samebytes", "diff", *files],
        "floor": [sys.executable, "-c", FLOOR, *files],
        "diffoscope": [diffoscope, *files],
    }


def run(command: list[str]) -> tuple[float, int]:
    """Seconds that a command takes, and bytes that it prints."""
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True)
    seconds = time.perf_counter() - started
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr.decode()}")
    return seconds, len(done.stdout)


def built(folder: Path, *, hatchling: bool) -> list[Path]:
    """The sdist and the wheel of plain ``python -m build``, with the epoch of the commit."""
    root = django_repository(RELEASES[1], folder, hatchling=hatchling)
    subprocess.run(
        [sys.executable, "-m", "build", "--installer", "uv", "--outdir", root / "dist", root],
        env=os.environ | {"SOURCE_DATE_EPOCH": str(EPOCH)},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return sorted((root / "dist").iterdir(), reverse=True)


def measure(pair: tuple[Path, Path], rounds: int) -> None:
    times: dict[str, list[float]] = {}
    printed: dict[str, int] = {}
    for number in range(rounds + 1):
        for name, command in commands(*pair).items():
            seconds, printed[name] = run(command)
            if number:
                times.setdefault(name, []).append(seconds)
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(f"{pair[0].name}, setuptools and hatchling, {rounds} rounds")
    for name, values in times.items():
        print(
            f"  {name:<16} {medians[name]:7.2f}s  (min {min(values):.2f}, max {max(values):.2f})"
            f"  prints {printed[name]:,} bytes"
        )
    ours = medians["samebytes diff"]
    print(f"  diffoscope / samebytes: {medians['diffoscope'] / ours:.1f} (aim: at least 40)")
    print(f"  samebytes / floor:      {ours / medians['floor']:.2f} (aim: at most 2.5)", flush=True)


def contents(size: int, variant: int) -> Iterator[tuple[str, bytes]]:
    """Files of 64 MiB that compress little, the last of which differs between variants."""
    step = 64 * 1024**2
    for number in range(size // step):
        seed = number if (number + 1) * step < size else number + 1000 * variant
        yield f"large-1.0/{number}.bin", random.Random(seed).randbytes(step // 4) * 4


def large_wheel(path: Path, size: int, variant: int) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in contents(size, variant):
            archive.writestr(zipfile.ZipInfo(name, (2020 + variant, 1, 1, 0, 0, 0)), content)
    return path


def large_sdist(path: Path, size: int, variant: int) -> Path:
    with gzip.GzipFile(path, "wb", 1) as file, tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in contents(size, variant):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), variant
            archive.addfile(info, io.BytesIO(content))
    return path


def measure_memory(folder: Path, gib: float) -> None:
    size = int(gib * 1024**3)
    for name, make in (("l-1.0-py3-none-any.whl", large_wheel), ("l-1.0.tar.gz", large_sdist)):
        pair = []
        for variant in range(2):
            (folder / str(variant)).mkdir(exist_ok=True)
            pair.append(make(folder / str(variant) / name, size, variant))
        seconds, peak = peak_of([sys.executable, "-m", "samebytes", "diff", *map(str, pair)])
        print(
            f"{name}, unpacked {size / 1024**2:,.0f} MiB, packed "
            f"{pair[0].stat().st_size / 1024**2:,.0f} MiB: {seconds:.1f} s, "
            f"peak memory {peak / 1024**2:.0f} MiB (aim: less than 200 MB)",
            flush=True,
        )


#: A process counts as its own what its parent had when it was started, so this one has little.
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def peak_of(command: list[str]) -> tuple[float, int]:
    """Seconds and the largest resident size, in bytes, of one process."""
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", PEAK, *command], capture_output=True, check=True)
    return time.perf_counter() - started, int(done.stdout) * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=MEMORY if MEMORY.is_dir() else None)
    parser.add_argument("--large", type=float, default=0, metavar="GIB")
    options = parser.parse_args()
    print(
        f"{platform.python_implementation()} {platform.python_version()}, "
        f"{os.cpu_count()} processors"
    )
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=options.folder) as name:
        folder = Path(name)
        if options.large:
            measure_memory(folder, options.large)
            return
        one, two = (built(folder / str(h), hatchling=h) for h in (False, True))
        for pair in zip(one, two, strict=True):
            measure(pair, options.rounds)


if __name__ == "__main__":
    main()
