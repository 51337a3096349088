"""Counts as places of pictures: what is drawn where, in per cent, for templates to draw."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from samebytes.report.site.words import VERDICTS

#: Counts by a name, which is None where nobody knows it, and a verdict.
Counts = Mapping[tuple[str | None, str], int]

#: How many backends have their own bar, and how many months a plot has room for.
_BARS, _MONTHS = 9, 48
#: Few columns are no broader than if there were so many.
_SLOTS = 8
#: In pixels: how broad a plot is on a phone, a letter below it, and what is between two names.
_PHONE, _LETTER, _APART = 290, 6.5, 8
_MONTH = re.compile(r"(19|20)[0-9]{2}-(0[1-9]|1[0-2])")
OTHERS, UNKNOWN = "others", "unknown"


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a bar; ``start`` and ``size`` in per cent."""

    verdict: str
    count: int
    start: float
    size: float


@dataclass(frozen=True, slots=True)
class Bar:
    """``start`` and ``width``, in per cent, are where a column stands."""

    name: str
    total: int
    segments: tuple[Segment, ...]
    counts: Mapping[str, int]
    start: float = 0.0
    width: float = 100.0
    label: str = ""


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns side by side; ``lines`` are numbers with how far up they are, in per cent."""

    bars: tuple[Bar, ...]
    lines: tuple[tuple[int, float], ...]
    unit: str


def bar(name: str, counts: Mapping[str, int], scale: int = 0, **place: float | str) -> Bar:
    """One bar of all verdicts; it is as long as can be, or ``scale`` says what is."""
    found = [(verdict, counts[verdict]) for verdict in VERDICTS if counts.get(verdict)]
    total = sum(count for _, count in found)
    whole = scale or total or 1
    starts = accumulate((count for _, count in found), initial=0)
    segments = tuple(
        Segment(verdict, count, _percent(start, whole), _percent(count, whole))
        for start, (verdict, count) in zip(starts, found, strict=False)
    )
    return Bar(name, total, segments, dict(found), **place)  # type: ignore[arg-type]


def bars(counts: Counts) -> list[Bar]:
    """A bar for each name, the most frequent first; the rest together."""
    named = _by_name(counts)
    order = sorted(named, key=lambda name: (name == UNKNOWN, -named[name].total(), name))
    most, rest = order[:_BARS], order[_BARS:]
    if len(rest) == 1:
        most, rest = order, []
    found = [bar(name, named[name]) for name in most]
    if rest:
        found.append(bar(OTHERS, sum((named[name] for name in rest), Counter[str]())))
    return found


def by_time(counts: Counts) -> Columns:
    """A column for each month, ``YYYY-MM``, none left out.

    For each year, if there are many months, or nothing in most of them.
    """
    named = {name: each for name, each in _by_name(counts).items() if _MONTH.fullmatch(name)}
    months = list(_months(named))
    if len(months) <= min(_MONTHS, 2 * len(named)):
        return columns([(month, named.get(month, {})) for month in months], "month")
    years = defaultdict[str, Counter[str]](Counter)
    for month, each in named.items():
        years[month[:4]].update(each)
    first, last = min(years), max(years)
    names = [f"{year:04}" for year in range(int(first), int(last) + 1)]
    return columns([(name, years[name]) for name in names], "year")


def columns(named: Sequence[tuple[str, Mapping[str, int]]], unit: str) -> Columns:
    """A column for each, as high as its total."""
    highest = max((sum(counts.values()) for _, counts in named), default=0)
    lines, top = _lines(highest)
    beside = len(f"{top:,}") * _LETTER + _APART  # the numbers of the lines
    step = (100 - 100 * beside / _PHONE) / max(len(named), _SLOTS)
    longest = max((len(name) for name, _ in named), default=0) * _LETTER + _APART
    share = 100 * longest / _PHONE
    every = math.ceil(share / step)
    return Columns(
        tuple(
            bar(
                name,
                counts,
                top,
                start=round(at * step + step * 0.1, 3),
                width=round(step * 0.8, 3),
                label=name if at % every == 0 and at * step + share <= 100 else "",
            )
            for at, (name, counts) in enumerate(named)
        ),
        tuple((line, _percent(line, top)) for line in lines),
        unit,
    )


def _by_name(counts: Counts) -> dict[str, Counter[str]]:
    named = defaultdict[str, Counter[str]](Counter)
    for (name, verdict), count in counts.items():
        named[name or UNKNOWN][verdict] += count
    return named


def _months(found: Iterable[str]) -> Iterator[str]:
    """From the first to the last, also those in which nothing was."""
    numbers = [int(month[:4]) * 12 + int(month[5:7]) - 1 for month in found]
    if numbers:
        for number in range(min(numbers), max(numbers) + 1):
            yield f"{number // 12:04}-{number % 12 + 1:02}"


def _lines(highest: int) -> tuple[list[int], int]:
    """Round numbers up to what is at least the highest, and the last of them."""
    if highest <= 0:
        return [1], 1
    power = 10 ** math.floor(math.log10(highest))
    steps = (each for each in (power // 2, power) if each and math.ceil(highest / each) <= 4)
    step = next(steps, 2 * power)
    count = math.ceil(highest / step)
    return [step * number for number in range(1, count + 1)], step * count


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 3)
