"""How long a whole migration of Django takes, with its proof, beside one ``python -m build``.

    hatch run benchmarks:migrate [--rounds N] [--folder DIR]

Both work on the same checkout on setuptools. ``samebytes migrate --dry-run --kit django`` builds it
by setuptools, by hatchling twice, and compares; ``python -m build`` builds it by setuptools once.
Each round runs both, alternating; the figures are medians of wall time over the rounds after one
that is not counted, which fills the caches of pip and uv.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from side_by_side import MEMORY, print_ratio

from django_tree import RELEASES, django_checkout  # isort: skip


def commands(root: Path, out: Path) -> dict[str, list[str]]:
    return {
        "samebytes migrate": [
            *(sys.executable, "-m", "samebytes", "migrate", "--dry-run", "--quiet"),
            *("--kit", "django", "--workspace", str(root.parent), str(root)),
        ],
        "python -m build": [sys.executable, "-m", "build", "--outdir", str(out), str(root)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=MEMORY if MEMORY.is_dir() else None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=options.folder) as name:
        folder = Path(name)
        root = django_checkout(RELEASES[1], folder / "django")
        print_ratio(commands(root, folder / "dist"), root, options.rounds, aim=1.5)


if __name__ == "__main__":
    main()
