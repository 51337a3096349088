"""One attempt: a published artifact's source, built by a recipe that may be its own."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from samebytes_core import epoch as epochs

from samebytes.archive.artifact import Form
from samebytes.archive.unpack import unpack_sdist
from samebytes.builder import (
    FIXED_ENVIRONMENT,
    Backend,
    Distribution,
    Surroundings,
    build_system_requires,
)
from samebytes.errors import ArtifactError, LimitError, SamebytesError, UnreachableError
from samebytes.infer.candidate import Candidate, Decision
from samebytes.infer.system import pinned
from samebytes.recipe import Route
from samebytes.request import Workshop
from samebytes.sandbox import noted
from samebytes.sandbox.cell import PATH, Cell, report_of
from samebytes.sandbox.sharing import shared_objects
from samebytes.sandbox.tried import Tried, read_tried
from samebytes.source import GitSource, SdistSource, Source, set_times
from samebytes.verify.packing import packed_again
from samebytes.verify.verification import Failure, Made, Phase
from samebytes.workspace import Room, Workspace

#: Bytes of a pyproject.toml.
_LARGEST = 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """The file and its recipe, or why there is none; ``tried`` is what the build tried.

    ``packing`` is what was done to the file after the build, ``remarks`` are what should be known
    of the source.
    """

    path: Path | None
    made: Made | None
    failure: Failure | None
    packing: Decision | None
    tried: frozenset[Tried]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What all attempts have in common; without ``cell`` hooks run unconfined.

    ``timeout`` are the seconds that a hook may take; ``end`` is when all of them have to have
    ended, of the monotonic clock.
    """

    source: Source
    form: Form
    workshop: Workshop
    space: Workspace
    cell: Cell | None
    timeout: float
    end: float

    def rebuild(self, candidate: Candidate) -> Rebuilt:
        """Build; raises UnreachableError where the index cannot be reached, and nothing else."""
        work = _Work(self, candidate, self.space.room("build"))
        path, failure = None, None
        try:
            path = work.build()
        except _FailedError as failed:
            failure = failed.failure
        return Rebuilt(
            path=path,
            made=work.made,
            failure=failure,
            packing=work.packing,
            tried=frozenset(work.tried),
            remarks=work.remarks,
        )

    def time_left(self) -> float:
        """Seconds for the next hook; raises LimitError where there are none."""
        left = self.end - time.monotonic()
        if left <= 0:
            raise LimitError("There is no time left for it.", limit="time")
        return min(self.timeout, left)


class _FailedError(Exception):
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@contextmanager
def _phase(phase: Phase) -> Iterator[None]:
    try:
        yield
    except UnreachableError:
        raise
    except SamebytesError as error:
        raise _FailedError(Failure.of(phase, error)) from None


class _Work:
    def __init__(self, bench: Bench, candidate: Candidate, room: Room) -> None:
        self.bench = bench
        self.candidate = candidate
        self.room = room
        self.made: Made | None = None
        self.packing: Decision | None = None
        self.shared: tuple[Path, ...] = ()
        self.remarks: tuple[str, ...] = ()
        self.tried: set[Tried] = set()
        self.distribution: Distribution = "wheel" if bench.form is Form.WHEEL else "sdist"

    def build(self) -> Path:
        bench = self.bench
        bench.workshop.reporter.step("unpacking")
        with _phase(Phase.UNPACK):
            bench.time_left()
            project = self._tree()
        if self.candidate.route is Route.SDIST and not isinstance(bench.source, SdistSource):
            sdist = self._built(project, "sdist")
            with _phase(Phase.UNPACK):
                project = self._unpacked(sdist)
        return self._finished(self._built(project, self.distribution))

    def _built(self, project: Path, distribution: Distribution) -> Path:
        """The artifact, out of reach for any later build."""
        bench, epoch = self.bench, self.candidate.stamps.epoch
        step = bench.workshop.reporter.step
        step("resolving the build requirements")
        self._configure()
        with _phase(Phase.REQUIREMENTS):
            _check_pyproject(project, self.room.tree)
            requires = pinned(build_system_requires(project), self.candidate.pins)
            requires |= set(_of_frontend(self.candidate))
            backend = self._backend(requires)
        with _phase(Phase.BUILD), self._noting():
            backend = replace(backend, timeout=bench.time_left())
            extra = backend.extra_requires(self.room, project, distribution, epoch)
        extra = pinned(extra, self.candidate.pins) if extra else set()
        if extra - requires:
            with _phase(Phase.REQUIREMENTS):
                backend = self._backend(requires | extra)
        step("building")
        with _phase(Phase.BUILD), self._noting():
            _check_pyproject(project, self.room.tree)
            backend = replace(backend, timeout=bench.time_left())
            if self.candidate.frontend:
                built = backend.build_by_flit(self.room, project, epoch)
            else:
                built = backend.build(self.room, project, distribution, epoch)
        final = bench.space.shelf() / built.name
        os.rename(built, final)
        final.chmod(0o600)
        return final

    def _finished(self, built: Path) -> Path:
        """Compressed as the published file is, if that is known: all else is then compared."""
        candidate, made = self.candidate, self.made
        if candidate.deflate is None or made is None:
            return built
        self.bench.workshop.reporter.step("compressing")
        final = self.bench.space.shelf() / built.name
        path, self.packing, is_compressed = packed_again(built, final, candidate.written)
        if not is_compressed:
            self.made = replace(made, candidate=replace(candidate, deflate=None))
        return path

    def _unpacked(self, sdist: Path) -> Path:
        """The tree of an sdist that was built on the way, in a new room."""
        self.room = self.bench.space.room("build")
        archived = self.candidate.stamps.archived
        unpack_sdist(sdist, self.room.tree, mtime=0, archived=archived)
        return self.room.tree

    @contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        finally:
            self.room.reopen()
            self.tried |= read_tried(report_of(self.room))

    def _tree(self) -> Path:
        source, stamps = self.bench.source, self.candidate.stamps
        if isinstance(source, SdistSource):
            return source.tree(self.room.tree, 0, archived=stamps.archived)
        mtime = stamps.epoch or epochs.ZIP_FLOOR
        project = source.tree(self.room.tree, mtime)
        self.shared = tuple(shared_objects(self.room.tree))
        self.remarks = source.warnings(self.room.tree)
        if self.candidate.windows and isinstance(source, GitSource):
            source.git.convert_line_ends(self.room.tree)
            set_times(self.room.tree, mtime)
        return project

    def _configure(self) -> None:
        """Before any hook, which could put a link in the file's place."""
        if options := self.candidate.options:
            # Which every release of setuptools reads, unlike any one config setting.
            lines = (f"{name} = {value}\n" for name, value in options.items())
            (self.room.home / ".pydistutils.cfg").write_text("[bdist_wheel]\n" + "".join(lines))

    def _backend(self, requires: set[str]) -> Backend:
        bench, candidate = self.bench, self.candidate
        shed = bench.workshop.toolshed(candidate.python)
        toolchain = shed.provide(shed.resolve(requires, candidate.as_of))
        environment = {**FIXED_ENVIRONMENT, "TZ": candidate.stamps.timezone}
        hidden = noted.environment(windows=candidate.windows)
        self.made = Made(
            source=bench.source.identity,
            candidate=candidate,
            pins=toolchain.pins,
            environment={
                **environment,
                "umask": f"{candidate.umask:03o}",
                **({"line ends": "as on Windows"} if candidate.windows else {}),
            },
        )
        backend = bench.workshop.backend(toolchain, timeout=bench.timeout)
        if bench.cell is None:
            plain = Surroundings(environment=environment | hidden, umask=candidate.umask)
            return replace(backend, surroundings=plain)
        python = (self.candidate.python.path, toolchain.python)
        cell = bench.cell.fitted(python, (toolchain.root, *self.shared))
        confined = cell.surroundings(
            self.room, toolchain.python, environment | hidden, candidate.umask
        )
        return replace(backend, surroundings=confined, path=PATH)


def _of_frontend(candidate: Candidate) -> Iterator[str]:
    """flit and flit-core are of the same release."""
    if candidate.frontend:
        pins = [pin for pin in candidate.pins if pin.name == "flit-core"]
        yield from (f"{candidate.frontend}{pin.specifier}" for pin in pins)
        yield candidate.frontend


def _check_pyproject(project: Path, tree: Path) -> None:
    """Raise ArtifactError unless it is a small file of the tree's, or none.

    A stranger, or a hook of theirs, may have put there what nobody should begin to read.
    """
    path = project / "pyproject.toml"
    real = Path(os.path.realpath(path))
    if not os.path.lexists(path):
        return
    if not (real.is_relative_to(tree.resolve()) and real.is_file()):
        problem = "is no file of the project"
    elif real.stat().st_size > _LARGEST:
        problem = f"has more than {_LARGEST:,} bytes"
    else:
        return
    raise ArtifactError(f"The pyproject.toml of the project {problem}.")
