"""What the site says of an artifact in a few words, and how much that matters."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from samebytes.report.verification import PHASES
from samebytes.report.visible import counted
from samebytes.verify.document import Result
from samebytes.verify.verification import Place

#: What has no verdict yet, among the verdicts.
PENDING = "pending"
#: The verdicts in the order in which they are drawn: the best first.
VERDICTS = ("identical", "equivalent", "unbuildable", "different", PENDING)

#: Verdict → what it claims, for those who have never heard of it.
CLAIMS: Mapping[str, str] = {
    "identical": "Building its source again gives exactly the published file, bit for bit.",
    "equivalent": "The same contents, packed in another way: a listed set of corrections, such as "
    "times or the order of members, turns the rebuilt file into the published one, bit for bit.",
    "unbuildable": "Nothing could be built to compare it with. That speaks neither for the file "
    "nor against it.",
    "different": "Something in the file is not what its source builds here. That alone is no "
    "proof of harm, and every difference is shown.",
    PENDING: "It is known, and nobody has verified it yet.",
}


class Urgency(IntEnum):
    """Who should be looked at first."""

    PHANTOM = 0
    CODE = 1
    OTHER = 2
    UNBUILDABLE = 3
    NONE = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The finding in a few words; ``is_whole``: what the store holds of it can be read."""

    what: str
    urgency: Urgency = Urgency.NONE
    is_whole: bool = True

    @classmethod
    def of(cls, result: Result) -> Summary:
        what = _what(result)
        if result["tried"]:
            what += (
                f"; its build tried {counted(len(result['tried']), 'thing')} that no build has to"
            )
        return cls(what=what, urgency=_urgency(result))

    @classmethod
    def load(cls, note: str) -> Summary:
        """Raises TypeError or ValueError for what ``dump`` would not give."""
        what, urgency, is_whole = json.loads(note)
        if not isinstance(what, str):
            raise TypeError("no words")
        return cls(what=what, urgency=Urgency(urgency), is_whole=bool(is_whole))

    def dump(self) -> str:
        return json.dumps([self.what, self.urgency, self.is_whole])


def _what(result: Result) -> str:
    match result["verdict"]:
        case "identical":
            return "byte for byte"
        case "equivalent":
            return _corrected(result)
        case "different":
            return _different(result)
    return PHASES[result["failure"]["phase"]]


def _urgency(result: Result) -> Urgency:
    if result["phantoms"] or result["tried"]:
        return Urgency.PHANTOM
    match result["verdict"]:
        case "different":
            is_code = Place.CODE in result["places"] or not result["places"]
            return Urgency.CODE if is_code else Urgency.OTHER
        case "unbuildable":
            return Urgency.UNBUILDABLE
    return Urgency.NONE


def _corrected(result: Result) -> str:
    count = counted(len(result["corrections"]), "correction")
    titles = [each["title"] for each in result["causes"]]
    more = f" and {len(titles) - 1} more" if len(titles) > 1 else ""
    return f"{count}: {titles[0]}{more}" if titles else count


def _different(result: Result) -> str:
    if phantoms := result["phantoms"]:
        others = [place for place in result["places"] if place != Place.PHANTOM]
        return ", ".join([counted(len(phantoms), "phantom member"), *others])
    return ", ".join(result["places"]) or "see what speaks against it"


def latest_claim(verdicts: Sequence[str]) -> tuple[str, str]:
    """The tone and the message of a project's badge: what holds of all files of a version."""
    good = sum(verdict in ("identical", "equivalent") for verdict in verdicts)
    if "different" in verdicts:
        return "different", "different"
    if good == len(verdicts) > 0:
        worst = "equivalent" if "equivalent" in verdicts else "identical"
        return worst, worst
    if good:
        return "unbuildable", f"{good} of {len(verdicts)} verified"
    if "unbuildable" in verdicts:
        return "unbuildable", "unbuildable"
    return PENDING, "not yet verified"


_URGENT: Mapping[Urgency, str] = {
    Urgency.PHANTOM: "with members that nothing in the source explains, or a suspicious build",
    Urgency.CODE: "with other code",
    Urgency.OTHER: "with other differences",
    Urgency.UNBUILDABLE: "unbuildable",
}


def urgent(counts: Mapping[Urgency, int]) -> str:
    """How many there are of what should be looked at, in one sentence."""
    parts = [f"{counts[each]:,} {text}" for each, text in _URGENT.items() if counts.get(each)]
    return "; ".join(parts) + "."


def kinds(differences: Sequence[Mapping[str, Any]]) -> Mapping[tuple[str, str], list[Any]]:
    """Differences by level and kind, contents first."""
    found: dict[tuple[str, str], list[Any]] = {}
    for each in sorted(differences, key=lambda one: one["level"] != "content"):
        found.setdefault((each["level"], each["kind"]), []).append(each)
    return found
