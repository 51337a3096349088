"""Whose signatures count: folders of keys, and what gpg says of signatures."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from keys import GnupgHome, KeyFile, envelope, gnupg_home, pae, write_folder
from securesystemslib.dsse import Envelope

from samebytes.errors import UserError
from samebytes.process import Runner
from samebytes.release.signed.envelope import read_envelope
from samebytes.release.signed.keyring import Keyring

DATA = b"data\nof two lines"
PAST, LATER = (f"--faked-system-time=20200101T{hour}0000" for hour in ("00", "01"))


@pytest.fixture(scope="module")
def home() -> Iterator[GnupgHome]:
    with gnupg_home() as made:
        yield made


@pytest.fixture(scope="module")
def anna(home: GnupgHome) -> str:
    """A key that is some years old, with a subkey that signs."""
    fingerprint = home.make("Anna Ä <anna@example.org>", PAST)
    home.add_subkey(fingerprint)
    return fingerprint


@pytest.fixture(scope="module")
def bob(home: GnupgHome) -> str:
    return home.make("Bob")


@pytest.fixture(scope="module")
def old(home: GnupgHome) -> str:
    return home.make("Old", PAST, expires="seconds=86400")


def read(folder: Path, environ: dict[str, str] | None = None) -> Keyring:
    return Keyring.read(
        folder, Runner(), {"PATH": os.environ["PATH"]} if environ is None else environ
    )


class TestFolder:
    def test_persons(self, home: GnupgHome, anna: str, bob: str, old: str, tmp_path: Path) -> None:
        ci, other = KeyFile(tmp_path / "ci"), KeyFile(tmp_path / "other")
        folder = write_folder(
            tmp_path / "keys",
            {
                "anna.asc": home.export(anna),
                "bob/key.gpg": home.gpg("--export", bob, old),
                "bob/key.pem": other.public,
                "ci.pub": ci.public,
                "hub.sigstore": b'identity = "https://hub.example/a@b"\nissuer = "https://c.example"',
            },
        )
        keyring = read(folder)
        assert keyring.persons == ("anna", "bob", "ci", "hub")
        found = {(key.person, key.label.split(" (")[0]) for key in keyring.keys}
        assert found == {
            ("anna", "Anna Ä <anna@example.org>"),
            ("bob", "Bob"),
            ("bob", "Old"),
            ("bob", "key.pem"),
            ("ci", "ci.pub"),
            ("hub", "https://hub.example/a@b"),
        }
        (key,) = (key for key in keyring.keys if key.person == "anna")
        assert (key.keyid, key.verifier) == (anna, f"openpgp4fpr:{anna}")
        assert {key.keyid for key in keyring.keys if key.person == "bob"} > {bob, old}
        # A key in a file is called as its signer calls it.
        (key,) = (key for key in keyring.keys if key.person == "ci")
        signer = ci.write().signer
        assert (key.keyid, key.verifier) == (signer.keyid, signer.verifier)

    def test_a_key_twice_is_one_key(self, home: GnupgHome, anna: str, tmp_path: Path) -> None:
        public = KeyFile(tmp_path / "ci").public
        files = {"a/1.asc": home.export(anna), "a/2.gpg": home.gpg("--export", anna)}
        folder = write_folder(tmp_path / "keys", files | {"a/1.pem": public, "a/2.pem": public})
        assert len(read(folder).keys) == 2

    def test_two_persons_with_one_key(
        self, home: GnupgHome, anna: str, bob: str, tmp_path: Path
    ) -> None:
        public = KeyFile(tmp_path / "ci").public
        sigstore = b'identity = "a"\nissuer = "https://b.example"'
        for number, files in enumerate(
            [
                {"a.asc": home.export(anna), "b.asc": home.export(bob, anna)},
                {"a.pem": public, "b.pub": public},
                {"a.sigstore": sigstore, "b.sigstore": sigstore},
            ]
        ):
            with pytest.raises(UserError, match="is that of b and of a"):
                read(write_folder(tmp_path / str(number), files))

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("bert.pem", "Bert.pub"),
            ("bert.pem", "BERT/key.pem"),
            ("stra\u00dfe.pem", "STRASSE.pub"),
            ("\u00e9va.pem", "e\u0301va.pub"),
            ("bert.pem", "\uff42ert.pub"),
            ("bert.pem", "bert .pub"),
        ],
    )
    def test_one_person_by_two_spellings(self, tmp_path: Path, one: str, other: str) -> None:
        """Who would count twice."""
        files = {name: KeyFile(tmp_path / str(n)).public for n, name in enumerate((one, other))}
        with pytest.raises(UserError, match="is that another person"):
            read(write_folder(tmp_path / "keys", files))

    def test_two_persons_with_one_subkey(self, home: GnupgHome, tmp_path: Path) -> None:
        """A subkey can be bound to several keys; whose are its signatures then?"""
        owner, second = (home.make(name, PAST) for name in ("Owner", "Second"))
        subkey = home.add_subkey(owner)
        listed = home.gpg("--with-colons", "--with-keygrip", "--list-keys", subkey).decode()
        grips = [line.split(":")[9] for line in listed.split("\n") if line.startswith("grp")]
        created = [line.split(":")[5] for line in listed.split("\n") if line.startswith("sub")]
        home.gpg(
            *("--command-fd=0", "--status-fd=2", "--no-tty", "--expert", "--passphrase", ""),
            *("--pinentry-mode=loopback", f"--faked-system-time={created[0]}!", "--no-batch"),
            *("--edit-key", second),
            stdin=f"addkey\n13\n{grips[-1]}\ne\na\nq\n0\nsave\n".encode(),
        )
        assert subkey in home.gpg("--with-colons", "--list-keys", second).decode()
        files = {"a.asc": home.export(owner), "b.asc": home.export(second)}
        with pytest.raises(UserError, match=f"{subkey.lower()} is that of b and of a"):
            read(write_folder(tmp_path, files))

    @pytest.mark.parametrize(
        ("name", "data", "message"),
        [
            ("README.md", b"text", "README.md is not a key"),
            ("key", b"", "key is not a key"),
            ("a/b/key.asc", b"", "folder within a person's"),
            ("a.asc", b"", "holds no OpenPGP public key"),
            ("a.asc", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nx", "holds no OpenPGP public key"),
            ("a.asc", b"-----BEGIN PGP PRIVATE KEY BLOCK-----", "is a private key"),
            ("a.asc", b"x" * (1024**2 + 1), "is not a key"),
            ("a.pem", b"-----BEGIN PRIVATE KEY-----", "is a private key"),
            ("a.pub", b"ssh-ed25519 AAAA", "is not a public key in PEM"),
            ("a.sigstore", b"x", "is not TOML"),
            ("a.sigstore", b"\xff", "is not TOML"),
            ("a.sigstore", b'identity = "a"', "must have an identity and an issuer"),
            ("a.sigstore", b'identity = "a"\nissuer = 1', "must have an identity and an issuer"),
            ("a.sigstore", b'identity = "a"\nissuer = "x"', "is not an identity"),
            ("\x1b.asc", b"", "is not the name of a person"),
        ],
    )
    def test_what_is_no_public_key(
        self, name: str, data: bytes, message: str, tmp_path: Path
    ) -> None:
        with pytest.raises(UserError, match=message):
            read(write_folder(tmp_path, {name: data}))

    def test_keys_of_other_kinds(self, home: GnupgHome, anna: str, tmp_path: Path) -> None:
        secret = home.gpg("--export-secret-keys", anna)
        public = rsa.generate_private_key(65537, 2048).public_key()
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        for name, data, message in [
            ("a.gpg", secret, "holds a secret key"),
            ("a.pem", pem, "another kind than ed25519"),
        ]:
            with pytest.raises(UserError, match=message):
                read(write_folder(tmp_path / name, {name: data}))

    def test_no_folder_and_no_key(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="There is no key"):
            read(tmp_path)
        with pytest.raises(UserError, match="is no folder of keys"):
            read(tmp_path / "none")

    def test_sigstore_is_not_installed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An unchecked no must not get lost, so nothing is decided without what checks it."""
        monkeypatch.setitem(sys.modules, "sigstore", None)
        data = b'identity = "a"\nissuer = "https://b.example"'
        with pytest.raises(UserError, match="not installed"):
            read(write_folder(tmp_path, {"a.sigstore": data}))


@pytest.fixture
def ring(home: GnupgHome, anna: str, old: str, tmp_path: Path) -> Keyring:
    files = {"anna.asc": home.export(anna), "old.asc": home.export(old)}
    return read(write_folder(tmp_path / "ring", files))


class TestOpenpgp:
    def test_good_ones(self, home: GnupgHome, ring: Keyring, anna: str) -> None:
        """Armored and not, by the primary key and by its subkey."""
        for options in ([], ["--armor"], ["--digest-algo=SHA256"]):
            for key in (anna, f"{anna}!"):
                signed = home.sign(DATA, key, *options)
                assert ring.check_openpgp(signed, DATA).keyid == anna

    def test_a_signed_tag_of_git(
        self, home: GnupgHome, ring: Keyring, anna: str, tmp_path: Path
    ) -> None:
        def git(*arguments: str) -> bytes:
            command = ["git", "-c", "user.name=a", "-c", "user.email=b", *arguments]
            environ = home.environ | {"GIT_CONFIG_GLOBAL": os.devnull}
            return subprocess.run(
                command, cwd=tmp_path, env=environ, check=True, capture_output=True
            ).stdout

        git("init", "--quiet")
        git("commit", "--quiet", "--allow-empty", "--message=first")
        git("tag", "--sign", f"--local-user={anna}", "--message=release", "v1")
        tag, mark, rest = git("cat-file", "tag", "v1").partition(b"-----BEGIN PGP SIGNATURE")
        assert ring.check_openpgp(mark + rest, tag).person == "anna"
        with pytest.raises(UserError, match=r"^The signature is not of this\.$"):
            ring.check_openpgp(mark + rest, tag.replace(b"release", b"other"))

    def test_refusals(self, home: GnupgHome, ring: Keyring, anna: str, bob: str, old: str) -> None:
        one = home.sign(DATA, anna)
        cases: list[tuple[str, bytes, bytes]] = [
            ("made by another key", home.sign(DATA, bob), DATA),
            ("the key has expired", home.sign(DATA, old, LATER), DATA),
            ("not of this", one, DATA + b"\n"),
            ("not of this", one, b""),
            ("not a signature", b"", DATA),
            ("not a signature", b"garbage", DATA),
            ("not a signature", b"-----BEGIN PGP SIGNATURE-----\n\n=x", DATA),
            ("more than 65,536 bytes", one + bytes(65536), DATA),
            ("not one good signature", one + one, DATA),
            ("", one + home.sign(DATA, bob), DATA),
            ("older than SHA-256", home.sign(DATA, anna, "--digest-algo=SHA1"), DATA),
            ("older than SHA-256", home.sign(DATA, anna, "--digest-algo=SHA224"), DATA),
            ("of text", home.sign(DATA, anna, "--textmode"), DATA),
            (
                "the signature has expired",
                home.sign(DATA, anna, LATER, "--default-sig-expire=1d"),
                DATA,
            ),
            ("", home.gpg(f"--local-user={anna}", "--sign", stdin=DATA), DATA),
            ("", home.gpg(f"--local-user={anna}", "--clearsign", stdin=DATA), DATA),
            ("", home.gpg("--store", stdin=DATA), DATA),
        ]
        for message, signature, data in cases:
            with pytest.raises(UserError, match=f"(?i){message}"):
                ring.check_openpgp(signature, data)

    def test_every_byte_of_a_signature_matters(
        self, home: GnupgHome, ring: Keyring, anna: str
    ) -> None:
        """Whatever is changed in it, it is refused or proves the same; and gpg never hangs."""
        signature = home.sign(DATA, anna)
        for position in range(0, len(signature), 7):
            changed = bytearray(signature)
            changed[position] ^= 0x55
            try:
                assert ring.check_openpgp(bytes(changed), DATA).keyid == anna
            except UserError:
                continue

    def test_revoked(self, tmp_path: Path) -> None:
        with gnupg_home() as home:
            key = home.make("Carol")
            signature = home.sign(DATA, key)
            before = read(write_folder(tmp_path / "1", {"carol.asc": home.export(key)}))
            assert before.check_openpgp(signature, DATA).person == "carol"
            home.revoke(key)
            exported = home.export(key)
        ring = read(write_folder(tmp_path / "2", {"carol.asc": exported}))
        with pytest.raises(UserError, match="key was revoked"):
            ring.check_openpgp(signature, DATA)
        # Where one file knows of it, the other does not undo it.
        older = (tmp_path / "1" / "carol.asc").read_bytes()
        for names in ("ab", "ba"):
            files = dict(zip((f"c/{name}.asc" for name in names), (older, exported), strict=True))
            both = read(write_folder(tmp_path / names, files))
            with pytest.raises(UserError, match="key was revoked"):
                both.check_openpgp(signature, DATA)

    def test_a_subkey_was_revoked(self, tmp_path: Path) -> None:
        with gnupg_home() as home:
            key = home.make("Carol")
            signature = home.sign(DATA, f"{home.add_subkey(key)}!")
            home.gpg(
                *("--command-fd=0", "--no-tty", "--no-batch", "--passphrase", ""),
                *("--pinentry-mode=loopback", "--edit-key", key),
                stdin=b"key 1\nrevkey\ny\n0\n\ny\nsave\n",
            )
            ring = read(write_folder(tmp_path, {"carol.asc": home.export(key)}))
            assert ring.check_openpgp(home.sign(DATA, key), DATA).person == "carol"
        with pytest.raises(UserError, match="key was revoked"):
            ring.check_openpgp(signature, DATA)

    def test_what_the_user_trusts_does_not_count(
        self, home: GnupgHome, anna: str, bob: str, tmp_path: Path
    ) -> None:
        folder = write_folder(tmp_path, {"anna.asc": home.export(anna)})
        ring = read(folder, home.environ)
        with pytest.raises(UserError, match="made by another key"):
            ring.check_openpgp(home.sign(DATA, bob), DATA)

    def test_no_openpgp_key_is_trusted(self, home: GnupgHome, anna: str, tmp_path: Path) -> None:
        files = {"ci.pem": KeyFile(tmp_path / "ci").public}
        ring = read(write_folder(tmp_path / "ring", files))
        with pytest.raises(UserError, match="No OpenPGP key is trusted"):
            ring.check_openpgp(home.sign(DATA, anna), DATA)

    def test_a_name_cannot_pretend_to_be_gpg(self, tmp_path: Path) -> None:
        with gnupg_home() as home:
            fake = "\u2028[GNUPG:] VALIDSIG " + "A" * 40
            key = home.make(f"Eve{fake}")
            signature = home.sign(DATA, key)
            ring = read(write_folder(tmp_path, {"eve.asc": home.export(key)}))
        assert [each.label for each in ring.keys] == [f"Eve{fake[1:]} (gpg {key})"]
        assert ring.check_openpgp(signature, DATA).keyid == key


def check(ring: Keyring, *signatures: tuple[str, bytes]) -> tuple[list[str], str]:
    """Who signed, and why others do not count."""
    keys, refused = ring.check(opened_envelope(*signatures))
    return [key.person for key in keys], "\n".join(refused)


def opened_envelope(*signatures: tuple[str, bytes]) -> Envelope:
    return read_envelope(envelope(DATA, signatures))


class TestEnvelope:
    @pytest.fixture
    def ci(self, tmp_path: Path) -> KeyFile:
        return KeyFile(tmp_path / "ci").write()

    @pytest.fixture
    def ring(self, home: GnupgHome, anna: str, old: str, ci: KeyFile, tmp_path: Path) -> Keyring:
        files = {
            "anna.asc": home.export(anna),
            "ci.pem": ci.public,
            "old.asc": home.export(old),
            "other.pem": KeyFile(tmp_path / "x").public,
        }
        return read(write_folder(tmp_path / "ring", files))

    def test_several(
        self, home: GnupgHome, ring: Keyring, anna: str, bob: str, old: str, ci: KeyFile
    ) -> None:
        data = pae(DATA)
        persons, refused = check(
            ring,
            (ci.signer.keyid, ci.key.sign(data)),
            (anna, home.sign(data, anna)),
            (bob, home.sign(data, bob)),
            (old, home.sign(data, old, LATER)),
        )
        assert persons == ["ci", "anna"]
        assert f"{bob} is not a trusted key" in refused
        assert f"Old (gpg {old}): The key has expired." in refused

    def test_another_key_is_named(
        self, home: GnupgHome, ring: Keyring, anna: str, old: str, ci: KeyFile
    ) -> None:
        data = pae(DATA)
        (other,) = (key.keyid for key in ring.keys if key.person == "other")
        for keyid, signature in [
            (other, ci.key.sign(data)),
            (anna, ci.key.sign(data)),
            (ci.signer.keyid, home.sign(data, anna)),
            (old, home.sign(data, anna)),
            (anna.upper(), home.sign(data, anna)),
            (anna[-16:], home.sign(data, anna)),
            ("", ci.key.sign(data)),
        ]:
            assert check(ring, (keyid, signature))[0] == []

    def test_the_payload_alone_is_signed(
        self, home: GnupgHome, ring: Keyring, anna: str, ci: KeyFile
    ) -> None:
        for data in (DATA, pae(DATA, "text/plain"), pae(DATA + b" ")):
            assert check(ring, (anna, home.sign(data, anna)))[0] == []
            assert check(ring, (ci.signer.keyid, ci.key.sign(data)))[0] == []

    @pytest.mark.parametrize("signature", [b"", b"x", bytes(64), bytes(100_000)])
    def test_garbage(self, ring: Keyring, anna: str, ci: KeyFile, signature: bytes) -> None:
        assert check(ring, (anna, signature), (ci.signer.keyid, signature))[0] == []

    def test_garbage_of_sigstore(self, tmp_path: Path) -> None:
        data = b'identity = "a"\nissuer = "https://b.example"'
        ring = read(write_folder(tmp_path, {"hub.sigstore": data}))
        (key,) = ring.keys
        persons, refused = check(ring, (key.keyid, b"x"))
        assert (persons, refused) == ([], f"{key.label}: it is not a bundle of Sigstore")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: b"", "is not a JSON document"),
        (lambda text: b"[" * 100_000, "is not a JSON document"),
        (lambda text: text.replace(b'"payload"', b'"payload":"","payload"'), "twice: 'payload'"),
        (lambda text: text + b" " * 4 * 1024**2, "more than 4,194,304 bytes"),
        (lambda text: text.replace(b"in-toto", b"other"), "The payload's type is 'application/"),
        (lambda text: text.replace(b'"payload": "', b'"payload": "*'), "cannot be decoded"),
        (lambda text: text.replace(b'"payload": "', b'"payload": "\xc3\xa4'), "cannot be decoded"),
        (lambda text: text.replace(b'"sig": "', b'"sig": "*'), "cannot be decoded"),
        (lambda text: text.replace(b'"sig": "', b'"sig": 1, "x": "'), "sig: expected a string"),
        (lambda text: text.replace(b'"keyid": "a"', b'"keyid": ["a"]'), "keyid: expected a string"),
        (lambda text: text.replace(b'"keyid": "a"', b'"x": "a"'), "'keyid' is missing"),
        (lambda text: text.replace(b'"keyid": "b"', b'"keyid": "a"'), "one key signs twice"),
        (
            lambda text: text.replace(b'"signatures": [', b'"signatures": [1, '),
            "expected an object",
        ),
        (lambda text: envelope(DATA, []), "signatures: 0 signatures"),
        (lambda text: envelope(DATA, [("a", b"")] * 51), "signatures: 51 signatures"),
        (lambda text: b"null", "the document: expected an object"),
    ],
    ids=range(16),
)
def test_hostile_envelopes(change: Callable[[bytes], bytes], message: str) -> None:
    text = envelope(DATA, [("a", b"x"), ("b", b"y")])
    assert read_envelope(text).payload == DATA
    changed = change(text)
    assert changed != text
    with pytest.raises(UserError, match=message):
        read_envelope(changed)
