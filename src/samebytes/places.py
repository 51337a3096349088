"""Where what is kept lies on this machine."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """Where downloads and toolchains are kept; may be deleted at any time."""
    explicit = os.environ.get("SAMEBYTES_CACHE")
    return Path(explicit) if explicit else platformdirs.user_cache_path("samebytes")


def data_folder() -> Path:
    """Where is kept what is not made again for nothing."""
    return platformdirs.user_data_path("samebytes")
