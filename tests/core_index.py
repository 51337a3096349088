"""samebytes-core as it is in this tree, on an index beside the real one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
from django_tree import once
from index_server import entry, running

from samebytes.index.settings import IndexSettings

CORE = Path(__file__).parents[1] / "core"

#: Days after every commit of a test.
UPLOADED = "2026-11-20T00:00:00Z"


def core_wheel() -> Path:
    """Built by itself, once in a run."""

    def make(folder: Path) -> None:
        tree = folder / "tree"
        built = shutil.ignore_patterns("__pycache__", "dist", ".*_cache")
        shutil.copytree(CORE, tree, ignore=built)
        done = subprocess.run(
            [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", folder, tree],
            env={**os.environ, "SOURCE_DATE_EPOCH": "1793782800"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    (wheel,) = once("samebytes-core", make).glob("*.whl")
    return wheel


def with_index(url: str) -> Mapping[str, str]:
    """The environment in which this index is asked first, then those that there are."""
    others = IndexSettings.from_pip(os.environ).urls
    found = {"PIP_INDEX_URL": url, "PIP_EXTRA_INDEX_URL": " ".join(others)}
    if any(name.startswith("UV_") and "INDEX" in name for name in os.environ):
        found["UV_INDEX"] = f"{url} {os.environ.get('UV_INDEX', '')}"
    return found


@pytest.fixture
def core_index() -> Iterator[Mapping[str, str]]:
    """The environment in which samebytes-core can be required."""
    with served_core() as environ:
        yield environ


@contextmanager
def served_core() -> Iterator[Mapping[str, str]]:
    """As long as the block."""
    wheel = core_wheel()
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        metadata = archive.read(name)
    with running() as server:
        server.files[f"/files/{wheel.name}"] = wheel.read_bytes()
        server.files[f"/files/{wheel.name}.metadata"] = metadata
        page = entry(
            wheel.name,
            hashes={"sha256": sha256(wheel.read_bytes()).hexdigest()},
            size=wheel.stat().st_size,
            core_metadata={"sha256": sha256(metadata).hexdigest()},
            upload_time=UPLOADED,
        )
        server.show([page], project="samebytes-core")
        yield with_index(server.url)
