"""Provenance: what the publisher of a file attested.

Specification: PEP 740, https://packaging.python.org/specifications/index-hosted-attestations/
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from packaging.utils import (
    parse_sdist_filename,
    parse_wheel_filename,
)

from samebytes.errors import ArtifactError, UserError
from samebytes.index import address
from samebytes.index.listing import IndexFile
from samebytes.wire import Node

_STATEMENT = "https://in-toto.io/Statement/v1"
#: Characters of a file's name, as file systems have it.
_LONGEST_NAME = 255


class Signature(StrEnum):
    """What is known of the signatures of a provenance."""

    VERIFIED = "verified"
    FAILED = "failed"
    NOT_CHECKED = "not-checked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """Who published a file, as the index says: a workflow in a repository, or an account.

    ``kind`` is, for example, GitHub or GitLab; ``account`` is what other kinds have instead of a
    repository: an e-mail address, or the number of a project.
    """

    kind: str
    repository: str | None = None
    workflow: str | None = None
    environment: str | None = None
    account: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """One statement about a file; ``predicate_type`` is the address that says what it means."""

    publisher: Publisher
    predicate_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What is attested about one file.

    ``problems`` tell which statements are about another file, and which signatures are wrong;
    where there is one, nothing of the rest is to be relied on. Unless the signatures are
    verified, for which ``remark`` gives the reason, all of it is the index's mere word. Texts are
    the index's own: not to be printed as they are, except for the problems and the remark.
    """

    attestations: tuple[Attestation, ...]
    signature: Signature = Signature.NOT_CHECKED
    problems: tuple[str, ...] = ()
    remark: str = ""


def read_provenance(document: bytes, file: IndexFile) -> Provenance:
    """Read a provenance object and compare its statements with the file; no signature is checked.

    Raises ArtifactError when it is none, or when the index has no SHA-256 for the file.
    """
    file.required_digest()
    try:
        return _read(Node(_load(document)), file)
    except (UserError, ValueError, RecursionError) as error:
        reason = error.message.rstrip(".") if isinstance(error, UserError) else str(error)
    raise ArtifactError(
        f"The provenance of {file.filename} is malformed: {address.scrubbed(reason)}.",
        hint="Do not rely on it, and tell the operators of the index.",
    )


def _read(node: Node, file: IndexFile) -> Provenance:
    _expect_first_version(node)
    attestations, problems = [], []
    for bundle in _some(node["attestation_bundles"]):
        publisher = _publisher(bundle["publisher"])
        for attestation in _some(bundle["attestations"]):
            statement = _statement(attestation)
            kind = statement["predicateType"].expect(str)
            attestations.append(Attestation(publisher=publisher, predicate_type=kind))
            if reason := _mismatch(statement, file):
                place = attestation.path
                problems.append(address.scrubbed(f"{place}: the statement is about {reason}"))
    return Provenance(attestations=tuple(attestations), problems=tuple(problems))


def _statement(attestation: Node) -> Node:
    """The statement in an attestation, which must have all that belongs to it."""
    _expect_first_version(attestation)
    material = attestation["verification_material"]
    material["certificate"].parse(_decode)
    for entry in _some(material["transparency_entries"]):
        entry.expect(dict)
    envelope = attestation["envelope"]
    envelope["signature"].parse(_decode)
    path = f"{envelope.path}.statement"
    statement = Node(_load(envelope["statement"].parse(_decode)), path)
    if statement["_type"].expect(str) != _STATEMENT:
        raise statement["_type"].error(f"expected {_STATEMENT}")
    return statement


def _mismatch(statement: Node, file: IndexFile) -> str:
    """What a statement is about, if it is not the file, and nothing but the file."""
    subjects = [*statement["subject"]]
    if len(subjects) != 1:
        return f"{len(subjects)} files"
    name: str = subjects[0]["name"].expect(str)
    if _parsed(name) != _parsed(file.filename):
        return name
    algorithms = {key: value.expect(str) for key, value in subjects[0]["digest"].items()}
    found = algorithms.get("sha256")
    if found != file.required_digest().hex:
        return f"SHA-256 {found}" if found else "no SHA-256"
    return ""


def _publisher(node: Node) -> Publisher:
    texts = {
        key: value.expect(str)
        for key, value in node.items()
        if key in _PUBLISHER_TEXTS and value.value is not None
    }
    account = texts.get("email") or texts.get("project_id")
    return Publisher(
        kind=node["kind"].expect(str),
        repository=texts.get("repository"),
        workflow=texts.get("workflow") or texts.get("workflow_filepath"),
        environment=texts.get("environment"),
        account=account,
    )


_PUBLISHER_TEXTS = (
    *("repository", "workflow", "workflow_filepath", "environment"),
    *("email", "project_id"),
)


def _expect_first_version(node: Node) -> None:
    if node["version"].expect(int) != 1:
        raise node["version"].error("expected 1")


def _some(node: Node) -> Iterator[Node]:
    """The items of an array, which must have some."""
    if not node.expect(list):
        raise node.error("expected at least one")
    return iter(node)


def _decode(text: str) -> bytes:
    """Base64 as pydantic writes it, which is with line ends, and as others do."""
    return base64.b64decode("".join(text.split()), validate=True)


def _load(document: bytes) -> object:
    """The JSON document; a key that comes twice could mean one thing here, another elsewhere."""

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a key comes twice in an object")
        return found

    return json.loads(document.decode(), object_pairs_hook=unique)


def _parsed(filename: str) -> object:
    """What a file's name means; names may be spelled in several ways.

    What is too long for a name means itself: a short one stands for few tags at most.
    """
    if len(filename) > _LONGEST_NAME:
        return filename
    try:
        if filename.endswith(".whl"):
            return parse_wheel_filename(filename)
        return parse_sdist_filename(filename), filename.endswith(".zip")
    except ValueError:
        return filename
