"""What the migration changes: worked out from the tree and from what setuptools builds of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from samebytes.errors import ArtifactError
from samebytes.migrate.before import Before
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
from samebytes.migrate.refusals import Refusal, refusal_reasons, some
from samebytes.migrate.rules import FORCED
from samebytes.migrate.sdist_rules import Translation, sdist_plan
from samebytes.migrate.tables import HATCH_VCS, HATCHLING, hatch_tables
from samebytes.migrate.tree import Tree
from samebytes.migrate.version import VersionPlan, declared_version, version_plan
from samebytes.migrate.wheel_rules import wheel_plan
from samebytes.toml import table_at
from samebytes.versions import requirement_or_none
from samebytes.wrapped import LEGACY_BACKEND

SETUPTOOLS = ("setuptools.build_meta", LEGACY_BACKEND)

#: Build requirements that hatchling has no use for.
_OURS = frozenset({"setuptools", "wheel", "setuptools-scm", "pip", "toml", "tomli"})

#: What code looks at that gives other metadata on another machine.
_LOOKS = re.compile(
    r"sys\.platform|sys\.version_info|os\.name|os\.environ|os\.getenv|platform\.\w+"
)

#: What the settings of other tools are called.
_SETTINGS = (".cfg", ".ini", ".json", ".sh", ".toml", ".yaml", ".yml", "Makefile", "noxfile.py")


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
    reasons = list(refusal_reasons(before, pyproject, version, wheel))
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
    forced = _forced({**table_at(pyproject, "project"), **fields}, metadata)
    sdist = sdist_plan(
        tree,
        before.sdist.files.keys(),
        read_manifest(tree.text("MANIFEST.in")),
        packages=frozenset(wheel.origins.values()),
        gone=frozenset(gone),
        forced=forced | version.written | set(FORCED),
    )
    dynamic = ["version"] if version.table else []
    if version.static and "version" not in table_at(pyproject, "project"):
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


def _fields(
    pyproject: Mapping[str, object], metadata: Metadata, before: Before
) -> dict[str, object]:
    """What to write into ``[project]``: everything, or what setuptools filled in until now."""
    project = table_at(pyproject, "project")
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
    named = table_at(pyproject, "build-system").get("requires")
    others = [
        str(text)
        for text in (named if isinstance(named, list) else [])
        if _requirement_name(str(text)) not in _OURS
    ]
    vcs = [HATCH_VCS] if version.table.get("source") == "vcs" else []
    return [HATCHLING, *vcs, *others]


def _requirement_name(text: str) -> str:
    requirement = requirement_or_none(text)
    return text if requirement is None else canonicalize_name(requirement.name)


def _is_direct(metadata: Metadata) -> bool:
    return any(" @ " in text for text in metadata.raw.get("requires_dist", []))


def _notes(pyproject: Mapping[str, object], version: VersionPlan, tree: Tree) -> Iterator[str]:
    dynamic = table_at(pyproject, "project").get("dynamic")
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
        yield f"These name {some(sorted(gone))}; look at them: {some(sorted(found))}."
