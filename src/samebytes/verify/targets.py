"""From what a user names to the artifacts that are verified."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.tags import Tag, sys_tags
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    NormalizedName,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from samebytes.archive.artifact import SUFFIXES, Form, form_of
from samebytes.digest import Digest
from samebytes.errors import ArtifactError, SamebytesError, UnreachableError, UserError
from samebytes.index.client import Index
from samebytes.index.listing import IndexFile
from samebytes.source import PYPI_PREFIX
from samebytes.verify.task import NamedSource, Task
from samebytes.versions import parse_release


@dataclass(frozen=True, slots=True, kw_only=True)
class NotVerified:
    """A file that is not verified, and why.

    ``is_entry``: it is an entry of a lock, and no file: what it installs, nobody looked at.
    """

    filename: str
    reason: str
    is_entry: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmatched:
    """A digest that a lock has for a release, ``NAME==VERSION``, and the index for none of it."""

    release: str
    digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is verified, and what is not."""

    tasks: tuple[Task, ...]
    skipped: tuple[NotVerified, ...] = ()
    unmatched: tuple[Unmatched, ...] = ()


def plan_target(text: str, source: NamedSource | None, index: Index) -> Plan:
    """What a file's path or ``NAME==VERSION`` means.

    Raises UserError where it means nothing, or there is nothing to verify it against.
    """
    path = Path(text)
    if path.is_file() or text.endswith(tuple(SUFFIXES)) or os.sep in text:
        return Plan(tasks=(_file_task(path, source, index),))
    name, version = read_requirement(text)
    return plan_release(name, version, index, source=source)


def read_requirement(text: str) -> tuple[NormalizedName, Version]:
    """Of ``NAME==VERSION``; raises UserError for everything else."""
    try:
        requirement, version = parse_release(text.removeprefix(PYPI_PREFIX))
    except ValueError:
        raise UserError(
            f"{text!r} is neither a file nor one release.",
            hint="Name an sdist, a wheel, or a release, for example django==5.2.19",
        ) from None
    return canonicalize_name(requirement.name), version


def plan_release(
    name: NormalizedName,
    version: Version,
    index: Index,
    *,
    source: NamedSource | None = None,
    only: frozenset[Digest] = frozenset(),
) -> Plan:
    """The wheels of a release, against its sdist; with a ``source``, its sdists too, against it.

    ``only`` are the digests of the files that matter; none: all of them.

    Raises UserError where the index has no such release, ArtifactError where it has none of the
    files that matter.
    """
    files = index.release(name, version)
    return plan_files(name, version, files, source=source, only=only)


def plan_files(
    name: NormalizedName,
    version: Version,
    files: Sequence[IndexFile],
    *,
    source: NamedSource | None = None,
    only: frozenset[Digest] = frozenset(),
    fitting: frozenset[Tag] | None = None,
) -> Plan:
    """``plan_release`` of files that are listed already, all that there are of the release.

    ``fitting`` are the tags of wheels for here: finding them takes longer than the rest.
    """
    unknown = only - {file.digest for file in files}
    if only and unknown == only:
        raise ArtifactError(
            f"No file of {name} {version} on the index has a hash that the lock file names.",
            hint="The release was changed, or the lock was made of another index: do not install "
            "it before you know.",
        )
    sdist, sdists = _best_sdist(files), [file for file in files if file.is_sdist]
    wheels = [file for file in files if file.is_wheel]
    if only:
        wheels = [file for file in wheels if file.digest in only]
    here = fitting_tags() if fitting is None else fitting
    chosen = [file for file in wheels if _is_for_here(file, here)]
    reason = "it is for another platform, or another Python, than this"
    skipped = [
        NotVerified(filename=file.filename, reason=reason) for file in wheels if file not in chosen
    ]
    published = list(chosen)
    if source is not None:
        published = [file for file in sdists if not only or file.digest in only] + published
    elif sdist is not None and not wheels and not only:
        reason = "nothing says from what it was built: name its repository with --source"
        skipped.append(NotVerified(filename=sdist.filename, reason=reason))
    tasks = tuple(
        Task(
            name=name,
            version=version,
            published=file,
            source=source or sdist,
            sibling=next(iter(wheels), None) if file.is_sdist else None,
            remarks=tuple(_remarks(file)),
        )
        for file in published
    )
    return Plan(
        tasks=tasks,
        skipped=tuple(skipped),
        unmatched=tuple(
            Unmatched(release=f"{name}=={version}", digest=digest) for digest in sorted(unknown)
        ),
    )


def _file_task(path: Path, source: NamedSource | None, index: Index) -> Task:
    if not path.is_file():
        problem = "is a folder, and no file" if path.is_dir() else "is not there"
        raise UserError(f"{path} {problem}.", hint="For a release on the index: NAME==VERSION")
    form, (name, version) = form_of(path), _named(path)
    if form is Form.SDIST and source is None:
        raise UserError(
            f"Nothing says from what {path.name} was built.",
            hint="Name its repository: --source PATH, and --rev if no tag names the version.",
        )
    remarks = []
    try:
        files: Sequence[IndexFile] = index.release(name, version)
    except SamebytesError as error:
        if source is None and isinstance(error, UnreachableError):
            raise
        if source is None:
            raise UserError(
                f"Nothing says from what {path.name} was built: {error.message}",
                hint="Name its sdist, or its repository, with --source.",
            ) from None
        files = ()
        remarks.append(
            f"The index says nothing of it, not even when it was uploaded: {error.message}"
        )
    listed = next((file for file in files if file.filename == path.name), None)
    if listed is not None:
        remarks += _remarks(listed)
    elif files:
        remarks.append("The index has no file of this name in this release.")
    if listed is not None and listed.digest is None:
        remarks.append("The index names no hash of its file of this name.")
    elif listed is not None and listed.digest != Digest.of_file(path):
        remarks.append(f"The index has another file of this name: SHA-256 {listed.digest}.")
    wheels = [file for file in files if file.is_wheel]
    return Task(
        name=name,
        version=version,
        published=path,
        listed=listed,
        source=source or _best_sdist(files),
        sibling=next(iter(wheels), None) if form is Form.SDIST else None,
        remarks=tuple(remarks),
    )


def _named(path: Path) -> tuple[NormalizedName, Version]:
    try:
        if path.name.endswith(".whl"):
            return parse_wheel_filename(path.name)[:2]
        suffix = next(each for each in SUFFIXES if path.name.endswith(each))
        return parse_sdist_filename(path.name.removesuffix(suffix) + ".tar.gz")
    except (InvalidWheelFilename, InvalidSdistFilename) as error:
        raise UserError(
            f"{path.name} does not say of which release it is: {error}.",
            hint="Give the file the name that it has on the index.",
        ) from None


def _best_sdist(files: Iterable[IndexFile]) -> IndexFile | None:
    sdists = [file for file in files if file.is_sdist]
    return min(sdists, key=lambda file: not file.filename.endswith(".tar.gz"), default=None)


def fitting_tags() -> frozenset[Tag]:
    """Those of wheels that can be installed here."""
    return frozenset(sys_tags())


def _is_for_here(file: IndexFile, fitting: frozenset[Tag]) -> bool:
    try:
        tags = parse_wheel_filename(file.filename)[3]
    except InvalidWheelFilename:
        return False
    return all(tag.platform == "any" for tag in tags) or not fitting.isdisjoint(tags)


def _remarks(file: IndexFile) -> Iterable[str]:
    if file.yanked is not None:
        yield f"It was yanked{': ' + file.yanked if file.yanked else ''}."


def reasons(skipped: Iterable[NotVerified]) -> Iterator[str]:
    """Why files are not verified, a line for each reason."""
    names = defaultdict[str, list[str]](list)
    for each in skipped:
        names[each.reason].append(each.filename)
    for reason, files in names.items():
        what = files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"
        yield f"{what}: {reason}"
