"""What an index has of a release, held against what was confirmed."""

from __future__ import annotations

import filecmp
import shutil
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from samebytes.digest import Digest
from samebytes.errors import ArtifactError
from samebytes.index import address
from samebytes.index.client import Index
from samebytes.index.listing import IndexFile, version_of
from samebytes.release.checklist import ALARM, WHAT_TO_DO
from samebytes.release.record import Record
from samebytes.request import Reporter

#: Seconds between two looks at the index: at first, and at last.
_SHORTEST, _LONGEST = 0.5, 10.0

#: How sdists may end that pip takes: more than PEP 625 allows, and than we take.
_ARCHIVES = (
    *(".tar.gz", ".tgz", ".tar", ".zip", ".tar.bz2", ".tbz"),
    *(".tar.xz", ".txz", ".tlz", ".tar.lz", ".tar.lzma"),
)

_BROKEN_OFF = "If the index keeps uploads that broke off, it may be one of ours: look at it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The one index that lists what is uploaded, asked anew each time.

    ``wait`` is how many seconds it may take until what was sent is listed.
    """

    index: Index
    record: Record
    reporter: Reporter
    wait: float

    @property
    def place(self) -> str:
        """The index's address, to be shown."""
        return address.shown(self.index.settings.urls[0])

    def look(self) -> tuple[IndexFile, ...]:
        """What it has of this version now; all of it that pip would take."""
        name, version = canonicalize_name(self.record.name), self.record.version
        return self.index.listed(name, lambda filename: is_of(filename, name, version))

    def wait_for(self, names: Collection[str]) -> tuple[IndexFile, ...]:
        """What it has, once it lists these, or anything else, or the time is over."""
        end, pause = time.monotonic() + self.wait, _SHORTEST
        while True:
            listed = self.look()
            left = end - time.monotonic()
            if set(names) <= names_of(listed) or any(map(self._is_foreign, listed)) or left <= 0:
                return listed
            if pause == _SHORTEST:
                self.reporter.step("waiting until the index lists it")
            time.sleep(min(pause, left))
            pause = min(2 * pause, _LONGEST)

    @property
    def later(self) -> str:
        return f"It had {self.wait:g} seconds: run it again later."

    def alarms(self, listed: Sequence[IndexFile], copies: Mapping[str, Path]) -> tuple[str, ...]:
        """What it has of this version that nobody confirmed; ``copies`` is what was."""
        found = (self._alarm(file, copies) for file in listed)
        return tuple(alarm for alarm in found if alarm is not None)

    def compared(self, file: IndexFile, copy: Path) -> str | None:
        """What is wrong with a file as the index serves it."""
        where, name = address.shown(file.index), file.filename
        ours = Digest.of_file(copy)
        try:
            fetched = self.index.fetch(replace(file, digest=ours)).path
        except ArtifactError as error:
            return (
                f"{ALARM}{where} does not serve the {name} that was confirmed, of the SHA-256 "
                f"{ours}: {error.message} {WHAT_TO_DO}"
            )
        if not filecmp.cmp(fetched, copy, shallow=False):
            return f"{ALARM}{where} serves another {name} with the same SHA-256. {WHAT_TO_DO}"
        shutil.rmtree(fetched.parent)  # the next look is at the index, not at this
        return None

    def _alarm(self, file: IndexFile, copies: Mapping[str, Path]) -> str | None:
        where, name = address.shown(file.index), file.filename
        ours = self.record.artifacts.get(name)
        if ours is None:
            return f"{ALARM}{where} has {name}, which is no part of this release. {WHAT_TO_DO}"
        if self._is_foreign(file):
            return (
                f"{ALARM}{where} has another {name}: its SHA-256 is {file.digest}, not the {ours} "
                f"that was confirmed. {WHAT_TO_DO} {_BROKEN_OFF}"
            )
        return None if file.digest else self.compared(file, copies[name])

    def _is_foreign(self, file: IndexFile) -> bool:
        """Whether the index itself says that a file is not ours."""
        ours = self.record.artifacts.get(file.filename)
        return ours is None or file.digest not in (None, ours)


def names_of(files: Sequence[IndexFile]) -> set[str]:
    return {file.filename for file in files}


def is_of(filename: str, name: NormalizedName, version: Version) -> bool:
    """Whether pip would take a file of this name for one of this version.

    As in its ``_internal/index/package_finder.py``, which is not as strict as PEP 625.
    """
    if version_of(filename, name) == version:
        return True
    end = next((end for end in _ARCHIVES if filename.lower().endswith(end)), None)
    if end is None:
        return False
    parts = filename[: -len(end)].split("-")
    return any(
        canonicalize_name("-".join(parts[:place])) == name
        and _is_version("-".join(parts[place:]), version)
        for place in range(1, len(parts))
    )


def _is_version(text: str, version: Version) -> bool:
    try:
        return Version(text) == version
    except InvalidVersion:
        return False
