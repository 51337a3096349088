"""What of samebytes-core builds a project, by what the project's own files say."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from samebytes.toml import table_at

#: The distribution, and its extra for canonical compression.
NAME, EXTRA = "samebytes-core", "deflate"

#: What builds a project that names no backend (PEP 517).
LEGACY_BACKEND = "setuptools.build_meta:__legacy__"


class Wrapper(StrEnum):
    """By the name that stands in pyproject.toml; each leaves its record of the epoch in sdists."""

    BACKEND = "samebytes_core.backend"
    HATCH_HOOK = "samebytes"


def wrapper_of(
    pyproject: Mapping[str, object], hatch: Mapping[str, object] | None = None
) -> Wrapper | None:
    """What is around the project's sdist; None: nothing of ours. ``hatch`` is from hatch.toml."""
    if table_at(pyproject, "build-system").get("build-backend") == Wrapper.BACKEND:
        return Wrapper.BACKEND
    # Tables of hatch.toml take the place of those of the same names in [tool.hatch].
    build = table_at({**table_at(pyproject, "tool", "hatch"), **(hatch or {})}, "build")
    hooks = table_at(build, "hooks") | table_at(build, "targets", "sdist", "hooks")
    return Wrapper.HATCH_HOOK if Wrapper.HATCH_HOOK in hooks else None
