"""What goes wrong, as one exception, and what is said without one."""

from __future__ import annotations

import sys


class CoreError(Exception):
    """The project, its tree or its settings do not allow a reproducible build; says why."""


class UnknownEpochError(CoreError):
    """Nothing says when what is built was made."""


def warn(message: str) -> None:
    """Say it on standard error, which frontends show."""
    sys.stderr.write(f"samebytes-core: warning: {message}\n")
