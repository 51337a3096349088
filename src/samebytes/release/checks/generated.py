"""Members of archives that are no files of a repository: what every build makes."""

from __future__ import annotations

import configparser

from packaging.utils import canonicalize_name

#: In a wheel's own dist-info folder: the standards' files, and those of setuptools.
_DIST_INFO = frozenset(
    {
        *("METADATA", "RECORD", "WHEEL", "entry_points.txt"),
        *("dependency_links.txt", "namespace_packages.txt", "top_level.txt", "zip-safe"),
    }
)

#: In the egg-info folder of an sdist that setuptools makes.
_EGG_INFO = frozenset(
    {
        *("PKG-INFO", "SOURCES.txt", "dependency_links.txt", "entry_points.txt"),
        *("namespace_packages.txt", "not-zip-safe", "requires.txt", "top_level.txt", "zip-safe"),
    }
)

#: What setuptools adds to setup.cfg: that the version has been given its tag already.
_ADDED = ("tag_build", "tag_date", "tag_svn_revision")


def in_dist_info(name: str) -> bool:
    """Whether a build makes this file of a dist-info folder; licenses it copies."""
    return name in _DIST_INFO


def in_sdist(path: str, name: str, *, is_setuptools: bool) -> bool:
    """Whether a build makes this file of the sdist of the project ``name``."""
    if path == "PKG-INFO":
        return True
    folder, _, base = path.rpartition("/")
    egg_info = folder.rpartition("/")[2]
    return (
        is_setuptools
        and base in _EGG_INFO
        and egg_info.endswith(".egg-info")
        and canonicalize_name(egg_info.removesuffix(".egg-info")) == canonicalize_name(name)
    )


def is_rewritten_setup_cfg(data: bytes, original: bytes) -> bool:
    """Whether setuptools made this setup.cfg of the project's: it says the same, and its addition.

    Written again, it has lost its comments.
    """
    try:
        ours, theirs = _sections(data), _sections(original)
    except (configparser.Error, UnicodeDecodeError):
        return False
    for sections in (ours, theirs):
        for key in _ADDED:
            sections.get("egg_info", {}).pop(key, None)
        if not sections.get("egg_info"):
            sections.pop("egg_info", None)
    return ours == theirs


def _sections(data: bytes) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser()
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(data.decode())
    sections = {name: dict(parser.items(name)) for name in parser.sections()}
    return sections | {parser.default_section: dict(parser.defaults())}
