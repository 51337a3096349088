"""A recipe that may have made a published artifact, and what speaks for each part of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from packaging.requirements import Requirement

from samebytes.archive.unpack import DATA_FILTER
from samebytes.interpreter import Interpreter
from samebytes.recipe import Deflate, Route


class Decision(NamedTuple):
    """One part of a recipe: ``what``, its ``value``, and the evidence."""

    what: str
    value: str
    why: str

    def to_dict(self) -> dict[str, str]:
        return self._asdict()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamps:
    """Which times a build gives its members.

    ``epoch`` (seconds) is what the backend is told, None if nothing. The files of an sdist have the
    times that it says, and of its permissions those in the mask ``archived``. Where a backend
    writes local time, ``timezone`` is the zone, as TZ has it.
    """

    epoch: int | None
    archived: int = DATA_FILTER
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """``pins`` stand in the place of what the source requires of the same names.

    With ``windows``, text files that Python code writes get the line ends of that system.
    ``options`` are those of setuptools' bdist_wheel. ``frontend`` is a program that builds sdists
    in its own way, beside the hooks of the backend; empty for all that use these. With ``deflate``,
    the streams of what is built are compressed again so; with ``written`` (seconds) all of it is
    written again, in canonical form and with that time.
    """

    python: Interpreter
    pins: tuple[Requirement, ...]
    as_of: datetime | None
    route: Route
    stamps: Stamps
    umask: int
    windows: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    frontend: str = ""
    deflate: Deflate | None = None
    written: int | None = None
    decisions: tuple[Decision, ...]

    @property
    def recipe(self) -> tuple[object, ...]:
        """What two candidates differ in, if they differ."""
        return (
            self.python.path,
            tuple(map(str, self.pins)),
            self.as_of,
            self.route,
            self.stamps,
            self.umask,
            self.windows,
            tuple(sorted(self.options.items())),
            self.frontend,
            self.deflate,
        )
