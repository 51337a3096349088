"""What a confined build tried, as far as it was seen.

Packets are counted by the kernel, whatever program sends them; host names, and files outside, are
seen of Python code only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

#: In the room: what the cell says at its end, and what Python noted.
REPORT = "cell.json"
NOTES = "notes"
_LARGEST = 256 * 1024
_LONGEST = 200


class Act(StrEnum):
    """What no build has to do."""

    NETWORK = "network"
    WRITE = "write"
    READ = "read"
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
    Act.LEFT: "left running",
}


def read_tried(root: Path) -> frozenset[Tried]:
    """What the build in the room at ``root`` tried; both files are a stranger's."""
    return frozenset([*_noted(root / NOTES), *_reported(root / REPORT)])


def _noted(path: Path) -> Iterator[Tried]:
    for line in _text(path).splitlines():
        act, _, what = line.partition(" ")
        if act in (Act.NETWORK, Act.READ, Act.WRITE) and what:
            yield Tried(Act(act), _shown(what))


def _reported(path: Path) -> Iterator[Tried]:
    try:
        report = json.loads(_text(path) or "{}")
        left, sent = report.get("left", []), report.get("sent", {})
        for name in left:
            yield Tried(Act.LEFT, _shown(str(name)))
        if sent:
            yield Tried(Act.NETWORK, f"the network ({', '.join(sorted(map(_shown, sent)))})")
    except (ValueError, AttributeError, TypeError, RecursionError):
        return


def _text(path: Path) -> str:
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(handle, "rb") as file:
            return file.read(_LARGEST).decode("utf-8", "replace")
    return ""


def _shown(text: str) -> str:
    return "".join(filter(str.isprintable, text))[:_LONGEST]
