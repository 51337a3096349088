"""TOML as strangers write it: tomllib takes quadratic time for keys of many parts."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

#: Parts of a dotted key.
_MOST_PARTS = 100
_QUOTES = frozenset("\"'")


def read_toml(text: str) -> dict[str, Any]:
    """The document; raises ValueError for what is no TOML, or has keys that nobody writes."""
    check_keys(text)
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def table_at(document: Mapping[str, object], *keys: str) -> dict[str, object]:
    """The table at this place; empty if there is none."""
    found: object = document
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return dict(found) if isinstance(found, Mapping) else {}


def check_keys(text: str) -> None:
    """Raise ValueError if a line may hold a key that has more than 100 parts."""
    for line in text.split("\n"):
        if line.count(".") >= _MOST_PARTS and _longest_key(line) > _MOST_PARTS:
            raise ValueError(f"a key has more than {_MOST_PARTS} parts")


def _longest_key(line: str) -> int:
    longest = run = 0
    for part in line.split("."):
        is_key = bool(part.strip()) and (len(part.split()) == 1 or not _QUOTES.isdisjoint(part))
        run = run + 1 if is_key else 0
        longest = max(longest, run)
    return longest
