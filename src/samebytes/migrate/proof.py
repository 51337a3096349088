"""Two builds of one revision, compared: what went, what came, and why each was expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from samebytes.compare.model import Comparison, Difference
from samebytes.migrate.expected import Expectation, Pair, expectation


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Differences of one place for one reason; ``mark`` is '-' for what went, '+' for what came,
    '~' for what changed. Without an ``expectation`` it is a finding.
    """

    mark: str
    place: str
    differences: tuple[Difference, ...]
    expectation: Expectation | None

    @property
    def reason(self) -> str:
        return self.expectation.reason if self.expectation else "Nobody expects this."


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One kind of artifact, before and after."""

    comparison: Comparison
    changes: tuple[Change, ...]

    @property
    def unexpected(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.expectation is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The members of an archive that a kit lets go and come, as patterns."""

    gone: tuple[str, ...] = ()
    came: tuple[str, ...] = ()

    def accepts(self, mark: str, place: str) -> bool:
        patterns = {"-": self.gone, "+": self.came}.get(mark, ())
        return any(fnmatchcase(place, pattern) for pattern in patterns)


_ACCEPTED = Expectation(
    id="kit", kinds=("member-only-in-",), applies=lambda _one, _two: True, reason="The kit says so."
)


def prove(
    comparison: Comparison,
    pair: Pair,
    rows: Sequence[Expectation],
    listing: Listing | None = None,
) -> Proof:
    """Sort every difference under the first of the ``rows`` that expects it, the unexpected first.

    A ``listing`` is the last word on what goes and what comes.
    """
    ranks = {row.id: number for number, row in enumerate(rows[1:])}
    groups: dict[tuple[str, str, str], list[tuple[Difference, Expectation | None]]] = {}
    for difference in comparison.differences:
        expected = expectation(rows, difference, pair)
        mark, place = _mark(difference), _place(difference, pair)
        if listing is not None and mark != "~":
            accepted = listing.accepts(mark, place)
            expected = (expected or _ACCEPTED) if accepted else None
        key = (expected.id if expected else "", mark, place)
        groups.setdefault(key, []).append((difference, expected))
    changes = [
        Change(
            mark=mark,
            place=place,
            differences=tuple(difference for difference, _ in found),
            expectation=found[0][1],
        )
        for (_, mark, place), found in groups.items()
    ]
    changes.sort(key=lambda change: _rank(change, ranks))
    return Proof(comparison=comparison, changes=tuple(changes))


def _mark(difference: Difference) -> str:
    return {"member-only-in-first": "-", "member-only-in-second": "+"}.get(difference.kind.id, "~")


def _place(difference: Difference, pair: Pair) -> str:
    """The member; a folder for all of an egg-info; nothing for what is about the archive."""
    if not difference.is_content or difference.member is None:
        return ""
    path = pair.path(difference)
    head, dot, _ = f"{path}/".partition(".egg-info/")
    return f"{head}.egg-info/" if dot else path


def _rank(change: Change, ranks: Mapping[str, int]) -> tuple[int, str, str]:
    """The unexpected first, what the kit or the first row expects last."""
    if change.expectation is None:
        return -1, change.mark, change.place
    return ranks.get(change.expectation.id, len(ranks)), change.mark, change.place
