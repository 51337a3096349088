"""By what a cause is recognised, and how that is said."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import islice

from samebytes.archive.artifact import Artifact, Form
from samebytes.archive.deflate import NAME
from samebytes.compare.canonical import are_canonical, deflated, is_canonical_gzip
from samebytes.compare.evidence import Evidence
from samebytes.compare.model import Difference

Recogniser = Callable[[Difference, Evidence], bool]
Reason = Callable[[Evidence, Sequence[Difference]], str]


def always(_difference: Difference, _evidence: Evidence) -> bool:
    return True


def is_other_version(_difference: Difference, evidence: Evidence) -> bool:
    one, two = evidence.origins
    return (one.name, one.version) != (two.name, two.version) and bool(one.version and two.version)


def follows(difference: Difference, evidence: Evidence) -> bool:
    """Whether what a list says of a file differs just as the file does."""
    return difference.field in evidence.changed


def other_backend(difference: Difference, evidence: Evidence) -> bool:
    backends = evidence.backends
    if backends is None or backends[0].name == backends[1].name:
        return False
    return _may_be_backends(difference)


def _may_be_backends(difference: Difference) -> bool:
    """Whether a backend decides it: of members, only of those that backends write."""
    if difference.kind.id in _OF_MEMBERS:
        return difference.member is not None and _is_backends_own(difference.member)
    return True


_OF_MEMBERS = {
    "content-spacing",
    "member-content",
    "member-only-in-first",
    "member-only-in-second",
    "member-renamed",
}


def _is_backends_own(name: str) -> bool:
    """Whether a member is one that backends write, or that steers one of them."""
    head, _, rest = name.partition("/")
    folder = name.rpartition("/")[0]
    own = ("MANIFEST.in", "PKG-INFO", "setup.cfg", "setup.py", ".gitignore")
    return (
        head.endswith(".dist-info")
        or folder.endswith(".egg-info")
        or rest in own
        or (name.endswith(".egg-info"))
    )


def other_backend_version(difference: Difference, evidence: Evidence) -> bool:
    backends = evidence.backends
    return backends is not None and backends[0] != backends[1] and _may_be_backends(difference)


def from_setuptools(_difference: Difference, evidence: Evidence) -> bool:
    """Whether an sdist of setuptools holds the times of its files, not one."""
    return any(
        origin.artifact.form is Form.SDIST
        and origin.backend is not None
        and origin.backend.name == "setuptools"
        and len(origin.times) > 1
        for origin in evidence.origins
    )


def has_no_epoch(_difference: Difference, evidence: Evidence) -> bool:
    """Whether one of them has several times, or the one that backends write without an epoch."""
    return any(
        len(origin.times) > 1 or origin.times & _DEFAULT_TIMES for origin in evidence.origins
    )


#: 2020-02-02 (hatchling) and 1980-01-01 (zip's first day), as tar and as zip hold them.
_DEFAULT_TIMES = {1580601600, b"\0\0\x42\x50", b"\0\0\x21\0"}


def is_time_zone(_difference: Difference, evidence: Evidence) -> bool:
    """Whether many times are all apart by the same number of quarter hours, within a day or so."""
    if max(len(origin.times) for origin in evidence.origins) == 1:
        return False
    return len(evidence.zip_shifts) == 1 and all(
        shift is not None and not shift % 900 and 0 < abs(shift) <= 26 * 3600
        for shift in evidence.zip_shifts
    )


def is_style(difference: Difference, _evidence: Evidence) -> bool:
    """Of metadata fields, one that older backends wrote where there was nothing to say."""
    if difference.kind.id != "metadata-field":
        return True
    return {difference.first, difference.second} == {"UNKNOWN", "none"}


def is_umask(difference: Difference, evidence: Evidence) -> bool:
    """Whether permissions differ in the bits for group and others only.

    The canonical writer sets these itself, whatever the umask was.
    """
    if _has_other_writer(evidence):
        return False
    try:
        one, two = (int(value, 8) for value in (difference.first, difference.second))
    except ValueError:
        return False
    return not (one ^ two) & ~0o077


def is_unsorted(difference: Difference, evidence: Evidence) -> bool:
    if _has_other_writer(evidence):
        return False
    return "not sorted" in difference.first + difference.second


def _has_other_writer(evidence: Evidence) -> bool:
    """Whether one of the two is as the canonical writer writes it, and the other is not."""
    return evidence.first.is_canonical is not evidence.second.is_canonical


def say(text: str) -> Reason:
    return lambda _evidence, _differences: text


def say_versions(evidence: Evidence, _differences: Sequence[Difference]) -> str:
    one, two = evidence.origins
    return f"The first is {one.name} {one.version}, the second {two.name} {two.version}."


def say_backends(evidence: Evidence, _differences: Sequence[Difference]) -> str:
    return (
        f"The first was built by {evidence.first.backend}, the second by {evidence.second.backend}."
    )


def say_times(evidence: Evidence, _differences: Sequence[Difference]) -> str:
    counts = [len(origin.times) for origin in evidence.origins]
    texts = [f"{count:,} different times" if count > 1 else "one time" for count in counts]
    return f"The members of the first have {texts[0]}, those of the second {texts[1]}."


def say_setuptools(evidence: Evidence, differences: Sequence[Difference]) -> str:
    return (
        "An sdist of setuptools keeps the times of its files, and of the build, whatever "
        f"SOURCE_DATE_EPOCH says. {say_times(evidence, differences)}"
    )


def say_owner(_evidence: Evidence, differences: Sequence[Difference]) -> str:
    one = ", ".join(sorted({each.first for each in differences})[:3])
    two = ", ".join(sorted({each.second for each in differences})[:3])
    return f"The first belongs to {one}, the second to {two}."


def say_counts(_evidence: Evidence, differences: Sequence[Difference]) -> str:
    missing = sum(each.kind.id == "member-only-in-second" for each in differences)
    return f"The first lacks {missing:,}, the second lacks {len(differences) - missing:,}."


def say_writers(evidence: Evidence, _differences: Sequence[Difference]) -> str:
    """Which of the two is in canonical form, if only one is."""
    text = "The same contents are put into the archive in another way."
    if not _has_other_writer(evidence):
        return text
    side = "first" if evidence.first.is_canonical else "second"
    return (
        f"{text} The {side} has the order and the permissions with which samebytes, or "
        "samebytes-core, writes an archive again; the other has not."
    )


def say_compressors(evidence: Evidence, differences: Sequence[Difference]) -> str:
    """Which of the two was compressed by what is the same everywhere, if either was."""
    text = "The same contents are compressed to other bytes."
    names = {each.member for each in differences if each.kind.id == "deflate-stream"}
    for side, origin in zip(("first", "second"), evidence.origins, strict=True):
        if names and _is_canonical(origin.artifact, names):
            text += f" The {side} is by {NAME}."
    return text


def _is_canonical(artifact: Artifact, names: Collection[str | None]) -> bool:
    if None in names:
        return is_canonical_gzip(artifact)
    members = artifact.members
    tried = islice((each for each in deflated(artifact) if members[each].name in names), _TRIED)
    return are_canonical(artifact, [*tried])


#: How many streams are looked at.
_TRIED = 8
