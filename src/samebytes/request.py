"""What is asked of a build, and what it has at hand to do it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from samebytes import hook
from samebytes.builder import FIXED_ENVIRONMENT, Backend, Surroundings
from samebytes.index.settings import IndexSettings
from samebytes.interpreter import Interpreter
from samebytes.process import UMASK, Runner
from samebytes.recipe import BuildInfo, Deflate, Route
from samebytes.sandbox.cell import PATH, Cell
from samebytes.source import Source
from samebytes.toolchain import Toolchain, Toolshed
from samebytes.workspace import DEFAULT_BASE, Room


class Reporter(Protocol):
    """Is told what a build is doing; the library itself prints nothing."""

    def step(self, text: str) -> None: ...

    def fact(self, label: str, text: str) -> None: ...

    def warn(self, text: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to build, and how.

    ``as_of`` None means: as of the source's time; with ``newest``, it is only recorded. With
    ``record``, that build is done again: its epoch, Python version, build requirements, route and
    settings stand, whatever the others say. Unless ``canonical``, archives stay as the backend
    wrote them, whatever they show of this machine; with ``deflate``, all are written again.
    """

    source: Source
    sdist: bool = True
    wheel: bool = True
    route: Route = Route.BOTH
    python: str | None = None
    as_of: datetime | None = None
    newest: bool = False
    record: BuildInfo | None = None
    canonical: bool = True
    deflate: Deflate | None = None
    config_settings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    timeout: float = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What a build works with on this machine; releases are built in the ``cell``, if any.

    The ``undated`` build requirements are today's, whatever the day of the others.
    """

    runner: Runner
    environ: Mapping[str, str]
    index: IndexSettings
    cache: Path
    reporter: Reporter
    base: Path = DEFAULT_BASE
    cell: Cell | None = None
    undated: frozenset[str] = frozenset()

    @property
    def downloads(self) -> Path:
        """Where what comes from the index is kept."""
        return self.cache / "downloads"

    def toolshed(self, interpreter: Interpreter) -> Toolshed:
        """Where toolchains for an interpreter are made and kept."""
        return Toolshed(
            runner=self.runner,
            environ=self.environ,
            settings=self.index,
            interpreter=interpreter,
            cache=self.cache / "toolchains",
            undated=self.undated,
        )

    def backend(
        self,
        toolchain: Toolchain,
        *,
        timeout: float,
        config_settings: Mapping[str, Sequence[str]] | None = None,
    ) -> Backend:
        """The backend in a toolchain; ``timeout`` is in seconds."""
        return Backend(
            runner=self.runner,
            toolchain=toolchain,
            path=self.environ.get("PATH", os.defpath),
            config_settings=config_settings or {},
            timeout=timeout,
        )

    def confined(
        self, backend: Backend, interpreter: Interpreter, readable: Iterable[Path]
    ) -> Backend:
        """The same backend with its hooks in the cell, if there is one.

        There they read its toolchain, programs, and what is ``readable``, each at its own place.

        Raises UserError where the interpreter lies so that they would see your home.
        """
        if self.cell is None:
            return backend
        python = backend.toolchain.python
        given = (backend.toolchain.root, Path(hook.__file__).parent, *readable)
        cell = self.cell.fitted((interpreter.path, python), given)

        def around(room: Room, calls: Path | None) -> Surroundings:
            own = replace(cell, calls=calls)
            return own.surroundings(room, python, FIXED_ENVIRONMENT, UMASK)

        return replace(backend, surroundings=around, path=PATH)
