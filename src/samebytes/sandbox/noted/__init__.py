"""What runs in a hook's Python in a cell, and how it is put there."""

from __future__ import annotations

import os
from pathlib import Path


def path() -> str:
    """The entry of PYTHONPATH with which Python finds ``sitecustomize``."""
    return os.fspath(Path(__file__).parent)


def environment(*, windows: bool) -> dict[str, str]:
    """What makes Python write text as on Windows, where that is wanted."""
    return {"PYTHONPATH": path(), "SAMEBYTES_LINE_ENDS": "crlf"} if windows else {}
