"""The recipes that may have made a published artifact, the likeliest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from packaging.requirements import Requirement

from samebytes.archive.artifact import Artifact, Form
from samebytes.compare.evidence import Origin
from samebytes.compare.pairing import top_folder
from samebytes.infer.candidate import Candidate, Decision, Stamps
from samebytes.infer.deflate import sdist_deflate, wheel_deflate
from samebytes.infer.generators import Generated, read_generator
from samebytes.infer.metadata import backend_bounds
from samebytes.infer.options import wheel_options
from samebytes.infer.pythons import able_pythons, choose_pythons, tagged_python
from samebytes.infer.stamps import (
    member_times,
    sdist_stamps,
    wheel_stamps,
    wheel_system,
    wheel_umask,
)
from samebytes.infer.styles import styled
from samebytes.infer.system import contradicted, merged, read_build_system
from samebytes.interpreter import Interpreter
from samebytes.recipe import Route

#: Changes when the same artifact may be inferred otherwise than before.
VERSION = 3

#: From when on setuptools can be called as a backend (PEP 517) that leaves the folder alone which
#: it is given (41.0.1): what setup.py made before that is made again with what there was then.
_FIRST_SETUPTOOLS = datetime(2019, 4, 23, tzinfo=UTC)

#: Characters of a generator that is not known.
_SHOWN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a published artifact.

    ``sdist`` is its source, if it is one, else ``commit`` is the time of the revision (seconds) and
    ``texts`` has what the project's pyproject.toml and setup.cfg say there. ``sibling`` is by what
    a wheel of the same release says that it was generated, ``pythons`` are those of this machine.
    """

    published: Artifact
    sdist: Artifact | None
    texts: Mapping[str, str]
    commit: int | None
    uploaded: datetime | None
    sibling: str
    pythons: Sequence[Interpreter]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pins:
    pins: tuple[Requirement, ...]
    decision: Decision


def candidates(known: Known) -> Iterator[Candidate]:
    """Each once. The first takes all evidence at its word; each of the others doubts one part."""
    parts = _Parts(known)
    seen = set()
    for candidate in _ranked(parts):
        if candidate.recipe not in seen:
            seen.add(candidate.recipe)
            yield candidate


def _ranked(parts: _Parts) -> Iterator[Candidate]:
    first = parts.candidate()
    if first is None:
        return
    yield first
    pins: list[_Doubt] = [(each.decision, {"pins": each.pins}) for each in parts.pins[1:]]
    pythons: list[_Doubt] = [(decision, {"python": each}) for each, decision in parts.pythons[1:]]
    stamps: list[_Doubt] = [(decision, {"stamps": each}) for each, decision in parts.stamps[1:]]
    ways, settings = _other_ways(parts, first), _other_settings(parts, first)
    doubts = (*ways, *pins[:1], *pythons[:1], *pins[1:], *settings, *stamps, *pythons[1:])
    for decision, changes in doubts:
        kept = [each for each in first.decisions if each.what != decision.what]
        yield replace(first, decisions=(*kept, decision), **changes)


#: What stands in the place of a decision, and what that changes in the candidate.
_Doubt = tuple[Decision, Mapping[str, Any]]


def _other_ways(parts: _Parts, first: Candidate) -> Iterator[_Doubt]:
    if not parts.is_wheel and parts.system.requires_name("flit-core"):
        decision = Decision("frontend", "flit build", "another try: it packs what git tracks")
        yield decision, {"frontend": "flit"}
    if parts.is_wheel and first.route is Route.TREE:
        decision = Decision("route", "by an sdist of the tree", "another try, as build does it")
        yield decision, {"route": Route.SDIST}


def _other_settings(parts: _Parts, first: Candidate) -> Iterator[_Doubt]:
    if first.options:
        decision = Decision("option", "none", "another try, as the project says itself")
        yield decision, {"options": {}}
    if first.windows:
        decision = Decision("system", "as on Linux", "another try, with this system's line ends")
        yield decision, {"windows": False}
    if parts.known.uploaded is None and first.as_of is not None:
        # Also for an index that does not say when its files were uploaded.
        decision = Decision("requirements", "the newest", "another try, as built long after it")
        yield decision, {"as_of": None}


class _Parts:
    """The choices for each part of a recipe, the likeliest first."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self.origin = Origin(known.published)
        self.is_wheel = known.published.form is Form.WHEEL
        source = Origin(known.sdist) if known.sdist is not None else None
        self.texts = {
            name: source.text(name) if source is not None else known.texts.get(name, "")
            for name in ("pyproject.toml", "setup.cfg")
        }
        self.system = read_build_system(self.texts["pyproject.toml"])
        line = self.origin.generator if self.is_wheel else known.sibling
        self.generated = read_generator(line) if line else None
        self.line = line
        self.pins = tuple(self._pins())
        here = able_pythons(known.pythons, self.pins[0].pins)
        tagged = tagged_python(known.published.path.name) if self.is_wheel else None
        requires = self._requires_python()
        self.pythons = tuple(choose_pythons(here, requires, known.uploaded, tagged))
        self.stamps = tuple(self._stamps())
        self.day, self.day_decision = self._day()

    def candidate(self) -> Candidate | None:
        if not self.pythons:
            return None
        (python, python_decision), (stamps, stamps_decision) = self.pythons[0], self.stamps[0]
        umask, umask_decision = self._umask()
        options, option_decisions = self._options()
        system = self._system()
        recognise = wheel_deflate if self.is_wheel else sdist_deflate
        deflate, deflate_decision = recognise(self.known.published)
        return Candidate(
            python=python,
            pins=self.pins[0].pins,
            as_of=self.day,
            route=Route.SDIST if self.known.sdist is not None else Route.TREE,
            stamps=stamps,
            umask=umask,
            windows=system is not None,
            options=options,
            deflate=deflate,
            written=self._written() if deflate else None,
            decisions=(
                self.pins[0].decision,
                self.day_decision,
                python_decision,
                stamps_decision,
                umask_decision,
                *filter(None, (system, deflate_decision)),
                *option_decisions,
            ),
        )

    def _pins(self) -> Iterator[_Pins]:
        declared = ", ".join(self.system.requires) or "nothing"
        said = Decision("backend", f"what the source requires: {declared}", self._unpinned())
        generated = self.generated
        if generated is not None and self._is_used(generated) and generated.pins:
            yield from self._named_pins(generated)
            said = said._replace(why="another try, without the release that WHEEL names")
        elif not self.is_wheel:
            yield from (
                _Pins(pins=pins, decision=decision)
                for pins, decision in backend_bounds(self.origin, self.system)
            )
        yield _Pins(pins=(), decision=said)

    def _named_pins(self, generated: Generated) -> Iterator[_Pins]:
        """What WHEEL names, with what the style of the metadata adds to it, and without."""
        who = "WHEEL says" if self.is_wheel else "the release's wheel says"
        why = f"{who} Generator: {generated.line}"
        if others := ", ".join(contradicted(self.system.requires, generated.pins)):
            why += f", though the source requires {others}"
        decision = Decision("backend", _listed(generated.pins), why)
        if self.is_wheel:
            added = tuple(styled(self.known.published, generated.generator.name))
            if added:
                pins = merged([*generated.pins, *(pin for pin, _ in added)])
                reasons = "; ".join(dict.fromkeys([why, *(reason for _, reason in added)]))
                yield _Pins(pins=pins, decision=Decision("backend", _listed(pins), reasons))
        yield _Pins(pins=generated.pins, decision=decision)

    def _is_used(self, generated: Generated) -> bool:
        if self.system.is_own:
            return False
        name = generated.generator.distribution
        if name == "wheel":
            return self.system.is_setuptools
        return self.system.requires_name(name)

    def _unpinned(self) -> str:
        if self.system.is_own:
            return "the project is its own backend"
        if not self.line:
            return "no wheel names the release of the backend"
        if self.generated is None:
            return f"{self.line[:_SHOWN]!r} is no backend that is known"
        if self.generated.version is None:
            return f"{self.line!r} names no release"
        name = self.generated.generator.distribution
        if self.system.requires_name(name):
            return f"{self.line!r} is of setuptools, which is not the backend"
        return f"the source does not require {name}"

    def _day(self) -> tuple[datetime | None, Decision]:
        """As of when the requirements are resolved: its upload, or else the commit."""
        day, why = self.known.uploaded, "its upload"
        if day is None:
            day, why = _moment(self.known.commit), "the commit; nothing says when it was uploaded"
        if day is None:
            return None, Decision("requirements", "the newest", "nothing says when it was uploaded")
        if self.system.is_setuptools and day < _FIRST_SETUPTOOLS:
            day, why = (
                _FIRST_SETUPTOOLS,
                f"it is of {day:%Y-%m-%d}, when setuptools was no backend yet",
            )
        return day, Decision("requirements", f"as of {day:%Y-%m-%d %H:%M:%S} UTC", why)

    def _stamps(self) -> Iterator[tuple[Stamps, Decision]]:
        published, commit = self.known.published, self.known.commit
        if self.is_wheel:
            generator = self.generated.generator if self.generated else None
            yield from wheel_stamps(published, self.known.sdist, generator)
        else:
            yield from sdist_stamps(published, commit or 0)

    def _umask(self) -> tuple[int, Decision]:
        if self.is_wheel:
            return wheel_umask(self.known.published)
        return 0o022, Decision("umask", "022", "the usual one")

    def _system(self) -> Decision | None:
        """That it was built on Windows, or from a checkout with the line ends of that system."""
        if self.is_wheel:
            return wheel_system(self.known.published)
        for name, text in self.texts.items():
            published = self.origin.text(name)
            if "\r\n" in published and text and "\r\n" not in text:
                why = f"the lines of {name} end in CRLF, and in the revision they do not"
                return Decision("system", "as on Windows", why)
        return None

    def _written(self) -> int | None:
        """The one time of what is in canonical form, as of samebytes or of the wrapper."""
        if not self.origin.is_canonical:
            return None
        return next(iter(member_times(self.known.published).values()), None)

    def _options(self) -> tuple[Mapping[str, str], tuple[Decision, ...]]:
        if self.is_wheel and self.system.is_setuptools:
            return wheel_options(self.known.published.path.name, self.texts["setup.cfg"])
        return {}, ()

    def _requires_python(self) -> str:
        top = top_folder(self.known.published)
        fields = self.origin.fields(f"{top}/METADATA" if self.is_wheel else "PKG-INFO")
        return fields.get("Requires-Python", "")


def _moment(commit: int | None) -> datetime | None:
    """The time of a commit, which may say any (seconds); None for one that is no date."""
    if commit is None:
        return None
    try:
        return datetime.fromtimestamp(commit, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _listed(pins: Iterable[Requirement]) -> str:
    return ", ".join(map(str, pins))
