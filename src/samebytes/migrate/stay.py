"""The backend stays, in the wrapper: built as it is, and twice as it would be, and compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import parse_wheel_filename
from samebytes_core.epoch import VARIABLE, Epoch

from samebytes.compare.comparison import compare_read
from samebytes.digest import Digest
from samebytes.errors import UnreachableError, UserError
from samebytes.interpreter import find_interpreter
from samebytes.migrate.around import KEPT, expected_around
from samebytes.migrate.expected import Pair
from samebytes.migrate.migration import Migration, MigrationRequest, Phase, below, originals
from samebytes.migrate.packed import Packed, read_packed
from samebytes.migrate.proof import Proof, prove
from samebytes.migrate.pyproject import parse
from samebytes.migrate.refusals import Refusal
from samebytes.migrate.tree import Tree
from samebytes.migrate.wrapper import (
    CANONICAL,
    Wrapping,
    check_wrapped,
    wrapped_backend,
    wrapping,
)
from samebytes.pipeline import build_release
from samebytes.recipe import Pin, Route
from samebytes.request import Request, Workshop
from samebytes.source import ChangedSource
from samebytes.toml import table_at
from samebytes.variations.check import CheckResult, check
from samebytes.variations.choice import CheckRequest
from samebytes.variations.findings import Finding
from samebytes.variations.table import REPEAT, chosen
from samebytes.workspace import Room, workspace
from samebytes.wrapped import EXTRA, NAME, wrapper_of

_LABEL = "wrapped"
#: The variation that builds the wheel from the tree, and not from the sdist.
_ROUTE = "route"
#: All that may not matter, and that a checkout which is only built can have.
_VARIED = chosen(None, raw=False) | {"umask"}
_HINT = "Correct what is named above, commit, and run it again."


def stay(request: MigrationRequest, workshop: Workshop, *, deflate: str | None = None) -> Migration:
    """Find out what has to change, and prove that nothing else does; writes nothing.

    ``deflate`` is a setting of the wrapper.

    Raises Refusal where the project cannot be wrapped, SamebytesError where a build fails.
    """
    key = Digest.of(f"stay {request.source.key}".encode()).hex

    def waiting() -> None:
        workshop.reporter.step("waiting for another migration of the same commit")

    if VARIABLE in workshop.environ:
        workshop.reporter.warn(f"{VARIABLE} is ignored: the commit's time is used.")
        rest = {name: text for name, text in workshop.environ.items() if name != VARIABLE}
        workshop = replace(workshop, environ=rest)
    with workspace(key, base=workshop.base, waiting=waiting) as space:
        try:
            return _Work(request, workshop, space.root, deflate).migration()
        except Refusal as refusal:
            raise Refusal(refusal.reasons, hint=_HINT) from None
        except BaseException:
            workshop.runner.stop()
            raise


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """What the backend builds alone."""

    sdist: Packed
    wheel: Packed
    requirements: tuple[Pin, ...]


@dataclass(frozen=True, slots=True)
class _Work:
    request: MigrationRequest
    workshop: Workshop
    folder: Path
    deflate: str | None

    def migration(self) -> Migration:
        source, kit = self.request.source, self.request.kit
        self.workshop.reporter.step("reading the project")
        epoch = source.epoch()
        room = Room.prepare(self.folder / "room")
        tree = Tree(source.tree(room.tree, epoch.seconds))
        changes = {} if kit is None else kit.added(tree)  # refused before the work
        pyproject = parse(tree.text("pyproject.toml")).unwrap()
        if inner := wrapped_backend(pyproject):
            return self._already_wrapped(tree, inner, pyproject, changes)
        wrapped = wrapping(tree.read("pyproject.toml").decode(), deflate=self.deflate)
        changes["pyproject.toml"] = wrapped.text.encode()
        self._check_index(wrapped)
        before = self._before(Route.TREE)
        if kit is not None:
            kit.check_project(parse_wheel_filename(before.wheel.filename)[0])
        result = self._checked(before, changes)
        self.workshop.reporter.step("comparing")
        proved = _Proving(request=self.request, tree=tree, changes=changes, epoch=epoch)
        sdist, wheel = _packed(self.folder / "after/plain")
        proofs = [proved.of(before.sdist, sdist), proved.of(before.wheel, wheel)]
        if _is_about_route(result):
            # Each wheel is held against the one of its own route.
            _, from_tree = _packed(self.folder / "after/varied")
            from_sdist = self._before(Route.SDIST).wheel
            if not proved.of(before.wheel, from_tree).unexpected:
                proofs[1] = proved.of(from_sdist, wheel)
                result = _without_route(result)
        return Migration(
            changes=changes,
            originals=originals(tree, changes),
            below=below(self.request),
            proofs=tuple(proofs),
            problems=(*_problems(result), *_other_requirements(before, result)),
            notes=tuple(_notes(wrapped, pyproject, tree, result)),
            names=(wrapped.backend, _LABEL),
            check=result,
        )

    def _already_wrapped(
        self,
        tree: Tree,
        inner: str,
        pyproject: Mapping[str, object],
        changes: Mapping[str, bytes | None],
    ) -> Migration:
        """Nothing to do, but for files of the kit that are not there yet."""
        settings = table_at(pyproject, "tool", "samebytes")
        if self.deflate not in (None, settings.get("deflate")):
            raise Refusal(
                [
                    f'It is wrapped already: add deflate = "{self.deflate}" to [tool.samebytes], '
                    f"and require {NAME}[{EXTRA}]."
                ]
            )
        check_wrapped(tree.root)
        return Migration(
            changes=changes,
            originals=originals(tree, changes),
            below=below(self.request),
            notes=(
                f"The project is wrapped already, around {inner}.",
                "Only pyproject.toml was looked at. Nothing was built, and nothing is proved: "
                "samebytes check --raw does that.",
            ),
            names=(inner, _LABEL),
        )

    def _check_index(self, wrapped: Wrapping) -> None:
        """Raises UserError where the wrapper cannot be had: better said before the builds."""
        workshop = self.workshop
        interpreter = find_interpreter(self.request.python, workshop.runner, workshop.environ)
        try:
            pins = workshop.toolshed(interpreter).resolve([wrapped.requirement], None)
        except UserError as error:
            if isinstance(error, UnreachableError) or workshop.index.offline:
                raise
            raise UserError(
                f"{wrapped.requirement} cannot be had for {interpreter}: no package index that "
                "is configured has it.",
                hint="Have an index that offers it: PIP_EXTRA_INDEX_URL names one besides yours.",
                detail=error.detail,
            ) from None
        shown = ", ".join(str(pin) for pin in pins if pin.name in (NAME, EXTRA))
        workshop.reporter.fact("wrapper", shown)

    def _before(self, route: Route) -> _Before:
        """The project as its own backend builds it; ``route`` is the wheel's."""
        request = Request(
            source=self.request.source,
            route=route,
            python=self.request.python,
            as_of=self.request.as_of,
            newest=self.request.newest,
            canonical=False,
            timeout=self.request.timeout,
        )
        workshop = replace(self.workshop, reporter=Phase("before", self.workshop.reporter))
        folder = self.folder / f"before-{route}"
        outcome = build_release(request, workshop, folder)
        sdist, wheel = _packed(folder)
        requirements = outcome.buildinfo.recipe.requirements
        return _Before(sdist=sdist, wheel=wheel, requirements=requirements)

    def _checked(self, before: _Before, changes: Mapping[str, bytes | None]) -> CheckResult:
        """Build twice as anybody may, without being told a time, and find out what differs.

        All requirements are those of before; only the wrapper's own are of today.
        """
        is_pure = before.wheel.filename.endswith("-none-any.whl")
        variations = _VARIED if is_pure else _VARIED - {"python"}
        if self.deflate == CANONICAL:
            variations |= {"zlib"}
        request = CheckRequest(
            source=ChangedSource(base=self.request.source, changes=changes),
            raw=True,
            variations=variations,
            python=self.request.python,
            as_of=self.request.as_of,
            newest=self.request.newest,
            timeout=self.request.timeout,
            keep=self.folder / "after",
        )
        undated = frozenset({NAME, EXTRA} if self.deflate == CANONICAL else {NAME})
        reporter = Phase(_LABEL, self.workshop.reporter)
        result = check(request, replace(self.workshop, reporter=reporter, undated=undated))
        reasons = {} if is_pure else {"python": "the wheel is for one version of it"}
        return replace(result, not_tried={**result.not_tried, **reasons})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proving:
    """Compares what was built before with what the wrapper gives."""

    request: MigrationRequest
    tree: Tree
    changes: Mapping[str, bytes | None]
    epoch: Epoch

    def of(self, before: Packed, after: Packed) -> Proof:
        kit = self.request.kit
        comparison = compare_read(before.artifact, after.artifact)
        pair = Pair(
            before=before,
            after=after,
            tree=self.tree,
            changes=self.changes,
            views={view.member: view for view in comparison.contents},
        )
        listing = kit.stay.get("sdist" if pair.is_sdist else "wheel") if kit else None
        return prove(comparison, pair, expected_around(self.epoch.seconds), listing)


def _packed(folder: Path) -> tuple[Packed, Packed]:
    """The sdist and the wheel in a folder."""
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return read_packed(sdist, KEPT), read_packed(wheel)


def _is_about_route(result: CheckResult) -> bool:
    """Whether files are other ones in the wheel from the tree, and nothing else was found."""
    return bool(result.findings) and all(
        each.variations == (_ROUTE,) and each.members for each in result.findings
    )


def _without_route(result: CheckResult) -> CheckResult:
    """What is left where both routes to the wheel have never led to the same one."""
    names = ", ".join(sorted({name for each in result.findings for name in each.members}))
    reason = f"the wheel from the sdist is another one without the wrapper, too: {names}"
    return replace(
        result,
        tried=tuple(name for name in result.tried if name != _ROUTE),
        not_tried={**result.not_tried, _ROUTE: reason},
        findings=(),
        is_reproducible=True,
    )


def _problems(result: CheckResult) -> Iterator[str]:
    """Why the bytes are not always the same, one sentence for each reason."""
    for each in result.findings:
        yield f"The {each.form} is not always the same bytes: {_reason(each)}. {each.fix}"


def _reason(finding: Finding) -> str:
    what = ", ".join(finding.members[:3]) or "the file as a whole"
    if finding.variations == (REPEAT.id,):
        return f"{what}, by chance"
    return f"{what}, with {' and '.join(finding.variations)} varied"


def _other_requirements(before: _Before, result: CheckResult) -> Iterator[str]:
    """What was not built by the same releases before and after."""
    if other := sorted(map(str, set(before.requirements) - set(result.requirements))):
        yield f"The wrapped backend was not built with {', '.join(other)}, as before."


def _notes(
    wrapped: Wrapping, pyproject: Mapping[str, object], tree: Tree, result: CheckResult
) -> Iterator[str]:
    yield f"{wrapped.backend} builds as before, in the wrapper; no rule of the project changes."
    if wrapped.backend.startswith("hatchling.") and wrapper_of(pyproject) is None:
        yield "hatchling can do without a wrapper: [tool.hatch.build.hooks.samebytes] is its hook."
    if wrapped.is_new:
        yield "[build-system] is new: it says what was taken for granted."
    if tree.has("setup.py"):
        yield "'python setup.py sdist' goes past the wrapper: use python -m build, or another."
    if result.is_reproducible:
        yield (
            "The same bytes from a plain build and from one with these varied: "
            f"{', '.join(result.tried)}. Neither was told a time."
        )
    for name, reason in result.not_tried.items():
        if name in _VARIED:
            yield f"Not varied: {name} ({reason})."
    ours = ", ".join(str(pin) for pin in result.requirements if pin.name in (NAME, EXTRA))
    yield f"Built with {ours}, today's; all other build requirements are those of before."
