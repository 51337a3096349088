"""The tables of what is inferred, in docs/explanation/inference.md, are those of the code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from packaging.specifiers import SpecifierSet

from samebytes.infer.generators import GENERATORS, Generator
from samebytes.infer.metadata import _WRITTEN
from samebytes.infer.styles import _STYLES
from samebytes.verify.means import Effort

PAGE = Path(__file__).parents[1] / "docs/explanation/inference.md"


def table(*heads: str) -> Iterator[tuple[str, ...]]:
    """The rows of the table with these heads; code without its marks."""
    _, found, rest = PAGE.read_text().partition(f"| {' | '.join(heads)} |\n")
    assert found, heads
    for line in rest.splitlines()[1:]:
        if not line.startswith("|"):
            return
        yield tuple(cell.strip().replace("`", "") for cell in line.strip("|").split("|"))


def described(generator: Generator) -> tuple[str, str, str]:
    installed = ", ".join([f"{generator.distribution} of that release", *generator.besides])
    if generator.untold is None:
        return generator.name, installed, "of the files or the build"
    day = datetime.fromtimestamp(generator.untold, UTC)
    return generator.name, installed, f"{day:%Y-%m-%d}"


def test_generators() -> None:
    rows = table("generator", "what is installed", "the time it writes when told none")
    assert [*rows] == [described(each) for each in GENERATORS.values()]


def test_styles() -> None:
    assert [*table("generator", "what is added", "because")] == [
        (name, style.requirement, style.why) for name, styles in _STYLES.items() for style in styles
    ]


def test_metadata_versions() -> None:
    rows = table("backend", "Metadata-Version", "releases")
    found = [(name, version, SpecifierSet(releases)) for name, version, releases in rows]
    assert found == [
        (name, version, SpecifierSet(releases))
        for name, written in _WRITTEN.items()
        for version, releases in written.items()
    ]


def test_attempts() -> None:
    (number,) = re.findall(r"At most (\d+) are tried", PAGE.read_text())
    assert int(number) == Effort().attempts
