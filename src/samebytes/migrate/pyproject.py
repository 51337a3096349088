"""pyproject.toml, changed where the build is concerned and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import tomlkit
from tomlkit import TOMLDocument
from tomlkit.exceptions import TOMLKitError

from samebytes.errors import ArtifactError
from samebytes.migrate.leftovers import without_sections
from samebytes.migrate.lines import plain, written_like
from samebytes.migrate.tables import BACKEND, project_table

#: Tables that only setuptools and its plugins read.
_HEADER = re.compile(r"\s*\[\[?(?P<name>[^\[\]]+)\]\]?\s*(#.*)?$")
_OURS = ("setuptools", "setuptools_scm", "setuptools-scm", "distutils")


def parse(text: str) -> TOMLDocument:
    """Raises ArtifactError where it is not TOML."""
    try:
        return tomlkit.parse(text)
    except (TOMLKitError, RecursionError) as error:
        raise ArtifactError(
            f"pyproject.toml cannot be read: {error}.", hint="Correct it, and commit."
        ) from None


def rewritten(
    text: str,
    *,
    requires: Sequence[str],
    project: Mapping[str, object],
    dynamic: Sequence[str],
    hatch: str,
) -> str:
    """The text of pyproject.toml on hatchling.

    ``project`` are the fields to write: all of them where there is no such table yet, else those
    that were dynamic. ``hatch`` is the text of the tables under ``[tool.hatch]``. Comments, order
    and everything else stay.
    """
    document = _without_setuptools(plain(text))
    if "project" in document:
        _complete(document["project"], project, dynamic)
        new_project = ""
    else:
        new_project = project_table(project, dynamic)
    system = document.get("build-system")
    if system is None:
        document = _led_by(_system_text(requires), new_project, document)
    else:
        _switch(system, requires)
        if new_project:
            document = _inserted(document, new_project)
    rest = tomlkit.dumps(document).strip("\n")
    return written_like(text, f"{rest}\n\n{hatch.strip()}\n")


def _without_setuptools(text: str) -> TOMLDocument:
    """Without the tables of setuptools; by lines, so that a comment stays with its table.

    Where they are written in another way (dotted keys, inline tables), by their meaning.
    """
    document = parse(text)
    tool: Any = document.get("tool", {})
    for name in _OURS:
        if name in tool:
            del tool[name]
    if "tool" in document and not len(tool):
        del document["tool"]
    try:
        cut = tomlkit.parse(without_sections(text, _HEADER, _is_ours))
    except TOMLKitError:
        return document
    return cut if cut.unwrap() == document.unwrap() else document


def _is_ours(header: str) -> bool:
    name = re.sub(r"[\s\"']", "", header)
    return any(f"{name}.".startswith(f"tool.{each}.") for each in _OURS)


def _switch(system: Any, requires: Sequence[str]) -> None:
    system["requires"] = _array(requires)
    system["build-backend"] = BACKEND


def _array(values: Sequence[str]) -> Any:
    array = tomlkit.array()
    array.extend(values)
    return array


def _complete(project: Any, fields: Mapping[str, object], dynamic: Sequence[str]) -> None:
    """Write what is no longer dynamic into a ``[project]`` that is there."""
    if dynamic:
        if list(project.get("dynamic", [])) != list(dynamic):
            project["dynamic"] = _array(dynamic)
    else:
        project.pop("dynamic", None)
    added = parse(project_table({"name": "", **fields}, ()))
    for key, value in added["project"].items():
        if key != "name":
            project[key] = value


def _system_text(requires: Sequence[str]) -> str:
    array = _array(requires).as_string()
    return f'[build-system]\nrequires = {array}\nbuild-backend = "{BACKEND}"\n'


def _led_by(system: str, project: str, document: TOMLDocument) -> TOMLDocument:
    rest = tomlkit.dumps(document).strip("\n")
    return parse("\n".join(filter(None, (system, project, f"{rest}\n" if rest else ""))))


def _inserted(document: TOMLDocument, project: str) -> TOMLDocument:
    """With ``[project]`` directly after ``[build-system]``."""
    new = tomlkit.document()
    for key, item in document.body:
        new.append(key, item)
        if key is not None and key.key == "build-system":
            if not item.as_string().endswith("\n\n"):
                new.add(tomlkit.nl())
            for name, table in parse(project).body:
                new.append(name, table)
    return new
