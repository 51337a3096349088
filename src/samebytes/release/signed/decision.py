"""Who said yes, who said no, and whether that is enough to publish."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from samebytes.digest import Digest
from samebytes.errors import UserError
from samebytes.release.record import OUTCOMES
from samebytes.release.signed.envelope import read_envelope
from samebytes.release.signed.keyring import Keyring, TrustedKey
from samebytes.release.signed.statement import Claim, Kind, read_claim
from samebytes.release.signed.strict import LARGEST, read_strictly, shown
from samebytes.wire import Node

_MOST_STATEMENTS = 1000

_MIGHT_BE_NO = "It might be a no: remove it, or have it signed again."
_EARLY = re.compile(r"\d+ of \d+ have confirmed")


class Says(StrEnum):
    """``unheard`` is what cannot be understood, and might be a no."""

    YES = "yes"
    NO = "no"
    NOT_COUNTED = "not counted"
    UNHEARD = "unheard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is to be published: ``artifacts`` by file name, built from a ``commit`` with a ``tag``;
    ``project`` is the folder in the repository.
    """

    artifacts: Mapping[str, Digest]
    commit: str
    tag: str
    project: str

    def concerns(self, claim: Claim) -> bool:
        """Whether a no is about this release."""
        if set(claim.digests.values()) & set(self.artifacts.values()):
            return True
        return claim.commit == self.commit and not self.artifacts.keys().isdisjoint(claim.digests)

    def mismatches(self, claim: Claim) -> Iterator[str]:
        """Why a yes is not about this release."""
        for name in sorted(self.artifacts.keys() | claim.digests.keys()):
            if name not in claim.digests:
                yield f"it does not name {name}"
            elif name not in self.artifacts:
                yield f"it names {shown(name)}, which is not of this release"
            elif claim.digests[name] != self.artifacts[name]:
                yield f"it is about another {name}"
        if claim.commit != self.commit:
            yield f"it is about the commit {shown(claim.commit)}"
        if claim.tag != self.tag:
            yield f"it is about the tag {shown(claim.tag)}"
        if claim.project != self.project:
            yield f"it is about the project in {shown(claim.project)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A file that may be a statement; ``problem`` is why it cannot be read, or empty."""

    file: str
    data: bytes = b""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """What one signature in one file says of the release.

    ``person`` is None, and ``key`` empty, where no trusted key signed; ``reason`` is why it is not
    counted or not understood, or the differences behind a no. ``kind`` is that of a statement that
    is a yes; ``checklist`` is the digest of the steps that a provenance vouches for, if it has one.
    """

    file: str
    person: str | None
    key: str
    says: Says
    reason: str
    kind: Kind | None = None
    checklist: Digest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether it may be published: ``threshold`` persons must have said yes, none no, and nothing
    may lie there that cannot be understood.

    ``missing`` are those who have said neither, ``reasons`` why it may not be published.
    """

    voices: tuple[Voice, ...]
    threshold: int
    yes: tuple[str, ...]
    no: tuple[str, ...]
    missing: tuple[str, ...]
    reasons: tuple[str, ...]

    @property
    def is_blocked(self) -> bool:
        """Whether it may not be published, however many more say yes."""
        return any(voice.says in (Says.NO, Says.UNHEARD) for voice in self.voices)

    @property
    def is_granted(self) -> bool:
        return len(self.yes) >= self.threshold and not self.is_blocked


def decide(
    subject: Subject, statements: Iterable[Statement], keyring: Keyring, threshold: int
) -> Decision:
    """Weigh ``statements`` about ``subject``.

    A yes must be about exactly these artifacts, and this commit, tag and project; a no blocks if it
    names one of the digests, or one of the names with the commit. Raises UserError when
    ``threshold`` is not positive; SamebytesError when a statement cannot be checked here.
    """
    if threshold < 1:
        raise UserError(f"A release is confirmed by at least one, and not by {threshold}.")
    voices = _once(voice for each in statements for voice in _voices(each, subject, keyring))
    yes, no = (
        tuple(sorted({str(voice.person) for voice in voices if voice.says is says}))
        for says in (Says.YES, Says.NO)
    )
    decision = Decision(
        voices=voices,
        threshold=threshold,
        yes=yes,
        no=no,
        missing=tuple(person for person in keyring.persons if person not in (*yes, *no)),
        reasons=(),
    )
    return replace(decision, reasons=tuple(_reasons(decision)))


def read_statements(folder: Path) -> Iterator[Statement]:
    """All that lies in a folder and is not hidden, in order, one after the other; of what is too
    large, its beginning.

    Raises UserError when the folder cannot be read, or has too many.
    """
    for name in _listed(folder):
        problem = "" if name.endswith(".json") else "it is no *.json file"
        if problem:
            yield Statement(file=name, problem=problem)
            continue
        try:
            yield Statement(file=name, data=_read(folder / name))
        except FileNotFoundError:
            continue  # it was removed meanwhile
        except OSError as error:
            yield Statement(file=name, problem=f"it cannot be read: {error.strerror or error}")


def _listed(folder: Path) -> list[str]:
    names = list[str]()
    if folder.is_symlink():
        raise UserError(f"{folder} is a link: what lies elsewhere is nobody's word about this.")
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                names.append(entry.name)
                if len(names) > _MOST_STATEMENTS:
                    raise UserError(f"{folder} has more than {_MOST_STATEMENTS:,} statements.")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserError(f"{folder} cannot be read: {error.strerror}.") from None
    return sorted(names)


def _read(path: Path) -> bytes:
    """What a regular file holds; raises OSError for anything else."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise OSError("it is no regular file")
    with open(path, "rb", opener=_careful) as file:
        return file.read(LARGEST + 1)


def _careful(path: str, flags: int) -> int:
    """Follows no link, and waits for nobody to write, if it is no file any more."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def is_early(reason: str) -> bool:
    """Whether a reason not to publish is only that more must confirm."""
    return _EARLY.match(reason) is not None


def _voices(statement: Statement, subject: Subject, keyring: Keyring) -> Iterator[Voice]:
    nobody = Voice(file=statement.file, person=None, key="", says=Says.NOT_COUNTED, reason="")
    unheard = replace(nobody, says=Says.UNHEARD)
    try:
        if statement.problem:
            raise UserError(statement.problem)
        envelope = read_envelope(statement.data)
    except UserError as error:
        yield replace(unheard, reason=error.message)
        return
    keys, refused = keyring.check(envelope)
    yield from (replace(nobody, reason=reason) for reason in refused)
    if not keys:
        return  # what nobody signed is not even read
    try:
        claim, checklist = read_claim(envelope.payload), _checklist(envelope.payload)
    except UserError as error:
        for key in keys:
            yield replace(unheard, person=key.person, key=key.label, reason=error.message)
        return
    for key in keys:
        says, reason = _judge(claim, key, subject)
        voice = replace(nobody, person=key.person, key=key.label, says=says, reason=reason)
        is_yes = says is Says.YES
        yield replace(voice, kind=claim.kind, checklist=checklist) if is_yes else voice


def _checklist(payload: bytes) -> Digest | None:
    """The digest of the steps that a provenance vouches for; None where it names none."""
    predicate = read_strictly(payload, "statement")["predicate"].expect(dict)
    details = Node(predicate.get("runDetails", {}), "predicate.runDetails").expect(dict)
    byproducts = Node(details.get("byproducts", []), "predicate.runDetails.byproducts")
    return next(
        (
            each["digest"]["sha256"].parse(Digest)
            for each in byproducts
            if each["name"].expect(str) == OUTCOMES
        ),
        None,
    )


def _judge(claim: Claim, key: TrustedKey, subject: Subject) -> tuple[Says, str]:
    if not claim.is_yes:
        if subject.concerns(claim):
            return Says.NO, "; ".join(map(shown, claim.differences)) or str(claim.verdict)
        return Says.NOT_COUNTED, "it says no, but not to this release"
    reasons = list(subject.mismatches(claim))
    if claim.verifier != key.verifier:
        # Who signs what another found has found nothing.
        reasons.append(f"it is what {shown(claim.verifier)} found")
    return (Says.NOT_COUNTED, "; ".join(reasons)) if reasons else (Says.YES, "")


def _once(voices: Iterable[Voice]) -> tuple[Voice, ...]:
    """One yes for each person, and none of those who also say no."""
    heard = list(voices)
    refusing = {voice.person for voice in heard if voice.says is Says.NO}
    counted: set[str | None] = set()
    kept = []
    for voice in heard:
        if voice.says is Says.YES and voice.person in refusing | counted:
            reason = "says no as well" if voice.person in refusing else "has said yes already"
            voice = replace(voice, says=Says.NOT_COUNTED, reason=f"{voice.person} {reason}")
        elif voice.says is Says.YES:
            counted.add(voice.person)
        kept.append(voice)
    return tuple(kept)


def _reasons(decision: Decision) -> Iterator[str]:
    for voice in decision.voices:
        if voice.says is Says.NO:
            yield f"{voice.person} says no: {voice.reason}"
        elif voice.says is Says.UNHEARD:
            reason = voice.reason.rstrip(".")
            yield f"{shown(voice.file)} cannot be understood: {reason}. {_MIGHT_BE_NO}"
    short = decision.threshold - len(decision.yes)
    if short <= 0:
        return
    if short > len(decision.missing):
        yield (
            f"{len(decision.yes)} of {decision.threshold} have confirmed, and of those whose keys "
            f"are trusted, only {len(decision.missing)} more can"
        )
    else:
        who = ", ".join(decision.missing)
        yield f"{len(decision.yes)} of {decision.threshold} have confirmed; may still: {who}"
