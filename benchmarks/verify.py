"""How long the verification of the public set takes, beside the loop that a user would write.

    hatch run benchmarks:verify [--rounds N] [--first N] [--folder DIR]

The set is that of ``tests/test_verify_public.py``: 20 releases. ``samebytes verify`` gets them all
in one command. The loop, for each: ``pip download`` of the wheel and of the sdist, unpack,
``python -m build --wheel``, compare the bytes. Cold: all caches (pip's, uv's and our own) are empty
folders; warm: as they were left. Each round runs both, alternating, on the same machine.
"""

from __future__ import annotations

import argparse
import filecmp
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from side_by_side import MEMORY

from test_verify_public import RELEASES  # isort: skip


def environ(caches: Path, folder: Path) -> dict[str, str]:
    """The user's environment with caches of its own."""
    return os.environ | {
        "PIP_CACHE_DIR": str(caches / "pip"),
        "SAMEBYTES_CACHE": str(caches / "samebytes"),
        "SAMEBYTES_WORKSPACE": str(folder),
        "TMPDIR": str(folder),
        "UV_CACHE_DIR": str(caches / "uv"),
    }


def run(command: Sequence[str], caches: Path, folder: Path) -> None:
    done = subprocess.run(command, env=environ(caches, folder), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")


def verify(releases: Sequence[str], caches: Path, folder: Path) -> int:
    """How many are verified."""
    run([sys.executable, "-m", "samebytes", "verify", *releases, "--quiet"], caches, folder)
    return len(releases)


def loop(releases: Sequence[str], caches: Path, folder: Path) -> int:
    """How many wheels are the same bytes."""
    return sum(by_hand(release, caches, folder / release) for release in releases)


def by_hand(release: str, caches: Path, folder: Path) -> bool:
    folder.mkdir()
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    run([*pip, "--only-binary", ":all:", release], caches, folder)
    run([*pip, "--no-binary", ":all:", release], caches, folder)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "tree", filter="data")
    (tree,) = (folder / "tree").iterdir()
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder / "built")]
    run([*build, str(tree)], caches, folder)
    (built,) = (folder / "built").iterdir()
    return built.name == wheel.name and filecmp.cmp(built, wheel, shallow=False)


Way = Callable[[Sequence[str], Path, Path], int]
WAYS: dict[str, Way] = {"samebytes verify": verify, "the loop": loop}


def timed(way: str, releases: Sequence[str], caches: Path, base: Path | None) -> tuple[float, int]:
    with tempfile.TemporaryDirectory(dir=base) as folder:
        started = time.perf_counter()
        count = WAYS[way](releases, caches, Path(folder))
        return time.perf_counter() - started, count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=MEMORY if MEMORY.is_dir() else None)
    parser.add_argument("--first", type=int, default=len(RELEASES), help="how many releases")
    options = parser.parse_args()
    releases = list(RELEASES)[: options.first]
    print(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores")
    seconds: dict[tuple[str, str], list[float]] = {}
    for _ in range(options.rounds):
        caches = {way: Path(tempfile.mkdtemp(dir=options.folder)) for way in WAYS}
        for state in ("cold", "warm"):
            for way in WAYS:
                taken, count = timed(way, releases, caches[way], options.folder)
                seconds.setdefault((state, way), []).append(taken)
                print(f"{state} {way:<18} {taken:7.2f} s, {count} of {len(releases)}", flush=True)
        for folder in caches.values():
            shutil.rmtree(folder)
    for state, aim in (("cold", 1), ("warm", 3)):
        ours, theirs = (statistics.median(seconds[state, way]) for way in WAYS)
        print(f"{state}: {theirs:.2f} / {ours:.2f} = {theirs / ours:.2f} times (aim {aim})")


if __name__ == "__main__":
    main()
