"""What is wanted, as the index has it: each artifact with its task, and what is not verified."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from packaging.version import Version

from samebytes.errors import UserError
from samebytes.fleet.inputs.wanted import Versions, Wanted
from samebytes.fleet.record import Artifact, Key
from samebytes.index.client import Index
from samebytes.index.listing import IndexFile
from samebytes.infer.candidates import VERSION
from samebytes.verify.targets import NotVerified, Plan, Unmatched, fitting_tags, plan_files
from samebytes.verify.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A task, the artifact that it is about, and under what its result is kept."""

    task: Task
    artifact: Artifact
    key: Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What one ``Wanted`` comes to: ``jobs``, newest release first, and what is not verified."""

    jobs: tuple[Job, ...]
    skipped: tuple[NotVerified, ...] = ()
    unmatched: tuple[Unmatched, ...] = ()


def plan(wanted: Wanted, index: Index) -> Planned:
    """Ask the index for a release, or once for all of a project; may run in any thread.

    Raises UserError where there is no such thing or the index does not say what is asked,
    UnreachableError where it cannot be reached, ArtifactError where it has none of the files that
    matter, or does not speak the simple API.
    """
    releases: Mapping[Version, tuple[IndexFile, ...]]
    if wanted.version is not None:
        releases = {wanted.version: index.release(wanted.name, wanted.version)}
    else:
        releases = _chosen(index.releases(wanted.name), wanted)
    fitting = fitting_tags()
    jobs: list[Job] = []
    skipped: list[NotVerified] = []
    unmatched: list[Unmatched] = []
    for version, files in releases.items():
        found = plan_files(wanted.name, version, files, only=wanted.digests, fitting=fitting)
        made = [_job(task, wanted.rank) for task in found.tasks]
        jobs += [each for each in made if isinstance(each, Job)]
        skipped += [each for each in made if isinstance(each, NotVerified)]
        skipped += [*found.skipped, *_nothing(wanted, version, found)]
        unmatched += found.unmatched
    return Planned(
        jobs=tuple(jobs),
        skipped=tuple(dict.fromkeys(skipped)),
        unmatched=tuple(dict.fromkeys(unmatched)),
    )


def _chosen(
    releases: Mapping[Version, tuple[IndexFile, ...]], wanted: Wanted
) -> Mapping[Version, tuple[IndexFile, ...]]:
    versions = wanted.versions
    if versions.since is not None:
        return {
            version: files
            for version, files in releases.items()
            if _is_since(versions, files, wanted.name)
        }
    if not versions.only_latest:
        return releases
    latest = _latest(releases)
    return {latest: releases[latest]}


def _latest(releases: Mapping[Version, Sequence[IndexFile]]) -> Version:
    """What pip would call the newest: no pre-release, and not yanked, if there is any such."""

    def order(version: Version) -> tuple[bool, bool, Version]:
        is_yanked = all(file.yanked is not None for file in releases[version])
        return (not is_yanked, not version.is_prerelease, version)

    return max(releases, key=order)


def _is_since(versions: Versions, files: Iterable[IndexFile], name: str) -> bool:
    """Raises UserError where the index does not say."""
    assert versions.since is not None
    uploaded = [file.uploaded for file in files]
    if any(moment is not None and moment >= versions.since for moment in uploaded):
        return True
    if None in uploaded:
        raise UserError(
            f"The index does not say when files of {name} were uploaded.",
            hint="Ask for --versions latest or --versions all.",
        )
    return False


def _nothing(wanted: Wanted, version: Version, found: Plan) -> Iterable[NotVerified]:
    """That there is nothing to verify in a release, if so."""
    if not found.tasks:
        yield NotVerified(
            filename=f"{wanted.name}=={version}",
            reason="the release has no wheel that could be verified",
            # An installer would build what there is: nobody has looked at that.
            is_entry=not found.skipped,
        )


def _job(task: Task, rank: int | None) -> Job | NotVerified:
    published, source = task.published, task.source
    assert isinstance(published, IndexFile)
    if published.digest is None or (isinstance(source, IndexFile) and source.digest is None):
        reason = "the index has no SHA-256 of it, or of its sdist, so that it cannot be checked"
        return NotVerified(filename=task.filename, reason=reason, is_entry=True)
    return Job(
        task=task,
        artifact=Artifact(
            filename=task.filename,
            digest=published.digest,
            project=task.name,
            version=task.version,
            uploaded=published.uploaded,
            yanked=published.yanked,
            rank=rank,
        ),
        key=Key(source=_source_of(task), inference=VERSION, yanked=published.yanked),
    )


def _source_of(task: Task) -> str:
    """What identifies the source; empty: there is none."""
    match task.source:
        case IndexFile() as file:
            return str(file.required_digest())
        case None:
            return ""
    raise AssertionError(task.source)
