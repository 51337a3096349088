"""Core metadata: what it means, and the ``[project]`` table (PEP 621) that says the same."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import getaddresses
from fnmatch import fnmatch
from typing import cast

from packaging.metadata import RawMetadata, parse_email
from packaging.utils import canonicalize_name

from samebytes.errors import ArtifactError
from samebytes.migrate.facts import Facts
from samebytes.migrate.tree import Tree
from samebytes.versions import requirement_or_none, specifiers_or_none, version_or_none

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
    raw = _parsed(text)
    if not raw.get("name") or not raw.get("version"):
        raise ArtifactError("The wheel that setuptools builds has no name, or no version.")
    return Metadata(raw=raw, entry_points=read_entry_points(entry_points))


def _parsed(text: str) -> RawMetadata:
    """The fields that say something: old setuptools writes UNKNOWN into the others."""
    raw, _ = parse_email(text)
    said = {key: value for key, value in raw.items() if str(value).strip() != "UNKNOWN"}
    return cast("RawMetadata", said)


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
    raw = _parsed(text)
    return {
        "name": canonicalize_name(raw.get("name", "")),
        "version": _version(raw.get("version", "")),
        "summary": raw.get("summary", ""),
        "description": _lines(raw.get("description", "")),
        "description-content-type": _content_type(raw.get("description_content_type", "")),
        "keywords": sorted(raw.get("keywords", [])),
        "author": sorted(_people(raw.get("author", ""), raw.get("author_email", ""))),
        "maintainer": sorted(_people(raw.get("maintainer", ""), raw.get("maintainer_email", ""))),
        "license": (raw.get("license", "").split(), raw.get("license_expression", "")),
        "license-file": sorted(raw.get("license_files", [])),
        "classifier": sorted(raw.get("classifiers", [])),
        "requires-python": _specifiers(raw.get("requires_python", "")),
        "requires-dist": sorted(map(_requirement, raw.get("requires_dist", []))),
        "provides-extra": sorted(
            {canonicalize_name(name) for name in raw.get("provides_extra", [])}
        ),
        "urls": sorted(_urls(raw)),
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
        bare = named.partition(";")[0].strip()  # hatchling takes no parameters
        if by_suffix and bare in ("", by_suffix):
            return path
        return {"file": path, "content-type": bare or _DEFAULT_TYPE}
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
            same = next((key for key in extras if _is_same(key, name)), name)
            extras.setdefault(same, []).extend(marked)
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
    listed = [name.strip() for name in names.split(",") if name.strip()]
    if len(listed) == len(found) and not any(name for name, _ in found):
        return [(name, address) for name, (_, address) in zip(listed, found, strict=True)]
    return [(name, "") for name in listed] + found


def _tables(people: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [
        {key: text for key, text in (("name", name), ("email", address)) if text}
        for name, address in people
    ]


def _labelled_urls(raw: RawMetadata) -> dict[str, str]:
    """Raises ArtifactError where one label has two addresses, which no table can say."""
    found = dict(raw.get("project_urls", {}))
    for label, url in _old_urls(raw):
        known = [other for name, other in found.items() if _label(name) == _label(label)]
        if not known:
            found = {label: url} | found
        elif known != [url]:
            raise ArtifactError(f"It has two addresses called {label}: {url} and {known[0]}.")
    return found


def _old_urls(raw: RawMetadata) -> Iterator[tuple[str, str]]:
    """Addresses with a field of their own, which PEP 753 gives labels."""
    if url := raw.get("home_page"):
        yield "Homepage", url
    if url := raw.get("download_url"):
        yield "Download", url


def _urls(raw: RawMetadata) -> set[tuple[str, str]]:
    listed = raw.get("project_urls", {})
    return {(_label(label), url) for label, url in (*listed.items(), *_old_urls(raw))}


def _label(text: str) -> str:
    """A label as indexes compare it (PEP 753)."""
    return re.sub(r"[\W_]", "", text).lower()


def _content_type(text: str) -> tuple[str, str, str]:
    """Type, charset and variant, with what is meant where nothing is said."""
    kind, _, rest = text.partition(";")
    parameters = dict(_parameter(part) for part in rest.split(";") if part.strip())
    kind = kind.strip().lower()
    variant = "gfm" if kind == "text/markdown" else ""
    return kind, parameters.get("charset", "utf-8"), parameters.get("variant", variant)


def _parameter(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip().lower(), value.strip().strip('"').lower()


def _is_same(one: str, two: str) -> bool:
    return canonicalize_name(one) == canonicalize_name(two)


def _version(text: str) -> str:
    version = version_or_none(text)
    return text if version is None else str(version)


def _specifiers(text: str) -> str:
    specifiers = specifiers_or_none(text)
    return text if specifiers is None else str(specifiers)


def _requirement(text: str) -> str:
    requirement = requirement_or_none(text)
    if requirement is None:
        return text
    extras = ",".join(sorted(map(canonicalize_name, requirement.extras)))
    marker = "" if requirement.marker is None else _marker(requirement.marker._markers)
    name = canonicalize_name(requirement.name)
    return f"{name} [{extras}] {requirement.specifier} {requirement.url or ''}; {marker}"


def _marker(markers: object) -> str:
    """A marker in one spelling: 'and' binds before 'or', brackets only where they matter."""
    if not isinstance(markers, list):
        return " ".join(map(str, markers)) if isinstance(markers, tuple) else str(markers)
    alternatives: list[list[str]] = [[]]
    for item in markers:
        if item == "or":
            alternatives.append([])
        elif item != "and":
            alternatives[-1].append(_marker(item))
    if len(alternatives) == len(alternatives[0]) == 1:
        return alternatives[0][0]
    bracketed = (
        " and ".join(f"({text})" if " or " in text else text for text in group)
        for group in alternatives
    )
    return " or ".join(bracketed)
