"""Files of fields: METADATA and PKG-INFO (core metadata), WHEEL, and setup.cfg of an sdist."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from email.parser import HeaderParser

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from samebytes.compare.contents.reading import Bounds, Finding, Reading
from samebytes.compare.contents.text import unified
from samebytes.compare.model import Line

_Fields = list[tuple[str, str]]


def read_metadata(first: str, second: str, bounds: Bounds) -> Reading:
    """How two files of core metadata differ, field by field."""
    (one, one_text), (two, two_text) = _parsed(first), _parsed(second)
    findings = list(_fields("metadata-field", one, two, _METADATA_KINDS))
    lines = list(_lines(one, two))
    if one_text != two_text:
        parts = one_text.splitlines(), two_text.splitlines()
        changed = list(unified(*parts, bounds))
        same = one_text.split() == two_text.split()
        kind = "metadata-spelling" if same else "metadata-description"
        values = (f"{len(parts[0])} lines", f"{len(parts[1])} lines")
        findings.append(Finding(kind, *values, "Description"))
        lines += changed
    if not findings:
        findings = list(_order("metadata-order", one, two))
    return Reading(findings=findings, form="fields", lines=lines)


def read_wheel(first: str, second: str) -> Reading:
    """How two WHEEL files differ, field by field."""
    (one, _), (two, _) = _parsed(first), _parsed(second)
    findings = list(_fields("wheel-field", one, two, {"generator": "wheel-generator"}))
    findings = findings or list(_order("wheel-field", one, two))
    return Reading(findings=findings, form="fields", lines=list(_lines(one, two)))


def read_setup_cfg(first: str, second: str) -> Reading:
    """Whether two setup.cfg differ only in the section that a build of the sdist writes."""
    one, two = _sections(first), _sections(second)
    tags = [parsed.pop("egg_info", []) for parsed in (one, two)]
    if one != two or tags[0] == tags[1]:
        return Reading()
    pairs = [
        [(name.strip(), value.strip()) for name, _, value in map(_split, each)] for each in tags
    ]
    values = tuple(
        ", ".join(f"{name} = {value}" for name, value in each) or "none" for each in pairs
    )
    finding = Finding("setup-cfg-tags", values[0], values[1], "[egg_info]")
    return Reading(findings=[finding], form="fields", lines=list(_lines(*pairs)))


def _parsed(text: str) -> tuple[_Fields, str]:
    """The fields in their order, and the description."""
    message = HeaderParser().parsestr(text)
    fields = [(name, str(value)) for name, value in message.items()]
    body = message.get_payload()
    own = [value for name, value in fields if name.lower() == "description"]
    rest = [(name, value) for name, value in fields if name.lower() != "description"]
    return rest, "".join(own) + (body if isinstance(body, str) else "")


def _fields(kind: str, one: _Fields, two: _Fields, kinds: Mapping[str, str]) -> Iterator[Finding]:
    names = {name.lower(): name for name, _ in (*two, *one)}
    values = _by_name(one), _by_name(two)
    for key in dict.fromkeys((*values[0], *values[1])):
        mine, theirs = (Counter(each.get(key, ())) for each in values)
        gone, new = list((mine - theirs).elements()), list((theirs - mine).elements())
        if not (gone or new):
            continue
        meaning = _MEANINGS.get(key, _words)
        same = sorted(map(meaning, gone)) == sorted(map(meaning, new))
        found = "metadata-spelling" if same and kind == "metadata-field" else kinds.get(key, kind)
        yield Finding(found, _joined(gone), _joined(new), names[key])


def _by_name(fields: _Fields) -> dict[str, list[str]]:
    """Values by name in lower case, in the order of the names."""
    found: dict[str, list[str]] = {}
    for name, value in fields:
        found.setdefault(name.lower(), []).append(value)
    return found


def _order(kind: str, one: _Fields, two: _Fields) -> Iterator[Finding]:
    for mine, other in zip(one, two, strict=False):
        if mine != other:
            yield Finding(kind, f"{mine[0]} first", f"{other[0]} first", "order")
            return


def _lines(one: _Fields, two: _Fields) -> Iterator[Line]:
    first, second = Counter(one), Counter(two)
    changed: dict[str, list[Line]] = {}
    for mark, fields in (("-", first - second), ("+", second - first)):
        for name, value in fields.elements():
            changed.setdefault(name, []).append(Line(mark, f"{name}: {value}"))
    for lines in changed.values():
        yield from lines


def _joined(values: list[str]) -> str:
    return "; ".join(values) if values else "none"


_METADATA_KINDS = {"metadata-version": "metadata-version"}


def _words(value: str) -> str:
    return " ".join(value.split())


def _requirement(value: str) -> str:
    try:
        requirement = Requirement(value)
        requirement.name = canonicalize_name(requirement.name)
        requirement.extras = {canonicalize_name(extra) for extra in requirement.extras}
        return str(requirement)
    except (ValueError, RecursionError):
        return _words(value)


def _specifiers(value: str) -> str:
    try:
        return str(SpecifierSet(value))
    except ValueError:
        return _words(value)


def _keywords(value: str) -> str:
    return " ".join(sorted(value.replace(",", " ").split()))


#: By field in lower case: the text that two spellings of the same have in common.
_MEANINGS: Mapping[str, Callable[[str], str]] = {
    "keywords": _keywords,
    "name": canonicalize_name,
    "provides-extra": canonicalize_name,
    "requires-dist": _requirement,
    "requires-python": _specifiers,
}


def _split(line: str) -> tuple[str, str, str]:
    return line.partition("=")


def _sections(text: str) -> dict[str, list[str]]:
    """The lines of each section, those before the first under no name."""
    sections: dict[str, list[str]] = {"": []}
    current = sections[""]
    for line in text.splitlines():
        if line.startswith("[") and line.rstrip().endswith("]"):
            current = sections.setdefault(line.strip()[1:-1], [])
        elif line.strip():
            current.append(line)
    return sections
