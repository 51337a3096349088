"""Another's yes or no: the release built again from one's own clone, compared, and signed for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from samebytes.compare.comparison import compare
from samebytes.compare.model import Comparison, Verdict
from samebytes.digest import Digest
from samebytes.errors import UserError
from samebytes.interpreter import find_interpreter
from samebytes.outcome import Outcome
from samebytes.pipeline import build_release
from samebytes.recipe import BuildInfo, Recipe
from samebytes.release.offer import Offer
from samebytes.release.signed.signing import Signer
from samebytes.release.signed.statement import confirmation
from samebytes.request import Request, Workshop
from samebytes.source import GitSource

#: The worst of several verdicts is that of the release.
_ORDER = (Verdict.IDENTICAL, Verdict.EQUIVALENT, Verdict.DIFFERENT)

_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """What was found, and the signed statement that says so, as JSON.

    ``differences`` are for people; ``comparisons`` of the artifacts that are not the same bytes.
    """

    verdict: Verdict
    differences: tuple[str, ...]
    digests: Mapping[str, Digest]
    recipe: Recipe
    comparisons: tuple[Comparison, ...]
    statement: str
    signer: Signer

    @property
    def is_yes(self) -> bool:
        return self.verdict is Verdict.IDENTICAL

    @property
    def filename(self) -> str:
        """The statement's name among others: one for each key, so that a later one replaces it."""
        return f"confirmation.{self.signer.keyid[:16]}.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmRequest:
    """What to confirm, from which source, and how.

    By default the build requirements are resolved here, as of the moment that the preparer named;
    with ``recorded``, the preparer's own releases of them are taken.
    """

    offer: Offer
    source: GitSource
    signer: Signer
    python: str | None = None
    recorded: bool = False
    timeout: float = 3600.0


def confirm(request: ConfirmRequest, workshop: Workshop, folder: Path) -> Confirmation:
    """Build again in ``folder``, which is empty, compare, and sign what was found.

    Raises SamebytesError where it cannot be built here: then nothing is signed.
    """
    offer = request.offer
    differences = [f"{name}: not what the record of the release says" for name in offer.altered]
    comparisons: list[Comparison] = []
    recipe = replace(offer.buildinfo.recipe, source=request.source.identity)
    if request.source.commit != offer.record.commit:
        differences.append(
            f"The tag {offer.record.tag} is the commit {request.source.commit} here, and "
            f"{offer.record.commit} in the release."
        )
    else:
        outcome = _build(request, workshop, folder)
        recipe = outcome.buildinfo.recipe
        _note_recipe(offer.buildinfo, recipe, workshop)
        comparisons = list(_compare(offer, outcome, folder))
        differences += _missing(offer, outcome)
        differences += [line for each in comparisons for line in _lines(each)]
    verdict = max((each.verdict for each in comparisons), key=_ORDER.index, default=_ORDER[0])
    if differences and verdict is Verdict.IDENTICAL:
        verdict = Verdict.DIFFERENT
    statement = confirmation(
        offer.digests,
        name=offer.record.name,
        version=offer.record.version,
        verdict=verdict,
        recipe=recipe,
        tag=offer.record.tag,
        verifier=request.signer.verifier,
        time=datetime.now(UTC).replace(microsecond=0),
        differences=differences[:_SHOWN],
        input_attestations=offer.provenance,
    )
    return Confirmation(
        verdict=verdict,
        differences=tuple(differences),
        digests=offer.digests,
        recipe=recipe,
        comparisons=tuple(comparisons),
        statement=request.signer.sign(statement),
        signer=request.signer,
    )


def _build(request: ConfirmRequest, workshop: Workshop, folder: Path) -> Outcome:
    recorded = request.offer.buildinfo
    recipe = recorded.recipe
    outcome = build_release(
        Request(
            source=request.source,
            python=_python(request, workshop),
            as_of=recipe.as_of,
            record=_pinned(recorded, request.source) if request.recorded else None,
            config_settings=recipe.config_settings,
            timeout=request.timeout,
        ),
        workshop,
        folder,
    )
    if outcome.disagreement is not None:
        raise UserError(
            f"Built here, the two wheels are not the same: {outcome.disagreement.reason}",
            hint="samebytes build shows why. Nothing was signed.",
        )
    return outcome


def _pinned(recorded: BuildInfo, source: GitSource) -> BuildInfo:
    """The preparer's build requirements; the time is the commit's, whatever was recorded."""
    recipe = replace(recorded.recipe, epoch=source.epoch())
    return BuildInfo(recipe=recipe, artifacts=())


def _python(request: ConfirmRequest, workshop: Workshop) -> str | None:
    """The version that the preparer used, where it is installed."""
    if request.python is not None:
        return request.python
    version = request.offer.buildinfo.recipe.python.version
    wanted = f"{version.major}.{version.minor}"
    try:
        find_interpreter(wanted, workshop.runner, workshop.environ)
    except UserError:
        workshop.reporter.warn(f"The release was built with Python {wanted}; here it is another.")
        return None
    return wanted


def _note_recipe(recorded: BuildInfo, recipe: Recipe, workshop: Workshop) -> None:
    """Say where the recipe is not the preparer's, or asks for something unusual."""
    theirs, ours = ({str(pin) for pin in each.requirements} for each in (recorded.recipe, recipe))
    if theirs != ours:
        workshop.reporter.warn(
            f"Other build requirements: {_listed(theirs - ours)} there, {_listed(ours - theirs)} "
            "here."
        )
    for key, values in recipe.config_settings.items():
        workshop.reporter.warn(f"The backend is told {key}={' '.join(values)}, as in the release.")


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _compare(offer: Offer, outcome: Outcome, folder: Path) -> Iterator[Comparison]:
    """The comparisons of those that are not the same bytes."""
    built = {each.filename: each.digest for each in outcome.buildinfo.artifacts}
    for name, digest in offer.digests.items():
        if name in built and built[name] != digest:
            yield compare(offer.files[name], folder / name)


def _missing(offer: Offer, outcome: Outcome) -> Iterator[str]:
    built = {each.filename for each in outcome.buildinfo.artifacts}
    for name in sorted(offer.digests.keys() - built):
        yield f"{name}: was not built here"
    for name in sorted(built - offer.digests.keys()):
        yield f"{name}: was built here, and is not in the release"


def _lines(comparison: Comparison) -> Iterator[str]:
    """A line for the verdict, and one for each cause."""
    yield f"{comparison.first.filename}: {comparison.verdict}"
    for each in comparison.explanations:
        members = {one.member for one in each.differences if one.member is not None}
        where = f", {min(members)}" if members else ""
        more = f" and {len(members) - 1} more" if len(members) > 1 else ""
        yield f"{comparison.first.filename}: {each.title} ({each.reason}{where}{more})"
