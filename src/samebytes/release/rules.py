"""What a project demands of its releases; ``release.rulebook`` reads it."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from samebytes.digest import Digest
from samebytes.infer.tags import tagged_version
from samebytes.versions import version_or_none

#: How long a smoke command may take that does not say.
DEFAULT_SECONDS = 120

#: Changes when the same rules mean something else.
_MEANING = 1


class Kind(StrEnum):
    """What kind of version a release is of; post-releases are final."""

    ALPHA = "alpha"
    BETA = "beta"
    RC = "rc"
    FINAL = "final"

    @classmethod
    def of(cls, version: Version) -> Kind:
        letter = version.pre[0] if version.pre else ""
        return {"a": cls.ALPHA, "b": cls.BETA, "rc": cls.RC}.get(letter, cls.FINAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangelogRule:
    """For versions of these ``kinds``, the file ``path`` has a line for each of ``lines``.

    The lines are regular expressions. Names in braces stand for parts of the version: see
    ``filled``.
    """

    path: str
    lines: tuple[str, ...]
    kinds: tuple[Kind, ...] = tuple(Kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveRules:
    """What an sdist or a wheel holds, as patterns: see ``matcher``.

    ``generated`` are members that the build makes; ``left_out`` tracked files that must not be in
    it, ``optional`` such that need not; ``moved`` members that lie elsewhere in the repository.
    """

    generated: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeCommand:
    """A command that must end with status 0 within so many ``seconds``, in the folder ``cwd``.

    One that ``serves`` must instead answer at that address, with ``expects``; then it is ended.
    """

    run: tuple[str, ...]
    cwd: str = "."
    sdist: bool = True
    wheel: bool = True
    seconds: int = DEFAULT_SECONDS
    serves: str | None = None
    expects: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChecksumRules:
    """The checksum file: its name, its text (``string.Template``), and which digests it has."""

    filename: str = "SHA256SUMS"
    template: str = "${sha256}\n"
    algorithms: tuple[str, ...] = ("sha256",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is None, or empty, is not demanded.

    ``project`` is whose rules they are; ``tag`` has ``{version}`` where that is; ``versions`` is a
    regular expression for the version, as the tag spells it; ``classifiers`` has the one
    ``Development Status`` by kind of version.
    """

    project: str | None = None
    tag: str | None = None
    versions: str | None = None
    signed_tag: bool = False
    changelog: tuple[ChangelogRule, ...] = ()
    classifiers: Mapping[Kind, str] = field(default_factory=dict)
    sdist: ArchiveRules | None = None
    wheel: ArchiveRules | None = None
    smoke: tuple[SmokeCommand, ...] = ()
    checksums: ChecksumRules = field(default_factory=ChecksumRules)

    @property
    def digest(self) -> Digest:
        """The same for the same rules, however they were written."""
        return Digest.of(json.dumps([_MEANING, asdict(self)], sort_keys=True).encode())

    def is_for(self, name: str) -> bool:
        """Whether these are rules for the project ``name``."""
        return self.project is None or canonicalize_name(self.project) == canonicalize_name(name)

    def version_of(self, tag: str, name: NormalizedName) -> Version | None:
        """The version that a tag is of; None where it is no tag of a release of ``name``."""
        if self.tag is None:
            return tagged_version(tag, name)
        text = _between(tag, *self.tag.split("{version}"))
        return None if text is None else version_or_none(text)

    def refusals(self, tag: str, version: Version) -> Iterator[str]:
        """Why ``version`` must not be released, or not by this name of a ``tag``."""
        if version.is_devrelease:
            yield f"{version} is a development version: those are not released."
        if version.local:
            yield f"{version} is a local version (+{version.local}): no index takes one."
        if self.versions is None:
            return
        written = None if self.tag is None else _between(tag, *self.tag.split("{version}"))
        spelled = str(version) if written is None else written
        if not re.fullmatch(self.versions, spelled):
            yield (
                f"The version {spelled} is not written as the rules have it ({self.versions}): "
                "name the tag so, and set the version to the same."
            )


def _between(text: str, before: str, after: str) -> str | None:
    """What stands between the two; None where they are not there."""
    if len(text) < len(before) + len(after):
        return None
    if not (text.startswith(before) and text.endswith(after)):
        return None
    return text[len(before) : len(text) - len(after)]


#: What may stand in braces, for a version.
PARTS = ("version", "release", "series")


def filled(text: str, version: Version, quote: Callable[[str], str] = str) -> str:
    """``text`` with parts of the version in place of their names.

    ``{version}`` is all of it, ``{release}`` is without what makes it a pre-release or a
    post-release (6.1 of 6.1a1), and ``{series}`` is its first two numbers (5.2 of 5.2.19).
    """
    series = ".".join(map(str, version.release[:2]))
    values = {"version": str(version), "release": version.base_version, "series": series}
    for name in PARTS:
        text = text.replace(f"{{{name}}}", quote(values[name]))
    return text


def matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether a path fits one of the ``patterns`` of a shell, or lies in a folder that does.

    ``*`` stands for slashes, too. A pattern that ends with one is for a folder.
    """
    expression = "|".join(fnmatch.translate(pattern) for pattern in patterns)
    if not expression:
        return lambda _path: False
    fits = re.compile(expression).fullmatch

    def is_matched(path: str) -> bool:
        if fits(path):
            return True
        ends = (number for number, letter in enumerate(path) if letter == "/")
        return any(fits(path[: end + 1]) for end in ends)

    return is_matched
