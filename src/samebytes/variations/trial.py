"""One build under given conditions: the sdist and the wheel, or why there is none."""

from __future__ import annotations

import json
import math
import os
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from samebytes_core.epoch import Epoch

from samebytes.archive.artifact import Form
from samebytes.archive.traces import TarFacts
from samebytes.builder import Backend, Distribution
from samebytes.errors import ArtifactError, UserError
from samebytes.guard import remove_folder
from samebytes.source import Source
from samebytes.variations.checkout import raw_tree, unpack
from samebytes.variations.conditions import Conditions
from samebytes.workspace import Room, Workspace

_WITNESS = Path(__file__).with_name("witness.py")
#: The variations of which it tells what it sees.
WITNESSED = frozenset(
    {"aslr", "clock", "cpus", "environment", "exec-path", "file-order", "hash-seed", "home", "host"}
    | {"kernel", "locale", "path", "python", "timezone", "umask", "user", "zlib"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What one build gave: of each form the file or the error; and what its Python saw.

    ``facts`` are those of the sdist's members, if the wheel was built from it. All that the build
    left is in ``shelf``.
    """

    shelf: Path
    files: Mapping[Form, Path]
    errors: Mapping[Form, ArtifactError]
    facts: Sequence[TarFacts] | None
    seen: Mapping[str, object]


class Pace:
    """Keeps other builds from writing the same thing in the same second as the plain one.

    What a hook learns of the true time, past the clock that stands still for it, then differs.
    """

    #: Times in a zip have steps of two seconds.
    SECONDS = 2.1

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun: dict[tuple[bool, Form], float] = {}

    def begin(self, form: Form, *, is_plain: bool) -> None:
        """A hook for such an artifact begins: of another build, when it is late enough."""
        while True:
            with self._lock:
                now = time.monotonic()
                plain = -math.inf if is_plain else self._begun.get((True, form), -math.inf)
                if (left := plain + self.SECONDS - now) <= 0:
                    self._begun[is_plain, form] = now
                    return
            time.sleep(left)

    def is_apart(self, form: Form) -> bool:
        """Whether the plain build's hook and the last other one began long enough apart."""
        with self._lock:
            plain = self._begun.get((True, form), time.monotonic())
            return abs(plain - self._begun[False, form]) >= self.SECONDS


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
    pace: Pace

    def build(self, conditions: Conditions) -> Trial:
        """Build under ``conditions``; raises UserError where they cannot be had."""
        room = conditions.room.prepared()
        backend = self.backend(conditions.varied)
        backend = replace(backend, path=conditions.path(backend.path))
        return _Work(self, conditions, room, self.space.shelf(), backend, {}, {}).trial()


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
        facts = None
        if "route" in self.conditions.varied:
            # First the wheel, while the plain build is at its sdist.
            self._built("wheel", self._tree())
            self._leave_tree()
            self._built("sdist", self._tree())
            if not self.ground.pace.is_apart(Form.WHEEL):
                self._leave_tree()
                self._built("wheel", self._tree())
        elif sdist := self._built("sdist", self._tree()):
            self._leave_tree()
            facts = self._from_sdist(sdist)
        else:
            self.errors[Form.WHEEL] = self.errors[Form.SDIST]
        return Trial(
            shelf=self.shelf,
            files=self.files,
            errors=self.errors,
            facts=facts,
            seen=seen,
        )

    def _from_sdist(self, sdist: Path) -> Sequence[TarFacts] | None:
        try:
            facts = unpack(sdist, self.room, self._mtime, raw=self.ground.raw)
        except ArtifactError as error:
            self.errors.update({Form.SDIST: error, Form.WHEEL: error})
            return None
        self._built("wheel", self.room.tree)
        return facts

    @property
    def _mtime(self) -> int:
        return self.ground.epoch.seconds

    def _tree(self) -> Path:
        source = self.ground.source
        if self.ground.raw:
            return raw_tree(source, self.room, self.conditions, self._mtime)
        return source.tree(self.room.tree, self._mtime)

    def _leave_tree(self) -> None:
        """Make room for another tree at the same path; to remove this one can wait."""
        with suppress(FileNotFoundError):  # where the build removed it
            os.rename(self.room.tree, Path(tempfile.mkdtemp(dir=self.shelf)) / "tree")

    def _surrounded(self, tree: Path, project: Path) -> Backend:
        surroundings = self.conditions.surroundings(self.room, tree, project)
        return replace(self.backend, surroundings=surroundings)

    def _built(self, distribution: Distribution, project: Path) -> Path | None:
        epoch = self.ground.epoch
        seconds = epoch.seconds if distribution == "sdist" else epoch.for_zip
        form = Form(distribution)
        self.errors.pop(form, None)
        self.files.pop(form, None)
        for folder in (self.conditions.home, self.room.tmp):
            remove_folder(folder)
            folder.mkdir()
        self.ground.pace.begin(form, is_plain=self.conditions.number == 1)
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
        self.conditions.home.mkdir(exist_ok=True)
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
