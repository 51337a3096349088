"""Whose signatures count: a folder of public keys.

A file in it is a person with the name of the file; a folder in it is a person with several keys.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.signer import Key, Signature, SigstoreKey, SSlibKey

from samebytes.errors import UserError
from samebytes.process import Runner
from samebytes.release.signed import identity
from samebytes.release.signed.gnupg import GnupgKey, PublicKeys
from samebytes.release.signed.strict import shown
from samebytes.toml import read_toml

#: Bytes of a file, which has some thousand.
_LARGEST_FILE = 1024**2

_HINT = (
    "It holds public keys and nothing else: *.asc or *.gpg of gpg --export, *.pem or *.pub of "
    "openssl pkey -pubout, *.sigstore with identity and issuer."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedKey:
    """A key, and whose it is.

    ``keyid`` is what it is called in envelopes, ``label`` is for people, ``verifier`` the URI by
    which its owner's statements name it.
    """

    person: str
    keyid: str
    label: str
    verifier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """The keys of a folder; ``checkers`` are those that check their signatures, by key id."""

    keys: tuple[TrustedKey, ...]
    checkers: Mapping[str, Key]
    openpgp: PublicKeys

    @property
    def persons(self) -> tuple[str, ...]:
        return tuple(sorted({key.person for key in self.keys}))

    @classmethod
    def read(cls, folder: Path, runner: Runner, environ: Mapping[str, str]) -> Keyring:
        """Read a folder; raises UserError for whatever in it is no public key.

        One key cannot be two persons, not even where it is another's subkey; nor can two persons
        have names that look the same, or differ in case only.
        """
        reading = _Reading(PublicKeys(runner, environ))
        for person, path in _files(folder):
            reading.add(person, path)
        if not reading.persons:
            raise UserError(f"There is no key in {folder}.", hint=_HINT)
        return reading.keyring()

    def check(self, envelope: Envelope) -> tuple[tuple[TrustedKey, ...], tuple[str, ...]]:
        """Whose signatures of an envelope are valid, and why the others do not count.

        Raises SamebytesError where a trusted key's signature cannot be checked at all.
        """
        data = envelope.pae()
        valid, refused = [], []
        for signature in envelope.signatures.values():
            key = self._key(signature.keyid)
            if key is None:
                refused.append(f"{shown(signature.keyid)} is not a trusted key")
            elif reason := self._refusal(signature, data):
                refused.append(f"{key.label}: {reason}")
            else:
                valid.append(key)
        return tuple(valid), tuple(refused)

    def check_openpgp(self, signature: bytes, data: bytes) -> TrustedKey:
        """Whose OpenPGP signature of ``data`` this is; raises UserError where it does not count."""
        if not self.openpgp.keyring:
            raise UserError("No OpenPGP key is trusted.")
        key = self._key(self.openpgp.check(signature, data))
        assert key is not None, "the keyring has trusted keys only"
        return key

    def _key(self, keyid: str) -> TrustedKey | None:
        return next((key for key in self.keys if key.keyid == keyid), None)

    def _refusal(self, signature: Signature, data: bytes) -> str:
        """Why a signature does not count, or empty."""
        checker = self.checkers[signature.keyid]
        if isinstance(checker, SigstoreKey) and (reason := _damage(signature)):
            return reason
        try:
            checker.verify_signature(signature, data)
        except UnverifiedSignatureError as error:
            # gpg says why; of other keys there is one reason.
            return str(error) if isinstance(checker, GnupgKey) else "the signature is not of this"
        except VerificationError as error:
            if isinstance(checker, SigstoreKey):
                raise UserError(
                    f"Sigstore's signature could not be checked: {error.__cause__ or error}.",
                    hint="Is Sigstore reachable?",
                ) from error
            return "it is not a signature"
        return ""


class _Reading:
    """The keys that were read so far."""

    def __init__(self, openpgp: PublicKeys) -> None:
        self.persons: dict[str, str] = {}
        self._spellings: dict[str, str] = {}
        self._openpgp = openpgp
        self._others: list[tuple[Key, str, str]] = []

    def add(self, person: str, path: Path) -> None:
        if (other := self._spellings.setdefault(_folded(person), person)) != person:
            raise UserError(
                f"{path} is the key of {person}, and there is {other}: is that another person?",
                hint="Each person counts once, and has one name: put several keys in one folder.",
            )
        data = _bytes(path)
        if b"PRIVATE KEY" in data:
            raise UserError(f"{path} is a private key.", hint=_HINT)
        match path.suffix:
            case ".asc" | ".gpg":
                self._openpgp, found = self._openpgp.added(path)
                for fingerprint in found:
                    self._name(fingerprint, person, path)
            case ".pem" | ".pub":
                key = _ed25519(path, data)
                self._name(key.keyid, person, path)
                label = f"{path.name} (ed25519 {key.keyid})"
                self._others.append((key, label, identity.key_uri(key.keyid)))
            case ".sigstore":
                who, issuer = _sigstore(path, data)
                sigstore = identity.sigstore_key(who, issuer)
                self._name(sigstore.keyid, person, path)
                label = f"{who} (sigstore, {issuer})"
                self._others.append((sigstore, label, identity.identity_uri(who)))
            case _:
                raise UserError(f"{path} is not a key.", hint=_HINT)

    def keyring(self) -> Keyring:
        others = {key.keyid: (key, label, uri) for key, label, uri in self._others}
        keys = [
            *self._of_gnupg(),
            *(self._trusted(key.keyid, *rest) for key, *rest in others.values()),
        ]
        checkers: dict[str, Key] = {keyid: key for keyid, (key, _, _) in others.items()}
        for each in keys:
            checkers.setdefault(each.keyid, GnupgKey(each.keyid, self._openpgp))
        return Keyring(keys=tuple(keys), checkers=checkers, openpgp=self._openpgp)

    def _of_gnupg(self) -> Iterator[TrustedKey]:
        if not self._openpgp.keyring:
            return
        for record in self._openpgp.listed():
            person = self.persons[record.fingerprint]
            for subkey in record.subkeys:
                if self.persons.setdefault(subkey, person) != person:
                    raise _shared(subkey, person, self.persons[subkey])
            uri = identity.openpgp_uri(record.fingerprint)
            yield self._trusted(record.fingerprint, record.label, uri)

    def _trusted(self, keyid: str, label: str, verifier: str) -> TrustedKey:
        person = self.persons[keyid]
        return TrustedKey(person=person, keyid=keyid, label=label, verifier=verifier)

    def _name(self, keyid: str, person: str, path: Path) -> None:
        if self.persons.setdefault(keyid, person) != person:
            raise _shared(f"{path}, {keyid},", person, self.persons[keyid])


def _shared(key: str, *persons: str) -> UserError:
    return UserError(
        f"The key {key} is that of {' and of '.join(persons)}.",
        hint="Each person has keys of their own; put the keys of one person in one folder.",
    )


def _folded(person: str) -> str:
    """One spelling for all that differ in case, or in how Unicode writes the same letters."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", person).casefold()).strip()


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """The files below a folder, and whose they are."""
    for path in _listed(folder):
        if not path.name.isprintable():
            raise UserError(f"{str(path)!r} is not the name of a person.", hint=_HINT)
        if not path.is_dir():
            yield path.stem, path
            continue
        for each in _listed(path):
            if each.is_dir():
                raise UserError(f"{each} is a folder within a person's.", hint=_HINT)
            yield path.name, each


def _listed(folder: Path) -> Iterable[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise UserError(f"{folder} is no folder of keys: {error.strerror}.", hint=_HINT) from None


def _bytes(path: Path) -> bytes:
    try:
        if path.is_file() and path.stat().st_size <= _LARGEST_FILE:
            return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None
    raise UserError(f"{path} is not a key.", hint=_HINT)


def _ed25519(path: Path, data: bytes) -> SSlibKey:
    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        raise UserError(f"{path} is not a public key in PEM.", hint=_HINT) from None
    if not isinstance(key, Ed25519PublicKey):
        raise UserError(f"{path} is a key of another kind than ed25519.", hint=_HINT)
    return SSlibKey.from_crypto(key)


def _sigstore(path: Path, data: bytes) -> tuple[str, str]:
    try:
        document = read_toml(data.decode("utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is not TOML: {shown(str(error))}.") from None
    who, issuer = document.get("identity"), document.get("issuer")
    if len(document) != 2 or not isinstance(who, str) or not isinstance(issuer, str):
        raise UserError(f"{path} must have an identity and an issuer, both text, and no more.")
    return who, issuer


def _damage(signature: Signature) -> str:
    """What is wrong with what Sigstore made, before anything is asked of its service."""
    from sigstore.models import Bundle

    try:
        Bundle.from_json(json.dumps(signature.unrecognized_fields["bundle"]))
    except Exception:  # whatever strangers can provoke in there
        return "it is not a bundle of Sigstore"
    return ""
