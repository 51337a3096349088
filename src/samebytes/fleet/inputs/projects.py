"""Lists of projects, most used first: plain text, CSV, or JSON of top-pypi-packages."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import InvalidName, NormalizedName, canonicalize_name

from samebytes.errors import UserError
from samebytes.fleet.inputs.entries import read_text
from samebytes.wire import Node

#: An index of a million projects, with counts, as JSON.
MAX_SIZE = 128 * 1024 * 1024
MAX_PROJECTS = 2_000_000
MAX_NAME = 200

#: How columns are called that have the name, and how often it is used.
_NAMES = ("project", "name", "package", "package_name")
_COUNTS = ("download_count", "downloads", "count", "num_downloads")

_COUNT = re.compile(r"\d{1,18}")
_FORMATS = (
    "A list of projects is text with one name a line, CSV with a column of names, or the JSON of "
    'top-pypi-packages: {"rows": [{"project": "requests"}]}. Releases (NAME==VERSION) go into a '
    "file for -r."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A project of a list; ``place`` says where it stands, for people: ``line 12``."""

    name: NormalizedName
    count: int | None
    place: str


def read_projects(path: Path) -> tuple[Listed, ...]:
    """The projects of a list, most used first, each once.

    Where each has a count, the highest is first; else they are in the order of the file. Raises
    UserError, with file and line or place, for what is no list, or has no project.
    """
    text = read_text(path, largest=MAX_SIZE, hint=_FORMATS)
    found: dict[NormalizedName, Listed] = {}
    try:
        for each in _reader(path, text):
            found.setdefault(each.name, each)
            if len(found) > MAX_PROJECTS:
                raise UserError(f"it has more than {MAX_PROJECTS:,} projects")
    except UserError as error:
        message = error.message.rstrip(".")
        raise UserError(f"{path} is no list of projects: {message}.", hint=_FORMATS) from None
    if not found:
        raise UserError(f"{path} is no list of projects: it has none.", hint=_FORMATS)
    projects = tuple(found.values())
    if all(each.count is not None for each in projects):
        return tuple(sorted(projects, key=lambda each: -(each.count or 0)))
    return projects


def _reader(path: Path, text: str) -> Iterator[Listed]:
    start = text.lstrip()[:1]
    if path.suffix == ".json" or start in ("{", "["):
        return _from_json(text)
    lines = (line.partition("#")[0] for line in text.splitlines())
    if path.suffix == ".csv" or "," in next(filter(str.strip, lines), ""):
        return _from_csv(text)
    return _from_text(text)


def _from_text(text: str) -> Iterator[Listed]:
    for number, line in enumerate(text.splitlines(), 1):
        place, words = f"line {number}", line.partition("#")[0].split()
        if len(words) > 2 or (len(words) == 2 and not _COUNT.fullmatch(words[1])):
            raise UserError(f"{place} is not a name, or a name and a count: {_cut(line)!r}")
        if words:
            yield _listed(words[0], words[1] if len(words) == 2 else None, place)


def _from_csv(text: str) -> Iterator[Listed]:
    rows = csv.reader(io.StringIO(text), skipinitialspace=True)
    columns: tuple[int, int] | None = None
    try:
        for row in rows:
            cells = [cell.strip() for cell in row]
            if not any(cells) or cells[0].startswith("#"):
                continue
            if columns is None:
                columns, is_header = _columns(cells)
                if is_header:
                    continue
            yield _from_cells(cells, columns, f"line {rows.line_num}")
    except csv.Error as error:
        raise UserError(f"line {rows.line_num}: {error}") from None


def _columns(cells: list[str]) -> tuple[tuple[int, int], bool]:
    """In which columns names and counts are, and whether this is the row that says so."""
    titles = [cell.lower() for cell in cells]
    names = [number for number, title in enumerate(titles) if title in _NAMES]
    counts = [number for number, title in enumerate(titles) if title in _COUNTS]
    if names and not any(map(_COUNT.fullmatch, cells)):
        return (names[0], counts[0] if counts else -1), True
    return (0, 1), False


def _from_cells(cells: list[str], columns: tuple[int, int], place: str) -> Listed:
    name, count = columns
    if name >= len(cells):
        raise UserError(f"{place} has no name")
    return _listed(cells[name], cells[count] if 0 <= count < len(cells) else None, place)


def _from_json(text: str) -> Iterator[Listed]:
    try:
        node = Node(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise UserError(str(error) or "its values are nested too deeply") from None
    rows = node if isinstance(node.value, list) else node["rows"]
    for row in rows:
        if isinstance(row.value, str):
            yield _listed(row.value, None, row.path)
            continue
        key = next((key for key in _NAMES if key in row.expect(dict)), _NAMES[0])
        count = next((key for key in _COUNTS if key in row.expect(dict)), None)
        number = None if count is None else str(row[count].expect(int))
        yield _listed(row[key].expect(str), number, row.path)


def _listed(name: str, count: str | None, place: str) -> Listed:
    if count and not _COUNT.fullmatch(count):
        raise UserError(f"{place}: {_cut(count)!r} is no count")
    if len(name) > MAX_NAME:
        raise UserError(f"{place}: {_cut(name)!r} is longer than any name")
    try:
        normalized = canonicalize_name(name, validate=True)
    except InvalidName:
        raise UserError(f"{place}: {_cut(name)!r} is not the name of a project") from None
    return Listed(name=normalized, count=int(count) if count else None, place=place)


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}…"


def ranked(lists: Iterable[tuple[Path, tuple[Listed, ...]]]) -> Iterator[tuple[int, Path, Listed]]:
    """The projects of several lists, each once, by their best place in any: 1 is the first."""
    places = (
        (rank, number, path, each)
        for number, (path, listed) in enumerate(lists)
        for rank, each in enumerate(listed, 1)
    )
    seen = set[NormalizedName]()
    for rank, _, path, each in sorted(places, key=lambda place: place[:2]):
        if each.name not in seen:
            seen.add(each.name)
            yield rank, path, each
