"""By what a cause is recognised, and how that is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from samebytes.archive.artifact import Form
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
    if difference.kind.id.startswith("member-only-in"):
        return difference.member is not None and _is_backends_own(difference.member)
    return True


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


def other_backend_version(_difference: Difference, evidence: Evidence) -> bool:
    backends = evidence.backends
    return backends is not None and backends[0] != backends[1]


def from_setuptools(_difference: Difference, evidence: Evidence) -> bool:
    """Whether an sdist of setuptools holds the times of its files, not one."""
    return any(
        origin.artifact.form is Form.SDIST
        and origin.backend is not None
        and origin.backend.name == "setuptools"
        and len(origin.times) > 1
        for origin in evidence.origins
    )


def has_many_times(_difference: Difference, evidence: Evidence) -> bool:
    return any(len(origin.times) > 1 for origin in evidence.origins)


def is_time_zone(_difference: Difference, evidence: Evidence) -> bool:
    """Whether all times are apart by the same number of quarter hours, within a day or so."""
    return len(evidence.zip_shifts) == 1 and all(
        shift is not None and not shift % 900 and 0 < abs(shift) <= 26 * 3600
        for shift in evidence.zip_shifts
    )


def is_umask(difference: Difference, _evidence: Evidence) -> bool:
    """Whether permissions differ in the bits for group and others only."""
    try:
        one, two = (int(value, 8) for value in (difference.first, difference.second))
    except ValueError:
        return False
    return not (one ^ two) & ~0o077


def is_unsorted(difference: Difference, _evidence: Evidence) -> bool:
    return "not sorted" in difference.first + difference.second


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
