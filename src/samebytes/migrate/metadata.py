"""Core metadata: what it means, and the ``[project]`` table (PEP 621) that says the same."""

from __future__ import annotations

import configparser
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import getaddresses
from fnmatch import fnmatch

from packaging.metadata import RawMetadata, parse_email
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from samebytes.errors import ArtifactError
from samebytes.migrate.facts import Facts
from samebytes.migrate.tree import Tree

#: License files that hatchling finds by itself (CoreMetadata.license_files).
_LICENSES = ("LICEN[CS]E*", "COPYING*", "NOTICE*", "AUTHORS*")
_README_TYPES = {".md": "text/markdown", ".rst": "text/x-rst", ".txt": "text/plain"}

#: The index reads a description without a type as this (PEP 566).
_DEFAULT_TYPE = "text/x-rst"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """The core metadata that setuptools builds, with its entry points by group and name."""

    raw: RawMetadata
    entry_points: Mapping[str, Mapping[str, str]]

    @property
    def name(self) -> str:
        return self.raw["name"]

    @property
    def version(self) -> str:
        return self.raw["version"]


def read_metadata(text: str, entry_points: str) -> Metadata:
    """Raises ArtifactError where the wheel's own files cannot be read."""
    raw, _ = parse_email(text)
    if not raw.get("name") or not raw.get("version"):
        raise ArtifactError("The wheel that setuptools builds has no name, or no version.")
    return Metadata(raw=raw, entry_points=read_entry_points(entry_points))


def read_entry_points(text: str) -> Mapping[str, Mapping[str, str]]:
    """Groups, names and objects of an entry_points.txt."""
    parser = configparser.RawConfigParser(delimiters=("=",), strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign] # names keep their case
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise ArtifactError(f"entry_points.txt cannot be read: {error}.") from None
    return {group: dict(parser[group]) for group in parser.sections()}


def meaning(text: str) -> Mapping[str, object]:
    """What core metadata says, by field, in a form that does not depend on who wrote it."""
    raw, _ = parse_email(text)
    return {
        "name": canonicalize_name(raw.get("name", "")),
        "version": _version(raw.get("version", "")),
        "summary": raw.get("summary", ""),
        "description": _lines(raw.get("description", "")),
        "description-content-type": raw.get("description_content_type", _DEFAULT_TYPE),
        "keywords": sorted(raw.get("keywords", [])),
        "author": sorted(_people(raw.get("author", ""), raw.get("author_email", ""))),
        "maintainer": sorted(_people(raw.get("maintainer", ""), raw.get("maintainer_email", ""))),
        "license": (raw.get("license", "").split(), raw.get("license_expression", "")),
        "license-file": sorted(raw.get("license_files", [])),
        "classifier": sorted(raw.get("classifiers", [])),
        "requires-python": _specifiers(raw.get("requires_python", "")),
        "requires-dist": sorted(map(_requirement, raw.get("requires_dist", []))),
        "provides-extra": sorted(map(canonicalize_name, raw.get("provides_extra", []))),
        "urls": sorted(_urls(raw).items()),
    }


#: Header to the key of ``meaning`` that holds it, where they are not the same word.
HEADERS: Mapping[str, str] = {
    "author-email": "author",
    "maintainer-email": "maintainer",
    "home-page": "urls",
    "download-url": "urls",
    "project-url": "urls",
    "license-expression": "license",
}


#: The fields of ``[project]`` in the order to write them, but for name and version.
FIELDS = (
    *("description", "readme", "license", "license-files", "requires-python", "authors"),
    *("maintainers", "keywords", "classifiers", "dependencies", "optional-dependencies", "urls"),
    *("scripts", "gui-scripts", "entry-points"),
)


def project_fields(
    names: Iterable[str], metadata: Metadata, facts: Facts, tree: Tree
) -> dict[str, object]:
    """The fields of ``[project]`` with these names, but for those that say nothing.

    Raises ArtifactError with the reason where no field can say it.
    """
    found = {name: _field(name, metadata, facts, tree) for name in names}
    return {name: value for name, value in found.items() if value}


def _field(name: str, metadata: Metadata, facts: Facts, tree: Tree) -> object:
    raw = metadata.raw
    match name:
        case "readme":
            return readme_field(metadata, tree)
        case "license":
            text = raw.get("license")
            return raw.get("license_expression") or ({"text": text} if text else None)
        case "license-files":
            return license_files_field(metadata, tree)
        case "authors":
            return _tables(_people(raw.get("author", ""), raw.get("author_email", "")))
        case "maintainers":
            return _tables(_people(raw.get("maintainer", ""), raw.get("maintainer_email", "")))
        case "dependencies" | "optional-dependencies":
            return requirement_fields(facts)[name]
        case "urls":
            return _labelled_urls(raw)
        case "scripts" | "gui-scripts" | "entry-points":
            return entry_point_fields(metadata.entry_points).get(name)
        case _:
            plain = {"description": "summary", "requires-python": "requires_python"}
            return raw.get(plain.get(name, name))


def readme_field(metadata: Metadata, tree: Tree) -> object:
    """The file that holds the description; raises ArtifactError where none does."""
    description = _lines(metadata.raw.get("description", ""))
    if not description:
        return None
    named = metadata.raw.get("description_content_type", "")
    for path in _likely_readmes(tree):
        if _lines(tree.read(path).decode("utf-8", "replace")) != description:
            continue
        suffix = path[path.rfind(".") :].lower() if "." in path else ""
        by_suffix = _README_TYPES.get(suffix, "")
        if by_suffix and named in ("", by_suffix):
            return path
        return {"file": path, "content-type": named or _DEFAULT_TYPE}
    raise ArtifactError("setup.py puts the description together; no file of the project holds it.")


def _likely_readmes(tree: Tree) -> list[str]:
    """Files at the top, and files called README, the outermost first."""
    found = (
        path
        for path in tree.files
        if "/" not in path or path.rpartition("/")[2].upper().startswith("README")
    )
    return sorted(found, key=lambda path: (path.count("/"), path))


def _lines(text: str) -> list[str]:
    """The lines of a description, as everybody who shows it reads them."""
    return [line.rstrip() for line in text.strip("\r\n").splitlines()]


def license_files_field(metadata: Metadata, tree: Tree) -> list[str]:
    """The license files, unless hatchling would find the same ones."""
    found = sorted(metadata.raw.get("license_files", []))
    by_default = sorted(
        path
        for path in tree.files
        if "/" not in path and any(fnmatch(path, pattern) for pattern in _LICENSES)
    )
    return [] if found == by_default else found


def requirement_fields(facts: Facts) -> dict[str, object]:
    """Dependencies as the project writes them, markers of extras joined to their requirements."""
    required, extras = list(facts.requires), dict[str, list[str]]()
    for key, requirements in facts.extras.items():
        name, _, marker = key.partition(":")
        marked = [_with_marker(text, marker.strip()) for text in requirements]
        if name:
            extras.setdefault(name, []).extend(marked)
        else:
            required += marked
    return {"dependencies": required, "optional-dependencies": extras}


def entry_point_fields(groups: Mapping[str, Mapping[str, str]]) -> dict[str, object]:
    """Raises ArtifactError for an entry point that needs an extra, which PEP 621 cannot say."""
    for group in groups.values():
        for name, target in group.items():
            if "[" in target:
                raise ArtifactError(f"The entry point {name} needs an extra: {target}.")
    names = {"console_scripts": "scripts", "gui_scripts": "gui-scripts"}
    fields: dict[str, object] = {
        names[group]: dict(points) for group, points in groups.items() if group in names
    }
    others = {group: dict(points) for group, points in groups.items() if group not in names}
    return {**fields, "entry-points": others}


def _with_marker(requirement: str, marker: str) -> str:
    if not marker:
        return requirement
    text, semicolon, own = requirement.partition(";")
    return f"{text.strip()}; ({own.strip()}) and ({marker})" if semicolon else f"{text}; {marker}"


def _people(names: str, addresses: str) -> list[tuple[str, str]]:
    """Name and address of each; two fields of one person each are that person's."""
    found = [(name.strip(), address) for name, address in getaddresses([addresses])]
    found = [each for each in found if any(each)]
    if names and len(found) == 1 and not found[0][0]:
        return [(names, found[0][1])]
    if not names:
        return found
    listed = [(name.strip(), "") for name in names.split(", ")]
    return listed + found


def _tables(people: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [
        {key: text for key, text in (("name", name), ("email", address)) if text}
        for name, address in people
    ]


def _labelled_urls(raw: RawMetadata) -> dict[str, str]:
    found = dict(raw.get("project_urls", {}))
    known = {label.lower() for label in found}
    for label, field in (("Homepage", "home_page"), ("Download", "download_url")):
        url = raw.get(field)
        if isinstance(url, str) and url and label.lower() not in known:
            found = {label: url} | found
    return found


def _urls(raw: RawMetadata) -> dict[str, str]:
    return {label.lower(): url for label, url in _labelled_urls(raw).items()}


def _version(text: str) -> str:
    try:
        return str(Version(text))
    except InvalidVersion:
        return text


def _specifiers(text: str) -> str:
    try:
        return str(SpecifierSet(text))
    except InvalidSpecifier:
        return text


def _requirement(text: str) -> str:
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return text
    requirement.name = canonicalize_name(requirement.name)
    requirement.extras = {canonicalize_name(extra) for extra in requirement.extras}
    return str(requirement).replace("(", "").replace(")", "")
