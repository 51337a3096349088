"""The right causes for real pairs of Django, and nothing else, in at most forty lines."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from conftest import Command
from django_tree import (
    EPOCH,
    RELEASES,
    django_repository,
    once,
    published_sdist,
    published_wheel,
    rebuilt,
)
from migration import archives
from projects import git
from test_documents import validate

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
    # What setuptools writes within one second has one time, and then its members are not named.
    (r"(?m)(-mtime +TIME → TIME  )(each|django-5\.2\.19(\.dist-info/\S+)?, …)$", r"\1MEMBERS"),
)


@pytest.mark.parametrize(
    ("first", "second"),
    [("setuptools-1", "setuptools-2"), ("setuptools-1", "hatchling"), ("published", "ours")],
)
def test_pairs_of_django(folder: Path, samebytes: Command, first: str, second: str) -> None:
    """Those of the issue: setuptools twice, setuptools and hatchling, published and ours."""
    failed = []
    for one, two in zip(artifacts(first, samebytes), artifacts(second, samebytes), strict=True):
        name = f"diff-{first}-{second}-{'wheel' if one.suffix == '.whl' else 'sdist'}.txt"
        printed = samebytes("diff", one, two, "--json", folder / "diff.json")
        assert printed.status == 1, printed.stderr
        assert len(printed.stdout.splitlines()) <= LINES
        validate(json.loads((folder / "diff.json").read_text()), "diff-1.json")
        failed += list(compared_with_golden(name, masked(printed.stdout)))
    assert failed == []


def artifacts(name: str, samebytes: Command) -> tuple[Path, Path]:
    release = RELEASES[1]
    if name == "published":
        return published_sdist(release), published_wheel(release)
    if name == "ours":
        return archives(rebuilt(release, samebytes)[1])
    return archives(once(f"plain {name}", partial(build, hatchling=name == "hatchling")) / "dist")


def build(folder: Path, *, hatchling: bool) -> None:
    """The sdist and the wheel of plain ``python -m build``, from files that are equally old.

    Without the bulk, which is in what is published, and in ours.
    """
    root = django_repository(RELEASES[1], folder / "tree", hatchling=hatchling, small=True)
    for name in git(root, "ls-files", "-z").split("\0")[:-1]:
        os.utime(root / name, (EPOCH, EPOCH))
    environ = {name: text for name, text in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    subprocess.run(
        [sys.executable, "-m", "build", "--installer", "uv", "--outdir", folder / "dist", root],
        env=environ | {"UV_EXCLUDE_NEWER": AS_OF},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    shutil.rmtree(root)


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
