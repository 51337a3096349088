"""hatchling's tables as a person would write them: TOML with a comment where one is due."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import tomlkit

from samebytes.migrate.rules import Rule, Rules
from samebytes.migrate.version import VersionPlan

#: The first release that has PEP 639, which current setuptools has too.
HATCHLING = "hatchling>=1.27"
HATCH_VCS = "hatch-vcs"
BACKEND = "hatchling.build"

_LONGEST = 80


def hatch_tables(version: VersionPlan, sdist: Rules, wheel: Rules, *, direct: bool) -> str:
    """Everything under ``[tool.hatch]``; ``direct``: a dependency is a file, not a release."""
    tables: list[tuple[str, list[str]]] = [
        ("version", list(_assignments(version.table))),
        ("version.raw-options", list(_assignments(version.options))),
        ("metadata", ["allow-direct-references = true"] if direct else []),
        ("build.hooks.vcs", list(_assignments(version.hook))),
        *_target("build.targets.sdist", sdist),
        *_target("build.targets.wheel", wheel),
    ]
    return "\n".join(
        "\n".join([f"[tool.hatch.{name}]", *lines, ""]) for name, lines in tables if lines
    )


def _target(name: str, rules: Rules) -> Iterator[tuple[str, list[str]]]:
    lines = [*_roots(rules)]
    for key, patterns in (
        ("include", rules.include),
        ("exclude", rules.exclude),
        ("artifacts", rules.artifacts),
    ):
        lines += _rules(key, patterns)
    yield name, lines
    for key, paths in (
        ("force-include", rules.forced),
        ("shared-data", rules.data),
        ("shared-scripts", rules.scripts),
    ):
        yield f"{name}.{key}", list(_assignments(paths))


def _roots(rules: Rules) -> Iterator[str]:
    """``packages``, which drops the folders above them, or ``only-include`` and ``sources``."""
    paths = [rule.pattern for rule in rules.roots]
    above = {path.rpartition("/")[0] for path in paths}
    plain = {source for source, target in rules.sources.items() if not target}
    has_modules = any(path.endswith(".py") for path in paths)
    if not has_modules and above - {""} == plain and len(plain) == len(rules.sources):
        yield from _rules("packages", rules.roots)
        return
    yield from _rules("only-include", rules.roots)
    if rules.sources and len(plain) == len(rules.sources):
        yield _line("sources", sorted(plain))
    elif rules.sources:
        pairs = ", ".join(f"{_key(key)} = {_value(to)}" for key, to in rules.sources.items())
        yield f"sources = {{ {pairs} }}"


def _rules(key: str, rules: Sequence[Rule]) -> Iterator[str]:
    if not rules:
        return
    if len(rules) == 1 and not rules[0].why:
        yield _line(key, [rules[0].pattern])
        return
    yield f"{key} = ["
    for rule in rules:
        yield from (f"    # {line}" for line in rule.why)
        yield f"    {_value(rule.pattern)},"
    yield "]"


def _assignments(table: Mapping[str, object]) -> Iterator[str]:
    for key, value in table.items():
        yield _line(key, value)


def _line(key: str, value: object) -> str:
    return f"{_key(key)} = {_value(value)}"


def _key(text: str) -> str:
    return tomlkit.key(text).as_string()


def _value(value: object) -> str:
    if isinstance(value, str):
        literal = bool(set('\\"') & set(value)) and "'" not in value and value.isprintable()
        return tomlkit.string(value, literal=literal).as_string()
    if isinstance(value, Mapping):
        pairs = ", ".join(_line(str(key), each) for key, each in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    return tomlkit.item(value).as_string()


def project_table(fields: Mapping[str, object], dynamic: Sequence[str]) -> str:
    """``[project]``, with the tables that belong below it."""
    lines, below = ["[project]"], list[str]()
    for key, value in fields.items():
        if key == "description" and dynamic:
            lines.append(_line("dynamic", list(dynamic)))
        if isinstance(value, Mapping) and key not in ("readme", "license"):
            below += _tables_below(f"project.{key}", value)
        elif isinstance(value, list):
            lines += _list(key, value)
        else:
            lines.append(_line(key, value))
    if dynamic and "description" not in fields:
        lines.insert(2, _line("dynamic", list(dynamic)))
    return "\n".join([*lines, "", *below])


def _tables_below(name: str, table: Mapping[str, object]) -> Iterator[str]:
    plain = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    if plain:
        yield f"[{name}]"
        for key, value in plain.items():
            yield from _list(key, value) if isinstance(value, list) else [_line(key, value)]
        yield ""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _tables_below(f"{name}.{_key(key)}", value)


def _list(key: str, values: Iterable[object]) -> Iterator[str]:
    items = [_value(value) for value in values]
    short = f"{_key(key)} = [{', '.join(items)}]"
    if len(items) < 2 and len(short) <= _LONGEST:
        yield short
        return
    yield f"{_key(key)} = ["
    yield from (f"    {item}," for item in items)
    yield "]"
