"""The artifacts of one build: the sdist and the wheel of each route, side by side."""

from __future__ import annotations

import gzip
import os
import shutil
import stat
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from samebytes_core.epoch import Epoch

from samebytes.archive.artifact import read_artifact
from samebytes.archive.damage import damage_named
from samebytes.archive.finish import Finish
from samebytes.archive.limits import Limits
from samebytes.archive.traces import TarFacts
from samebytes.archive.unpack import unpack_sdist
from samebytes.builder import Backend
from samebytes.digest import Digest
from samebytes.errors import ArtifactError
from samebytes.hook import complete_stream, overlapping
from samebytes.recipe import Artifact, Route, Writer
from samebytes.request import Request, Workshop
from samebytes.sandbox.sharing import shared_objects
from samebytes.workspace import Room, Workspace

_POLL_SECONDS = 0.02

_COPY_BYTES = 1024**2
#: Bytes of an archive that is unpacked before it is compressed.
_LARGEST_STREAM = 1024**3


@dataclass(frozen=True, slots=True)
class Site:
    """One build at work."""

    request: Request
    workshop: Workshop
    space: Workspace
    pool: ThreadPoolExecutor
    epoch: Epoch

    @property
    def finish(self) -> Finish | None:
        """What becomes of archives; None if they stay as the backend wrote them."""
        deflate = self.request.deflate is not None
        if not (self.request.canonical or deflate):
            return None
        return Finish(epoch=self.epoch, deflate=deflate)

    @property
    def needs_sdist(self) -> bool:
        return self.request.sdist or self.needs_sdist_wheel

    @property
    def needs_sdist_wheel(self) -> bool:
        return self.request.wheel and self.request.route is not Route.TREE

    @property
    def needs_tree_wheel(self) -> bool:
        return self.request.wheel and self.request.route is not Route.SDIST


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A room and the project's tree in it.

    ``shared`` are the folders outside of it in which git finds objects of the tree.
    """

    room: Room
    tree: Path
    shared: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """An artifact in its final form, not yet published."""

    path: Path
    traces: frozenset[str]

    def record(self) -> Artifact:
        return Artifact(
            filename=self.path.name,
            digest=Digest.of_file(self.path),
            size=self.path.stat().st_size,
            writer=Writer.SAMEBYTES if self.traces else Writer.BACKEND,
            traces=tuple(sorted(self.traces)),
        )


def prepare(site: Site, name: str) -> Plot:
    room = site.space.room(name)
    tree = site.request.source.tree(room.tree, site.epoch.seconds)
    return Plot(room=room, tree=tree, shared=tuple(shared_objects(room.tree)))


def assemble(
    site: Site, backend: Backend, plots: Mapping[str, Plot]
) -> tuple[Built | None, dict[Route, Built]]:
    """The sdist and the wheel of each route, built side by side as far as they can be."""
    site.workshop.reporter.step("building")
    work = _Work(site, backend, {})
    packed = site.pool.submit(work.pack, plots["sdist"]) if site.needs_sdist else None
    if site.needs_tree_wheel:
        work.wheels[Route.TREE] = site.pool.submit(work.wheel, plots["wheel"], Route.TREE)
    sdist = None if packed is None else work.sdist(packed, plots["sdist"].room)
    return sdist, {route: wheel.result() for route, wheel in work.wheels.items()}


@dataclass(frozen=True, slots=True)
class _Work:
    """Artifacts in the making; ``wheels`` holds those that were begun."""

    site: Site
    backend: Backend
    wheels: dict[Route, Future[Built]]

    def pack(self, plot: Plot) -> Path:
        added = overlapping(plot.room.streams)
        return self.backend.build(plot.room, plot.tree, "sdist", self.site.epoch.seconds, added)

    def wheel(self, plot: Plot, route: Route) -> Built:
        """Build a wheel; leaves no room behind, so that the next is built at the same path."""
        epoch = self.site.epoch.for_zip
        raw = self.backend.build(plot.room, plot.tree, "wheel", epoch)
        is_second = route is Route.SDIST and Route.TREE in self.wheels
        if not is_second or self.site.request.deflate:
            read_artifact(raw, Limits())  # the second is compared with the first
        final = self.site.space.shelf() / raw.name
        finish = self.site.finish
        traces = frozenset[str]() if finish is None else finish.wheel(raw, final)
        if not traces:
            os.rename(raw, final)
        plot.room.remove()
        return Built(path=final, traces=traces)

    def sdist(self, packed: Future[Path], room: Room) -> Built:
        """The sdist, and in ``wheels`` the wheel from it, begun as soon as its contents are there.

        While zlib is still at work, that is what it was given to compress. What the finished sdist
        holds must then be exactly that, or the wheel is built again from the sdist.
        """
        if self.site.finish is None and not self.site.needs_sdist_wheel:
            return self._final_sdist(packed.result(), ())
        stream = _stream(packed, room.streams)
        if stream is not None:
            stream = _taken(stream, self.site.space.shelf())
        facts = None
        if stream is not None:
            with suppress(ArtifactError):  # which the finished sdist will show again
                facts = self._unpack(stream)
        raw = packed.result()
        cleared = self.site.pool.submit(room.clear)
        if stream is None or facts is None or not _is_inside(stream, raw):
            if begun := self.wheels.pop(Route.SDIST, None):
                wait([begun])
            facts = self._unpack(raw)
        sdist = self._final_sdist(raw, facts)
        cleared.result()
        return sdist

    def _unpack(self, archive: Path) -> list[TarFacts]:
        """Unpack the sdist, and begin the wheel from it if it is wanted."""
        site = self.site
        site.workshop.reporter.step("building from the sdist")
        tree = site.space.shelf() / "source"
        facts = unpack_sdist(archive, tree, mtime=site.epoch.seconds)
        if site.needs_sdist_wheel:
            # Both wheels are built at the same path, one after the other.
            for wheel in self.wheels.values():
                wheel.result()
            room = site.space.room("wheel")
            os.rename(tree, room.tree)
            plot = Plot(room=room, tree=room.tree)
            self.wheels[Route.SDIST] = site.pool.submit(self.wheel, plot, Route.SDIST)
        return facts

    def _final_sdist(self, raw: Path, facts: Iterable[TarFacts]) -> Built:
        """The backend's sdist, or, where it shows the machine, the same contents written again."""
        final = self.site.space.shelf() / raw.name
        finish = self.site.finish
        traces = frozenset[str]() if finish is None else finish.sdist(raw, final, facts)
        if not traces:
            os.rename(raw, final)
        return Built(path=final, traces=traces)


def _stream(packed: Future[Path], streams: Path) -> Path | None:
    """What is being compressed into the sdist, once it is complete; None if that is not seen."""
    while not packed.done():
        if (stream := complete_stream(streams)) is not None:
            return stream
        wait([packed], timeout=_POLL_SECONDS)
    return None


def _taken(stream: Path, shelf: Path) -> Path | None:
    """A copy of it, which the hook that is still at work cannot change; None if it is no file."""
    with suppress(OSError):
        handle = os.open(stream, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(handle, "rb") as file:
            facts = os.fstat(handle)
            if stat.S_ISREG(facts.st_mode) and facts.st_size <= _LARGEST_STREAM:
                with (shelf / stream.name).open("xb") as copy:
                    shutil.copyfileobj(file, copy, _COPY_BYTES)
                return shelf / stream.name
    return None


def _is_inside(stream: Path, sdist: Path) -> bool:
    """Whether the sdist, decompressed, is exactly this stream; of no more than that is read."""
    with damage_named(sdist), gzip.open(sdist) as packed, stream.open("rb") as plain:
        while chunk := plain.read(_COPY_BYTES):
            if packed.read(len(chunk)) != chunk:
                return False
        return not packed.read(1)
