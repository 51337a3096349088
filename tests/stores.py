"""Artifacts and records for stores, made by hand or in a hurry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import verifications as made
from packaging.utils import canonicalize_name
from packaging.version import Version

from samebytes.compare.document import comparison_document
from samebytes.digest import Digest
from samebytes.fleet.record import Artifact, Key, Record
from samebytes.verify.document import result_document
from samebytes.verify.verification import Verification

TERMS, WORKER = "samebytes 1; 4 attempts", "local"
UPLOADED = datetime(2024, 12, 4, 17, 35, 26, 123456, tzinfo=UTC)
KEY = Key(source="a" * 64, inference=5)
FOUND: Mapping[str, Verification] = {
    "identical": made.identical(),
    "equivalent": made.equivalent(),
    "different": made.different(),
    "unbuildable": made.unbuildable(),
}


def artifact(number: int = 0, **fields: Any) -> Artifact:
    """One for each number, each of its own project."""
    name = f"demo{number:06}"
    filename = fields.pop("filename", f"{name}-1.0-py3-none-any.whl")
    values: dict[str, Any] = {
        "digest": Digest.of(filename.encode(errors="replace")),
        "project": canonicalize_name(name),
        "version": Version("1.0"),
        "uploaded": UPLOADED,
        "rank": number + 1,
    }
    return Artifact(filename=filename, **values | fields)


def record(of: Artifact, verdict: str = "identical", *, text: str = "", **fields: Any) -> Record:
    """What was found out about it; with ``text`` as a remark, so that records differ."""
    found = replace(
        FOUND[verdict], artifact=of.filename, digest=of.digest, remarks=(text,) if text else ()
    )
    comparison = found.comparison
    if comparison is not None:
        first = replace(comparison.first, filename=of.filename, digest=of.digest)
        comparison = replace(comparison, first=first)
    values: dict[str, Any] = {
        "result": result_document(found, sandboxed=True),
        "comparison": comparison and comparison_document(comparison),
        "terms": TERMS,
        "worker": WORKER,
        "is_lasting": True,
    }
    return Record(**values | fields)
