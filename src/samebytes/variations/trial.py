"""One build under given conditions: the sdist and the wheel, or why there is none."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from samebytes.archive.artifact import Form
from samebytes.archive.canonical import TarFacts
from samebytes.builder import Backend, Distribution
from samebytes.epoch import Epoch
from samebytes.errors import ArtifactError, UserError
from samebytes.source import Source
from samebytes.variations.checkout import clean_tree, raw_tree, unpack
from samebytes.variations.conditions import Conditions
from samebytes.workspace import Room, Workspace

_WITNESS = Path(__file__).with_name("witness.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What one build gave: of each form the file or the error; and what its Python saw.

    ``facts`` are those of the sdist's members, if the wheel was built from it. All that the build
    left is in ``shelf``.
    """

    shelf: Path
    varied: frozenset[str]
    files: Mapping[Form, Path]
    errors: Mapping[Form, ArtifactError]
    facts: Sequence[TarFacts] | None
    seen: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What all builds of a check have in common.

    ``backend`` gives the backend for what is varied. As ``raw``, hooks are told no epoch and work
    in a checkout.
    """

    source: Source
    raw: bool
    epoch: Epoch
    space: Workspace
    backend: Callable[[frozenset[str]], Backend]

    def build(self, conditions: Conditions) -> Trial:
        """Build under ``conditions``; raises UserError where they cannot be had."""
        room = Room.prepare(conditions.room)
        conditions.home.mkdir(exist_ok=True)
        backend = self.backend(conditions.varied)
        backend = replace(backend, path=conditions.path(backend.path))
        return _Work(self, conditions, room, self.space.shelf(), backend, {}, {}).trial()

    def tidy(self, conditions: Conditions) -> None:
        """Remove the room of a build that is done with; its files are elsewhere."""
        Room(conditions.room).remove()


@dataclass(frozen=True, slots=True)
class _Work:
    ground: Ground
    conditions: Conditions
    room: Room
    shelf: Path
    backend: Backend
    files: dict[Form, Path]
    errors: dict[Form, ArtifactError]

    def trial(self) -> Trial:
        seen = self._seen()
        project = self._tree()
        sdist, facts = self._built("sdist", project), None
        if "route" in self.conditions.varied:
            self._leave_tree()
            self._built("wheel", self._tree())
        elif sdist is not None:
            self._leave_tree()
            try:
                facts = unpack(sdist, self.room, self._mtime, raw=self.ground.raw)
            except ArtifactError as error:
                self.errors[Form.SDIST] = error
            else:
                self._built("wheel", self.room.tree)
        return Trial(
            shelf=self.shelf,
            varied=self.conditions.varied,
            files=self.files,
            errors=self.errors,
            facts=facts,
            seen=seen,
        )

    @property
    def _mtime(self) -> int:
        return self.ground.epoch.seconds

    def _tree(self) -> Path:
        source = self.ground.source
        if self.ground.raw:
            return raw_tree(source, self.room, self.conditions, self._mtime)
        return clean_tree(source, self.room, self._mtime)

    def _leave_tree(self) -> None:
        """Make room for another tree at the same path; to remove this one can wait."""
        os.rename(self.room.tree, self.shelf / "tree")

    def _surrounded(self, tree: Path, project: Path) -> Backend:
        surroundings = self.conditions.surroundings(self.room, tree, project)
        return replace(self.backend, surroundings=surroundings)

    def _built(self, distribution: Distribution, project: Path) -> Path | None:
        epoch = self.ground.epoch
        seconds = epoch.seconds if distribution == "sdist" else epoch.for_zip
        form = Form(distribution)
        try:
            backend = self._surrounded(self.room.tree, project)
            made = backend.build(
                self.room, project, distribution, None if self.ground.raw else seconds
            )
        except ArtifactError as error:
            self.errors[form] = error
            return None
        self.files[form] = self.shelf / made.name
        os.rename(made, self.files[form])
        return self.files[form]

    def _seen(self) -> Mapping[str, object]:
        """What the build's Python sees in a folder with a few files."""
        folder = self.room.root / "witness"
        folder.mkdir()
        for name in ("one", "two", "three", "four"):
            (folder / name).touch()
        backend = self._surrounded(folder, folder)
        done = backend.run(self.room, [_WITNESS], cwd=folder, epoch=None)
        try:
            seen = json.loads(done.stdout)
            if not isinstance(seen, dict):
                raise ValueError
        except ValueError:
            varied = ", ".join(sorted(self.conditions.varied)) or "nothing"
            raise UserError(
                f"Python does not start here with {varied} varied.",
                hint="Leave variations out with --vary=-NAME until it does, and tell us.",
                detail=done.last_lines(),
            ) from None
        return seen
