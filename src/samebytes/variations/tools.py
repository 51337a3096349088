"""The toolchains of a check: what the project asks for, for other Pythons or as of another day."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from samebytes.builder import Backend, Distribution
from samebytes.errors import SamebytesError
from samebytes.interpreter import Interpreter
from samebytes.recipe import Pin
from samebytes.request import Workshop
from samebytes.toolchain import Toolchain
from samebytes.variations.machine import Machine
from samebytes.workspace import Room

#: The variations that decide which toolchain is used.
_DECIDING = frozenset({"python", "requirements"})
_ZLIB_NG = "zlib-ng"
_DISTRIBUTIONS: tuple[Distribution, ...] = ("sdist", "wheel")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """Makes backends; ``day`` None means the newest requirements in any case."""

    workshop: Workshop
    interpreter: Interpreter
    requires: frozenset[str]
    day: datetime | None
    config_settings: Mapping[str, tuple[str, ...]]
    timeout: float
    _kept: dict[frozenset[str], Toolchain] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def with_extra(self, room: Room, tree: Path, epoch: int, pool: Executor) -> Tools:
        """Tools with what the backend asks for besides ``build-system.requires``."""
        backend = self.backend(Machine(), frozenset())
        asked = [
            pool.submit(backend.extra_requires, room, tree, distribution, epoch)
            for distribution in _DISTRIBUTIONS
        ]
        extra = frozenset[str]().union(*(answer.result() for answer in asked))
        return replace(self, requires=self.requires | extra, _kept={}) if extra else self

    def backend(self, machine: Machine, varied: frozenset[str]) -> Backend:
        """The backend for what is varied; raises as ``Toolshed`` does."""
        key = varied & _DECIDING
        with self._lock:
            if key not in self._kept:
                shed = self.workshop.toolshed(self._interpreter(machine, key))
                pins = self._pins(machine, key)
                self._kept[key] = shed.provide(pins)
            toolchain = self._kept[key]
        return self.workshop.backend(
            toolchain, timeout=self.timeout, config_settings=self.config_settings
        )

    def zlib(self, machine: Machine, varied: frozenset[str]) -> Path | None:
        """The folder with zlib-ng for the Python that builds, if that is varied."""
        if "zlib" not in varied:
            return None
        shed = self.workshop.toolshed(self._interpreter(machine, varied))
        with self._lock:
            root = shed.provide(shed.resolve([_ZLIB_NG], None)).root
        return next(root.glob("lib/python*/site-packages"))

    def lacking(self, machine: Machine, tried: frozenset[str]) -> dict[str, str]:
        """By variation, why its toolchain cannot be had, or would be no other."""
        found: dict[str, str] = {}
        for name in sorted(tried & _DECIDING):
            if reason := self._reason(machine, name):
                found[name] = reason
        usable = tried.difference(found)
        try:
            self.zlib(machine, usable)
            self.backend(machine, usable)
        except SamebytesError as error:
            found |= dict.fromkeys(usable & (_DECIDING | {"zlib"}), error.message.rstrip("."))
        return found

    def _reason(self, machine: Machine, name: str) -> str | None:
        try:
            pins = self.backend(machine, frozenset([name])).toolchain.pins
        except SamebytesError as error:
            return error.message.rstrip(".")
        if name == "requirements" and pins == self.backend(machine, frozenset()).toolchain.pins:
            return "the newest releases are those of the source's time"
        return None

    def _interpreter(self, machine: Machine, varied: frozenset[str]) -> Interpreter:
        if "python" in varied and machine.python is not None:
            return machine.python
        return self.interpreter

    def _pins(self, machine: Machine, varied: frozenset[str]) -> tuple[Pin, ...]:
        shed = self.workshop.toolshed(self._interpreter(machine, varied))
        return shed.resolve(self.requires, None if "requirements" in varied else self.day)
