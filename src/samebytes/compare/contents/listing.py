"""Lists of files: RECORD of wheels (PEP 427, PEP 376) and SOURCES.txt of setuptools, as sets."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator

from samebytes.compare.contents.reading import Finding, Reading
from samebytes.compare.model import Line


def read_record(first: str, second: str) -> Reading:
    """How two RECORDs differ: their rows by path, else their order, else their line ends."""
    one, two = list(_rows(first)), list(_rows(second))
    findings = list(_changed("record-rows", one, two))
    lines = list(_lines(one, two))
    if not findings and one != two:
        findings.append(Finding("record-order", _place(one, two), _place(two, one)))
    if ("\r\n" in first) != ("\r\n" in second):
        findings.append(Finding("record-line-ends", _line_end(first), _line_end(second)))
    return Reading(findings=findings, form="set", lines=lines)


def read_sources(first: str, second: str) -> Reading:
    """How two SOURCES.txt differ: the files they list, else their order."""
    one, two = ([(line, "") for line in text.splitlines()] for text in (first, second))
    findings = list(_changed("sources-list", one, two))
    if not findings and one != two:
        findings.append(Finding("sources-order", _place(one, two), _place(two, one)))
    return Reading(findings=findings, form="set", lines=list(_lines(one, two)))


_Row = tuple[str, str]


def _rows(text: str) -> Iterator[_Row]:
    """Path, and hash with size; a line that is no such row stands as it is."""
    for line in text.splitlines():
        try:
            row = next(csv.reader([line]), [])
        except csv.Error:
            row = []
        yield (row[0], ", ".join(row[1:])) if len(row) == 3 else (line, "")


def _changed(kind: str, one: list[_Row], two: list[_Row]) -> Iterator[Finding]:
    first, second = Counter(one), Counter(two)
    gone, new = first - second, second - first
    values = [_by_path(rows) for rows in (gone, new)]
    for path in dict.fromkeys((*values[0], *values[1])):
        shown = [_value(each.get(path)) for each in values]
        yield Finding(kind, shown[0], shown[1], path)


def _by_path(rows: Iterable[_Row]) -> dict[str, list[str]]:
    paths: dict[str, list[str]] = {}
    for path, value in rows:
        paths.setdefault(path, []).append(value)
    return paths


def _value(values: list[str] | None) -> str:
    return "not listed" if values is None else "; ".join(values) or "listed"


def _lines(one: list[_Row], two: list[_Row]) -> Iterator[Line]:
    first, second = Counter(one), Counter(two)
    for mark, rows in (("-", first - second), ("+", second - first)):
        for path, value in rows.elements():
            yield Line(mark, f"{path}  {value}".rstrip())


def _place(one: list[_Row], two: list[_Row]) -> str:
    """The first row that stands elsewhere."""
    return next(row[0] for row, other in zip(one, two, strict=False) if row != other)


def _line_end(text: str) -> str:
    return "CRLF" if "\r\n" in text else "LF"
