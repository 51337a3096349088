"""What an audit is of: every wheel that lock files and requirements name."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from samebytes import __version__
from samebytes.digest import Digest
from samebytes.errors import SamebytesError
from samebytes.fleet.entries import Lock, Locked
from samebytes.fleet.old_store import Key
from samebytes.index.client import Index
from samebytes.index.listing import IndexFile
from samebytes.infer.candidates import VERSION
from samebytes.request import Reporter
from samebytes.verify.means import Means
from samebytes.verify.targets import NotVerified, Plan, Unmatched, plan_release, read_requirement
from samebytes.verify.task import Task
from samebytes.verify.verification import Phase, Verification

#: How many pages of the index are asked for at a time.
_REQUESTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """``failed`` are releases on which the index gave no answer, or none that can be used."""

    tasks: tuple[Task, ...]
    skipped: tuple[NotVerified, ...]
    unmatched: tuple[Unmatched, ...]
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
        NotVerified(
            filename=each.what,
            reason=f"{each.reason} ({each.origin})",
            is_entry=not each.is_own,
        )
        for each in lock.skipped
    ]
    failed, unmatched = [], list[Unmatched]()
    with ThreadPoolExecutor(max_workers=_REQUESTS) as pool:
        for entry, found in zip(entries, pool.map(plan, entries), strict=True):
            if isinstance(found, SamebytesError):
                failed.append((f"{entry.name}=={entry.version}", found))
                continue
            tasks |= {task.filename: task for task in found.tasks}
            skipped += found.skipped
            unmatched += found.unmatched
            if not found.tasks:
                reason = "the release has no wheel that could be verified"
                release = f"{entry.name}=={entry.version}"
                # An installer would build what there is: nobody has looked at that.
                is_entry = not found.skipped
                skipped.append(NotVerified(filename=release, reason=reason, is_entry=is_entry))
    return Inventory(
        tasks=tuple(tasks.values()),
        skipped=tuple(dict.fromkeys(skipped)),
        unmatched=tuple(dict.fromkeys(unmatched)),
        failed=tuple(failed),
        warnings=tuple(
            f"{each.option} means nothing here ({each.origin})." for each in lock.ignored
        ),
    )


def key_of(task: Task, terms: str) -> Key:
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
        terms=terms,
    )


def terms_of(means: Means) -> str:
    """What decides a verdict besides the files and the rules of inference."""
    effort, cell = means.effort, means.cell
    pythons = ", ".join(
        f"{each.identity.implementation} {each.identity.version} zlib {each.identity.zlib}"
        for each in means.pythons
    )
    return "; ".join(
        (
            f"samebytes {__version__}",
            f"sandbox of {cell.bounds.memory} bytes" if cell else "no sandbox",
            f"{effort.attempts} attempts of {effort.timeout:g} s",
            f"Pythons: {pythons}",
        )
    )


#: Why something is unbuildable today that may not be tomorrow.
_PASSING = (Phase.DOWNLOAD, Phase.REQUIREMENTS, Phase.TIMEOUT, Phase.LIMIT)


def is_lasting(found: Verification) -> bool:
    """Whether there is no use in verifying it again."""
    return found.failure is None or found.failure.phase not in _PASSING
