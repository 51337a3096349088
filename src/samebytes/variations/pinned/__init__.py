"""What runs in a hook's Python while its clock stands still, and how it is put there."""

from __future__ import annotations

import os
from pathlib import Path

#: Where zlib-ng is installed, if it is to be used; and a file that is as old as the check.
ZLIB_VARIABLE = "SAMEBYTES_ZLIB"
SINCE_VARIABLE = "SAMEBYTES_SINCE"


def path() -> str:
    """The entry of PYTHONPATH with which Python finds ``sitecustomize``."""
    return os.fspath(Path(__file__).parent)
