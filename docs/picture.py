"""Draws docs/terminal.svg, docs/migrate.svg and docs/check.svg: what the commands really print.

hatch run docs:picture
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from django_tree import RELEASES, django_checkout
from projects import repository
from zoo import TWO_FAULTS

FOLDER = Path(__file__).parent
BUILD = ["build", "pypi:django==5.2.19"]
MIGRATE = ["migrate", "--kit", "django"]
CHECK = ["check"]
WIDTH = 130


def printed(arguments: list[str], folder: Path) -> str:
    """Both streams of the command in the order in which they were printed."""
    environ = os.environ | {"FORCE_COLOR": "1", "COLUMNS": str(WIDTH)}
    done = subprocess.run(
        [sys.executable, "-m", "samebytes", *arguments],
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode < 2, done.stdout
    text = done.stdout.replace(sys.executable, "/usr/bin/python3")
    return text.replace(str(folder), f"~/{folder.name}")


def draw(arguments: list[str], folder: Path, name: str) -> None:
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    text = printed(arguments, folder)
    console.print(Text.assemble(("$ ", "bold green"), f"samebytes {' '.join(arguments)}"))
    console.print(Text.from_ansi(text))
    console.save_svg(str(FOLDER / name), title="samebytes", unique_id=name.partition(".")[0])


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw(BUILD, folder, "terminal.svg")
        checkout = django_checkout(RELEASES[1], folder / "django")
        draw(MIGRATE, checkout, "migrate.svg")
        draw(CHECK, repository(folder / "small", TWO_FAULTS), "check.svg")


if __name__ == "__main__":
    main()
