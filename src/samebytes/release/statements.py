"""Where signed statements are kept: each in a file of its own, and none in place of another."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from samebytes.errors import UserError
from samebytes.release.record import STATEMENTS
from samebytes.release.signed.envelope import read_envelope
from samebytes.release.signed.statement import Claim, Kind, read_claim
from samebytes.release.signed.strict import LARGEST

_MOST_STATEMENTS = 1000


def write_statement(root: Path, name: str, text: str) -> Path:
    """Write a statement below a release's folder, as ``add_statement`` does."""
    folder = root / STATEMENTS
    with _told(folder):
        folder.mkdir(exist_ok=True)
    return add_statement(folder, name, text)


def add_statement(folder: Path, name: str, text: str) -> Path:
    """Write a statement, whole or not at all, and return where it is.

    It takes no other's place: that of ``x.json`` is ``x.2.json`` where there is another one, then
    ``x.3.json``. What is there already is not written twice.

    Raises UserError where the folder is a link, which may lead anywhere, or cannot be written.
    """
    data = text.encode()
    with _told(folder), _opened(folder) as handle, _part(handle, data) as part:
        for number in count(1):
            free = name if number == 1 else f"{name.removesuffix('.json')}.{number}.json"
            if _is_same(handle, free, data) or _placed(handle, part, free):
                os.fsync(handle)
                return folder / free
    raise AssertionError("unreachable: some name is free")


def replace_statement(path: Path, text: str, keyid: str) -> None:
    """Write a statement to where somebody wants it, whole or not at all.

    Raises UserError where ``check_replaceable`` does.
    """
    check_replaceable(path, keyid)
    with _told(path.parent):
        folder = path.parent.resolve()
        with _opened(folder) as handle, _part(handle, text.encode()) as part:
            os.replace(part, path.name, src_dir_fd=handle, dst_dir_fd=handle)
            os.fsync(handle)


def check_replaceable(path: Path, keyid: str) -> None:
    """Raise UserError where anything lies but an earlier confirmation by the same key.

    A no stays where it is, too.
    """
    if not os.path.lexists(path):
        return
    claim = _claim(path, keyid)
    if claim is None or not claim.is_yes or claim.kind is not Kind.CONFIRMATION:
        raise UserError(
            f"{path} is there already, and is no yes of this key: it is not replaced.",
            hint="Name another file with -o FILE.",
        )


def claims_of(keyid: str, folder: Path, pattern: str = "*.json") -> Iterator[tuple[Path, Claim]]:
    """What the key is said to have said in files of ``folder``; its signature is not checked."""
    for path in sorted(folder.glob(pattern))[:_MOST_STATEMENTS]:
        if (claim := _claim(path, keyid)) is not None:
            yield path, claim


def _claim(path: Path, keyid: str) -> Claim | None:
    """What a file has of this key; None where that is nothing that can be understood."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return None
        with path.open("rb") as file:
            envelope = read_envelope(file.read(LARGEST + 1))
        return read_claim(envelope.payload) if keyid in envelope.signatures else None
    except (OSError, UserError):
        return None


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EEXIST):
            reason = "it is a link, or no folder"
        else:
            reason = error.strerror or str(error)
        raise UserError(
            f"The signed statement cannot be written to {folder}: {reason}.",
            hint="Name a file for it with -o FILE.",
        ) from None


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """A folder that stays the same one, whatever becomes of its name."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def _part(folder: int, data: bytes) -> Iterator[str]:
    """The name of a new file with this in it, by a name that nobody can foresee."""
    name = f".statement.{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    handle = os.open(name, flags, 0o600, dir_fd=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield name
    finally:
        with suppress(FileNotFoundError):  # it was renamed
            os.unlink(name, dir_fd=folder)


def _is_same(folder: int, name: str, data: bytes) -> bool:
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError:
        return False
    with os.fdopen(handle, "rb") as file:
        return stat.S_ISREG(os.fstat(handle).st_mode) and file.read(len(data) + 1) == data


def _placed(folder: int, part: str, name: str) -> bool:
    """Give a file its name; false where the name is taken."""
    try:
        os.link(part, name, src_dir_fd=folder, dst_dir_fd=folder)
    except FileExistsError:
        return False
    except OSError:  # a file has one name only here, as on most sticks
        if name in os.listdir(folder):
            return False
        os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)
    return True
