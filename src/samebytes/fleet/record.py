"""What an audit is told and keeps of an artifact: small, and the same from any worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from packaging.utils import NormalizedName
from packaging.version import Version

from samebytes.digest import Digest
from samebytes.verify.document import Result

#: One comparison of a document, as ``comparison_document`` gives it.
ComparisonDocument = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A published file; ``rank`` 1 is that of the most used project, None: nobody says."""

    filename: str
    digest: Digest
    project: NormalizedName
    version: Version
    uploaded: datetime | None = None
    yanked: str | None = None
    rank: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Besides the artifact, what a verdict rests on, so that it is made anew where one changes.

    ``source`` identifies what it was rebuilt from, ``inference`` is the version of the rules that
    infer how it was built, ``yanked`` the reason why it was withdrawn, None when it was not.
    """

    source: str
    inference: int
    yanked: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What a worker gives back: a result of verify-1.json, and a comparison of diff-1.json.

    ``terms`` are, in words, all else that decides what is found: those of the worker that found
    it. ``worker`` names it. Unless ``is_lasting``, it may be otherwise tomorrow.
    """

    result: Result
    comparison: ComparisonDocument | None
    terms: str
    worker: str
    is_lasting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A record that was kept, and when."""

    record: Record
    finished_at: datetime
