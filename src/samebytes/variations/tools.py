"""The toolchains of a check: what the project asks for, for other Pythons or as of another day."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from samebytes.builder import Backend
from samebytes.errors import SamebytesError
from samebytes.interpreter import Interpreter
from samebytes.request import Workshop
from samebytes.toolchain import Toolchain
from samebytes.variations.machine import Machine

#: The variations that decide which toolchain is used.
_DECIDING = frozenset({"python", "requirements"})
_ZLIB_NG = "zlib-ng"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """Makes backends; ``day`` None means the newest requirements in any case.

    ``asked`` says what a backend asks for besides ``requires``.
    """

    workshop: Workshop
    interpreter: Interpreter
    requires: frozenset[str]
    asked: Callable[[Backend], frozenset[str]]
    day: datetime | None
    config_settings: Mapping[str, tuple[str, ...]]
    timeout: float
    _kept: dict[frozenset[str], Toolchain] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def backend(self, machine: Machine, varied: frozenset[str]) -> Backend:
        """The backend for what is varied; raises as ``Toolshed`` does."""
        key = varied & _DECIDING
        with self._lock:
            if key not in self._kept:
                self._kept[key] = self._made(machine, key)
            return self._made_of(self._kept[key])

    def _made(self, machine: Machine, key: frozenset[str]) -> Toolchain:
        shed = self.workshop.toolshed(self._interpreter(machine, key))
        day = None if "requirements" in key else self.day
        toolchain = shed.provide(shed.resolve(self.requires, day))
        if extra := self.asked(self._made_of(toolchain)):
            toolchain = shed.provide(shed.resolve(self.requires | extra, day))
        return toolchain

    def _made_of(self, toolchain: Toolchain) -> Backend:
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
