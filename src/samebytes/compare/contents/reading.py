"""What each of the readers of contents returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from samebytes.compare.model import Line


class Finding(NamedTuple):
    """A difference between two contents: the id of its kind, both values, and which field."""

    kind: str
    first: str
    second: str
    field: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much is shown: unchanged lines around a change, and lines in all."""

    context: int = 3
    lines: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Findings and the view of them; no findings: the reader does not know how they differ."""

    findings: list[Finding] = field(default_factory=list)
    form: str = "text"
    lines: list[Line] = field(default_factory=list)
