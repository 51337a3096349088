"""Verifications as one HTML file that needs nothing else and loads nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, cast

from samebytes.compare.document import comparison_document
from samebytes.compare.model import Comparison
from samebytes.report.html import Shown, tally
from samebytes.report.verification import ACTS, PHASES, SIGNATURES, publishers
from samebytes.verify.document import Result, spoken

#: Verdicts in the order in which a reader looks for them; a failed one has none.
_WORST = ("different", "unbuildable", "failed", "equivalent", "identical")
#: Names of one kind that are shown.
_MOST = 20


def verification_page(
    asked: Sequence[str],
    document: Mapping[str, object],
    comparisons: Sequence[Comparison | None],
    entries: Mapping[str, str],
) -> str:
    """The page for a document of ``samebytes verify --json``, and the comparison of each result.

    ``asked`` is the command line, ``entries`` the documentation of kinds and causes by id.
    """
    shown = Shown(spoken=spoken)
    results = cast("Sequence[Result]", document["results"])
    failed = cast("Sequence[Result]", document["failed"])
    found = [*zip(results, comparisons, strict=True), *((_failed(each), None) for each in failed)]
    # Before the pairs are made: the script takes their groups to be in the order of the page.
    found.sort(key=lambda both: _badness(both[0]))
    files = [
        file_values(result, shown.pair(comparison_document(comparison)) if comparison else None)
        for result, comparison in found
    ]
    words = {"failed": "without a verdict"}
    return shown.page(
        "verification.html",
        entries,
        asked=asked,
        files=files,
        skipped=_by_reason(cast("Sequence[Mapping[str, str]]", document["skipped"])),
        tally=tally(words.get(each["verdict"], each["verdict"]) for each in files),
        sides=("Published", "Rebuilt"),
        phases=PHASES,
        signatures=SIGNATURES,
        most=_MOST,
    )


def _failed(failed: Result) -> Result:
    nothing = {"phantoms": (), "tried": (), "recipe": None, "provenance": None}
    return {**failed, **nothing, "verdict": "failed"}


def _badness(result: Result) -> tuple[int, bool, bool]:
    return _WORST.index(result["verdict"]), not result["phantoms"], not result["tried"]


def file_values(result: Result, pair: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the macros of published.html need; ``pair`` as ``Shown.pair`` gives it."""
    recipe = result["recipe"] or {"requirements": (), "environment": {}, "bdist_wheel": {}}
    settings = recipe["environment"] | recipe["bdist_wheel"]
    return {
        **result,
        "pair": pair,
        "marked_phantoms": [("", name) for name in result["phantoms"]],
        "marked_tried": [(ACTS[each["act"]], each["what"]) for each in result["tried"]],
        "publishers": publishers(result) if result["provenance"] else [],
        "installed": [f"{each['name']}=={each['version']}" for each in recipe["requirements"]],
        "environment": [f"{name}={value}" for name, value in settings.items()],
    }


def _by_reason(skipped: Sequence[Mapping[str, str]]) -> Mapping[str, Sequence[str]]:
    reasons = defaultdict[str, list[str]](list)
    for each in skipped:
        reasons[each["reason"]].append(each["artifact"])
    return reasons
