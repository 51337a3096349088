"""What two wheels hold that the other does not."""

from __future__ import annotations

import hashlib
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path

from samebytes.archive.damage import damage_named


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentDifferences:
    """Names of members: in one wheel only, in the other only, in both with another content.

    The content of a member is its bytes and whether it is executable.
    """

    only_in_first: tuple[str, ...]
    only_in_second: tuple[str, ...]
    changed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.only_in_first or self.only_in_second or self.changed)


def check_wheel(path: Path) -> None:
    """Read every member of a wheel; raises ArtifactError if one is damaged."""
    with damage_named(path), zipfile.ZipFile(path) as archive:
        if (name := archive.testzip()) is not None:
            raise zipfile.BadZipFile(f"the content of {name!r} does not have its CRC")


def compare_wheels(first: Path, second: Path) -> ContentDifferences:
    """How the contents of two wheels differ; times, order and compression are not looked at."""
    one, two = _contents(first), _contents(second)
    return ContentDifferences(
        only_in_first=tuple(sorted(one.keys() - two.keys())),
        only_in_second=tuple(sorted(two.keys() - one.keys())),
        changed=tuple(sorted(name for name in one.keys() & two.keys() if one[name] != two[name])),
    )


def _contents(wheel: Path) -> dict[str, list[tuple[str, bool]]]:
    """Of each name, every member's digest and executable bit: names may occur twice."""
    contents: dict[str, list[tuple[str, bool]]] = {}
    with damage_named(wheel), zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            with archive.open(member) as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
            executable = bool(member.external_attr >> 16 & stat.S_IXUSR)
            contents.setdefault(member.filename, []).append((digest, executable))
    return contents
