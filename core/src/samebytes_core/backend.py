"""A build backend that wraps another: PEP 517 and PEP 660, with archives that anybody gets again.

    [build-system]
    requires = ["setuptools", "samebytes-core"]
    build-backend = "samebytes_core.backend"

    [tool.samebytes]
    backend = "setuptools.build_meta"

A hook is there exactly when the wrapped backend has it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from samebytes_core import build, inner
from samebytes_core.errors import CoreError
from samebytes_core.settings import Settings, read_settings

#: Hooks that run as they are, and those that run with the epoch set.
_UNTOUCHED = (
    "build_editable",
    "get_requires_for_build_editable",
    "prepare_metadata_for_build_editable",
)
_UNDER_CONDITIONS = (
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_wheel",
)


def _build_sdist(sdist_directory: str, config_settings: Any = None) -> str:
    settings, backend = _wrapped(Path.cwd())
    return build.sdist(backend, settings, Path.cwd(), sdist_directory, config_settings)


def _build_wheel(
    wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None
) -> str:
    settings, backend = _wrapped(Path.cwd())
    folder, metadata = wheel_directory, metadata_directory
    return build.wheel(backend, settings, Path.cwd(), folder, config_settings, metadata)


_OURS = {"build_sdist": _build_sdist, "build_wheel": _build_wheel}


def __getattr__(name: str) -> Any:
    if name not in (*_OURS, *_UNTOUCHED, *_UNDER_CONDITIONS):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    _, backend = _wrapped(Path.cwd())
    hook = getattr(backend, name)
    return _OURS.get(name, hook)


@cache
def _wrapped(tree: Path) -> tuple[Settings, Any]:
    """The settings of a project, and its own backend."""
    try:
        settings = read_settings(tree)
        return settings, inner.load(settings, tree)
    except CoreError as error:
        raise SystemExit(f"samebytes-core: {error}") from None
