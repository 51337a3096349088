"""What cannot be migrated, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from packaging.metadata import parse_email

from samebytes.errors import ArtifactError
from samebytes.migrate.before import Before
from samebytes.migrate.facts import Facts
from samebytes.migrate.version import VersionPlan
from samebytes.migrate.wheel_rules import WheelPlan
from samebytes.toml import table_at
from samebytes.versions import specifiers_or_none

#: What the build writes into an sdist, and no tree has.
_GENERATED = ("PKG-INFO", "setup.cfg")


MOVING = "Remove what is named above, or stay on setuptools: migrate --stay."
STAYING = "Correct what is named above, and commit."


class Refusal(ArtifactError):  # noqa: N818 - an answer
    """The project cannot be migrated, for ``reasons``, each a sentence."""

    def __init__(self, reasons: Sequence[str], *, hint: str = MOVING) -> None:
        super().__init__(
            "The project cannot be migrated; nothing was changed.",
            hint=hint,
            detail="\n".join(f"- {reason}" for reason in reasons),
        )
        self.reasons = tuple(reasons)


def refusal_reasons(
    before: Before, pyproject: Mapping[str, object], version: VersionPlan, wheel: WheelPlan
) -> Iterator[str]:
    """Why the project cannot be migrated, one sentence each."""
    yield from _configured(pyproject)
    if before.tree.has("hatch.toml"):
        yield "It has a hatch.toml, which hatchling reads instead of [tool.hatch]."
    yield from _built(before.facts)
    if version.refusal:
        yield version.refusal
    if not before.wheel.filename.endswith("-none-any.whl"):
        yield f"Its wheel is for one platform only: {before.wheel.filename}."
    if wheel.generated:
        yield f"The build generates files of the wheel: {some(wheel.generated)}."
    if made := _made(before, version):
        yield f"The build generates files of the sdist: {some(made)}."
    packed = {path for path in wheel.origins.values() if path not in version.written}
    if lost := packed - before.sdist.files.keys():
        yield f"The sdist lacks files that the wheel from the tree has: {some(lost)}."
    if twice := [path for path, count in Counter(wheel.origins.values()).items() if count > 1]:
        yield f"The wheel has these twice, at two places: {some(twice)}."
    if links := [path for path in packed | before.sdist.files.keys() if before.tree.is_link(path)]:
        yield f"It packs symbolic links: {some(links)}. hatchling packs them in another way."
    yield from _tag_reasons(before)


def _tag_reasons(before: Before) -> Iterator[str]:
    """Why hatchling would give the wheel another tag: it takes it from Requires-Python."""
    requires = parse_email(before.metadata)[0].get("requires_python", "")
    specifiers = specifiers_or_none(requires)
    if specifiers is None:
        return
    admits = any(specifiers.contains(f"2.{minor}.99") for minor in range(8))
    if requires and admits and "-py3-none-any" in before.wheel.filename:
        yield f"The wheel is tagged py3, but Requires-Python ({requires}) admits Python 2."
    if requires and not admits and "-py2.py3-none-any" in before.wheel.filename:
        yield f"The wheel is tagged py2.py3, but Requires-Python ({requires}) rules Python 2 out."


def _configured(pyproject: Mapping[str, object]) -> Iterator[str]:
    if "backend-path" in table_at(pyproject, "build-system"):
        yield "It builds with a backend of its own (build-system.backend-path)."
    for table in ("build", "version", "metadata"):
        if table in table_at(pyproject, "tool", "hatch"):
            yield f"pyproject.toml has a table [tool.hatch.{table}] already."


def _built(facts: Facts) -> Iterator[str]:
    for text, names in (
        ("It compiles extension modules, and hatchling compiles nothing", facts.extensions),
        ("It compiles libraries, and hatchling compiles nothing", facts.libraries),
        ("It installs headers", facts.headers),
        ("It declares namespace packages in setuptools' own way", facts.namespaces),
        ("setup.cfg adds to the version, in [egg_info]", facts.tags),
    ):
        if names:
            yield f"{text}: {some(names)}."
    for command, implementation in facts.commands.items():
        yield f"It has its own {command} command ({implementation}), which may change the build."


def _made(before: Before, version: VersionPlan) -> list[str]:
    return [
        path
        for path in before.sdist.files
        if not before.tree.has(path)
        and path not in _GENERATED
        and path not in version.written
        and ".egg-info/" not in path
    ]


def some(names: Iterable[str]) -> str:
    """The first few of them, and how many more there are."""
    names = sorted(names)
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
