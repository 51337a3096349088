"""What a worker is given, and what it gives back: a task done by itself, anywhere."""

from __future__ import annotations

import os
import socket
import threading
import traceback
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from samebytes import __version__
from samebytes.compare.document import comparison_document
from samebytes.errors import SamebytesError, UserError
from samebytes.fleet.record import Record
from samebytes.index.client import Index
from samebytes.index.settings import IndexSettings
from samebytes.places import cache_folder
from samebytes.process import Runner
from samebytes.request import Workshop
from samebytes.sandbox.bounds import Bounds
from samebytes.verify.document import result_document
from samebytes.verify.means import Effort, Means
from samebytes.verify.task import Task
from samebytes.verify.verification import Phase, Verification
from samebytes.workspace import DEFAULT_BASE

#: Names the folder in which builds run; the command line has an option for it, workers have not.
WORKSPACE = "SAMEBYTES_WORKSPACE"

#: Why something is unbuildable today that may not be tomorrow.
_PASSING = (Phase.DOWNLOAD, Phase.REQUIREMENTS, Phase.TIMEOUT, Phase.LIMIT)

#: Where temporary files are made is said once for a process, and each task has a place of its own.
_ALONE = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """What was found out of this machine, for those of its processes that do the work."""

    means: Means
    cache: Path
    base: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that a worker needs besides its task; it can be sent to another process, or machine.

    Without ``bounds``, builds run unconfined. Without ``here``, a worker looks for itself: the
    Pythons and the sandbox of its machine, its cache, and where it builds. ``version`` is that of
    the program, which has to be the worker's own.
    """

    effort: Effort
    bounds: Bounds | None
    index: IndexSettings
    here: Here | None = None
    version: str = __version__


class UnfitError(UserError):
    """This worker can do none of the tasks that it is given, whatever they are."""


class Silence:
    """A reporter that tells nobody."""

    def step(self, text: str) -> None:
        pass

    def fact(self, label: str, text: str) -> None:
        pass

    def warn(self, text: str) -> None:
        pass


def perform(task: Task, settings: Settings) -> Record:
    """Verify one artifact; raises as ``verified`` does."""
    found = verified(task, settings)
    try:
        return Record(
            result=result_document(found, sandboxed=settings.bounds is not None),
            comparison=comparison_document(found.comparison) if found.comparison else None,
            terms=terms_of(_here(settings).means),
            worker=worker_name(),
            is_lasting=is_lasting(found),
        )
    except Exception as error:
        raise unexpected(error) from None


def verified(task: Task, settings: Settings) -> Verification:
    """Verify one artifact, after any other that this process is at.

    Raises SamebytesError as ``Task.perform`` does, and for all that nobody thought of; UnfitError
    where it cannot be done here.
    """
    here = _here(settings)
    workshop = _workshop(settings, here.cache, here.base)
    index = Index(workshop.index, workshop.downloads)
    with _ALONE:
        try:
            return task.perform(here.means, workshop, index)
        except SamebytesError:
            raise
        except Exception as error:
            # It may not survive the way back, or be of a library that is only here.
            raise unexpected(error) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """What a worker says of itself; ``problem`` is why it is of no use, or empty."""

    name: str
    terms: str
    problem: str = ""


def describe(settings: Settings) -> Worker:
    """The process in which this is called."""
    try:
        terms = terms_of(_here(settings).means)
    except SamebytesError as error:
        return Worker(name=worker_name(), terms="", problem=error.message)
    return Worker(name=worker_name(), terms=terms)


def worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _here(settings: Settings) -> Here:
    if settings.version != __version__:
        raise UnfitError(
            f"{worker_name()} has samebytes {__version__}, and is asked to be {settings.version}.",
            hint="Install the same version on all machines.",
        )
    if settings.here is not None:
        return settings.here
    return _found_out(settings.effort, settings.bounds)


@lru_cache(maxsize=1)
def _found_out(effort: Effort, bounds: Bounds | None) -> Here:
    cache, base = cache_folder(), Path(os.environ.get(WORKSPACE) or DEFAULT_BASE)
    workshop = _workshop(Settings(effort=effort, bounds=bounds, index=IndexSettings()), cache, base)
    try:
        means = Means.prepare(workshop, effort, bounds)
    except UserError as error:
        raise UnfitError(f"{worker_name()}: {error.message}", hint=error.hint) from None
    return Here(means=means, cache=cache, base=base)


def _workshop(settings: Settings, cache: Path, base: Path) -> Workshop:
    return Workshop(
        runner=Runner(),
        environ=os.environ,
        index=settings.index,
        cache=cache,
        reporter=Silence(),
        base=base,
    )


def terms_of(means: Means) -> str:
    """What decides a verdict besides the files and the rules of inference."""
    effort, cell = means.effort, means.cell
    pythons = ", ".join(
        f"{each.identity.implementation} {each.identity.version} zlib {each.identity.zlib}"
        for each in means.pythons
    )
    return "; ".join(
        (
            f"samebytes {__version__}",
            f"sandbox of {cell.bounds.memory} bytes" if cell else "no sandbox",
            f"{effort.attempts} attempts of {effort.timeout:g} s, {effort.total:g} s in all",
            f"Pythons: {pythons}",
        )
    )


def is_lasting(found: Verification) -> bool:
    """Whether there is no use in verifying it again."""
    return found.failure is None or found.failure.phase not in _PASSING


def unexpected(error: Exception) -> UserError:
    """What nobody thought of, as an error of one artifact."""
    debug = os.environ.get("SAMEBYTES_DEBUG")
    detail = "".join(traceback.format_exception(error)) if debug else ""
    if isinstance(error, OSError):
        return UserError(f"The system reports: {error}.", hint="Try it again.", detail=detail)
    return UserError(
        f"Unexpected {type(error).__name__}: {error}.",
        hint="This is a bug of samebytes. SAMEBYTES_DEBUG=1 shows where; please report it.",
        detail=detail,
    )
