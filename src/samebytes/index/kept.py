"""What an index said before, for when it is not to be asked."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable
from pathlib import Path

from samebytes.atomic import atomic_file
from samebytes.errors import UserError
from samebytes.index.listing import IndexFile
from samebytes.wire import Node

#: Changes when what is kept of a listing does.
_VERSION = 2


def keep_listing(path: Path, files: Iterable[IndexFile]) -> None:
    """Have the entries in a file; compressed, as some projects have thousands of releases."""
    document = {"version": _VERSION, "files": [file.to_dict() for file in files]}
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as part:
        part.write_bytes(gzip.compress(json.dumps(document).encode(), compresslevel=1))


def kept_listing(path: Path) -> tuple[IndexFile, ...]:
    """What ``keep_listing`` put there; nothing where there is no such file, or it is damaged."""
    try:
        document = Node(json.loads(gzip.decompress(path.read_bytes())))
        if document["version"].expect(int) == _VERSION:
            return tuple(IndexFile.from_node(node) for node in document["files"])
    except (OSError, EOFError, zlib.error, ValueError, RecursionError, UserError):
        pass
    return ()
