"""MANIFEST.in: its directives, in their order, with the comments that stand before them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from samebytes.errors import ArtifactError


class Action(StrEnum):
    """What a directive does, in the words of MANIFEST.in."""

    INCLUDE = "include"
    EXCLUDE = "exclude"
    RECURSIVE_INCLUDE = "recursive-include"
    RECURSIVE_EXCLUDE = "recursive-exclude"
    GLOBAL_INCLUDE = "global-include"
    GLOBAL_EXCLUDE = "global-exclude"
    GRAFT = "graft"
    PRUNE = "prune"


_EXCLUDING = frozenset(
    {Action.EXCLUDE, Action.RECURSIVE_EXCLUDE, Action.GLOBAL_EXCLUDE, Action.PRUNE}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Directive:
    """One directive; ``folder`` is of those that name one, ``patterns`` of those that name files.

    ``line`` counts from 1; ``comments`` are the lines that stand directly before it, without '#'.
    """

    line: int
    text: str
    action: Action
    folder: str = ""
    patterns: tuple[str, ...] = ()
    comments: tuple[str, ...] = ()

    @property
    def is_excluding(self) -> bool:
        return self.action in _EXCLUDING

    def globs(self) -> tuple[str, ...]:
        """Patterns as .gitignore has them, that match what the directive means.

        setuptools reads '**' as any number of folders, and '*' within one name
        (setuptools.command.egg_info.translate_pattern); so does .gitignore.
        """
        match self.action:
            case Action.INCLUDE | Action.EXCLUDE:
                return tuple(_anchored(pattern) for pattern in self.patterns)
            case Action.RECURSIVE_INCLUDE | Action.RECURSIVE_EXCLUDE:
                return tuple(_below(self.folder, pattern) for pattern in self.patterns)
            case Action.GLOBAL_INCLUDE | Action.GLOBAL_EXCLUDE:
                return tuple(_anywhere(pattern) for pattern in self.patterns)
            case _:
                return (_anchored(self.folder),)


def read_manifest(text: str) -> tuple[Directive, ...]:
    """The directives of a MANIFEST.in.

    Raises ArtifactError for a line that setuptools would not understand either; it warns and goes
    on, which may hide that a file is missing.
    """
    directives: list[Directive] = []
    comments: list[str] = []
    for number, line in _joined(text):
        stripped = line.strip()
        if stripped.startswith("#"):
            comments.append(stripped.lstrip("#").strip())
        elif not stripped:
            comments.clear()
        else:
            found = _directive(number, _without_comment(stripped), tuple(comments))
            comments.clear()
            if found is not None:
                directives.append(found)
    return tuple(directives)


def _joined(text: str) -> list[tuple[int, str]]:
    """Lines with the number of their first one; a backslash at the end joins two."""
    lines: list[tuple[int, str]] = []
    begun: tuple[int, str] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        start, before = begun or (number, "")
        if line.rstrip().endswith("\\"):
            begun = start, before + line.rstrip()[:-1] + " "
        else:
            lines.append((start, before + line))
            begun = None
    return [*lines, begun] if begun else lines


def _without_comment(line: str) -> str:
    """distutils ends a line at '#', unless a backslash stands before it."""
    head, mark, _ = line.replace("\\#", "\0").partition("#")
    return (head if mark else line.replace("\\#", "\0")).replace("\0", "#").strip()


def _directive(number: int, text: str, comments: tuple[str, ...]) -> Directive | None:
    word, *rest = text.split()
    try:
        action = Action(word)
    except ValueError:
        raise ArtifactError(
            f"MANIFEST.in, line {number}: {word!r} is no directive.",
            hint="setuptools ignores this line. Correct it, or remove it, and commit.",
        ) from None
    folder = ""
    if action in (Action.GRAFT, Action.PRUNE):
        folder, rest = (rest[0], []) if len(rest) == 1 else ("", [])
        if not folder:
            return None
    elif action in (Action.RECURSIVE_INCLUDE, Action.RECURSIVE_EXCLUDE):
        if len(rest) < 2:
            return None  # setuptools ignores it, and it has no effect that could be lost
        folder, rest = rest[0], rest[1:]
    elif not rest:
        return None
    return Directive(
        line=number,
        text=text,
        action=action,
        folder=_normal(folder),
        patterns=tuple(rest),
        comments=comments,
    )


def _normal(path: str) -> str:
    return str(PurePosixPath(path)) if path else ""


def _anchored(path: str) -> str:
    path = _normal(path)
    return "/**" if path == "." else f"/{path}"


def _below(folder: str, pattern: str) -> str:
    start = "" if folder == "." else f"/{folder}"
    if pattern in ("*", "**"):
        return start or "/**"
    return f"{start}/**/{pattern}"


def _anywhere(pattern: str) -> str:
    return f"**/{pattern}" if "/" in pattern else pattern
