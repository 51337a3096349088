"""What of a release is done, who is waited for, and what to type next.

Everything is only read, at any moment: also while another run is at work.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from samebytes.errors import UserError
from samebytes.release.folder import is_kept
from samebytes.release.record import STATEMENTS, Record, StepRecord
from samebytes.release.signed.decision import Decision, Says, decide, read_statements
from samebytes.release.signed.keyring import Keyring

#: The steps of a publication, in their order.
PUBLICATION = (
    ("decision", "Enough people have confirmed it"),
    ("unmoved", "The tag still names what was built"),
    ("upload", "The files are uploaded"),
    ("download", "Downloaded from the index, they are the same bytes"),
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
class Demand:
    """Who must confirm: so many of those with a key in a folder, and where it then goes."""

    keyring: Keyring
    threshold: int
    folder: Path
    repository: str | None = None


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
    progress = _progress(prepared, published, decision)
    return Checklist(
        record=record,
        items=(*prepared, *said, *published),
        progress=progress,
        next=tuple(_next(root, record, progress, demand, decision)),
        decision=decision,
    )


def hear(root: Path, record: Record, keyring: Keyring, threshold: int) -> Decision:
    """Whether enough of those who are trusted have confirmed the release as it is recorded."""
    statements = read_statements(root / STATEMENTS)
    return decide(record.artifacts, record.commit, record.tag, statements, keyring, threshold)


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


def _voices(decision: Decision) -> Iterator[Item]:
    """Who said yes, who said no and why, what does not count and why, and who may still speak."""
    states = {Says.YES: State.DONE, Says.NO: State.FAILED, Says.NOT_COUNTED: State.IGNORED}
    for voice in decision.voices:
        who = voice.person or "Somebody without a trusted key"
        titles = {
            Says.YES: f"{who} has confirmed it",
            Says.NO: f"{who} says no",
            Says.NOT_COUNTED: f"{who} said what does not count",
        }
        yield Item(
            part=Part.CONFIRM,
            id=voice.file,
            title=titles[voice.says],
            state=states[voice.says],
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
    try:
        names = list(read_statements(root / STATEMENTS))
    except UserError as error:
        yield Item(
            part=Part.CONFIRM,
            id="statements",
            title="The statements cannot be read",
            state=State.FAILED,
            details=tuple(filter(None, (error.message, error.hint))),
        )
        return
    yield Item(
        part=Part.CONFIRM,
        id="statements",
        title="Without the keys that are trusted, nobody's signature is believed",
        state=State.WAITING,
        details=tuple(f"not checked: {name}" for name in names),
    )


def _publication(record: Record, decision: Decision | None) -> Iterator[Item]:
    build = record.step("build")
    for id, title in PUBLICATION:  # noqa: A001
        step = record.step(id)
        is_old = step is None or build is None or step.finished < build.finished
        if id == "decision" and decision is not None:
            state = State.DONE if decision.is_granted else State.WAITING
            state = State.FAILED if decision.no else state
            details = decision.reasons if decision.no else ()
        elif step is None or is_old:
            state, details = State.OPEN, ()
        else:
            state = State.DONE if step.is_done else State.FAILED
            details = step.problems or step.facts
        yield Item(
            part=Part.PUBLISH,
            id=id,
            title=title,
            state=state,
            details=details,
            finished=None if step is None or is_old else step.finished,
        )


def _progress(
    prepared: Sequence[Item], published: Sequence[Item], decision: Decision | None
) -> Progress:
    states = {item.id: item.state for item in published}
    if not all(item.is_done for item in prepared):
        return Progress.PREPARING
    if State.FAILED in states.values() or (decision is not None and decision.no):
        return Progress.REFUSED
    if states["upload"] is State.DONE:
        is_over = states["download"] is State.DONE
        return Progress.PUBLISHED if is_over else Progress.PUBLISHING
    if decision is not None and decision.is_granted:
        return Progress.READY
    return Progress.WAITING


def _next(
    root: Path,
    record: Record,
    progress: Progress,
    demand: Demand | None,
    decision: Decision | None,
) -> Iterator[Next]:
    publish = _publish_command(root, demand)
    match progress:
        case Progress.PREPARING:
            yield Next(text="Go on preparing it:", command=_prepare_command(root, record))
        case Progress.REFUSED if decision is not None and decision.no:
            yield Next(text=_ASK_WHY)
        case Progress.REFUSED:
            yield Next(text="Once what failed is corrected:", command=publish)
        case Progress.WAITING:
            who = " or ".join(decision.missing) if decision is not None else ""
            yield Next(
                text=f"{who or 'Somebody else, or CI'}, in a clone of their own:",
                command=_confirm_command(root, record),
            )
            yield Next(text="Then:", command=publish)
        case Progress.READY:
            yield Next(text="Publish it:", command=publish)
        case Progress.PUBLISHING:
            yield Next(text="Complete the publication:", command=publish)


def _prepare_command(root: Path, record: Record) -> str:
    source = (str(Path(record.checkout) / record.project),) if record.checkout else ()
    kit = () if record.kit is None else ("--kit", record.kit)
    named = ("--rev", record.tag, "-o", _argument(root), *kit)
    return _command("prepare", *source, *named, *record.arguments)


def _confirm_command(root: Path, record: Record) -> str:
    return _command("confirm", _argument(root), "--source", ".", "--rev", record.tag)


def _publish_command(root: Path, demand: Demand | None) -> str:
    """What is not known is left to be filled in."""
    command = _command("publish", _argument(root))
    if demand is None:
        return f"{command} --threshold N --trusted-keys FOLDER --repository NAME"
    folder, repository = _argument(demand.folder), demand.repository
    command += f" --threshold {demand.threshold} --trusted-keys {quoted(folder)}"
    return f"{command} --repository {'NAME' if repository is None else quoted(repository)}"


def _argument(path: Path) -> str:
    """A path that no command takes for an option."""
    text = str(path)
    return f"./{text}" if text.startswith("-") else text


def _command(*words: str) -> str:
    return " ".join(map(quoted, ("samebytes", "release", *words)))


def quoted(word: str) -> str:
    """A word as shells take it; what does not show is written as bash and zsh have it."""
    if word.isprintable():
        return shlex.quote(word)
    codes = (f"\\x{byte:02x}" for byte in os.fsencode(word))
    return f"$'{''.join(codes)}'"
