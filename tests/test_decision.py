"""May it be published? Every way to get a yes that is none, and the one way to get one."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keys import GnupgHome, KeyFile, envelope, gnupg_home, opened, pae, write_folder
from test_statement import COMMIT, NAMES, ONE, RECIPE, TWO, make_confirmation, make_provenance

from samebytes.compare.model import Verdict
from samebytes.digest import Digest
from samebytes.errors import UserError
from samebytes.process import Runner
from samebytes.recipe import GitRevision
from samebytes.release.record import OUTCOMES
from samebytes.release.signed.decision import (
    Decision,
    Says,
    Statement,
    Subject,
    decide,
    is_early,
    read_statements,
)
from samebytes.release.signed.envelope import read_envelope
from samebytes.release.signed.keyring import Keyring
from samebytes.release.signed.signing import find_signer
from samebytes.release.signed.statement import Kind

SUBJECT = Subject(artifacts=NAMES, commit=COMMIT, tag="v1.0", project=".")
PAST, LATER = (f"--faked-system-time=20200101T{hour}0000" for hour in ("00", "01"))


@dataclass(frozen=True)
class Cast:
    """Everybody: Anna, Bob, Carol (of two keys), CI, and those whose keys do not count."""

    home: GnupgHome
    folder: Path
    fingerprints: dict[str, str] = field(default_factory=dict)

    @cached_property
    def files(self) -> dict[str, KeyFile]:
        names = ("ci", "carol", "stranger")
        return {name: KeyFile(self.folder / f"{name}.pem").write() for name in names}

    @cached_property
    def keyring(self) -> Keyring:
        fingerprints, export = self.fingerprints, self.home.export
        files = {f"{name}.asc": export(fingerprints[name]) for name in ("anna", "bob", "old")}
        files |= {"carol/1.asc": export(fingerprints["carol"]), "ci.pem": self.files["ci"].public}
        files |= {"carol/2.pem": self.files["carol"].public}
        folder = write_folder(self.folder / "trusted", files)
        return Keyring.read(folder, Runner(), os.environ)

    def verifier(self, name: str) -> str:
        if name in self.files:
            return self.files[name].signer.verifier
        return f"openpgp4fpr:{self.fingerprints[name]}"

    def signature(self, name: str, data: bytes, *options: str) -> tuple[str, bytes]:
        """The key's id and its signature."""
        if name in self.files:
            return self.files[name].signer.keyid, self.files[name].key.sign(data)
        key = self.fingerprints[name]
        return key, self.home.sign(data, key, *options)

    def sign(self, name: str, statement: Mapping[str, object], *options: str) -> bytes:
        """An envelope, by whomever, of whatever."""
        payload = json.dumps(statement).encode()
        return envelope(payload, [self.signature(name, pae(payload), *options)])

    def yes(self, name: str, verdict: Verdict = Verdict.IDENTICAL, **changes: Any) -> bytes:
        """What the program would write for this person, through its own signers."""
        facts = {"verifier": self.verifier(name)} | changes
        text = (
            f"file:{self.files[name].path}"
            if name in self.files
            else f"gpg:{self.fingerprints[name]}"
        )
        signer = find_signer(text, Runner(), self.home.environ)
        return signer.sign(make_confirmation(verdict, **facts)).encode()

    @cached_property
    def yes_of_bob(self) -> bytes:
        return self.yes("bob")

    def decide(self, *statements: bytes, threshold: int = 2, **changes: Any) -> Decision:
        files = {f"{number}.json": each for number, each in enumerate(statements)}
        subject = replace(SUBJECT, **changes)
        return decide(subject, stated(files), self.keyring, threshold)


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    with gnupg_home() as home:
        made = Cast(home, tmp_path_factory.mktemp("cast"))
        for name in ("anna", "bob", "carol"):
            made.fingerprints[name] = home.make(name.title())
        made.fingerprints["old"] = home.make("Old", PAST, expires="seconds=86400")
        yield made


def stated(files: Mapping[str, bytes]) -> Iterator[Statement]:
    return (Statement(file=name, data=data) for name, data in sorted(files.items()))


def no_voice(decision: Decision, says: Says = Says.NOT_COUNTED) -> str:
    """Why the last file was not counted."""
    voice = decision.voices[-1]
    assert voice.says is says
    return voice.reason


class TestGranted:
    def test_two_persons(self, cast: Cast) -> None:
        decision = cast.decide(cast.yes("anna"), cast.yes("ci"))
        assert decision.is_granted
        assert (decision.yes, decision.no, decision.reasons) == (("anna", "ci"), (), ())
        assert decision.missing == ("bob", "carol", "old")
        voice = decision.voices[0]
        assert (voice.file, voice.person, voice.says, voice.reason) == (
            "0.json",
            "anna",
            Says.YES,
            "",
        )
        assert voice.key == f"Anna (gpg {cast.fingerprints['anna']})"

    def test_the_preparer_is_one(self, cast: Cast) -> None:
        prepared = cast.sign("anna", make_provenance(builder=cast.verifier("anna")))
        assert cast.decide(prepared, cast.yes("bob")).is_granted
        assert not cast.decide(prepared, cast.yes("anna")).is_granted

    def test_one_is_enough_where_that_is_wanted(self, cast: Cast) -> None:
        assert cast.decide(cast.yes("carol"), threshold=1).is_granted
        assert not cast.decide(threshold=1).is_granted
        for threshold in (0, -1):
            with pytest.raises(UserError, match="at least one"):
                cast.decide(cast.yes("anna"), threshold=threshold)

    def test_more_than_can_be(self, cast: Cast) -> None:
        decision = cast.decide(cast.yes("anna"), threshold=7)
        assert decision.reasons == (
            "1 of 7 have confirmed, and of those whose keys are trusted, only 4 more can",
        )

    def test_one_more_is_missing(self, cast: Cast) -> None:
        decision = cast.decide(cast.yes("anna"))
        assert decision.reasons == ("1 of 2 have confirmed; may still: bob, carol, ci, old",)


def with_payload(data: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """An envelope whose payload was changed after it was signed."""
    payload, signatures = opened(data)
    statement = json.loads(payload)
    change(statement)
    return envelope(json.dumps(statement).encode(), signatures)


def subjects(**digests: Digest) -> Callable[[dict[str, Any]], object]:
    """Makes a statement be about others."""
    listed = [{"name": name, "digest": {"sha256": str(each)}} for name, each in digests.items()]
    return lambda statement: statement.update(subject=listed)


def about(cast: Cast, name: str, change: Callable[[dict[str, Any]], object]) -> bytes:
    """A yes, signed as it is, that is about something else."""
    statement = make_confirmation(verifier=cast.verifier(name))
    change(statement)
    return cast.sign(name, statement)


def with_byproducts(builder: str, byproducts: object) -> dict[str, Any]:
    statement = make_provenance(builder=builder)
    statement["predicate"]["runDetails"]["byproducts"] = byproducts
    return statement


ELSEWHERE = replace(RECIPE, source=GitRevision(commit=COMMIT, project=PurePosixPath("elsewhere")))
ANOTHER = replace(RECIPE, source=GitRevision(commit="b" * 40, project=PurePosixPath(".")))

SDIST, WHEEL = NAMES

#: What is signed beside Anna's yes, and why it does not count.
REFUSED: dict[str, tuple[Callable[[Cast], bytes], str]] = {
    "nothing": (lambda cast: b"", "not a JSON document"),
    "the same key again": (lambda cast: cast.yes("anna"), "anna has said yes already"),
    "an untrusted key": (lambda cast: cast.yes("stranger"), "is not a trusted key"),
    "an expired key": (
        lambda cast: cast.sign("old", make_confirmation(verifier=cast.verifier("old")), LATER),
        r"Old \(gpg .*\): The key has expired",
    ),
    "other digests": (
        lambda cast: about(cast, "bob", subjects(**{SDIST: ONE, WHEEL: ONE})),
        f"^it is about another {WHEEL}$",
    ),
    "the digests swapped": (
        lambda cast: about(cast, "bob", subjects(**{SDIST: TWO, WHEEL: ONE})),
        "it is about another",
    ),
    "only one of two files": (
        lambda cast: about(cast, "bob", subjects(**{SDIST: ONE})),
        f"^it does not name {WHEEL}$",
    ),
    "more files": (
        lambda cast: about(cast, "bob", subjects(**NAMES, evil=ONE)),
        "^it names evil, which is not of this release$",
    ),
    "the same bytes by another name": (
        lambda cast: about(cast, "bob", subjects(**{SDIST: ONE, "demo-2.0.whl": TWO})),
        "it does not name",
    ),
    "an older release": (
        lambda cast: about(cast, "bob", subjects(**{"demo-0.9.tar.gz": Digest.of(b"0")})),
        "it names demo-0.9.tar.gz, which is not of this release",
    ),
    "another revision": (
        lambda cast: cast.yes("bob", recipe=ANOTHER),
        "^it is about the commit bbbb",
    ),
    "another tag": (lambda cast: cast.yes("bob", tag="v1.0 "), "^it is about the tag v1.0 $"),
    "another project of the repository": (
        lambda cast: cast.yes("bob", recipe=ELSEWHERE),
        "^it is about the project in elsewhere$",
    ),
    "a list of byproducts that is none": (
        lambda cast: cast.sign("bob", with_byproducts(cast.verifier("bob"), [{"name": OUTCOMES}])),
        r"byproducts\[0\]: 'digest' is missing",
    ),
    "somebody else's finding": (
        lambda cast: cast.yes("bob", verifier=cast.verifier("ci")),
        "^it is what urn:samebytes:key:.* found$",
    ),
    "another payload type": (
        lambda cast: retyped(cast, "bob", "application/json"),
        "The payload's type is 'application/json'",
    ),
    "another payload type, as signed": (
        lambda cast: retyped(cast, "bob", "application/json", claimed=None),
        "The payload's type is 'application/json'",
    ),
    "another payload type that is hidden": (
        lambda cast: retyped(
            cast, "bob", "application/json", claimed="application/vnd.in-toto+json"
        ),
        "not of this",
    ),
    "another _type": (
        lambda cast: about(cast, "bob", lambda statement: statement.update(_type="x")),
        "^_type: expected",
    ),
    "another predicateType": (
        lambda cast: about(
            cast, "bob", lambda each: each.update(predicateType="https://slsa.dev/vsa/v9")
        ),
        "^predicateType: ",
    ),
    "another predicate": (
        lambda cast: about(
            cast, "bob", lambda each: each.update(predicateType="https://slsa.dev/provenance/v1")
        ),
        "^predicate: 'buildDefinition' is missing",
    ),
    "changed after it was signed": (
        lambda cast: with_payload(
            cast.yes("bob", tag="v0.9"),
            lambda each: each["predicate"].update(samebytes_tag="v1.0"),
        ),
        "not of this",
    ),
    "changed after a key file signed it": (
        lambda cast: with_payload(
            cast.yes("ci", tag="v0.9"),
            lambda each: each["predicate"].update(samebytes_tag="v1.0"),
        ),
        "not of this",
    ),
    "written in another way after it was signed": (
        lambda cast: with_payload(cast.yes("bob"), lambda each: each.update(more=1)),
        "not of this",
    ),
    "a signature of another payload": (
        lambda cast: envelope(opened(cast.yes("bob"))[0], opened(cast.yes("bob", tag="v2"))[1]),
        "not of this",
    ),
    "Anna's signature under the name of Bob": (
        lambda cast: envelope(
            opened(cast.yes("anna"))[0],
            [(cast.fingerprints["bob"], opened(cast.yes("anna"))[1][0][1])],
        ),
        "not of this|made by",
    ),
    "a stranger's signature under the name of CI": (
        lambda cast: renamed(cast, "stranger", "ci"),
        "not of this",
    ),
    "a key file's signature under the name of another": (
        lambda cast: renamed(cast, "carol", "ci"),
        "not of this",
    ),
    "not base64": (
        lambda cast: cast.yes("bob").replace(b'"payload": "', b'"payload": "!'),
        "cannot be decoded",
    ),
    "a key twice in the envelope": (
        lambda cast: cast.yes("bob").replace(b'"payload":', b'"payload": "e30=", "payload":'),
        "twice: 'payload'",
    ),
    "nested deeply": (
        lambda cast: b'{"payload":' * 100_000 + cast.yes("bob"),
        "not a JSON document",
    ),
    "a payload that is nested deeply": (
        lambda cast: signed_payload(cast, "ci", b"[" * 100_000),
        "The statement is not a JSON document",
    ),
    "a payload with a key twice": (
        lambda cast: signed_payload(
            cast,
            "ci",
            json.dumps(make_confirmation(verifier=cast.verifier("ci")))
            .replace('"samebytes_tag":', '"samebytes_tag": "v2", "samebytes_tag":')
            .encode(),
        ),
        "twice: 'samebytes_tag'",
    ),
    "10 MB": (
        lambda cast: cast.yes("bob") + b" " * 10_000_000,
        "more than 4,194,304 bytes",
    ),
    "a no to something else": (
        lambda cast: cast.sign(
            "bob",
            make_confirmation(Verdict.DIFFERENT)
            | {"subject": [{"name": "x", "digest": {"sha256": "0" * 64}}]},
        ),
        "it says no, but not to this release",
    ),
    "a no that calls itself passed": (
        lambda cast: about(
            cast, "bob", lambda each: each["predicate"].update(samebytes_verdict="equivalent")
        ),
        "verificationResult: not that of the verdict",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(cast: Cast, name: str) -> None:
    make, reason = REFUSED[name]
    decision = cast.decide(cast.yes("anna"), make(cast))
    assert not decision.is_granted
    assert (decision.yes, decision.no) == (("anna",), ())
    (voice,) = decision.voices[1:]
    assert re.search(reason, voice.reason), voice.reason
    assert voice.says is (Says.UNHEARD if name in UNHEARD else Says.NOT_COUNTED)
    # It hinders nobody either, unless it might be a no.
    decision = cast.decide(make(cast), cast.yes("carol"), cast.yes("anna"))
    assert decision.is_granted != (name in UNHEARD)
    if name in UNHEARD:
        (why,) = decision.reasons
        assert re.fullmatch(r"0\.json .*: remove it, or have it signed again\.", why)
        assert not is_early(why)


#: What cannot be read as an envelope, or is signed by somebody who is trusted and not understood.
UNHEARD = {
    *("nothing", "another payload type", "another payload type, as signed", "another _type"),
    *("another predicateType", "another predicate", "not base64", "a key twice in the envelope"),
    *("nested deeply", "a payload that is nested deeply", "a payload with a key twice", "10 MB"),
    *("a no that calls itself passed", "a list of byproducts that is none"),
}


def retyped(cast: Cast, name: str, payload_type: str, claimed: str | None = None) -> bytes:
    """Signed with another payload type than its envelope may say."""
    payload = json.dumps(make_confirmation(verifier=cast.verifier(name))).encode()
    signature = cast.signature(name, pae(payload, payload_type))
    return envelope(payload, [signature], claimed or payload_type)


def renamed(cast: Cast, signer: str, pretended: str) -> bytes:
    payload = json.dumps(make_confirmation(verifier=cast.verifier(pretended))).encode()
    _, signature = cast.signature(signer, pae(payload))
    return envelope(payload, [(cast.files[pretended].signer.keyid, signature)])


def signed_payload(cast: Cast, name: str, payload: bytes) -> bytes:
    return envelope(payload, [cast.signature(name, pae(payload))])


class TestOnePerson:
    def test_two_keys(self, cast: Cast) -> None:
        """Of Carol, one is in gpg and one in a file."""
        signed = cast.sign("carol", make_confirmation(verifier=cast.verifier("carol")))
        statement = make_confirmation(verifier=f"openpgp4fpr:{cast.fingerprints['carol']}")
        payload = json.dumps(statement).encode()
        key = cast.fingerprints["carol"]
        other = envelope(payload, [(key, cast.home.sign(pae(payload), key))])
        assert cast.decide(other, threshold=1).is_granted
        decision = cast.decide(signed, other)
        assert (decision.is_granted, decision.yes) == (False, ("carol",))
        assert no_voice(decision) == "carol has said yes already"

    def test_two_subkeys(self, tmp_path: Path) -> None:
        with gnupg_home() as home:
            key = home.make("Dora")
            subkeys = [home.add_subkey(key) for _ in range(2)]
            folder = write_folder(tmp_path, {"dora.asc": home.export(key)})
            payload = json.dumps(make_confirmation(verifier=f"openpgp4fpr:{key}")).encode()
            signatures = [home.sign(pae(payload), f"{each}!") for each in (key, *subkeys)]
        assert len(set(signatures)) == 3
        ring = Keyring.read(folder, Runner(), os.environ)
        files = {f"{n}.json": envelope(payload, [(key, each)]) for n, each in enumerate(signatures)}
        for subkey, signature in zip(subkeys, signatures[1:], strict=True):
            files[subkey] = envelope(payload, [(subkey.lower(), signature)])
        decision = decide(SUBJECT, stated(files), ring, 2)
        assert (decision.is_granted, decision.yes) == (False, ("dora",))
        assert decide(SUBJECT, stated(files), ring, 1).is_granted

    def test_two_signatures_in_one_envelope(self, cast: Cast) -> None:
        for name in ("bob", "ci"):
            payload = json.dumps(make_confirmation(verifier=cast.verifier(name))).encode()
            keyid, signature = cast.signature(name, pae(payload))
            twice = envelope(payload, [(keyid, signature)] * 2)
            why = no_voice(cast.decide(twice), Says.UNHEARD)
            assert why == "signatures: one key signs twice."
            # By another spelling it is no key of anybody's.
            other = envelope(payload, [(keyid, signature), (keyid.upper(), signature)])
            decision = cast.decide(other)
            assert (decision.is_granted, decision.yes) == (False, (name,))

    def test_two_persons_in_one_envelope(self, cast: Cast) -> None:
        """Who signs what somebody else has found has not built it."""
        payload = json.dumps(make_confirmation(verifier=cast.verifier("anna"))).encode()
        both = envelope(payload, [cast.signature(name, pae(payload)) for name in ("anna", "ci")])
        decision = cast.decide(both)
        assert (decision.is_granted, decision.yes) == (False, ("anna",))
        assert "it is what openpgp4fpr:" in no_voice(decision)


def test_a_revoked_key(cast: Cast, tmp_path: Path) -> None:
    with gnupg_home() as home:
        key = home.make("Eve")
        statement = json.dumps(make_confirmation(verifier=f"openpgp4fpr:{key}")).encode()
        signed = envelope(statement, [(key, home.sign(pae(statement), key))])
        before = write_folder(tmp_path / "1", {"eve.asc": home.export(key)})
        home.revoke(key)
        after = write_folder(tmp_path / "2", {"eve.asc": home.export(key)})
    for folder, granted in ((before, True), (after, False)):
        ring = Keyring.read(folder, Runner(), os.environ)
        decision = decide(SUBJECT, stated({"a": signed}), ring, 1)
        assert decision.is_granted == granted
    assert re.search("The key was revoked", no_voice(decision))


class TestVouching:
    """Which steps a provenance vouches for."""

    def test_a_provenance_that_is_a_yes(self, cast: Cast) -> None:
        digest = Digest.of(b"steps")
        named = [{"name": "x", "digest": {}}, {"name": OUTCOMES, "digest": {"sha256": str(digest)}}]
        for byproducts, expected in ((named, digest), (named[:1], None), ([], None)):
            signed = cast.sign("ci", with_byproducts(cast.verifier("ci"), byproducts))
            # Also beside a confirmation of the same person, which is the yes that counts.
            for statements in ((signed,), (cast.yes("ci"), signed)):
                voice = cast.decide(*statements).voices[-1]
                assert (voice.kind, voice.checklist) == (Kind.PROVENANCE, expected)

    def test_none_that_is_no_yes(self, cast: Cast) -> None:
        digest = {"sha256": str(Digest.of(b"steps"))}
        made = with_byproducts(cast.verifier("ci"), [{"name": OUTCOMES, "digest": digest}])
        (voice,) = cast.decide(cast.sign("ci", made), tag="v2").voices
        assert (voice.says, voice.kind, voice.checklist) == (Says.NOT_COUNTED, None, None)
        (voice,) = cast.decide(cast.sign("bob", made)).voices  # what CI built
        assert (voice.says, voice.kind, voice.checklist) == (Says.NOT_COUNTED, None, None)
        (voice,) = cast.decide(cast.yes("ci")).voices
        assert (voice.kind, voice.checklist) == (Kind.CONFIRMATION, None)


class TestNo:
    @pytest.mark.parametrize("verdict", [each for each in Verdict if each is not Verdict.IDENTICAL])
    def test_it_blocks(self, cast: Cast, verdict: Verdict) -> None:
        """And so does equivalent, which is not the same bytes."""
        decision = cast.decide(cast.yes("anna"), cast.yes("bob"), cast.yes("ci", verdict))
        assert not decision.is_granted
        assert (decision.yes, decision.no) == (("anna", "bob"), ("ci",))
        assert decision.reasons == ("ci says no: a difference",)
        assert decision.voices[2].reason == "a difference"
        assert "ci" not in decision.missing

    def test_it_blocks_whatever_else_it_names(self, cast: Cast) -> None:
        yes = [cast.yes("anna"), cast.yes("bob")]
        for change in (
            subjects(**{SDIST: ONE}),
            subjects(**{"other.whl": TWO}),
            subjects(**{SDIST: Digest.of(b"3")}),
            lambda statement: statement["predicate"].update(samebytes_tag="v3"),
            lambda statement: statement["predicate"].update(samebytes_recipe=ANOTHER.to_dict()),
            lambda statement: statement["predicate"]["verifier"].update(id="x"),
        ):
            statement = make_confirmation(Verdict.DIFFERENT)
            change(statement)
            decision = cast.decide(*yes, cast.sign("ci", statement))
            assert (decision.is_granted, decision.no) == (False, ("ci",))

    def test_only_of_trusted_keys(self, cast: Cast) -> None:
        yes = [cast.yes("anna"), cast.yes("bob")]
        assert cast.decide(*yes, cast.yes("stranger", Verdict.DIFFERENT)).is_granted
        # A no to another commit's file of the same name is about that one.
        statement = make_confirmation(Verdict.DIFFERENT)
        subjects(**{SDIST: Digest.of(b"3")})(statement)
        statement["predicate"]["samebytes_recipe"] = ANOTHER.to_dict()
        assert cast.decide(*yes, cast.sign("ci", statement)).is_granted

    def test_it_wins_against_a_yes_of_the_same_person(self, cast: Cast) -> None:
        yes, no = cast.yes("ci"), cast.yes("ci", Verdict.DIFFERENT)
        for statements in ((yes, no), (no, yes)):
            decision = cast.decide(cast.yes("anna"), cast.yes("bob"), *statements)
            assert not decision.is_granted
            assert (decision.yes, decision.no) == (("anna", "bob"), ("ci",))
            reasons = {voice.reason for voice in decision.voices}
            assert "ci says no as well" in reasons


class TestFolder:
    def test_statements_are_read(self, tmp_path: Path) -> None:
        write_folder(tmp_path, {"b.json": b"2", "a.json": b"1", ".c.json": b"", "d.txt": b""})
        assert list(read_statements(tmp_path)) == [
            Statement(file="a.json", data=b"1"),
            Statement(file="b.json", data=b"2"),
            Statement(file="d.txt", problem="it is no *.json file"),
        ]
        assert list(read_statements(tmp_path / "none")) == []
        with pytest.raises(UserError, match="cannot be read"):
            list(read_statements(tmp_path / "a.json"))

    def test_one_after_the_other(self, tmp_path: Path) -> None:
        """A thousand of four megabytes are not in memory at once."""
        write_folder(tmp_path, {"a.json": b"1", "b.json": b"2"})
        statements = read_statements(tmp_path)
        assert next(statements).file == "a.json"
        (tmp_path / "b.json").write_bytes(b"3")
        assert next(statements).data == b"3"

    def test_a_large_one_is_not_read_to_its_end(self, cast: Cast, tmp_path: Path) -> None:
        with (tmp_path / "a.json").open("wb") as file:
            file.truncate(10**12)
        (found,) = read_statements(tmp_path)
        assert len(found.data) == 4 * 1024**2 + 1
        assert "more than" in no_voice(cast.decide(found.data), Says.UNHEARD)

    @pytest.mark.parametrize(
        ("name", "make"),
        [
            ("a.json", Path.mkdir),
            ("a.json", os.mkfifo),
            ("a.json", lambda path: path.symlink_to("/dev/null")),
            ("a.json", lambda path: path.symlink_to("yes.json")),
            ("a.json.asc", Path.touch),
            ("a.JSON", Path.touch),
            ("folder", Path.mkdir),
        ],
    )
    def test_what_cannot_be_read_might_be_a_no(
        self, cast: Cast, tmp_path: Path, name: str, make: Callable[[Path], object]
    ) -> None:
        write_folder(tmp_path, {"yes.json": cast.yes("ci")})
        assert decide(SUBJECT, read_statements(tmp_path), cast.keyring, 1).is_granted
        make(tmp_path / name)
        decision = decide(SUBJECT, read_statements(tmp_path), cast.keyring, 1)
        assert (decision.is_granted, decision.yes) == (False, ("ci",))
        (reason,) = decision.reasons
        assert reason.startswith(f"{name} cannot be understood: it ")

    def test_a_link_to_a_folder(self, tmp_path: Path) -> None:
        write_folder(tmp_path / "elsewhere", {"a.json": b""})
        (tmp_path / "statements").symlink_to("elsewhere")
        with pytest.raises(UserError, match="is a link"):
            list(read_statements(tmp_path / "statements"))

    def test_too_many(self, cast: Cast, tmp_path: Path) -> None:
        write_folder(tmp_path, {f"{number}.json": b"" for number in range(1001)})
        with pytest.raises(UserError, match="more than 1,000 statements"):
            next(read_statements(tmp_path))


class Crowd:
    """Five persons, of whom two have two keys, all in files; keys are numbers."""

    def __init__(self, folder: Path) -> None:
        self.keys = [KeyFile(folder / str(number)).write() for number in range(8)]
        self.owners = ["a", "a", "b", "b", "c", "d", "e", None]
        files = {
            f"{owner}/{number}.pem": key.public
            for number, (owner, key) in enumerate(zip(self.owners, self.keys, strict=True))
            if owner is not None
        }
        self.ring = Keyring.read(write_folder(folder / "ring", files), Runner(), os.environ)
        self._made: dict[tuple[int, str], bytes] = {}

    def statement(self, number: int, kind: str) -> bytes:
        """By a key: a yes, a no, or one of the things that are neither."""
        if (number, kind) not in self._made:
            self._made[number, kind] = self._make(self.keys[number], kind)
        return self._made[number, kind]

    def _make(self, key: KeyFile, kind: str) -> bytes:
        verdict = Verdict.DIFFERENT if kind == "no" else Verdict.IDENTICAL
        changes: dict[str, Any] = {"tag": "v0"} if kind == "replayed" else {}
        made = make_confirmation(verdict, verifier=key.signer.verifier, **changes)
        if kind == "provenance":
            made = make_provenance(builder=key.signer.verifier)
        text = key.signer.sign(made).encode()
        if kind == "changed":
            return with_payload(text, lambda statement: statement.update(x=1))
        if kind == "stolen":
            payload, [(_, signature)] = opened(text)
            return envelope(payload, [(each.signer.keyid, signature) for each in self.keys])
        return text


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Crowd:
    return Crowd(tmp_path_factory.mktemp("crowd"))


KINDS = ("yes", "yes", "provenance", "no", "replayed", "changed", "stolen")


@settings(deadline=None, max_examples=200)
@given(
    said=st.lists(st.tuples(st.integers(0, 7), st.sampled_from(KINDS)), max_size=8),
    threshold=st.integers(1, 6),
)
def test_as_many_persons_as_are_wanted(
    crowd: Crowd, said: list[tuple[int, str]], threshold: int
) -> None:
    """Granted if and only if that many have said yes, and nobody no."""
    files = {str(place): crowd.statement(*each) for place, each in enumerate(said)}
    decision = decide(SUBJECT, stated(files), crowd.ring, threshold)
    persons = [(crowd.owners[number], kind) for number, kind in said]
    # What was stolen from somebody is still theirs.
    yes = {who for who, kind in persons if kind in ("yes", "provenance", "stolen")} - {None}
    no = {who for who, kind in persons if kind == "no"} - {None}
    assert decision.is_granted == (len(yes - no) >= threshold and not no)
    assert set(decision.yes) == yes - no
    assert set(decision.no) == no
    assert bool(decision.reasons) != decision.is_granted


@settings(deadline=None, max_examples=400)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 3), gnupg=st.booleans())
def test_flipped_bytes_never_make_another_yes(
    crowd: Crowd, cast: Cast, seed: int, count: int, gnupg: bool
) -> None:
    """What is still a yes after it is the same payload, by the same key."""
    text = cast.yes_of_bob if gnupg else crowd.statement(4, "yes")
    ring = cast.keyring if gnupg else crowd.ring
    chance = random.Random(seed)
    changed = bytearray(text)
    for _ in range(count):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    decision = decide(SUBJECT, stated({"a": bytes(changed)}), ring, 1)
    if decision.is_granted:
        assert decision.yes == (("bob",) if gnupg else ("c",))
        assert read_envelope(bytes(changed)).payload == read_envelope(text).payload
    assert decision.no == ()
