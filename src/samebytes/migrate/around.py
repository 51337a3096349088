"""What may differ between archives of a backend and of the wrapper around it: next to nothing.

As in ``expected``, a difference that no row expects is a finding.
"""

from __future__ import annotations

import tomllib
from typing import Any

from samebytes_core.tree import RECORD

from samebytes.compare.model import Difference
from samebytes.digest import Digest
from samebytes.migrate.expected import Expectation, Pair, is_changed, is_container
from samebytes.migrate.packed import Packed

#: What the wrapper is written into, and what of an sdist must be kept for it.
_FILE = "pyproject.toml"
KEPT = frozenset({_FILE})


def expected_around(epoch: int) -> tuple[Expectation, ...]:
    """The rows for builds of this epoch, in seconds."""
    record = Digest.of(f"{epoch}\n".encode()).hex

    def is_record(difference: Difference, pair: Pair) -> bool:
        path = pair.path(difference)
        return pair.is_sdist and path == RECORD and pair.after.files.get(path) == record

    return (
        Expectation(
            id="canonical",
            kinds=("",),
            applies=is_container,
            reason="The wrapper wrote the archive again: its times, owners, order and headers.",
        ),
        Expectation(
            id="epoch",
            kinds=("member-only-in-second",),
            applies=is_record,
            reason="With which time it was built, for the wheel that is built from it.",
        ),
        Expectation(
            id="migrated",
            kinds=("member-content", "member-only-in-second", "content-"),
            applies=is_changed,
            reason="The migration changed it.",
        ),
        Expectation(
            id="rewritten",
            kinds=("member-content", "content-"),
            applies=_is_rewritten,
            reason="The backend writes it anew for the sdist: as before, and what is changed.",
        ),
        Expectation(
            id="sources",
            kinds=("member-content", "content-", "sources-"),
            applies=_lists_what_came,
            reason="setuptools lists what the sdist holds: the new files, too.",
        ),
    )


def _is_rewritten(difference: Difference, pair: Pair) -> bool:
    """Whether the backend's own pyproject.toml has changed as the tree's has, and no further.

    pdm-backend and uv_build write one of their own, and uv_build keeps the tree's beside it.
    """
    path, data = pair.path(difference), pair.changes[_FILE]
    if not pair.is_sdist or data is None:
        return False
    if path == f"{_FILE}.orig":
        return pair.after.files.get(path) == Digest.of(data).hex
    if path != _FILE:
        return False
    try:
        ours = _meaning(data)
        before, after = (_meaning(_kept(packed)) for packed in (pair.before, pair.after))
    except ValueError:
        return False
    before["build-system"] = ours["build-system"]
    before["tool"] = {**before.get("tool", {}), "samebytes": ours["tool"]["samebytes"]}
    return before == after


def _kept(packed: Packed) -> bytes:
    """The pyproject.toml of an sdist; empty where it was not kept."""
    members = packed.artifact.members
    found = (
        data
        for number, data in packed.artifact.kept.items()
        if members[number].name.partition("/")[2] == _FILE
    )
    return next(found, b"")


def _meaning(data: bytes) -> dict[str, Any]:
    return tomllib.loads(data.decode())


def _lists_what_came(difference: Difference, pair: Pair) -> bool:
    """Whether setuptools' list of files has lines more, each of a file that is new."""
    view = pair.views.get(difference.member or "")
    if not (pair.is_sdist and pair.path(difference).endswith(".egg-info/SOURCES.txt")):
        return False
    if view is None or view.omitted:
        return False
    lines = [(line.mark, line.text) for line in view.lines if line.mark in "-+"]
    new = {path for path in pair.changes if not pair.tree.has(path)}
    return bool(lines) and all(mark == "+" and text in new for mark, text in lines)
