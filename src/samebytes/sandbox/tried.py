"""What a confined build tried, as far as it was seen.

Packets are counted by the kernel, whatever program sends them; host names, and files outside, are
seen of the Python code that runs in the hook's own process.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_LARGEST = 1024 * 1024
_LONGEST = 200


class Act(StrEnum):
    """What no build has to do."""

    NETWORK = "network"
    WRITE = "write"
    READ = "read"
    KILL = "kill"
    LEFT = "left"


@dataclass(frozen=True, slots=True, order=True)
class Tried:
    """``what`` is a host, a path, or the name of a program that was left running."""

    act: Act
    what: str

    def __str__(self) -> str:
        return f"{_WORDS[self.act]} {self.what}"


_WORDS = {
    Act.NETWORK: "tried to reach",
    Act.WRITE: "tried to write",
    Act.READ: "tried to read",
    Act.KILL: "tried to kill",
    Act.LEFT: "left running",
}


def read_tried(path: Path) -> frozenset[Tried]:
    """What the report at ``path`` says; none is nothing. It has the words of a stranger."""
    return frozenset(_reported(path))


def _reported(path: Path) -> Iterator[Tried]:
    for line in _text(path).splitlines():
        with suppress(ValueError, TypeError, RecursionError):
            act, what = json.loads(line)
            if shown := _shown(str(what)):
                yield Tried(Act(act), shown)


def _text(path: Path) -> str:
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(handle, "rb") as file:
            return file.read(_LARGEST).decode("utf-8", "replace")
    return ""


def _shown(text: str) -> str:
    return "".join(filter(str.isprintable, text))[:_LONGEST]
