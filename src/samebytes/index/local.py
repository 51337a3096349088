"""Indexes that are folders: ``file:`` addresses, laid out as PEP 503 has it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from samebytes.digest import Digest
from samebytes.errors import ArtifactError, UserError
from samebytes.index import address
from samebytes.index.listing import IndexFile, Page


def local_page(url: str, largest: int) -> Page | None:
    """A page or another document, or None where there is none; ``largest`` is in bytes.

    Raises ArtifactError when it is too large.
    """
    path = address.local_path(url)
    with _reading(path):
        if not path.is_file():
            return None
        _check_size(path, largest)
        return Page(url=url, content_type="text/html", body=path.read_bytes())


def with_own_digest(file: IndexFile, largest: int) -> IndexFile:
    """The entry; where the index has no SHA-256 for a file of this machine, the file's own."""
    if file.digest is not None or address.scheme(file.url) != "file":
        return file
    path = address.local_path(file.url)
    with _reading(path):
        if not path.is_file():
            return file
        _check_size(path, largest)
        return replace(file, digest=Digest.of_file(path))


def copy_local(file: IndexFile, target: Path, largest: int) -> None:
    """Copy a file of this machine; raises ArtifactError when it is not there, or too large."""
    path = address.local_path(file.url)
    if not path.is_file():
        raise ArtifactError(
            f"The index lists {file.filename}, but there is no file {address.scrubbed(str(path))}.",
            hint="Make the index anew, or use another one.",
        )
    with _reading(path):
        _check_size(path, largest)
        shutil.copyfile(path, target)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{address.scrubbed(str(path))} cannot be read: {error.strerror or error}.",
            hint="Check pip's configuration of the index (pip config list), and the permissions.",
        ) from None


def _check_size(path: Path, largest: int) -> None:
    if path.stat().st_size > largest:
        raise ArtifactError(
            f"{address.scrubbed(str(path))} is larger than the {largest} bytes that are allowed.",
            hint="Do not use the index. If it persists, tell its operators.",
        )
