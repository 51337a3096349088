"""The table [tool.samebytes] of pyproject.toml, as far as builds read it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from samebytes_core.errors import CoreError

#: What may be done about a tree that is not its commit.
DIRTY = ("warn", "error", "ignore")


@dataclass(frozen=True)
class Settings:
    """``backend`` is the one that is wrapped, as in [build-system]; empty where none is named.

    ``deflate`` is what compresses the archives: ``zlib``, as of the Python that builds, or
    ``canonical``. ``dirty`` is one of ``DIRTY``.
    """

    backend: str = ""
    backend_path: tuple[str, ...] = ()
    deflate: str = "zlib"
    dirty: str = "warn"


def read_settings(tree: Path) -> Settings:
    """The settings of the project in ``tree``.

    Raises CoreError where pyproject.toml cannot be read, or a setting is not what it may be.
    """
    try:
        with (tree / "pyproject.toml").open("rb") as file:
            document = tomllib.load(file)
    except (OSError, ValueError) as error:
        raise CoreError(f"pyproject.toml cannot be read: {error}") from None
    table = document.get("tool", {}).get("samebytes", {})
    return Settings(
        backend=table.get("backend", ""),
        backend_path=tuple(table.get("backend-path", ())),
        deflate=table.get("deflate", "zlib"),
        dirty=table.get("dirty", "warn"),
    )
