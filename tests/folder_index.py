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
PKG_INFO = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"


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

    def publish(self, name: str, content: str = CONSTANT, version: str = "1.0") -> list[Path]:
        """The sdist and the wheel of a release; the wheel is built here and now."""
        place = self.root / "simple" / name
        place.mkdir(parents=True, exist_ok=True)
        files = {
            path: text.replace('"small"', f'"{name}"').replace("1.0", version)
            for path, text in own_backend(content).items()
        }
        files["PKG-INFO"] = PKG_INFO.format(name=name, version=version)
        tree = write(self.root / "trees" / f"{name}-{version}", files)
        with tarfile.open(place / f"{name}-{version}.tar.gz", "w:gz") as archive:
            archive.add(tree, tree.name)
        script = f"import backend; backend.build_wheel({os.fspath(place)!r})"
        subprocess.run([sys.executable, "-c", script], cwd=tree, check=True)
        self.list(name)
        found = place.glob(f"*-{version}[.-]*")
        return sorted(found, key=lambda path: path.name.endswith(".whl"))

    def list(self, name: str, yanked: str = "") -> None:
        """Write the page of what lies there; ``yanked`` is a file that was withdrawn."""
        place = self.root / "simple" / name
        names = sorted(path.name for path in place.iterdir() if path.name != "index.html")
        links = (
            f'<a href="{each}"{" data-yanked" if each == yanked else ""}>{each}</a>'
            for each in names
        )
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
