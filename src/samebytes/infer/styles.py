"""What the spelling of a wheel's metadata says of the setuptools, or wheel, that wrote it.

The releases were found by building one project with the first release of every minor version.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from email.message import Message
from typing import NamedTuple

from packaging.requirements import Requirement

from samebytes.archive.artifact import Artifact
from samebytes.compare.evidence import Origin
from samebytes.compare.pairing import top_folder

#: Of the text of a Requires-Dist, from its beginning.
_PARENTHESES = re.compile(r"[^;(]+ \(")
_SPACE = re.compile(r"[^;( ]+ [<>=!~]")


class _Wheel(NamedTuple):
    """``fields`` are those of METADATA, of which ``metadata`` is the whole text."""

    fields: Message
    metadata: str
    entry_points: str
    has_license: bool


class _Style(NamedTuple):
    """``requirement`` is what writes so; ``why`` is how that looks."""

    requirement: str
    why: str
    is_seen: Callable[[_Wheel], object]


def _requires_so(wheel: _Wheel, spelling: re.Pattern[str]) -> bool:
    return any(spelling.match(text) for text in wheel.fields.get_all("Requires-Dist", []))


#: By what WHEEL names: the other of the two, whose release WHEEL does not tell.
_STYLES = {
    "bdist_wheel": (
        _Style(
            "setuptools<57",
            "METADATA has no License-File, though there is a license",
            lambda wheel: wheel.has_license and "License-File" not in wheel.fields,
        ),
        _Style(
            "setuptools<60.9",
            "entry_points.txt ends in an empty line",
            lambda wheel: wheel.entry_points.endswith("\n\n"),
        ),
        _Style(
            "setuptools<62.2",
            "METADATA has Platform: UNKNOWN",
            lambda wheel: "UNKNOWN" in wheel.fields.get_all("Platform", []),
        ),
        _Style(
            "setuptools<62.2",
            "METADATA ends in empty lines",
            lambda wheel: wheel.metadata.endswith("\n\n\n"),
        ),
    ),
    "setuptools": (
        _Style(
            "wheel<=0.41",
            "METADATA has requirements in parentheses",
            lambda wheel: _requires_so(wheel, _PARENTHESES),
        ),
        _Style(
            "wheel>=0.42,<0.44",
            "METADATA has requirements with spaces",
            lambda wheel: _requires_so(wheel, _SPACE),
        ),
    ),
}


def styled(wheel: Artifact, generator: str) -> Iterator[tuple[Requirement, str]]:
    """Requirements that the style of the metadata adds, and how it looks.

    ``generator`` is the name in WHEEL.
    """
    origin, top = Origin(wheel), top_folder(wheel)
    folder = f"{top}/"
    seen = _Wheel(
        fields=origin.fields(f"{folder}METADATA"),
        metadata=origin.text(f"{folder}METADATA").replace("\r\n", "\n"),
        entry_points=origin.text(f"{folder}entry_points.txt").replace("\r\n", "\n"),
        has_license=any(
            member.name.startswith((f"{folder}LICEN", f"{folder}licenses/"))
            for member in wheel.members
        ),
    )
    for style in _STYLES.get(generator, ()):
        if style.is_seen(seen):
            yield Requirement(style.requirement), style.why
