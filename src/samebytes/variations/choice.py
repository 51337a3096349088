"""What is asked of a check, and which variations it comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from samebytes.errors import UserError
from samebytes.source import SdistSource, Source
from samebytes.variations.table import HELD, VARIATIONS, Scope, in_order

_TAKEN_CARE_OF = "samebytes build takes care of it; --raw tries it"
#: What only a git checkout has.
_GIT_ONLY = frozenset({"crlf", "export"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest:
    """What to check, and how.

    As ``raw``, as ``python -m build`` would build it where somebody checked it out; otherwise as
    ``samebytes build`` does. ``required`` variations are an error where they cannot be tried.
    What is ``held`` stands still where it is not varied. With ``deflate``, all archives are written
    again, by the one that is the same everywhere. With ``keep``, the files of the first two
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
    deflate: bool = False
    keep: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which variations are tried; ``not_tried`` says of all others why not."""

    wanted: frozenset[str]
    required: frozenset[str]
    not_tried: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, request: CheckRequest) -> Choice:
        """The variations that the request and its source admit."""
        choice = cls(wanted=request.variations, required=request.required)
        return choice.without(_inapplicable(request))

    @property
    def tried(self) -> frozenset[str]:
        return self.wanted.difference(self.not_tried)

    def without(self, reasons: Mapping[str, str]) -> Choice:
        """Leave some out; raises UserError if one is required, or none is left."""
        if missing := in_order(self.required & reasons.keys()):
            said = "; ".join(f"{name} ({reasons[name]})" for name in missing)
            raise UserError(
                f"Not every variation that is required can be tried: {said}.",
                hint="Provide what is missing, or leave it out of --require.",
            )
        rest = replace(self, not_tried={**self.not_tried, **reasons})
        if not rest.tried:
            said = "; ".join(f"{name} ({reason})" for name, reason in rest.not_tried.items())
            raise UserError("None of the variations can be tried here.", hint=f"{said}.")
        return rest


def _inapplicable(request: CheckRequest) -> dict[str, str]:
    """Of all variations, those that are left out before anything is tried, and why."""
    found: dict[str, str] = {}
    for each in VARIATIONS.values():
        is_raw_only = each.scope is Scope.RAW and not request.raw
        if each.id not in request.variations:
            found[each.id] = "not asked for"
            if each.scope is Scope.ASKED:
                found[each.id] = "it changes the recipe; --vary all tries it"
            elif is_raw_only:
                found[each.id] = _TAKEN_CARE_OF
        elif each.id in _GIT_ONLY and isinstance(request.source, SdistSource):
            found[each.id] = "an sdist is no git checkout"
        elif is_raw_only:
            found[each.id] = _TAKEN_CARE_OF
    return found
