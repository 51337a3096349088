"""How much an archive from a stranger may hold before we stop reading it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from samebytes.errors import LimitError


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """``members``: how many; ``size``: bytes when unpacked; ``headers``: bytes about members."""

    members: int = 200_000
    size: int = 8 * 1024**3
    headers: int = 384 * 1024**2

    def check(self, path: Path, *, members: int = 0, size: int = 0, headers: int = 0) -> None:
        """Raise LimitError if one of them is over its limit."""
        if members <= self.members and size <= self.size and headers <= self.headers:
            return
        for found, limit, what in (
            (members, self.members, "has more than {:,} members"),
            (size, self.size, "unpacks to more than {:,} bytes"),
            (headers, self.headers, "describes its members in more than {:,} bytes"),
        ):
            if found > limit:
                raise LimitError(
                    f"{path.name} {what.format(limit)}.",
                    limit="archive",
                    hint="It was made to exhaust the machine, or is no sdist or wheel.",
                )
