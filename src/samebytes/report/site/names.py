"""Where everything lies on the site; the names are of strangers, the paths are not."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from urllib.parse import quote

#: What is a file's name, on its page and on disk; nothing else of the site can be called so.
_FILENAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+!-]{0,199}\.(whl|tar\.gz|tar\.bz2|tgz|zip|egg)")
_FOLDER = re.compile(r"[a-z0-9]([a-z0-9._-]{0,98}[a-z0-9])?")
_SHORT = 8


def segment(text: str) -> str:
    """A name for a folder: the text itself, where it is one that needs no thought."""
    return text if _FOLDER.fullmatch(text) else f"~{_digest(text)}"


def page_names(files: Iterable[tuple[str, str]]) -> list[str]:
    """For each filename and its SHA-256, in the order of who comes first, the name of its page.

    No two are the same, even where capital letters do not count.
    """
    taken: set[str] = set()
    names = []
    for filename, sha256 in files:
        name = filename if _FILENAME.fullmatch(filename) else f"~{_digest(filename)}"
        if name.lower() in taken:
            name = f"{name}~{sha256[:_SHORT]}"
        if name.lower() in taken:
            name = f"{name}~{_digest(f'{filename} {sha256}')}"
        taken.add(name.lower())
        names.append(name)
    return names


def link(*parts: str) -> str:
    """The address of a path, with what means something else in an address encoded."""
    return "/".join(quote(part, safe="~") for part in parts)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:20]
