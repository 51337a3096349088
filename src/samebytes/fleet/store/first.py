"""What stores of version 1 have: results by artifact, source and terms, and nothing else."""

from __future__ import annotations

import json
import re
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from packaging.utils import NormalizedName, parse_sdist_filename, parse_wheel_filename
from packaging.version import Version

from samebytes.compare.model import Verdict
from samebytes.digest import Digest
from samebytes.fleet.backend import backend_of
from samebytes.fleet.store.documents import is_too_large
from samebytes.verify.kept import is_whole

_PAGE = 100
_AS_OF = re.compile(r"as of ([0-9]{4}-(?:0[1-9]|1[0-2]))-[0-9]{2} .*")
_YANKED = re.compile(r"It was yanked(?:: (?P<reason>.*))?\.", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    """One row; ``document`` is empty where it is none of ours."""

    filename: str
    digest: Digest
    source: str
    inference: int
    terms: str
    verdict: Verdict
    finished_at: datetime
    seconds: float
    text: str
    document: Mapping[str, Any]

    @property
    def release(self) -> tuple[NormalizedName, Version]:
        """Raises ValueError where the name of the file does not say it."""
        if self.filename.endswith(".whl"):
            return parse_wheel_filename(self.filename)[:2]
        return parse_sdist_filename(self.filename)

    @property
    def month(self) -> str | None:
        """Of the upload, as of which the requirements were resolved."""
        for each in self.document.get("evidence", ()):
            found = _AS_OF.fullmatch(each["value"])
            if each["what"] == "requirements" and each["why"] == "its upload" and found:
                return found[1]
        return None

    @property
    def yanked(self) -> str | None:
        for text in self.document.get("remarks", ()):
            if found := _YANKED.fullmatch(text):
                return found["reason"] or ""
        return None

    @property
    def backend(self) -> str | None:
        return backend_of(self.document, None) if self.document else None


def take_over(connection: sqlite3.Connection) -> None:
    """Have the results of version 1 in the tables of version 2; the last one of each is its own.

    A row that is no result at all is left out: it would never have been found.
    """
    text_factory = connection.text_factory
    connection.text_factory = lambda data: data.decode(errors="replace")
    try:
        for result in _results(connection):
            try:
                _insert(connection, result)
            except ValueError:
                continue
    finally:
        connection.text_factory = text_factory


def _results(connection: sqlite3.Connection) -> Iterator[_Result]:
    cursor = connection.execute(
        "SELECT filename, sha256, source, inference, terms, verdict, finished_at, seconds,"
        " document FROM result ORDER BY filename, sha256, finished_at"
    )
    while rows := cursor.fetchmany(_PAGE):
        for row in rows:
            try:
                yield _result(*row)
            except (TypeError, ValueError):
                continue


def _result(
    filename: str,
    sha256: str,
    source: str,
    inference: int,
    terms: str,
    verdict: str,
    finished_at: str,
    seconds: float,
    text: str,
) -> _Result:
    digest = Digest(sha256)
    return _Result(
        filename=filename,
        digest=digest,
        source=source,
        inference=inference,
        terms=terms,
        verdict=Verdict(verdict),
        finished_at=datetime.fromisoformat(finished_at),
        seconds=float(seconds),
        text=text,
        document=_document(text, filename, digest),
    )


def _document(text: str, filename: str, digest: Digest) -> Mapping[str, Any]:
    if is_too_large(text.encode(errors="replace")):
        return {}
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if isinstance(document, dict) and is_whole(document, filename, digest):
        return document
    return {}


def _insert(connection: sqlite3.Connection, result: _Result) -> None:
    project, version = result.release
    artifact = _id(
        connection,
        "INSERT OR IGNORE INTO artifact (filename, sha256, project, version, state)"
        " VALUES (?, ?, ?, ?, 'pending')",
        (result.filename, str(result.digest), project, str(version)),
        "SELECT id FROM artifact WHERE (filename, sha256) = (?, ?)",
        (result.filename, str(result.digest)),
    )
    terms = _id(
        connection,
        "INSERT OR IGNORE INTO terms (text) VALUES (?)",
        (result.terms,),
        "SELECT id FROM terms WHERE text = ?",
        (result.terms,),
    )
    verdict = connection.execute(
        "INSERT INTO verdict (artifact, source, inference, yanked, terms, verdict, lasting,"
        " finished_at, seconds, worker, compared) VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?, '', 0)",
        (
            artifact,
            result.source,
            result.inference,
            result.yanked,
            terms,
            result.verdict,
            result.finished_at.timestamp(),
            result.seconds,
        ),
    ).lastrowid
    connection.execute(
        "INSERT INTO document VALUES (?, ?, NULL)",
        (verdict, zlib.compress(result.text.encode(errors="replace"))),
    )
    connection.execute(
        "UPDATE artifact SET state = ?, backend = ?, month = coalesce(?, month), seconds = ?,"
        " yanked = ?, verdict = ? WHERE id = ?",
        (
            result.verdict,
            result.backend,
            result.month,
            result.seconds,
            result.yanked,
            verdict,
            artifact,
        ),
    )


def _id(
    connection: sqlite3.Connection,
    insert: str,
    values: tuple[str, ...],
    select: str,
    key: tuple[str, ...],
) -> int:
    connection.execute(insert, values)
    return int(connection.execute(select, key).fetchone()[0])
