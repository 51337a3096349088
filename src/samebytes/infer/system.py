"""What a source says about how it is built: ``[build-system]`` (PEP 518, PEP 517)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from samebytes.toml import read_toml
from samebytes.versions import pinned_version, requirement_or_none
from samebytes.wrapped import LEGACY_BACKEND


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSystem:
    """``is_own``: the project is its own backend, or brings it (``backend-path``)."""

    requires: tuple[str, ...]
    backend: str
    is_own: bool

    @property
    def is_setuptools(self) -> bool:
        return self.backend.partition(".")[0] == "setuptools" or self.requires_name("setuptools")

    def requires_name(self, name: str) -> bool:
        """Whether a distribution is required by name."""
        wanted = canonicalize_name(name)
        return any(canonicalize_name(each) == wanted for each in map(_name, self.requires) if each)


def read_build_system(pyproject: str) -> BuildSystem:
    """From the text of a pyproject.toml; without one, or where it says nothing, setuptools'.

    Of malformed ones, which the build will refuse, nothing is known.
    """
    try:
        table = read_toml(pyproject).get("build-system")
    except ValueError:
        table = None
    if not isinstance(table, dict):
        return BuildSystem(requires=("setuptools", "wheel"), backend=LEGACY_BACKEND, is_own=False)
    requires, backend = table.get("requires", []), table.get("build-backend", LEGACY_BACKEND)
    return BuildSystem(
        requires=tuple(each for each in requires if isinstance(each, str))
        if isinstance(requires, list)
        else (),
        backend=backend if isinstance(backend, str) else "",
        is_own=bool(table.get("backend-path")),
    )


def pinned(requires: set[str], pins: tuple[Requirement, ...]) -> set[str]:
    """The requirements with ``pins`` in the place of those of the same names.

    Extras and markers stay as the source has them; so do its bounds, but for a pin to one release.
    """
    by_name = {canonicalize_name(pin.name): pin for pin in pins}
    unused = dict(by_name)
    found = set()
    for text in requires:
        requirement = requirement_or_none(text)
        name = canonicalize_name(requirement.name) if requirement is not None else None
        if requirement is None or name not in by_name:
            found.add(text)
            continue
        unused.pop(name, None)
        found.add(_replaced(requirement, by_name[name]))
    return found | set(map(str, unused.values()))


def _replaced(requirement: Requirement, pin: Requirement) -> str:
    exact = pinned_version(pin.specifier) is not None
    bounds = pin.specifier if exact else requirement.specifier & pin.specifier
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    marker = f"; {requirement.marker}" if requirement.marker else ""
    return f"{pin.name}{extras}{bounds}{marker}"


def contradicted(requires: Iterable[str], pins: Iterable[Requirement]) -> Iterator[str]:
    """The requirements of a source that do not admit the one release to which a pin is."""
    versions = {canonicalize_name(pin.name): pinned_version(pin.specifier) for pin in pins}
    for requirement in filter(None, map(requirement_or_none, requires)):
        version = versions.get(canonicalize_name(requirement.name))
        if version and not requirement.specifier.contains(version, prereleases=True):
            yield str(requirement)


def merged(pins: Iterable[Requirement]) -> tuple[Requirement, ...]:
    """One requirement a name; of several upper bounds, the lowest."""
    found: dict[str, SpecifierSet] = {}
    for pin in pins:
        found[pin.name] = found.get(pin.name, SpecifierSet()) & pin.specifier
    return tuple(Requirement(f"{name}{_tight(bounds)}") for name, bounds in found.items())


def _tight(bounds: SpecifierSet) -> SpecifierSet:
    upper = sorted(Version(each.version) for each in bounds if each.operator == "<")
    loose = set(upper[1:])
    kept = (each for each in bounds if each.operator != "<" or Version(each.version) not in loose)
    return SpecifierSet(",".join(map(str, kept)))


def _name(text: str) -> str | None:
    requirement = requirement_or_none(text)
    return None if requirement is None else requirement.name
