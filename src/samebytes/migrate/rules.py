"""hatchling's rules for the files of one archive, and which files they choose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from samebytes.migrate.patterns import matcher

#: What hatchling never packs, whatever the rules say (hatchling.builders.constants), and what it
#: excludes before them (BuilderConfig.default_global_exclude).
_NEVER_FOLDERS = frozenset(
    {
        *("__pycache__", ".venv", ".git", ".hg", ".hatch", ".tox", ".nox"),
        *(".ruff_cache", ".pytest_cache", ".mypy_cache", ".pixi"),
    }
)
_NEVER_FILES = frozenset({".DS_Store", ".git"})
_EXCLUDED = ("*.py[cdo]", "/dist")

#: What hatchling puts into every sdist (SdistBuilder.get_default_build_data), besides the readme
#: and the license files.
FORCED = ("pyproject.toml", "hatch.toml", "hatch_build.py", ".gitignore", ".hgignore")


class Rule(NamedTuple):
    """One pattern; ``why`` is its comment, in lines."""

    pattern: str
    why: tuple[str, ...] = ()


def headed(patterns: Iterable[str], why: tuple[str, ...]) -> tuple[Rule, ...]:
    """Rules with one comment, before the first of them."""
    return tuple(Rule(text, () if number else why) for number, text in enumerate(patterns))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The tables of one target: ``[tool.hatch.build.targets.sdist]`` or ``.wheel``.

    ``roots`` are the paths of ``packages``, or with ``sources`` of ``only-include``; without them
    the whole tree is searched by ``include``. ``forced`` maps paths in the tree to paths in the
    archive; ``data`` and ``scripts`` do so for what a wheel installs elsewhere.
    """

    include: tuple[Rule, ...] = ()
    exclude: tuple[Rule, ...] = ()
    artifacts: tuple[Rule, ...] = ()
    roots: tuple[Rule, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    forced: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    scripts: Mapping[str, str] = field(default_factory=dict)

    def chosen(self, files: Iterable[str], ignoring: Sequence[str]) -> set[str]:
        """Which of the tree's ``files`` are packed; ``ignoring`` are the lines of its .gitignore.

        An estimate, of which the real build is the proof.
        """
        include = matcher(rule.pattern for rule in self.include) if self.include else None
        exclude = matcher([*_EXCLUDED, *ignoring, *(rule.pattern for rule in self.exclude)])
        artifacts = matcher(rule.pattern for rule in self.artifacts)
        roots = tuple(rule.pattern for rule in self.roots)
        found = set(self.forced)
        for path in files:
            if is_never_packed(path) or not _is_below(path, roots):
                continue
            included = bool(roots) or include is None or include.match_file(path)
            if artifacts.match_file(path) or (included and not exclude.match_file(path)):
                found.add(path)
        return found


def is_never_packed(path: str) -> bool:
    """Whether only a forced rule can bring the file into an archive."""
    *folders, name = path.split("/")
    return name in _NEVER_FILES or not _NEVER_FOLDERS.isdisjoint(folders)


def _is_below(path: str, roots: tuple[str, ...]) -> bool:
    return not roots or any(path == root or path.startswith(f"{root}/") for root in roots)
