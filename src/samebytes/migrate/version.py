"""Where the version comes from, and how hatchling gets it from there."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from samebytes.migrate.facts import Facts, folder
from samebytes.migrate.tree import Tree
from samebytes.toml import table_at
from samebytes.versions import version_or_none

#: What hatchling looks for by itself (hatchling.version.core.RegexVersionFile.DEFAULT_PATTERN).
_DEFAULT_PATTERN = r'(?i)^(__version__|VERSION)(?: ?\: ?str)? *= *([\'"])v?(?P<version>.+?)\2'
_WHOLE_FILE = r"(?P<version>\S+)"

#: Options that tell setuptools-scm to write a file, which is the hook's work in hatch-vcs.
_FILE_OPTIONS = ("version_file", "write_to")
#: Options without a meaning in pyproject.toml, and what Python objects look like as text.
_UNUSED = ("relative_to", "dist_name")
_OBJECT = re.compile(r" at 0x[0-9a-f]+>|^re\.compile\(")
_TEMPLATE_OPTIONS = ("version_file_template", "write_to_template")


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionPlan:
    """``table`` is ``[tool.hatch.version]``; without one, ``static`` is the version itself.

    ``options`` are for setuptools-scm, ``hook`` is ``[tool.hatch.build.hooks.vcs]``, ``refusal``
    says why there is no plan.
    """

    static: str = ""
    table: Mapping[str, object] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)
    hook: Mapping[str, object] = field(default_factory=dict)
    refusal: str = ""

    @property
    def written(self) -> frozenset[str]:
        """Files that a build writes into the tree."""
        return frozenset({str(self.hook["version-file"])} if self.hook else ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What the project's files say of the version: at most one of these."""

    static: str = ""
    attribute: str = ""
    file: str = ""
    scm: Mapping[str, object] | None = None


def declared_version(
    pyproject: Mapping[str, object], setup_cfg: Mapping[str, str], facts: Facts, *, has_scm: bool
) -> Declared:
    """``setup_cfg`` is its section ``metadata``; ``has_scm``: setuptools-scm is installed."""
    tool = table_at(pyproject, "tool")
    dynamic = table_at(tool, "setuptools", "dynamic", "version")
    static = table_at(pyproject, "project").get("version")
    if isinstance(static, str):
        return Declared(static=static)
    if attribute := dynamic.get("attr"):
        return Declared(attribute=str(attribute))
    if file := dynamic.get("file"):
        return Declared(file=_listed(file))
    kind, colon, value = setup_cfg.get("version", "").partition(":")
    if colon and kind.strip() in ("attr", "file"):
        value = value.strip()
        return Declared(attribute=value) if kind.strip() == "attr" else Declared(file=value)
    options = {**table_at(tool, "setuptools_scm"), **table_at(tool, "setuptools-scm")}
    if facts.scm is not None:
        return Declared(scm={**options, **facts.scm})
    if has_scm and ("setuptools_scm" in tool or "setuptools-scm" in tool):
        return Declared(scm=options)
    return Declared(static=setup_cfg.get("version", ""))


def version_plan(declared: Declared, version: str, tree: Tree, facts: Facts) -> VersionPlan:
    """How hatchling gets ``version``, which setuptools got from what is declared."""
    if declared.scm is not None:
        return _from_scm(declared.scm, tree)
    if declared.attribute:
        return _from_attribute(declared.attribute, version, tree, facts)
    if declared.file:
        return _from_file(declared.file, version, tree)
    texts = (declared.static, *_LITERAL.findall(tree.text("setup.py")))
    for text in texts:
        if _is_version(text, version):
            return VersionPlan(static=text)
    return _from_some_file(version, tree, facts)


_LITERAL = re.compile(r"""\bversion\s*=\s*["']([^"']+)["']""")


def _from_scm(options: Mapping[str, object], tree: Tree) -> VersionPlan:
    rest = {key: value for key, value in options.items() if value is not None}
    files = [(name, rest.pop(name)) for name in _FILE_OPTIONS if name in rest]
    templates = [rest.pop(name) for name in _TEMPLATE_OPTIONS if name in rest]
    rest = {key: value for key, value in rest.items() if key not in _UNUSED}
    if any(_OBJECT.search(str(value)) for value in rest.values()):
        return VersionPlan(refusal="setup.py passes objects of its own to setuptools-scm.")
    hook: dict[str, object] = {}
    for option, file in files[:1]:
        # write_to is a path from the repository's root, version_file from the project's.
        base = tree.root / str(rest.get("root", ".")) if option == "write_to" else tree.root
        path = os.path.relpath((base / str(file)).resolve(), tree.root.resolve())
        if path.startswith(".."):
            return VersionPlan(refusal=f"setuptools-scm writes {file}, outside of the project.")
        hook["version-file"] = path
        if templates:
            hook["template"] = templates[0]
    return VersionPlan(table={"source": "vcs"}, options=rest, hook=hook)


def _from_attribute(attribute: str, version: str, tree: Tree, facts: Facts) -> VersionPlan:
    *module, name = attribute.split(".")
    path = next((each for each in _module_files(module, facts) if tree.has(each)), None)
    if path is None:
        return VersionPlan(refusal=f"The version is {attribute}, which no file of the project has.")
    text = tree.text(path)
    if name in ("__version__", "VERSION") and _finds(_DEFAULT_PATTERN, text, version):
        return VersionPlan(table={"path": path})
    if _finds(_pattern(name), text, version):
        return VersionPlan(table={"path": path, "pattern": _pattern(name)})
    return _from_code(path, name, version, tree, facts)


def _from_code(path: str, name: str, version: str, tree: Tree, facts: Facts) -> VersionPlan:
    """From a module that computes it, or that imports it from another module of the project."""
    try:
        body = ast.parse(tree.read(path)).body
    except (SyntaxError, ValueError, RecursionError):
        return VersionPlan(refusal=f"The version is {name} in {path}, which cannot be read.")
    imports = [node for node in body if isinstance(node, ast.ImportFrom)]
    for other, known_as in _imported(imports, name, path, facts):
        if tree.has(other) and _finds(_pattern(known_as), tree.text(other), version):
            return VersionPlan(table={"path": other, "pattern": _pattern(known_as)})
    if any(node.level for node in imports):
        return VersionPlan(
            refusal=f"The version is {name} in {path}, which imports relatively: hatchling runs "
            "that file alone."
        )
    table: dict[str, object] = {"source": "code", "path": path}
    if _is_tuple(body, name):
        table["expression"] = f'".".join(map(str, {name}))'  # as setuptools does
    elif name != "__version__":
        table["expression"] = name
    table["search-paths"] = [facts.folder_of(()) or "."]
    return VersionPlan(table=table)


def _imported(
    imports: Iterable[ast.ImportFrom], name: str, path: str, facts: Facts
) -> Iterator[tuple[str, str]]:
    """Files that ``name`` may be imported from in the module at ``path``, and its name there."""
    for node in imports:
        above = PurePosixPath(path).parts[: -node.level] if node.level else ()
        module = [*above, *filter(None, (node.module or "").split("."))]
        for alias in node.names:
            if (alias.asname or alias.name) == name:
                found = _module_files(module, Facts() if node.level else facts)
                yield from ((other, alias.name) for other in found if other != path)


def _is_tuple(body: Iterable[ast.stmt], name: str) -> bool:
    return any(
        isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Tuple | ast.List)
        and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
        for node in body
    )


def _pattern(name: str) -> str:
    return rf"""^{re.escape(name)}(?: *: *str)? *= *["'](?P<version>[^"']+)["']"""


def _from_file(name: str, version: str, tree: Tree) -> VersionPlan:
    path = folder(name.strip())
    if not tree.has(path) or not _finds(_WHOLE_FILE, tree.text(path), version):
        return VersionPlan(refusal=f"The version is read from {name}, which hatchling cannot do.")
    return VersionPlan(table={"path": path, "pattern": _WHOLE_FILE})


def _from_some_file(version: str, tree: Tree, facts: Facts) -> VersionPlan:
    """setup.py computed it: from the one file that assigns it, where there is one."""
    found = [
        path
        for path in _likely_files(tree, facts)
        if _finds(_DEFAULT_PATTERN, tree.read(path).decode("utf-8", "replace"), version)
    ]
    if not found:
        return VersionPlan(
            refusal="setup.py computes the version, and no module assigns it as __version__."
        )
    return VersionPlan(table={"path": found[0]})


def _likely_files(tree: Tree, facts: Facts) -> Iterator[str]:
    """Modules that may hold the version: of the outer packages, the shortest names first."""
    tops = [package for package in facts.packages if "." not in package]
    folders = {facts.folder_of([package]) for package in tops}
    modules = {path for name in facts.modules for path in _module_files(name.split("."), facts)}
    inside = {
        path
        for path in tree.files
        if path.endswith(".py") and str(PurePosixPath(path).parent) in folders
    }
    yield from sorted((inside | modules) & tree.files, key=lambda path: (len(path), path))


def _module_files(module: Sequence[str], facts: Facts) -> Iterable[str]:
    """Where a module, given by the parts of its name, may lie."""
    if not module:
        return ()
    *parent, name = module
    own, above = facts.folder_of(module), facts.folder_of(parent)
    return (
        f"{own}/__init__.py" if own else "__init__.py",
        f"{above}/{name}.py" if above else f"{name}.py",
    )


def _finds(pattern: str, text: str, version: str) -> bool:
    found = re.search(pattern, text, re.MULTILINE)
    return found is not None and _is_version(found["version"], version)


def _is_version(text: str, version: str) -> bool:
    found = version_or_none(text)
    return found is not None and found == version_or_none(version)


def _listed(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
