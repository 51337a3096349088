"""Real projects, real repositories, the real command."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from samebytes.cli.main import main
from samebytes.interpreter import find_interpreter
from samebytes.process import Runner

MEMORY = Path("/dev/shm")
#: Names the folder of what all workers of a run share.
SHARED = "SAMEBYTES_TESTS_SHARED"
#: What the program answers to.
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PYTHONS = ("3.11", "3.12", "3.13")


def _fast_folder() -> Path:
    """Where tests put trees of thousands of files: in memory where there is room for them."""
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 4 * 1024**3:
        return MEMORY
    return Path(tempfile.gettempdir())


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder of what is shared; workers inherit it, and do not remove it."""
    if SHARED not in os.environ:
        os.environ[SHARED] = tempfile.mkdtemp(prefix="shared-", dir=_fast_folder())
        config.add_cleanup(lambda: shutil.rmtree(os.environ.pop(SHARED), ignore_errors=True))
        _save_time(os.environ)


def _save_time(environ: MutableMapping[str, str]) -> None:
    """Of what every process of ours would do anew, and that no test is about.

    Where no bytecode is written beside modules, it is written where it lasts for this run: a
    process that compiles all of ours first takes a second more. The shims of pyenv take as long
    each, to say that they lead nowhere; what they would lead to is found without them.
    """
    if environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        environ["PYTHONPYCACHEPREFIX"] = f"{environ[SHARED]}/bytecode"
    shims = Path(environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "shims"
    folders = environ.get("PATH", os.defpath).split(os.pathsep)
    environ["PATH"] = os.pathsep.join(each for each in folders if Path(each) != shims)


@pytest.fixture(scope="session")
def fast_folder() -> Path:
    return _fast_folder()


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="test-", dir=_fast_folder()) as name:
        yield Path(name)


@dataclass(frozen=True)
class Result:
    status: int
    stdout: str
    stderr: str

    @property
    def digests(self) -> dict[str, str]:
        """File name to SHA-256, from the lines on stdout."""
        return {line.split("  ")[1]: line.split("  ")[0] for line in self.stdout.splitlines()}


class Command:
    """Runs the program as a user does, in a process of its own."""

    def __init__(self, base: Path) -> None:
        self.environ = {
            key: value for key, value in os.environ.items() if key != "SOURCE_DATE_EPOCH"
        } | {"SAMEBYTES_WORKSPACE": str(base)}

    def __call__(
        self,
        *arguments: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        umask: int = -1,
    ) -> Result:
        done = subprocess.run(
            [sys.executable, "-m", "samebytes", *map(str, arguments)],
            cwd=cwd,
            env=self.environ | dict(env or {}),
            umask=umask,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=600,
        )
        assert "Traceback (most recent call last)" not in done.stderr.partition("error:")[2]
        return Result(done.returncode, done.stdout, done.stderr)

    def here(self, *arguments: str | Path) -> Result:
        """What it says in this process: for many cases that are refused before anything is done."""
        handlers = {number: signal.getsignal(number) for number in STOPPING}
        out, err = io.StringIO(), io.StringIO()
        try:
            with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
                main([*map(str, arguments)])
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        assert isinstance(ended.value.code, int)
        return Result(ended.value.code, out.getvalue(), err.getvalue())


@pytest.fixture
def samebytes(fast_folder: Path) -> Command:
    return Command(fast_folder)


@pytest.fixture(scope="session")
def pythons() -> list[str]:
    """The supported Python versions that this machine has; in CI all of them must be there."""
    found = []
    for version in PYTHONS:
        try:
            find_interpreter(version, Runner(), os.environ)
        except Exception:
            if os.environ.get("CI"):
                raise
        else:
            found.append(version)
    return found
