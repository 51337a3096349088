"""What a check found: which variation makes which differences, why, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from samebytes.archive.artifact import Form
from samebytes.compare.model import Difference, Explanation
from samebytes.variations.blame import Blame, Varied, find_blame
from samebytes.variations.suspects import suspect
from samebytes.variations.symptoms import FAILURE, NAME, Compared, Symptom, symptom_of
from samebytes.variations.table import REPEAT, VARIATIONS, Variation, in_order

#: What follows from other differences, and is no finding beside them.
_FOLLOWS = "record-follows"

#: The causes that may be recognised where a variation is known to be to blame; elsewhere, what the
#: variation itself says is more than what two archives show.
_CAUSES: Mapping[str, frozenset[str]] = {
    "clock": frozenset(
        {"build-time", "no-epoch", "setuptools-sdist-time", "other-python", "regenerated-gzip"}
    ),
    "crlf": frozenset({"line-ends"}),
    "file-order": frozenset({"file-order", "unordered-output"}),
    "hash-seed": frozenset({"unordered-output"}),
    "leftovers": frozenset({"stale-egg-info"}),
    "path": frozenset({"build-path"}),
    "python": frozenset({"other-compressor", "other-python"}),
    "requirements": frozenset({"other-backend-version"}),
    "timezone": frozenset({"time-zone"}),
    "umask": frozenset({"umask"}),
    "user": frozenset({"builder-identity"}),
    "zlib": frozenset({"other-compressor"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Differences of one artifact that have one cause.

    ``variations`` make them together; ``repeat`` stands for chance. ``respects`` says what differs,
    by kind; ``cause`` is the id of a cause, or of the variation where no cause was recognised.
    ``members`` are those it concerns, in order; ``example`` is empty where chance decides it.
    """

    form: Form
    variations: tuple[str, ...]
    respects: tuple[str, ...]
    members: tuple[str, ...]
    cause: str
    title: str
    fix: str
    differences: int
    example: tuple[str, str] | None
    detail: str = ""


def find(
    tried: Sequence[str], first: Compared, build: Callable[[Varied], Compared]
) -> tuple[Finding, ...]:
    """The findings, those of a single variation first, in the order of the table.

    ``first`` is the build with all variations; ``build`` builds with the given ones, and compares.
    """
    known = {frozenset(tried): first}

    def compared(varied: Varied) -> Compared:
        if varied not in known:
            known[varied] = build(varied)
        return known[varied]

    blame = _blame(tried, compared, build)
    found: list[Finding] = []
    alone: set[Symptom] = set()
    for varied in sorted(blame.culprits, key=lambda each: (not each, len(each), in_order(each))):
        symptoms = blame.culprits[varied]
        if len(varied) > 1:
            symptoms -= alone
        alone |= symptoms
        # What chance made in one build need not be in the next.
        builds = [compared(varied)] if varied else list(known.values())
        for each in builds:
            shown = symptoms & each.symptoms
            found += _findings(varied, shown, each)
            symptoms -= shown
    return tuple(found)


def _blame(
    tried: Sequence[str],
    compared: Callable[[Varied], Compared],
    build: Callable[[Varied], Compared],
) -> Blame[Symptom]:
    shown: dict[Varied, frozenset[Symptom]] = {}
    suspected: dict[Varied, dict[Symptom, str | None]] = {}

    def show(varied: Varied) -> frozenset[Symptom]:
        if varied not in shown:
            shown[varied] = compared(varied).symptoms
        return shown[varied]

    def again(varied: Varied) -> frozenset[Symptom]:
        return build(varied).symptoms

    def suspects(symptom: Symptom, varied: Varied) -> str | None:
        if varied not in suspected:
            pairs = compared(varied).differences()
            suspected[varied] = {one: each and suspect(each) for one, each in pairs}
        return suspected[varied].get(symptom)

    return find_blame(tried, show, again, suspects)


def _findings(
    varied: Varied, symptoms: frozenset[Symptom], compared: Compared
) -> Iterator[Finding]:
    names = in_order(varied) or (REPEAT.id,)
    variation = _combined([VARIATIONS.get(name, REPEAT) for name in names])
    for form in Form:
        for respect in (FAILURE, NAME):
            if Symptom(form, "", respect) in symptoms:
                yield _of_the_whole(form, names, variation, respect, compared)
        rows: dict[str, list[tuple[Explanation, Difference]]] = {}
        for explanation in compared.explanations.get(form, ()):
            for difference in explanation.differences:
                if symptom_of(form, difference) in symptoms:
                    cause = explanation.cause
                    if cause not in _CAUSES.get(variation.id, ()) and cause != _FOLLOWS:
                        cause = variation.id
                    rows.setdefault(cause, []).append((explanation, difference))
        if len(rows) > 1:
            rows.pop(_FOLLOWS, None)
        for cause, pairs in rows.items():
            yield _difference(form, names, cause, variation, pairs)


def _combined(together: Sequence[Variation]) -> Variation:
    """What is to be said of variations that only together show something: it takes one fix."""
    *_, last = together
    return replace(
        last,
        title=" and ".join(each.title for each in together),
        fix=" Or: ".join(each.fix for each in together),
    )


def _difference(
    form: Form,
    names: tuple[str, ...],
    cause: str,
    variation: Variation,
    pairs: list[tuple[Explanation, Difference]],
) -> Finding:
    explanation, first = pairs[0]
    differences = [difference for _, difference in pairs]
    is_own = cause == variation.id
    members = dict.fromkeys(each.member for each in differences if each.member is not None)
    return Finding(
        form=form,
        variations=names,
        respects=tuple(dict.fromkeys(each.kind.id for each in differences)),
        members=tuple(members),
        cause=cause,
        title=variation.title if is_own else explanation.title,
        fix=variation.fix if is_own else explanation.fix,
        differences=len(differences),
        example=None if names == (REPEAT.id,) else (first.first, first.second),
    )


def _of_the_whole(
    form: Form, names: tuple[str, ...], variation: Variation, respect: str, compared: Compared
) -> Finding:
    """That there is no artifact, or that it has another name."""
    error = compared.errors.get(form) if respect == FAILURE else None
    example = compared.names[form] if error is None else ("built", error.message)
    return Finding(
        form=form,
        variations=names,
        respects=(respect,),
        members=(),
        cause=variation.id,
        title=variation.title,
        fix=variation.fix,
        differences=1,
        example=None if names == (REPEAT.id,) else example,
        detail="" if error is None else error.detail,
    )
