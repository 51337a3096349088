"""What of a release is done, who is waited for, and what to type next.

Everything is only read, at any moment: also while another run is at work.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from packaging.utils import canonicalize_name

from samebytes.digest import Digest
from samebytes.errors import UserError
from samebytes.index.listing import version_of
from samebytes.release.commands import (
    Demand,
    confirm_command,
    prepare_command,
    publish_command,
)
from samebytes.release.folder import is_kept
from samebytes.release.record import STATEMENTS, Record, StepRecord, checklist_digest
from samebytes.release.signed.decision import (
    Decision,
    Says,
    Subject,
    Voice,
    decide,
    is_early,
    read_statements,
)
from samebytes.release.signed.keyring import Keyring
from samebytes.release.signed.statement import Kind
from samebytes.wire import dump_document

#: The steps of a publication, in their order.
PUBLICATION = (
    ("decision", "Enough people have confirmed it"),
    ("unmoved", "The tag still names what was built"),
    ("upload", "The files are uploaded"),
    ("download", "Downloaded from the index, they are the same bytes"),
)

#: How it begins when the index has what nobody confirmed, and what everybody does then.
ALARM = "ALARM: "
WHAT_TO_DO = (
    "Tell nobody to install this version. Find out who uploaded it and with whose password, have "
    "the index remove it, and release a new version."
)

_ASK_WHY = (
    "Somebody says no: find out why before anybody installs it. What is wrong is corrected in a "
    "new commit, with a new tag, in a new folder."
)


class State(StrEnum):
    """``waiting`` is for somebody, ``open`` is what nobody has begun, ``ignored`` what nobody may
    rely on.
    """

    DONE = "done"
    FAILED = "failed"
    WAITING = "waiting"
    OPEN = "open"
    IGNORED = "ignored"


class Progress(StrEnum):
    """How far a release has come."""

    PREPARING = "preparing"
    WAITING = "waiting"
    READY = "ready"
    REFUSED = "refused"
    PUBLISHING = "publishing"
    PUBLISHED = "published"


class Part(StrEnum):
    """What an item belongs to, by the command that does it."""

    PREPARE = "prepare"
    CONFIRM = "confirm"
    PUBLISH = "publish"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A line of the checklist; ``details`` are lines below it, in strangers' words as well."""

    part: Part
    id: str
    title: str
    state: State
    details: tuple[str, ...] = ()
    finished: datetime | None = None

    @property
    def is_done(self) -> bool:
        return self.state is State.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """What is to be done, and, if it is a command, exactly that."""

    text: str
    command: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checklist:
    """All of it. Without a demand, nobody can say who has confirmed: ``decision`` is None."""

    record: Record
    items: tuple[Item, ...]
    progress: Progress
    next: tuple[Next, ...]
    decision: Decision | None = None

    def of(self, part: Part) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.part is part)


def checklist(
    root: Path, record: Record, prepare: Sequence[tuple[str, str]], demand: Demand | None = None
) -> Checklist:
    """The checklist of the release in ``root``; ``prepare`` has the steps with their titles.

    Raises SamebytesError where what was said cannot be checked here.
    """
    prepared = prepared_items(root, record, prepare)
    decision = None if demand is None else hear(root, record, demand.keyring, demand.threshold)
    said = tuple(_voices(decision) if decision is not None else _unheard(root))
    published = tuple(_publication(record, decision))
    found = Checklist(
        record=record,
        items=(*prepared, *said, *published),
        progress=_progress(prepared, published, decision),
        next=(),
        decision=decision,
    )
    return replace(found, next=tuple(_next(root, found, demand)))


def hear(root: Path, record: Record, keyring: Keyring, threshold: int) -> Decision:
    """Whether enough of those who are trusted have confirmed the release as it is recorded."""
    subject = Subject(
        artifacts=record.artifacts,
        commit=record.commit,
        tag=record.tag,
        project=str(record.project),
    )
    return decide(subject, read_statements(root / STATEMENTS), keyring, threshold)


def obstacles(record: Record, decision: Decision) -> tuple[str, ...]:
    """Why it may not be published, whoever has confirmed it."""
    return (*_misnamed(record), *_unvouched(record, decision))


def _misnamed(record: Record) -> Iterator[str]:
    """What the index would be asked for must be what is uploaded."""
    if not record.artifacts:
        yield "There is neither an sdist nor a wheel."
    name = canonicalize_name(record.name)
    for filename in record.artifacts:
        if version_of(filename, name) != record.version:
            yield f"{filename} is no file of {record.name} {record.version}."


def _unvouched(record: Record, decision: Decision) -> tuple[str, ...]:
    """Why nobody who is trusted vouches for the steps of ``record``; none where somebody does."""
    signed = [voice for voice in decision.voices if voice.kind is Kind.PROVENANCE]
    digest = checklist_digest(record)
    if any(voice.checklist == digest for voice in signed):
        return ()
    who = ", ".join(sorted({str(voice.person) for voice in signed}))
    if not who:
        # As long as others must confirm it, it may be that one of them has prepared it.
        reason = "Nobody who is trusted has signed how it was prepared: trust the preparer's key."
        return (reason,) if decision.is_granted else ()
    if all(voice.checklist is None for voice in signed):
        return (
            f"{who} signed how it was built, but not what else was done: have it prepared anew.",
        )
    return (
        f"release.json is not what {who} signed: its steps, or what came of them, are others. Get "
        f"the file from {who} once more, or have it prepared anew.",
    )


def publication_inputs(record: Record) -> dict[str, object]:
    """What is published, and by which the outcome of an earlier publication is known to be its."""
    return {
        "artifacts": {name: str(digest) for name, digest in record.artifacts.items()},
        "commit": record.commit,
        "tag": record.tag,
    }


def prepared_items(
    root: Path, record: Record, prepare: Sequence[tuple[str, str]]
) -> tuple[Item, ...]:
    """The steps up to the confirmations; done are those whose files are as they were written."""
    return tuple(_prepared(root, record.step(id), id, title) for id, title in prepare)  # noqa: A001


def _prepared(root: Path, step: StepRecord | None, id: str, title: str) -> Item:  # noqa: A002
    if step is None:
        return Item(part=Part.PREPARE, id=id, title=title, state=State.OPEN)
    altered = [name for name, digest in step.files.items() if not is_kept(root, name, digest)]
    problems = step.problems + tuple(f"{name} is not as it was written" for name in altered)
    return Item(
        part=Part.PREPARE,
        id=id,
        title=title,
        state=State.FAILED if problems else State.DONE,
        details=problems or step.facts,
        finished=step.finished,
    )


def told(voice: Voice) -> str:
    """What somebody said, in words."""
    who = voice.person or "Somebody without a trusted key"
    if voice.says is Says.YES:
        done = "prepared" if voice.kind is Kind.PROVENANCE else "confirmed"
        return f"{who} has {done} it"
    if voice.says is Says.UNHEARD:
        return f"{voice.person or 'Somebody'} said what cannot be understood, and might be a no"
    return f"{who} says no" if voice.says is Says.NO else f"{who} said what does not count"


def _voices(decision: Decision) -> Iterator[Item]:
    """Who said yes, who said no and why, what does not count and why, and who may still speak."""
    states = {Says.YES: State.DONE, Says.NOT_COUNTED: State.IGNORED}
    for voice in decision.voices:
        yield Item(
            part=Part.CONFIRM,
            id=voice.file,
            title=told(voice),
            state=states.get(voice.says, State.FAILED),
            details=tuple(filter(None, (voice.reason, voice.key, voice.file))),
        )
    if (short := decision.threshold - len(decision.yes)) > 0:
        yield Item(
            part=Part.CONFIRM,
            id="missing",
            title=f"{short} more must confirm it: {len(decision.yes)} of {decision.threshold} have",
            state=State.WAITING,
            details=tuple(_missing(decision.missing, short)),
        )


def _missing(persons: Sequence[str], short: int) -> Iterator[str]:
    if persons:
        yield f"may still: {', '.join(persons)}"
    if len(persons) < short:
        yield (
            "these are not enough: trust the keys of more people"
            if persons
            else ("nobody else can: trust the keys of more people")
        )


def _unheard(root: Path) -> Iterator[Item]:
    """The statements that nobody can judge without knowing whom to trust."""
    title = "Without the keys that are trusted, nobody's signature is believed"
    state, details = State.WAITING, list[str]()
    try:
        for each in read_statements(root / STATEMENTS):
            details.append(f"not checked: {each.file}{each.problem and f' ({each.problem})'}")
            if each.problem:
                title, state = "Not all statements can be read", State.FAILED
    except UserError as error:
        title, state, details = "The statements cannot be read", State.FAILED, [error.message]
    yield Item(part=Part.CONFIRM, id="statements", title=title, state=state, details=tuple(details))


def _publication(record: Record, decision: Decision | None) -> Iterator[Item]:
    inputs = Digest.of(dump_document(publication_inputs(record)).encode())
    for id, title in PUBLICATION:  # noqa: A001
        step = record.step(id)
        if step is not None and step.inputs != inputs:
            step = None  # it was of other files
        state, details = _outcome(id, step)
        if id == "decision" and decision is not None:
            state, details = _standing(record, decision)
        yield Item(
            part=Part.PUBLISH,
            id=id,
            title=title,
            state=state,
            details=details,
            finished=None if step is None else step.finished,
        )


def _outcome(id: str, step: StepRecord | None) -> tuple[State, tuple[str, ...]]:  # noqa: A002
    if step is None:
        return State.OPEN, ()
    if step.is_done:
        return State.DONE, step.facts
    is_patient = id == "decision" and all(map(is_early, step.problems))
    return State.WAITING if is_patient else State.FAILED, step.problems


def _standing(record: Record, decision: Decision) -> tuple[State, tuple[str, ...]]:
    """Whether it may be published, as things stand now."""
    if problems := obstacles(record, decision):
        return State.FAILED, (*decision.reasons, *problems)
    if decision.is_blocked:
        return State.FAILED, decision.reasons
    return (State.DONE if decision.is_granted else State.WAITING), ()


def _progress(
    prepared: Sequence[Item], published: Sequence[Item], decision: Decision | None
) -> Progress:
    states = {item.id: item.state for item in published}
    if not all(item.is_done for item in prepared):
        return Progress.PREPARING
    if State.FAILED in states.values():
        return Progress.REFUSED
    if states["decision"] is State.WAITING:
        return Progress.WAITING
    if states["upload"] is State.DONE:
        is_over = states["download"] is State.DONE
        return Progress.PUBLISHED if is_over else Progress.PUBLISHING
    if decision is not None and decision.is_granted:
        return Progress.READY
    return Progress.WAITING


def _next(root: Path, found: Checklist, demand: Demand | None) -> Iterator[Next]:
    publish = publish_command(root, demand)
    match found.progress:
        case Progress.PREPARING:
            yield Next(text="Go on preparing it:", command=prepare_command(root, found.record))
        case Progress.REFUSED:
            yield _after_refusal(found, publish)
        case Progress.WAITING:
            who = " or ".join(found.decision.missing) if found.decision is not None else ""
            yield Next(
                text=f"{who or 'Somebody else, or CI'}, in a clone of their own:",
                command=confirm_command(root, found.record),
            )
            yield Next(text="Then:", command=publish)
        case Progress.READY:
            yield Next(text="Publish it:", command=publish)
        case Progress.PUBLISHING:
            yield Next(text="Complete the publication:", command=publish)


def _after_refusal(found: Checklist, publish: str) -> Next:
    failed = [item for item in found.of(Part.PUBLISH) if item.state is State.FAILED]
    if any(detail.startswith(ALARM) for item in failed for detail in item.details):
        return Next(text=WHAT_TO_DO)
    if found.decision is not None and found.decision.no:
        return Next(text=_ASK_WHY)
    return Next(text="Once what failed is corrected:", command=publish)
