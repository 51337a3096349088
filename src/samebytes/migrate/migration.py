"""The move to hatchling: build as it is, plan, build as it would be, twice, and compare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from samebytes.compare.comparison import compare_read
from samebytes.digest import Digest
from samebytes.interpreter import find_interpreter
from samebytes.migrate.before import Before
from samebytes.migrate.expected import EXPECTED, Pair
from samebytes.migrate.facts import Facts, ask_setuptools
from samebytes.migrate.kit import Kit
from samebytes.migrate.packed import Packed, read_packed
from samebytes.migrate.plan import SETUPTOOLS, Plan, backend_of, make_plan
from samebytes.migrate.proof import Proof, prove
from samebytes.migrate.pyproject import parse
from samebytes.migrate.refusals import Refusal
from samebytes.migrate.tree import Tree
from samebytes.outcome import Outcome
from samebytes.pipeline import build_release
from samebytes.recipe import BuildInfo, Route
from samebytes.request import Reporter, Request, Workshop
from samebytes.source import ChangedSource, GitSource
from samebytes.variations.check import CheckResult
from samebytes.workspace import Room, workspace

_AGAIN = "hatchling, again"


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationRequest:
    """What to migrate, and how its builds are made."""

    source: GitSource
    kit: Kit | None = None
    python: str | None = None
    as_of: datetime | None = None
    newest: bool = False
    timeout: float = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """What was found; ``problems`` are findings that are no difference between two archives.

    Without ``changes`` there is nothing to do: the project is on hatchling already. ``below`` is
    the project's folder in the checkout, for a monorepo. ``names`` are those of what built before
    and after; ``check`` is what building again under varied conditions gave, if that was done.
    """

    changes: Mapping[str, bytes | None] = field(default_factory=dict)
    originals: Mapping[str, bytes | None] = field(default_factory=dict)
    executable: frozenset[str] = frozenset()
    below: str = ""
    plan: Plan | None = None
    proofs: tuple[Proof, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    names: tuple[str, str] = ("setuptools", "hatchling")
    check: CheckResult | None = None

    @property
    def is_proved(self) -> bool:
        return not self.problems and not any(proof.unexpected for proof in self.proofs)


def migrate(request: MigrationRequest, workshop: Workshop) -> Migration:
    """Find out what has to change, and prove that nothing else does; writes nothing.

    Raises Refusal where the project cannot be migrated, SamebytesError where a build fails.
    """
    key = Digest.of(f"migrate {request.source.key}".encode()).hex

    def waiting() -> None:
        workshop.reporter.step("waiting for another migration of the same commit")

    with workspace(key, base=workshop.base, waiting=waiting) as space:
        try:
            now = datetime.now(UTC).replace(microsecond=0)
            return _Work(request, workshop, space.root, now).migration()
        except BaseException:
            workshop.runner.stop()
            raise


@dataclass(frozen=True, slots=True)
class _Work:
    request: MigrationRequest
    workshop: Workshop
    folder: Path
    now: datetime

    def migration(self) -> Migration:
        source = self.request.source
        self.workshop.reporter.step("reading the project")
        room = Room.prepare(self.folder / "room")
        tree = Tree(source.tree(room.tree, source.epoch().seconds))
        kit = self.request.kit
        backend = backend_of(parse(tree.text("pyproject.toml")).unwrap())
        if backend.startswith("hatchling."):
            return self._already_migrated(tree, kit)
        if backend not in SETUPTOOLS:
            raise Refusal([f"Its build backend is {backend}, not setuptools."])
        if kit is not None:
            kit.added(tree)  # refused before the work where the checkout has moved on
        before = self._before(tree)
        plan = make_plan(before)
        if kit is not None:
            plan = kit.applied(plan, plan.name, tree)
        return self._proved(before, plan)

    def _already_migrated(self, tree: Tree, kit: Kit | None) -> Migration:
        """Nothing to do, but for files of the kit that are not there yet."""
        changes: dict[str, bytes | None] = {}
        if kit is not None:
            kit.check_tables(tree)
            changes = kit.added(tree)
        return Migration(
            changes=changes,
            originals=originals(tree, changes),
            below=below(self.request),
            notes=("The project is on hatchling already.",),
        )

    def _before(self, tree: Tree) -> Before:
        """The project as setuptools builds it, both archives from the tree."""
        other = Room.prepare(self.folder / "probe")
        with ThreadPoolExecutor(1) as pool, self._stopping():
            # setup.py runs in another clone: who knows what it writes.
            source = self.request.source
            clone = pool.submit(source.tree, other.tree, source.epoch().seconds)
            outcome = self._build(source, "setuptools", Route.TREE)
            facts = self._facts(outcome, other, clone.result())
        sdist, wheel = self._packed("setuptools", outcome)
        requirements = outcome.buildinfo.recipe.requirements
        return Before(
            tree=tree,
            sdist=sdist,
            wheel=wheel,
            facts=facts,
            requirements=frozenset(pin.name for pin in requirements),
        )

    def _facts(self, outcome: Outcome, room: Room, tree: Path) -> Facts:
        recipe = outcome.buildinfo.recipe
        workshop = self.workshop
        interpreter = find_interpreter(self.request.python, workshop.runner, workshop.environ)
        toolchain = workshop.toolshed(interpreter).provide(recipe.requirements)
        backend = workshop.backend(toolchain, timeout=self.request.timeout)
        return ask_setuptools(backend, room, tree, recipe.epoch.seconds)

    def _proved(self, before: Before, plan: Plan) -> Migration:
        source = ChangedSource(base=self.request.source, changes=plan.changes)
        problems = []
        with ThreadPoolExecutor(1) as pool, self._stopping():
            again = pool.submit(self._again, source)
            outcome = self._first(source, again)
            proofs: tuple[Proof, ...] = ()
            if outcome.disagreement is None:
                proofs = self._compare(before, plan, outcome)
            else:
                reason = outcome.disagreement.reason
                problems.append(f"hatchling's wheels from tree and sdist differ. {reason}")
            if not self._is_same(source, outcome, again.result()):
                problems.append("Two builds by hatchling did not give the same bytes.")
        return Migration(
            changes=plan.changes,
            originals=originals(before.tree, plan.changes),
            executable=frozenset(filter(before.tree.is_executable, plan.changes)),
            below=below(self.request),
            plan=plan,
            proofs=proofs,
            problems=tuple(problems),
            notes=plan.notes,
        )

    def _first(self, source: ChangedSource, again: Future[Outcome]) -> Outcome:
        """The build that is compared, or the error of the other one, where that one ended it."""
        try:
            return self._build(source, "hatchling", Route.BOTH)
        except KeyboardInterrupt:
            self.workshop.runner.stop()
            if isinstance(error := again.exception(), Exception):
                raise error from None
            raise

    @contextmanager
    def _stopping(self) -> Iterator[None]:
        """End what runs beside, before its thread is waited for."""
        try:
            yield
        except BaseException:
            self.workshop.runner.stop()
            raise

    def _again(self, source: ChangedSource, record: BuildInfo | None = None) -> Outcome:
        """Build the sdist again, at another path; the wheel is built twice in any case, from the
        tree and from the sdist.
        """
        base = self.folder / "elsewhere"
        base.mkdir(exist_ok=True)
        return self._build(source, _AGAIN, Route.BOTH, record=record, base=base)

    def _is_same(self, source: ChangedSource, one: Outcome, two: Outcome) -> bool:
        """Whether both sdists are the same bytes, made by the same releases of hatchling."""
        first, second = one.buildinfo, two.buildinfo
        if first.recipe.requirements != second.recipe.requirements:  # one came out just now
            return not self._again(source, first).deviations
        digests = {artifact.filename: artifact.digest for artifact in first.artifacts}
        return all(digests.get(each.filename) == each.digest for each in second.artifacts)

    def _compare(self, before: Before, plan: Plan, outcome: Outcome) -> tuple[Proof, ...]:
        self.workshop.reporter.step("comparing")
        kit = self.request.kit
        proofs = []
        for one, two in zip(
            (before.sdist, before.wheel), self._packed("hatchling", outcome), strict=True
        ):
            comparison = compare_read(one.artifact, two.artifact)
            pair = Pair(
                before=one,
                after=two,
                tree=before.tree,
                changes=plan.changes,
                forced=plan.forced,
                metadata=before.metadata,
                origins=plan.origins,
                version_files=plan.version_files,
                views={view.member: view for view in comparison.contents},
            )
            listing = (kit.sdist if pair.is_sdist else kit.wheel) if kit else None
            proofs.append(prove(comparison, pair, EXPECTED, listing))
        return tuple(proofs)

    def _build(
        self,
        source: GitSource | ChangedSource,
        label: str,
        route: Route,
        *,
        record: BuildInfo | None = None,
        base: Path | None = None,
    ) -> Outcome:
        """Build into a folder of this name; by hatchling as it is today, not as of the commit.

        In another ``base``, the sdist only.
        """
        is_new = isinstance(source, ChangedSource)
        request = Request(
            source=source,
            wheel=base is None,
            route=route,
            python=self.request.python,
            as_of=self.now if is_new else self.request.as_of,
            newest=is_new or self.request.newest,
            canonical=False,
            record=record,
            timeout=self.request.timeout,
        )
        reporter = Phase(label, self.workshop.reporter)
        workshop = replace(self.workshop, reporter=reporter, base=base or self.workshop.base)
        return build_release(request, workshop, self.folder / label)

    def _packed(self, label: str, outcome: Outcome) -> tuple[Packed, Packed]:
        """The sdist and the wheel, in this order."""
        names = sorted(
            (artifact.filename for artifact in outcome.buildinfo.artifacts),
            key=lambda name: name.endswith(".whl"),
        )
        kit = self.request.kit
        more = {each.into for each in kit.insertions} if kit else frozenset[str]()
        sdist, wheel = (read_packed(self.folder / label / name, more) for name in names)
        return sdist, wheel


def below(request: MigrationRequest) -> str:
    """The project's folder in the checkout; empty where that is its root."""
    place = request.source.checkout.project
    return "" if place == Path() else place.as_posix()


def originals(tree: Tree, changes: Mapping[str, bytes | None]) -> dict[str, bytes | None]:
    """What the files that change hold now; None where there is none."""
    return {path: tree.read(path) if tree.has(path) else None for path in changes}


@dataclass(frozen=True, slots=True)
class Phase:
    """Tells what one of several builds is doing, under its name."""

    label: str
    reporter: Reporter

    def step(self, text: str) -> None:
        self.reporter.step(f"{self.label}: {text}")

    def fact(self, label: str, text: str) -> None:
        if label == "requires" and self.label != _AGAIN:
            self.reporter.fact(self.label, text)

    def warn(self, text: str) -> None:
        self.reporter.warn(f"{self.label}: {text}")
