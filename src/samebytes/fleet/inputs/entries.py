"""What a lock file says, whatever its format: releases with the digests of their files."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import NormalizedName
from packaging.version import Version

from samebytes.digest import Digest
from samebytes.errors import UserError

#: The largest file that is read, in bytes; the locks of large projects have about five million.
MAX_SIZE = 16 * 1024 * 1024

FORMATS = (
    "Lock files are requirements.txt as pip reads it, pylock.toml (PEP 751) and uv.lock; other "
    "tools can export one of them."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """A release that a lock file pins.

    ``digests`` are those of its files, sdist and wheels alike, and empty when the lock names none.
    ``origin`` says where it stands, for people: ``requirements.txt, line 12``.
    """

    name: NormalizedName
    version: Version
    digests: frozenset[Digest]
    origin: str

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """An entry that cannot be audited; ``what`` is how the lock calls it, without passwords.

    ``is_own``: it is the project whose lock it is.
    """

    what: str
    reason: str
    origin: str
    is_own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """An option that has no effect on an audit; its value, maybe a secret, is not kept."""

    option: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What one or more lock files say, in their order, each release once."""

    entries: tuple[Locked, ...]
    skipped: tuple[Skipped, ...] = ()
    ignored: tuple[Ignored, ...] = ()

    @classmethod
    def of(
        cls,
        entries: Iterable[Locked],
        skipped: Iterable[Skipped] = (),
        ignored: Iterable[Ignored] = (),
    ) -> Lock:
        """A lock in which entries for the same release are one, with the digests of all."""
        merged: dict[tuple[NormalizedName, Version], Locked] = {}
        for entry in entries:
            first = merged.setdefault((entry.name, entry.version), entry)
            merged[entry.name, entry.version] = replace(
                first, digests=first.digests | entry.digests
            )
        return cls(entries=tuple(merged.values()), skipped=tuple(skipped), ignored=tuple(ignored))

    @classmethod
    def joined(cls, locks: Iterable[Lock]) -> Lock:
        """Several locks as one."""
        locks = list(locks)
        return cls.of(
            (entry for lock in locks for entry in lock.entries),
            (skipped for lock in locks for skipped in lock.skipped),
            (ignored for lock in locks for ignored in lock.ignored),
        )


def known_digests(hashes: Iterable[tuple[str, str]]) -> frozenset[Digest] | None:
    """The SHA-256 digests among hashes, which are pairs of algorithm and hexadecimal digits.

    None when there are hashes, but none that can be checked: this is not the same as a lock
    without any. Raises ValueError for a SHA-256 that is none.
    """
    hashes = list(hashes)
    found = frozenset(Digest(digits.lower()) for name, digits in hashes if name == "sha256")
    return None if hashes and not found else found


def locked_or_skipped(
    name: NormalizedName, version: Version, digests: frozenset[Digest] | None, origin: str
) -> Locked | Skipped:
    if digests is None:
        return Skipped(
            what=f"{name}=={version}", reason="none of its hashes is a SHA-256", origin=origin
        )
    return Locked(name=name, version=version, digests=digests, origin=origin)


def read_text(path: Path, *, largest: int = MAX_SIZE, hint: str = FORMATS) -> str:
    """The text of a file, in UTF-8 with or without a byte order mark.

    Raises UserError, with the ``hint``, when it cannot be read, has more than ``largest`` bytes, or
    is no such text.
    """
    try:
        with path.open("rb") as file:
            data = file.read(largest + 1)
    except FileNotFoundError:
        raise UserError(f"There is no file {path}.") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"{path} cannot be read: {reason}.") from None
    if len(data) > largest:
        raise UserError(f"{path} has more than {largest} bytes.", hint=hint)
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}, line {line}: this is not UTF-8.", hint=hint) from None
