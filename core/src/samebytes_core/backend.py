"""A build backend that wraps another: PEP 517 and PEP 660, with archives that anybody gets again.

    [build-system]
    requires = ["setuptools", "samebytes-core"]
    build-backend = "samebytes_core.backend"

    [tool.samebytes]
    backend = "setuptools.build_meta"

It has what the wrapped backend has, and is imported where that can be.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, wraps
from pathlib import Path
from typing import Any

from samebytes_core import build, inner
from samebytes_core.errors import CoreError
from samebytes_core.settings import Settings, read_settings

#: Any hook; its arguments are passed on as they came.
_Hook = Callable[..., Any]


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    tree = Path.cwd()
    with _told():
        settings, backend = _wrapped(tree)
    found = getattr(backend, name)
    wrapper = _WRAPPERS.get(name)
    return found if wrapper is None else wrapper(found, settings, tree)


def _writes(write: Callable[..., str], parameter: str) -> Callable[[_Hook, Settings, Path], _Hook]:
    """A hook that writes an archive into the folder that is its first parameter."""

    def wrapper(hook: _Hook, settings: Settings, tree: Path) -> _Hook:
        @wraps(hook)
        def run(*arguments: Any, **named: Any) -> str:
            folder, *rest = arguments or (named.pop(parameter),)
            folder = os.path.abspath(folder)  # hooks may leave the tree
            with _told():
                return write(lambda into: hook(into, *rest, **named), settings, tree, folder)

        return run

    return wrapper


def _under_conditions(hook: _Hook, _: Settings, tree: Path) -> _Hook:
    @wraps(hook)
    def run(*arguments: Any, **named: Any) -> Any:
        with _told(), build.known_conditions(tree):
            return hook(*arguments, **named)

    return run


#: All else is the wrapped backend's own: the hooks of editable installs, and its exceptions.
_WRAPPERS = {
    "build_sdist": _writes(build.sdist, "sdist_directory"),
    "build_wheel": _writes(build.wheel, "wheel_directory"),
    "get_requires_for_build_sdist": _under_conditions,
    "get_requires_for_build_wheel": _under_conditions,
    "prepare_metadata_for_build_wheel": _under_conditions,
}


@contextmanager
def _told() -> Iterator[None]:
    """What is wrong with the project is said without a traceback; the working folder stays."""
    folder = os.getcwd()
    try:
        yield
    except CoreError as error:
        raise SystemExit(f"samebytes-core: error: {error}") from None
    finally:
        os.chdir(folder)


@cache
def _wrapped(tree: Path) -> tuple[Settings, Any]:
    """The settings of a project, and its own backend."""
    settings = read_settings(tree)
    return settings, inner.load(settings, tree)


# Frontends tell a backend that cannot be imported from a hook that fails or is not there, so what
# the import of the wrapped one raises must come from the import of this one. What is wrong with
# the settings is said when a hook is asked for: no other import of this module is refused.
with suppress(CoreError):
    _wrapped(Path.cwd())
