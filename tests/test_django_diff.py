"""The right causes for real pairs of Django, and nothing else, in at most forty lines."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Command
from django_tree import RELEASES, django_repository, published_sdist
from packaging.utils import canonicalize_name
from packaging.version import Version
from test_documents import validate

from samebytes.index.client import Index
from samebytes.index.settings import IndexSettings
from samebytes.report.text import LINES

pytestmark = pytest.mark.slow
GOLDEN = Path(__file__).parent / "golden"

#: So that a backend released tomorrow does not change what is expected here.
AS_OF = "2026-11-20T00:00:00Z"
_CHANGING = (
    (r"\b[0-9a-f]{64}\b", "DIGEST"),
    (r"sha256=[\w-]+…?", "sha256=DIGEST"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME"),
    (r"[\d,]+ bytes\b", "N bytes"),
    (r"\b[\d,]+ different times", "N different times"),
    (r"zlib [\d.]+", "zlib VERSION"),
    (r" \.\d+\b", " FRACTION"),
    (r"[\w-]+:[\w-]+ \(\d+:\d+\)", "OWNER"),
)


def test_pairs_of_django(folder: Path, samebytes: Command) -> None:
    """Those of the issue: setuptools twice, setuptools and hatchling, published and ours."""
    built = {
        "setuptools-1": build(folder / "one", hatchling=False),
        "setuptools-2": build(folder / "two", hatchling=False),
        "hatchling": build(folder / "three", hatchling=True),
    }
    built["published"] = [published_sdist(RELEASES[1]), published_wheel(folder)]
    done = samebytes("build", "pypi:django==5.2.19", "-o", folder / "ours", "--as-of", AS_OF)
    assert done.status == 0, done.stderr
    built["ours"] = [folder / "ours" / name for name in done.digests]
    failed = []
    for first, second in (
        ("setuptools-1", "setuptools-2"),
        ("setuptools-1", "hatchling"),
        ("published", "ours"),
    ):
        for one, two in zip(built[first], built[second], strict=True):
            name = f"diff-{first}-{second}-{'wheel' if one.suffix == '.whl' else 'sdist'}.txt"
            printed = samebytes("diff", one, two, "--json", folder / "diff.json")
            assert printed.status == 1, printed.stderr
            assert len(printed.stdout.splitlines()) <= LINES
            validate(json.loads((folder / "diff.json").read_text()), "diff-1.json")
            failed += list(compared_with_golden(name, masked(printed.stdout)))
    assert failed == []


def published_wheel(folder: Path) -> Path:
    name = f"django-{RELEASES[1].version}-py3-none-any.whl"
    index = Index(IndexSettings.from_pip(os.environ), folder / "cache")
    files = index.release(canonicalize_name("django"), Version(RELEASES[1].version))
    return index.fetch(next(file for file in files if file.filename == name)).path


def build(root: Path, *, hatchling: bool) -> list[Path]:
    """The sdist and the wheel of plain ``python -m build``."""
    django_repository(RELEASES[1], root, hatchling=hatchling)
    environ = {name: text for name, text in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    subprocess.run(
        [sys.executable, "-m", "build", "--installer", "uv", "--outdir", root / "dist", root],
        env=environ | {"UV_EXCLUDE_NEWER": AS_OF},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return sorted((root / "dist").iterdir(), reverse=True)


def masked(text: str) -> str:
    for pattern, mask in _CHANGING:
        text = re.sub(pattern, mask, text)
    return text


def compared_with_golden(name: str, text: str) -> Iterator[str]:
    """The names of golden files that are not so; written anew if UPDATE_GOLDEN is set."""
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    if path.read_text() != text:
        yield f"{name}:\n{text}"
