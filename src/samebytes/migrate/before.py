"""The project on setuptools: its tree, what is built of it, and what setuptools knows."""

from __future__ import annotations

from dataclasses import dataclass

from samebytes.migrate.facts import Facts
from samebytes.migrate.packed import Packed
from samebytes.migrate.tree import Tree


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
