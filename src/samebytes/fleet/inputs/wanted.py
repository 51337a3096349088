"""What an audit is to look at: releases that are named, and projects of which it finds them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from packaging.utils import NormalizedName
from packaging.version import Version

from samebytes.digest import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """Which releases of a project: the newest, or all; or those with a file uploaded ``since``."""

    only_latest: bool = True
    since: datetime | None = None

    @classmethod
    def read(cls, text: str) -> Versions:
        """Of ``latest``, ``all`` or ``since:DATE``; raises ValueError for everything else."""
        kind, _, date = text.partition(":")
        if kind == "since":
            moment = datetime.fromisoformat(date)
            try:
                moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
                return cls(only_latest=False, since=moment.astimezone(UTC))
            except OverflowError as error:
                raise ValueError(str(error)) from None
        if text not in ("latest", "all"):
            raise ValueError(f"{text!r} does not say which releases")
        return cls(only_latest=text == "latest")

    def __str__(self) -> str:
        """As the command line has it."""
        if self.since is not None:
            return f"since:{self.since.isoformat().removesuffix('T00:00:00+00:00')}"
        return "latest" if self.only_latest else "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One release, or, without a ``version``, those ``versions`` of a project that there are.

    ``digests`` are those that files of the release may have; none: any. ``rank`` is the place in a
    list of the most used projects, 1 the first. ``origin`` says where it is named, for people:
    ``requirements.txt, line 12``.
    """

    name: NormalizedName
    version: Version | None = None
    versions: Versions = field(default_factory=Versions)
    digests: frozenset[Digest] = frozenset()
    rank: int | None = None
    origin: str

    def __str__(self) -> str:
        return self.name if self.version is None else f"{self.name}=={self.version}"
