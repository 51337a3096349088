"""The user's checkout: what of it would be lost, and the changes written to it, all or none."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from samebytes.atomic import atomic_file
from samebytes.errors import ArtifactError, UserError
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


def check_untouched(git: Git, checkout: Checkout, changes: Changes, originals: Changes) -> None:
    """Raises UserError where a file to be written is not as it was committed."""
    dirty = git.uncommitted(checkout)
    ours = {os.fspath(checkout.project / path): path for path in changes}
    touched = sorted(path for path in ours if path in dirty)
    for full, path in ours.items():
        place = checkout.root / full
        found = place.read_bytes() if place.is_file() else None
        if found != originals[path] and full not in touched:
            touched.append(full)
    if touched:
        raise UserError(
            f"The migration changes {', '.join(touched)}, which has changes of its own.",
            hint="Commit or stash them, then run it again.",
        )


def write_changes(folder: Path, changes: Changes, originals: Changes) -> None:
    """Write all changes below ``folder``, or none: what was written is put back after an error."""
    done: list[str] = []
    try:
        for path, data in changes.items():
            done.append(path)
            _write(inside(folder, path), data)
    except BaseException:
        for path in done:
            with suppress(ArtifactError):
                _write(inside(folder, path), originals[path])
        raise


def _write(path: Path, data: bytes | None) -> None:
    if data is None:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    with atomic_file(path) as part:
        part.write_bytes(data)
        part.chmod(mode)


def patch(changes: Changes, originals: Changes, *, below: str = "") -> Iterator[str]:
    """The changes as lines of a patch that ``git apply`` takes, paths led by ``below``."""
    for path, data in sorted(changes.items()):
        before = originals[path]
        if before == data:
            continue
        place = f"{below}/{path}" if below else path
        yield f"diff --git a/{place} b/{place}"
        if before is None:
            yield "new file mode 100644"
        if data is None:
            yield "deleted file mode 100644"
        names = (
            "/dev/null" if before is None else f"a/{place}",
            "/dev/null" if data is None else f"b/{place}",
        )
        yield from _unified(_lines(before), _lines(data), *names)


def _lines(data: bytes | None) -> list[str]:
    return (data or b"").decode("utf-8", "surrogateescape").splitlines(keepends=True)


def _unified(before: list[str], after: list[str], one: str, two: str) -> Iterator[str]:
    for line in difflib.unified_diff(before, after, one, two):
        if line.endswith("\n"):
            yield line[:-1]
        else:
            yield line
            yield "\\ No newline at end of file"
