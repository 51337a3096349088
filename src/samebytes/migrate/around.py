"""What may differ between archives of a backend and of the wrapper around it: next to nothing.

As in ``expected``, a difference that no row expects is a finding.
"""

from __future__ import annotations

from samebytes_core.tree import RECORD

from samebytes.compare.model import Difference
from samebytes.digest import Digest
from samebytes.migrate.expected import Expectation, Pair, is_changed, is_container


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
            id="sources",
            kinds=("member-content", "content-", "sources-"),
            applies=_lists_what_came,
            reason="setuptools lists what the sdist holds: the new files, too.",
        ),
    )


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
