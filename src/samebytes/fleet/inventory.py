"""What an audit is of: every wheel that lock files and requirements name."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from samebytes.digest import Digest
from samebytes.errors import SamebytesError
from samebytes.fleet.entries import Lock, Locked
from samebytes.fleet.store import Key
from samebytes.index.client import Index
from samebytes.index.listing import IndexFile
from samebytes.infer.candidates import VERSION
from samebytes.request import Reporter
from samebytes.verify.targets import NotVerified, Plan, plan_release, read_requirement
from samebytes.verify.task import Task

#: How many pages of the index are asked for at a time.
_REQUESTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """``failed`` are releases on which the index gave no answer, or none that can be used."""

    tasks: tuple[Task, ...]
    skipped: tuple[NotVerified, ...]
    failed: tuple[tuple[str, SamebytesError], ...]
    warnings: tuple[str, ...]


def take_inventory(
    lock: Lock, requirements: Iterable[str], index: Index, reporter: Reporter
) -> Inventory:
    """Ask the index for every release; raises UserError for what is no requirement."""
    named = [read_requirement(text) for text in dict.fromkeys(requirements)]
    entries = list(lock.entries)
    entries += [
        Locked(name=name, version=version, digests=frozenset(), origin="the command line")
        for name, version in named
    ]

    def plan(entry: Locked) -> Plan | SamebytesError:
        try:
            found = plan_release(entry.name, entry.version, index, only=entry.digests)
        except SamebytesError as error:
            return error
        finally:
            reporter.step(f"asking the index: {entry.name} {entry.version}")
        return found

    tasks: dict[str, Task] = {}
    skipped = [
        NotVerified(filename=each.what, reason=f"{each.reason} ({each.origin})")
        for each in lock.skipped
    ]
    failed = []
    with ThreadPoolExecutor(max_workers=_REQUESTS) as pool:
        for entry, found in zip(entries, pool.map(plan, entries), strict=True):
            if isinstance(found, SamebytesError):
                failed.append((f"{entry.name}=={entry.version}", found))
                continue
            tasks |= {task.filename: task for task in found.tasks}
            skipped += found.skipped
            if not found.tasks:
                reason = "the release has no wheel that could be verified"
                skipped.append(
                    NotVerified(filename=f"{entry.name}=={entry.version}", reason=reason)
                )
    return Inventory(
        tasks=tuple(tasks.values()),
        skipped=tuple(dict.fromkeys(skipped)),
        failed=tuple(failed),
        warnings=tuple(
            f"{each.option} means nothing here ({each.origin})." for each in lock.ignored
        ),
    )


def key_of(task: Task) -> Key:
    """Under what the result of a task is kept; raises ArtifactError where the index has no hash."""
    published, source = task.published, task.source
    digest = (
        Digest.of_file(published) if isinstance(published, Path) else published.required_digest()
    )
    return Key(
        filename=task.filename,
        digest=digest,
        source=str(source.required_digest()) if isinstance(source, IndexFile) else repr(source),
        inference=VERSION,
    )
