"""The whole build of a release: source → recipe → toolchain → artifacts, in one folder or none."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path

from packaging.utils import parse_sdist_filename, parse_wheel_filename
from samebytes_core import epoch as epochs
from samebytes_core.epoch import Epoch

from samebytes.archive.deflate import NAME, check_deflate
from samebytes.archive.finish import STREAM
from samebytes.assembly import Built, Plot, Site, assemble, prepare
from samebytes.atomic import publish, write_text
from samebytes.builder import FIXED_ENVIRONMENT, Backend, build_system_requires
from samebytes.compare.comparison import compare
from samebytes.compare.model import Verdict
from samebytes.errors import UserError
from samebytes.interpreter import Interpreter, find_interpreter
from samebytes.outcome import Deviation, Disagreement, Outcome
from samebytes.process import UMASK
from samebytes.recipe import CANONICAL, Artifact, BuildInfo, Pin, Recipe, Route, Writer
from samebytes.request import Request, Workshop
from samebytes.sandbox.cell import report_of
from samebytes.sandbox.tried import Tried, read_tried
from samebytes.toolchain import Toolchain
from samebytes.workspace import Room, temporary_files, workspace

#: Of what was tried in a cell, so much is told.
_MOST_TRIES = 10


def build_release(request: Request, workshop: Workshop, folder: Path) -> Outcome:
    """Build what is requested and publish it, with its record, in ``folder``.

    Raises SamebytesError when it cannot be built; ``folder`` is then as it was.
    """
    _check_writable(folder)
    _check_compressor(request)

    def waiting() -> None:
        workshop.reporter.step("waiting for another build of the same source")

    with (
        workspace(request.source.key, base=workshop.base, waiting=waiting) as space,
        ThreadPoolExecutor(max_workers=3) as pool,
    ):
        site = Site(request, workshop, space, pool, _epoch(request, workshop))
        try:
            # By files there hooks are told their arguments, and answer.
            with temporary_files(space.shelf()) if workshop.cell else nullcontext():
                return _run(site, folder)
        except BaseException:
            workshop.runner.stop()
            raise
        finally:
            _warn_of_tries(site)


def _run(site: Site, folder: Path) -> Outcome:
    reporter = site.workshop.reporter
    reporter.step("making a private tree")
    pending = {}
    for name, needed in (("sdist", site.needs_sdist), ("wheel", site.needs_tree_wheel)):
        if needed:
            pending[name] = site.pool.submit(prepare, site, name)
    interpreter = _interpreter(site)
    reporter.fact("python", str(interpreter))
    plots = {name: plot.result() for name, plot in pending.items()}
    warnings = site.pool.submit(site.request.source.warnings, next(iter(plots.values())).tree)
    backend = _backend(site, plots, interpreter, warnings)
    for text in warnings.result():
        reporter.warn(text)
    sdist, wheels = assemble(site, backend, plots)
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


def _interpreter(site: Site) -> Interpreter:
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


def _backend(
    site: Site,
    plots: Mapping[str, Plot],
    interpreter: Interpreter,
    warnings: Future[tuple[str, ...]],
) -> Backend:
    """The backend with its requirements installed: the record's, or those it asks for."""
    workshop, request = site.workshop, site.request
    shed = workshop.toolshed(interpreter)
    shared = [folder for plot in plots.values() for folder in plot.shared]

    def backend(pins: Sequence[Pin]) -> Backend:
        settings = request.config_settings
        toolchain = shed.provide(pins)
        found = workshop.backend(toolchain, timeout=request.timeout, config_settings=settings)
        return workshop.confined(found, interpreter, shared)

    if request.record is not None:
        workshop.reporter.step("installing the record's build requirements")
        recorded = request.record.recipe.environment
        for name, value in _environment(site).items():
            if recorded.get(name) != value:
                workshop.reporter.warn(
                    f"The record was made with {name} {recorded.get(name)}; here it is {value}."
                )
        return backend(request.record.recipe.requirements)
    workshop.reporter.step("resolving the build requirements")
    as_of = _as_of(site)
    day = None if request.newest else as_of
    requires = build_system_requires(next(iter(plots.values())).tree)
    found = backend(shed.resolve(requires, day))
    warnings.result()  # git, unconfined, does what a repository says that a hook has changed
    if extra := _extra_requires(site, found, plots):
        found = backend(shed.resolve(requires | extra, day))
    pins = ", ".join(str(pin) for pin in found.toolchain.pins) or "nothing"
    workshop.reporter.fact("requires", f"{pins} (as of {as_of:%Y-%m-%d %H:%M:%S} UTC)")
    return found


def _extra_requires(site: Site, backend: Backend, plots: Mapping[str, Plot]) -> set[str]:
    asked: list[Future[set[str]]] = []
    for distribution, plot in plots.items():
        asked.append(
            site.pool.submit(
                backend.extra_requires,
                plot.room,
                plot.tree,
                "sdist" if distribution == "sdist" else "wheel",
                site.epoch.seconds if distribution == "sdist" else site.epoch.for_zip,
            )
        )
    extra = set[str]().union(*(answer.result() for answer in asked))
    if site.request.wheel and "wheel" not in plots:
        plot = plots["sdist"]
        extra |= backend.extra_requires(plot.room, plot.tree, "wheel", site.epoch.for_zip)
    return extra


def _recipe(site: Site, interpreter: Interpreter, toolchain: Toolchain) -> Recipe:
    request = site.request
    return Recipe(
        source=request.source.identity,
        epoch=site.epoch,
        route=request.route if request.wheel else None,
        python=interpreter.identity,
        as_of=request.record.recipe.as_of if request.record is not None else _as_of(site),
        requirements=toolchain.pins,
        environment=_environment(site),
        config_settings=request.config_settings,
        deflate=request.deflate,
    )


def _as_of(site: Site) -> datetime:
    return site.request.as_of or site.request.source.as_of(site.epoch)


def _environment(site: Site) -> dict[str, str]:
    """What of the environment is part of the recipe."""
    return {
        **FIXED_ENVIRONMENT,
        "umask": f"{UMASK:03o}",
        "workspace": os.fspath(site.space.root),
    }


def _disagreement(wheels: Mapping[Route, Built]) -> Disagreement | None:
    if len(wheels) < 2:
        return None
    tree, sdist = wheels[Route.TREE].path, wheels[Route.SDIST].path
    comparison = compare(tree, sdist)
    if tree.name == sdist.name and comparison.verdict is Verdict.IDENTICAL:
        return None
    return Disagreement(from_tree=tree.name, from_sdist=sdist.name, comparison=comparison)


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


def _warn_of_tries(site: Site) -> None:
    """Say what hooks tried in their cells that no build has to do, as far as it was seen."""
    rooms = (Room(site.space.root / name) for name in ("sdist", "wheel"))
    tried = sorted(set[Tried]().union(*(read_tried(report_of(room)) for room in rooms)))
    for each in tried[:_MOST_TRIES]:
        site.workshop.reporter.warn(f"The build {each}.")
    if len(tried) > _MOST_TRIES:
        more = len(tried) - _MOST_TRIES
        site.workshop.reporter.warn(f"The build tried {more} more such things.")


def _warn_of_versions(site: Site, sdist: Path, wheel: Path) -> None:
    one, two = parse_sdist_filename(sdist.name)[1], parse_wheel_filename(wheel.name)[1]
    if one != two:
        site.workshop.reporter.warn(f"The sdist is of version {one}, but the wheel of {two}.")


def _how_made(artifact: Artifact, route: Route) -> tuple[str, str]:
    if artifact.writer is Writer.BACKEND:
        text = "as the backend wrote it"
    else:
        text = f"written again{_without(artifact.traces)}"
    if not artifact.is_wheel:
        return "sdist", text
    origin = {
        Route.BOTH: "the same bytes from the tree and from the sdist",
        Route.TREE: "from the tree only, not compared with one from the sdist",
        Route.SDIST: "from the sdist only, not compared with one from the tree",
    }[route]
    return "wheel", f"{text}; {origin}"


def _without(traces: Sequence[str]) -> str:
    others = ", ".join(trace for trace in traces if trace != STREAM)
    deflate = f" by {NAME}" if STREAM in traces else ""
    return f"{deflate}, without {others}" if deflate and others else deflate or f" without {others}"


def _check_compressor(request: Request) -> None:
    """Fail before the work, not after it, when what it needs in the end is not here."""
    if request.deflate is None:
        return
    if request.deflate != CANONICAL:
        raise UserError(
            f"The archives are to be compressed by {request.deflate}; this is {CANONICAL}, which "
            "may give other bytes.",
            hint="Use the release of samebytes that made the record.",
        )
    check_deflate()


def _check_writable(folder: Path) -> None:
    """Fail before the work, not after it, when nothing could be written to ``folder``."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise UserError(f"{existing} is not a folder.", hint="Name another with -o DIR.")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(
            f"{existing} cannot be written to.", hint="Name another folder with -o DIR."
        )
