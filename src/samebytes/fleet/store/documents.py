"""Documents as they are kept: JSON, compressed; and what is believed when they come back."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from samebytes.digest import Digest
from samebytes.errors import LimitError
from samebytes.fleet.record import ComparisonDocument
from samebytes.verify.document import Result
from samebytes.verify.kept import is_whole, is_whole_comparison

#: The largest document that is kept or read, in bytes of JSON, and in values, which take memory
#: however short they are: what speaks of each member of the largest archive is not larger.
MAX_SIZE, MAX_VALUES = 64 * 1024 * 1024, 2_000_000
#: Half as large again as with the default, in a fifth of the time.
_LEVEL = 3
#: Half of a surrogate pair, maybe, which no text of ours has.
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
#: What reading gives that we did not write.
DAMAGE = (TypeError, ValueError, OverflowError, RecursionError, zlib.error)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(seconds: float) -> datetime:
    """A time as it is kept; raises one of ``DAMAGE`` for what is none, whatever the system."""
    return _EPOCH + timedelta(seconds=seconds)


def packed(document: Mapping[str, Any]) -> bytes:
    """Raises LimitError for a document that would not be read again."""
    text = json.dumps(document, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    data = text.encode(errors="replace")
    if is_too_large(data):
        raise LimitError(
            f"What was found has more than {MAX_SIZE:,} bytes, or {MAX_VALUES:,} values."
        )
    return zlib.compress(data, _LEVEL)


def unpacked(data: object) -> dict[str, Any]:
    """Raises one of ``DAMAGE`` for what we would not have packed."""
    if not isinstance(data, bytes):
        raise TypeError("a document is not of bytes")
    stream = zlib.decompressobj()
    text = stream.decompress(data, MAX_SIZE)
    if not stream.eof:
        raise ValueError("a document is cut off, or too large")
    if is_too_large(text):
        raise ValueError("a document is too large")
    document = json.loads(text)
    if not isinstance(document, dict):
        raise TypeError("a document is not an object")
    if _HALF.search(text):
        json.dumps(document, ensure_ascii=False).encode()
    return document


def is_too_large(text: bytes) -> bool:
    """Whether it would take too much to read this."""
    return len(text) > MAX_SIZE or sum(map(text.count, (b"[", b"{", b","))) > MAX_VALUES


def documents(
    filename: str, digest: Digest, verdict: str, result: object, comparison: object
) -> tuple[Result, ComparisonDocument | None]:
    """Raises one of ``DAMAGE`` where they are not what a verdict on this file has."""
    document = unpacked(result)
    compared: Mapping[str, Any] | None = None if comparison is None else unpacked(comparison)
    if not is_whole(document, filename, digest):
        raise ValueError("a result is not whole, or of another file")
    if document["verdict"] != verdict:
        raise ValueError("a result is of another verdict")
    if compared is not None and not is_whole_comparison(compared, digest):
        raise ValueError("a comparison is not whole, or of another file")
    return document, compared
