"""Size and time of the one deflate beside zlib's, on the contents of Django's archives.

    hatch run benchmarks:deflate [--rounds N]

The tar of the published sdist is one stream, each member of the published wheel is one. Each round
compresses all of them by every compressor in turn; the figures are medians of processor time over
the rounds after one that is not counted, and all ratios are to zlib at level 9, of the same run.
``canonical`` is as it is used: taken piece by piece, compressed as a whole, and decompressed again
by zlib to compare; ``libdeflate alone`` is the compression and nothing else.
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import os
import platform
import statistics
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

# This file has the name of the package that it measures, and the tests are beside its folder.
sys.path.remove(str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from django_tree import RELEASES, published_sdist, published_wheel
from samebytes_core.deflate import COMPRESSORS, LEVEL, PACKAGE, VERSION

#: Bytes that a compressor takes at once, as the writers of archives give them.
PIECE = 256 * 1024
REFERENCE = "zlib 9"

Compress = Callable[[bytes], bytes]


def by_pieces(start: Callable[[], Any]) -> Compress:
    def compress(data: bytes) -> bytes:
        compressor = start()
        made = [
            compressor.compress(data[place : place + PIECE]) for place in range(0, len(data), PIECE)
        ]
        return b"".join((*made, compressor.flush()))

    return compress


def zlib_like(module: Any, level: int) -> Compress:
    return by_pieces(lambda: module.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS))


def compressors() -> dict[str, Compress]:
    library = importlib.import_module(PACKAGE)
    found = {
        "zlib 6": zlib_like(zlib, 6),
        REFERENCE: zlib_like(zlib, 9),
        "canonical": by_pieces(COMPRESSORS["canonical"]),
        "libdeflate alone": lambda data: library.deflate_compress(data, LEVEL),
    }
    try:
        zlib_ng = importlib.import_module("zlib_ng.zlib_ng")
    except ImportError:
        print("zlib-ng is not installed", file=sys.stderr)
    else:
        found |= {f"zlib-ng {level}": zlib_like(zlib_ng, level) for level in (6, 9)}
    return found


def contents() -> dict[str, list[bytes]]:
    release = RELEASES[1]
    with gzip.open(published_sdist(release)) as packed:
        tar = packed.read()
    with zipfile.ZipFile(published_wheel(release)) as wheel:
        members = [wheel.read(each) for each in wheel.infolist() if not each.is_dir()]
    return {"tar": [tar], "wheel": members}


def measure(compress: Compress, streams: Sequence[bytes]) -> tuple[int, float]:
    """The bytes of all streams, and the seconds that they took."""
    started = time.process_time()
    size = sum(len(compress(data)) for data in streams)
    return size, time.process_time() - started


def report(
    what: str, streams: Sequence[bytes], rounds: int, compressors: Mapping[str, Compress]
) -> None:
    seconds: dict[str, list[float]] = {}
    sizes: dict[str, int] = {}
    for number in range(rounds + 1):
        for name, compress in compressors.items():
            sizes[name], taken = measure(compress, streams)
            if number:
                seconds.setdefault(name, []).append(taken)
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    plain = sum(map(len, streams))
    print(f"{what}: {len(streams):,} streams of {plain:,} bytes")
    for name, size in sizes.items():
        print(
            f"  {name:<17} {size:>12,} bytes  {size / sizes[REFERENCE]:.4f}"
            f"   {medians[name]:6.2f} s  {medians[name] / medians[REFERENCE]:.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(
        f"Django {RELEASES[1].version}, {platform.python_implementation()} "
        f"{platform.python_version()}, zlib {zlib.ZLIB_RUNTIME_VERSION}, {PACKAGE} {VERSION} at "
        f"level {LEVEL}, {os.cpu_count()} processors; ratios are to {REFERENCE}"
    )
    found = compressors()
    for what, streams in contents().items():
        report(what, streams, options.rounds, found)


if __name__ == "__main__":
    main()
