"""What runs inside a build backend's process, and how it is put there."""

from __future__ import annotations

import os
from pathlib import Path

#: Names the folder for copies of streams to the code in ``sitecustomize``.
STREAMS_VARIABLE = "SAMEBYTES_STREAMS"


def overlapping(streams: Path) -> dict[str, str]:
    """The environment in which a hook deflates beside its other work; see ``sitecustomize``."""
    return {
        "PYTHONPATH": os.fspath(Path(__file__).parent),
        STREAMS_VARIABLE: os.fspath(streams),
    }


def complete_stream(streams: Path) -> Path | None:
    """The first stream of which everything is there, if any is."""
    return min(streams.glob("*.complete"), default=None)
