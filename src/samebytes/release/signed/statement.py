"""Statements about artifacts: who built them, and who built the same.

An in-toto statement v1 (https://in-toto.io/Statement/v1) that holds an SLSA provenance v1 or a
verification summary v1 (https://slsa.dev/spec/v1.1/verification_summary). What is ours alone has a
name with ``samebytes_`` before it, or is a URI of ``urn:samebytes:``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from urllib.parse import quote, urlsplit

from packaging.utils import canonicalize_name
from packaging.version import Version

from samebytes import __version__
from samebytes.compare.model import Verdict
from samebytes.digest import Digest
from samebytes.errors import UserError
from samebytes.index import address
from samebytes.recipe import FILENAME, BuildInfo, GitRevision, Recipe
from samebytes.release.signed.strict import read_strictly
from samebytes.wire import Node

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"

#: How ``externalParameters`` and ``internalParameters`` are to be read.
BUILD_TYPE = "urn:samebytes:build:1"

#: Same bytes, built from the tag's commit.
POLICY = "urn:samebytes:policy:identical:1"

#: The level that a confirmed artifact has; SLSA's own are about builds, not about rebuilds.
IDENTICAL_LEVEL = "REPRODUCED_IDENTICAL"

#: Differences that a statement lists, and characters of each.
_MOST_DIFFERENCES = 100
_LONGEST_DIFFERENCE = 500

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)


class Kind(StrEnum):
    """The two statements, by their predicate types."""

    PROVENANCE = "https://slsa.dev/provenance/v1"
    CONFIRMATION = "https://slsa.dev/verification_summary/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a statement says of artifacts, by file name.

    ``commit``, ``project`` (its folder) and ``tag`` are what they were built from, ``verifier`` is
    who says so, ``time`` when.
    """

    kind: Kind
    digests: Mapping[str, Digest]
    commit: str
    project: str
    tag: str
    verdict: Verdict
    verifier: str
    time: datetime
    differences: tuple[str, ...] = ()

    @property
    def is_yes(self) -> bool:
        return self.verdict is Verdict.IDENTICAL


def provenance(
    buildinfo: BuildInfo,
    *,
    tag: str,
    source_uri: str | None,
    builder: str,
    started: datetime,
    finished: datetime,
    byproducts: Mapping[str, Digest],
) -> dict[str, object]:
    """How the artifacts of ``buildinfo`` were built, by the key or identity ``builder``.

    ``source_uri`` is where others reach the repository, without credentials, or None.
    """
    recipe = buildinfo.recipe
    revision = _revision(recipe)
    source: dict[str, object] = {"tag": tag, "project": str(revision.project)}
    commit: dict[str, object] = {"digest": {"gitCommit": revision.commit}}
    if source_uri:
        # A user without a password, as in git+ssh://git@…, is part of the address.
        secret = urlsplit(source_uri).password is not None
        source["uri"] = address.scrubbed(source_uri) if secret else source_uri
        commit["uri"] = f"{source['uri']}@refs/tags/{tag}"
    recorded = recipe.to_dict()
    definition = {
        "buildType": BUILD_TYPE,
        "externalParameters": {
            "source": source,
            **{key: recorded[key] for key in ("route", "config_settings", "as_of")},
            **({"deflate": recorded["deflate"]} if recorded["deflate"] else {}),
        },
        "internalParameters": {key: recorded[key] for key in ("python", "environment", "epoch")},
        "resolvedDependencies": [commit, *_dependencies(recipe)],
    }
    details = {
        "builder": {"id": builder, "version": {"samebytes": __version__}},
        "metadata": {"startedOn": _timestamp(started), "finishedOn": _timestamp(finished)},
        "byproducts": [
            {"name": name, "digest": {"sha256": str(digest)}} for name, digest in byproducts.items()
        ],
    }
    digests = {artifact.filename: artifact.digest for artifact in buildinfo.artifacts}
    predicate = {"buildDefinition": definition, "runDetails": details}
    return _statement(Kind.PROVENANCE, digests, predicate)


def confirmation(
    subjects: Mapping[str, Digest],
    *,
    name: str,
    version: Version | str,
    verdict: Verdict,
    recipe: Recipe,
    tag: str,
    verifier: str,
    time: datetime,
    differences: Sequence[str],
) -> dict[str, object]:
    """What ``verifier`` found when building ``subjects`` again: a yes, or else a no.

    It is a yes with the verdict identical only. ``recipe`` is that of the second build. No
    ``inputAttestations`` are named: others' statements have no part in what is found.
    """
    _revision(recipe)
    is_yes = verdict is Verdict.IDENTICAL
    predicate = {
        "verifier": {"id": verifier, "version": {"samebytes": __version__}},
        "timeVerified": _timestamp(time),
        "resourceUri": _purl(name, str(version)),
        "policy": {"uri": POLICY},
        "verificationResult": _result(is_yes),
        "verifiedLevels": [IDENTICAL_LEVEL if is_yes else "FAILED"],
        "slsaVersion": "1.1",
        "samebytes_verdict": str(verdict),
        "samebytes_tag": tag,
        "samebytes_recipe": recipe.to_dict(),
        "samebytes_differences": list(_listed(differences)),
    }
    return _statement(Kind.CONFIRMATION, subjects, predicate)


def read_claim(payload: bytes) -> Claim:
    """What a statement says; raises UserError with the path of what is wrong in it."""
    node = read_strictly(payload, "statement")
    if node["_type"].expect(str) != STATEMENT_TYPE:
        raise node["_type"].error(f"expected {STATEMENT_TYPE!r}")
    kind = node["predicateType"].parse(Kind)
    digests = _subjects(node["subject"])
    if kind is Kind.PROVENANCE:
        return _provenance_claim(node["predicate"], digests)
    return _confirmation_claim(node["predicate"], digests)


def _provenance_claim(node: Node, digests: Mapping[str, Digest]) -> Claim:
    definition, details = node["buildDefinition"], node["runDetails"]
    if definition["buildType"].expect(str) != BUILD_TYPE:
        raise definition["buildType"].error(f"expected {BUILD_TYPE!r}")
    source = definition["externalParameters"]["source"]
    return Claim(
        kind=Kind.PROVENANCE,
        digests=digests,
        commit=_commit(definition["resolvedDependencies"]),
        project=source["project"].expect(str),
        tag=source["tag"].expect(str),
        verdict=Verdict.IDENTICAL,
        verifier=details["builder"]["id"].expect(str),
        time=details["metadata"]["finishedOn"].parse(_time),
    )


def _confirmation_claim(node: Node, digests: Mapping[str, Digest]) -> Claim:
    source = Recipe.from_node(node["samebytes_recipe"]).source
    if not isinstance(source, GitRevision):
        raise node["samebytes_recipe"]["source"]["kind"].error("expected 'git'")
    claim = Claim(
        kind=Kind.CONFIRMATION,
        digests=digests,
        commit=source.commit,
        project=str(source.project),
        tag=node["samebytes_tag"].expect(str),
        verdict=node["samebytes_verdict"].parse(Verdict),
        verifier=node["verifier"]["id"].expect(str),
        time=node["timeVerified"].parse(_time),
        differences=tuple(each.expect(str) for each in node["samebytes_differences"]),
    )
    # What others read must be what we read.
    if node["verificationResult"].expect(str) != _result(claim.is_yes):
        raise node["verificationResult"].error(f"not that of the verdict {claim.verdict!r}")
    return claim


def _statement(
    kind: Kind, subjects: Mapping[str, Digest], predicate: Mapping[str, object]
) -> dict[str, object]:
    return {
        "_type": STATEMENT_TYPE,
        "subject": [
            {"name": name, "digest": {"sha256": str(digest)}}
            for name, digest in sorted(subjects.items())
        ],
        "predicateType": str(kind),
        "predicate": dict(predicate),
    }


def _subjects(node: Node) -> dict[str, Digest]:
    digests: dict[str, Digest] = {}
    for each in node:
        name = each["name"].expect(str)
        if not FILENAME.fullmatch(name) or name in digests:
            raise each["name"].error("not a file name, or one that is there already")
        digests[name] = each["digest"]["sha256"].parse(Digest)
    if not digests:
        raise node.error("expected at least one subject")
    return digests


def _commit(dependencies: Node) -> str:
    """The one commit among what the build took."""
    found = [
        each["digest"]["gitCommit"].expect(str)
        for each in dependencies
        if "gitCommit" in each["digest"].expect(dict)
    ]
    if len(found) != 1:
        raise dependencies.error(f"{len(found)} commits, where one is expected")
    return found[0]


def _dependencies(recipe: Recipe) -> Iterator[dict[str, object]]:
    """The files that each build requirement may have been installed from."""
    for pin in recipe.requirements:
        for digest in pin.hashes:
            yield {"uri": _purl(pin.name, str(pin.version)), "digest": {"sha256": str(digest)}}


def _revision(recipe: Recipe) -> GitRevision:
    if not isinstance(recipe.source, GitRevision):
        raise UserError(
            f"A release is built from a commit, and not from {recipe.source.name}.",
            hint="Give a git checkout.",
        )
    return recipe.source


def _result(is_yes: bool) -> str:
    return "PASSED" if is_yes else "FAILED"


def _listed(differences: Sequence[str]) -> Iterator[str]:
    """As many as a statement has room for; file names may have bytes that are no UTF-8."""
    for difference in differences[:_MOST_DIFFERENCES]:
        text = difference.encode("utf-8", "backslashreplace").decode()
        yield text if len(text) <= _LONGEST_DIFFERENCE else f"{text[: _LONGEST_DIFFERENCE - 1]}…"
    if (more := len(differences) - _MOST_DIFFERENCES) > 0:
        yield f"and {more:,} more"


def _purl(name: str, version: str) -> str:
    """https://github.com/package-url/purl-spec"""
    return f"pkg:pypi/{canonicalize_name(name)}@{quote(version, safe='')}"


def _timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    if moment.tzinfo is None:
        raise ValueError("a time without its time zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _time(text: str) -> datetime:
    if not _TIME.fullmatch(text):
        raise ValueError(f"not a time in UTC, as of RFC 3339: {text!r}")
    return datetime.fromisoformat(text)
