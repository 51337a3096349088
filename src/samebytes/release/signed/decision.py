"""Who said yes, who said no, and whether that is enough to publish."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from samebytes.digest import Digest
from samebytes.errors import UserError
from samebytes.release.signed.envelope import read_envelope
from samebytes.release.signed.keyring import Keyring, TrustedKey
from samebytes.release.signed.statement import Claim, read_claim
from samebytes.release.signed.strict import LARGEST, shown

_MOST_STATEMENTS = 1000


class Says(StrEnum):
    YES = "yes"
    NO = "no"
    NOT_COUNTED = "not counted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """What one signature in one file says of the release.

    ``person`` is None, and ``key`` empty, where no trusted key signed; ``reason`` is why it is not
    counted, or the differences behind a no.
    """

    file: str
    person: str | None
    key: str
    says: Says
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether it may be published: ``threshold`` persons must have said yes, and none no.

    ``missing`` are those who have said neither, ``reasons`` why it may not be published.
    """

    voices: tuple[Voice, ...]
    threshold: int
    yes: tuple[str, ...]
    no: tuple[str, ...]
    missing: tuple[str, ...]
    reasons: tuple[str, ...]

    @property
    def is_granted(self) -> bool:
        return len(self.yes) >= self.threshold and not self.no


def decide(
    artifacts: Mapping[str, Digest],
    commit: str,
    tag: str,
    statements: Mapping[str, bytes],
    keyring: Keyring,
    threshold: int,
) -> Decision:
    """Weigh ``statements``, envelopes by file name, about ``artifacts``, digests by file name.

    A yes must be about exactly these, and this commit and tag; a no blocks if it names one of
    the digests, or one of the names with the commit. Raises UserError when ``threshold`` is not
    positive, or there are too many statements; SamebytesError when one cannot be checked here.
    """
    if threshold < 1:
        raise UserError(f"A release is confirmed by at least one, and not by {threshold}.")
    if len(statements) > _MOST_STATEMENTS:
        raise UserError(f"There are more than {_MOST_STATEMENTS:,} statements.")
    release = _Release(artifacts, commit, tag)
    voices = _once(
        voice
        for file in sorted(statements)
        for voice in _voices(file, statements[file], release, keyring)
    )
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


def read_statements(folder: Path) -> dict[str, bytes]:
    """The files of a folder that may be statements, by name; of one too large, its beginning.

    Raises UserError when one cannot be read, as it might be a no.
    """
    paths = sorted(path for path in folder.glob("*.json") if not path.name.startswith("."))
    found = {}
    for path in paths[: _MOST_STATEMENTS + 1]:
        try:
            if not path.is_file():
                raise UserError(f"{path} is not a file.")
            with path.open("rb") as file:
                found[path.name] = file.read(LARGEST + 1)
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror}.") from None
    return found


@dataclass(frozen=True, slots=True)
class _Release:
    artifacts: Mapping[str, Digest]
    commit: str
    tag: str

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


def _voices(file: str, data: bytes, release: _Release, keyring: Keyring) -> Iterator[Voice]:
    nobody = Voice(file=file, person=None, key="", says=Says.NOT_COUNTED, reason="")
    try:
        envelope = read_envelope(data)
    except UserError as error:
        yield replace(nobody, reason=error.message)
        return
    keys, refused = keyring.check(envelope)
    yield from (replace(nobody, reason=reason) for reason in refused)
    if not keys:
        return  # what nobody signed is not even read
    try:
        claim = read_claim(envelope.payload)
    except UserError as error:
        for key in keys:
            yield replace(nobody, person=key.person, key=key.label, reason=error.message)
        return
    for key in keys:
        says, reason = _judge(claim, key, release)
        yield replace(nobody, person=key.person, key=key.label, says=says, reason=reason)


def _judge(claim: Claim, key: TrustedKey, release: _Release) -> tuple[Says, str]:
    if not claim.is_yes:
        if release.concerns(claim):
            return Says.NO, "; ".join(map(shown, claim.differences)) or str(claim.verdict)
        return Says.NOT_COUNTED, "it says no, but not to this release"
    reasons = list(release.mismatches(claim))
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
