"""An index that is a folder, with small projects that are their own backends."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest
from conftest import Command, Result
from projects import own_backend, write

#: Its wheels are the same bytes each time.
CONSTANT = """\
time.localtime = lambda *_: (2020, 1, 1, 0, 0, 0, 2, 1, 0)
def content(): return 'same'
"""
PKG_INFO = "Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"


@dataclass(frozen=True)
class FolderIndex:
    root: Path
    samebytes: Command

    @property
    def environ(self) -> dict[str, str]:
        return {
            "PIP_INDEX_URL": (self.root / "simple").as_uri(),
            "PIP_CONFIG_FILE": os.devnull,
            "SAMEBYTES_STORE": str(self.store),
            "SAMEBYTES_CACHE": str(self.root / "cache"),
        }

    @property
    def store(self) -> Path:
        return self.root / "audit.sqlite"

    def audit(self, *arguments: str | Path) -> Result:
        return self.samebytes("audit", *arguments, cwd=self.root, env=self.environ)

    def publish(self, name: str, content: str = CONSTANT) -> list[Path]:
        """The sdist and the wheel of NAME 1.0; the wheel is built here and now."""
        place = self.root / "simple" / name
        place.mkdir(parents=True)
        files = {
            path: text.replace('"small"', f'"{name}"')
            for path, text in own_backend(content).items()
        }
        files["PKG-INFO"] = PKG_INFO.format(name=name)
        tree = write(self.root / "trees" / f"{name}-1.0", files)
        with tarfile.open(place / f"{name}-1.0.tar.gz", "w:gz") as archive:
            archive.add(tree, tree.name)
        script = f"import backend; backend.build_wheel({os.fspath(place)!r})"
        subprocess.run([sys.executable, "-c", script], cwd=tree, check=True)
        self.list(name)
        return sorted(place.glob("*-1.0*"), key=lambda path: path.name.endswith(".whl"))

    def list(self, name: str) -> None:
        """Write the page of what lies there."""
        place = self.root / "simple" / name
        names = sorted(path.name for path in place.iterdir() if path.name != "index.html")
        links = (f'<a href="{each}">{each}</a>' for each in names)
        (place / "index.html").write_text("<!doctype html>" + "".join(links))

    def lock(self, *lines: str) -> Path:
        path = self.root / "requirements.txt"
        path.write_text("".join(f"{line}\n" for line in lines))
        return path


def hashed(path: Path) -> str:
    """As an option in a requirements file."""
    return f"--hash=sha256:{sha256(path.read_bytes()).hexdigest()}"


@pytest.fixture
def folder_index(folder: Path, samebytes: Command) -> FolderIndex:
    return FolderIndex(folder, samebytes)
