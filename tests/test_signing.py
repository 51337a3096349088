"""Keys of each kind sign, and others than ourselves find the signatures right."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from keys import GnupgHome, KeyFile, gnupg_home, opened, pae

from samebytes.errors import UserError
from samebytes.process import Runner
from samebytes.release.signed.gnupg import SecretKeys
from samebytes.release.signed.signing import Signer, find_signer

STATEMENT = {"_type": "https://in-toto.io/Statement/v1", "what": "Ä \u2028"}


@pytest.fixture(scope="module")
def anna() -> Iterator[GnupgHome]:
    """A person with one key, and a subkey that signs."""
    with gnupg_home() as home:
        home.add_subkey(home.make("Anna <anna@example.org>", usage="sign"))
        yield home


@pytest.fixture(scope="module")
def stranger(anna: GnupgHome) -> Iterator[GnupgHome]:
    """Somebody else's home, which knows Anna's public key only."""
    with gnupg_home() as home:
        home.gpg("--import", stdin=anna.export())
        yield home


@pytest.fixture
def empty() -> Iterator[GnupgHome]:
    with gnupg_home() as home:
        yield home


def gpg_signer(home: GnupgHome, text: str | None = "gpg") -> Signer:
    return find_signer(text, Runner(), home.environ)


class TestGnupg:
    def test_plain_gpg_verifies_the_envelope(
        self, anna: GnupgHome, stranger: GnupgHome, tmp_path: Path
    ) -> None:
        signer = gpg_signer(anna)
        text = signer.sign(STATEMENT)
        assert text.endswith("}\n")
        payload, [(keyid, signature)] = opened(text)
        assert json.loads(payload) == STATEMENT
        assert (tmp_path / "signature").write_bytes(signature)
        assert (tmp_path / "data").write_bytes(pae(payload))
        done = stranger.gpg(
            "--status-fd=1", "--verify", tmp_path / "signature", tmp_path / "data"
        ).decode()
        assert "GOODSIG" in done
        # The digest is SHA-512, the bytes are as they are, and the key is the primary one.
        assert f" 10 00 {keyid.upper()}\n" in done
        assert signer.keyid == keyid
        assert signer.verifier == f"openpgp4fpr:{keyid}"
        assert signer.label == f"Anna <anna@example.org> (gpg {keyid})"

    @pytest.mark.parametrize(
        "text", ["one line\n", "no end", "- a dash\n-----BEGIN x\nÄ \ntab\t\nFrom me\n"]
    )
    def test_plain_gpg_verifies_the_clearsigned_text(
        self, anna: GnupgHome, stranger: GnupgHome, text: str
    ) -> None:
        signed = gpg_signer(anna).clearsign(text)
        assert signed is not None
        assert signed.startswith("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n")
        read = stranger.gpg("--output=-", "--decrypt", stdin=signed.encode()).decode()
        # Blanks at the end of a line are not signed (RFC 9580, 7.2).
        lines = [line.rstrip(" \t") for line in read.splitlines()]
        assert lines == [line.rstrip(" \t") for line in text.splitlines()]
        changed = signed.replace("\n\n", "\n\nx", 1)
        assert stranger.run("--verify", stdin=changed.encode()).returncode == 1

    def test_own_keys_are_told_from_those_of_others(
        self, anna: GnupgHome, empty: GnupgHome
    ) -> None:
        key = gpg_signer(anna).keyid
        signature = anna.sign(b"data", key)
        assert SecretKeys(Runner(), anna.environ).check_openpgp(signature, b"data").label == (
            f"Anna <anna@example.org> (gpg {key})"
        )
        with pytest.raises(UserError, match="not of this"):
            SecretKeys(Runner(), anna.environ).check_openpgp(signature, b"other")
        empty.gpg("--import", stdin=anna.export())
        # Who only knows the public key has not signed it.
        with pytest.raises(UserError, match="no secret key"):
            SecretKeys(Runner(), empty.environ).check_openpgp(signature, b"data")
        empty.make("Stranger <stranger@example.org>")
        with pytest.raises(UserError):
            SecretKeys(Runner(), empty.environ).check_openpgp(signature, b"data")

    @pytest.mark.parametrize(
        "text", [None, "", "gpg", "gpg:", "gpg:anna@example.org", "gpg:=Anna <anna@example.org>"]
    )
    def test_ways_to_name_it(self, anna: GnupgHome, text: str | None) -> None:
        assert gpg_signer(anna, text).label.startswith("Anna")

    @pytest.mark.parametrize(
        "text",
        ["gpg:bob", "gpg:--version", "gpg:-a", "gpg:-h", "gpg: ", "gpg:a\nb", "gpg:" + "0" * 40],
    )
    def test_there_is_no_such_key(self, anna: GnupgHome, text: str) -> None:
        with pytest.raises(UserError, match="has no secret key that"):
            gpg_signer(anna, text)

    def test_there_is_no_key(self, empty: GnupgHome) -> None:
        with pytest.raises(UserError, match=r"^gpg has no secret key\.$"):
            gpg_signer(empty, None)
        with pytest.raises(UserError, match="null character"):
            gpg_signer(empty, "gpg:a\0b")

    def test_a_public_key_is_no_key_to_sign_with(self, stranger: GnupgHome) -> None:
        with pytest.raises(UserError, match="no secret key that 'anna' names"):
            gpg_signer(stranger, "gpg:anna")

    def test_of_several_keys_one_must_be_named(self, empty: GnupgHome) -> None:
        first = empty.make("Anna One <anna@example.org>")
        second = empty.make("Anna Two <anna@example.org>")
        with pytest.raises(UserError, match=r"names 2 keys: Anna One .*; Anna Two") as caught:
            gpg_signer(empty, "gpg:anna")
        assert first in caught.value.message
        assert gpg_signer(empty, f"gpg:{second}").keyid == second
        assert gpg_signer(empty).keyid == first
        (empty.path / "gpg.conf").write_text(f"default-key {second}\n")
        assert gpg_signer(empty).keyid == second
        # Of two, one of which was revoked, there is one left.
        empty.revoke(first)
        assert gpg_signer(empty, "gpg:anna").keyid == second

    def test_keys_that_cannot_sign(self, empty: GnupgHome) -> None:
        empty.make("Old", "--faked-system-time=20200101T000000", expires="seconds=9999")
        revoked = empty.make("Revoked")
        empty.revoke(revoked)
        disabled = empty.make("Disabled")
        empty.gpg("--import-ownertrust", stdin=f"{disabled.upper()}:134:\n".encode())
        certifier = empty.make("Certifier", usage="cert")
        for name, reason in [
            ("Old", "it has expired"),
            ("Revoked", "it was revoked"),
            ("Disabled", "it is disabled"),
            ("Certifier", "it is not made for signatures"),
        ]:
            with pytest.raises(UserError, match=f"^{name} .gpg .* cannot sign: {reason}"):
                gpg_signer(empty, f"gpg:{name}")
        # The subkey signs, for which the certifying key may lie elsewhere, as careful people have
        # it; but not the other way round.
        subkey = empty.add_subkey(certifier)
        secrets = empty.path / "private-keys-v1.d"
        listed = empty.gpg("--with-colons", "--with-keygrip", "--list-keys", subkey).decode()
        grips = [line.split(":")[9] for line in listed.split("\n") if line.startswith("grp")]
        first, second = (secrets / f"{grip}.key" for grip in grips)
        second.rename(secrets / "away")
        with pytest.raises(UserError, match="its secret part is not here"):
            gpg_signer(empty, "gpg:Certifier")
        (secrets / "away").rename(second)
        first.unlink()
        signer = gpg_signer(empty, "gpg:Certifier")
        assert signer.keyid == certifier
        assert opened(signer.sign(STATEMENT))

    def test_what_gpg_is_told_elsewhere_does_not_matter(self, empty: GnupgHome) -> None:
        key = empty.make("Anna")
        other = empty.make("Bob")
        (empty.path / "gpg.conf").write_text("armor\ntextmode\ndigest-algo SHA1\n")
        signer = gpg_signer(empty, f"gpg:{key}")
        payload, [(_, signature)] = opened(signer.sign(STATEMENT))
        assert signature[0] == 0x88  # a packet, and not armor
        (empty.path / "s").write_bytes(signature)
        (empty.path / "d").write_bytes(pae(payload))
        done = empty.gpg("--status-fd=1", "--verify", empty.path / "s", empty.path / "d")
        assert b" 10 00 " in done
        (empty.path / "gpg.conf").write_text(f"local-user {other}\n")
        with pytest.raises(UserError, match="one signature"):
            signer.sign(STATEMENT)

    def test_the_agent_asks_for_the_passphrase_where_the_user_is(
        self, empty: GnupgHome, tmp_path: Path
    ) -> None:
        log = tmp_path / "log"
        pinentry = tmp_path / "pinentry"
        pinentry.write_text(PINENTRY.format(python=sys.executable, log=log))
        pinentry.chmod(0o700)
        guard(empty, pinentry)
        environ = {key: value for key, value in empty.environ.items() if key != "GPG_TTY"}
        terminal, inner = pty.openpty()
        try:
            code = "import os\nfrom samebytes.process import Runner\n"
            code += "from samebytes.release.signed.signing import find_signer\n"
            code += "print(find_signer(None, Runner(), os.environ).sign({}), end='')"
            done = subprocess.run(
                [sys.executable, "-c", code], env=environ, stdin=inner, capture_output=True
            )
            assert done.stderr == b""
            assert opened(done.stdout)[0] == b"{}"
            assert f"OPTION ttyname={os.ttyname(inner)}\n" in log.read_text()
        finally:
            os.close(terminal)
            os.close(inner)

    def test_nobody_gives_the_passphrase(self, empty: GnupgHome) -> None:
        guard(empty, "/bin/false")
        signer = gpg_signer(empty)
        with pytest.raises(UserError, match=f"^gpg did not sign with {signer.keyid}") as caught:
            signer.sign(STATEMENT)
        assert "signing failed" in caught.value.detail
        with pytest.raises(UserError, match=r"^gpg did not sign"):
            signer.clearsign("text")

    def test_gpg_is_not_installed(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="is not installed"):
            find_signer(None, Runner(), {"PATH": str(tmp_path)})


def guard(home: GnupgHome, pinentry: str | Path) -> None:
    """Make a key with a passphrase, which ``pinentry`` is asked for."""
    # By default the agent first measures how long it takes to derive a key.
    (home.path / "gpg-agent.conf").write_text(f"pinentry-program {pinentry}\ns2k-count 65536\n")
    home.gpg(
        *("--pinentry-mode=loopback", "--passphrase", "open sesame"),
        *("--quick-gen-key", "Anna", "ed25519", "sign", "never"),
    )
    # What made it remembers the passphrase.
    subprocess.run(["gpgconf", "--homedir", home.path, "--reload", "gpg-agent"], check=True)


#: Answers as a pinentry does, and writes down what it is told.
PINENTRY = """\
#!{python}
import sys
print("OK ready", flush=True)
for line in sys.stdin:
    with open("{log}", "a") as file:
        file.write(line)
    if line.startswith("GETPIN"):
        print("D open sesame")
    print("OK", flush=True)
    if line.startswith("BYE"):
        break
"""


class TestKeyFile:
    def test_openssl_verifies_the_envelope(self, tmp_path: Path) -> None:
        key = KeyFile(tmp_path / "ci.pem").write()
        payload, [(keyid, signature)] = opened(key.signer.sign(STATEMENT))
        assert json.loads(payload) == STATEMENT
        (tmp_path / "public").write_bytes(key.public)
        (tmp_path / "signature").write_bytes(signature)
        (tmp_path / "data").write_bytes(pae(payload))
        command = "openssl pkeyutl -verify -rawin -pubin -inkey public -sigfile signature -in data"
        subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
        key.key.public_key().verify(signature, pae(payload))
        assert key.signer.keyid == keyid
        assert key.signer.verifier == f"urn:samebytes:key:{keyid}"
        assert key.signer.label == f"ci.pem (ed25519 {keyid})"

    def test_it_clearsigns_nothing(self, tmp_path: Path) -> None:
        assert KeyFile(tmp_path / "ci.pem").write().signer.clearsign("text") is None

    def test_a_key_of_openssl(self, tmp_path: Path) -> None:
        command = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", "key.pem"]
        subprocess.run(command, cwd=tmp_path, check=True)
        signer = find_signer(f"file:{tmp_path}/key.pem", Runner(), {})
        assert opened(signer.sign(STATEMENT))

    def test_a_path_in_the_home_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        KeyFile(tmp_path / "ci.pem").write()
        monkeypatch.setenv("HOME", str(tmp_path))
        assert find_signer("file:~/ci.pem", Runner(), {}).keyid

    @pytest.mark.parametrize(("mode", "warns"), [(0o600, False), (0o640, True), (0o604, True)])
    def test_it_warns_when_others_can_read_the_key(
        self, tmp_path: Path, mode: int, warns: bool
    ) -> None:
        key = KeyFile(tmp_path / "ci.pem").write()
        key.path.chmod(mode)
        assert bool(key.signer.warnings) == warns

    def test_files_that_are_no_such_key(self, tmp_path: Path) -> None:
        made = Ed25519PrivateKey.generate()
        encrypted = made.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")
        )
        other = rsa.generate_private_key(65537, 2048).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        files = {
            "is encrypted": encrypted,
            "another kind than ed25519": other,
            "not a private key in PEM": KeyFile(tmp_path / "x", made).public,
        }
        for number, (reason, data) in enumerate([*files.items(), ("not a private key", b"")]):
            path = tmp_path / str(number)
            path.write_bytes(data)
            with pytest.raises(UserError, match=reason):
                find_signer(f"file:{path}", Runner(), {})
        for path in (tmp_path / "none", tmp_path):
            with pytest.raises(UserError, match="cannot be read"):
                find_signer(f"file:{path}", Runner(), {})


class TestSigstore:
    def test_an_identity_is_named(self) -> None:
        signer = find_signer("sigstore:anna@example.org@https://issuer.example", Runner(), {})
        assert signer.label == "anna@example.org (sigstore, https://issuer.example)"
        assert signer.verifier == "mailto:anna@example.org"
        assert signer.clearsign("text") is None
        workflow = "https://github.com/a/b/.github/workflows/c.yml@refs/heads/main"
        other = find_signer(f"sigstore:{workflow}@https://issuer.example", Runner(), {})
        assert other.verifier == workflow
        assert other.keyid != signer.keyid

    @pytest.mark.parametrize("name", ["anna", "anna@example.org", "@https://issuer.example", "@"])
    def test_it_names_no_identity(self, name: str) -> None:
        with pytest.raises(UserError, match="is not an identity"):
            find_signer(f"sigstore:{name}", Runner(), {})

    def test_the_extra_is_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "sigstore", None)
        with pytest.raises(UserError, match="not installed") as caught:
            find_signer("sigstore:a@https://issuer.example", Runner(), {})
        assert "samebytes[sigstore]" in caught.value.hint


@pytest.mark.parametrize("text", ["file", "file:", "sigstore:", "GPG", "key.pem", "\x1b", ":", "-"])
def test_what_names_no_key(text: str) -> None:
    with pytest.raises(UserError, match="does not name a key"):
        find_signer(text, Runner(), {})
