"""Statements are what their specifications say, and are read back in one way only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import PurePosixPath
from typing import Any

import pytest
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.predicates.vsa.v1 import vsa_pb2
from in_toto_attestation.v1 import statement as in_toto
from in_toto_attestation.v1 import statement_pb2
from packaging.utils import canonicalize_name
from packaging.version import Version
from samebytes_core.epoch import Epoch, Origin

from samebytes.compare.model import Verdict
from samebytes.digest import Digest
from samebytes.errors import UserError
from samebytes.recipe import (
    Artifact,
    BuildInfo,
    GitRevision,
    Pin,
    PythonId,
    Recipe,
    Route,
    SdistFile,
    Writer,
)
from samebytes.release.signed.statement import Claim, Kind, confirmation, provenance, read_claim

ONE, TWO = Digest.of(b"1"), Digest.of(b"2")
COMMIT = "a" * 40
TIME = datetime(2026, 11, 3, 12, 30, tzinfo=UTC)
NAMES = {"demo-1.0.tar.gz": ONE, "demo-1.0-py3-none-any.whl": TWO}
RECIPE = Recipe(
    source=GitRevision(commit=COMMIT, project=PurePosixPath(".")),
    epoch=Epoch(seconds=1, origin=Origin.COMMIT),
    route=Route.BOTH,
    python=PythonId(implementation="CPython", version=Version("3.13.1"), zlib="1.3"),
    as_of=TIME,
    requirements=(
        Pin(name=canonicalize_name("hatchling"), version=Version("1.27"), hashes=(ONE, TWO)),
    ),
    environment={"TZ": "UTC"},
    config_settings={"key": ("one", "two")},
)
BUILDINFO = BuildInfo(
    recipe=RECIPE,
    artifacts=tuple(
        Artifact(filename=name, digest=digest, size=5, writer=Writer.BACKEND)
        for name, digest in NAMES.items()
    ),
)


def make_provenance(**changes: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "tag": "v1.0",
        "source_uri": "git+https://example.org/demo.git",
        "builder": "urn:samebytes:key:1",
        "started": TIME - timedelta(minutes=1),
        "finished": TIME,
        "byproducts": {"demo-1.0.buildinfo.json": ONE},
    }
    return provenance(BUILDINFO, **(facts | changes))


def make_confirmation(verdict: Verdict = Verdict.IDENTICAL, **changes: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": "Demo_Project",
        "version": Version("1!1.0+local.1"),
        "recipe": RECIPE,
        "tag": "v1.0",
        "verifier": "openpgp4fpr:1",
        "time": TIME,
        "differences": ["a difference"] if verdict is not Verdict.IDENTICAL else [],
    }
    return confirmation(NAMES, verdict=verdict, **(facts | changes))


def read(statement: Mapping[str, object]) -> Claim:
    return read_claim(json.dumps(statement).encode())


def parsed(statement: Mapping[str, object], message: Any) -> Any:
    """The predicate, as in-toto's own classes read it, who know every field there is."""
    whole = json_format.Parse(json.dumps(statement), statement_pb2.Statement())
    in_toto.Statement.copy_from_pb(whole).validate()
    predicate = json_format.MessageToDict(whole.predicate)
    return json_format.ParseDict(predicate, message)


class TestProvenance:
    def test_in_toto_reads_it(self) -> None:
        read = parsed(make_provenance(), provenance_pb2.Provenance())
        definition, details = read.build_definition, read.run_details
        assert definition.build_type == "urn:samebytes:build:1"
        source = definition.external_parameters["source"]
        assert source["uri"] == "git+https://example.org/demo.git"
        assert source["tag"] == "v1.0"
        assert definition.external_parameters["route"] == "both"
        assert definition.internal_parameters["epoch"]["seconds"] == 1
        commit, *files = definition.resolved_dependencies
        assert commit.uri == "git+https://example.org/demo.git@refs/tags/v1.0"
        assert commit.digest == {"gitCommit": COMMIT}
        assert [(each.uri, each.digest["sha256"]) for each in files] == [
            ("pkg:pypi/hatchling@1.27", str(ONE)),
            ("pkg:pypi/hatchling@1.27", str(TWO)),
        ]
        assert details.builder.id == "urn:samebytes:key:1"
        assert details.metadata.finished_on.ToDatetime(UTC) == TIME
        assert [each.name for each in details.byproducts] == ["demo-1.0.buildinfo.json"]

    def test_read_back(self) -> None:
        assert read(make_provenance()) == Claim(
            kind=Kind.PROVENANCE,
            digests=NAMES,
            commit=COMMIT,
            project=".",
            tag="v1.0",
            verdict=Verdict.IDENTICAL,
            verifier="urn:samebytes:key:1",
            time=TIME,
        )

    def test_where_the_repository_is_may_be_unknown(self) -> None:
        text = json.dumps(make_provenance(source_uri=None))
        assert "refs/tags" not in text
        assert read_claim(text.encode()).commit == COMMIT

    def test_no_password_is_told(self) -> None:
        made = make_provenance(source_uri="git+https://anna:secret@example.org/demo.git")
        assert "secret" not in json.dumps(made)


class TestConfirmation:
    @pytest.mark.parametrize("verdict", Verdict)
    def test_in_toto_reads_it(self, verdict: Verdict) -> None:
        statement = make_confirmation(verdict)
        ours = {key for key in statement["predicate"] if key.startswith("samebytes_")}
        assert ours == {f"samebytes_{name}" for name in ("verdict", "tag", "recipe", "differences")}
        standard = deepcopy(statement)
        for key in ours:
            del standard["predicate"][key]
        # A list in the specification, a text in these classes: in-toto/attestation#425.
        levels = standard["predicate"].pop("verifiedLevels")
        # SLSA 1.1 has it, these classes not yet.
        assert set(standard["predicate"]["verifier"].pop("version")) == {"samebytes"}
        summary = parsed(standard, vsa_pb2.VerificationSummary())
        assert summary.resource_uri == "pkg:pypi/demo-project@1%211.0%2Blocal.1"
        assert summary.time_verified.ToDatetime(UTC) == TIME
        assert summary.verifier.id == "openpgp4fpr:1"
        assert summary.policy.uri.startswith("urn:samebytes:policy:")
        assert summary.slsa_version == "1.1"
        assert not summary.input_attestations
        said = (summary.verification_result, *levels)
        if verdict is Verdict.IDENTICAL:
            assert said == ("PASSED", "REPRODUCED_IDENTICAL")
        else:
            assert said == ("FAILED", "FAILED")

    @pytest.mark.parametrize("verdict", Verdict)
    def test_read_back(self, verdict: Verdict) -> None:
        claim = read(make_confirmation(verdict))
        assert claim.is_yes == (verdict is Verdict.IDENTICAL)
        assert claim == Claim(
            kind=Kind.CONFIRMATION,
            digests=NAMES,
            commit=COMMIT,
            project=".",
            tag="v1.0",
            verdict=verdict,
            verifier="openpgp4fpr:1",
            time=TIME,
            differences=() if claim.is_yes else ("a difference",),
        )

    def test_differences_that_are_many_long_or_no_text(self) -> None:
        told = ["name \udcff", "x" * 10_000, *map(str, range(1000))]
        differences = read(make_confirmation(Verdict.DIFFERENT, differences=told)).differences
        assert differences[0] == "name \\udcff"
        assert len(differences[1]) == 500
        assert differences[-1] == "and 902 more"
        assert len(differences) == 101


def test_times_are_in_utc() -> None:
    here = TIME.astimezone(timezone(timedelta(hours=5)))
    assert make_confirmation(time=here)["predicate"]["timeVerified"] == "2026-11-03T12:30:00Z"
    with pytest.raises(ValueError, match="without its time zone"):
        make_confirmation(time=datetime(2026, 11, 3))  # noqa: DTZ001


def test_a_release_is_built_from_a_commit() -> None:
    sdist = replace(RECIPE, source=SdistFile(filename="demo-1.0.tar.gz", digest=ONE))
    with pytest.raises(UserError, match=r"from a commit, and not from demo-1\.0"):
        make_confirmation(recipe=sdist)
    with pytest.raises(UserError, match="from a commit"):
        provenance(
            replace(BUILDINFO, recipe=sdist),
            tag="v1.0",
            source_uri=None,
            builder="x",
            started=TIME,
            finished=TIME,
            byproducts={},
        )
    statement = make_confirmation()
    statement["predicate"]["samebytes_recipe"] = sdist.to_dict()
    with pytest.raises(UserError, match=r"samebytes_recipe\.source\.kind: expected 'git'"):
        read(statement)


DEPENDENCIES = ("predicate", "buildDefinition", "resolvedDependencies")
SUBJECT = {"name": "a", "digest": {"sha256": str(ONE)}}


@pytest.mark.parametrize(
    ("make", "where", "value", "message"),
    [
        (make_provenance, ("_type",), "https://in-toto.io/Statement/v0.1", "^_type: expected"),
        (make_provenance, ("_type",), None, "^_type: expected a string, found null"),
        (make_provenance, ("predicateType",), "https://slsa.dev/provenance/v0.2", "^predicateType"),
        (make_provenance, ("predicateType",), "", "^predicateType"),
        (make_provenance, ("subject",), [], "^subject: expected at least one"),
        (make_provenance, ("subject",), {}, "^subject: expected an array"),
        (
            make_provenance,
            ("subject",),
            [SUBJECT, SUBJECT],
            r"^subject\[1\]\.name: .*there already",
        ),
        (make_provenance, ("subject", 0, "name"), "../a", r"^subject\[0\]\.name: not a file"),
        (make_provenance, ("subject", 0, "name"), "", r"^subject\[0\]\.name: not a file"),
        (make_provenance, ("subject", 0, "digest"), {"md5": "0"}, "'sha256' is missing"),
        (make_provenance, ("subject", 0, "digest", "sha256"), "A" * 64, "not a SHA-256"),
        (make_provenance, (*DEPENDENCIES[:2], "buildType"), "x", r"buildType: expected"),
        (make_provenance, DEPENDENCIES, [], "0 commits, where one"),
        (make_provenance, DEPENDENCIES, [{"digest": {"gitCommit": "a"}}] * 2, "2 commits"),
        (make_provenance, ("predicate", "runDetails", "builder", "id"), 1, "builder.id: expected"),
        (make_confirmation, ("predicate", "verifier", "id"), [], "verifier.id: expected a string"),
        (make_confirmation, ("predicate", "samebytes_verdict"), "yes", "samebytes_verdict: 'yes'"),
        (make_confirmation, ("predicate", "samebytes_verdict"), "equivalent", "Result: not that"),
        (make_confirmation, ("predicate", "verificationResult"), "FAILED", "Result: not that"),
        (
            make_confirmation,
            ("predicate", "timeVerified"),
            "2026-11-03",
            "timeVerified: not a time",
        ),
        (make_confirmation, ("predicate", "timeVerified"), "2026-13-03T12:30:00Z", "timeVerified"),
        (make_confirmation, ("predicate", "samebytes_tag"), "\udc00", "surrogate"),
        (make_confirmation, ("predicate", "samebytes_recipe"), 10**400, "samebytes_recipe: expect"),
        (make_confirmation, ("predicate", "samebytes_differences"), [1], r"differences\[0\]"),
        (make_confirmation, ("predicate",), "x", "predicate: expected an object"),
    ],
)
def test_errors_name_the_path(
    make: Any, where: tuple[str | int, ...], value: object, message: str
) -> None:
    statement: Any = make()
    place = statement
    for key in where[:-1]:
        place = place[key]
    place[where[-1]] = value
    with pytest.raises(UserError, match=message):
        read(statement)


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", "is not a JSON document"),
        (b"[]", "the document: expected an object, found an array"),
        (b'{"_type": 1, "_type": 1}', "twice: '_type'"),
        (b'{"a": {"b": 1, "b": 2}}', "twice: 'b'"),
        (b'{"_type": NaN}', "NaN is no number"),
        (b"[" * 100_000, "is not a JSON document"),
        (b'{"a":' * 100_000, "is not a JSON document"),
        (b"1" * 10_000, "is not a JSON document"),
        (b"\xff", "is not a JSON document"),
        ("{}".encode("utf-16"), "is not a JSON document"),
        (b"\xef\xbb\xbf{}", "is not a JSON document"),
        (b" " * (4 * 1024**2) + b"{}", "more than 4,194,304 bytes"),
    ],
    ids=range(12),
)
def test_hostile_json(payload: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_claim(payload)


def test_unknown_fields_do_not_matter() -> None:
    """in-toto: "Consumers MUST ignore unrecognized fields unless otherwise noted"."""
    statement = make_confirmation()
    statement["other"] = statement["predicate"]["other"] = {"x": 1}
    statement["subject"][0]["digest"]["sha512"] = "0" * 128
    assert read(statement) == read(make_confirmation())
