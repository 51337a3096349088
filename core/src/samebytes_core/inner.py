"""The backend that is wrapped."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from samebytes_core.errors import CoreError
from samebytes_core.settings import Settings


def load(settings: Settings, tree: Path) -> Any:
    """The module or object that [tool.samebytes] names, found as PEP 517 says.

    Raises CoreError where there is none, or it is ourselves; what the import of it raises passes.
    """
    if not settings.backend:
        raise CoreError(
            "no backend is named to build with: pyproject.toml needs, for example, "
            '[tool.samebytes] backend = "setuptools.build_meta"'
        )
    name, _, attributes = settings.backend.partition(":")
    if name.partition(".")[0] == __name__.partition(".")[0]:
        raise CoreError("[tool.samebytes] backend is samebytes-core itself")
    folders = [_inside(tree, path) for path in settings.backend_path]
    sys.path[:0] = map(os.fspath, folders)
    found: Any = _imported(name)
    if folders and not _lies_in(found, folders):
        raise CoreError(f"backend-path does not hold {name}, which is {found!r}")
    for attribute in filter(None, attributes.split(".")):
        if not hasattr(found, attribute):
            raise CoreError(f"[tool.samebytes] backend is {settings.backend}: no {attribute}")
        found = getattr(found, attribute)
    return found


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # something else that it needs
    raise CoreError(
        f"the backend {name} cannot be imported: [build-system] requires must list the "
        "distribution that has it, or [tool.samebytes] backend-path the folder"
    )


def _inside(tree: Path, path: str) -> Path:
    root = tree.resolve()
    found = (root / path).resolve()
    if found != root and root not in found.parents:
        raise CoreError(f"[tool.samebytes] backend-path leaves the project: {path}")
    if not found.is_dir():
        raise CoreError(f"[tool.samebytes] backend-path has no folder {path}")
    return found


def _lies_in(module: ModuleType, folders: Sequence[Path]) -> bool:
    """PEP 517: a backend MUST be loaded from backend-path, where there is one."""
    file = getattr(module, "__file__", None)
    files = [file] if file else getattr(module, "__path__", ())
    return any(folder in Path(each).resolve().parents for each in files for folder in folders)
