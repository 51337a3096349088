"""Keys made for tests: homes of gpg with secrets that nobody guards, and key files."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from samebytes.process import Runner
from samebytes.release.signed.signing import Signer, find_signer

PAYLOAD_TYPE = "application/vnd.in-toto+json"


@dataclass(frozen=True)
class GnupgHome:
    """A folder that gpg works in, and whose agent ends with it."""

    path: Path

    @property
    def environ(self) -> dict[str, str]:
        return {**os.environ, "GNUPGHOME": str(self.path)}

    def gpg(self, *arguments: str | Path, stdin: bytes = b"") -> bytes:
        """What gpg prints; fails, with what it says, where it does."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout

    def run(self, *arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run gpg, whatever comes of it."""
        return subprocess.run(
            ["gpg", "--batch", "--quiet", *arguments],
            env=self.environ,
            input=stdin,
            capture_output=True,
        )

    def make(self, user: str, *options: str, expires: str = "never", usage: str = "sign") -> str:
        """A new key's fingerprint, in lower case."""
        status = self.gpg(
            *("--status-fd=1", "--passphrase", "", *options),
            *("--quick-gen-key", user, "ed25519" if usage == "sign" else "rsa1024", usage, expires),
        )
        return _created(status)

    def add_subkey(self, fingerprint: str) -> str:
        """A further key that signs for the same person."""
        self.gpg("--passphrase", "", "--quick-add-key", fingerprint, "ed25519", "sign", "never")
        listed = self.gpg("--with-colons", "--list-keys", fingerprint).decode()
        return [line.split(":")[9] for line in listed.split("\n") if line.startswith("fpr")][-1]

    def revoke(self, fingerprint: str) -> None:
        """By the certificate that gpg puts beside each new key, behind a colon."""
        path = self.path / "openpgp-revocs.d" / f"{fingerprint.upper()}.rev"
        certificate = path.read_bytes()
        self.gpg("--import", stdin=certificate.replace(b"\n:-----BEGIN", b"\n-----BEGIN"))

    def export(self, *fingerprints: str) -> bytes:
        return self.gpg("--armor", "--export", *fingerprints)

    def sign(self, data: bytes, key: str, *options: str) -> bytes:
        """gpg's own detached signature."""
        return self.gpg(*options, f"--local-user={key}", "--detach-sign", stdin=data)


def _created(status: bytes) -> str:
    (line,) = (line for line in status.decode().split("\n") if "KEY_CREATED" in line)
    return line.split(" ")[3].lower()


@contextmanager
def gnupg_home() -> Iterator[GnupgHome]:
    """An empty home, at a path that is short enough for its agent's socket."""
    home = GnupgHome(Path(tempfile.mkdtemp(prefix="g", dir="/tmp")))
    try:
        yield home
    finally:
        subprocess.run(["gpgconf", "--homedir", home.path, "--kill", "all"], check=False)
        shutil.rmtree(home.path, ignore_errors=True)


@dataclass(frozen=True)
class KeyFile:
    """An ed25519 key in a file, and its public half."""

    path: Path
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def public(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def write(self) -> KeyFile:
        self.path.write_bytes(
            self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        self.path.chmod(0o600)
        return self

    @property
    def signer(self) -> Signer:
        return find_signer(f"file:{self.path}", Runner(), os.environ)


def pae(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """What DSSE signs, written out from its specification."""
    kind = payload_type.encode()
    sizes = [str(len(part)).encode() for part in (kind, payload)]
    return b" ".join([b"DSSEv1", sizes[0], kind, sizes[1], payload])


def envelope(
    payload: bytes, signatures: Sequence[tuple[str, bytes]], payload_type: str = PAYLOAD_TYPE
) -> bytes:
    """An envelope with signatures as they are given."""
    document = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": payload_type,
        "signatures": [
            {"keyid": keyid, "sig": base64.b64encode(each).decode()} for keyid, each in signatures
        ],
    }
    return json.dumps(document).encode()


def opened(text: str | bytes) -> tuple[bytes, list[tuple[str, bytes]]]:
    """The payload of an envelope, and its signatures."""
    document = json.loads(text)
    return base64.b64decode(document["payload"]), [
        (each["keyid"], base64.b64decode(each["sig"])) for each in document["signatures"]
    ]


def write_folder(folder: Path, files: Mapping[str, bytes]) -> Path:
    """A folder of trusted keys."""
    for name, data in files.items():
        folder.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
        folder.joinpath(name).write_bytes(data)
    return folder
