"""Which variations make which symptoms: found by building with ever fewer of them.

A symptom is anything that a build under variations shows and a plain one does not. Halving takes
about log2(n) builds for n variations; QuickXplain (Junker 2004) finds those that show nothing
alone, but together.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

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
    again: Callable[[Varied], frozenset[Symptom]],
    suspects: Callable[[Symptom, Varied], str | None] = lambda _symptom, _varied: None,
) -> Blame[Symptom]:
    """Blame for all that ``show`` gives for the variations ``tried``, and for those left without
    the ones that are to blame, until nothing is left to explain.

    ``show`` builds, unless it has built the same before; for no variation, a second plain build.
    ``again`` builds in any case.
    ``suspects`` says of a symptom of a build which variation to try first.
    """
    search = _Search(show, again, suspects, Blame())
    left = list(tried)
    while unexplained := search.unexplained(frozenset(left)):
        for symptom in unexplained:
            if symptom not in search.explained:
                search.explain(symptom, left)
        found = {min(culprit) for culprit in search.blame.culprits if culprit}
        if not found & set(left):
            break
        left = [each for each in left if each not in found]
    return search.blame


class _Found(NamedTuple):
    """Who is probably to blame; unsure, if builds disagreed and it was not built again since."""

    culprit: str
    is_unsure: bool = False


@dataclass(slots=True)
class _Search(Generic[Symptom]):
    show: Callable[[Varied], frozenset[Symptom]]
    again: Callable[[Varied], frozenset[Symptom]]
    suspects: Callable[[Symptom, Varied], str | None]
    blame: Blame[Symptom]
    explained: set[Symptom] = field(default_factory=set)

    def unexplained(self, varied: Varied) -> list[Symptom]:
        """What they show beyond chance; ``explained`` is of this set of variations.

        What shows although the one that was blamed for it is left out may be chance.
        """
        blamed = frozenset[Symptom]().union(*self.blame.culprits.values())
        if not varied or self.show(varied) & (blamed - self.blame.chance):
            self._chance()
        self.explained = set(self.blame.chance)
        return sorted(self.show(varied) - self.blame.chance, key=str)

    def explain(self, symptom: Symptom, left: Sequence[str]) -> None:
        """Find what makes a symptom; nothing is blamed for what does not show a second time."""
        found = self._suspected(symptom, left) or self._halved(symptom, left)
        together = frozenset([found.culprit])
        if symptom not in self.show(together):
            if symptom in self._chance() or symptom not in self.again(frozenset(left)):
                together = frozenset()
            else:
                together = frozenset(self._together(symptom, tuple(left), ()))
        elif found.is_unsure and symptom not in self.again(together):
            together = frozenset()
        shown = self.show(together) - self.blame.chance if together else frozenset([symptom])
        self._put_down(together, shown)

    def _put_down(self, varied: Varied, symptoms: frozenset[Symptom]) -> None:
        self.blame.culprits[varied] = self.blame.culprits.get(varied, frozenset()) | symptoms
        self.explained |= symptoms

    def _suspected(self, symptom: Symptom, left: Sequence[str]) -> _Found | None:
        name = self.suspects(symptom, frozenset(left))
        if name is not None and name in left and symptom in self.show(frozenset([name])):
            return _Found(name)
        return None

    def _halved(self, symptom: Symptom, left: Sequence[str]) -> _Found:
        """The only one that can be to blame, if it is one alone."""
        rest, absent = list(left), []
        while len(rest) > 1:
            half = rest[: (len(rest) + 1) // 2]
            absent.append(symptom not in self.show(frozenset(half)))
            rest = rest[len(half) :] if absent[-1] else half
        return _Found(rest[0], any(absent) and not absent[-1])

    def _chance(self) -> frozenset[Symptom]:
        """What another plain build shows; one for all symptoms."""
        if found := self.show(frozenset()):
            for varied in [each for each in self.blame.culprits if each]:
                if rest := self.blame.culprits[varied] - found:
                    self.blame.culprits[varied] = rest
                else:
                    del self.blame.culprits[varied]
            self._put_down(frozenset(), found)
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
