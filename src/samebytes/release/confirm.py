"""Another's yes or no: the release built again from one's own clone, compared, and signed for."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from samebytes.compare.comparison import compare
from samebytes.compare.model import Comparison, Verdict
from samebytes.digest import Digest
from samebytes.errors import ArtifactError, UserError
from samebytes.interpreter import find_interpreter
from samebytes.outcome import Outcome
from samebytes.pipeline import build_release
from samebytes.recipe import BuildInfo, Recipe
from samebytes.release.checks.preflight import TagKeys, check_signature
from samebytes.release.offer import Offer, named_release
from samebytes.release.signed.signing import Signer
from samebytes.release.signed.statement import confirmation
from samebytes.request import Request, Workshop
from samebytes.source import GitSource

#: The worst of several verdicts is that of the release.
_ORDER = (Verdict.IDENTICAL, Verdict.EQUIVALENT, Verdict.DIFFERENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """What was found, and the signed statement that says so, as JSON.

    ``differences`` are for people; ``comparisons`` of the artifacts that are not the same bytes, as
    far as they can be read. Unless ``is_built``, the tag was not what it should be, nothing was
    built, and ``recipe`` is the preparer's with the commit that was found.
    """

    verdict: Verdict
    differences: tuple[str, ...]
    digests: Mapping[str, Digest]
    recipe: Recipe
    is_built: bool
    comparisons: tuple[Comparison, ...]
    statement: str
    signer: Signer

    @property
    def is_yes(self) -> bool:
        return self.verdict is Verdict.IDENTICAL

    @property
    def filename(self) -> str:
        """The statement's name among others, if no other of the same key is there."""
        return f"confirmation.{self.signer.keyid[:16]}.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmRequest:
    """What to confirm, from which source, and how.

    By default the build requirements are resolved here, as of the time of the commit, and the
    backend is told nothing: ``as_of`` and ``config_settings`` are what the confirmer agrees to
    besides. With ``recorded``, the preparer's own releases of the requirements are taken. With
    ``keys``, one of them must have signed the tag.
    """

    offer: Offer
    source: GitSource
    signer: Signer
    keys: TagKeys | None = None
    python: str | None = None
    as_of: datetime | None = None
    config_settings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    recorded: bool = False
    timeout: float = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What there is here, to be held against the offer; ``release`` is what it says that it is."""

    recipe: Recipe
    release: tuple[NormalizedName, Version]
    differences: tuple[str, ...]
    is_built: bool = True
    comparisons: tuple[Comparison, ...] = ()
    verdict: Verdict = Verdict.IDENTICAL


def confirm(request: ConfirmRequest, workshop: Workshop, folder: Path) -> Confirmation:
    """Build again in ``folder``, which is empty, compare, and sign what was found.

    Raises UserError where the release was built in a way that the request does not agree to, and
    SamebytesError where it cannot be built here: then nothing is signed.
    """
    offer, signer = request.offer, request.signer
    if untrue := tuple(_tag_differences(request, workshop)):
        # Whose code that is nobody knows: it is not run.
        recipe = replace(offer.buildinfo.recipe, source=request.source.identity)
        release = named_release(offer.digests)
        found = _Found(recipe=recipe, release=release, differences=untrue, is_built=False)
    else:
        _check_agreement(request)
        found = _built_again(request, workshop, folder)
    name, version = found.release
    differences = (*_offer_differences(offer, found), *found.differences)
    verdict = found.verdict
    if differences and verdict is Verdict.IDENTICAL:
        verdict = Verdict.DIFFERENT
    statement = confirmation(
        offer.digests,
        name=name,
        version=version,
        verdict=verdict,
        recipe=found.recipe,
        tag=offer.record.tag,
        verifier=signer.verifier,
        time=datetime.now(UTC).replace(microsecond=0),
        differences=differences,
    )
    return Confirmation(
        verdict=verdict,
        differences=differences,
        digests=offer.digests,
        recipe=found.recipe,
        is_built=found.is_built,
        comparisons=found.comparisons,
        statement=signer.sign(statement),
        signer=signer,
    )


def _tag_differences(request: ConfirmRequest, workshop: Workshop) -> Iterator[str]:
    """Why the tag is not that of the release."""
    tag, commit = request.offer.record.tag, request.source.commit
    if commit != request.offer.record.commit:
        yield (
            f"The tag {tag} is the commit {commit} here, and {request.offer.record.commit} in the "
            "release."
        )
    if request.keys is None:
        workshop.reporter.warn(
            f"Who signed the tag {tag} was not looked at: --trusted-keys FOLDER does, and 'git tag "
            f"--verify {tag}'."
        )
        return
    checked = check_signature(request.source, tag, request.keys)
    yield from checked.problems
    for fact in checked.facts:
        workshop.reporter.fact("tag", fact)


def _check_agreement(request: ConfirmRequest) -> None:
    """Raise UserError where the preparer chose more than this confirmer has agreed to."""
    recipe = request.offer.buildinfo.recipe
    default = request.source.as_of(request.source.epoch())
    theirs = _options(recipe.config_settings, recipe.as_of, default, request)
    ours = _options(request.config_settings, request.as_of, default, request)
    if sorted(theirs) == sorted(ours):
        return
    hint = f"If you agree, say the same: {_joined(theirs)}" if theirs else "Say the same"
    raise UserError(
        f"The release was built with {_joined(theirs) or 'no option'}, and you have said "
        f"{_joined(ours) or 'none'}: whoever prepared it chose what decides the bytes.",
        hint=f"{hint}. If not, ask why. Nothing was signed.",
    )


def _options(
    settings: Mapping[str, tuple[str, ...]],
    as_of: datetime | None,
    default: datetime,
    request: ConfirmRequest,
) -> list[str]:
    """What is to be said for a build like this one."""
    words = [
        f"--config-setting={key}={value}" for key, values in settings.items() for value in values
    ]
    if as_of is not None and not request.recorded:
        moment = as_of if as_of.tzinfo else as_of.replace(tzinfo=UTC)
        with suppress(OverflowError):  # it has no time of ours, which nobody can agree to
            moment = moment.astimezone(UTC)
        if moment != default:
            words.append(f"--as-of={moment.isoformat()}")
    return words


def _joined(words: Sequence[str]) -> str:
    return shlex.join(words).encode("utf-8", "backslashreplace").decode()


def _built_again(request: ConfirmRequest, workshop: Workshop, folder: Path) -> _Found:
    offer = request.offer
    outcome = _build(request, workshop, folder)
    recipe = outcome.buildinfo.recipe
    _note_requirements(offer.buildinfo.recipe, recipe, workshop)
    built = {each.filename: each.digest for each in outcome.buildinfo.artifacts}
    other = [name for name, digest in offer.digests.items() if built.get(name, digest) != digest]
    differences = list(_missing(offer, built))
    comparisons = []
    if outcome.disagreement is not None:
        # Nothing lies in the folder then.
        differences.append(
            f"Built here, the two wheels are not the same: {outcome.disagreement.reason}"
        )
        differences += [f"{name}: {Verdict.DIFFERENT}" for name in other]
        other = []
    unreadable = False
    for name in other:
        try:
            comparison = compare(offer.files[name], folder / name)
        except ArtifactError as error:
            unreadable = True
            differences.append(f"{name}: {Verdict.DIFFERENT}: {error.message}")
        else:
            comparisons.append(comparison)
            differences += _lines(comparison)
    verdict = max((each.verdict for each in comparisons), key=_ORDER.index, default=_ORDER[0])
    return _Found(
        recipe=recipe,
        release=named_release(built),
        differences=tuple(differences),
        comparisons=tuple(comparisons),
        verdict=Verdict.DIFFERENT if unreadable or outcome.disagreement else verdict,
    )


def _build(request: ConfirmRequest, workshop: Workshop, folder: Path) -> Outcome:
    """The one place where strangers' code is run."""
    recorded = request.offer.buildinfo
    pinned = None
    if request.recorded:
        pinned = _pinned(recorded, request.source)
        pins = ", ".join(str(pin) for pin in pinned.recipe.requirements) or "none"
        workshop.reporter.warn(
            "The build requirements are those that the release names, and were not resolved here: "
            f"{pins}."
        )
    return build_release(
        Request(
            source=request.source,
            python=_python(request, workshop),
            as_of=request.as_of,
            record=pinned,
            config_settings=request.config_settings,
            deflate=recorded.recipe.deflate,
            timeout=request.timeout,
        ),
        workshop,
        folder,
    )


def _pinned(recorded: BuildInfo, source: GitSource) -> BuildInfo:
    """The preparer's build requirements; the time is the commit's, whatever was recorded."""
    recipe = replace(recorded.recipe, epoch=source.epoch(), as_of=None)
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


def _note_requirements(recorded: Recipe, recipe: Recipe, workshop: Workshop) -> None:
    """Say where the build requirements are not the preparer's."""
    theirs, ours = ({str(pin) for pin in each.requirements} for each in (recorded, recipe))
    if theirs != ours:
        workshop.reporter.warn(
            f"Other build requirements: {_listed(theirs - ours)} there, {_listed(ours - theirs)} "
            "here."
        )


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _offer_differences(offer: Offer, found: _Found) -> Iterator[str]:
    """Where the record of the release is not true."""
    for name in offer.altered:
        yield f"{name}: not what the record of the release says"
    name, version = found.release
    if (canonicalize_name(offer.record.name), offer.record.version) != found.release:
        what = "built here, it" if found.is_built else "it"
        yield (
            f"The record says {offer.record.name} {offer.record.version}; {what} is {name} "
            f"{version}."
        )


def _missing(offer: Offer, built: Mapping[str, Digest]) -> Iterator[str]:
    for name in sorted(offer.digests.keys() - built):
        yield f"{name}: was not built here"
    for name in sorted(built.keys() - offer.digests):
        yield f"{name}: was built here, and is not in the release"


def _lines(comparison: Comparison) -> Iterator[str]:
    """A line for the verdict, and one for each cause."""
    yield f"{comparison.first.filename}: {comparison.verdict}"
    for each in comparison.explanations:
        members = {one.member for one in each.differences if one.member is not None}
        where = f", {min(members)}" if members else ""
        more = f" and {len(members) - 1} more" if len(members) > 1 else ""
        yield f"{comparison.first.filename}: {each.title} ({each.reason}{where}{more})"
