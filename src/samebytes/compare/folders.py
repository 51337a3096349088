"""Two folders of artifacts, paired by normalised name and version."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    canonicalize_version,
    parse_sdist_filename,
    parse_wheel_filename,
)

from samebytes.archive.artifact import SUFFIXES, Form, form_of
from samebytes.errors import UserError

_Key = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Files to compare, in the order of their names, and those that have no partner."""

    pairs: tuple[tuple[Path, Path], ...]
    only_in_first: tuple[Path, ...]
    only_in_second: tuple[Path, ...]


def pair_files(first: Path, second: Path) -> Pairs:
    """Two files as they are; of two folders, the artifacts that are of the same name and version.

    Raises UserError if one is a folder and the other is not, if there is nothing to compare, or if
    a folder has two artifacts of the same name and version.
    """
    if first.is_dir() != second.is_dir():
        raise UserError(
            f"One of {first} and {second} is a folder, the other is not.",
            hint="Compare two files, or two folders.",
        )
    if not first.is_dir():
        return Pairs(pairs=((first, second),), only_in_first=(), only_in_second=())
    one, two = _by_key(first), _by_key(second)
    if not one and not two:
        raise UserError(
            f"There is no sdist and no wheel in {first} or {second}.",
            hint=f"Their names end in {', '.join(SUFFIXES)}.",
        )
    return Pairs(
        pairs=tuple((path, two[key]) for key, path in one.items() if key in two),
        only_in_first=tuple(path for key, path in one.items() if key not in two),
        only_in_second=tuple(path for key, path in two.items() if key not in one),
    )


def _by_key(folder: Path) -> dict[_Key, Path]:
    found: dict[_Key, Path] = {}
    for path in _artifacts(folder):
        key = _key(path)
        if key in found:
            raise UserError(
                f"{found[key].name} and {path.name} in {folder} are of the same name and version.",
                hint="Compare the files one by one.",
            )
        found[key] = path
    return found


def _artifacts(folder: Path) -> Iterable[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name.endswith(tuple(SUFFIXES)):
            yield path


def _key(path: Path) -> _Key:
    """Form, name, version and tags; an sdist's format is no part of it."""
    try:
        if form_of(path) is Form.WHEEL:
            name, version, build, tags = parse_wheel_filename(path.name)
            return (
                Form.WHEEL,
                name,
                canonicalize_version(version),
                str(build),
                *sorted(map(str, tags)),
            )
        stem = next(path.name.removesuffix(each) for each in SUFFIXES if path.name.endswith(each))
        name, version = parse_sdist_filename(f"{stem}.tar.gz")
        return (Form.SDIST, name, canonicalize_version(version))
    except (InvalidSdistFilename, InvalidWheelFilename):
        return (form_of(path), canonicalize_name(path.name))
