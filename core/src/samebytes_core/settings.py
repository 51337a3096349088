"""The table [tool.samebytes] of pyproject.toml, as far as builds read it."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from samebytes_core.deflate import COMPRESSORS
from samebytes_core.errors import CoreError

#: What may be done about a tree that is not its commit.
DIRTY = ("warn", "error", "ignore")

_TABLE = "[tool.samebytes]"
#: A module, and an object in it: https://peps.python.org/pep-0517/#source-trees
_BACKEND = re.compile(r"\w+(\.\w+)*(:\w+(\.\w+)*)?")


@dataclass(frozen=True)
class Settings:
    """``backend`` is the one that is wrapped, as in [build-system]; empty where none is named.

    ``backend_path`` are folders of the project in which it lies, ``deflate`` names what compresses
    the archives, ``dirty`` is one of ``DIRTY``.
    """

    backend: str = ""
    backend_path: tuple[str, ...] = ()
    deflate: str = "zlib"
    dirty: str = "warn"


def read_settings(tree: Path) -> Settings:
    """The settings of the project in ``tree``; tables in the table are for others.

    Raises CoreError where pyproject.toml cannot be read, or a setting is not what it may be.
    """
    tool = read_pyproject(tree).get("tool", {})
    table = tool.get("samebytes", {}) if isinstance(tool, dict) else tool
    if not isinstance(table, dict):
        raise CoreError(f"pyproject.toml: {_TABLE} is not a table")
    known = ("backend", "backend-path", "deflate", "dirty")
    refuse_unknown(_TABLE, (key for key in table if not isinstance(table[key], dict)), known)
    return Settings(
        backend=_backend(table),
        backend_path=_backend_path(table),
        deflate=choice(_TABLE, table, "deflate", tuple(COMPRESSORS)),
        dirty=choice(_TABLE, table, "dirty", DIRTY),
    )


def read_pyproject(tree: Path) -> dict[str, Any]:
    """What pyproject.toml says; raises CoreError where it cannot be read."""
    try:
        return tomllib.loads((tree / "pyproject.toml").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CoreError(f"pyproject.toml cannot be read: {error}") from None


def choice(where: str, table: Mapping[str, Any], key: str, among: tuple[str, ...]) -> str:
    """The value of ``key`` in ``table``, by default the first of ``among``.

    Raises CoreError where it is none of them.
    """
    value = table.get(key, among[0])
    if isinstance(value, str) and value in among:
        return value
    allowed = ", ".join(f'"{each}"' for each in among)
    raise CoreError(f"{where} {key} is {value!r}, and may be one of {allowed}")


def refuse_unknown(where: str, keys: Iterable[str], known: tuple[str, ...]) -> None:
    """Raise CoreError for the first key that is not known."""
    for key in keys:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(known)}."
            raise CoreError(f"{where} has no setting {key}. {hint}")


def _backend(table: Mapping[str, Any]) -> str:
    value = table.get("backend", "")
    if isinstance(value, str) and (_BACKEND.fullmatch(value) or "backend" not in table):
        return value
    raise CoreError(
        f"{_TABLE} backend is {value!r}, and must be a module, or an object in one, such as "
        '"setuptools.build_meta"'
    )


def _backend_path(table: Mapping[str, Any]) -> tuple[str, ...]:
    value = table.get("backend-path", [])
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return tuple(value)
    raise CoreError(f"{_TABLE} backend-path is {value!r}, and must be a list of folders")
