"""Draws docs/terminal.svg: what ``samebytes build`` really prints.

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

COMMAND = ["build", "pypi:django==5.2.19"]
TARGET = Path(__file__).with_name("terminal.svg")


def printed(folder: str) -> str:
    """Both streams of the command in the order in which they were printed."""
    environ = os.environ | {"FORCE_COLOR": "1", "COLUMNS": "110"}
    done = subprocess.run(
        [sys.executable, "-m", "samebytes", *COMMAND],
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    return done.stdout.replace(sys.executable, "/usr/bin/python3")


def main() -> None:
    console = Console(record=True, width=110, file=io.StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory() as folder:
        text = printed(folder)
    console.print(Text.assemble(("$ ", "bold green"), f"samebytes {' '.join(COMMAND)}"))
    console.print(Text.from_ansi(text))
    console.save_svg(str(TARGET), title="samebytes", unique_id="samebytes")


if __name__ == "__main__":
    main()
