"""What the builds of a check are done with: found out, and installed, before the first of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from samebytes_core.epoch import Epoch

import samebytes
from samebytes.builder import Backend, Distribution, build_system_requires
from samebytes.interpreter import Interpreter, find_interpreter
from samebytes.request import Workshop
from samebytes.variations.checkout import supported_pythons
from samebytes.variations.choice import CheckRequest, Choice
from samebytes.variations.machine import Machine, survey
from samebytes.variations.tools import Tools
from samebytes.workspace import Room

_DISTRIBUTIONS: tuple[Distribution, ...] = ("sdist", "wheel")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The machine's means, the toolchains, and the variations that they are enough for.

    ``held`` stands still where it is not varied; ``visible`` is what a build needs of the host.
    """

    choice: Choice
    machine: Machine
    tools: Tools
    held: frozenset[str]
    visible: tuple[Path, ...]


def make_bench(
    request: CheckRequest, workshop: Workshop, room: Room, pool: Executor, epoch: Epoch
) -> Bench:
    """Find out in ``room`` what can be tried, and install what it takes.

    Raises UserError when a required variation cannot be tried, SamebytesError when there is no
    toolchain.
    """
    choice = Choice.of(request)
    reporter = workshop.reporter
    reporter.step("making a private tree")
    interpreter = find_interpreter(request.python, workshop.runner, workshop.environ)
    tree = request.source.tree(room.tree, epoch.seconds)
    surveyed = pool.submit(
        survey,
        choice.tried | request.held,
        runner=workshop.runner,
        environ=workshop.environ,
        interpreter=interpreter,
        supported=supported_pythons(tree),
        cache=workshop.cache,
    )
    warnings = pool.submit(request.source.warnings, tree)
    reporter.step("resolving the build requirements")

    def asked(backend: Backend) -> frozenset[str]:
        answers = [
            pool.submit(backend.extra_requires, room, tree, distribution, epoch.for_zip)
            for distribution in _DISTRIBUTIONS
        ]
        return frozenset[str]().union(*(answer.result() for answer in answers))

    as_of = request.as_of or request.source.as_of(epoch)
    tools = Tools(
        workshop=workshop,
        interpreter=interpreter,
        requires=frozenset(build_system_requires(tree)),
        asked=asked,
        day=None if request.newest else as_of,
        config_settings=request.config_settings,
        timeout=request.timeout,
    )
    pins = tools.backend(Machine(), frozenset()).toolchain.pins
    machine = surveyed.result()
    for text in warnings.result():
        reporter.warn(text)
    lacking = machine.lacking
    choice = choice.without({each: lacking[each] for each in choice.tried & lacking.keys()})
    choice = choice.without(tools.lacking(machine, choice.tried))
    reporter.fact("python", str(interpreter))
    listed = ", ".join(str(pin) for pin in pins) or "nothing"
    reporter.fact("requires", f"{listed} (as of {as_of:%Y-%m-%d %H:%M:%S} UTC)")
    pythons = filter(None, (interpreter, machine.python))
    return Bench(
        choice=choice,
        machine=machine,
        tools=tools,
        held=request.held.difference(lacking),
        visible=tuple(_visible(workshop, room.tree, pythons)),
    )


def _visible(
    workshop: Workshop, clone: Path, interpreters: Iterable[Interpreter]
) -> Iterator[Path]:
    """What a build needs of the host, wherever it lies."""
    yield from (workshop.cache, Path(samebytes.__file__).parent)
    yield from (Path(sys.prefix), Path(sys.base_prefix))
    yield from (each.path.resolve().parents[1] for each in interpreters)
    yield from map(Path, filter(None, workshop.environ.get("PATH", "").split(os.pathsep)))
    for shared in clone.glob(".git/**/objects/info/alternates"):
        yield from map(Path, shared.read_text().splitlines())
