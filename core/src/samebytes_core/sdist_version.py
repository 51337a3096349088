"""setuptools takes the version that the sdist already has, where it builds from one.

A version that is computed (from ``git log``, say) would be another one there: the wheel built from
``x-1.0.dev20260611.tar.gz`` would be ``x-1.0-py3-none-any.whl``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import BytesHeaderParser
from functools import wraps
from pathlib import Path
from typing import Any

from samebytes_core.errors import warn
from samebytes_core.tree import is_sdist


@contextmanager
def kept(tree: Path) -> Iterator[None]:
    """Meanwhile each ``setup()`` of the project in ``tree`` takes the version of its PKG-INFO.

    Nothing is done where this is no sdist, or the backend did not load setuptools.
    """
    setuptools: Any = sys.modules.get("setuptools.dist")
    if setuptools is None or not is_sdist(tree):
        yield
        return
    with (tree / "PKG-INFO").open("rb") as file:
        info = BytesHeaderParser().parse(file)
    name, version = str(info["Name"]), str(info["Version"] or "")
    before = setuptools.Distribution.parse_config_files

    @wraps(before)
    def parse_config_files(self: Any, *arguments: Any, **named: Any) -> None:
        # The last that is called before the commands; setup() has given its own arguments before.
        before(self, *arguments, **named)
        if version and _normalized(str(self.metadata.name)) == _normalized(name):
            if self.metadata.version not in (None, version):
                warn(f"the version is that of the sdist, {version}, not {self.metadata.version}")
            self.metadata.version = version
            for tag in ("tag_build", "tag_date"):  # are in that version
                self.command_options.get("egg_info", {}).pop(tag, None)

    setuptools.Distribution.parse_config_files = parse_config_files
    try:
        yield
    finally:
        setuptools.Distribution.parse_config_files = before


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
