"""The documentation of kinds and causes, which is written once, in Markdown, for every reader."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files

_HEADING = re.compile(r"^## (\S+)\n+", re.MULTILINE)


def entries() -> Mapping[str, str]:
    """By id of a kind or a cause, its entry: a few paragraphs of Markdown without the heading."""
    found: dict[str, str] = {}
    for name in ("kinds.md", "causes.md"):
        parts = _HEADING.split((files("samebytes") / "explanations" / name).read_text("utf-8"))
        found |= dict(zip(parts[1::2], map(str.strip, parts[2::2]), strict=True))
    return found
