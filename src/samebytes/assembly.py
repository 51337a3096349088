"""The artifacts of one build: the sdist and the wheel of each route, side by side."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from samebytes.archive.canonical import (
    TarFacts,
    rewrite_sdist,
    rewrite_wheel,
    sdist_traces,
    wheel_traces,
)
from samebytes.archive.members import check_wheel
from samebytes.archive.unpack import unpack_sdist
from samebytes.builder import Backend
from samebytes.digest import Digest
from samebytes.epoch import Epoch
from samebytes.recipe import Artifact, Route, Writer
from samebytes.request import Request, Workshop
from samebytes.workspace import Room, Workspace


@dataclass(frozen=True, slots=True)
class Site:
    """One build at work."""

    request: Request
    workshop: Workshop
    space: Workspace
    pool: ThreadPoolExecutor
    epoch: Epoch

    @property
    def needs_sdist(self) -> bool:
        return self.request.sdist or (self.request.wheel and self.request.route is not Route.TREE)

    @property
    def needs_tree_wheel(self) -> bool:
        return self.request.wheel and self.request.route is not Route.SDIST


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A room and the project's tree in it."""

    room: Room
    tree: Path


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
    return Plot(room=room, tree=site.request.source.tree(room.tree, site.epoch.seconds))


def assemble(
    site: Site, backend: Backend, plots: Mapping[str, Plot]
) -> tuple[Built | None, dict[Route, Built]]:
    """The sdist and the wheel of each route, built side by side as far as they can be."""
    site.workshop.reporter.step("building")
    packed = site.pool.submit(_pack, site, backend, plots["sdist"]) if site.needs_sdist else None
    wheels = {}
    if site.needs_tree_wheel:
        wheels[Route.TREE] = site.pool.submit(_wheel, site, backend, plots["wheel"], Route.TREE)
    sdist = None
    if packed is not None:
        raw = packed.result()
        # Both wheels are built at the same path, one after the other.
        wait(wheels.values())
        room = site.space.room("wheel")
        site.workshop.reporter.step("unpacking the sdist")
        facts = unpack_sdist(raw, room.tree, mtime=site.epoch.seconds)
        if site.request.wheel and site.request.route is not Route.TREE:
            site.workshop.reporter.step("building the wheel from the sdist")
            plot = Plot(room=room, tree=room.tree)
            wheels[Route.SDIST] = site.pool.submit(_wheel, site, backend, plot, Route.SDIST)
        sdist = site.pool.submit(_sdist, site, raw, facts).result()
        plots["sdist"].room.remove()
    return sdist, {route: wheel.result() for route, wheel in wheels.items()}


def _pack(site: Site, backend: Backend, plot: Plot) -> Path:
    return backend.build(plot.room, plot.tree, "sdist", site.epoch.seconds)


def _sdist(site: Site, raw: Path, facts: Iterable[TarFacts]) -> Built:
    """The backend's sdist, or, where it shows the machine, the same contents written again."""
    final = site.space.shelf("sdist") / raw.name
    with raw.open("rb") as file:
        traces = sdist_traces(file.read(10), facts, site.epoch.seconds)
    if traces:
        rewrite_sdist(raw, final, site.epoch.seconds)
    else:
        os.rename(raw, final)
    return Built(path=final, traces=traces)


def _wheel(site: Site, backend: Backend, plot: Plot, route: Route) -> Built:
    """As ``_sdist``; leaves no room behind, so that the next wheel is built at the same path."""
    raw = backend.build(plot.room, plot.tree, "wheel", site.epoch.for_zip)
    final = site.space.shelf(f"wheel-from-{route}") / raw.name
    check_wheel(raw)
    traces = wheel_traces(raw, site.epoch.for_zip)
    if traces:
        rewrite_wheel(raw, final, site.epoch.for_zip)
    else:
        os.rename(raw, final)
    plot.room.remove()
    return Built(path=final, traces=traces)
