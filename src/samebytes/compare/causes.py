"""The causes, one row each: what they explain, how they are recognised, what to do.

A difference belongs to the first cause of the table that claims it. ``samebytes explain ID`` tells
more of each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from samebytes.compare import recognition
from samebytes.compare.evidence import Evidence
from samebytes.compare.kinds import KINDS, Level
from samebytes.compare.model import Difference, Explanation
from samebytes.compare.recognition import Reason, Recogniser


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What may explain differences of these kinds, if ``recognise`` says so of the difference."""

    id: str
    title: str
    kinds: frozenset[str]
    recognise: Recogniser
    reason: Reason
    fix: str


def explain(evidence: Evidence) -> tuple[Explanation, ...]:
    """Every difference under the cause that explains it; first the causes that touch contents."""
    claimed = defaultdict[str, list[Difference]](list)
    for difference in evidence.differences:
        claimed[_cause_of(difference, evidence).id].append(difference)
    found = (
        Explanation(
            cause=cause.id,
            title=cause.title,
            reason=cause.reason(evidence, claimed[cause.id]),
            fix=cause.fix,
            differences=tuple(claimed[cause.id]),
        )
        for cause in CAUSES
        if cause.id in claimed
    )
    return tuple(sorted(found, key=lambda each: not any(d.is_content for d in each.differences)))


def _cause_of(difference: Difference, evidence: Evidence) -> Cause:
    return next(
        cause
        for cause in CAUSES
        if difference.kind.id in cause.kinds and cause.recognise(difference, evidence)
    )


def _level(level: Level) -> frozenset[str]:
    return frozenset(kind.id for kind in KINDS.values() if kind.level is level)


def _kinds(*patterns: str) -> frozenset[str]:
    """Ids of kinds; one that ends in '*' stands for all that begin so."""
    found: set[str] = set()
    for pattern in patterns:
        if pattern.endswith("*"):
            found |= {kind for kind in KINDS if kind.startswith(pattern[:-1])}
        else:
            found.add(KINDS[pattern].id)
    return frozenset(found)


_CONTAINER, _CONTENT = _level(Level.CONTAINER), _level(Level.CONTENT)
_TIMES = _kinds("gzip-header-mtime", "tar-mtime", "tar-pax-mtime", "zip-mtime")
_HIDDEN = _kinds("gzip-trailing", "tar-trailing", "zip-gap", "zip-trailing", "tar-padding")
_WRITTEN = (
    _kinds("metadata-*", "wheel-*", "record-order", "record-line-ends", "dist-info-folder")
    | _kinds("sdist-folder", "member-only-in-first", "member-only-in-second", "setup-cfg-tags")
    | _kinds("member-renamed", "member-content", "content-spacing")
    | (_CONTAINER - _TIMES - _HIDDEN - _kinds("tar-owner", "deflate-stream"))
)


def _rows() -> Iterable[Cause]:
    for identifier, title, kinds, recognise, reason, fix in _TABLE:
        yield Cause(
            id=identifier, title=title, kinds=kinds, recognise=recognise, reason=reason, fix=fix
        )


_EPOCH_FIX = (
    "Set SOURCE_DATE_EPOCH to the time of the commit in both builds, as samebytes build does."
)
_TABLE: tuple[tuple[str, str, frozenset[str], Recogniser, Reason, str], ...] = (
    (
        "hidden-bytes",
        "bytes that unpacking does not show",
        _HIDDEN,
        recognition.always,
        recognition.say("One holds bytes that belong to no member."),
        "Find out what they are before you trust the file; build it again from its source.",
    ),
    (
        "other-version",
        "another version",
        _CONTENT,
        recognition.is_other_version,
        recognition.say_versions,
        "Compare artifacts of the same version.",
    ),
    (
        "setuptools-sdist-time",
        "setuptools ignores SOURCE_DATE_EPOCH in sdists",
        _kinds("gzip-header-mtime", "tar-mtime", "tar-pax-mtime"),
        recognition.from_setuptools,
        recognition.say_setuptools,
        "Migrate to hatchling, or build with samebytes build, which writes the sdist again.",
    ),
    (
        "builder-identity",
        "the archive names who built it",
        _kinds("tar-owner"),
        recognition.always,
        recognition.say_owner,
        "Migrate to hatchling, or build with samebytes build: neither names an owner.",
    ),
    (
        "other-backend",
        "another build backend",
        _WRITTEN,
        recognition.other_backend,
        recognition.say_backends,
        "Build both with the same backend. If the change is meant, look at each listed member.",
    ),
    (
        "other-backend-version",
        "another version of the build backend",
        _WRITTEN,
        recognition.other_backend_version,
        recognition.say_backends,
        "Pin the backend: build with the other's buildinfo, or --as-of its date.",
    ),
    (
        "time-zone",
        "another time zone",
        _kinds("zip-mtime"),
        recognition.is_time_zone,
        recognition.say("All times are apart by the same number of quarter hours."),
        "Build with TZ=UTC, and with SOURCE_DATE_EPOCH set.",
    ),
    (
        "no-epoch",
        "no SOURCE_DATE_EPOCH",
        _TIMES,
        recognition.has_no_epoch,
        recognition.say_times,
        _EPOCH_FIX,
    ),
    (
        "other-epoch",
        "another SOURCE_DATE_EPOCH",
        _TIMES,
        recognition.always,
        recognition.say_times,
        _EPOCH_FIX,
    ),
    (
        "umask",
        "another umask",
        _kinds("tar-mode", "zip-external-attr"),
        recognition.is_umask,
        recognition.say("Permissions differ for group and others only."),
        "Build with umask 022 from a fresh clone, as samebytes build does.",
    ),
    (
        "other-compressor",
        "another compressor, or another level",
        _kinds("deflate-stream", "compressed-stream", "gzip-header-xfl", "zip-method"),
        recognition.always,
        recognition.say_compressors,
        "Build with the same Python and zlib, which the buildinfo records, or both with --deflate "
        "canonical.",
    ),
    (
        "file-order",
        "the order of the file system",
        _kinds("member-order", "link-order", "zip-layout"),
        recognition.is_unsorted,
        recognition.say("The members are not in an order that a rule gives."),
        "Sort the files before they are archived, or build with samebytes build.",
    ),
    (
        "repacked",
        "another archive format",
        _kinds("archive-format"),
        recognition.always,
        recognition.say("One was converted, or built for another format."),
        "Build both in the same format (PEP 625: .tar.gz).",
    ),
    (
        "line-ends",
        "a checkout with other line ends",
        _kinds("content-line-ends", "record-line-ends"),
        recognition.always,
        recognition.say("They are equal but for their line ends."),
        "Check out with core.autocrlf=false, or set eol=lf in .gitattributes.",
    ),
    (
        "regenerated-catalogue",
        "catalogues compiled again",
        _kinds("catalogue-header", "catalogue-layout"),
        recognition.always,
        recognition.say("The messages are the same."),
        "Compile catalogues with the same gettext, or in the build from their sources.",
    ),
    (
        "build-time",
        "the build writes its date into files",
        _kinds("content-timestamp"),
        recognition.always,
        recognition.say("They are equal but for what looks like dates or times."),
        "Have the generator use SOURCE_DATE_EPOCH, or leave the date out.",
    ),
    (
        "build-path",
        "the build writes its path into files",
        _kinds("content-path"),
        recognition.always,
        recognition.say("They are equal but for absolute paths."),
        "Write relative paths, or build at a fixed path, as samebytes build does.",
    ),
    (
        "unordered-output",
        "output in no fixed order",
        _kinds("content-line-order", "record-order", "sources-order", "metadata-order"),
        recognition.always,
        recognition.say("They hold the same lines in another order."),
        "Sort what is written; build with PYTHONHASHSEED=0 and LC_ALL=C.UTF-8.",
    ),
    (
        "regenerated-gzip",
        "files compressed again",
        _kinds("content-gzip"),
        recognition.always,
        recognition.say("They decompress to the same bytes."),
        "Compress with gzip -n, or gzip.compress(…, mtime=0).",
    ),
    (
        "other-python",
        "compiled by another Python, or at another time",
        _kinds("pyc-header", "pyc-code"),
        recognition.always,
        recognition.say("Compiled Python files differ."),
        "Leave .pyc files out of the artifact; installers make them.",
    ),
    (
        "metadata-writer",
        "metadata written in another style",
        _kinds("metadata-version", "metadata-spelling", "metadata-field", "wheel-*")
        | _kinds("dist-info-folder", "sdist-folder"),
        recognition.is_style,
        recognition.say("The fields are written as another version of the backend writes them."),
        "Build both with the same version of the backend.",
    ),
    (
        "record-follows",
        "lists that follow from the members they list",
        _kinds("record-rows", "sources-list"),
        recognition.follows,
        recognition.say("RECORD or SOURCES.txt differ in the members that differ themselves."),
        "Nothing: they will agree when the members do.",
    ),
    (
        "stale-egg-info",
        "what an earlier build left in the tree",
        _kinds("sources-list", "sources-order", "setup-cfg-tags"),
        recognition.always,
        recognition.say("setuptools takes over SOURCES.txt and tags that it finds in the tree."),
        "Build from a fresh clone: remove *.egg-info and build/.",
    ),
    (
        "chosen-files",
        "other files were chosen",
        _kinds("member-only-in-first", "member-only-in-second"),
        recognition.always,
        recognition.say_counts,
        "Compare the rules for files, MANIFEST.in and .gitignore; build from a fresh clone.",
    ),
    (
        "moved-files",
        "files under other names",
        _kinds("member-renamed"),
        recognition.always,
        recognition.say("The contents are the same."),
        "Compare the revisions, and the rules that map files into the artifact.",
    ),
    (
        "other-writer",
        "another program wrote the archive",
        (_CONTAINER - _TIMES - _kinds("tar-owner"))
        | _kinds("tar-pax-other", "zip-extra-other", "zip-name-encoding")
        | _kinds("gzip-members", "zip-stored-descriptor"),
        recognition.always,
        recognition.say_writers,
        "Use the same frontend and backend in the same versions, or samebytes build with the same "
        "options on both sides.",
    ),
    (
        "other-source",
        "another source",
        _kinds("member-content", "member-executable", "member-type", "member-link")
        | _kinds("metadata-field", "metadata-description", "catalogue-messages")
        | _kinds("content-spacing", "link-order"),
        recognition.always,
        recognition.say("No setting of a build explains these contents."),
        "Compare the revisions they were built from. If they are the same, one was changed.",
    ),
    (
        "unexplained",
        "no known cause",
        frozenset(KINDS),
        recognition.always,
        recognition.say("Nothing in the two artifacts shows why."),
        "Compare how both were built; tell us if you find out, and it will be recognised.",
    ),
)

CAUSES: tuple[Cause, ...] = tuple(_rows())
