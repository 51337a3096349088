"""How findings name what they are about."""

from __future__ import annotations

from collections.abc import Iterable

#: Names that a message lists.
_SHOWN = 20


def listed(names: Iterable[str]) -> str:
    """Up to 20 names, and how many more there are; nothing of them sets a terminal."""
    everything = sorted(names)
    texts = [name if name.isprintable() else ascii(name) for name in everything[:_SHOWN]]
    more = len(everything) - len(texts)
    return ", ".join(texts) + (f" and {more:,} more" if more else "")
