"""Where the rules of a release come from, and how they are written.

They are in a kit's ``release.toml``; else under ``[tool.samebytes.release]`` in pyproject.toml, as
it is in the revision; else there are but the few that hold for every project.
docs/reference/kit.md describes the keys.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from string import Template
from typing import TypeVar
from urllib.parse import urlsplit

from packaging.version import Version

from samebytes.errors import UserError
from samebytes.kits import find_kit_folder
from samebytes.recipe import FILENAME
from samebytes.release.checks.checksums import ALGORITHMS, NAMES
from samebytes.release.rules import (
    DEFAULT_SECONDS,
    ArchiveRules,
    ChangelogRule,
    ChecksumRules,
    Kind,
    Rules,
    SmokeCommand,
    filled,
)
from samebytes.source import GitSource
from samebytes.toml import read_toml
from samebytes.wire import Node

VERSION = 1
RULES = "release.toml"
PYPROJECT = "pyproject.toml"
TABLE = "tool.samebytes.release"

#: Characters of a file with rules, or of a template.
_LONGEST = 1024**2

#: Seconds that a smoke command may take: some tests of a whole project are run in them.
_LONGEST_SMOKE = 24 * 3600

_LOCALHOSTS = ("127.0.0.1", "localhost")

#: The text of a file beside the rules, or None where there is none.
Beside = Callable[[str], str | None]

_RULES_KEYS = (
    *("project", "tag", "versions", "signed-tag", "changelog", "classifiers"),
    *("sdist", "wheel", "smoke", "checksums"),
)

Value = TypeVar("Value")


def find_rules(kit: str | None, source: GitSource) -> Rules:
    """The rules of a kit, by its name or its folder's path, or those of the project itself.

    Raises UserError, with the place, for what is wrong in them.
    """
    if kit is not None:
        folder = find_kit_folder(kit, RULES)
        return read_rules((folder / RULES).read_text("utf-8", "replace"), folder / RULES)
    place = PurePosixPath(source.checkout.project)

    def show(path: str) -> str | None:
        return source.git.show(source.checkout, source.commit, str(place / path)) or None

    document = _parsed(show(PYPROJECT) or "", PYPROJECT)
    for key in TABLE.split("."):
        if key not in document.expect(dict):
            return Rules()
        document = document[key]
    return _named(PYPROJECT, lambda: _rules(document, show))


def read_rules(text: str, place: Path) -> Rules:
    """The rules in the text of a ``release.toml``, which lies at ``place``."""

    def read(path: str) -> str | None:
        file = place.parent / path
        return file.read_text("utf-8", "replace") if file.is_file() else None

    def parse() -> Rules:
        node = _parsed(text, str(place))
        if node["version"].expect(int) != VERSION:
            raise node["version"].error(f"version {node['version'].value} is not known")
        return _rules(node, read, "version")

    return _named(str(place), parse)


def _named(place: str, parse: Callable[[], Rules]) -> Rules:
    try:
        return parse()
    except UserError as error:
        if place in error.message:
            raise
        message = f"{place} has no rules for releases that can be read: {error.message}"
        raise UserError(message, hint="docs/reference/kit.md describes the keys.") from None


def _parsed(text: str, place: str) -> Node:
    if len(text) > _LONGEST:
        raise UserError(f"{place} has more than {_LONGEST:,} characters.")
    try:
        return Node(read_toml(text))
    except ValueError as error:
        raise UserError(f"{place} cannot be read: {error}.") from None


def _rules(node: Node, beside: Beside, *more: str) -> Rules:
    _check_keys(node, *_RULES_KEYS, *more)
    smoke = _each(node, "smoke", _smoke)
    return Rules(
        project=_get(node, "project", _text),
        tag=_get(node, "tag", lambda each: each.parse(_tag)),
        versions=_get(node, "versions", lambda each: each.parse(_expression)),
        signed_tag=_get(node, "signed-tag", lambda each: each.expect(bool)) or False,
        changelog=_each(node, "changelog", _changelog),
        classifiers=_get(node, "classifiers", _classifiers) or {},
        sdist=_get(node, "sdist", lambda each: _archive(each)),
        wheel=_get(node, "wheel", lambda each: _archive(each, "moved")),
        smoke=smoke,
        checksums=_get(node, "checksums", lambda each: _checksums(each, beside)) or ChecksumRules(),
    )


def _changelog(node: Node) -> ChangelogRule:
    _check_keys(node, "path", "lines", "kinds")
    kinds = tuple(each.parse(Kind) for each in _items(node, "kinds"))
    return ChangelogRule(
        path=node["path"].parse(_path),
        lines=tuple(each.parse(_expression) for each in _items(node, "lines")),
        kinds=kinds or tuple(Kind),
    )


def _classifiers(node: Node) -> dict[Kind, str]:
    _check_keys(node, *Kind)
    return {Kind(key): _text(each) for key, each in node.items()}


def _archive(node: Node, *more: str) -> ArchiveRules:
    _check_keys(node, "generated", "left-out", "optional", *more)
    patterns = {
        key: tuple(_text(each) for each in _items(node, key))
        for key in ("generated", "left-out", "optional", "moved")
    }
    return ArchiveRules(
        generated=patterns["generated"],
        left_out=patterns["left-out"],
        optional=patterns["optional"],
        moved=patterns["moved"],
    )


def _smoke(node: Node) -> SmokeCommand:
    _check_keys(node, "run", "cwd", "artifact", "seconds", "serves", "expects")
    run = tuple(each.parse(_argument) for each in node["run"])
    if not run:
        raise node["run"].error("expected a program and what it is told")
    artifact = _get(node, "artifact", lambda each: each.parse(_artifact)) or "both"
    serves = _get(node, "serves", lambda each: each.parse(_address))
    expects = _get(node, "expects", _text) or ""
    if expects and serves is None:
        raise node["expects"].error("it goes with 'serves', which is not there")
    return SmokeCommand(
        run=run,
        cwd=_get(node, "cwd", lambda each: each.parse(_path)) or ".",
        sdist=artifact != "wheel",
        wheel=artifact != "sdist",
        seconds=_get(node, "seconds", _seconds) or DEFAULT_SECONDS,
        serves=serves,
        expects=expects,
    )


def _checksums(node: Node, beside: Beside) -> ChecksumRules:
    _check_keys(node, "filename", "template", "algorithms")
    usual = ChecksumRules()
    algorithms = tuple(each.parse(_algorithm) for each in _items(node, "algorithms"))
    algorithms = algorithms or usual.algorithms
    if "sha256" not in algorithms or len(set(algorithms)) < len(algorithms):
        raise node["algorithms"].error("each is named once, and sha256 is one of them")
    return ChecksumRules(
        filename=_get(node, "filename", lambda each: each.parse(_filename)) or usual.filename,
        template=_template(node, algorithms, beside),
        algorithms=algorithms,
    )


def _template(node: Node, algorithms: tuple[str, ...], beside: Beside) -> str:
    if "template" not in node.expect(dict):
        return "".join(f"${{{algorithm}}}\n" for algorithm in algorithms)
    text = beside(node["template"].expect(str))
    if text is None or len(text) > _LONGEST:
        raise node["template"].error(f"there is no such file: {node['template'].value}")
    try:
        names = set(Template(text).get_identifiers())
        if not Template(text).is_valid():
            raise ValueError("a $ stands for nothing: write $$ for the sign itself")
        if unknown := sorted(names - {*NAMES, *algorithms}):
            raise ValueError(f"{', '.join(unknown)} is not known, or none of the algorithms")
        if missing := sorted(set(algorithms) - names):
            raise ValueError(f"it has no place for {', '.join(missing)}")
    except ValueError as error:
        raise node["template"].error(f"{node['template'].value}: {error}") from None
    return text


def _check_keys(node: Node, *known: str) -> None:
    if unknown := sorted(set(node.expect(dict)) - set(known)):
        raise node.error(f"{', '.join(unknown)} is not known; there are {', '.join(known)}")


def _get(node: Node, key: str, read: Callable[[Node], Value]) -> Value | None:
    return read(node[key]) if key in node.expect(dict) else None


def _items(node: Node, key: str) -> Iterator[Node]:
    if key in node.expect(dict):
        yield from node[key]


def _each(node: Node, key: str, read: Callable[[Node], Value]) -> tuple[Value, ...]:
    return tuple(read(item) for item in _items(node, key))


def _text(node: Node) -> str:
    if not node.expect(str):
        raise node.error("it is empty")
    return node.expect(str)


def _seconds(node: Node) -> int:
    if not 0 < node.expect(int) <= _LONGEST_SMOKE:
        raise node.error(f"expected 1 to {_LONGEST_SMOKE:,} seconds")
    return node.expect(int)


def _tag(text: str) -> str:
    if text.count("{version}") != 1:
        raise ValueError(f"{{version}} must stand in it once: {text!r}")
    return text


def _expression(text: str) -> str:
    """A regular expression; names of parts of the version may stand in it."""
    try:
        re.compile(filled(text, Version("1.0"), re.escape))
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from None
    return text


def _path(text: str) -> str:
    if text.startswith("/") or ".." in text.split("/") or not text or "\0" in text:
        raise ValueError(f"not a path below a folder: {text!r}")
    return text


def _argument(text: str) -> str:
    if "\0" in text:
        raise ValueError("NUL is in no argument")
    return text


def _artifact(text: str) -> str:
    if text not in ("both", "sdist", "wheel"):
        raise ValueError(f"expected 'both', 'sdist' or 'wheel', found {text!r}")
    return text


def _address(text: str) -> str:
    parts = urlsplit(text.replace("{port}", "1"))
    if parts.scheme != "http" or parts.hostname not in _LOCALHOSTS or ":{port}" not in text:
        raise ValueError(f"not of this computer, as http://127.0.0.1:{{port}}/ is: {text!r}")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(f"not an address: {text!r}")
    return text


def _algorithm(text: str) -> str:
    if text not in ALGORITHMS:
        raise ValueError(f"expected one of {', '.join(ALGORITHMS)}, found {text!r}")
    return text


def _filename(text: str) -> str:
    if not FILENAME.fullmatch(filled(text, Version("1.0"))) or text.endswith((".gz", ".whl")):
        raise ValueError(f"not a name for a checksum file: {text!r}")
    return text
