"""pyproject.toml with samebytes_core.backend around the backend that it names, and no other change.

What is written is parsed again, and held against what it must mean.
"""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from samebytes_core.errors import CoreError
from samebytes_core.settings import read_pyproject, read_settings

from samebytes.migrate.lines import plain, written_like
from samebytes.migrate.pyproject import parse
from samebytes.migrate.refusals import Refusal
from samebytes.toml import table_at
from samebytes.versions import requirement_or_none
from samebytes.wrapped import EXTRA, LEGACY_BACKEND, NAME, Wrapper, wrapper_of

#: What pip and build require for a project that says nothing.
DEFAULT_REQUIRES = ("setuptools>=40.8.0",)

#: The value of ``deflate`` for which the wrapper needs its extra.
CANONICAL = "canonical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapping:
    """``backend`` is the one that is wrapped; ``is_new``: a ``[build-system]`` was written for it.

    ``requirement`` is what the build requires besides.
    """

    text: str
    backend: str
    requirement: str
    is_new: bool


def wrapped_backend(pyproject: Mapping[str, object]) -> str | None:
    """The backend in the wrapper; None where the project is not wrapped.

    Raises Refusal for a wrapper around nothing.
    """
    if wrapper_of(pyproject) is not Wrapper.BACKEND:
        return None
    backend = table_at(pyproject, "tool", "samebytes").get("backend")
    if not isinstance(backend, str) or not backend:
        raise Refusal([f"It builds with {Wrapper.BACKEND}, but [tool.samebytes] names no backend."])
    return backend


def check_wrapped(tree: Path) -> None:
    """Look at what a project that is wrapped says of it: its requirements and settings.

    Raises Refusal where it cannot be built so.
    """
    try:
        pyproject, settings = read_pyproject(tree), read_settings(tree)
    except CoreError as error:
        raise Refusal([f"{error}."]) from None
    system: dict[str, Any] = table_at(pyproject, "build-system")
    reasons = [*_malformed(system)]
    if "backend-path" in system:
        reasons.append("pyproject.toml: backend-path belongs to [tool.samebytes] in the wrapper.")
    wanted = f"{NAME}[{EXTRA}]" if settings.deflate == CANONICAL else NAME
    if not reasons and _requires(system["requires"], wanted) != system["requires"]:
        reasons.append(f"pyproject.toml: [build-system] requires lacks {wanted}.")
    if reasons:
        raise Refusal(reasons)


def wrapping(text: str, *, deflate: str | None = None) -> Wrapping:
    """What becomes of the text of pyproject.toml; ``deflate`` is a setting of the wrapper.

    Raises ArtifactError where it is not TOML, Refusal where it says what contradicts the wrapper.
    """
    start = plain(text)
    before: dict[str, Any] = parse(start).unwrap()
    is_new = "build-system" not in before
    if reasons := [*_no_tables(before)]:
        raise Refusal(reasons)
    system: dict[str, Any] = before.get("build-system", {"requires": [*DEFAULT_REQUIRES]})
    if reasons := [*_malformed(system)]:
        raise Refusal(reasons)
    settings = {"backend": system.get("build-backend", LEGACY_BACKEND)}
    if "backend-path" in system:
        settings["backend-path"] = system["backend-path"]
    if deflate is not None:
        settings["deflate"] = deflate
    if reasons := [*_contradictions(before, settings)]:
        raise Refusal(reasons)
    requires = _requires(system["requires"], NAME if deflate != CANONICAL else f"{NAME}[{EXTRA}]")
    system = {key: value for key, value in system.items() if key != "backend-path"}
    system |= {"requires": requires, "build-backend": str(Wrapper.BACKEND)}
    after = {**copy.deepcopy(before), "build-system": system}
    tool = after.setdefault("tool", {})
    tool["samebytes"] = {**tool.get("samebytes", {}), **settings}
    for result in _candidates(start, system, settings):
        if _means(result, after):
            return Wrapping(
                text=written_like(text, result),
                backend=settings["backend"],
                requirement=requires[_place(requires)],
                is_new=is_new,
            )
    raise Refusal(["pyproject.toml has tool in one line; give [tool.samebytes] lines of its own."])


def _no_tables(before: Mapping[str, object]) -> Iterator[str]:
    tool = before.get("tool", {})
    ours = tool.get("samebytes", {}) if isinstance(tool, dict) else {}
    for key, value in (
        ("build-system", before.get("build-system", {})),
        ("tool", tool),
        ("tool.samebytes", ours),
    ):
        if not isinstance(value, dict):
            yield f"pyproject.toml: {key} is {value!r}, and must be a table."


def _malformed(system: Mapping[str, object]) -> Iterator[str]:
    for key, fits in (
        ("requires", _is_list_of_strings(system.get("requires"))),
        ("build-backend", isinstance(system.get("build-backend", ""), str)),
        ("backend-path", _is_list_of_strings(system.get("backend-path", []))),
    ):
        if not fits:
            yield f"pyproject.toml: [build-system] {key} is not what PEP 517 and PEP 518 ask for."


def _is_list_of_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _contradictions(before: Mapping[str, object], settings: Mapping[str, object]) -> Iterator[str]:
    """Where ``[tool.samebytes]`` says something else already."""
    ours = table_at(before, "tool", "samebytes")
    for key, value in settings.items():
        if ours.get(key, value) != value:
            yield f"pyproject.toml: [tool.samebytes] {key} is {ours[key]!r}, not {value!r}."
    if "backend-path" in ours and "backend-path" not in settings:
        yield "pyproject.toml: [tool.samebytes] has a backend-path; [build-system] has none."


def _requires(requires: list[str], wanted: str) -> list[str]:
    """With the wrapper's own requirement; one that is there keeps its version."""
    place = _place(requires)
    if place == len(requires):
        return [*requires, wanted]
    found = requirement_or_none(requires[place])
    assert found is not None
    if EXTRA in wanted and EXTRA not in found.extras:
        found.extras.add(EXTRA)
        return [*requires[:place], str(found), *requires[place + 1 :]]
    return requires


def _place(requires: list[str]) -> int:
    """Where the wrapper's own requirement is; the end if it is not there.

    One with a marker is for some environments, and the wrapper is needed in all.
    """
    found = [requirement_or_none(text) for text in requires]
    ours = (number for number, each in enumerate(found) if each and _is_ours(each))
    return next(ours, len(requires))


def _is_ours(requirement: Requirement) -> bool:
    return canonicalize_name(requirement.name) == NAME and requirement.marker is None


def _candidates(text: str, system: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[str]:
    """Ways to write it; which of them is right depends on how the rest is written."""
    if "build-system" in parse(text):
        changed = _switched(text, system)
    else:
        changed = _led_by(text, _table("build-system", system))
    yield _set(changed, settings)
    yield f"{changed.rstrip()}\n\n{_table('tool.samebytes', settings)}".lstrip()


def _switched(text: str, system: Mapping[str, Any]) -> str:
    document = parse(text)
    table: Any = document["build-system"]
    place = _place(table["requires"].unwrap())
    requirement = system["requires"][place]
    if place == len(table["requires"]):
        table["requires"].append(requirement)
    elif table["requires"][place] != requirement:
        table["requires"][place] = requirement
    table["build-backend"] = str(Wrapper.BACKEND)
    if "backend-path" in table:
        del table["backend-path"]
    return tomlkit.dumps(document)


def _set(text: str, settings: Mapping[str, Any]) -> str:
    """Written into a ``[tool.samebytes]`` that is there; the same text where none is."""
    document = parse(text)
    found: Any = document.get("tool", {}).get("samebytes")
    if found is not None:
        for key, value in settings.items():
            if found.get(key) != value:
                found[key] = value
    return tomlkit.dumps(document)


def _led_by(text: str, table: str) -> str:
    """With a table before all others, but after a comment that is about the whole file.

    At the end where keys stand before the first table: they would become the new table's.
    """
    lines = text.splitlines(keepends=True)
    count = next((n for n, line in enumerate(lines) if line.lstrip()[:1] == "["), len(lines))
    while count and lines[count - 1].startswith("#") and count < len(lines):
        count -= 1
    head, rest = "".join(lines[:count]), "".join(lines[count:])
    if any(line.strip() and not line.lstrip().startswith("#") for line in lines[:count]):
        return f"{text.rstrip()}\n\n{table}"
    head = f"{head.rstrip()}\n\n" if head.strip() else ""
    return f"{head}{table}\n{rest}" if rest.strip() else f"{head}{table}"


def _table(name: str, values: Mapping[str, Any]) -> str:
    return f"[{name}]\n{tomlkit.dumps(dict(values))}"


def _means(text: str, meaning: Mapping[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == meaning
    except tomllib.TOMLDecodeError:
        return False
