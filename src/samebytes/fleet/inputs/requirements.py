"""Lock files as pip reads them: requirements.txt, with whatever other files it includes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from samebytes.errors import UserError
from samebytes.fleet.inputs.entries import (
    FORMATS,
    MAX_SIZE,
    Ignored,
    Lock,
    Locked,
    Skipped,
    known_digests,
    locked_or_skipped,
    read_text,
)
from samebytes.versions import version_or_none

MAX_DEPTH = 20
MAX_FILES = 100
MAX_FOUND = 100_000
#: In characters: a line with its continuations, most of which are hashes; the same if it has
#: quotes, for which shlex takes quadratic time; a requirement without its hashes.
MAX_LINE = 1024 * 1024
MAX_QUOTED = 64 * 1024
MAX_REQUIREMENT = 4096

_COMMENT = re.compile(r"(?:^|\s)#.*")
_COMMENT_LINE = re.compile(r"\s*#")
_OPTIONS = re.compile(r"(?:^|\s)-")
_QUOTES = re.compile(r"['\"\\]")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{[A-Z0-9_]+\}")
_PASSWORD = re.compile(r"://[^/\s]*@")
_ARCHIVES = (".whl", ".zip", ".gz", ".tgz", ".bz2", ".tbz", ".xz", ".txz", ".tar")


def read_requirements(path: Path, text: str) -> Lock:
    """What a requirements file says, and the files that it includes.

    Raises UserError, which names file and line, for what pip does not accept either, and beyond
    the bounds of this module. The format:
    https://pip.pypa.io/en/stable/reference/requirements-file-format/
    """
    reader = _Reader()
    reader.read(path, text, depth=0)
    return Lock.of(reader.entries, reader.skipped, reader.ignored)


class _Reader:
    """Collects entries over the files that include each other; reads each of them once."""

    def __init__(self) -> None:
        self.entries: list[Locked] = []
        self.skipped: list[Skipped] = []
        self.ignored: list[Ignored] = []
        self.seen: set[Path] = set()
        self.size = 0

    def read(self, path: Path, text: str, *, depth: int) -> None:
        self.seen.add(path.resolve())
        self.size += len(text)
        if self.size > MAX_SIZE:
            raise UserError(f"{path}: the files that include each other are too large.")
        for number, line in _lines(text):
            origin = f"{path}, line {number}"
            if len(line) > MAX_LINE:
                raise UserError(f"{origin}: the line is too long.", hint=FORMATS)
            if len(self.entries) + len(self.skipped) + len(self.ignored) >= MAX_FOUND:
                raise UserError(f"{origin}: there are more than {MAX_FOUND} entries.")
            requirement, options = _split(line, origin)
            if requirement:
                self._add(requirement, options, origin)
                continue
            for option, value in options:
                self._follow(option, value, path, origin, depth)

    def _add(self, text: str, options: list[tuple[str, str]], origin: str) -> None:
        hashes = []
        for option, value in options:
            if option == "--hash":
                algorithm, _, digits = value.partition(":")
                hashes.append((algorithm, digits))
            else:
                self.ignored.append(Ignored(option=option, origin=origin))
        entry = _entry(text, hashes, origin)
        if isinstance(entry, Locked):
            self.entries.append(entry)
        else:
            self.skipped.append(entry)

    def _follow(self, option: str, value: str, path: Path, origin: str, depth: int) -> None:
        """What an option that stands alone has to say."""
        if option in ("-r", "--requirement"):
            self._include(value, path, origin, depth)
        elif option in ("-e", "--editable"):
            self._skip(value, "it is an editable project", origin)
        else:
            self.ignored.append(Ignored(option=option, origin=origin))

    def _include(self, value: str, path: Path, origin: str, depth: int) -> None:
        if _ADDRESS.match(value):
            self._skip(value, "files at an address are not fetched", origin)
            return
        target = path.parent / value
        try:
            # Nothing but a file: a pipe or a terminal would keep us waiting.
            is_file = target.is_file()
        except OSError:
            is_file = False
        if not is_file:
            raise UserError(f"{origin}: there is no file {_shown(str(target))}.")
        if target.resolve() in self.seen:
            return
        if depth == MAX_DEPTH or len(self.seen) == MAX_FILES:
            raise UserError(f"{origin}: too many files include each other.")
        self.read(target, read_text(target), depth=depth + 1)

    def _skip(self, what: str, reason: str, origin: str) -> None:
        self.skipped.append(Skipped(what=_shown(what), reason=reason, origin=origin))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    r"""Lines with their continuations and without comments; each with the first one's number.

    As pip does it, so that nothing is installed that is not seen here: lines also end at a form
    feed or U+2028, and a comment ends a continued line, even if there is a backslash behind it.
    """
    parts: list[str] = []
    first = 0
    for number, line in enumerate(text.splitlines(), start=1):
        first = first if parts else number
        is_comment = _COMMENT_LINE.match(line) is not None
        if line.endswith("\\") and not is_comment:
            parts.append(line.strip("\\"))
            continue
        parts.append(f" {line}" if is_comment else line)
        yield from _without_comment(first, parts)
        parts = []
    yield from _without_comment(first, parts)


def _without_comment(number: int, parts: list[str]) -> Iterator[tuple[int, str]]:
    if line := _COMMENT.sub("", "".join(parts)).strip():
        yield number, line


def _split(line: str, origin: str) -> tuple[str, list[tuple[str, str]]]:
    """The requirement of a line, or nothing, and its options with their values."""
    found = _OPTIONS.search(line)
    if found is None:
        return line, []
    return line[: found.start()].strip(), _options(_words(line[found.start() :], origin))


def _words(text: str, origin: str) -> list[str]:
    if not _QUOTES.search(text):
        return text.split()
    if len(text) > MAX_QUOTED:
        raise UserError(f"{origin}: the line is too long.", hint=FORMATS)
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UserError(f"{origin}: {error}.", hint=FORMATS) from None


def _options(words: list[str]) -> list[tuple[str, str]]:
    """Options with their values: ``--name value``, ``--name=value``, ``-n value``, ``-nvalue``."""
    options: list[tuple[str, str]] = []
    for word in words:
        if word.startswith("--"):
            name, _, value = word.partition("=")
            options.append((_shown(name), value))
        elif word.startswith("-"):
            options.append((word[:2], word[2:]))
        elif options and not options[-1][1]:
            options[-1] = (options[-1][0], word)
        else:
            options.append((_shown(word), ""))
    return options


def _entry(text: str, hashes: list[tuple[str, str]], origin: str) -> Locked | Skipped:
    shown = _shown(text)
    if _VARIABLE.search(text):
        return Skipped(what=shown, reason="it names an environment variable", origin=origin)
    try:
        requirement = _requirement(text)
        version = _pinned(requirement.specifier)
        digests = known_digests(hashes)
    except (ValueError, RecursionError) as error:
        if _is_place(text):
            return Skipped(what=shown, reason="it is a file, a folder or a URL", origin=origin)
        reason = str(error).partition("\n")[0].rstrip(".")
        raise UserError(f"{origin}: {shown!r}: {_shown(reason)}.", hint=FORMATS) from None
    if requirement.url:
        return Skipped(what=requirement.name, reason="it comes from a URL", origin=origin)
    if version is None:
        return Skipped(what=shown, reason="it is not pinned with ==VERSION", origin=origin)
    return locked_or_skipped(canonicalize_name(requirement.name), version, digests, origin)


def _requirement(text: str) -> Requirement:
    if len(text) > MAX_REQUIREMENT:
        raise ValueError("this is too long for a requirement")
    return Requirement(text)


def _pinned(specifier: SpecifierSet) -> Version | None:
    """The version that is the only one allowed, or None; raises ValueError if it is none."""
    pins = [pin.version for pin in specifier if pin.operator == "=="]
    if len(pins) != 1 or len(specifier) != 1 or pins[0].endswith(".*"):
        return None
    version = version_or_none(pins[0])
    if version is None:
        raise ValueError(f"{pins[0]} is no version")
    return version


def _is_place(text: str) -> bool:
    """Whether pip would take this for the path of a project or of an archive, or for a URL."""
    path = text.partition(";")[0].strip()
    return path.startswith(".") or "/" in path or path.lower().endswith(_ARCHIVES)


def _shown(text: str) -> str:
    """A text for a message: short, and without the password that a URL may hold."""
    text = _PASSWORD.sub("://", text)
    return text if len(text) <= 100 else f"{text[:99]}…"
