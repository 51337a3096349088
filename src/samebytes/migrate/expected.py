"""What must differ between an archive of setuptools and one of hatchling, one row each.

A difference that no row expects is a finding: the migration is not proved.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field

from packaging.utils import canonicalize_name

from samebytes.compare.comparison import NOBODY
from samebytes.compare.kinds import Level
from samebytes.compare.model import ContentView, Difference
from samebytes.digest import Digest
from samebytes.errors import ArtifactError
from samebytes.migrate.metadata import HEADERS, meaning, read_entry_points
from samebytes.migrate.packed import Packed
from samebytes.migrate.tree import Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """An archive before and after; ``tree`` is the project's before, ``changes`` what became of it.

    ``origins`` are the paths in the tree of the wheel's files; ``forced`` are files that hatchling
    packs in any case, ``version_files`` those that a build writes there; ``views`` show how
    contents differ, by member; ``metadata`` is METADATA of the wheel before.

    ``path`` of a difference is its member's, below an sdist's folder.
    """

    before: Packed
    after: Packed
    tree: Tree
    changes: Mapping[str, bytes | None]
    origins: Mapping[str, str] = field(default_factory=dict)
    forced: Set[str] = frozenset()
    version_files: Set[str] = frozenset()
    views: Mapping[str, ContentView] = field(default_factory=dict)
    metadata: str = ""

    @property
    def is_sdist(self) -> bool:
        return not self.before.filename.endswith(".whl")

    def path(self, difference: Difference) -> str:
        member = difference.member or ""
        return member.partition("/")[2] if self.is_sdist else member

    def origin(self, difference: Difference) -> str | None:
        """Where a member lies in the tree."""
        path = self.path(difference)
        return path if self.is_sdist else self.origins.get(path)

    def is_from_tree(self, path: str) -> bool:
        """Whether the second archive holds this file exactly as the changed tree has it."""
        data = self.changes[path] if path in self.changes else self.tree.read(path)
        exists = path in self.changes or self.tree.has(path)
        return exists and data is not None and self.after.files.get(path) == Digest.of(data).hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """A difference that is meant: of which kinds (by the beginning of their ids), when, and why."""

    id: str
    kinds: tuple[str, ...]
    applies: Callable[[Difference, Pair], bool]
    reason: str

    def expects(self, difference: Difference, pair: Pair) -> bool:
        return difference.kind.id.startswith(self.kinds) and self.applies(difference, pair)


def expectation(
    rows: Iterable[Expectation], difference: Difference, pair: Pair
) -> Expectation | None:
    """The first of the rows that expects the difference; None: nobody expects it."""
    return next((row for row in rows if row.expects(difference, pair)), None)


def is_container(difference: Difference, _pair: Pair) -> bool:
    return difference.kind.level is Level.CONTAINER


def _is_manifest(difference: Difference, pair: Pair) -> bool:
    return pair.path(difference) == "MANIFEST.in" and _is_removed(difference, pair)


def _is_removed(difference: Difference, pair: Pair) -> bool:
    path = pair.path(difference)
    return pair.is_sdist and path in pair.changes and pair.changes[path] is None


def _is_egg_info(difference: Difference, pair: Pair) -> bool:
    path = pair.path(difference)
    return pair.is_sdist and ".egg-info/" in f"{path}/" and not pair.tree.has(path)


def _is_written_setup_cfg(difference: Difference, pair: Pair) -> bool:
    return pair.is_sdist and pair.path(difference) == "setup.cfg" and not pair.tree.has("setup.cfg")


def _is_ignore_file(difference: Difference, pair: Pair) -> bool:
    file = pair.tree.ignore_file
    if not pair.is_sdist or pair.path(difference) != ".gitignore" or file is None:
        return False
    return pair.after.files.get(".gitignore") == Digest.of_file(file).hex


def _is_forced(difference: Difference, pair: Pair) -> bool:
    path = pair.path(difference)
    return pair.is_sdist and path in pair.forced and pair.is_from_tree(path)


def is_changed(difference: Difference, pair: Pair) -> bool:
    path = pair.path(difference)
    return pair.is_sdist and path in pair.changes and pair.is_from_tree(path)


def _is_setup_cfg(difference: Difference, pair: Pair) -> bool:
    path = pair.path(difference)
    return pair.is_sdist and path == "setup.cfg" and pair.is_from_tree(path)


def _is_top_level(difference: Difference, pair: Pair) -> bool:
    folder, _, name = pair.path(difference).rpartition("/")
    return folder.endswith(".dist-info") and name in ("top_level.txt", "zip-safe")


def _is_metadata(difference: Difference, pair: Pair) -> bool:
    path = pair.path(difference)
    return path == "PKG-INFO" if pair.is_sdist else path.endswith(".dist-info/METADATA")


def _means_the_same(difference: Difference, pair: Pair) -> bool:
    if not _is_metadata(difference, pair):
        return False
    field = difference.field.lower()
    one, two = (_meaning(packed) for packed in (pair.before, pair.after))
    key = HEADERS.get(field, field)
    return key in one and one[key] == two[key]


def _meaning(packed: Packed) -> Mapping[str, object]:
    names = [path for path in packed.kept if path.endswith(("METADATA", "PKG-INFO"))]
    return meaning(packed.kept[names[0]]) if len(names) == 1 else {}


def _is_in_wheel(difference: Difference, pair: Pair) -> bool:
    """Whether PKG-INFO gains what the wheel's metadata had before."""
    field = difference.field.lower()
    if not (pair.is_sdist and _is_metadata(difference, pair) and difference.first == "none"):
        return False
    return meaning(pair.metadata).get(field) == _meaning(pair.after).get(field, "no such field")


def _is_field(*names: str) -> Callable[[Difference, Pair], bool]:
    def applies(difference: Difference, pair: Pair) -> bool:
        return _is_metadata(difference, pair) and difference.field.lower() in names

    return applies


def _has_same_entry_points(difference: Difference, pair: Pair) -> bool:
    path = pair.path(difference)
    if pair.is_sdist or not path.endswith(".dist-info/entry_points.txt"):
        return False
    try:
        one, two = (
            next(
                read_entry_points(text)
                for name, text in packed.kept.items()
                if name.endswith("/entry_points.txt")
            )
            for packed in (pair.before, pair.after)
        )
    except (ArtifactError, StopIteration):
        return False
    return one == two


def _is_commit_id(difference: Difference, pair: Pair) -> bool:
    """Whether a version file differs in the id of the commit, in all of its lines, and no more."""
    view = pair.views.get(difference.member or "")
    if pair.origin(difference) not in pair.version_files or view is None or view.omitted:
        return False
    return all(_COMMIT_ID.fullmatch(line.text) for line in view.lines if line.mark in "-+")


_COMMIT_ID = re.compile(r"(__commit_id__ = )?commit_id = ('\w*'|None)")


def _is_executable_in_git(difference: Difference, pair: Pair) -> bool:
    """Whether the second has the executable bit that the tree has, and the first has not."""
    origin = pair.origin(difference)
    gained = difference.first == NOBODY and difference.second != NOBODY
    return not pair.is_sdist and gained and origin is not None and pair.tree.is_executable(origin)


def _is_script(difference: Difference, pair: Pair) -> bool:
    return not pair.is_sdist and ".data/scripts/" in pair.path(difference)


def _is_python_3(difference: Difference, pair: Pair) -> bool:
    values = (difference.field.lower(), difference.first, difference.second)
    return _is_metadata(difference, pair) and values == ("requires-python", "none", ">=3")


def _is_new_type(difference: Difference, pair: Pair) -> bool:
    is_type = _is_metadata(difference, pair) and difference.field == "Description-Content-Type"
    return is_type and difference.first == "none"


def _is_same_name(difference: Difference, _pair: Pair) -> bool:
    return canonicalize_name(difference.first) == canonicalize_name(difference.second)


def _is_license(difference: Difference, _pair: Pair) -> bool:
    one, two = difference.first.split("/"), difference.second.split("/")
    return one[0].endswith(".dist-info") and two[1:2] == ["licenses"] and one[-1] == two[-1]


def _always(_difference: Difference, _pair: Pair) -> bool:
    return True


EXPECTED: tuple[Expectation, ...] = (
    Expectation(
        id="another-writer",
        kinds=("",),
        applies=is_container,
        reason="Another program wrote the archive: its times, owners, order and headers.",
    ),
    Expectation(
        id="manifest",
        kinds=("member-only-in-first",),
        applies=_is_manifest,
        reason="The rules in pyproject.toml replace it.",
    ),
    Expectation(
        id="moved",
        kinds=("member-only-in-first",),
        applies=_is_removed,
        reason="What it said is in pyproject.toml now.",
    ),
    Expectation(
        id="egg-info",
        kinds=("member-only-in-first",),
        applies=_is_egg_info,
        reason="Only setuptools writes and reads it.",
    ),
    Expectation(
        id="setup-cfg",
        kinds=("member-only-in-first",),
        applies=_is_written_setup_cfg,
        reason="setuptools wrote it, the tree has none.",
    ),
    Expectation(
        id="gitignore",
        kinds=("member-only-in-second",),
        applies=_is_ignore_file,
        reason="hatchling packs it with the sdist, whose wheel must obey it too.",
    ),
    Expectation(
        id="forced",
        kinds=("member-only-in-second",),
        applies=_is_forced,
        reason="hatchling packs the readme and the license files, whatever the rules say.",
    ),
    Expectation(
        id="migrated",
        kinds=("member-content", "member-only-in-second", "content-", "setup-cfg-tags"),
        applies=is_changed,
        reason="The migration changed it.",
    ),
    Expectation(
        id="egg-info-section",
        kinds=("member-content", "content-", "setup-cfg-tags"),
        applies=_is_setup_cfg,
        reason="It is the tree's own, without the section that setuptools appends.",
    ),
    Expectation(
        id="top-level",
        kinds=("member-only-in-first",),
        applies=_is_top_level,
        reason="Only setuptools writes it; no installer needs it.",
    ),
    Expectation(
        id="license-folder",
        kinds=("member-renamed",),
        applies=_is_license,
        reason="License files lie in a folder of their own since PEP 639.",
    ),
    Expectation(
        id="metadata-version",
        kinds=("metadata-version",),
        applies=_is_metadata,
        reason="The backends write different versions of the format.",
    ),
    Expectation(
        id="metadata-dynamic",
        kinds=("metadata-field",),
        applies=_is_field("dynamic"),
        reason="Which fields code filled in; now they stand in pyproject.toml.",
    ),
    Expectation(
        id="metadata-platform",
        kinds=("metadata-field",),
        applies=_is_field("platform"),
        reason="[project] has no such field, and no index uses it.",
    ),
    Expectation(
        id="description-type",
        kinds=("metadata-field",),
        applies=_is_new_type,
        reason="hatchling names it by the readme's name; setuptools named none.",
    ),
    Expectation(
        id="metadata-order",
        kinds=("metadata-order",),
        applies=_is_metadata,
        reason="The same fields in another order.",
    ),
    Expectation(
        id="metadata-meaning",
        kinds=("metadata-",),
        applies=_means_the_same,
        reason="It means the same.",
    ),
    Expectation(
        id="pkg-info",
        kinds=("metadata-field",),
        applies=_is_in_wheel,
        reason="Old setuptools wrote it into the wheel only, where it is the same.",
    ),
    Expectation(
        id="entry-points",
        kinds=("content-", "member-content"),
        applies=_has_same_entry_points,
        reason="The same entry points, written in another way.",
    ),
    Expectation(
        id="version-file",
        kinds=("content-", "member-content"),
        applies=_is_commit_id,
        reason="hatch-vcs writes the same version, but not the id of the commit.",
    ),
    Expectation(
        id="executable",
        kinds=("member-executable",),
        applies=_is_executable_in_git,
        reason="git tracks it as executable: hatchling keeps that, setuptools' wheels do not.",
    ),
    Expectation(
        id="script",
        kinds=("member-executable",),
        applies=_is_script,
        reason="Installers make every script executable, whatever the wheel says (PEP 427).",
    ),
    Expectation(
        id="python-tag",
        kinds=("metadata-field",),
        applies=_is_python_3,
        reason="hatchling takes the tag py3 of the wheel from it; setuptools takes it for granted.",
    ),
    Expectation(
        id="generator",
        kinds=("wheel-generator",),
        applies=_always,
        reason="It names the backend.",
    ),
    Expectation(
        id="spelling",
        kinds=("dist-info-folder", "sdist-folder"),
        applies=_is_same_name,
        reason="The same name in another spelling.",
    ),
    Expectation(
        id="record",
        kinds=("record-",),
        applies=_always,
        reason="It lists the other members, of which each difference is listed here.",
    ),
)
