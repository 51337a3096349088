"""One attempt: a published artifact's source, built by a recipe that may be its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from samebytes import epoch as epochs
from samebytes.archive.artifact import Form
from samebytes.archive.unpack import unpack_sdist
from samebytes.builder import (
    FIXED_ENVIRONMENT,
    Backend,
    Distribution,
    Surroundings,
    build_system_requires,
)
from samebytes.errors import SamebytesError, UnreachableError
from samebytes.infer.candidate import Candidate
from samebytes.infer.system import pinned
from samebytes.recipe import Route
from samebytes.request import Workshop
from samebytes.sandbox import noted
from samebytes.sandbox.cell import PATH, Cell
from samebytes.sandbox.tried import Tried, read_tried
from samebytes.source import GitSource, SdistSource, Source, set_times
from samebytes.toolchain import Toolchain
from samebytes.verify.verification import Failure, Made, Phase
from samebytes.workspace import Room, Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """The file and its recipe, or why there is none; ``tried`` is what the build tried."""

    path: Path | None
    made: Made | None
    failure: Failure | None
    tried: frozenset[Tried]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What all attempts have in common; without ``cell`` hooks run unconfined."""

    source: Source
    form: Form
    workshop: Workshop
    space: Workspace
    cell: Cell | None
    timeout: float

    def rebuild(self, candidate: Candidate) -> Rebuilt:
        """Build; raises UnreachableError where the index cannot be reached, and nothing else."""
        work = _Work(self, candidate, self.space.room("build"))
        path, failure = None, None
        try:
            path = work.build()
        except _FailedError as failed:
            failure = failed.failure
        return Rebuilt(path=path, made=work.made, failure=failure, tried=frozenset(work.tried))


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
        self.tried: set[Tried] = set()
        self.distribution: Distribution = "wheel" if bench.form is Form.WHEEL else "sdist"

    def build(self) -> Path:
        bench = self.bench
        bench.workshop.reporter.step("unpacking")
        with _phase(Phase.UNPACK):
            project = self._tree()
        if self.candidate.route is Route.SDIST and not isinstance(bench.source, SdistSource):
            sdist = self._built(project, "sdist")
            with _phase(Phase.UNPACK):
                project = self._unpacked(sdist)
        return self._built(project, self.distribution)

    def _built(self, project: Path, distribution: Distribution) -> Path:
        """The artifact, out of reach for any later build."""
        bench, epoch = self.bench, self.candidate.stamps.epoch
        step = bench.workshop.reporter.step
        step("resolving the build requirements")
        with _phase(Phase.REQUIREMENTS):
            requires = pinned(build_system_requires(project), self.candidate.pins)
            backend = self._backend(requires)
        with _phase(Phase.BUILD), self._noting():
            extra = backend.extra_requires(self.room, project, distribution, epoch)
        extra = pinned(extra, self.candidate.pins) if extra else set()
        if extra - requires:
            with _phase(Phase.REQUIREMENTS):
                backend = self._backend(requires | extra)
        step("building")
        with _phase(Phase.BUILD), self._noting():
            built = backend.build(self.room, project, distribution, epoch)
        final = bench.space.shelf() / built.name
        os.rename(built, final)
        return final

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
            self.tried |= read_tried(self.room.root)

    def _tree(self) -> Path:
        source, stamps = self.bench.source, self.candidate.stamps
        if isinstance(source, SdistSource):
            return source.tree(self.room.tree, 0, archived=stamps.archived)
        mtime = stamps.epoch or epochs.ZIP_FLOOR
        project = source.tree(self.room.tree, mtime)
        if self.candidate.windows and isinstance(source, GitSource):
            source.git.convert_line_ends(self.room.tree)
            set_times(self.room.tree, mtime)
        return project

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
        if candidate.options:
            # Which every release of setuptools reads, unlike any one config setting.
            lines = (f"{name} = {value}\n" for name, value in candidate.options.items())
            (self.room.home / ".pydistutils.cfg").write_text("[bdist_wheel]\n" + "".join(lines))
        backend = bench.workshop.backend(toolchain, timeout=bench.timeout)
        if bench.cell is None:
            plain = Surroundings(environment=environment | hidden, umask=candidate.umask)
            return replace(backend, surroundings=plain)
        cell = replace(bench.cell, readable=tuple(self._readable(toolchain)))
        confined = cell.surroundings(
            self.room, toolchain.python, environment | hidden, candidate.umask
        )
        return replace(backend, surroundings=confined, path=PATH)

    def _readable(self, toolchain: Toolchain) -> Iterator[Path]:
        """What the build needs of the host besides programs, each where it really is."""
        yield toolchain.root
        for python in (self.candidate.python.path, toolchain.python):
            link = python
            while link.is_symlink():
                link = link.parent / os.readlink(link)
                if not link.is_relative_to("/usr"):
                    yield link.parent.parent
            if not link.is_relative_to("/usr"):
                yield link.parent.parent
        for shared in self.room.tree.glob(".git/**/objects/info/alternates"):
            yield from map(Path, shared.read_text().splitlines())
