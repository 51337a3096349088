"""What a source says about how it is built: ``[build-system]`` (PEP 518, PEP 517)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from samebytes.versions import requirement_or_none

_LEGACY = "setuptools.build_meta:__legacy__"


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
        table = tomllib.loads(pyproject).get("build-system")
    except (ValueError, RecursionError):
        table = None
    if not isinstance(table, dict):
        return BuildSystem(requires=("setuptools", "wheel"), backend=_LEGACY, is_own=False)
    requires, backend = table.get("requires", []), table.get("build-backend", _LEGACY)
    return BuildSystem(
        requires=tuple(each for each in requires if isinstance(each, str))
        if isinstance(requires, list)
        else (),
        backend=backend if isinstance(backend, str) else "",
        is_own=bool(table.get("backend-path")),
    )


def pinned(requires: set[str], pins: tuple[Requirement, ...]) -> set[str]:
    """The requirements with ``pins`` in the place of those of the same names."""
    names = {canonicalize_name(pin.name) for pin in pins}
    kept = {text for text in requires if canonicalize_name(_name(text) or "-") not in names}
    return kept | set(map(str, pins))


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
