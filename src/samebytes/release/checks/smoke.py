"""An artifact, tried as its users will: installed in a fresh environment, and run."""

from __future__ import annotations

import http.client
import os
import re
import socket
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from urllib.parse import urlsplit

from packaging.utils import NormalizedName
from packaging.version import Version

from samebytes.errors import LimitError
from samebytes.guard import remove_folder
from samebytes.process import Runner
from samebytes.release.checks.installed import check_installed
from samebytes.release.rules import SmokeCommand, filled
from samebytes.release.steps import Result
from samebytes.toolchain import Toolshed

#: How often a server gets another port, where somebody else was quicker to take its own.
_TRIES = 3
_TAKEN = re.compile(r"in use|errno (98|48)\b", re.IGNORECASE)

#: Seconds that a server may take for one answer, and bytes of an answer that are read.
_ANSWER_SECONDS = 10.0
_LONGEST_ANSWER = 4 * 1024**2

#: Bytes at the end of a log that are looked at, and lines and their characters that are shown.
_TAIL = 64 * 1024
_LINES = 20
_LONGEST_LINE = 300

#: What it prints is in the log, whatever becomes of the command.
_LOGGING = ("/bin/sh", "-c", 'exec "$@" >>"$0" 2>&1')


def try_artifact(
    artifact: Path,
    commands: Sequence[SmokeCommand],
    *,
    name: NormalizedName,
    version: Version,
    toolshed: Toolshed,
    folder: Path,
    beside: Sequence[Path] = (),
) -> Result:
    """Install a wheel or an sdist below ``folder``, which is empty, and run its commands there.

    What it requires may lie in the folders ``beside``. What is left is the log. Raises
    UnreachableError when what it requires cannot be fetched.
    """
    kind = "wheel" if artifact.suffix == ".whl" else "sdist"
    room = folder / "room"
    trial = _Trial(
        runner=toolshed.runner, version=version, root=room, log=folder / f"smoke-{kind}.log"
    )
    for each in (trial.work, trial.home, trial.tmp, room / "artifact"):
        each.mkdir(parents=True)
    try:
        problem = trial.install(artifact, name, toolshed, beside)
        facts = [f"{artifact.name} is installed, by {toolshed.interpreter.identity}"]
        for command in commands:
            if problem is None and (command.wheel if kind == "wheel" else command.sdist):
                problem = trial.run(command)
                facts.append(f"{_shown(command)} works")
    finally:
        remove_folder(room)
    if problem is not None:
        return Result(problems=(f"{artifact.name}: {problem}",), files=(trial.log,))
    return Result(facts=tuple(facts), files=(trial.log,))


class _AnsweredError(LimitError):
    """Ends a server that has answered as it should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    """Runs commands in an environment of their own, below ``root``."""

    runner: Runner
    version: Version
    root: Path
    log: Path

    @property
    def environment(self) -> Path:
        return self.root / "environment"

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def tmp(self) -> Path:
        return self.root / "tmp"

    def install(
        self, artifact: Path, name: NormalizedName, toolshed: Toolshed, beside: Sequence[Path]
    ) -> str | None:
        """What is wrong with the artifact, if anything.

        A copy is installed, whose path and time are new: nothing that was kept is taken for it.
        """
        copy = self.root / "artifact" / artifact.name
        copyfile(artifact, copy)
        done = toolshed.install(copy, self.environment, beside)
        self._write(f"$ uv pip install {artifact.name}\n{done.stderr}{done.stdout}")
        if done.status:
            return f"it cannot be installed: {_quoted(done.last_lines())}"
        return check_installed(copy, artifact, name, self.version, self.environment)

    def run(self, command: SmokeCommand) -> str | None:
        """What is wrong, if anything."""
        for left in reversed(range(_TRIES)):
            port, start = _free_port(), self._size()
            arguments = [self._filled(text, port) for text in command.run]
            self._write(f"$ {' '.join(arguments)}\n")
            problem = self._try(command, arguments, port)
            if problem is None or command.serves is None or not left:
                break
            if not _TAKEN.search(self._tail(start)):
                break
        return problem

    def _try(self, command: SmokeCommand, arguments: Sequence[str], port: int) -> str | None:
        start, what = self._size(), _shown(command)
        asked = None
        if command.serves is not None:
            asked = _Question(self._filled(command.serves, port), command.expects)
        cwd = self.work / self._filled(command.cwd, port)
        if not cwd.is_dir():
            return f"{what}: there is no folder {command.cwd!r} to run it in."
        try:
            done = self.runner.run(
                [*_LOGGING, self.log, *arguments],
                env=self._env(),
                cwd=cwd,
                timeout=command.seconds,
                name=arguments[0],
                watch=asked,
            )
        except _AnsweredError:
            return None
        except LimitError:
            said = "" if asked is None else f" {asked.last}"
            problem = f"{what} did not end in {command.seconds} seconds.{said}"
            if asked is not None:
                problem = f"{what} did not answer in {command.seconds} seconds.{said}"
            return problem + self._end_of_log(start)
        if asked is not None:
            ended = f"{what} ended with status {done.status} instead of serving."
            return ended + self._end_of_log(start)
        if done.status:
            return f"{what} ended with status {done.status}.{self._end_of_log(start)}"
        return None

    def _env(self) -> Mapping[str, str]:
        return {
            "PATH": os.pathsep.join((os.fspath(self.environment / "bin"), os.defpath)),
            "HOME": os.fspath(self.home),
            "TMPDIR": os.fspath(self.tmp),
            "VIRTUAL_ENV": os.fspath(self.environment),
            "LC_ALL": "C.UTF-8",
        }

    def _filled(self, text: str, port: int) -> str:
        return filled(text, self.version).replace("{port}", str(port))

    def _write(self, text: str) -> None:
        with self.log.open("a", encoding="utf-8") as file:
            file.write(text if text.endswith("\n") else f"{text}\n")

    def _size(self) -> int:
        return self.log.stat().st_size if self.log.exists() else 0

    def _tail(self, start: int) -> str:
        """The end of what is in the log from ``start``, a number of bytes."""
        with self.log.open("rb") as file:
            file.seek(max(start, self._size() - _TAIL))
            return file.read(_TAIL).decode("utf-8", "replace")

    def _end_of_log(self, start: int) -> str:
        lines = self._tail(start).strip().splitlines()[-_LINES:]
        return f" It printed: {_quoted(chr(10).join(lines))}" if lines else " It printed nothing."


class _Question:
    """Asks a server until it answers as it should; a ``Watch``."""

    def __init__(self, url: str, expects: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port
        self._path = f"{parts.path or '/'}{parts.query and '?'}{parts.query}"
        self._expects = expects
        self.last = "Nothing answered."

    def __call__(self, _number: int) -> LimitError | None:
        try:
            status, text = self._ask()
        except (OSError, http.client.HTTPException):
            return None
        if status != http.client.OK:
            self.last = f"The last answer had the status {status}."
        elif self._expects not in text:
            self.last = f"The last answer had no {self._expects!r}."
        else:
            return _AnsweredError("It answered.")
        return None

    def _ask(self) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=_ANSWER_SECONDS)
        with closing(connection):
            connection.request("GET", self._path, headers={"Connection": "close"})
            answer = connection.getresponse()
            return answer.status, answer.read(_LONGEST_ANSWER).decode("utf-8", "replace")


def _free_port() -> int:
    """A port that nothing listens at now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _shown(command: SmokeCommand) -> str:
    """A command as a person knows it: its first line, and not too much of that."""
    line = " ".join(command.run).splitlines()[0][:_LONGEST_LINE]
    return f"'{''.join(filter(str.isprintable, line))}'"


def _quoted(text: str) -> str:
    lines = (line[:_LONGEST_LINE] for line in text.splitlines())
    return " | ".join("".join(filter(str.isprintable, line)) for line in lines)
