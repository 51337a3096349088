"""The variations, one row each: what is changed, and what a project does about it.

``samebytes explain ID`` tells more of each; docs/reference/variations.md holds the same text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from samebytes.errors import UserError


class Scope(StrEnum):
    """When a variation is tried without being named."""

    ALWAYS = "always"
    RAW = "raw"  # samebytes build takes care of it: of the umask, and by its clean clone
    ASKED = "asked"  # it changes the recipe, so that other bytes are no fault of the project


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """One deliberate change of a build's conditions.

    ``change`` says what is otherwise, as "from → to"; ``fix`` what to do where it shows.
    """

    id: str
    title: str
    change: str
    fix: str
    scope: Scope = Scope.ALWAYS


#: What stands in the place of a variation where building again changes the bytes as well.
REPEAT = Variation(
    id="repeat",
    title="nothing: it was only built again",
    change="nothing is changed",
    fix="Leave out what chance decides: random names and numbers, memory addresses, the order in "
    "which threads or processes end. Check again then: it hides what else differs in this place.",
)

_ROWS: tuple[tuple[str, str, str, Scope, str], ...] = (
    (
        "clock",
        "the date and time",
        "a fixed time → 400 days and 7 hours later",
        Scope.ALWAYS,
        "Take the time from SOURCE_DATE_EPOCH, or leave it out.",
    ),
    (
        "path",
        "the folder of the build",
        "a folder → another one, deeper and of another name",
        Scope.ALWAYS,
        "Write paths relative to the project, or none.",
    ),
    (
        "file-order",
        "the order in which folders list their files",
        "alphabetical → the reverse",
        Scope.ALWAYS,
        "Sort what os.listdir, os.scandir, os.walk, glob and Path.iterdir give.",
    ),
    (
        "hash-seed",
        "Python's hash seed",
        "PYTHONHASHSEED=0 → 4711",
        Scope.ALWAYS,
        "Sort sets before they are written.",
    ),
    (
        "umask",
        "the umask",
        "022 → 077",
        Scope.RAW,
        "Set the permissions of generated files, or build with samebytes build.",
    ),
    (
        "timezone",
        "the time zone",
        "UTC → 14 hours ahead",
        Scope.ALWAYS,
        "Format times in UTC.",
    ),
    (
        "locale",
        "the locale",
        "C.UTF-8 → another language",
        Scope.ALWAYS,
        "Do not format dates, sort or upper-case by the locale; name the encoding of files.",
    ),
    (
        "host",
        "the name of the machine",
        "this machine's → build-elsewhere",
        Scope.ALWAYS,
        "Leave the machine's name out.",
    ),
    (
        "user",
        "the user's name and number",
        "yours → somebody, 4711",
        Scope.ALWAYS,
        "Leave the user's name, number and group out.",
    ),
    (
        "home",
        "the home folder",
        "a home folder → another one",
        Scope.ALWAYS,
        "Leave the home folder out, and read no configuration from it.",
    ),
    (
        "environment",
        "variables of the environment",
        "none → CI, BUILD_NUMBER and others",
        Scope.ALWAYS,
        "Take nothing from variables that the recipe does not name.",
    ),
    (
        "exec-path",
        "the search path for programs",
        "your PATH → a folder more at each end",
        Scope.ALWAYS,
        "Leave PATH out of what is written.",
    ),
    (
        "cpus",
        "the number of processors",
        "this machine's → another",
        Scope.ALWAYS,
        "Let no number of jobs show in what is written; sort what parallel jobs give.",
    ),
    (
        "kernel",
        "the release of the kernel",
        "this machine's → 2.6",
        Scope.ALWAYS,
        "Leave platform.release() and the like out.",
    ),
    (
        "aslr",
        "where memory lies",
        "fixed addresses → random ones",
        Scope.ALWAYS,
        "Let no memory address show, as in repr() of an object, and sort by none.",
    ),
    (
        "python",
        "the version of Python",
        "one minor version → another",
        Scope.ALWAYS,
        "Leave sys.version and what depends on it out, or build with the recorded version.",
    ),
    (
        "route",
        "what the wheel is built from",
        "the sdist → the tree",
        Scope.ALWAYS,
        "Put everything that the wheel needs into the sdist.",
    ),
    (
        "export",
        "the repository around the tree",
        "a clone → its files without .git",
        Scope.RAW,
        "Take neither the version nor the list of files from git alone.",
    ),
    (
        "crlf",
        "the line ends of the checkout",
        "core.autocrlf=false → true",
        Scope.RAW,
        'Put "* text=auto eol=lf" into .gitattributes, or build with samebytes build.',
    ),
    (
        "leftovers",
        "what an earlier build left",
        "nothing → build/, dist/, *.egg-info, __pycache__",
        Scope.RAW,
        "Build from a fresh clone, or remove build/ and *.egg-info before.",
    ),
    (
        "untracked",
        "files that git does not track",
        "none → some, at the top and in packages",
        Scope.RAW,
        "Build from a fresh clone, as samebytes build does.",
    ),
    (
        "requirements",
        "the build requirements",
        "as of the source's time → the newest",
        Scope.ASKED,
        "Pin them in build-system.requires, or build by the recorded recipe.",
    ),
    (
        "zlib",
        "the implementation of zlib",
        "Python's → zlib-ng",
        Scope.ASKED,
        "Build with the Python and zlib of the recipe.",
    ),
)

VARIATIONS: Mapping[str, Variation] = {
    identifier: Variation(id=identifier, title=title, change=change, fix=fix, scope=scope)
    for identifier, title, change, scope, fix in _ROWS
}

#: What stands still in every build, varied or not, so that it is no chance.
HELD = frozenset({"aslr", "clock", "file-order"})

ALL = "all"


def in_order(ids: Iterable[str]) -> tuple[str, ...]:
    """In the order of the table."""
    wanted = set(ids)
    return tuple(each for each in VARIATIONS if each in wanted)


def left_alone(text: str | None) -> frozenset[str]:
    """The variations that ``--vary`` names with a '-' before."""
    words = [word.strip() for word in (text or "").split(",")]
    return frozenset(word[1:] for word in words if word.startswith("-"))


def chosen(text: str | None, *, raw: bool) -> frozenset[str]:
    """The variations that ``--vary`` names: ids and ``all``, or without those it has a '-' before.

    Raises UserError for names that are none.
    """
    default = {
        each.id
        for each in VARIATIONS.values()
        if each.scope is Scope.ALWAYS or (each.scope is Scope.RAW and raw)
    }
    words = [word.strip() for word in (text or "").split(",") if word.strip()]
    if text is not None and not words:
        raise UserError("--vary names no variation.", hint="Leave it out, or name some.")
    added = [word for word in words if not word.startswith("-")]
    found = set() if added else set(default)
    for word in added:
        found |= set(VARIATIONS) if word == ALL else {known(word)}
    found -= {known(word[1:]) for word in words if word.startswith("-")}
    if not found:
        raise UserError("Nothing is left to vary.", hint="Name at least one variation.")
    return frozenset(found)


def known(name: str) -> str:
    """The id itself; raises UserError where there is no such variation."""
    if name not in VARIATIONS:
        raise UserError(
            f"There is no variation {name!r}.",
            hint=f"These are: {', '.join([*VARIATIONS, ALL])}. "
            "samebytes check --list-variations tells what they are.",
        )
    return name
