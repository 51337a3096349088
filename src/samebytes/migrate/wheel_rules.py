"""The rules for the wheel: where its packages and modules lie, and what of them is left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

from samebytes.migrate.facts import Facts
from samebytes.migrate.packed import Packed
from samebytes.migrate.patterns import cover, named
from samebytes.migrate.rules import Rule, Rules, headed, is_never_packed
from samebytes.migrate.tree import Tree

_LEFT_OUT = ("setuptools leaves these out: no packages of the project, no package data.",)
_IGNORED = ("Tracked, although .gitignore names them.",)


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelPlan:
    """``origins`` maps the wheel's files to the tree's; ``generated`` come from no file of it."""

    rules: Rules
    origins: Mapping[str, str]
    generated: tuple[str, ...]


def wheel_plan(tree: Tree, packed: Packed, facts: Facts, written: Set[str]) -> WheelPlan:
    """Rules that choose exactly what is ``packed``; ``written`` are files that a hook writes."""
    inside = [name for name in packed.files if ".dist-info/" not in name]
    origins = {name: origin(name, facts) for name in library(packed)}
    generated = [
        name
        for name, path in origins.items()
        if path not in written and (not tree.has(path) or tree.sha256(path) != packed.files[name])
    ]
    elsewhere = _elsewhere(inside, facts)
    generated += [name for name, path in elsewhere.items() if not tree.has(path)]
    generated += set(inside) - set(origins) - set(elsewhere)
    known = {name: path for name, path in origins.items() if name not in generated}
    return WheelPlan(
        rules=_rules(tree, known, elsewhere, written),
        origins=known | {name: path for name, path in elsewhere.items() if tree.has(path)},
        generated=tuple(sorted(set(generated))),
    )


def library(packed: Packed) -> list[str]:
    """The files of a wheel that are imported: not its metadata, not what goes elsewhere."""
    tops = {name: name.partition("/")[0] for name in packed.files}
    return [name for name, top in tops.items() if not top.endswith((".dist-info", ".data"))]


def origin(name: str, facts: Facts) -> str:
    """Where a file of the wheel lies in the tree: with its package, or as a module."""
    *folders, file = name.split("/")
    place = facts.folder_of(folders)
    return f"{place}/{file}" if place else file


def _elsewhere(inside: Iterable[str], facts: Facts) -> dict[str, str]:
    """Scripts and data files, which the wheel keeps in NAME.data, by their path in the tree."""
    found = {}
    scripts = {path.rpartition("/")[2]: path for path in facts.scripts}
    data = {
        "/".join(filter(None, (each.folder, path.rpartition("/")[2]))): path
        for each in facts.data_files
        for path in each.files
    }
    for name in inside:
        top, _, rest = name.partition("/")
        kind, _, path = rest.partition("/")
        if not top.endswith(".data"):
            continue
        if kind == "scripts" and path in scripts:
            found[name] = scripts[path]
        elif kind == "data" and path in data:
            found[name] = data[path]
    return found


def _rules(
    tree: Tree, origins: Mapping[str, str], elsewhere: Mapping[str, str], written: Set[str]
) -> Rules:
    wanted = set(origins.values()) - written
    moves = _moves(origins)
    roots = _roots(origins, moves)
    plain = Rules(roots=tuple(Rule(root) for root in roots))
    extra = plain.chosen(tree.files - written, ()) - wanted
    exclude = headed(cover(extra, wanted), _LEFT_OUT)
    missing = wanted - Rules(roots=plain.roots, exclude=exclude).chosen(tree.files, tree.ignoring)
    moved = {
        path: name
        for name, path in origins.items()
        if name != _moved(path, moves) or is_never_packed(path)
    }
    return Rules(
        roots=plain.roots,
        sources=moves,
        exclude=exclude,
        artifacts=headed(named(missing - moved.keys(), tree.files - missing), _IGNORED),
        forced=moved,
        data={path: name.split("/", 2)[2] for name, path in elsewhere.items() if "/data/" in name},
        scripts={
            path: name.split("/", 2)[2] for name, path in elsewhere.items() if "/scripts/" in name
        },
    )


def _moves(origins: Mapping[str, str]) -> dict[str, str]:
    """Folders of the tree that have another name in the wheel, the shortest that say it all.

    ``src`` to nothing for ``src/small``; ``lib/code`` to ``small`` where no shorter rule does.
    """
    found: dict[str, str] = {}
    for name, path in sorted(origins.items(), key=lambda item: len(item[1])):
        if name == _moved(path, found):
            continue
        tail = _common_tail(name, path)
        found[path.removesuffix(tail).rstrip("/")] = name.removesuffix(tail).rstrip("/")
    return found


def _moved(path: str, moves: Mapping[str, str]) -> str:
    """The path in the wheel, as hatchling computes it (BuilderConfig.get_distribution_path)."""
    for source, target in sorted(moves.items()):
        if not source or path.startswith(f"{source}/"):
            rest = path.removeprefix(f"{source}/") if source else path
            return "/".join(filter(None, (target, rest)))
    return path


def _common_tail(name: str, path: str) -> str:
    one, two = name.split("/")[::-1], path.split("/")[::-1]
    count = 0
    while count < min(len(one), len(two)) and one[count] == two[count]:
        count += 1
    return "/".join(one[:count][::-1])


def _roots(origins: Mapping[str, str], moves: Mapping[str, str]) -> list[str]:
    """The outermost folders of packages, and modules: what is below the folder they came from."""
    found = set()
    for path in origins.values():
        base = next((each for each in moves if each and path.startswith(f"{each}/")), "")
        if base and moves[base]:
            found.add(base)  # the folder is the package itself
            continue
        rest = path.removeprefix(f"{base}/") if base else path
        found.add("/".join(filter(None, (base, rest.partition("/")[0]))))
    return sorted(found)
