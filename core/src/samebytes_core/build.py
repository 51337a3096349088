"""The two hooks that write archives, and what the other hooks of a build run under."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from samebytes_core import sdist_version
from samebytes_core.canonical import rewrite_sdist, rewrite_wheel
from samebytes_core.epoch import VARIABLE
from samebytes_core.errors import CoreError, UnknownEpochError, warn
from samebytes_core.settings import Settings
from samebytes_core.tree import RECORD, check_leftovers, epoch_of, examine, refuse_other_record

#: Builds into the folder it is given, and returns the name of the file.
Hook = Callable[[str], str]

#: What sdists were before PEP 517 said ``.tar.gz``.
_OLD_SDISTS = (".zip", ".tar", ".tgz", ".tar.bz2", ".tar.xz", ".tar.Z")


def sdist(hook: Hook, settings: Settings, tree: Path, folder: str) -> str:
    """Have ``hook`` build an sdist, and write it into ``folder`` again; returns its file name.

    Where the epoch is not known, or the archive is no ``.tar.gz``, it stays as the backend made it.
    """
    epoch = examine(tree, settings.dirty)
    refuse_other_record(tree)
    with _beside(folder) as scratch, conditions(tree, epoch.seconds if epoch else None):
        built = final = _built(hook, scratch, (".tar.gz", *_OLD_SDISTS))
        if built.name.endswith(_OLD_SDISTS):
            warn(f"{built.name} is left as the backend made it: it is no .tar.gz")
        elif epoch is not None:
            final = scratch / f"{built.name}.part"
            record = {RECORD: f"{epoch.seconds}\n".encode()}
            rewrite_sdist(built, final, epoch.seconds, added=record, deflate=settings.deflate)
        os.replace(final, Path(folder, built.name))
    return built.name


def wheel(hook: Hook, settings: Settings, tree: Path, folder: str) -> str:
    """Have ``hook`` build a wheel, and write it into ``folder`` again; returns its file name.

    Where the epoch is not known, it stays as the backend made it.
    """
    epoch = examine(tree, settings.dirty)
    if "setuptools" in sys.modules:
        check_leftovers(tree, settings.dirty)
    with _beside(folder) as scratch, conditions(tree, epoch.for_zip if epoch else None):
        built = final = _built(hook, scratch, (".whl",))
        if epoch is not None:
            final = scratch / f"{built.name}.part"
            rewrite_wheel(built, final, epoch.for_zip, deflate=settings.deflate)
        sdist_version.check(tree, built.name)
        os.replace(final, Path(folder, built.name))
    return built.name


@contextmanager
def known_conditions(tree: Path) -> Iterator[None]:
    """Those of the build of ``tree``, for the hooks that write no archive."""
    seconds = None
    with suppress(UnknownEpochError):  # of which the hooks that write archives warn
        seconds = epoch_of(tree, os.environ).for_zip
    with conditions(tree, seconds):
        yield


@contextmanager
def conditions(tree: Path, seconds: int | None) -> Iterator[None]:
    """SOURCE_DATE_EPOCH is set meanwhile, where it is known; an sdist keeps its version."""
    before = os.environ.get(VARIABLE)
    if seconds is not None:
        os.environ[VARIABLE] = str(seconds)
    try:
        with sdist_version.kept(tree):
            yield
    finally:
        if before is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = before


@contextmanager
def _beside(folder: str) -> Iterator[Path]:
    """A folder in ``folder``, on the same disk, that goes away."""
    try:
        os.makedirs(folder, exist_ok=True)
        scratch = tempfile.TemporaryDirectory(prefix=".samebytes-", dir=os.path.abspath(folder))
    except OSError as error:
        raise CoreError(f"nothing can be written to {folder}: {error}") from None
    with scratch as name:
        yield Path(name)


def _built(hook: Hook, scratch: Path, endings: tuple[str, ...]) -> Path:
    """The file that ``hook`` builds, which has to be one in ``scratch`` that ends so."""
    name = hook(os.fspath(scratch))
    if isinstance(name, str):
        found = scratch / name
        inside = found.resolve().parent == scratch.resolve()
        if inside and found.is_file() and name.endswith(endings):
            return found
    raise CoreError(
        f"the backend says that it built {name!r}, where a file that ends in {endings[0]}, in the "
        "folder it was given, was expected"
    )
