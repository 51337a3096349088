"""The backend that is wrapped."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

from samebytes_core.errors import CoreError
from samebytes_core.settings import Settings

_OURSELVES = "samebytes_core.backend"


def load(settings: Settings, tree: Path) -> Any:
    """The module or object that [tool.samebytes] names, found as PEP 517 says.

    Raises CoreError where none is named, or it is ourselves; what the import of it raises passes.
    """
    if not settings.backend:
        raise CoreError(
            "no backend is named to build with: pyproject.toml needs, for example, "
            '[tool.samebytes] backend = "setuptools.build_meta"'
        )
    module, _, attributes = settings.backend.partition(":")
    if module == _OURSELVES:
        raise CoreError("[tool.samebytes] backend is samebytes-core itself")
    sys.path[:0] = [os.fspath(_inside(tree, path)) for path in settings.backend_path]
    found: Any = importlib.import_module(module)
    for attribute in filter(None, attributes.split(".")):
        found = getattr(found, attribute)
    return found


def _inside(tree: Path, path: str) -> Path:
    root = tree.resolve()
    found = (root / path).resolve()
    if found != root and root not in found.parents:
        raise CoreError(f"backend-path leaves the project: {path}")
    return found
