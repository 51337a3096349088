"""The two hooks that write archives, and what the other hooks of a build run under."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from samebytes_core.canonical import rewrite_sdist, rewrite_wheel
from samebytes_core.epoch import VARIABLE, Epoch
from samebytes_core.settings import Settings
from samebytes_core.tree import RECORD, check_dirty, epoch_of


def sdist(inner: Any, settings: Settings, tree: Path, folder: str, config: Any) -> str:
    """Have ``inner`` build an sdist, and write it into ``folder`` again; returns its file name."""
    check_dirty(tree, settings.dirty)
    epoch = epoch_of(tree, os.environ)
    record = {RECORD: f"{epoch.seconds}\n".encode()}
    with conditions(epoch), _beside(folder) as scratch:
        name: str = inner.build_sdist(os.fspath(scratch), config)
        rewrite_sdist(scratch / name, scratch / f"{name}.part", epoch.seconds, added=record)
        os.replace(scratch / f"{name}.part", Path(folder, name))
    return name


def wheel(
    inner: Any, settings: Settings, tree: Path, folder: str, config: Any, metadata: str | None
) -> str:
    """Have ``inner`` build a wheel, and write it into ``folder`` again; returns its file name."""
    check_dirty(tree, settings.dirty)
    epoch = epoch_of(tree, os.environ)
    with conditions(epoch), _beside(folder) as scratch:
        name: str = inner.build_wheel(os.fspath(scratch), config, metadata)
        rewrite_wheel(scratch / name, scratch / f"{name}.part", epoch.for_zip)
        os.replace(scratch / f"{name}.part", Path(folder, name))
    return name


@contextmanager
def conditions(epoch: Epoch) -> Iterator[None]:
    """SOURCE_DATE_EPOCH is set meanwhile."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = str(epoch.seconds)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = before


@contextmanager
def _beside(folder: str) -> Iterator[Path]:
    """A folder in ``folder``, on the same disk, that goes away."""
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".samebytes-", dir=folder) as scratch:
        yield Path(scratch)
