"""The steps of a release: each is done once, and again when what it rests on has changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import Generic, TypeVar

from samebytes.digest import Digest
from samebytes.release.folder import ReleaseFolder
from samebytes.release.record import StepRecord
from samebytes.request import Reporter
from samebytes.wire import dump_document

Work = TypeVar("Work")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a step.

    ``facts`` are what a person is told, ``problems`` what is wrong and what to do about it: with
    any, the step is not done. ``files`` lie in the work folder and belong into the release's.
    """

    facts: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()


class Stage(StrEnum):
    """All steps of a stage are tried, so that all problems are told; then the next one begins."""

    PREFLIGHT = "preflight"
    BUILD = "build"
    PROOF = "proof"
    SIGNATURE = "signature"
    PUBLICATION = "publication"


@dataclass(frozen=True, slots=True)
class Step(Generic[Work]):
    """``title`` is what is true once it is done. ``inputs`` is all that the outcome depends on, as
    JSON; ``folder`` is where its files go, below that of the release. What is not ``remembered`` is
    looked at each time, whatever was found before.
    """

    id: str
    title: str
    stage: Stage
    inputs: Callable[[Work], Mapping[str, object]]
    run: Callable[[Work], Result]
    folder: str = ""
    remembered: bool = True


def carry_out(
    steps: Sequence[Step[Work]], work: Work, folder: ReleaseFolder, reporter: Reporter
) -> bool:
    """Do what is not done yet, and write down each outcome; whether all is done.

    Raises SamebytesError where a step cannot be tried; what was done before it stays done.
    """
    for _, stage in groupby(steps, key=lambda step: step.stage):
        records = [_carry_out(step, work, folder, reporter) for step in stage]
        if not all(record.is_done for record in records):
            return False
    return True


def is_over(step: Step[Work], work: Work, folder: ReleaseFolder) -> bool:
    """Whether a step is done, so that it would not be run."""
    kept = _kept(step, _inputs(step, work), folder)
    return kept is not None and not folder.altered(kept.files)


def _inputs(step: Step[Work], work: Work) -> Digest:
    return Digest.of(dump_document(dict(step.inputs(work))).encode())


def _kept(step: Step[Work], inputs: Digest, folder: ReleaseFolder) -> StepRecord | None:
    """The outcome that is on record, if it is one of the same inputs that may be relied on."""
    kept = folder.record.step(step.id) if step.remembered else None
    return kept if kept is not None and kept.is_done and kept.inputs == inputs else None


def _carry_out(
    step: Step[Work], work: Work, folder: ReleaseFolder, reporter: Reporter
) -> StepRecord:
    inputs = _inputs(step, work)
    kept = _kept(step, inputs, folder)
    if kept is not None:
        altered = folder.altered(kept.files)
        if not altered:
            return kept
        names = ", ".join(altered)
        reporter.warn(f"Not as it was written, and made again: {names}.")
    reporter.step(step.title)
    started = time.monotonic()
    result = step.run(work)
    record = StepRecord(
        id=step.id,
        inputs=inputs,
        files={
            f"{step.folder}/{path.name}".lstrip("/"): Digest.of_file(path) for path in result.files
        },
        facts=result.facts,
        problems=result.problems,
        finished=datetime.now(UTC).replace(microsecond=0),
        seconds=round(time.monotonic() - started, 3),
    )
    folder.keep(record, dict(zip(record.files, result.files, strict=True)))
    for fact in result.facts:
        reporter.fact(step.id, fact)
    return record
