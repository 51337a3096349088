"""What a migration is held against, found out without the program's own comparison."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable
from email.parser import HeaderParser
from hashlib import sha256
from pathlib import Path
from typing import Any

from conftest import Command
from django_tree import DATE, EPOCH, Release, cloned, django_checkout, keep, once
from projects import git, repository

from samebytes.archive.unpack import unpack_sdist
from samebytes.digest import Digest
from samebytes.index.client import Index
from samebytes.index.settings import IndexSettings
from samebytes.places import cache_folder


def project(release: Release, name: str, root: Path, *, written: Iterable[str] = ()) -> Path:
    """A release's sdist as a repository with its tag; ``written`` are files of an earlier build."""
    import os

    from packaging.utils import canonicalize_name
    from packaging.version import Version

    index = Index(IndexSettings.from_pip(os.environ), cache_folder() / "downloads")
    path = index.sdist(canonicalize_name(name), Version(release.version)).path
    assert Digest.of_file(path) == Digest(release.sha256)
    unpack_sdist(path, root, mtime=EPOCH)
    for folder in [*root.rglob("*.egg-info")]:
        shutil.rmtree(folder)
    for file in ("PKG-INFO", *written):
        (root / file).unlink()
    setup_cfg = root / "setup.cfg"
    kept, _, _ = setup_cfg.read_text().partition("[egg_info]")  # what the build appended
    if kept.strip():
        setup_cfg.write_text(kept)
    else:
        setup_cfg.unlink()
    repository(root, {})
    git(root, "tag", release.version)
    return root


def migrated_checkout(
    release: Release, root: Path, samebytes: Command, *, small: bool = False
) -> tuple[dict[str, Any], tuple[Path, Path]]:
    """A checkout of Django with the kit's migration as its second commit.

    Returns what the migration found, and what ``hatch build`` makes of that commit. ``small``: as
    in django_tree.
    """

    def make(folder: Path) -> None:
        tree = django_checkout(release, folder / "tree", small=small)
        done = samebytes("migrate", "--kit", "django", tree, "--json", folder / "result.json")
        assert done.status == 0, done.stdout + done.stderr
        git(tree, "add", "--all", "--force")
        git(tree, "commit", "--quiet", "--message", "Migrate", date=DATE)
        built(tree, folder / "dist", "hatch", "build", str(folder / "dist"))
        assert git(tree, "status", "--porcelain", "--ignored") == ""
        keep(tree)

    folder = once(f"migrated {release.version}" + " small" * small, make)
    cloned(folder, root)
    return json.loads((folder / "result.json").read_text()), archives(folder / "dist")


def sdist_files(path: Path) -> dict[str, str]:
    """SHA-256 of each file, by its name below the top folder."""
    with tarfile.open(path) as archive:
        return {
            member.name.partition("/")[2]: sha256(archive.extractfile(member).read()).hexdigest()  # type: ignore[union-attr]
            for member in archive
            if member.isfile()
        }


def wheel_files(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as archive:
        return {name: sha256(archive.read(name)).hexdigest() for name in archive.namelist()}


def fields(path: Path) -> list[tuple[str, str]]:
    """The fields of METADATA, sorted, each with its value."""
    with zipfile.ZipFile(path) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        message = HeaderParser().parsestr(archive.read(name).decode())
    return sorted((key, " ".join(value.split())) for key, value in message.items())


def built(root: Path, out: Path, *command: str) -> tuple[Path, Path]:
    """The sdist and the wheel that a frontend builds with the time of the commit."""
    import os

    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=root,
        env={
            **{key: text for key, text in os.environ.items() if not key.startswith("HATCH_")},
            "SOURCE_DATE_EPOCH": str(EPOCH),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return archives(out)


def archives(folder: Path) -> tuple[Path, Path]:
    """The one sdist and the one wheel in a folder."""
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel
