"""What a clone that has not all of its objects itself needs of other repositories."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def shared_objects(tree: Path) -> Iterator[Path]:
    """The folders where the objects lie of the repository that git has just cloned to ``tree``.

    To be asked before any hook has run there, which could name folders of its own.
    """
    left = [path.parent.parent for path in tree.glob(".git/**/objects/info/alternates")]
    seen: set[Path] = set()
    while left:
        objects = left.pop()
        for folder in _alternates(objects):
            if folder not in seen:
                seen.add(folder)
                left.append(folder)
                yield folder


def _alternates(objects: Path) -> Iterator[Path]:
    """Of where else git looks for what is not in a folder of objects, what is there."""
    try:
        lines = (objects / "info" / "alternates").read_bytes().split(b"\n")
    except OSError:
        return
    for line in lines:
        # One that is relative begins where the objects are.
        folder = Path(os.path.normpath(objects / os.fsdecode(line)))
        if line and not line.startswith(b"#") and folder.is_dir():
            yield folder
