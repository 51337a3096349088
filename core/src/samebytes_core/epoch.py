"""The one place that decides SOURCE_DATE_EPOCH.

Specification: https://reproducible-builds.org/specs/source-date-epoch/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum

VARIABLE = "SOURCE_DATE_EPOCH"

#: What the MS-DOS date and time of a zip member can hold (APPNOTE 4.4.6), as seconds.
ZIP_FLOOR = 315_532_800  # 1980-01-01T00:00:00Z
ZIP_CEILING = 4_354_819_198  # 2107-12-31T23:59:58Z

#: Times that backends write when they are told none, which say nothing about a release: 1970 and
#: 1980 (several), 2016-01-01 (flit), 2020-02-02 (hatchling).
CONSTANTS = frozenset({0, ZIP_FLOOR, 1_451_606_400, 1_580_601_600})


class Origin(str, Enum):
    """Where an epoch was read."""

    COMMIT = "commit"
    MEMBERS = "members"
    PKG_INFO = "PKG-INFO"
    ENVIRONMENT = "environment"
    RECORD = "record"

    __str__ = str.__str__


@dataclass(frozen=True)
class Epoch:
    """The time that a build claims as its own, in whole seconds since 1970-01-01T00:00:00Z."""

    seconds: int
    origin: Origin

    def __post_init__(self) -> None:
        if not 0 <= self.seconds <= ZIP_CEILING:
            raise ValueError(
                f"{self.seconds} is not a time between 1970 and 2107, which archives can hold"
            )

    @property
    def for_zip(self) -> int:
        """The epoch, or 1980-01-01 when it is earlier: zip knows no earlier date."""
        return max(self.seconds, ZIP_FLOOR)

    @property
    def is_clamped_for_zip(self) -> bool:
        return self.seconds < ZIP_FLOOR

    @property
    def is_constant(self) -> bool:
        """Whether an sdist's backend wrote this time without having been told one."""
        return self.origin in (Origin.MEMBERS, Origin.PKG_INFO) and self.seconds in CONSTANTS

    @property
    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, timezone.utc)

    def __str__(self) -> str:
        return f"{self.seconds} ({self.moment:%Y-%m-%d %H:%M:%S} UTC)"


def of_commit(committer_timestamp: int) -> Epoch:
    """The epoch of a git revision: its committer's timestamp.

    Raises ValueError when archives cannot hold that time.
    """
    return Epoch(seconds=committer_timestamp, origin=Origin.COMMIT)


def of_members(times: Iterable[tuple[str, float]]) -> Epoch:
    """The epoch of an sdist: the one timestamp that its files carry, else that of its PKG-INFO.

    ``times`` holds the name and the modification time (seconds) of every regular file, in order;
    fractions are cut off. PKG-INFO is the file that the backend itself writes at the moment of the
    build; of several, the one nearest to the root counts.

    Raises ValueError when the files differ and none of them is a PKG-INFO.
    """
    pairs = [(name, int(time // 1)) for name, time in times]
    distinct = {time for _, time in pairs}
    if len(distinct) == 1:
        return Epoch(seconds=distinct.pop(), origin=Origin.MEMBERS)
    written = [
        (name.count("/"), time) for name, time in pairs if name.rpartition("/")[2] == "PKG-INFO"
    ]
    if not written:
        raise ValueError("its files carry different times and there is no PKG-INFO among them")
    return Epoch(seconds=min(written)[1], origin=Origin.PKG_INFO)


def of_environment(environ: Mapping[str, str]) -> Epoch | None:
    """The epoch that SOURCE_DATE_EPOCH sets, or None where it is unset or empty.

    Raises ValueError when it is not a decimal number of seconds in range.
    """
    text = environ.get(VARIABLE, "")
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,20}", text, re.ASCII):
        raise ValueError(f"{VARIABLE} is not a whole number of seconds: {text!r}")
    return Epoch(seconds=int(text), origin=Origin.ENVIRONMENT)
