"""With what artifacts are verified on this machine; found out once for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from samebytes.infer.pythons import interpreters
from samebytes.interpreter import Interpreter
from samebytes.request import Workshop
from samebytes.sandbox.bounds import Bounds
from samebytes.sandbox.cell import Cell, find_cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is tried: at most so many ``attempts``, ``timeout`` seconds for each hook.

    ``total`` are the seconds in which the last attempt for an artifact has to begin, and all of
    its hooks to end.
    """

    attempts: int = 4
    timeout: float = 1800.0
    total: float = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """``cell`` confines builds, None: nothing does; ``pythons`` are those of this machine."""

    effort: Effort
    cell: Cell | None
    pythons: tuple[Interpreter, ...]

    @classmethod
    def prepare(cls, workshop: Workshop, effort: Effort, bounds: Bounds | None) -> Self:
        """Builds get a cell with ``bounds``; None: they get none.

        Raises UserError where the builds of strangers cannot be confined, but should be.
        """
        runner, environ = workshop.runner, workshop.environ
        return cls(
            effort=effort,
            cell=find_cell(runner, environ, bounds) if bounds else None,
            pythons=interpreters(runner, environ),
        )
