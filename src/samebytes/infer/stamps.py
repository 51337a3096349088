"""Which times, and which permissions, a build gave its members."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from samebytes_core import epoch as epochs

from samebytes.archive.artifact import Artifact
from samebytes.archive.member import Member, MemberType, TarHeader, ZipHeader
from samebytes.archive.tar import FIELDS, number
from samebytes.archive.unpack import DATA_FILTER
from samebytes.archive.zip_directory import CENTRAL
from samebytes.compare.pairing import top_folder
from samebytes.compare.zip_fields import dos_moment
from samebytes.infer.candidate import Decision, Stamps
from samebytes.infer.generators import Generator

#: Steps of the times in a zip, and of the differences between time zones, in seconds.
_STEP, _QUARTER, _FARTHEST = 2, 900, 14 * 3600
_WRITE_BITS = 0o022
_OWN_BITS = 0o600


def wheel_stamps(
    wheel: Artifact, sdist: Artifact | None, generator: Generator | None
) -> Iterator[tuple[Stamps, Decision]]:
    """What may have given a wheel's members their times, the likeliest first."""
    times = member_times(wheel)
    distinct = set(times.values())
    if len(distinct) == 1:
        (time,) = distinct
        yield from _single(time, sdist, generator)
        return
    if sdist is not None:
        yield _carried(wheel, sdist)
    newest = max(distinct, default=epochs.ZIP_FLOOR)
    why = f"the newest of the {len(distinct)} times of its members"
    yield Stamps(epoch=newest), Decision("epoch", _moment(newest), why)


def sdist_stamps(sdist: Artifact, commit: int) -> Iterator[tuple[Stamps, Decision]]:
    """What may have given an sdist's members their times; ``commit`` is the revision's, seconds."""
    distinct = set(member_times(sdist).values())
    told = distinct - epochs.CONSTANTS
    if not told:
        why = "its members have no time but what backends write that are told none"
        yield Stamps(epoch=None), Decision("epoch", "none", why)
    elif len(told) == 1:
        (time,) = told
        why = "all of its members have this time"
        if time == commit:
            why += ", which is the commit's"
        yield Stamps(epoch=time), Decision("epoch", _moment(time), why)
    why = f"the commit's; its members have {len(told)} different times"
    yield Stamps(epoch=commit), Decision("epoch", _moment(commit), why)


def _single(
    time: int, sdist: Artifact | None, generator: Generator | None
) -> Iterator[tuple[Stamps, Decision]]:
    if generator is not None and generator.untold == time:
        why = f"its members have the one time that {generator.name} writes if it is told none"
        yield Stamps(epoch=None), Decision("epoch", "none", why)
    exact = time
    why = "all of its members have this time"
    if sdist is not None and time + 1 in member_times(sdist).values():
        exact, why = time + 1, f"{why}, in steps of two seconds; the sdist has it to the second"
    yield Stamps(epoch=exact), Decision("epoch", _moment(exact), why)


def _carried(wheel: Artifact, sdist: Artifact) -> tuple[Stamps, Decision]:
    """The files' times are those that they had in the sdist, written as local time."""
    shifts = Counter(_shifts(wheel, sdist))
    shift, count = shifts.most_common(1)[0] if shifts else (0, 0)
    mask = _mask(wheel)
    stamps = Stamps(epoch=None, archived=mask, timezone=_zone(shift))
    total = len(member_times(wheel))
    if count:
        zone = "UTC" if not shift else f"{shift / 3600:+g} hours from UTC"
        why = f"{count:,} of {total:,} members have the time that the sdist gives them, at {zone}"
    else:
        why = f"its members have different times, of which the sdist explains none of {total:,}"
    return stamps, Decision("epoch", "none: the times of the files", why)


def _shifts(wheel: Artifact, sdist: Artifact) -> Iterator[int]:
    """By how many seconds a member's time is apart from the sdist's, as far as zones do that."""
    known = _by_content(sdist)
    for member in wheel.members:
        source = known.get(member.content.sha256)
        if source is None or member.type is not MemberType.FILE or not member.content.size:
            continue
        one, two = member_time(member), member_time(source)
        if one is None or two is None:
            continue
        shift = round((one - two // _STEP * _STEP) / _QUARTER) * _QUARTER
        if abs(one - two - shift) <= _STEP and abs(shift) <= _FARTHEST:
            yield shift


def _by_content(artifact: Artifact) -> Mapping[str, Member]:
    """The members by their contents, those that no other has."""
    counts = Counter(member.content.sha256 for member in artifact.members)
    return {
        member.content.sha256: member
        for member in artifact.members
        if counts[member.content.sha256] == 1
    }


def _zone(shift: int) -> str:
    """As POSIX has it for TZ, where east of Greenwich is negative."""
    if not shift:
        return "UTC"
    hours, minutes = divmod(abs(shift) // 60, 60)
    text = f"{hours:02}:{minutes:02}"
    return f"<{'+' if shift > 0 else '-'}{hours:02}{minutes:02}>{'-' if shift > 0 else '+'}{text}"


def _mask(wheel: Artifact) -> int:
    """Which permissions of the sdist's files arrived in the wheel: all, or those of PEP 706."""
    folder = top_folder(wheel)
    own = (member for member in wheel.members if not member.name.startswith(f"{folder}/"))
    return 0o777 if any(member.mode & _WRITE_BITS for member in own) else DATA_FILTER


def wheel_umask(wheel: Artifact) -> tuple[int, Decision]:
    """The umask of the build, as the files show it that the backend wrote itself.

    No build runs with one under which it cannot read or write its own files: such a mode is none.
    """
    folder = top_folder(wheel)
    written = {f"{folder}/METADATA", f"{folder}/WHEEL"}
    modes = {
        member.mode & 0o777
        for member in wheel.members
        if member.name in written and member.mode & _OWN_BITS == _OWN_BITS
    }
    if len(modes) == 1:
        (mode,) = modes
        umask = 0o666 & ~mode
        return umask, Decision("umask", f"{umask:03o}", f"METADATA and WHEEL have mode {mode:04o}")
    return 0o022, Decision("umask", "022", "the usual one; the wheel shows none")


def wheel_system(wheel: Artifact) -> Decision | None:
    """That a wheel was written on Windows: a zip says on what each member was made."""
    systems = {
        member.header.central[CENTRAL["create_system"]]
        for member in wheel.members
        if isinstance(member.header, ZipHeader)
    }
    if systems == {b"\0"}:
        return Decision("system", "as on Windows", "each member says that it was made there")
    return None


def member_times(artifact: Artifact) -> Mapping[str, int]:
    """The times of the files by name, in seconds; those in a zip are read as UTC."""
    found = {}
    for member in artifact.members:
        if member.type is MemberType.FILE and (time := member_time(member)) is not None:
            found[member.name] = time
    return found


def member_time(member: Member) -> int | None:
    """In seconds; None where the archive holds no time."""
    header = member.header
    if isinstance(header, ZipHeader):
        try:
            moment = datetime.fromisoformat(dos_moment(header.central[CENTRAL["time"]]))
        except ValueError:
            return None
        return int(moment.replace(tzinfo=UTC).timestamp())
    return _tar_time(header)


def _tar_time(header: TarHeader) -> int | None:
    if record := header.records.get("mtime"):
        try:
            return int(float(record) // 1)
        except (ValueError, OverflowError):
            return None
    return number(header.raw[FIELDS["mtime"]])


def _moment(seconds: int) -> str:
    try:
        return f"{seconds} ({datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC)"
    except (ValueError, OverflowError, OSError):
        return str(seconds)
