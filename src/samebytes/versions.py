"""Versions and requirements as strangers write them, who need not mean well.

packaging raises more than it says: ValueError for thousands of digits, or for a marker that it
cannot write, RecursionError for nested parentheses. What is longer than anybody's is not parsed.
"""

from __future__ import annotations

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

#: In characters.
LONGEST_VERSION = 200
LONGEST_SPECIFIERS = 500
LONGEST_REQUIREMENT = 1000


def version_or_none(text: str) -> Version | None:
    """The version (PEP 440) that ``text`` is; None if it is none."""
    if len(text) > LONGEST_VERSION:
        return None
    try:
        return Version(text)
    except ValueError:
        return None


def specifiers_or_none(text: str) -> SpecifierSet | None:
    """The version specifiers (PEP 440) that ``text`` is; None if it is none."""
    if len(text) > LONGEST_SPECIFIERS:
        return None
    try:
        return SpecifierSet(text)
    except ValueError:
        return None


def requirement_or_none(text: str) -> Requirement | None:
    """The requirement (PEP 508) that ``text`` is; None if it is none."""
    try:
        return parse_requirement(text)
    except ValueError:
        return None


def pinned_version(specifiers: SpecifierSet) -> Version | None:
    """The one release that they admit (``==``); None if they admit others."""
    if len(specifiers) != 1:
        return None
    (only,) = specifiers
    return Version(only.version) if only.operator == "==" and "*" not in only.version else None


def parse_release(text: str) -> tuple[Requirement, Version]:
    """The requirement that ``text`` is, of one release (``==``), and which; or ValueError."""
    requirement = parse_requirement(text)
    version = pinned_version(requirement.specifier)
    if version is None or requirement.url:
        raise ValueError("it does not name one release")
    return requirement, version


def parse_requirement(text: str) -> Requirement:
    """The requirement (PEP 508) that ``text`` is, which can be written again; or ValueError."""
    if len(text) > LONGEST_REQUIREMENT:
        raise ValueError(f"it has more than {LONGEST_REQUIREMENT:,} characters")
    try:
        requirement = Requirement(text)
        str(requirement)
    except RecursionError:
        raise ValueError("its parentheses are nested too deeply") from None
    return requirement
