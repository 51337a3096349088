"""Which Python probably ran a build, of those that are here."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from packaging.requirements import Requirement
from packaging.specifiers import Specifier, SpecifierSet
from packaging.utils import parse_wheel_filename
from packaging.version import Version

from samebytes.errors import UserError
from samebytes.infer.candidate import Decision
from samebytes.interpreter import Interpreter, find_interpreter
from samebytes.process import Runner
from samebytes.versions import specifiers_or_none

#: When the minor versions of Python 3 were released (https://devguide.python.org/versions/).
_RELEASED = {
    6: (2016, 12, 23),
    7: (2018, 6, 27),
    8: (2019, 10, 14),
    9: (2020, 10, 5),
    10: (2021, 10, 4),
    11: (2022, 10, 24),
    12: (2023, 10, 2),
    13: (2024, 10, 7),
    14: (2025, 10, 7),
    15: (2026, 10, 1),
}
#: The first release of setuptools that runs on Python 3.12.
_FOR_312, _PYTHON_312 = Version("66.1"), Version("3.12.dev0")
#: Older ones run no build frontend of today.
_OLDEST = 8


def interpreters(runner: Runner, environ: Mapping[str, str]) -> tuple[Interpreter, ...]:
    """The Pythons of this machine, one of each minor version, the oldest first."""

    def found(minor: int) -> Interpreter | None:
        try:
            return find_interpreter(f"3.{minor}", runner, environ)
        except UserError:
            return None

    # Each has to start, which is most of what an audit of little waits for.
    with ThreadPoolExecutor() as threads:
        answers = threads.map(found, [minor for minor in _RELEASED if minor >= _OLDEST])
        return tuple(each for each in answers if each is not None)


def able_pythons(here: Sequence[Interpreter], pins: Iterable[Requirement]) -> Sequence[Interpreter]:
    """Those on which the releases run that ``pins`` allow."""
    bounds = [each for pin in pins if pin.name == "setuptools" for each in pin.specifier]
    if any(_is_before_312(each) for each in bounds):
        return [each for each in here if each.identity.version < _PYTHON_312] or here
    return here


def _is_before_312(bound: Specifier) -> bool:
    """Whether a bound of setuptools admits no release that runs on Python 3.12."""
    if bound.operator == "<":
        return Version(bound.version) <= _FOR_312
    return bound.operator in ("<=", "==") and Version(bound.version) < _FOR_312


def tagged_python(filename: str) -> int | None:
    """The minor version of Python 3 that a wheel's name says it is for alone, as cp311 does."""
    interpreters = {tag.interpreter for tag in parse_wheel_filename(filename)[3]}
    match = re.fullmatch(r"cp3(\d+)", "".join(interpreters))
    return int(match[1]) if match else None


def choose_pythons(
    here: Sequence[Interpreter],
    requires: str,
    uploaded: datetime | None,
    tagged: int | None = None,
) -> Iterator[tuple[Interpreter, Decision]]:
    """The likeliest first: the newest that existed at the upload, then ours, then the oldest.

    ``requires`` is what the metadata say in Requires-Python; where no Python here satisfies it, it
    has no say. If there is one that is ``tagged``, it is the only one.
    """
    for each in here:
        if each.identity.version.minor == tagged:
            why = f"the wheel's name has cp3{tagged}"
            yield each, Decision("python", str(each.identity.version), why)
            return
    specifier = specifiers_or_none(requires) or SpecifierSet()
    fit = [each for each in here if specifier.contains(each.identity.version, prereleases=True)]
    fit = fit or list(here)
    own = [each for each in fit if os.path.samefile(each.path, sys.executable)]
    existed = [each for each in fit if uploaded is None or _released(each) <= uploaded]
    ranked: list[tuple[Interpreter, str]] = []
    if uploaded is None:
        ranked += [(each, "the one that runs samebytes") for each in own]
    else:
        day = f"{uploaded:%Y-%m-%d}"
        if existed:
            ranked.append((existed[-1], f"the newest here that was released by {day}"))
        elif fit:
            ranked.append((fit[0], f"the oldest here; all are newer than {day}"))
        ranked += [(each, "the one that runs samebytes") for each in own]
    ranked += [(each, "the oldest here") for each in fit[:1]]
    seen = set()
    for each, why in ranked:
        if each.path not in seen:
            seen.add(each.path)
            yield each, Decision("python", str(each.identity.version), why)


def _released(interpreter: Interpreter) -> datetime:
    day = _RELEASED.get(interpreter.identity.version.minor)
    return datetime(*day, tzinfo=UTC) if day else datetime.max.replace(tzinfo=UTC)
