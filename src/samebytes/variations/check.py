"""Does a project build reproducibly, and what breaks it: a plain build, and one with all varied."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from samebytes_core import epoch as epochs
from samebytes_core.epoch import Epoch

from samebytes.archive.finish import Finish
from samebytes.atomic import publish
from samebytes.digest import Digest
from samebytes.recipe import Pin
from samebytes.request import Workshop
from samebytes.variations.bench import Bench, make_bench
from samebytes.variations.blame import Varied
from samebytes.variations.choice import CheckRequest
from samebytes.variations.conditions import LATER_SECONDS, Conditions
from samebytes.variations.findings import Finding, find
from samebytes.variations.symptoms import Compared, Plain, kept_files
from samebytes.variations.table import in_order
from samebytes.variations.trial import WITNESSED, Ground, Pace, Trial
from samebytes.workspace import Room, Workspace, temporary_files, workspace

#: By how many seconds the clock of a plain build is later than the epoch, not to be taken for it.
_LATER = 86_400
#: The room in which the backend is asked what it requires.
_ASKED = "asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What was found: nothing, if the project is reproducible under ``tried``.

    ``not_tried`` says why, by variation. ``digests`` are those of the plain build, by file name;
    ``builds`` counts all builds, ``seconds`` is how long they took with what is around them;
    ``requirements`` are the build requirements of the plain one.
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
    requirements: tuple[Pin, ...] = ()


def check(request: CheckRequest, workshop: Workshop) -> CheckResult:
    """Build twice and, if the bytes differ, as often as it takes to find out why.

    Raises SamebytesError when the plain build fails, or a required variation cannot be tried.
    """
    started = time.monotonic()
    epoch = _epoch(request, workshop)

    def waiting() -> None:
        workshop.reporter.step("waiting for another build of the same source")

    key = request.source.key
    with (
        workspace(key, base=workshop.base, waiting=waiting, guarded=True) as space,
        temporary_files(space.root),
        ThreadPoolExecutor(max_workers=2) as pool,
    ):
        try:
            bench = make_bench(request, workshop, space.room(_ASKED), pool, epoch)
            result = _Check(request, workshop, space, pool, epoch, bench).result()
        except BaseException:
            workshop.runner.stop()
            raise
    return replace(result, seconds=time.monotonic() - started)


class _Check:
    """The builds of one check; counts them."""

    def __init__(
        self,
        request: CheckRequest,
        workshop: Workshop,
        space: Workspace,
        pool: ThreadPoolExecutor,
        epoch: Epoch,
        bench: Bench,
    ) -> None:
        self.request = request
        self.workshop = workshop
        self.space = space
        self.pool = pool
        self.epoch = epoch
        self.bench = bench
        self.builds = 0
        self.clock = epoch.for_zip + _LATER
        self.since = space.root / "since"
        self.since.touch()
        for name in ("programs-first", "programs-last"):
            (space.root / name).mkdir()
        self.ground = Ground(
            source=request.source,
            raw=request.raw,
            epoch=epoch,
            space=space,
            backend=lambda varied: bench.tools.backend(bench.machine, varied),
            pace=Pace(),
        )

    def result(self) -> CheckResult:
        plain, trials = self._first_two()
        choice = self.bench.choice.without(self._ineffective(*trials))
        self.workshop.reporter.step("comparing")
        compared = plain.compare(trials[1])
        findings: tuple[Finding, ...] = ()
        if compared.symptoms:
            findings = find(in_order(choice.tried), compared, lambda each: self._again(plain, each))
        if self.request.keep is not None:
            self._keep(self.request.keep, plain, trials[1])
        return CheckResult(
            source=self.request.source.identity.name,
            epoch=self.epoch,
            raw=self.request.raw,
            tried=in_order(choice.tried),
            not_tried={each: choice.not_tried[each] for each in in_order(choice.not_tried)},
            findings=findings,
            digests={path.name: plain.digests[form] for form, path in plain.files.items()},
            builds=self.builds,
            seconds=0,
            is_reproducible=not compared.symptoms,
            requirements=self.bench.tools.backend(self.bench.machine, frozenset()).toolchain.pins,
        )

    def _first_two(self) -> tuple[Plain, tuple[Trial, Trial]]:
        """A plain build, and one with everything varied, side by side unless paths are shared."""
        self.workshop.reporter.step("building twice")
        tried = self.bench.choice.tried
        conditions = [self._conditions(frozenset()), self._conditions(tried)]
        is_apart = {"path", "home"} <= tried
        varied = self.pool.submit(self.ground.build, conditions[1]) if is_apart else None
        trial = self.ground.build(conditions[0])
        for error in trial.errors.values():
            raise error
        plain = Plain.of(trial, self._finish())
        if varied is None:
            return plain, (trial, self.ground.build(conditions[1]))
        Room(self.space.root / _ASKED).remove()
        conditions[0].room.remove()
        return plain, (trial, varied.result())

    def _finish(self) -> Finish | None:
        if self.request.raw:
            return None
        return Finish(epoch=self.epoch, deflate=self.request.deflate)

    def _again(self, plain: Plain, varied: Varied) -> Compared:
        """Another build, compared with the plain one; nothing of it is kept."""
        self.workshop.reporter.step(f"narrowing down: build {self.builds + 1}")
        trial = self.ground.build(self._conditions(varied))
        compared = plain.compare(trial)
        Room(trial.shelf).remove()
        return compared

    def _conditions(self, varied: Varied) -> Conditions:
        self.builds += 1
        return Conditions(
            machine=self.bench.machine,
            held=self.bench.held,
            varied=varied,
            number=self.builds,
            clock=self.clock,
            since=self.since,
            folder=self.space.root,
            visible=self.bench.visible,
            zlib=self.bench.tools.zlib(self.bench.machine, varied),
        )

    def _ineffective(self, plain: Trial, varied: Trial) -> dict[str, str]:
        """The variations of which the build's own Python saw nothing, or not that."""
        found: dict[str, str] = {}
        clocks = [self.clock, self.clock + LATER_SECONDS]
        for name in self.bench.choice.tried & WITNESSED:
            seen = [trial.seen.get(name) for trial in (plain, varied)]
            if None in seen or seen[0] == seen[1] or (name == "clock" and seen != clocks):
                found[name] = "it has no effect here"
        return found

    def _keep(self, folder: Path, plain: Plain, varied: Trial) -> None:
        for name, files in (("plain", plain.files), ("varied", kept_files(varied, plain.finish))):
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
