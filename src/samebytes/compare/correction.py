"""A difference together with the slots that would have to be taken over to undo it.

A header is seen as a set of independent slots; everything else in it (checksums, lengths, offsets)
follows from them. ``proof`` takes over the slots that the reported differences name, and no others,
and compares the bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from samebytes.compare.model import Difference

#: By name; the values are of the types that the archive's own module gives them.
Slots = Mapping[str, Any]


class Correction(NamedTuple):
    """``slots`` are taken from the first artifact's header into the second's."""

    difference: Difference
    slots: tuple[str, ...]

    @classmethod
    def of(
        cls, kind: str, name: str, values: tuple[object, object], /, *slots: str, field: str = ""
    ) -> Correction:
        return cls(Difference.of(kind, name, *values, field), slots)


def corrected(first: Slots, second: Slots, corrections: list[Correction]) -> Slots:
    """The second's slots with the first's where a correction names them."""
    names = {name for correction in corrections for name in correction.slots}
    return {name: (first if name in names else second)[name] for name in first}
