"""A kit: what one project adds to its tree when it adopts reproducible releases.

A folder with a ``kit.toml``; docs/reference/kit.md describes it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import canonicalize_name

from samebytes.errors import UserError
from samebytes.kits import find_kit_folder
from samebytes.migrate.plan import Plan
from samebytes.migrate.proof import Listing
from samebytes.migrate.pyproject import parse, rewritten
from samebytes.migrate.refusals import Refusal
from samebytes.migrate.tree import Tree
from samebytes.wire import Node

VERSION = 1
_KEYS = {"version", "project", "requires", "tables", "file", "insert", "sdist", "stay", "wheel"}

#: What a migration itself writes or removes.
OWN_FILES = ("pyproject.toml", "setup.cfg", "setup.py", "MANIFEST.in")
FILENAME = "kit.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Insertion:
    """Text that goes before the one line ``before`` of the file ``into``."""

    text: str
    into: str
    before: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """``files`` and ``insertions`` are for every project; for one that moves to hatchling also
    ``requires``, the build requirements, ``hatch``, the text of its tables, and the changes of the
    lists of members that are accepted: ``sdist`` and ``wheel``. For one that stays on its backend,
    these are in ``stay``, by the form of the artifact.
    """

    name: str
    project: str
    requires: tuple[str, ...]
    hatch: str
    files: Mapping[str, bytes]
    insertions: tuple[Insertion, ...]
    sdist: Listing
    wheel: Listing
    stay: Mapping[str, Listing]

    @property
    def paths(self) -> tuple[str, ...]:
        """The files of a checkout that the kit adds or changes."""
        return (*self.files, *(each.into for each in self.insertions))

    def applied(self, plan: Plan, name: str, tree: Tree) -> Plan:
        """The plan with the kit's tables, files and insertions.

        Raises Refusal where the kit is another project's, or the checkout has moved on.
        """
        self.check_project(name)
        changes = dict(plan.changes) | self.added(tree)
        changes["pyproject.toml"] = rewritten(
            tree.text("pyproject.toml"),
            requires=self.requires,
            project=plan.project,
            dynamic=plan.dynamic,
            hatch=self.hatch,
        ).encode()
        notes = (*plan.notes, *self._other_rules(plan))
        return replace(plan, changes=changes, hatch=self.hatch, notes=notes)

    def check_project(self, name: str) -> None:
        """Raises Refusal where the kit is another project's."""
        if canonicalize_name(name) != canonicalize_name(self.project):
            raise Refusal([f"The kit is for {self.project}; the project is {name}."])

    def added(self, tree: Tree) -> dict[str, bytes | None]:
        """Files and insertions that the tree does not have yet.

        Raises Refusal, with the places, where it has others.
        """
        found: dict[str, bytes | None] = {}
        reasons = []
        for path, data in self.files.items():
            if not tree.has(path):
                found[path] = data
            elif tree.read(path) != data:
                reasons.append(f"{path} is there and is not the kit's: remove one of the two.")
        for insertion in self.insertions:
            text = tree.read(insertion.into).decode("utf-8", "replace")
            if insertion.text in text:
                continue
            if reason := _obstacle(insertion, tree, text):
                reasons.append(reason)
                continue
            head, mark, rest = text.partition(f"\n{insertion.before}\n")
            found[insertion.into] = f"{head}\n{insertion.text}\n{mark[1:]}{rest}".encode()
        if reasons:
            raise Refusal(reasons)
        return found

    def check_tables(self, tree: Tree) -> None:
        """Raises Refusal if the project, on hatchling already, has not the kit's tables."""
        ours, theirs = parse(self.hatch).unwrap(), parse(tree.text("pyproject.toml")).unwrap()
        tables = ("version", "build", "metadata")
        hatch = theirs.get("tool", {}).get("hatch", {})
        other = [
            f"pyproject.toml: [tool.hatch.{name}] is not the kit's."
            for name in tables
            if hatch.get(name) != ours["tool"]["hatch"].get(name)
        ]
        if theirs.get("build-system", {}).get("requires") != list(self.requires):
            other.append("pyproject.toml: [build-system] requires is not the kit's.")
        if other:
            raise Refusal(other)

    def _other_rules(self, plan: Plan) -> Iterator[str]:
        """Where the kit's rules are not those that the checkout asks for."""
        ours, theirs = (_rules(text) for text in (self.hatch, plan.hatch))
        for place in sorted(ours.keys() | theirs.keys()):
            one, two = ours.get(place, set()), theirs.get(place, set())
            if two - one:
                yield f"Not in the kit's {place}, but asked for here: {_joined(two - one)}."
            if one - two:
                yield f"In the kit's {place}, but of no use here: {_joined(one - two)}."


def find_kit(name: str) -> Kit:
    """A kit that comes with the program, by its name, or one by the path of its folder.

    Raises UserError where there is none, or where it is malformed.
    """
    return read_kit(find_kit_folder(name, FILENAME))


def read_kit(folder: Path) -> Kit:
    """Raises UserError, with the place, for what is wrong in a kit."""
    place = folder / FILENAME
    try:
        node = Node(tomllib.loads(place.read_text(encoding="utf-8")))
        if node["version"].expect(int) != VERSION:
            raise node["version"].error(f"version {node['version'].value} is not known")
        if unknown := sorted(set(node.expect(dict)) - _KEYS):
            raise node.error(f"{', '.join(unknown)} is not known")
        kit = Kit(
            name=folder.resolve().name,
            project=node["project"].expect(str),
            requires=tuple(item.expect(str) for item in node["requires"]),
            hatch=_text(folder, node["tables"]),
            files={
                each["to"].parse(_path): _text(folder, each["from"]).encode()
                for each in _items(node, "file")
            },
            insertions=tuple(
                Insertion(
                    text=_text(folder, each["from"]).strip("\n") + "\n",
                    into=each["into"].parse(_path),
                    before=each["before"].expect(str),
                )
                for each in _items(node, "insert")
            ),
            sdist=_listing(node, "sdist"),
            wheel=_listing(node, "wheel"),
            stay=_stay(node),
        )
        tool = tomllib.loads(kit.hatch).get("tool")
        if not isinstance(tool, dict) or "hatch" not in tool:
            raise node["tables"].error("a file with tables under [tool.hatch] is needed")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, RecursionError) as error:
        raise UserError(f"{place} cannot be read: {error}.") from None
    except UserError as error:
        raise UserError(f"{place} is no kit: {error.message}") from None
    return kit


def _obstacle(insertion: Insertion, tree: Tree, text: str) -> str:
    """Why the text cannot be inserted."""
    place = f"{insertion.into}, for the kit's text before the line {insertion.before!r}"
    if not tree.has(insertion.into):
        return f"{place}: there is no such file any more."
    title = next((line for line in insertion.text.splitlines() if line.strip()), "")
    if f"\n{title}\n" in text:
        return f"{place}: it has a text that begins with {title!r} already, but another one."
    count = f"\n{text}".count(f"\n{insertion.before}\n")
    if count != 1:
        return f"{place}: that line is there {count} times, and is needed once."
    return ""


def _rules(hatch: str) -> dict[str, set[str]]:
    """The patterns of each list of rules, by its place."""
    build = parse(hatch).unwrap().get("tool", {}).get("hatch", {}).get("build", {})
    return {
        f"[tool.hatch.build.targets.{target}] {key}": set(map(str, values))
        for target, table in build.get("targets", {}).items()
        for key, values in table.items()
        if isinstance(values, list)
    }


def _joined(values: set[str]) -> str:
    return ", ".join(sorted(values))


def _items(node: Node, key: str) -> Iterator[Node]:
    if key in node.expect(dict):
        yield from node[key]


def _stay(node: Node) -> dict[str, Listing]:
    """The listings under ``[stay]``, those that there are."""
    if "stay" not in node.expect(dict):
        return {}
    table = node["stay"]
    if unknown := sorted(set(table.expect(dict)) - {"sdist", "wheel"}):
        raise table.error(f"{', '.join(unknown)} is not known")
    return {key: _listing(table, key) for key in table.expect(dict)}


def _listing(node: Node, key: str) -> Listing:
    if key not in node.expect(dict):
        return Listing()
    table = node[key]
    gone, came = (
        tuple(item.expect(str) for item in _items(table, name)) for name in ("gone", "came")
    )
    return Listing(gone=gone, came=came)


def _text(folder: Path, node: Node) -> str:
    path = folder / node.expect(str)
    if not path.is_file():
        raise node.error(f"there is no file {path}")
    return path.read_text(encoding="utf-8")


def _path(text: str) -> str:
    parts = text.split("/")
    if {"..", "", "."} & set(parts) or ".git" in (part.casefold() for part in parts):
        raise ValueError(f"not a path inside a checkout: {text!r}")
    if text in OWN_FILES:
        raise ValueError(f"the migration itself writes {text!r}")
    return text
