"""Which variations make which symptoms: found by building with ever fewer of them.

A symptom is anything that a build under variations shows and a plain one does not. Halving takes
about log2(n) builds for n variations; QuickXplain (Junker 2004) finds those that show nothing
alone, but together.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Symptom = TypeVar("Symptom", bound=Hashable)
Varied = frozenset[str]


@dataclass(frozen=True, slots=True)
class Blame(Generic[Symptom]):
    """By set of variations, in the order found, what they make; by none, what chance makes."""

    culprits: dict[Varied, frozenset[Symptom]] = field(default_factory=dict)

    @property
    def chance(self) -> frozenset[Symptom]:
        return self.culprits.get(frozenset(), frozenset())


def find_blame(
    tried: Sequence[str],
    show: Callable[[Varied], frozenset[Symptom]],
    suspects: Callable[[Symptom, Varied], str | None] = lambda _symptom, _varied: None,
) -> Blame[Symptom]:
    """Blame for all that ``show`` gives for the variations ``tried``, and for those left without
    the ones that are to blame, until nothing is left to explain.

    ``show`` builds, and may be asked the same again; for no variation it is a second plain build.
    ``suspects`` says of a symptom of a build which variation to try first.
    """
    search = _Search(show, suspects, Blame())
    left = list(tried)
    while left and (unexplained := search.unexplained(frozenset(left))):
        for symptom in unexplained:
            if symptom not in search.explained:
                search.explain(symptom, left)
        found = {min(culprit) for culprit in search.blame.culprits if culprit}
        if not found & set(left):
            break
        left = [each for each in left if each not in found]
    return search.blame


@dataclass(slots=True)
class _Search(Generic[Symptom]):
    show: Callable[[Varied], frozenset[Symptom]]
    suspects: Callable[[Symptom, Varied], str | None]
    blame: Blame[Symptom]
    explained: set[Symptom] = field(default_factory=set)

    def unexplained(self, varied: Varied) -> list[Symptom]:
        """What they show beyond chance; ``explained`` is of this set of variations."""
        self.explained = set(self.blame.chance)
        return sorted(self.show(varied) - self.blame.chance, key=str)

    def explain(self, symptom: Symptom, left: Sequence[str]) -> None:
        culprit, was_absent = self._suspected(symptom, left) or self._halved(symptom, left)
        if not was_absent and symptom in self._chance():
            return
        if symptom not in self.show(frozenset([culprit])):
            if symptom in self._chance():
                return
            together = frozenset(self._together(symptom, tuple(left), ()))
        else:
            together = frozenset([culprit])
        shown = self.show(together) - self.blame.chance
        if symptom not in shown:  # what they make, they do not make every time
            shown = frozenset([symptom])
            together = frozenset()
        self.blame.culprits[together] = self.blame.culprits.get(together, frozenset()) | shown
        self.explained |= shown

    def _suspected(self, symptom: Symptom, left: Sequence[str]) -> tuple[str, bool] | None:
        found = self.suspects(symptom, frozenset(left))
        if found is not None and found in left and symptom in self.show(frozenset([found])):
            return found, False
        return None

    def _halved(self, symptom: Symptom, left: Sequence[str]) -> tuple[str, bool]:
        """The only one that can be to blame, if it is one alone; and whether it was ever absent."""
        rest, was_absent = list(left), False
        while len(rest) > 1:
            half = rest[: (len(rest) + 1) // 2]
            if symptom in self.show(frozenset(half)):
                rest = half
            else:
                rest, was_absent = rest[len(half) :], True
        return rest[0], was_absent

    def _chance(self) -> frozenset[Symptom]:
        """What another plain build shows."""
        if (found := self.show(frozenset())) or frozenset() in self.blame.culprits:
            self.blame.culprits[frozenset()] = self.blame.chance | found
        self.explained |= found
        return found

    def _together(
        self, symptom: Symptom, among: tuple[str, ...], kept: tuple[str, ...]
    ) -> tuple[str, ...]:
        """A least part of ``among`` that, with ``kept``, shows the symptom."""
        if len(among) == 1:
            return among
        middle = len(among) // 2
        first, second = among[:middle], among[middle:]
        for half in (first, second):
            if symptom in self.show(frozenset((*half, *kept))):
                return self._together(symptom, half, kept)
        needed = self._together(symptom, first, (*kept, *second))
        return (*needed, *self._together(symptom, second, (*kept, *needed)))
