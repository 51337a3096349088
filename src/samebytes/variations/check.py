"""Does a project build reproducibly, and what breaks it: a plain build, and one with all varied."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import samebytes
from samebytes import epoch as epochs
from samebytes.atomic import publish
from samebytes.builder import Backend, Distribution, build_system_requires
from samebytes.digest import Digest
from samebytes.epoch import Epoch
from samebytes.errors import UserError
from samebytes.interpreter import Interpreter, find_interpreter
from samebytes.recipe import SdistFile
from samebytes.request import Workshop
from samebytes.source import SdistSource, Source
from samebytes.variations.blame import Varied
from samebytes.variations.checkout import supported_pythons
from samebytes.variations.conditions import LATER_SECONDS, Conditions
from samebytes.variations.findings import Finding, find
from samebytes.variations.machine import Machine, survey
from samebytes.variations.symptoms import Compared, Plain, kept_files
from samebytes.variations.table import HELD, VARIATIONS, Scope, in_order
from samebytes.variations.tools import Tools
from samebytes.variations.trial import WITNESSED, Ground, Pace, Trial
from samebytes.workspace import Room, Workspace, workspace

#: By how many seconds the clock of a plain build is later than the epoch, not to be taken for it.
_LATER = 86_400
_TAKEN_CARE_OF = "samebytes build takes care of it; --raw tries it"
_DISTRIBUTIONS: tuple[Distribution, ...] = ("sdist", "wheel")
#: What only a git checkout has.
_GIT_ONLY = frozenset({"crlf", "export"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest:
    """What to check, and how.

    As ``raw``, as ``python -m build`` would build it where somebody checked it out; otherwise as
    ``samebytes build`` does. ``required`` variations are an error where they cannot be tried.
    What is ``held`` stands still where it is not varied. With ``keep``, the files of the first two
    builds appear in that folder.
    """

    source: Source
    raw: bool
    variations: frozenset[str]
    required: frozenset[str] = frozenset()
    held: frozenset[str] = HELD
    python: str | None = None
    as_of: datetime | None = None
    newest: bool = False
    config_settings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    timeout: float = 3600.0
    keep: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What was found: nothing, if the project is reproducible under ``tried``.

    ``not_tried`` says why, by variation. ``digests`` are those of the plain build, by file name;
    ``builds`` counts all builds, ``seconds`` is how long they took with what is around them.
    """

    source: str
    epoch: Epoch
    raw: bool
    tried: tuple[str, ...]
    not_tried: Mapping[str, str]
    findings: tuple[Finding, ...]
    digests: Mapping[str, Digest]
    builds: int
    seconds: float
    is_reproducible: bool


def check(request: CheckRequest, workshop: Workshop) -> CheckResult:
    """Build twice and, if the bytes differ, as often as it takes to find out why.

    Raises SamebytesError when the plain build fails, or a required variation cannot be tried.
    """
    started = time.monotonic()

    def waiting() -> None:
        workshop.reporter.step("waiting for another build of the same source")

    key = request.source.key
    with (
        workspace(key, base=workshop.base, waiting=waiting, guarded=True) as space,
        _temporary_files(space.root),
        ThreadPoolExecutor(max_workers=2) as pool,
    ):
        try:
            result = _Check(request, workshop, space, pool).result()
        except BaseException:
            workshop.runner.stop()
            raise
    return replace(result, seconds=time.monotonic() - started)


@contextmanager
def _temporary_files(folder: Path) -> Iterator[None]:
    """Have libraries, too, put their temporary files where nothing of them can be left behind."""
    before = tempfile.tempdir
    tempfile.tempdir = os.fspath(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


class _Check:
    """One check at work."""

    def __init__(
        self,
        request: CheckRequest,
        workshop: Workshop,
        space: Workspace,
        pool: ThreadPoolExecutor,
    ) -> None:
        self.request = request
        self.workshop = workshop
        self.space = space
        self.pool = pool
        self.epoch = _epoch(request, workshop)
        self.since = space.root / "since"
        self.since.touch()
        self.builds = 0
        self.not_tried: dict[str, str] = {}

    def result(self) -> CheckResult:
        for name in ("programs-first", "programs-last"):
            (self.space.root / name).mkdir()
        self._prepare()
        plain, trials = self._first_two()
        self._believe(*trials)
        self.workshop.reporter.step("comparing")
        compared = plain.compare(trials[1])
        findings: tuple[Finding, ...] = ()
        if compared.symptoms:
            findings = self._findings(plain, compared)
        if self.request.keep is not None:
            self._keep(self.request.keep, plain, trials[1])
        return CheckResult(
            source=_name(self.request.source),
            epoch=self.epoch,
            raw=self.request.raw,
            tried=in_order(self.tried),
            not_tried={each: self.not_tried[each] for each in in_order(self.not_tried)},
            findings=findings,
            digests={path.name: plain.digests[form] for form, path in plain.files.items()},
            builds=self.builds,
            seconds=0,
            is_reproducible=not compared.symptoms,
        )

    @property
    def tried(self) -> Varied:
        return self.request.variations.difference(self.not_tried)

    def _leave_out(self, reasons: Mapping[str, str]) -> None:
        self.not_tried |= reasons
        if missing := in_order(self.request.required & reasons.keys()):
            said = "; ".join(f"{name} ({reasons[name]})" for name in missing)
            raise UserError(
                f"Not every variation that is required can be tried: {said}.",
                hint="Provide what is missing, or leave it out of --require.",
            )
        if not self.tried:
            said = "; ".join(f"{name} ({reason})" for name, reason in self.not_tried.items())
            raise UserError("None of the variations can be tried here.", hint=f"{said}.")

    def _prepare(self) -> None:
        """Find out what can be tried, and install what it takes."""
        request, workshop = self.request, self.workshop
        self._leave_out(_inapplicable(request))
        workshop.reporter.step("making a private tree")
        interpreter = find_interpreter(request.python, workshop.runner, workshop.environ)
        room = self.space.room("asked")
        tree = request.source.tree(room.tree, self.epoch.seconds)
        surveyed = self.pool.submit(
            survey,
            self.tried | request.held,
            runner=workshop.runner,
            environ=workshop.environ,
            interpreter=interpreter,
            supported=supported_pythons(tree),
            cache=workshop.cache,
        )
        warnings = self.pool.submit(request.source.warnings, tree)
        workshop.reporter.step("resolving the build requirements")
        as_of = request.as_of or request.source.as_of(self.epoch)

        def asked(backend: Backend) -> frozenset[str]:
            answers = [
                self.pool.submit(backend.extra_requires, room, tree, each, self.epoch.for_zip)
                for each in _DISTRIBUTIONS
            ]
            return frozenset[str]().union(*(answer.result() for answer in answers))

        self.tools = Tools(
            workshop=workshop,
            interpreter=interpreter,
            requires=frozenset(build_system_requires(tree)),
            asked=asked,
            day=None if request.newest else as_of,
            config_settings=request.config_settings,
            timeout=request.timeout,
        )
        self.tools.backend(Machine(), frozenset())
        self.machine = surveyed.result()
        pythons = filter(None, (interpreter, self.machine.python))
        self.visible = tuple(_visible(workshop, room.tree, pythons))
        for text in warnings.result():
            workshop.reporter.warn(text)
        lacking = self.machine.lacking
        self.held = request.held.difference(lacking)
        self._leave_out({each: lacking[each] for each in self.tried & lacking.keys()})
        self._leave_out(self.tools.lacking(self.machine, self.tried))
        pins = self.tools.backend(self.machine, frozenset()).toolchain.pins
        listed = ", ".join(str(pin) for pin in pins) or "nothing"
        workshop.reporter.fact("python", str(interpreter))
        workshop.reporter.fact("requires", f"{listed} (as of {as_of:%Y-%m-%d %H:%M:%S} UTC)")

    def _first_two(self) -> tuple[Plain, tuple[Trial, Trial]]:
        """A plain build, and one with everything varied, side by side unless paths are shared."""
        self.workshop.reporter.step("building twice")
        self.ground = Ground(
            source=self.request.source,
            raw=self.request.raw,
            epoch=self.epoch,
            space=self.space,
            backend=lambda varied: self.tools.backend(self.machine, varied),
            pace=Pace(),
        )
        conditions = [self._conditions(frozenset()), self._conditions(self.tried)]
        is_apart = {"path", "home"} <= self.tried
        varied = self.pool.submit(self.ground.build, conditions[1]) if is_apart else None
        trial = self.ground.build(conditions[0])
        for error in trial.errors.values():
            raise error
        plain = Plain.of(trial, None if self.request.raw else self.epoch)
        if varied is None:
            return plain, (trial, self.ground.build(conditions[1]))
        self.space.room("asked").remove()
        self.ground.tidy(conditions[0])
        return plain, (trial, varied.result())

    def _conditions(self, varied: Varied) -> Conditions:
        self.builds += 1
        return Conditions(
            machine=self.machine,
            held=self.held,
            varied=varied,
            number=self.builds,
            clock=self._clock,
            since=self.since,
            folder=self.space.root,
            visible=self.visible,
            zlib=self.tools.zlib(self.machine, varied),
        )

    def _believe(self, plain: Trial, varied: Trial) -> None:
        """Leave out variations of which the build's own Python saw nothing, or not that."""
        clocks = [self._clock, self._clock + LATER_SECONDS]
        for name in in_order(self.tried & WITNESSED):
            seen = [trial.seen.get(name) for trial in (plain, varied)]
            if None in seen or seen[0] == seen[1] or (name == "clock" and seen != clocks):
                self._leave_out({name: "it has no effect here"})

    @property
    def _clock(self) -> int:
        return self.epoch.for_zip + _LATER

    def _findings(self, plain: Plain, first: Compared) -> tuple[Finding, ...]:
        def build(varied: Varied) -> Compared:
            self.workshop.reporter.step(f"narrowing down: build {self.builds + 1}")
            trial = self.ground.build(self._conditions(varied))
            compared = plain.compare(trial)
            Room(trial.shelf).remove()
            return compared

        return find(in_order(self.tried), first, build)

    def _keep(self, folder: Path, plain: Plain, varied: Trial) -> None:
        for name, files in (("plain", plain.files), ("varied", kept_files(varied, plain.epoch))):
            place = folder / name
            place.mkdir(parents=True, exist_ok=True)
            publish(list(files.values()), place)


def _epoch(request: CheckRequest, workshop: Workshop) -> Epoch:
    """The source's own: what the environment says is one of the things that must not matter."""
    if epochs.VARIABLE in workshop.environ:
        workshop.reporter.warn(f"{epochs.VARIABLE} is ignored: a check uses the source's time.")
    epoch = request.source.epoch()
    workshop.reporter.fact("epoch", str(epoch))
    return epoch


def _name(source: Source) -> str:
    """What is checked, without the place where it lies."""
    identity = source.identity
    return identity.filename if isinstance(identity, SdistFile) else f"commit {identity.commit}"


def _visible(
    workshop: Workshop, clone: Path, interpreters: Iterable[Interpreter]
) -> Iterator[Path]:
    """What a build needs of the host, wherever it lies."""
    yield from (workshop.cache, Path(samebytes.__file__).parent)
    yield from (Path(sys.prefix), Path(sys.base_prefix))
    yield from (each.path.resolve().parents[1] for each in interpreters)
    yield from map(Path, filter(None, workshop.environ.get("PATH", "").split(os.pathsep)))
    for shared in clone.glob(".git/**/objects/info/alternates"):
        yield from map(Path, shared.read_text().splitlines())


def _inapplicable(request: CheckRequest) -> dict[str, str]:
    """Of all variations, those that are left out before anything is tried, and why."""
    found: dict[str, str] = {}
    for each in VARIATIONS.values():
        if each.id not in request.variations:
            found[each.id] = "not asked for"
            if each.scope is Scope.ASKED:
                found[each.id] = "it changes the recipe; --vary all tries it"
            elif each.scope is Scope.RAW and not request.raw:
                found[each.id] = _TAKEN_CARE_OF
        elif each.id in _GIT_ONLY and isinstance(request.source, SdistSource):
            found[each.id] = "an sdist is no git checkout"
        elif each.scope is Scope.RAW and not request.raw:
            found[each.id] = _TAKEN_CARE_OF
    return found
