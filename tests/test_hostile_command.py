"""``samebytes verify`` on builds that mean harm, as a user sees it; and when it is interrupted."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from conftest import Command, Result
from hostile import SDIST, WHEEL, project, write_sdist, write_wheel
from projects import SETUPTOOLS
from test_hostile_builds import confined

pytestmark = pytest.mark.slow

#: Nothing of this can be ended but by SIGKILL, nor found by its environment or its folder.
HOLDING_ON = """
def ignore():
    for number in range(1, 65):
        with suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    ignore()
    os.chdir("/")
    os.execve("/usr/bin/env", ["env", "-i", "sleep", "4711"], {})
ignore()
os.chmod(os.environ["HOME"], 0)
while True:
    time.sleep(4711)
"""
SECONDS = 20.0


class Place:
    """``base`` is where workspaces are made."""

    def __init__(self, folder: Path, samebytes: Command) -> None:
        self.folder = folder
        self.base = folder / "base"
        self.base.mkdir()
        self.samebytes = samebytes
        write_wheel(folder)

    def arguments(self, files: Mapping[str, str], *more: str | Path) -> list[str]:
        write_sdist(self.folder, files)
        chosen = ["--workspace", self.base, "--source", self.folder / SDIST, "--max-attempts", "1"]
        return list(map(str, ["verify", self.folder / WHEEL, *chosen, *more]))

    def verify(
        self, files: Mapping[str, str], *more: str | Path, env: Mapping[str, str] | None = None
    ) -> Result:
        return self.samebytes(*self.arguments(files, *more), env=env)

    def document(self, files: Mapping[str, str], *more: str | Path) -> tuple[int, dict[str, Any]]:
        done = self.verify(files, "--json", "-", *more)
        (result,) = json.loads(done.stdout)["results"]
        return done.status, result

    def is_clean(self) -> bool:
        return not list(self.base.iterdir()) and not confined(self.base)

    def wait(self, what: Any) -> None:
        end = time.monotonic() + SECONDS
        while not what():
            assert time.monotonic() < end
            time.sleep(0.05)


@pytest.fixture
def place(folder: Path, samebytes: Command) -> Place:
    return Place(folder, samebytes)


def test_whom_it_wanted_to_reach(place: Place) -> None:
    code = """
    with suppress(OSError):
        loot.append(socket.create_connection(("127.0.0.1", GIVEN["port"]), 2).recv(99))
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = place.verify(project(code, given={"port": port}), "--json", place.folder / "json")
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert done.status == 0, done.stderr
    assert f"127.0.0.1:{port}" in done.stdout
    (result,) = json.loads((place.folder / "json").read_text())["results"]
    assert result["verdict"] == "identical"
    assert {"act": "network", "what": f"127.0.0.1:{port}"} in result["tried"]
    assert place.is_clean()


def test_a_setup_script_that_wants_the_network(place: Place) -> None:
    script = """
import socket, setuptools

try:
    socket.create_connection(("192.0.2.1", 443), 2)
except OSError:
    pass
setuptools.setup(name="small", version="1.0", py_modules=["small"])
"""
    files = {"setup.py": script, "small.py": "VALUE = 1\n", "PKG-INFO": ""}
    files |= {"pyproject.toml": SETUPTOOLS["pyproject.toml"].partition("[project]")[0]}
    status, result = place.document(files)
    assert (status, result["verdict"]) == (1, "different")
    assert {"act": "network", "what": "192.0.2.1:443"} in result["tried"]


@pytest.mark.parametrize(
    ("code", "options", "phase"),
    [
        ("time.sleep(4711)", ("--timeout", "1"), "timeout"),
        ("taken = b'x' * 2**28; time.sleep(4711)", ("--max-memory", "200M"), "limit"),
        ("raise SystemExit('no')", (), "build"),
    ],
)
def test_no_file(place: Place, code: str, options: tuple[str, ...], phase: str) -> None:
    status, result = place.document(project(code), *options)
    assert (status, result["verdict"]) == (1, "unbuildable")
    assert result["failure"]["phase"] == phase
    assert place.is_clean()


def test_nothing_of_a_build_sets_the_terminal(place: Place) -> None:
    code = r"""
    os.write(1, b"\x1b]0;owned\x07\x1b[2J plain\rover\n")
    raise SystemExit("\x1b[31mred")
    """
    done = place.verify(project(code), "--verbose")
    assert done.status == 1
    assert "plain" in done.stderr
    assert not any(letter in done.stdout + done.stderr for letter in "\x1b\x07\r")


@pytest.mark.parametrize(
    ("number", "workers"),
    [(signal.SIGINT, 1), (signal.SIGTERM, 2), (signal.SIGKILL, 1), (signal.SIGKILL, 2)],
)
def test_interrupted(place: Place, number: signal.Signals, workers: int) -> None:
    arguments = place.arguments(project(HOLDING_ON), "--workers", str(workers))
    if workers > 1:
        (place.folder / "more").mkdir()
        arguments.append(str(write_wheel(place.folder / "more")))
    child = subprocess.Popen(
        [sys.executable, "-m", "samebytes", *arguments],
        env=place.samebytes.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        place.wait(lambda: any("4711" in each for each in confined(place.base)))
    finally:
        child.send_signal(number)
    _, errors = child.communicate(timeout=SECONDS)
    assert child.returncode == (-number if number == signal.SIGKILL else 2)
    assert (b"Interrupted" in errors) == (number != signal.SIGKILL)
    assert b"Traceback" not in errors
    place.wait(place.is_clean)  # whom nobody could tell has a guard that does it
    assert place.verify(project()).status == 0


def test_no_sandbox_here(place: Place) -> None:
    tools = place.folder / "tools"
    tools.mkdir()
    env = {"PATH": str(tools)}
    done = place.verify(project(), env=env)
    assert done.status == 2
    assert "bubblewrap is not installed" in done.stderr
    assert "--no-sandbox" in done.stderr
    done = place.verify(project(), "--no-sandbox", env=env)
    assert done.status == 0, done.stderr
    assert "may do all that you may" in done.stderr
    assert "warning" in done.stderr.lower()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo 'bwrap: No permissions to create new namespace' >&2; exit 1", "No permissions"),
        ("kill -9 $$", "namespaces"),
    ],
)
def test_a_sandbox_that_does_not_work(place: Place, script: str, message: str) -> None:
    tools = place.folder / "tools"
    tools.mkdir()
    (tools / "bwrap").write_text(f"#!/bin/sh\n{script}\n")
    (tools / "bwrap").chmod(0o755)
    done = place.verify(project(), env={"PATH": f"{tools}:{os.environ['PATH']}"})
    assert done.status == 2
    assert message in done.stderr
    assert "allow user namespaces" in done.stderr
    assert place.is_clean()
