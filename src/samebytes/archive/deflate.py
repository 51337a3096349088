"""The one deflate that is the same on all machines: its name, and whether a stream is of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from samebytes_core.deflate import (
    COMPRESSORS,
    LEVEL,
    PACKAGE,
    VERSION,
    Compressor,
    DeflateError,
)
from samebytes_core.errors import CoreError

from samebytes.archive.member import Blob
from samebytes.errors import UserError

#: What people are told.
NAME = f"libdeflate ({PACKAGE} {VERSION}), level {LEVEL}"

#: Bytes that are compressed to recognise a stream: what somebody made up for it goes at 2 MiB a
#: second.
LARGEST_TRIED = 256 * 1024**2

_INSTALL = "Install samebytes again, or what it needs: pip install 'samebytes-core[deflate]'."
_SMALLER = "Leave out the largest files, or build without canonical compression."


def canonical_compressor() -> Compressor:
    """Gives the whole stream at the end; raises CoreError where it cannot be had here."""
    return COMPRESSORS["canonical"]()


@contextmanager
def core_errors() -> Iterator[None]:
    """What the core refuses to write, as errors of ours."""
    try:
        yield
    except DeflateError as error:
        raise UserError(
            f"The archives cannot be compressed by {NAME}: {error.problem}.",
            hint=_INSTALL if error.is_missing else _SMALLER,
        ) from None
    except CoreError as error:
        raise UserError(f"The archive cannot be written again: {error}.") from None


def check_deflate() -> None:
    """Raise UserError, before anything is built, where archives cannot be compressed so here."""
    with core_errors():
        canonical_compressor()


def why_untried(size: int = 0) -> str:
    """Why nobody can say here whether a stream of so much (bytes) is of it; empty if one can."""
    if size > LARGEST_TRIED:
        return f"more than {LARGEST_TRIED:,} bytes"
    try:
        canonical_compressor()
    except DeflateError as error:
        return error.problem
    return ""


def is_canonical(chunks: Iterable[bytes], size: int, stream: Blob) -> bool:
    """Whether what the chunks hold, ``size`` bytes, becomes this stream; False if not tried."""
    if size > LARGEST_TRIED:
        return False
    try:
        compressor = canonical_compressor()
        for chunk in chunks:
            compressor.compress(chunk)
        made = compressor.flush()
    except CoreError:
        return False
    return Blob(len(made), hashlib.sha256(made).hexdigest()) == stream
