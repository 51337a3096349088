"""Texts: what a difference comes down to, and a unified diff of bounded size."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Sequence

from samebytes.compare.contents.reading import Bounds, Finding, Reading
from samebytes.compare.model import Line

#: So many lines on each side are aligned; more are shown one side after the other.
_ALIGNED = 3000
_LONGEST_LINE = 400

_MONTH = "(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov|Dec)[a-z]{0,6}"
_CLOCK = r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?[AaPp]\.?[Mm]\b\.?)?"
_ZONE = r"(?: ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d)\b)?"
_TIME = re.compile(
    "|".join(
        (
            rf"\d{{4}}-\d\d?-\d\d?(?:[T ]{_CLOCK})?{_ZONE}",
            rf"\d{{4}}/\d\d?/\d\d?(?: {_CLOCK})?{_ZONE}",
            rf"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{{0,6}},? )?{_MONTH}\.? {{1,2}}\d{{1,2}}"
            rf"(?: {_CLOCK}{_ZONE})?,? \d{{4}}",
            rf"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{{0,6}},? )?\d{{1,2}} {_MONTH}\.?,? \d{{4}}"
            rf"(?: {_CLOCK}{_ZONE})?",
            rf"\b{_CLOCK}{_ZONE}",
            r"\b1\d{9}(?:\d{3})?(?:\.\d+)?\b",
        )
    )
)
_PATH = re.compile(
    r"""(?<![\w./\\-])(?:/[^\s/'"<>|:;,()\\]+){2,}/?|\b[A-Za-z]:\\[^\s'"<>|:;,()]+"""
)


def as_text(data: bytes) -> str | None:
    """The text in UTF-8, or None if it is none."""
    if b"\0" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def read_text(first: str, second: str, bounds: Bounds) -> Reading:
    """How two texts differ."""
    kind = next((kind for kind, same in _CHECKS if same(first) == same(second)), "member-content")
    one, two = first.splitlines(), second.splitlines()
    if kind == "content-line-ends":
        values = (_line_ends(first), _line_ends(second))
        return Reading(findings=[Finding(kind, *values)])
    lines = list(unified(one, two, bounds))
    removed = sum(line.mark == "-" for line in lines)
    added = sum(line.mark == "+" for line in lines)
    finding = Finding(kind, f"{removed} other lines", f"{added} other lines")
    if removed == added == 1:
        finding = Finding(
            kind,
            next(line.text for line in lines if line.mark == "-").strip()[:_LONGEST_LINE],
            next(line.text for line in lines if line.mark == "+").strip()[:_LONGEST_LINE],
        )
    return Reading(findings=[finding], lines=lines)


def _same_line_ends(text: str) -> object:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _same_spacing(text: str) -> object:
    return [line for line in ("".join(line.split()) for line in text.splitlines()) if line]


def _same_order(text: str) -> object:
    return sorted(text.splitlines())


def _same_times(text: str) -> object:
    return _TIME.sub("\0", text)


def _same_paths(text: str) -> object:
    return _PATH.sub("\0", text)


#: From the most specific to the least: equal once this is left out of both.
_CHECKS: Sequence[tuple[str, Callable[[str], object]]] = (
    ("content-line-ends", _same_line_ends),
    ("content-spacing", _same_spacing),
    ("content-line-order", _same_order),
    ("content-timestamp", _same_times),
    ("content-path", _same_paths),
)


def _line_ends(text: str) -> str:
    crlf = text.count("\r\n")
    counts = (
        ("CRLF", crlf),
        ("LF", text.count("\n") - crlf),
        ("CR", text.count("\r") - crlf),
    )
    return ", ".join(f"{count} {name}" for name, count in counts if count) or "none"


def unified(first: Sequence[str], second: Sequence[str], bounds: Bounds) -> Iterator[Line]:
    """The lines that differ, with context; '@' tells how many equal lines are left out."""
    head = _shared(first, second)
    tail = _shared(first[head:][::-1], second[head:][::-1])
    one, two = first[head : len(first) - tail], second[head : len(second) - tail]
    before = max(0, head - bounds.context)
    if before:
        yield Line("@", f"{before} equal lines")
    yield from _marked(" ", first[before:head])
    if len(one) > _ALIGNED or len(two) > _ALIGNED:
        yield from _marked("-", one)
        yield from _marked("+", two)
    else:
        yield from _aligned(one, two, bounds)
    rest = first[len(first) - tail :] if tail else []
    yield from _marked(" ", rest[: bounds.context])
    if len(rest) > bounds.context:
        yield Line("@", f"{len(rest) - bounds.context} equal lines")


def _shared(first: Sequence[str], second: Sequence[str]) -> int:
    """How many lines both begin with."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((n for n, (one, two) in pairs if one != two), min(len(first), len(second)))


def _aligned(one: Sequence[str], two: Sequence[str], bounds: Bounds) -> Iterator[Line]:
    for tag, one_from, one_to, two_from, two_to in _blocks(one, two):
        if tag != "equal":
            yield from _marked("-", one[one_from:one_to])
            yield from _marked("+", two[two_from:two_to])
            continue
        equal = one[one_from:one_to]
        if len(equal) <= 2 * bounds.context + 1:
            yield from _marked(" ", equal)
        else:
            yield from _marked(" ", equal[: bounds.context])
            yield Line("@", f"{len(equal) - 2 * bounds.context} equal lines")
            yield from _marked(" ", equal[len(equal) - bounds.context :])


def _blocks(one: Sequence[str], two: Sequence[str]) -> Sequence[tuple[str, int, int, int, int]]:
    return difflib.SequenceMatcher(None, one, two).get_opcodes()


def _marked(mark: str, lines: Sequence[str]) -> Iterator[Line]:
    for line in lines:
        yield Line(mark, line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…")
