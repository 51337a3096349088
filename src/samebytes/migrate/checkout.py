"""The user's checkout: what of it would be lost, and the changes written to it, all or none."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from pathlib import Path

from samebytes.atomic import atomic_file
from samebytes.errors import UserError
from samebytes.git import Checkout, Git
from samebytes.source import inside

Changes = Mapping[str, bytes | None]


def check_clean(git: Git, checkout: Checkout, *, allow_dirty: bool) -> None:
    """Raises UserError where files are modified or untracked: they would not be in the proof."""
    dirty = git.uncommitted(checkout)
    if dirty and not allow_dirty:
        some = ", ".join(sorted(dirty)[:5]) + (", …" if len(dirty) > 5 else "")
        raise UserError(
            f"The tree is dirty: {some}.",
            hint="Commit or stash it, or give --allow-dirty: what is migrated is the last commit.",
        )


def check_unmodified(git: Git, checkout: Checkout, paths: Iterable[str]) -> None:
    """Raises UserError where one of these files of the project is modified or untracked."""
    ours = {os.fspath(checkout.project / path) for path in paths}
    _refuse(sorted(ours & git.uncommitted(checkout)))


def check_untouched(checkout: Checkout, changes: Changes, originals: Changes) -> None:
    """Raises UserError where a file to be written is not what it was when the work began."""
    touched = []
    for path in changes:
        place = checkout.root / checkout.project / path
        found = place.read_bytes() if place.is_file() else None
        if found != originals[path] or place.is_dir():
            touched.append(path)
    _refuse(touched)


def _refuse(paths: Sequence[str]) -> None:
    if paths:
        raise UserError(
            f"The migration changes {', '.join(paths)}, which has changes of its own.",
            hint="Commit or stash them, then run it again.",
        )


def write_changes(folder: Path, changes: Changes, originals: Changes) -> None:
    """Write all changes below ``folder``, or none: what was written is put back after an error."""
    places = {path: inside(folder, path) for path in changes}
    modes = {
        path: place.stat().st_mode & 0o777 if place.exists() else 0o644
        for path, place in places.items()
    }
    done: list[str] = []
    try:
        for path, data in changes.items():
            done.append(path)
            _write(places[path], data, modes[path])
    except BaseException:
        for path in done:
            with suppress(OSError):
                _write(places[path], originals[path], modes[path])
        raise


def _write(path: Path, data: bytes | None, mode: int) -> None:
    if data is None:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as part:
        part.write_bytes(data)
        part.chmod(mode)


def patch(
    changes: Changes,
    originals: Changes,
    *,
    below: str = "",
    executable: Set[str] = frozenset(),
) -> Iterator[str]:
    """The changes as lines of a patch that ``git apply`` takes, paths led by ``below``.

    ``executable`` are those of the originals that are.
    """
    for path, data in sorted(changes.items()):
        before = originals[path]
        if before == data:
            continue
        place = f"{below}/{path}" if below else path
        yield f"diff --git a/{place} b/{place}"
        if before is None:
            yield "new file mode 100644"
        if data is None:
            yield f"deleted file mode {'100755' if path in executable else '100644'}"
        names = (
            "/dev/null" if before is None else f"a/{place}",
            "/dev/null" if data is None else f"b/{place}",
        )
        yield from _unified(_lines(before), _lines(data), *names)


def _lines(data: bytes | None) -> list[str]:
    text = (data or b"").decode("utf-8", "surrogateescape")
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _unified(before: list[str], after: list[str], one: str, two: str) -> Iterator[str]:
    for line in difflib.unified_diff(before, after, one, two):
        if line.endswith("\n"):
            yield line[:-1]
        else:
            yield line
            yield "\\ No newline at end of file"
