"""Small projects and the repositories they live in."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

DATE = "2026-11-03T12:00:01Z"
EPOCH = 1793707201


def _project(requirement: str, backend: str) -> dict[str, str]:
    return {
        "pyproject.toml": f"""\
[build-system]
requires = ["{requirement}"]
build-backend = "{backend}"

[project]
name = "small"
version = "1.0"
requires-python = ">=3.8"
""",
        "src/small/__init__.py": "VALUE = 1\n",
        "src/small/data.txt": "data\n",
    }


HATCHLING: Mapping[str, str] = _project("hatchling", "hatchling.build")
SETUPTOOLS: Mapping[str, str] = _project("setuptools>=77", "setuptools.build_meta") | {
    "MANIFEST.in": "graft src\n"
}

#: A backend in the project's own tree, so that it needs nothing from the index. What it does to
#: the files is in ``content()``.
OWN_BACKEND = """\
import io, os, tarfile, time, zipfile

NAME, VERSION = "small", "1.0"
{content}

def get_requires_for_build_wheel(settings=None):
    return []

def build_sdist(folder, settings=None):
    with tarfile.open(os.path.join(folder, f"{{NAME}}-{{VERSION}}.tar.gz"), "w:gz") as archive:
        for name in ("pyproject.toml", "backend.py"):
            archive.add(name, f"{{NAME}}-{{VERSION}}/{{name}}")
        info = tarfile.TarInfo(f"{{NAME}}-{{VERSION}}/PKG-INFO")
        archive.addfile(info, io.BytesIO(b""))
    return f"{{NAME}}-{{VERSION}}.tar.gz"

def build_wheel(folder, settings=None, metadata=None):
    name = f"{{NAME}}-{{VERSION}}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as archive:
        archive.writestr(f"{{NAME}}.py", content())
        archive.writestr(f"{{NAME}}-{{VERSION}}.dist-info/RECORD", "")
    return name
"""

OWN_PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


def own_backend(content: str = "def content(): return 'same'") -> dict[str, str]:
    """A project that is its own backend; ``content`` defines what its wheel holds."""
    return {
        "pyproject.toml": OWN_PYPROJECT,
        "backend.py": OWN_BACKEND.format(content=content),
    }


def write(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def git(root: Path, *arguments: str, date: str = DATE, env: Mapping[str, str] | None = None) -> str:
    """Run git in ``root`` without any of the user's configuration; ``env`` is added to ours."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environ |= {
        "GIT_AUTHOR_DATE": date,
        "GIT_COMMITTER_DATE": date,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        **(env or {}),
    }
    command = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.org"]
    command += ["-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always"]
    command += ["-c", "gc.auto=0", "-c", "maintenance.auto=false"]
    done = subprocess.run(
        [*command, "-C", str(root), *arguments], env=environ, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def repository(root: Path, files: Mapping[str, str], *, date: str = DATE) -> Path:
    """A repository with one commit that holds ``files``."""
    root.mkdir(parents=True, exist_ok=True)
    write(root, files)
    git(root, "init", "--quiet")
    commit(root, date=date)
    return root


def commit(root: Path, *, date: str = DATE) -> str:
    """Commit everything, ignored files too; returns the hash."""
    git(root, "add", "--all", "--force", date=date)
    git(root, "commit", "--quiet", "--allow-empty", "--message", "A commit", date=date)
    return git(root, "rev-parse", "HEAD")
