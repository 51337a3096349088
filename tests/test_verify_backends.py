"""Releases as their authors make them, by plain frontends, against the revision."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import Command
from projects import git, repository
from uv import find_uv_bin

pytestmark = pytest.mark.slow

BUILD = (sys.executable, "-m", "build", "--outdir", "dist")
FLIT = (
    *(find_uv_bin(), "run", "--quiet", "--no-project", "--no-config", "--python", sys.executable),
    *("--with", "flit==3.9.0", "--with", "flit-core==3.9.0", "flit", "build"),
)
#: Requirement, backend, frontend, and the verdicts on sdist and wheel.
WAYS = {
    "hatchling": ("hatchling", "hatchling.build", BUILD, "identical", "identical"),
    "poetry": ("poetry-core", "poetry.core.masonry.api", BUILD, "identical", "identical"),
    "setuptools": ("setuptools", "setuptools.build_meta", BUILD, "equivalent", "equivalent"),
    "flit": ("flit_core<3.10", "flit_core.buildapi", FLIT, "equivalent", "equivalent"),
}


def released(root: Path, frontend: Sequence[str]) -> list[Path]:
    """The sdist and the wheel that a frontend puts into dist."""
    environ = {key: text for key, text in os.environ.items() if key != "SOURCE_DATE_EPOCH"}
    subprocess.run(frontend, cwd=root, env=environ, check=True, capture_output=True)
    return [next((root / "dist").glob("*.tar.gz")), next((root / "dist").glob("*.whl"))]


def project(folder: Path, requirement: str, backend: str) -> Path:
    pyproject = f"""\
[build-system]
requires = ["{requirement}"]
build-backend = "{backend}"

[project]
name = "small"
version = "1.0"
description = "Small."
readme = "README.md"
"""
    files = {
        "pyproject.toml": pyproject,
        "README.md": "# Small\n\nText.\n",
        "docs/index.rst": "Small\n=====\n",
        "src/small/__init__.py": '"""Small."""\n\n__version__ = "1.0"\n',
    }
    root = repository(folder, files)
    git(root, "tag", "v1.0")
    return root


@pytest.mark.parametrize("way", WAYS)
def test_by_the_revision_alone(samebytes: Command, tmp_path: Path, way: str) -> None:
    requirement, backend, frontend, *verdicts = WAYS[way]
    root = project(tmp_path / way, requirement, backend)
    files = released(root, frontend)
    done = samebytes("verify", *files, "--source", root, "--json", "-")
    results = json.loads(done.stdout)["results"]
    assert [result["verdict"] for result in results] == verdicts, done.stdout
    if way == "flit":
        assert results[0]["attempts"] == 2
        assert "flit build" in [each["value"] for each in results[0]["evidence"]]


def test_a_checkout_with_other_line_ends(samebytes: Command, tmp_path: Path) -> None:
    root = project(tmp_path / "project", "hatchling", "hatchling.build")
    other = tmp_path / "windows"
    git(tmp_path, "clone", "--quiet", "--config", "core.autocrlf=true", str(root), str(other))
    sdist, _ = released(other, BUILD)
    done = samebytes("verify", sdist, "--source", root, "--json", "-")
    (result,) = json.loads(done.stdout)["results"]
    assert result["verdict"] == "identical", done.stdout
    assert "as on Windows" in [each["value"] for each in result["evidence"]]
