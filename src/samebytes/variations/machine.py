"""What a machine has for variations, found by trying it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from packaging.specifiers import SpecifierSet

from samebytes.errors import SamebytesError, UserError
from samebytes.interpreter import Interpreter, find_interpreter
from samebytes.process import Runner
from samebytes.sandbox.host import Sandbox

#: What needs a namespace; the clock needs one because libfaketime leaves files in /dev/shm.
CONFINED = frozenset({"clock", "cpus", "file-order", "host", "user"})
_SECONDS = 30.0

_FAKETIME = (
    "/usr/lib/*/faketime/libfaketime.so.1",
    "/usr/lib*/faketime/libfaketime.so.1",
    "/usr/local/lib*/faketime/libfaketime.so.1",
)
_LOCALES = Path("/usr/share/i18n/locales")
#: The file by which programs count processors.
ONLINE = Path("/sys/devices/system/cpu/online")
_LANGUAGE = "fr_FR"
_MINORS = range(9, 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Locale:
    """The name of a locale, and the folder it is in if that is none of the system's."""

    name: str
    folder: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The means that were found; ``lacking`` says, by variation, why it cannot be tried."""

    bubblewrap: Path | None = None
    setarch: Path | None = None
    faketime: Path | None = None
    locale: Locale | None = None
    python: Interpreter | None = None
    lacking: Mapping[str, str] = field(default_factory=dict)


def survey(
    wanted: Iterable[str],
    *,
    runner: Runner,
    environ: Mapping[str, str],
    interpreter: Interpreter,
    supported: SpecifierSet,
    cache: Path,
) -> Machine:
    """What there is for the ``wanted`` variations of a build by ``interpreter``.

    ``supported`` are the versions of Python that the project may be built by; in ``cache`` a locale
    is kept, should one have to be made.
    """
    return _Survey(frozenset(wanted), runner, environ, cache).machine(interpreter, supported)


@dataclass(frozen=True, slots=True)
class _Survey:
    wanted: frozenset[str]
    runner: Runner
    environ: Mapping[str, str]
    cache: Path
    lacking: dict[str, str] = field(default_factory=dict)

    def machine(self, interpreter: Interpreter, supported: SpecifierSet) -> Machine:
        if not ONLINE.is_file():
            self._lack({"cpus"}, f"{ONLINE} is not there")
        bubblewrap = self._bubblewrap() if self.wanted & CONFINED else None
        setarch = self._setarch() if self.wanted & {"aslr", "kernel"} else None
        return Machine(
            bubblewrap=bubblewrap,
            setarch=setarch,
            faketime=self._faketime() if "clock" in self.wanted else None,
            locale=self._locale() if "locale" in self.wanted else None,
            python=self._python(interpreter, supported) if "python" in self.wanted else None,
            lacking=self.lacking,
        )

    def _lack(self, ids: Iterable[str], reason: str) -> None:
        for each in self.wanted & set(ids):
            self.lacking.setdefault(each, reason)

    def _program(self, name: str) -> Path | None:
        found = shutil.which(name, path=self.environ.get("PATH", os.defpath))
        return None if found is None else Path(found)

    def _works(self, *command: str | Path) -> str | None:
        """None, or the last line of what a command says that fails."""
        try:
            done = self.runner.run(command, env=self.environ, timeout=_SECONDS)
        except SamebytesError as error:
            return error.message
        return (done.last_lines(1) or f"status {done.status}") if done.status else None

    def _bubblewrap(self) -> Path | None:
        program = self._program("bwrap")
        if program is None:
            self._lack(CONFINED, "bubblewrap is not installed")
            return None
        command = Sandbox(program=program, host="build-elsewhere", user=4711).command(["true"])
        if said := self._works(*command):
            self._lack(CONFINED, f"the kernel allows no user namespaces here ({said})")
            return None
        return program

    def _setarch(self) -> Path | None:
        program = self._program("setarch")
        if program is None:
            self._lack({"aslr", "kernel"}, "setarch (util-linux) is not installed")
            return None
        for name, option in (("aslr", "-R"), ("kernel", "--uname-2.6")):
            if said := self._works(program, platform.machine(), option, "true"):
                self._lack({name}, f"setarch {option} does not work here ({said})")
        return program

    def _faketime(self) -> Path | None:
        for pattern in _FAKETIME:
            for path in sorted(Path("/").glob(pattern[1:])):
                return path
        self._lack({"clock"}, "libfaketime is not installed")
        return None

    def _locale(self) -> Locale | None:
        try:
            listed = self.runner.run(["locale", "-a"], env=self.environ, timeout=_SECONDS).stdout
        except SamebytesError:
            listed = ""
        names = [name for name in listed.split() if re.search(r"\.utf-?8", name, re.IGNORECASE)]
        for name in sorted(names, key=lambda name: not name.startswith(_LANGUAGE)):
            if not name.startswith(("C.", "POSIX", "en_")):
                return Locale(name=name)
        return self._made_locale()

    def _made_locale(self) -> Locale | None:
        """A locale of our own, where the system has the source of one."""
        name = f"{_LANGUAGE}.UTF-8"
        folder = self.cache / "locales" / "-".join(platform.libc_ver())
        if (folder / name).is_dir():
            return Locale(name=name, folder=folder)
        program = self._program("localedef")
        if program is None or not (_LOCALES / _LANGUAGE).is_file():
            self._lack({"locale"}, "there is no locale but C and English, and no source of one")
            return None
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as staging:
            made = Path(staging) / name
            command = (program, "--no-archive", "-i", _LANGUAGE, "-f", "UTF-8", made)
            if said := self._works(*command):
                self._lack({"locale"}, f"no locale can be made ({said})")
                return None
            with suppress(OSError):  # where another check was quicker
                os.rename(made, folder / name)
        return Locale(name=name, folder=folder)

    def _python(self, interpreter: Interpreter, supported: SpecifierSet) -> Interpreter | None:
        """The nearest other minor version, a newer one first, that the project supports."""
        own = interpreter.identity.version.minor
        for minor in sorted(set(_MINORS) - {own}, key=lambda minor: (abs(minor - own), -minor)):
            try:
                found = find_interpreter(f"3.{minor}", self.runner, self.environ)
            except UserError:
                continue
            if supported.contains(found.identity.version, prereleases=True):
                return found
        self._lack(
            {"python"}, f"there is no other Python here that satisfies {supported or '>=3.9'}"
        )
        return None
