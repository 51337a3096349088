"""The whole build of a release: source → recipe → toolchain → artifacts, in one folder or none."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from packaging.utils import parse_sdist_filename, parse_wheel_filename

from samebytes import epoch as epochs
from samebytes.archive.canonical import (
    TarFacts,
    rewrite_sdist,
    rewrite_wheel,
    sdist_traces,
    wheel_traces,
)
from samebytes.archive.members import compare_wheels
from samebytes.archive.unpack import unpack_sdist
from samebytes.atomic import publish, write_text
from samebytes.builder import FIXED_ENVIRONMENT, UMASK, Backend, build_system_requires
from samebytes.digest import Digest
from samebytes.epoch import Epoch
from samebytes.errors import UserError
from samebytes.index import IndexSettings
from samebytes.interpreter import Interpreter, find_interpreter
from samebytes.outcome import Deviation, Disagreement, Outcome
from samebytes.process import Runner
from samebytes.recipe import Artifact, BuildInfo, Pin, Recipe, Route, Writer
from samebytes.source import Source
from samebytes.toolchain import Toolchain, Toolshed
from samebytes.workspace import DEFAULT_BASE, Room, Workspace, workspace


class Reporter(Protocol):
    """Is told what a build is doing; the library itself prints nothing."""

    def step(self, text: str) -> None: ...

    def fact(self, label: str, text: str) -> None: ...

    def warn(self, text: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to build, and how.

    ``as_of`` None means: as of the epoch. With ``record``, that build is done again: its epoch,
    Python version, build requirements, route and settings stand, whatever the others say.
    """

    source: Source
    sdist: bool = True
    wheel: bool = True
    route: Route = Route.BOTH
    python: str | None = None
    as_of: datetime | None = None
    record: BuildInfo | None = None
    config_settings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    timeout: float = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What a build works with on this machine."""

    runner: Runner
    environ: Mapping[str, str]
    index: IndexSettings
    cache: Path
    reporter: Reporter
    base: Path = DEFAULT_BASE


def build_release(request: Request, workshop: Workshop, folder: Path) -> Outcome:
    """Build what is requested and publish it, with its record, in ``folder``.

    Raises SamebytesError when it cannot be built; ``folder`` is then as it was.
    """
    _check_writable(folder)

    def waiting() -> None:
        workshop.reporter.step("waiting for another build of the same source")

    with (
        workspace(request.source.key, base=workshop.base, waiting=waiting) as space,
        ThreadPoolExecutor(max_workers=3) as pool,
    ):
        try:
            site = _Site(request, workshop, space, pool, _epoch(request, workshop))
            return _run(site, folder)
        except BaseException:
            workshop.runner.stop()
            raise


@dataclass(frozen=True, slots=True)
class _Site:
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
class _Plot:
    """A room and the project's tree in it."""

    room: Room
    tree: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class _Built:
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


def _run(site: _Site, folder: Path) -> Outcome:
    reporter = site.workshop.reporter
    reporter.step("making a private tree")
    warnings = site.pool.submit(site.request.source.warnings)
    pending = {}
    for name, needed in (("sdist", site.needs_sdist), ("wheel", site.needs_tree_wheel)):
        if needed:
            pending[name] = site.pool.submit(_prepare, site, name)
    interpreter = _interpreter(site)
    reporter.fact("python", str(interpreter))
    plots = {name: plot.result() for name, plot in pending.items()}
    for text in warnings.result():
        reporter.warn(text)
    backend = _backend(site, plots, interpreter)
    sdist, wheels = _artifacts(site, backend, plots)
    built = [sdist] if sdist and site.request.sdist else []
    built += list(wheels.values())[:1]
    buildinfo = BuildInfo(
        recipe=_recipe(site, interpreter, backend.toolchain),
        artifacts=tuple(one.record() for one in built),
    )
    reporter.step("comparing")
    if disagreement := _disagreement(wheels):
        return Outcome(buildinfo=buildinfo, disagreement=disagreement)
    if deviations := _deviations(site.request.record, buildinfo):
        return Outcome(buildinfo=buildinfo, deviations=deviations)
    if sdist and wheels:
        _warn_of_versions(site, sdist.path, next(iter(wheels.values())).path)
    for artifact in buildinfo.artifacts:
        reporter.fact(*_how_made(artifact, site.request.route))
    record = site.space.root / buildinfo.filename
    write_text(record, buildinfo.dump())
    publish([*(one.path for one in built), record], folder)
    return Outcome(buildinfo=buildinfo)


def _prepare(site: _Site, name: str) -> _Plot:
    room = site.space.room(name)
    return _Plot(room=room, tree=site.request.source.tree(room.tree))


def _epoch(request: Request, workshop: Workshop) -> Epoch:
    try:
        given = epochs.of_environment(workshop.environ)
    except ValueError as error:
        raise UserError(
            f"{error}.", hint=f"Unset {epochs.VARIABLE} to use the time of the source."
        ) from None
    reporter = workshop.reporter
    if request.record is not None:
        epoch = request.record.recipe.epoch
        if given is not None and given.seconds != epoch.seconds:
            reporter.warn(f"{epochs.VARIABLE} is ignored: the record's epoch stands.")
    elif given is not None:
        epoch = given
        reporter.warn(
            f"{epochs.VARIABLE} is set, so {epoch.seconds} is used, not the time of the source."
        )
    else:
        epoch = request.source.epoch()
    if epoch.is_clamped_for_zip:
        reporter.warn(
            "The epoch is before 1980, which a wheel cannot hold: its members get 1980-01-01."
        )
    reporter.fact("epoch", f"{epoch}, from the {_ORIGINS[epoch.origin]}")
    return epoch


_ORIGINS = {
    epochs.Origin.COMMIT: "commit",
    epochs.Origin.MEMBERS: "sdist's members",
    epochs.Origin.PKG_INFO: "sdist's PKG-INFO",
    epochs.Origin.ENVIRONMENT: "environment",
}


def _interpreter(site: _Site) -> Interpreter:
    runner, environ = site.workshop.runner, site.workshop.environ
    record = site.request.record
    if record is None or site.request.python is not None:
        return find_interpreter(site.request.python, runner, environ)
    wanted = record.recipe.python
    try:
        found = find_interpreter(str(wanted.version), runner, environ)
    except UserError:
        minor = "{}.{}".format(*wanted.version.release)
        found = find_interpreter(minor, runner, environ)
    if found.identity != wanted:
        site.workshop.reporter.warn(
            f"The record was made with {wanted} and zlib {wanted.zlib}; here it is "
            f"{found.identity} and zlib {found.identity.zlib}."
        )
    return found


def _backend(site: _Site, plots: Mapping[str, _Plot], interpreter: Interpreter) -> Backend:
    """The backend with its requirements installed: the record's, or those it asks for."""
    workshop, request = site.workshop, site.request
    shed = Toolshed(
        runner=workshop.runner,
        environ=workshop.environ,
        settings=workshop.index,
        interpreter=interpreter,
        cache=workshop.cache / "toolchains",
    )

    def backend(pins: Iterable[Pin]) -> Backend:
        return Backend(
            runner=workshop.runner,
            toolchain=shed.provide(tuple(pins)),
            path=workshop.environ.get("PATH", os.defpath),
            config_settings=request.config_settings,
            timeout=request.timeout,
        )

    if request.record is not None:
        workshop.reporter.step("installing the record's build requirements")
        return backend(request.record.recipe.requirements)
    workshop.reporter.step("resolving the build requirements")
    as_of = request.as_of or site.epoch.moment
    requires = build_system_requires(next(iter(plots.values())).tree)
    found = backend(shed.resolve(requires, as_of))
    if extra := _extra_requires(site, found, plots):
        found = backend(shed.resolve(requires | extra, as_of))
    pins = ", ".join(str(pin) for pin in found.toolchain.pins) or "nothing"
    workshop.reporter.fact("requires", f"{pins} (as of {as_of:%Y-%m-%d %H:%M:%S} UTC)")
    return found


def _extra_requires(site: _Site, backend: Backend, plots: Mapping[str, _Plot]) -> set[str]:
    asked: list[Future[set[str]]] = []
    for distribution, plot in plots.items():
        asked.append(
            site.pool.submit(
                backend.extra_requires,
                plot.room,
                plot.tree,
                "sdist" if distribution == "sdist" else "wheel",
                site.epoch.seconds,
            )
        )
    extra = set[str]().union(*(answer.result() for answer in asked))
    if site.request.wheel and "wheel" not in plots:
        plot = plots["sdist"]
        extra |= backend.extra_requires(plot.room, plot.tree, "wheel", site.epoch.for_zip)
    return extra


def _artifacts(
    site: _Site, backend: Backend, plots: Mapping[str, _Plot]
) -> tuple[_Built | None, dict[Route, _Built]]:
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
        facts = unpack_sdist(raw, room.tree)
        if site.request.wheel and site.request.route is not Route.TREE:
            site.workshop.reporter.step("building the wheel from the sdist")
            plot = _Plot(room=room, tree=room.tree)
            wheels[Route.SDIST] = site.pool.submit(_wheel, site, backend, plot, Route.SDIST)
        sdist = site.pool.submit(_sdist, site, raw, facts).result()
        plots["sdist"].room.remove()
    return sdist, {route: wheel.result() for route, wheel in wheels.items()}


def _pack(site: _Site, backend: Backend, plot: _Plot) -> Path:
    return backend.build(plot.room, plot.tree, "sdist", site.epoch.seconds)


def _sdist(site: _Site, raw: Path, facts: Iterable[TarFacts]) -> _Built:
    """The backend's sdist, or, where it shows the machine, the same contents written again."""
    final = site.space.shelf("sdist") / raw.name
    with raw.open("rb") as file:
        traces = sdist_traces(file.read(10), facts, site.epoch.seconds)
    if traces:
        rewrite_sdist(raw, final, site.epoch.seconds)
    else:
        os.rename(raw, final)
    return _Built(path=final, traces=traces)


def _wheel(site: _Site, backend: Backend, plot: _Plot, route: Route) -> _Built:
    """As ``_sdist``; leaves no room behind, so that the next wheel is built at the same path."""
    raw = backend.build(plot.room, plot.tree, "wheel", site.epoch.for_zip)
    final = site.space.shelf(f"wheel-from-{route}") / raw.name
    traces = wheel_traces(raw, site.epoch.for_zip)
    if traces:
        rewrite_wheel(raw, final, site.epoch.for_zip)
    else:
        os.rename(raw, final)
    plot.room.remove()
    return _Built(path=final, traces=traces)


def _recipe(site: _Site, interpreter: Interpreter, toolchain: Toolchain) -> Recipe:
    request = site.request
    return Recipe(
        source=request.source.identity,
        epoch=site.epoch,
        route=request.route if request.wheel else None,
        python=interpreter.identity,
        as_of=request.record.recipe.as_of
        if request.record is not None
        else request.as_of or site.epoch.moment,
        requirements=toolchain.pins,
        environment={
            **FIXED_ENVIRONMENT,
            "umask": UMASK,
            "workspace": os.fspath(site.space.root),
        },
        config_settings=request.config_settings,
    )


def _disagreement(wheels: Mapping[Route, _Built]) -> Disagreement | None:
    if len(wheels) < 2:
        return None
    tree, sdist = wheels[Route.TREE].path, wheels[Route.SDIST].path
    if tree.name == sdist.name and Digest.of_file(tree) == Digest.of_file(sdist):
        return None
    return Disagreement(
        from_tree=tree.name, from_sdist=sdist.name, contents=compare_wheels(tree, sdist)
    )


def _deviations(record: BuildInfo | None, built: BuildInfo) -> tuple[Deviation, ...]:
    """Where a build differs from the ``record`` that it repeats."""
    digests = {artifact.filename: artifact.digest for artifact in built.artifacts}
    kinds = {artifact.is_wheel for artifact in built.artifacts}
    return tuple(
        Deviation(
            filename=artifact.filename,
            recorded=artifact.digest,
            built=digests.get(artifact.filename),
        )
        for artifact in (record.artifacts if record else ())
        if artifact.is_wheel in kinds and digests.get(artifact.filename) != artifact.digest
    )


def _warn_of_versions(site: _Site, sdist: Path, wheel: Path) -> None:
    one, two = parse_sdist_filename(sdist.name)[1], parse_wheel_filename(wheel.name)[1]
    if one != two:
        site.workshop.reporter.warn(f"The sdist is of version {one}, but the wheel of {two}.")


def _how_made(artifact: Artifact, route: Route) -> tuple[str, str]:
    if artifact.writer is Writer.BACKEND:
        text = "as the backend wrote it"
    else:
        text = f"written again without {', '.join(artifact.traces)}"
    if not artifact.is_wheel:
        return "sdist", text
    origin = {
        Route.BOTH: "the same bytes from the tree and from the sdist",
        Route.TREE: "from the tree only, not compared with one from the sdist",
        Route.SDIST: "from the sdist only, not compared with one from the tree",
    }[route]
    return "wheel", f"{text}; {origin}"


def _check_writable(folder: Path) -> None:
    """Fail before the work, not after it, when nothing could be written to ``folder``."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise UserError(f"{existing} is not a folder.", hint="Name another with -o DIR.")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(
            f"{existing} cannot be written to.", hint="Name another folder with -o DIR."
        )
