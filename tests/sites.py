"""Stores for sites: a few artifacts of every kind, or as many as wanted, all made by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import verifications as made
from packaging.utils import canonicalize_name
from packaging.version import Version

from samebytes.compare.document import comparison_document
from samebytes.digest import Digest
from samebytes.fleet.record import Artifact, Key, Record
from samebytes.fleet.store.figures import Figures
from samebytes.fleet.store.store import Store
from samebytes.infer.candidate import Decision
from samebytes.verify.document import result_document
from samebytes.verify.verification import Verification

TERMS = (
    "samebytes 1.0; sandbox of 4294967296 bytes; 4 attempts of 1800 s, 3600 s in all; "
    "Pythons: CPython 3.13.0 zlib 1.3.1"
)
BACKENDS = ("setuptools", "hatchling", "flit_core", "poetry-core", "pdm-backend")
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


@contextmanager
def store(path: Path) -> Iterator[Store]:
    with Store.open(path) as opened:
        opened.begin("local", 2, "samebytes audit -r lock.txt")
        yield opened
        opened.commit()


def figures(opened: Store) -> Figures:
    opened.commit()
    return Figures(opened)


def wheel(name: str, version: str) -> str:
    return f"{name.replace('-', '_')}-{version}-py3-none-any.whl"


def put(
    opened: Store,
    found: Verification,
    project: str,
    version: str = "1.0",
    *,
    filename: str | None = None,
    digest: Digest | None = None,
    uploaded: datetime | None = NOON,
    backend: str = "setuptools",
    rank: int | None = None,
    yanked: str | None = None,
) -> Artifact:
    """Keep what was found, as if it were of this artifact."""
    filename = wheel(project, version) if filename is None else filename
    digest = digest or made.digest(filename)
    artifact = Artifact(
        filename=filename,
        digest=digest,
        project=canonicalize_name(project),
        version=Version(version),
        uploaded=uploaded,
        yanked=yanked,
        rank=rank,
    )
    found = renamed(found, filename, digest, backend, f"{project}-{version}.tar.gz")
    comparison = found.comparison
    record = Record(
        result=result_document(found, sandboxed=True),
        comparison=comparison_document(comparison) if comparison else None,
        terms=TERMS,
        worker="machine:4711",
        is_lasting=True,
    )
    opened.select(artifact, kept=False)
    attempt = opened.attempt(artifact, 1, "machine:4711")
    opened.ended(attempt, "done")
    opened.put(artifact, Key(source="sdist", inference=1, yanked=yanked), record)
    return artifact


def renamed(
    found: Verification, filename: str, digest: Digest, backend: str, source: str
) -> Verification:
    decisions = tuple(
        Decision(each.what, f"{backend}==1.0", each.why) if each.what == "backend" else each
        for each in found.evidence
    )
    comparison = found.comparison
    if comparison is not None:
        comparison = replace(
            comparison,
            first=replace(
                comparison.first, filename=filename, digest=digest, backend=f"{backend} 1.0"
            ),
            second=replace(comparison.second, filename=filename),
        )
    return replace(
        found,
        artifact=filename,
        digest=digest,
        source=found.source and source,
        evidence=decisions,
        comparison=comparison,
    )


def pending(opened: Store, project: str, version: str = "1.0") -> Artifact:
    filename = wheel(project, version)
    artifact = Artifact(
        filename=filename,
        digest=made.digest(filename),
        project=canonicalize_name(project),
        version=Version(version),
        uploaded=NOON,
    )
    opened.select(artifact, kept=False)
    return artifact


def fill(opened: Store) -> None:
    """One of everything."""
    put(opened, made.identical(), "alpha", "2.0", rank=1)
    put(opened, made.identical(), "alpha", "1.0", uploaded=NOON - timedelta(days=400))
    put(opened, made.equivalent(), "beta", "1.0+local.1", backend="hatchling", rank=2)
    put(opened, made.different(), "gamma", "3.0", backend="flit_core", rank=3)
    put(opened, made.unbuildable(), "delta", "0.9", backend="flit_core", rank=4)
    put(opened, made.without_sdist(), "epsilon", uploaded=None)
    put(opened, made.suspicious(), "zeta", rank=5)
    put(opened, made.attested(), "eta", yanked="a bug")
    pending(opened, "theta")


def fill_many(opened: Store, count: int) -> None:
    """So many, of small documents, of four versions a project."""
    kinds = (
        [made.identical()] * 6 + [made.equivalent()] * 2 + [made.unbuildable(), made.different()]
    )
    for number in range(count):
        put(
            opened,
            kinds[number * 7 % 10],
            f"project-{number // 4:06}",
            f"{number % 4}.{number % 7}",
            backend=BACKENDS[number * 3 % 7 % 5],
            uploaded=datetime(2013 + number % 13, 1 + number % 12, 1, tzinfo=UTC),
            rank=number,
        )
        if number % 500 == 499:
            opened.commit()
