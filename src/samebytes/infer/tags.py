"""The tag of a release, and the folder of a project, in somebody's repository."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from samebytes.versions import version_or_none

#: What may stand before the version, besides the project's own name.
_WORDS = r"(?:v|ver|version|rel|release|releases|tags?)"
_BEFORE = re.compile(
    rf"(?:(?P<name>[A-Za-z][\w.-]*?)(?:[-_/@]|(?=v\d)))?(?:{_WORDS}[-_/.]?)?(?P<version>\d.*)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, order=True)
class TagMatch:
    """A tag that names a version; the better it fits, the lower it sorts."""

    rank: int
    tag: str


def matching_tags(
    tags: Iterable[str], name: NormalizedName, version: Version
) -> tuple[TagMatch, ...]:
    """The tags of a release, the likeliest first.

    A version stands alone, or after ``v`` or a word such as ``release``, after the project's name,
    or after both; its parts are apart by dots, or by underscores or hyphens instead. Versions are
    equal as in PEP 440: 2024.01.05 is 2024.1.5.
    """
    found = (TagMatch(rank, tag) for tag in tags if (rank := _rank(tag, name, version)) is not None)
    return tuple(sorted(found))


def tagged_version(tag: str, name: NormalizedName) -> Version | None:
    """The version of the project ``name`` that a tag is of, by what ``matching_tags`` accepts.

    None where it names none, another project's, or could be read as several (1-0 is 1.0, and the
    first post-release of 1).
    """
    match = _BEFORE.fullmatch(tag)
    if match is None:
        return None
    found = {read for text in _spellings(match["version"]) if (read := version_or_none(text))}
    if len(found) != 1:
        return None
    (version,) = found
    return version if _rank(tag, name, version) is not None else None


def _rank(tag: str, name: NormalizedName, version: Version) -> int | None:
    """How well a tag fits; None where it does not."""
    if tag in (str(version), f"v{version}"):
        return 1
    match = _BEFORE.fullmatch(tag)
    if match is None or not _is_version(match["version"], version):
        return None
    prefix = match["name"]
    if prefix is None or re.fullmatch(_WORDS, prefix, re.IGNORECASE):
        return 2
    # In the repository of several projects, only the tag that has the name is of this one.
    return 0 if canonicalize_name(prefix) == name else None


def _is_version(text: str, version: Version) -> bool:
    return any(version_or_none(spelled) == version for spelled in _spellings(text))


def _spellings(text: str) -> tuple[str, str, str]:
    return text, text.replace("_", "."), text.replace("-", ".")
