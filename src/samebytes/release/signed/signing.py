"""With which key is signed: ``gpg``, ``gpg:KEY``, ``file:PATH`` or ``sigstore:IDENTITY@ISSUER``."""

from __future__ import annotations

import stat
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import securesystemslib.signer as keys
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from samebytes.errors import UserError
from samebytes.process import Runner
from samebytes.release.signed import identity
from samebytes.release.signed.envelope import seal
from samebytes.release.signed.gnupg import GnupgSigner, SecretKeys
from samebytes.release.signed.strict import shown

#: Bytes of a key file, which has some hundred.
_LARGEST_KEY = 64 * 1024

_MAKE_KEY = "Make one: openssl genpkey -algorithm ed25519 -out KEY.pem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A key that can sign.

    ``label`` is for people, ``keyid`` what the key is called in envelopes, ``verifier`` the URI
    that stands in the statement. ``warnings`` say what its owner should change. While it signs,
    its owner may be asked for a passphrase on the terminal, which ``asking`` keeps free.
    """

    label: str
    keyid: str
    verifier: str
    warnings: tuple[str, ...] = ()
    signer: keys.Signer
    clearsigner: Callable[[str], str] | None = None
    asking: Callable[[], AbstractContextManager[None]] = nullcontext

    def sign(self, statement: Mapping[str, object]) -> str:
        """The statement in an envelope, as JSON that ends with a line end.

        Raises UserError when the key's owner did not let it sign.
        """
        with self.asking():
            return seal(statement, self.signer)

    def clearsign(self, text: str) -> str | None:
        """The text with its signature below; None with a key that makes no such thing."""
        if self.clearsigner is None:
            return None
        with self.asking():
            return self.clearsigner(text)


def find_signer(text: str | None, runner: Runner, environ: Mapping[str, str]) -> Signer:
    """The key that a user names; by default gpg's own.

    Nothing is asked yet. Raises UserError where there is no such key, or it cannot sign.
    """
    kind, _, name = (text or "gpg").partition(":")
    match kind:
        case "gpg":
            return _gnupg_signer(name, SecretKeys(runner, environ))
        case "file" if name:
            return _file_signer(Path(name).expanduser())
        case "sigstore" if name:
            return _sigstore_signer(name)
        case _:
            raise UserError(
                f"{shown(str(text))!r} does not name a key.",
                hint="Say gpg, gpg:KEY, file:PATH or sigstore:IDENTITY@ISSUER.",
            )


def _gnupg_signer(name: str, secret: SecretKeys) -> Signer:
    key = secret.find(name)
    return Signer(
        label=key.label,
        keyid=key.fingerprint,
        verifier=identity.openpgp_uri(key.fingerprint),
        signer=GnupgSigner(key.fingerprint, secret),
        clearsigner=lambda text: secret.clearsign(text, key.fingerprint),
    )


def _file_signer(path: Path) -> Signer:
    signer = keys.CryptoSigner(_read_key(path))
    keyid = signer.public_key.keyid
    warnings: tuple[str, ...] = ()
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        warnings = (f"Others than you can read {path}, which signs in your name: chmod 600 it.",)
    return Signer(
        label=f"{path.name} (ed25519 {keyid})",
        keyid=keyid,
        verifier=identity.key_uri(keyid),
        warnings=warnings,
        signer=signer,
    )


def _read_key(path: Path) -> Ed25519PrivateKey:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_KEY)
    except OSError as error:
        raise UserError(
            f"The key {path} cannot be read: {error.strerror}.", hint=_MAKE_KEY
        ) from None
    try:
        key = load_pem_private_key(data, None)
    except TypeError:
        raise UserError(
            f"The key {path} is encrypted, and nobody is asked for its passphrase.",
            hint="Have a key that is to be confirmed by a person in gpg, whose agent asks; "
            "decrypt one for CI: openssl pkey -in KEY -out KEY.pem",
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise UserError(f"{path} is not a private key in PEM.", hint=_MAKE_KEY) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise UserError(f"{path} is a key of another kind than ed25519.", hint=_MAKE_KEY)
    return key


def _sigstore_signer(name: str) -> Signer:
    # The identity may have an @ of its own: an e-mail address, and a workflow at a branch.
    who, _, issuer = name.rpartition("@")
    public = identity.sigstore_key(who, issuer)
    return Signer(
        label=f"{who} (sigstore, {issuer})",
        keyid=public.keyid,
        verifier=identity.identity_uri(who),
        signer=_SigstoreSigner(public),
    )


class _SigstoreSigner(keys.Signer):
    """Proves the identity when it signs, and no earlier: the proof is good for some minutes."""

    def __init__(self, public: keys.Key) -> None:
        self._public = public

    @property
    def public_key(self) -> keys.Key:
        return self._public

    @classmethod
    def from_priv_key_uri(
        cls,
        _priv_key_uri: str,
        _public_key: keys.Key,
        _secrets_handler: keys.SecretsHandler | None = None,
    ) -> NoReturn:
        raise ValueError("an identity is named by sigstore:IDENTITY@ISSUER")

    def sign(self, payload: bytes) -> keys.Signature:
        try:
            return self._ready().sign(payload)
        except Exception as error:  # whatever a network and a browser can do
            raise UserError(
                f"Sigstore did not sign: {shown(str(error) or type(error).__name__)}.",
                hint="Are you, or is the workflow, who was named, and is Sigstore reachable?",
            ) from error

    def _ready(self) -> keys.SigstoreSigner:
        """Of a workflow, its own identity; of a person, what a browser says."""
        from sigstore.oidc import detect_credential

        uri = "sigstore:" if detect_credential() else "sigstore:?ambient=false"
        return keys.SigstoreSigner.from_priv_key_uri(uri, self._public)
