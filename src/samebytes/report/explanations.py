"""The documentation of every id, which is written once, in Markdown, for every reader."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files

_HEADING = re.compile(r"^## (\S+)\n+", re.MULTILINE)


def entries() -> Mapping[str, str]:
    """By id of a kind, a cause or a variation, a few paragraphs of Markdown without the heading.

    What is a cause and a variation has one entry, made of both.
    """
    found: dict[str, str] = {}
    for name in ("kinds.md", "causes.md", "variations.md"):
        parts = _HEADING.split((files("samebytes") / "explanations" / name).read_text("utf-8"))
        for identifier, text in zip(parts[1::2], map(str.strip, parts[2::2]), strict=True):
            found[identifier] = "\n\n".join(filter(None, (found.get(identifier), text)))
    return found
