"""What the migration changes: worked out from the tree and from what setuptools builds of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from packaging.metadata import parse_email
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from samebytes.errors import ArtifactError
from samebytes.migrate.facts import Facts
from samebytes.migrate.leftovers import read_section, without_build_sections
from samebytes.migrate.manifest import read_manifest
from samebytes.migrate.metadata import (
    FIELDS,
    Metadata,
    project_fields,
    read_metadata,
)
from samebytes.migrate.packed import Packed
from samebytes.migrate.pyproject import parse, rewritten
from samebytes.migrate.rules import FORCED
from samebytes.migrate.sdist_rules import Translation, sdist_plan
from samebytes.migrate.tables import HATCH_VCS, HATCHLING, hatch_tables
from samebytes.migrate.tree import Tree
from samebytes.migrate.version import VersionPlan, declared_version, subtable, version_plan
from samebytes.migrate.wheel_rules import WheelPlan, wheel_plan

SETUPTOOLS = ("setuptools.build_meta", "setuptools.build_meta:__legacy__")

#: Build requirements that hatchling has no use for.
_OURS = frozenset({"setuptools", "wheel", "setuptools-scm", "pip", "toml", "tomli"})

#: What code looks at that gives other metadata on another machine.
_LOOKS = re.compile(
    r"sys\.platform|sys\.version_info|os\.name|os\.environ|os\.getenv|platform\.\w+"
)

#: What the settings of other tools are called.
_SETTINGS = (".cfg", ".ini", ".json", ".sh", ".toml", ".yaml", ".yml", "Makefile", "noxfile.py")

#: What the build writes into an sdist, and no tree has.
_GENERATED = ("PKG-INFO", "setup.cfg")


class Refusal(ArtifactError):  # noqa: N818 - an answer
    """The project cannot be migrated, for ``reasons``, each a sentence."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(
            "The project cannot be migrated; nothing was changed.",
            hint="Remove what is named above, or stay on setuptools: samebytes build makes its "
            "releases reproducible too.",
            detail="\n".join(f"- {reason}" for reason in reasons),
        )
        self.reasons = tuple(reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """The project on setuptools: its tree, what is built of it, and what setuptools knows."""

    tree: Tree
    sdist: Packed
    wheel: Packed
    facts: Facts
    requirements: frozenset[str]

    @property
    def metadata(self) -> str:
        """METADATA of the wheel."""
        texts = [text for path, text in self.wheel.kept.items() if path.endswith("/METADATA")]
        return texts[0] if texts else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``changes`` are new contents by path, None for a file that goes.

    Of pyproject.toml: ``project`` are the fields that are written, ``dynamic`` those that are not,
    ``hatch`` is the text of hatchling's tables. ``forced`` are files that hatchling packs in any
    case, ``origins`` the paths in the tree of the wheel's files, ``version_files`` those that a
    build writes; ``notes`` say what was decided, one sentence each.
    """

    name: str
    changes: Mapping[str, bytes | None]
    project: Mapping[str, object]
    dynamic: tuple[str, ...]
    hatch: str
    forced: frozenset[str]
    origins: Mapping[str, str]
    version_files: frozenset[str]
    translations: tuple[Translation, ...]
    notes: tuple[str, ...]


def backend_of(pyproject: Mapping[str, object]) -> str:
    """The build backend that pyproject.toml names; setuptools' where it names none (PEP 517)."""
    system = pyproject.get("build-system")
    named = system.get("build-backend") if isinstance(system, Mapping) else None
    return named if isinstance(named, str) else SETUPTOOLS[1]


def make_plan(before: Before) -> Plan:
    """Raises Refusal with every reason that is found."""
    tree, facts = before.tree, before.facts
    text = tree.text("pyproject.toml")
    pyproject = parse(text).unwrap()
    metadata = _metadata(before.wheel)
    setup_cfg = tree.text("setup.cfg")
    version = version_plan(
        declared_version(
            pyproject,
            read_section(setup_cfg, "metadata"),
            facts,
            has_scm="setuptools-scm" in before.requirements,
        ),
        metadata.version,
        tree,
        facts,
    )
    wheel = wheel_plan(tree, before.wheel, facts, version.written)
    reasons = list(_reasons(before, pyproject, version, wheel))
    fields: dict[str, object] = {}
    try:
        fields = _fields(pyproject, metadata, before)
    except ArtifactError as error:
        reasons.append(error.message)
    if reasons:
        raise Refusal(reasons)
    leftover = without_build_sections(setup_cfg)
    gone = {name for name in ("MANIFEST.in", "setup.py") if tree.has(name)}
    if tree.has("setup.cfg") and not leftover:
        gone.add("setup.cfg")
    forced = _forced({**subtable(pyproject, "project"), **fields}, metadata)
    sdist = sdist_plan(
        tree,
        before.sdist.files.keys(),
        read_manifest(tree.text("MANIFEST.in")),
        packages=frozenset(wheel.origins.values()),
        gone=frozenset(gone),
        forced=forced | version.written | set(FORCED),
    )
    dynamic = ["version"] if version.table else []
    if version.static and "version" not in subtable(pyproject, "project"):
        fields = {"name": fields.pop("name", ""), "version": version.static, **fields}
    requires = _requires(pyproject, version)
    changes: dict[str, bytes | None] = dict.fromkeys(sorted(gone))
    try:
        hatch = hatch_tables(version, sdist.rules, wheel.rules, direct=_is_direct(metadata))
        changes["pyproject.toml"] = rewritten(
            text, requires=requires, project=fields, dynamic=dynamic, hatch=hatch
        ).encode()
    except UnicodeEncodeError:
        raise Refusal(["A file's name is not UTF-8, so that no rule can name it."]) from None
    if tree.has("setup.cfg") and leftover and leftover != setup_cfg:
        changes["setup.cfg"] = leftover.encode()
    return Plan(
        name=metadata.name,
        changes=changes,
        project=fields,
        dynamic=tuple(dynamic),
        hatch=hatch,
        forced=forced,
        origins=wheel.origins,
        version_files=version.written,
        translations=sdist.translations,
        notes=(*_notes(pyproject, version, tree), *_mentions(tree, gone)),
    )


def _metadata(wheel: Packed) -> Metadata:
    texts = {path.rpartition("/")[2]: text for path, text in wheel.kept.items()}
    return read_metadata(texts.get("METADATA", ""), texts.get("entry_points.txt", ""))


def _reasons(
    before: Before, pyproject: Mapping[str, object], version: VersionPlan, wheel: WheelPlan
) -> Iterator[str]:
    yield from _configured(pyproject)
    yield from _built(before.facts)
    if version.refusal:
        yield version.refusal
    if not before.wheel.filename.endswith("-none-any.whl"):
        yield f"Its wheel is for one platform only: {before.wheel.filename}."
    if wheel.generated:
        yield f"The build generates files of the wheel: {_some(wheel.generated)}."
    if made := _made(before, version):
        yield f"The build generates files of the sdist: {_some(made)}."
    packed = {path for path in wheel.origins.values() if path not in version.written}
    if lost := packed - before.sdist.files.keys():
        yield f"The sdist lacks files that the wheel from the tree has: {_some(lost)}."
    if twice := [path for path, count in Counter(wheel.origins.values()).items() if count > 1]:
        yield f"The wheel has these twice, at two places: {_some(twice)}."
    if links := [path for path in packed | before.sdist.files.keys() if before.tree.is_link(path)]:
        yield f"It packs symbolic links: {_some(links)}. hatchling packs them in another way."
    yield from _tag_reasons(before)


def _tag_reasons(before: Before) -> Iterator[str]:
    """Why hatchling would give the wheel another tag: it takes it from Requires-Python."""
    requires = parse_email(before.metadata)[0].get("requires_python", "")
    try:
        admits = any(SpecifierSet(requires).contains(f"2.{minor}.99") for minor in range(8))
    except InvalidSpecifier:
        return
    if requires and admits and "-py3-none-any" in before.wheel.filename:
        yield f"The wheel is tagged py3, but Requires-Python ({requires}) admits Python 2."
    if requires and not admits and "-py2.py3-none-any" in before.wheel.filename:
        yield f"The wheel is tagged py2.py3, but Requires-Python ({requires}) rules Python 2 out."


def _configured(pyproject: Mapping[str, object]) -> Iterator[str]:
    if "backend-path" in subtable(pyproject, "build-system"):
        yield "It builds with a backend of its own (build-system.backend-path)."
    for table in ("build", "version", "metadata"):
        if table in subtable(subtable(pyproject, "tool"), "hatch"):
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
            yield f"{text}: {_some(names)}."
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


def _some(names: Iterable[str]) -> str:
    names = sorted(names)
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def _fields(
    pyproject: Mapping[str, object], metadata: Metadata, before: Before
) -> dict[str, object]:
    """What to write into ``[project]``: everything, or what setuptools filled in until now."""
    project = subtable(pyproject, "project")
    dynamic = project.get("dynamic")
    names = [str(name) for name in dynamic] if isinstance(dynamic, list) else []
    if "project" not in pyproject:
        names = list(FIELDS)
    elif "license-files" not in project:
        names.append("license-files")
    fields = project_fields(
        [name for name in FIELDS if name in names], metadata, before.facts, before.tree
    )
    if "project" not in pyproject:
        fields = {"name": metadata.name, **fields}
    if "requires-python" not in {*project, *fields} and "-py3-none-any" in before.wheel.filename:
        fields["requires-python"] = ">=3"  # from which hatchling takes the wheel's tag
    return fields


def _forced(project: Mapping[str, object], metadata: Metadata) -> frozenset[str]:
    """The readme and the license files."""
    readme = project.get("readme")
    path = readme.get("file") if isinstance(readme, Mapping) else readme
    found = {*metadata.raw.get("license_files", []), *([str(path)] if path else [])}
    return frozenset(found)


def _requires(pyproject: Mapping[str, object], version: VersionPlan) -> list[str]:
    named = subtable(pyproject, "build-system").get("requires")
    others = [
        str(text)
        for text in (named if isinstance(named, list) else [])
        if _requirement_name(str(text)) not in _OURS
    ]
    vcs = [HATCH_VCS] if version.table.get("source") == "vcs" else []
    return [HATCHLING, *vcs, *others]


def _requirement_name(text: str) -> str:
    try:
        return canonicalize_name(Requirement(text).name)
    except InvalidRequirement:
        return text


def _is_direct(metadata: Metadata) -> bool:
    return any(" @ " in text for text in metadata.raw.get("requires_dist", []))


def _notes(pyproject: Mapping[str, object], version: VersionPlan, tree: Tree) -> Iterator[str]:
    dynamic = subtable(pyproject, "project").get("dynamic")
    static = [name for name in dynamic if name != "version"] if isinstance(dynamic, list) else []
    if static:
        yield f"No longer dynamic, but written out in [project]: {', '.join(map(str, static))}."
    if "project" not in pyproject:
        yield "[project] is new: it says what setuptools wrote into the metadata."
    if version.table.get("source") == "vcs":
        yield (
            "hatch-vcs derives the version, by setuptools-scm, from the same tags. It was compared "
            "at this commit only."
        )
    if looks := sorted(set(_LOOKS.findall(tree.text("setup.py")))):
        yield f"What setup.py decides by {', '.join(looks)} was taken as it is on this machine."


def _mentions(tree: Tree, gone: Set[str]) -> Iterator[str]:
    """Files at the top, and of CI, that name a file which goes: somebody should look at them."""
    found = {
        path
        for path in tree.files - gone - {"pyproject.toml", "setup.cfg"}
        if ("/" not in path and path.endswith(_SETTINGS)) or path.startswith(".github/workflows/")
        if any(name.encode() in tree.read(path) for name in gone)
    }
    if found:
        yield f"These name {_some(sorted(gone))}; look at them: {_some(sorted(found))}."
