"""setuptools takes the version that the sdist already has, where it builds from one.

A version that is computed (from ``git log``, say) would be another one there: the wheel built from
``x-1.0.dev20260611.tar.gz`` would be ``x-1.0-py3-none-any.whl``. One that stands in pyproject.toml
or setup.cfg, or in a file that these name, is not computed: who edits it in an unpacked sdist means
it.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.parser import BytesHeaderParser
from functools import wraps
from pathlib import Path
from typing import Any

from samebytes_core.errors import warn
from samebytes_core.settings import read_pyproject
from samebytes_core.tree import is_sdist

#: Options of egg_info that add to a version.
_TAGS = ("tag_build", "tag_date")


@contextmanager
def kept(tree: Path) -> Iterator[None]:
    """Meanwhile each ``setup()`` of the project in ``tree`` takes the version of its PKG-INFO.

    Nothing is done where this is no sdist, the backend did not load setuptools, or its version is
    not computed.
    """
    setuptools: Any = sys.modules.get("setuptools.dist")
    if setuptools is None or not is_sdist(tree) or _is_told(os.environ):
        yield
        return
    name, version = _of_sdist(tree)
    before = setuptools.Distribution.parse_config_files

    @wraps(before)
    def parse_config_files(self: Any, *arguments: Any, **named: Any) -> None:
        # The last that is called before the commands; setup() has given its own arguments before.
        before(self, *arguments, **named)
        if not version or _normalized(str(self.metadata.name)) != _normalized(name):
            return
        if _stands_in(tree, self.command_options.get("metadata", {})):
            return
        options = self.command_options.get("egg_info", {})
        tags = [options.pop(tag, ("", ""))[1] for tag in _TAGS]  # are in that version
        is_tagged = any(tag not in ("", "0") for tag in tags)  # as setuptools' sdists say no
        computed = self.metadata.version
        if not is_tagged and computed is not None and _plain(str(computed)) != _plain(version):
            warn(f"the version is that of the sdist, {version}, not {computed}")
        self.metadata.version = version

    setuptools.Distribution.parse_config_files = parse_config_files
    try:
        yield
    finally:
        setuptools.Distribution.parse_config_files = before


def check(tree: Path, wheel: str) -> None:
    """Warn where the wheel of an sdist has another version all the same: of any backend."""
    if is_sdist(tree):
        _, version = _of_sdist(tree)
        built = wheel.split("-")[1]
        if version and _plain(built) != _plain(version):
            warn(f"the version of the wheel is {built}, and that of the sdist {version}")


def _of_sdist(tree: Path) -> tuple[str, str]:
    """Name and version; empty where PKG-INFO does not say."""
    with (tree / "PKG-INFO").open("rb") as file:
        info = BytesHeaderParser().parse(file)
    return str(info["Name"] or ""), str(info["Version"] or "")


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _stands_in(tree: Path, metadata: Mapping[str, tuple[str, str]]) -> bool:
    """Whether a version is written down; ``metadata`` is that table of setup.cfg, with sources."""
    document = read_pyproject(tree) if (tree / "pyproject.toml").is_file() else {}
    dynamic: Any = document.get("tool", {}).get("setuptools", {}).get("dynamic", {})
    static = "version" in document.get("project", {}) or "file" in dynamic.get("version", {})
    _, value = metadata.get("version", ("", "attr:"))
    return static or not str(value).strip().startswith("attr:")


def _is_told(environ: Mapping[str, str]) -> bool:
    """Whether setuptools-scm is told the version, as packagers do."""
    return any(name.startswith("SETUPTOOLS_SCM_PRETEND_VERSION") for name in environ)


def _plain(version: str) -> str:
    """Without what PEP 440 makes of a version besides: case, separators, zeros that lead."""
    return re.sub(r"(?<![0-9])0+(?=[0-9])", "", re.sub(r"[-_.]", ".", version.lower()))
