"""Work for fleets that takes no time, and does what its name says: in any process."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

from samebytes.compare.model import Verdict
from samebytes.digest import Digest
from samebytes.errors import LimitError, UnreachableError, UserError
from samebytes.fleet.inputs.wanted import Wanted
from samebytes.fleet.plan import Job, Planned
from samebytes.fleet.record import Artifact, Key, Record
from samebytes.fleet.workers.work import Settings, UnfitError, worker_name
from samebytes.index.client import Index
from samebytes.index.settings import IndexSettings
from samebytes.verify.document import result_document
from samebytes.verify.means import Effort
from samebytes.verify.task import Task
from samebytes.verify.verification import Verification

TERMS = "the terms of tests"
SETTINGS = Settings(effort=Effort(), bounds=None, index=IndexSettings())
#: In the folder of a test: while it is there, so is the index.
INDEX = "index"


def wanted(names: Iterable[str]) -> list[Wanted]:
    return [Wanted(name=canonicalize_name(name), origin="a test") for name in names]


def digest(filename: str) -> Digest:
    return Digest.of(filename.encode())


def plan(each: Wanted, _index: Index) -> Planned:
    """One artifact of each project."""
    filename = f"{each.name.replace('-', '_')}-1.0-py3-none-any.whl"
    version = Version("1.0")
    artifact = Artifact(
        filename=filename, digest=digest(filename), project=each.name, version=version
    )
    task = Task(name=each.name, version=version, published=Path(filename), source=None)
    key = Key(source="sdist", inference=1)
    return Planned(jobs=(Job(task=task, artifact=artifact, key=key),))


def record(task: Task, verdict: Verdict = Verdict.IDENTICAL) -> Record:
    found = Verification(
        artifact=task.filename,
        digest=digest(task.filename),
        source=f"{task.name}-1.0.tar.gz",
        verdict=verdict,
        attempts=1,
        seconds=0.25,
    )
    return Record(
        result=result_document(found, sandboxed=True),
        comparison=None,
        terms=TERMS,
        worker=worker_name(),
        is_lasting=True,
    )


def instant(task: Task, _settings: Settings) -> Record:
    return record(task)


def act(folder: Path, task: Task, _settings: Settings) -> Record:
    """Do what the name of a project begins with; ``once`` after it: the first time only."""
    what, _, rest = task.name.partition("-")
    if what in _ACTS and not (rest.startswith("once") and not _is_first(folder / task.name)):
        _ACTS[what](folder)
    return record(task)


def _is_first(mark: Path) -> bool:
    is_first = not mark.exists()
    mark.touch()
    return is_first


def _die(_folder: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _hang(_folder: Path) -> None:
    time.sleep(4711)


def _reach(folder: Path) -> None:
    if not (folder / INDEX).exists():
        raise UnreachableError("The index does not answer.")


def _fail(_folder: Path) -> None:
    raise UserError("It fails.")


def _exceed(_folder: Path) -> None:
    raise LimitError("It is too large.", limit="size")


def _unfit(_folder: Path) -> None:
    raise UnfitError("This worker is of no use.")


def _break(_folder: Path) -> None:
    raise RecursionError("too deep")


_ACTS = {
    "die": _die,
    "hang": _hang,
    "reach": _reach,
    "fail": _fail,
    "exceed": _exceed,
    "unfit": _unfit,
    "break": _break,
}
