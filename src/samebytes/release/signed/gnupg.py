"""GnuPG, as the program that is installed: its keys sign, and its signatures are checked.

Everything is read from ``--with-colons`` and ``--status-fd``, which are made for programs
(https://git.gnupg.org: doc/DETAILS); its exit status is 0 for the signature of an expired key, too.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Key, SecretsHandler, Signature, Signer

from samebytes.errors import UserError
from samebytes.process import Finished, Runner

#: Bytes of a signature, which has some hundred.
_LARGEST_SIGNATURE = 64 * 1024

#: Seconds to check a signature or to read a key, which takes some milliseconds.
_TIMEOUT = 60.0

#: SHA-256, SHA-384 and SHA-512 (RFC 9580, 9.5).
_DIGESTS = frozenset({"8", "9", "10"})

#: Signatures of bytes as they are, and of text (RFC 9580, 5.2.1).
_BINARY, _TEXT = "00", "01"

_REASONS = {
    "BADSIG": "the signature is not of this",
    "ERRSIG": "the signature was made by another key, or cannot be checked",
    "EXPKEYSIG": "the key has expired",
    "EXPSIG": "the signature has expired",
    "KEYREVOKED": "the key was revoked",
    "NODATA": "it is not a signature",
    "REVKEYSIG": "the key was revoked",
    "UNEXPECTED": "it is not a signature",
}

_UNUSABLE = {"e": "it has expired", "i": "it is not valid", "r": "it was revoked"}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """A key as gpg lists it: ``fingerprint`` in lower case, and those of its subkeys.

    ``unusable`` is why it can sign nothing, or empty.
    """

    fingerprint: str
    user: str
    subkeys: tuple[str, ...]
    unusable: str

    @property
    def label(self) -> str:
        return f"{self.user or 'no name'} (gpg {self.fingerprint})"

    @property
    def person(self) -> str:
        return self.user or self.fingerprint


@dataclass(frozen=True, slots=True)
class SecretKeys:
    """The user's own keys; ``environ`` says where they are, and how to ask for a passphrase."""

    runner: Runner
    environ: Mapping[str, str]

    def find(self, text: str | None) -> KeyRecord:
        """The one key that ``text`` names, or gpg's default key.

        Raises UserError where there is none, there are several, or it cannot sign.
        """
        wanted = text or self._default()
        # A text is what a user typed, and an empty one lists all.
        listed = self._run("--with-colons", "--list-secret-keys", "--", *([wanted] * bool(wanted)))
        found = list(_records(listed.stdout, "sec"))
        usable = [key for key in found if not key.unusable]
        if not wanted and usable:
            return usable[0]  # as gpg does
        if len(usable) == 1:
            return usable[0]
        if usable:
            names = "; ".join(key.label for key in usable)
            raise UserError(
                f"{wanted!r} names {len(usable)} keys: {names}.",
                hint="Name one by its fingerprint: gpg:FINGERPRINT",
            )
        if found:
            raise UserError(
                f"{found[0].label} cannot sign: {found[0].unusable}.",
                hint="gpg --list-secret-keys shows what there is.",
            )
        named = f" that {wanted!r} names" if wanted else ""
        raise UserError(
            f"gpg has no secret key{named}.",
            hint="gpg --list-secret-keys shows what there is; a key in a file is file:PATH.",
        )

    def sign(self, data: bytes, fingerprint: str) -> bytes:
        """A detached, binary signature."""
        return self._sign(data, fingerprint, "--detach-sign", _BINARY)

    def clearsign(self, text: str, fingerprint: str) -> str:
        """The text with its signature below, to be read and checked by ``gpg --verify``."""
        return self._sign(text.encode(), fingerprint, "--clearsign", _TEXT).decode()

    def check_openpgp(self, signature: bytes, data: bytes) -> KeyRecord:
        """Which of them signed ``data``; raises UserError, with the reason, where none did."""
        listed = self._run("--with-colons", "--list-secret-keys").stdout
        own = {key.fingerprint: key for key in _records(listed, "sec")}
        if not own:
            raise UserError("gpg has no secret key.")
        with tempfile.TemporaryDirectory(prefix="samebytes-") as folder:
            path = Path(folder, "keys.asc")
            path.write_bytes(self._run("--armor", "--export", "--", *own).output)
            public, _ = PublicKeys(self.runner, self.environ).added(path)
        return own[public.check(signature, data)]

    def _sign(self, data: bytes, fingerprint: str, how: str, kind: str) -> bytes:
        with tempfile.TemporaryDirectory(prefix="samebytes-") as folder:
            path = Path(folder, "signature")
            done = self._run(
                *("--yes", "--status-fd=1", "--no-armor", "--no-textmode", "--digest-algo=SHA512"),
                *(f"--local-user={fingerprint}", f"--output={path}", how),
                stdin=data,
            )
            made = [each for each in _status(done.stdout) if each[0] == "SIG_CREATED"]
            if done.status or not made:
                raise UserError(
                    f"gpg did not sign with {fingerprint}.",
                    hint="Is its agent running, and the passphrase right?",
                    detail=done.last_lines(),
                )
            if [(each[3], each[4]) for each in made] != [("10", kind)]:
                raise UserError(
                    "gpg did not make one signature as it was told to.",
                    hint="Does gpg.conf say 'local-user' or 'digest-algo'?",
                    detail=done.last_lines(),
                )
            return path.read_bytes()

    def _default(self) -> str:
        """What gpg.conf names as ``default-key``, or empty."""
        listed = self.runner.run(
            ["gpgconf", "--list-options", "gpg"], env=self.environ, timeout=_TIMEOUT
        )
        for line in listed.stdout.split("\n"):
            if line.startswith("default-key:"):
                value = line.split(":")[9].split(",")[-1]
                return _unescaped(value.removeprefix('"'), "%")
        return ""

    def _run(self, *arguments: str, stdin: bytes = b"") -> Finished:
        """Run gpg, which may ask for a passphrase, for which there is no time limit."""
        if any("\0" in argument for argument in arguments):
            raise UserError("The name of a key cannot have a null character.")
        environ = {**_terminal(), **self.environ}
        return self.runner.run(["gpg", "--batch", *arguments], env=environ, stdin=stdin)


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """A keyring of its own: whatever else this machine's gpg knows or is told, plays no part."""

    runner: Runner
    environ: Mapping[str, str]
    keyring: bytes = b""

    def added(self, path: Path) -> tuple[PublicKeys, tuple[str, ...]]:
        """This keyring and the keys in a file, with their fingerprints.

        Raises UserError where the file holds no public key, or a secret one.
        """
        with self._home() as home:
            done = self._run(home, "--import", "--", path.resolve())
            status = _status(done.stdout)
            counts = next((each[1:] for each in status if each[0] == "IMPORT_RES"), [])
            if len(counts) > 9 and counts[9] != "0":
                raise UserError(
                    f"{path} holds a secret key.",
                    hint="Put the public key there: gpg --armor --export FINGERPRINT",
                )
            found = tuple(each[2].lower() for each in status if each[0] == "IMPORT_OK")
            if not found:
                raise UserError(
                    f"{path} holds no OpenPGP public key.",
                    hint="Make it by: gpg --armor --export FINGERPRINT",
                    detail=done.last_lines(),
                )
            return PublicKeys(self.runner, self.environ, _ring(home).read_bytes()), found

    def listed(self) -> tuple[KeyRecord, ...]:
        """All keys."""
        with self._home() as home:
            return tuple(_records(self._run(home, "--with-colons", "--list-keys").stdout, "pub"))

    def check(self, signature: bytes, data: bytes) -> str:
        """The fingerprint, in lower case, of the primary key that signed ``data``.

        Raises UserError with the reason why the signature does not count: expired and revoked
        keys, digests before SHA-2, more than one signature, signatures of text.
        """
        if len(signature) > _LARGEST_SIGNATURE:
            raise UserError(f"The signature has more than {_LARGEST_SIGNATURE:,} bytes.")
        with self._home() as home:
            home.joinpath("signature").write_bytes(signature)
            home.joinpath("data").write_bytes(data)
            done = self._run(home, "--verify", "--", home / "signature", home / "data")
            return _signer(_status(done.stdout), done)

    @contextmanager
    def _home(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="samebytes-") as name:
            home = Path(name)
            if self.keyring:
                _ring(home).write_bytes(self.keyring)
            yield home

    def _run(self, home: Path, *arguments: str | Path) -> Finished:
        command = ["gpg", f"--homedir={home}", "--no-options", "--batch", "--no-tty", "--quiet"]
        command += ["--no-autostart", "--disable-dirmngr", "--no-auto-key-retrieve"]
        command += ["--no-auto-check-trustdb", "--trust-model=always", "--status-fd=1"]
        command += ["--no-default-keyring", f"--keyring={_ring(home)}"]
        environ = {"HOME": str(home), "LC_ALL": "C", "PATH": self.environ.get("PATH", "")}
        return self.runner.run([*command, *arguments], env=environ, timeout=_TIMEOUT, name="gpg")


class GnupgKey(Key):
    """A public key of a keyring, as ``securesystemslib`` wants keys."""

    def __init__(self, fingerprint: str, keys: PublicKeys) -> None:
        super().__init__(fingerprint, "openpgp", "gnupg", {"fingerprint": fingerprint})
        self._keys = keys

    def verify_signature(self, signature: Signature, data: bytes) -> None:
        """Raise UnverifiedSignatureError, with the reason, unless this key signed ``data``."""
        try:
            fingerprint = self._keys.check(bytes.fromhex(signature.signature), data)
        except UserError as error:
            raise UnverifiedSignatureError(error.message) from None
        if not fingerprint == self.keyid == signature.keyid:
            raise UnverifiedSignatureError(f"The signature was made by {fingerprint}.")

    def to_dict(self) -> dict[str, Any]:
        return self._to_dict()

    @classmethod
    def from_dict(cls, _keyid: str, _key_dict: dict[str, Any]) -> NoReturn:
        raise ValueError("an OpenPGP key is read by gpg, from its own format")


class GnupgSigner(Signer):
    """A secret key in gpg's hands, as ``securesystemslib`` wants signers."""

    def __init__(self, fingerprint: str, keys: SecretKeys) -> None:
        self._fingerprint = fingerprint
        self._keys = keys

    @property
    def public_key(self) -> Key:
        return GnupgKey(self._fingerprint, PublicKeys(self._keys.runner, self._keys.environ))

    @classmethod
    def from_priv_key_uri(
        cls, _priv_key_uri: str, _public_key: Key, _secrets_handler: SecretsHandler | None = None
    ) -> NoReturn:
        raise ValueError("a key of gpg is named by gpg:KEY")

    def sign(self, payload: bytes) -> Signature:
        signature = self._keys.sign(payload, self._fingerprint)
        return Signature(self._fingerprint, signature.hex())


def _ring(home: Path) -> Path:
    return home / "trusted.kbx"


def _terminal() -> dict[str, str]:
    """Where a passphrase can be asked for: gpg itself runs in a session without a terminal."""
    for number in (0, 1, 2):
        with suppress(OSError):
            return {"GPG_TTY": os.ttyname(number)}
    return {}


def _status(printed: str) -> list[list[str]]:
    """The words of each status line. (A name may have what else ends a line.)"""
    prefix = "[GNUPG:] "
    lines = [line for line in printed.split("\n") if line.startswith(prefix)]
    return [line.removeprefix(prefix).split(" ") for line in lines]


def _signer(status: Sequence[Sequence[str]], done: Finished) -> str:
    """The primary key of the one good signature."""
    words = [each[0] for each in status]
    for word, reason in _REASONS.items():
        if word in words:
            raise UserError(f"{reason[0].upper()}{reason[1:]}.", detail=done.last_lines())
    if [words.count(word) for word in ("NEWSIG", "GOODSIG", "VALIDSIG")] != [1, 1, 1]:
        raise UserError("It is not one good signature.", detail=done.last_lines())
    (valid,) = (each for each in status if each[0] == "VALIDSIG")
    if len(valid) < 11 or valid[8] not in _DIGESTS:
        raise UserError("The signature is of a digest older than SHA-256.")
    if valid[9] != _BINARY:
        raise UserError("The signature is of text, which may have other ends of lines.")
    if done.status:
        raise UserError("gpg did not accept the signature.", detail=done.last_lines())
    return valid[10].lower()


def _records(listed: str, kind: str) -> Iterator[KeyRecord]:
    """The keys in a listing, which begin with ``kind``: pub or sec."""
    block: list[list[str]] = []
    for fields in (line.split(":") for line in listed.split("\n")):
        if fields[0] == kind and block:
            yield _record(block)
            block = []
        if fields[0] == kind or block:
            block.append(fields)
    if block:
        yield _record(block)


def _record(block: Sequence[Sequence[str]]) -> KeyRecord:
    primary, *subkeys = (fields[9].lower() for fields in block if fields[0] == "fpr")
    users = [fields for fields in block if fields[0] == "uid"]
    user = next((each for each in users if each[1] not in "rei"), users[0] if users else None)
    name = "" if user is None else _unescaped(user[9], "\\x")
    return KeyRecord(
        fingerprint=primary,
        user="".join(filter(str.isprintable, name)),
        subkeys=tuple(subkeys),
        unusable=_unusable(block),
    )


def _unusable(block: Sequence[Sequence[str]]) -> str:
    """Why nothing can be signed, or empty; capitals are what the whole key can do."""
    first = block[0]
    if reason := _UNUSABLE.get(first[1]):
        return reason
    if "D" in first[11]:
        return "it is disabled"
    if "S" not in first[11]:
        return "it is not made for signatures"
    if first[0] == "sec" and not any(_can_sign(fields) for fields in block):
        return "its secret part is not here"
    return ""


def _can_sign(fields: Sequence[str]) -> bool:
    if fields[0] not in ("sec", "ssb") or fields[1] in _UNUSABLE:
        return False
    return "s" in fields[11] and fields[14] != "#"


def _unescaped(text: str, mark: str) -> str:
    """Text in which a mark and two hexadecimal digits stand for a byte."""
    first, *rest = text.split(mark)
    return first + "".join(_byte(part[:2]) + part[2:] for part in rest)


def _byte(digits: str) -> str:
    try:
        return chr(int(digits, 16))
    except ValueError:
        return digits
