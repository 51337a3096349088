"""Patterns as .gitignore has them, and the smallest readable set that tells two sets of files
apart.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath

import pathspec

#: Fewer files of one kind are named one by one.
_ENOUGH = 2

#: How many files a person would list by name.
_FEW = 20

_PLAIN = re.compile(r"\.\w+")

#: Below this many folders, files are named one by one.
_DEEPEST = 40


def matcher(patterns: Iterable[str]) -> pathspec.GitIgnoreSpec:
    """What hatchling makes of a list of patterns: the same library, in the same dialect."""
    return pathspec.GitIgnoreSpec.from_lines(patterns)


def exactly(path: str) -> str:
    """The pattern that matches this path and no other."""
    escaped = re.sub(r"([\\*?\[\]])", r"\\\1", path)
    if escaped[-1:].isspace():  # which ends no pattern as it is
        escaped = f"{escaped[:-1]}[{escaped[-1]}]"
    return f"/{escaped}"


def cover(wanted: Collection[str], unwanted: Collection[str]) -> tuple[str, ...]:
    """Patterns that match every file in ``wanted`` and none in ``unwanted``, as few as a person
    would write: a folder where nothing in it is unwanted, else a kind of file, else files.
    """
    return tuple(_cover("", sorted(wanted), sorted(unwanted)))


def named(wanted: Collection[str], unwanted: Collection[str]) -> tuple[str, ...]:
    """As ``cover``, but every file by its own name as long as they are few."""
    if len(wanted) <= _FEW:
        return tuple(exactly(path) for path in sorted(wanted))
    return cover(wanted, unwanted)


def _cover(folder: str, wanted: list[str], unwanted: list[str]) -> list[str]:
    if not wanted:
        return []
    if folder and not unwanted:
        return [exactly(folder.rstrip("/"))]
    if folder.count("/") > _DEEPEST:
        return [exactly(path) for path in wanted]
    by_place = _cover_places(folder, wanted, unwanted)
    kinds = _kinds(wanted, unwanted) if folder and len(by_place) > _ENOUGH else []
    by_kind = [f"{exactly(folder.rstrip('/'))}/**/*{suffix}" for suffix in kinds]
    if kinds:
        left = [path for path in wanted if PurePosixPath(path).suffix not in kinds]
        by_kind += _cover_places(folder, left, unwanted)
    return by_kind if kinds and len(by_kind) < len(by_place) else by_place


def _cover_places(folder: str, wanted: list[str], unwanted: list[str]) -> list[str]:
    found: list[str] = []
    mine, others = _by_folder(folder, wanted), _by_folder(folder, unwanted)
    for name, paths in mine.items():
        if name.endswith("/"):
            found += _cover(folder + name, paths, others.get(name, []))
        else:
            found.append(exactly(folder + name))
    return found


def _kinds(wanted: list[str], unwanted: list[str]) -> list[str]:
    """Suffixes that only wanted files have, and several of them."""
    counts = Counter(PurePosixPath(path).suffix for path in wanted)
    refused = {PurePosixPath(path).suffix for path in unwanted}
    return [
        suffix
        for suffix, count in sorted(counts.items())
        if count >= _ENOUGH and suffix not in refused and _PLAIN.fullmatch(suffix)
    ]


def _by_folder(folder: str, paths: list[str]) -> Mapping[str, list[str]]:
    """Paths by what stands directly in ``folder``: a file's name, or a folder's and a slash."""
    found = defaultdict[str, list[str]](list)
    for path in paths:
        name, slash, _ = path.removeprefix(folder).partition("/")
        found[name + slash].append(path)
    return found
