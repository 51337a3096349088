"""Draws the pictures of the commands, as docs/check.svg: what they really print.

hatch run docs:picture
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version
from rich.console import Console
from rich.text import Text

from samebytes.index.client import Index
from samebytes.index.settings import IndexSettings
from samebytes.places import cache_folder

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from conftest import SHARED, Command
from django_tree import RELEASES, django_checkout
from parties import SMALL, party
from projects import repository
from zoo import TWO_FAULTS

FOLDER = Path(__file__).parent
BUILD = ["build", "pypi:django==5.2.19"]
MIGRATE = ["migrate", "--kit", "django"]
CHECK = ["check"]
VERIFY = ["verify", "click==8.1.8", "django==5.2.19"]
STATUS = ["release", "status", "out", "--trusted-keys", "keys", "--threshold", "3"]
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


def tampered_wheel(folder: Path) -> Path:
    """A published wheel with one file more, which Python would run whenever it starts."""
    index = Index(IndexSettings.from_pip(os.environ), cache_folder() / "downloads")
    files = index.release(canonicalize_name("six"), Version("1.17.0"))
    (wheel,) = (index.fetch(file).path for file in files if file.is_wheel)
    target = folder / wheel.name
    target.write_bytes(wheel.read_bytes())
    with zipfile.ZipFile(target, "a") as archive:
        archive.writestr("six_helper.pth", "import six_helper\n")
    return target


def draw_verify(folder: Path) -> None:
    folder.mkdir()
    draw([*VERIFY, tampered_wheel(folder).name], folder, "verify.svg")


def draw_release(folder: Path) -> None:
    """Anna has prepared it, Bert has confirmed it, and CI has not yet."""
    folder.mkdir()
    root = repository(folder / "small", SMALL)
    with party(root, folder, Command(folder), tag="v1.0") as people:
        for done in (people.prepare(), people.confirm(by=people.bert)):
            assert done.status == 0, done.stderr
        draw(STATUS, folder, "release.svg")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ[SHARED] = str(folder)
        draw(BUILD, folder, "terminal.svg")
        checkout = django_checkout(RELEASES[1], folder / "django")
        draw(MIGRATE, checkout, "migrate.svg")
        draw(CHECK, repository(folder / "small", TWO_FAULTS), "check.svg")
        draw_verify(folder / "downloads")
        draw_release(folder / "releases")


if __name__ == "__main__":
    main()
