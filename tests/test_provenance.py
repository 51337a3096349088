"""What publishers attested (PEP 740), from a server that may make it up."""

from __future__ import annotations

import base64
import json
import logging
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from index_server import JSON, NAME, SDIST, SHA256, VERSION, Server, entry, index, running, status

from samebytes.digest import Digest
from samebytes.errors import ArtifactError, UserError
from samebytes.index.client import Index
from samebytes.index.listing import IndexFile
from samebytes.index.provenance import (
    Attestation,
    Provenance,
    Publisher,
    Signature,
    read_provenance,
)
from samebytes.index.signatures import check_signatures

#: A file that was published with an attestation, and what the index says of it.
REAL = IndexFile(
    filename="pypi_attestations-0.0.19.tar.gz",
    url="https://index.example/files/x",
    index="https://index.example/simple",
    digest=Digest("9bb1add04b1b4e182be6b0b80931593f7a291eb49d69b4fd728a5d4cbcdc4bd3"),
)
REAL_DOCUMENT = (Path(__file__).parent / "golden" / "provenance.txt").read_bytes()

PUBLISH = "https://docs.pypi.org/attestations/publish/v1"
GITHUB = {"kind": "GitHub", "repository": "a/b", "workflow": "w.yml", "environment": None}


def statement(**changes: Any) -> dict[str, Any]:
    subject = {"name": SDIST, "digest": {"sha256": SHA256}}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [subject],
        "predicateType": PUBLISH,
        "predicate": None,
    } | changes


def attestation(text: str | None = None, **changes: Any) -> dict[str, Any]:
    text = json.dumps(statement()) if text is None else text
    return {
        "version": 1,
        "verification_material": {"certificate": "AAAA", "transparency_entries": [{}]},
        "envelope": {"statement": base64.encodebytes(text.encode()).decode(), "signature": "AAAA"},
    } | changes


def document(*attestations: dict[str, Any], **publisher: Any) -> dict[str, Any]:
    bundle = {"publisher": publisher or GITHUB, "attestations": [*attestations]}
    return {"version": 1, "attestation_bundles": [bundle]}


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture
def uninstalled(monkeypatch: pytest.MonkeyPatch) -> None:
    """pypi-attestations cannot be imported."""
    monkeypatch.setitem(sys.modules, "pypi_attestations", None)


def offered(server: Server, content: bytes) -> IndexFile:
    """The sdist on a server that offers a provenance."""
    url = f"{server.url}/small/provenance"
    server.pages["/simple/small/provenance"] = (JSON, content)
    server.show([entry(SDIST, provenance=url)])
    return small(url)


def small(url: str | None = None) -> IndexFile:
    return IndexFile(
        filename=SDIST,
        url="http://127.0.0.1:9/x",
        index="http://127.0.0.1:9/simple",
        digest=Digest(SHA256),
        provenance_url=url,
    )


def given(server: Server, cache: Path, content: object, **settings: Any) -> Provenance | None:
    offered(server, json.dumps(content).encode())
    client = index(server.url, cache, **settings)
    return client.provenance(client.release(NAME, VERSION)[0])


@pytest.mark.usefixtures("uninstalled")
class TestStatements:
    def test_good(self, server: Server, tmp_path: Path) -> None:
        slsa = attestation(json.dumps(statement(predicateType="https://slsa.dev/provenance/v1")))
        publisher = Publisher(kind="GitHub", repository="a/b", workflow="w.yml")
        provenance = given(server, tmp_path, document(attestation(), slsa))
        assert provenance is not None
        assert provenance == Provenance(
            attestations=(
                Attestation(publisher=publisher, predicate_type=PUBLISH),
                Attestation(publisher=publisher, predicate_type="https://slsa.dev/provenance/v1"),
            ),
            signature=Signature.NOT_CHECKED,
            remark=provenance.remark,
        )
        assert "pip install 'samebytes[attestations]'" in provenance.remark
        assert pickle.loads(pickle.dumps(provenance)) == provenance

    def test_none(self, server: Server, tmp_path: Path) -> None:
        client = index(server.url, tmp_path)
        assert client.provenance(client.release(NAME, VERSION)[0]) is None

    @pytest.mark.parametrize(
        ("publisher", "expected"),
        [
            (
                {
                    "kind": "GitLab",
                    "repository": "a/b",
                    "workflow_filepath": "c",
                    "environment": "d",
                },
                Publisher(kind="GitLab", repository="a/b", workflow="c", environment="d"),
            ),
            ({"kind": "Google", "email": "a@b"}, Publisher(kind="Google", account="a@b")),
            ({"kind": "New", "claims": {"x": 1}}, Publisher(kind="New")),
        ],
    )
    def test_publishers(self, publisher: dict[str, Any], expected: Publisher) -> None:
        text = json.dumps(document(attestation(), **publisher)).encode()
        assert read_provenance(text, small()).attestations[0].publisher == expected

    @pytest.mark.parametrize(
        ("subject", "problem"),
        [
            ([], "is about 0 files"),
            ([{"name": SDIST, "digest": {"sha256": SHA256}}] * 2, "is about 2 files"),
            ([{"name": SDIST, "digest": {"sha256": "0" * 64}}], "is about SHA-256 0000"),
            ([{"name": SDIST, "digest": {"sha256": SHA256.upper()}}], "is about SHA-256 B57B"),
            ([{"name": SDIST, "digest": {"md5": SHA256}}], "is about no SHA-256"),
            ([{"name": "small-1.1.tar.gz", "digest": {"sha256": SHA256}}], "small-1.1.tar.gz"),
            ([{"name": "small-1.0.zip", "digest": {"sha256": SHA256}}], "small-1.0.zip"),
            ([{"name": "x\x1b[2J", "digest": {"sha256": SHA256}}], "is about x?[2J"),
        ],
    )
    def test_about_another_file(
        self, server: Server, tmp_path: Path, subject: object, problem: str
    ) -> None:
        bad = attestation(json.dumps(statement(subject=subject)))
        provenance = given(server, tmp_path, document(attestation(), bad))
        assert provenance is not None
        (found,) = provenance.problems
        assert problem in found
        assert found.startswith("attestation_bundles[0].attestations[1]: the statement is about ")
        assert provenance.signature is Signature.NOT_CHECKED
        assert len(provenance.attestations) == 2

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "Expecting value"),
            (b"\xff", "codec"),
            (b"[]", "the document: expected an object"),
            (b"[" * 100_000, "recursion"),
            (b'{"version": 1, "version": 1}', "a key comes twice"),
            ({"version": 2}, "version: expected 1"),
            ({"version": True}, "version: expected a whole number"),
            (
                {"version": 1, "attestation_bundles": []},
                "attestation_bundles: expected at least one",
            ),
            (document(), "attestation_bundles[0].attestations: expected at least one"),
            (document(attestation(), kind=1), "publisher.kind: expected a string"),
            (document(attestation(version=2)), "attestations[0].version: expected 1"),
            (document(attestation("{")), "Expecting property name"),
            (document(attestation("[]")), "envelope.statement: expected an object"),
            (document(attestation('{"a": 1, "a": 2}')), "a key comes twice"),
            (
                document(attestation(json.dumps(statement(_type="x")))),
                "_type: expected https://in-",
            ),
            (
                document(attestation(json.dumps(statement(subject="x")))),
                "subject: expected an array",
            ),
            (document(attestation(envelope={"signature": "!"})), "envelope.signature: "),
            (document(attestation(verification_material={})), "'certificate' is missing"),
        ],
    )
    def test_garbage(
        self, server: Server, tmp_path: Path, content: bytes | dict[str, Any], reason: str
    ) -> None:
        text = content if isinstance(content, bytes) else json.dumps(content).encode()
        offered(server, text)
        client = index(server.url, tmp_path)
        (file,) = client.release(NAME, VERSION)
        with pytest.raises(ArtifactError, match=f"provenance of {SDIST} is malformed") as raised:
            client.provenance(file)
        assert reason in raised.value.message
        assert not [*tmp_path.glob("*/*.provenance")]

    def test_faults(self, server: Server, tmp_path: Path) -> None:
        offered(server, b"x" * (17 * 1024**2))
        client = index(server.url, tmp_path)
        (file,) = client.release(NAME, VERSION)
        with pytest.raises(ArtifactError, match="larger than the 16777216 bytes"):
            client.provenance(file)
        server.page_faults = [status(404)]
        with pytest.raises(ArtifactError, match=r"lists a provenance .* but does not have it"):
            client.provenance(file)
        server.page_faults = [status(500)] * 3
        with pytest.raises(UserError, match="answered with status 500, tried 3 times"):
            client.provenance(file)
        with pytest.raises(ArtifactError, match="leads to file:///"):
            client.provenance(small("file:///etc/passwd"))

    def test_offline(self, server: Server, tmp_path: Path) -> None:
        offered(server, json.dumps(document(attestation())).encode())
        online = index(server.url, tmp_path)
        offline = index(server.url, tmp_path, offline=True)
        (file,) = online.release(NAME, VERSION)
        with pytest.raises(UserError, match=f"does not have {SDIST}.provenance, and --offline"):
            offline.provenance(file)
        found = online.provenance(file)
        server.requests.clear()
        assert offline.provenance(offline.release(NAME, VERSION)[0]) == found
        assert server.requests == []

    def test_of_a_folder(self, tmp_path: Path) -> None:
        (tmp_path / "p.json").write_text(json.dumps(document(attestation())))
        (tmp_path / "small").mkdir()
        file = IndexFile(
            filename=SDIST,
            url="x",
            index=tmp_path.as_uri(),
            digest=Digest(SHA256),
            provenance_url=(tmp_path / "p.json").as_uri(),
        )
        found = Index(index("http://x", tmp_path).settings, tmp_path / "cache").provenance(file)
        assert found is not None
        assert found.attestations


class TestSignatures:
    """Only where pypi-attestations is installed."""

    @pytest.fixture(autouse=True)
    def installed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.importorskip("pypi_attestations")
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def test_right(self, caplog: pytest.LogCaptureFixture) -> None:
        provenance = read_provenance(REAL_DOCUMENT, REAL)
        found = check_signatures(provenance, REAL_DOCUMENT, REAL)
        assert (found.signature, found.problems, found.remark) == (Signature.VERIFIED, (), "")
        publisher = found.attestations[0].publisher
        assert (publisher.kind, publisher.workflow) == ("GitHub", "release.yml")
        assert not logging.getLogger("sigstore").handlers

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (b"release.yml", b"relaxed.yml"),
            (b"/pypi-attestations", b"/pypi-attestationx"),
            (b'"signature":"M', b'"signature":"N'),
            (b'"certificate":"M', b'"certificate":"N'),
            (b'"logIndex":"1', b'"logIndex":"2'),
        ],
    )
    def test_wrong(self, old: bytes, new: bytes) -> None:
        document = json.dumps(json.loads(REAL_DOCUMENT), separators=(",", ":")).encode()
        assert old in document
        document = document.replace(old, new)
        found = check_signatures(read_provenance(document, REAL), document, REAL)
        assert found.signature is Signature.FAILED
        assert found.problems[0].startswith("a signature is wrong: ")

    def test_made_up(self) -> None:
        text = json.dumps(document(attestation())).encode()
        found = check_signatures(read_provenance(text, small()), text, small())
        assert found.signature is not Signature.VERIFIED

    def test_of_an_unknown_kind_of_publisher(self) -> None:
        text = REAL_DOCUMENT.replace(b'"GitHub"', b'"New"')
        found = check_signatures(read_provenance(text, REAL), text, REAL)
        assert found.signature is Signature.NOT_CHECKED
        assert "could not be checked" in found.remark

    def test_of_another_file(self) -> None:
        file = small()
        found = check_signatures(read_provenance(REAL_DOCUMENT, file), REAL_DOCUMENT, file)
        assert found.signature is Signature.NOT_CHECKED
        assert found.problems
