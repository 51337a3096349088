"""What a comparison is made of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from samebytes.compare.kinds import KINDS, Kind, Level
from samebytes.digest import Digest


class Verdict(StrEnum):
    """What may be claimed of two artifacts; see docs/explanation/verdicts.md.

    ``unbuildable`` is claimed of a published one that no attempt could build again.
    """

    IDENTICAL = "identical"
    EQUIVALENT = "equivalent"
    DIFFERENT = "different"
    UNBUILDABLE = "unbuildable"


class Where(StrEnum):
    """Which members make two artifacts different."""

    METADATA = "metadata"
    CODE = "code"
    MISSING = "missing members"
    CONTAINER = "container"


class Difference(NamedTuple):
    """One fact in which two artifacts differ, with both values as a person reads them.

    ``member`` is the name in the first artifact, or in the second where the first lacks it; None
    if the fact is about the archive. ``field`` says which of several fields of the kind it is.
    """

    kind: Kind
    member: str | None
    first: str
    second: str
    field: str = ""

    @classmethod
    def of(
        cls, kind: str, member: str | None, first: object, second: object, field: str = "", /
    ) -> Difference:
        return cls(KINDS[kind], member, str(first), str(second), field)

    @property
    def is_content(self) -> bool:
        return self.kind.level is Level.CONTENT


class Line(NamedTuple):
    """A line of a content's difference: ``mark`` is '-', '+', ' ', or '@' for lines left out."""

    mark: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentView:
    """How a member's content differs, for reading; ``omitted`` counts lines that are not shown."""

    member: str
    form: str
    lines: tuple[Line, ...]
    omitted: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A cause that was recognised, by what, and the differences that it explains."""

    cause: str
    title: str
    reason: str
    fix: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two artifacts; ``backend`` is what is known of the program that wrote it."""

    filename: str
    form: str
    format: str
    size: int
    digest: Digest
    members: int | None
    backend: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The verdict on two artifacts and what it rests on.

    ``recompressed`` names the compressor that, given the corrected tar, made the first artifact's
    own stream. ``where`` is empty unless the verdict is ``different``.
    """

    verdict: Verdict
    first: Side
    second: Side
    where: tuple[Where, ...] = ()
    explanations: tuple[Explanation, ...] = ()
    contents: tuple[ContentView, ...] = ()
    recompressed: str | None = None

    @property
    def differences(self) -> tuple[Difference, ...]:
        return tuple(one for each in self.explanations for one in each.differences)
