"""Artifacts, installed and run: real environments, real servers, and none of them left behind."""

from __future__ import annotations

import io
import os
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version
from projects import own_backend
from released import wheel

from samebytes.errors import UnreachableError
from samebytes.index.settings import IndexSettings
from samebytes.interpreter import find_interpreter
from samebytes.process import Runner
from samebytes.release.checks.installed import check_installed
from samebytes.release.checks.smoke import try_artifact
from samebytes.release.rules import SmokeCommand
from samebytes.release.steps import Result
from samebytes.toolchain import Toolshed

pytestmark = pytest.mark.slow  # real environments

SMALL = canonicalize_name("small")
V1 = Version("1.0")
MODULE = """\
import http.server, os, sys

def serve(port, text):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/page?x=1" else 404)
            self.end_headers()
            self.wfile.write(text.encode())
    print("pid", os.getpid(), flush=True)
    http.server.HTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()
"""

#: In a wheel's RECORD there are digests, which uv does not look at.
BACKEND = """\
def content():
    return {module!r}

def build_wheel(folder, settings=None, metadata=None):
    name = "small-1.0-py3-none-any.whl"
    info = "small-1.0.dist-info"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as archive:
        archive.writestr("small.py", content())
        archive.writestr(f"{{info}}/METADATA", {metadata!r})
        archive.writestr(f"{{info}}/WHEEL", {wheel!r})
        record = ["small.py", f"{{info}}/METADATA", f"{{info}}/WHEEL", f"{{info}}/RECORD"]
        archive.writestr(f"{{info}}/RECORD", "".join(f"{{each}},,\\n" for each in record))
    return name
"""
METADATA = "Metadata-Version: 2.1\nName: small\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def write_wheel(folder: Path, metadata: str = METADATA) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "small-1.0-py3-none-any.whl"
    info = "small-1.0.dist-info"
    files = {"small.py": MODULE, f"{info}/METADATA": metadata, f"{info}/WHEEL": WHEEL}
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        record = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
        archive.writestr(f"{info}/RECORD", record)
    return path


def write_sdist(folder: Path, more: str = "") -> Path:
    """One that is its own backend."""
    path = folder / "small-1.0.tar.gz"
    files = own_backend()
    backend = BACKEND.format(module=MODULE, metadata=METADATA, wheel=WHEEL)
    files["backend.py"] = f"import os, zipfile\n{backend}{more}\n"
    files["PKG-INFO"] = METADATA
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(f"small-1.0/{name}")
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return path


@dataclass(frozen=True)
class Shop:
    """Where artifacts are tried."""

    folder: Path
    shed: Toolshed

    def attempt(
        self, artifact: Path, *commands: SmokeCommand, beside: Path | None = None
    ) -> Result:
        room = self.folder / "room"
        room.mkdir(exist_ok=True)
        for each in room.iterdir():
            each.unlink()
        found = try_artifact(
            artifact,
            commands,
            name=SMALL,
            version=V1,
            toolshed=self.shed,
            folder=room,
            beside=() if beside is None else (beside,),
        )
        assert list(found.files) == list(room.iterdir())
        return found

    def log(self, kind: str = "wheel") -> str:
        return (self.folder / f"room/smoke-{kind}.log").read_text()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    runner = Runner()
    (tmp_path / "simple").mkdir()
    shed = Toolshed(
        runner=runner,
        environ={key: os.environ[key] for key in ("HOME", "PATH") if key in os.environ}
        | {"SECRET": "hidden", "PYTHONPATH": "/nowhere"},
        settings=IndexSettings(index_url=(tmp_path / "simple").as_uri()),
        interpreter=find_interpreter(None, runner, os.environ),
        cache=tmp_path / "cache",
    )
    return Shop(tmp_path, shed)


def python(code: str, *arguments: str, seconds: int = 60) -> SmokeCommand:
    return SmokeCommand(run=("python", "-c", code, *arguments), seconds=seconds)


def server(code: str, expects: str = "welcome", seconds: int = 60) -> SmokeCommand:
    return SmokeCommand(
        run=("python", "-c", code, "{port}"),
        serves="http://127.0.0.1:{port}/page?x=1",
        expects=expects,
        seconds=seconds,
    )


SERVE = "import small, sys; small.serve(sys.argv[1], 'welcome')"


def is_gone(number: int) -> bool:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return True
        with suppress(FileNotFoundError):
            if "\nState:\tZ" in Path(f"/proc/{number}/status").read_text():
                return True
        time.sleep(0.05)
    return False


def pids(log: str) -> list[int]:
    return [int(line.split()[1]) for line in log.splitlines() if line.startswith("pid ")]


def test_a_wheel_and_an_sdist(shop: Shop) -> None:
    commands = (
        python("import small; print(small.__file__)"),
        SmokeCommand(run=("python", "-c", "print('wheel only')"), sdist=False),
        SmokeCommand(run=("python", "-c", "print('sdist only')"), wheel=False),
        python("import sys; assert sys.argv[1] == '1.0'", "{version}"),
        server(SERVE),
    )
    for path, kind in ((write_wheel(shop.folder), "wheel"), (write_sdist(shop.folder), "sdist")):
        found = shop.attempt(path, *commands)
        assert found.problems == ()
        assert len(found.facts) == 5
        log = shop.log(kind)
        assert f"$ uv pip install {path.name}\n" in log
        assert f"\n{kind} only\n" in log
        assert "room/environment/lib/python" in log
        (number,) = pids(log)
        assert is_gone(number)


def test_what_is_released_with_it_is_there_before_it_is_published(shop: Shop) -> None:
    requiring = write_wheel(shop.folder, f"{METADATA}Requires-Dist: other==1.0\n")
    (problem,) = shop.attempt(requiring).problems
    assert "other was not found" in problem
    beside = shop.folder / "beside"
    beside.mkdir()
    (beside / "other-1.0-py3-none-any.whl").write_bytes(wheel("other", "1.0"))
    assert shop.attempt(requiring, python("import other"), beside=beside).problems == ()


def test_commands_see_nothing_of_ours(shop: Shop) -> None:
    code = "import os; print(sorted(os.environ.items())); print(os.getcwd(), os.listdir())"
    assert shop.attempt(write_wheel(shop.folder), python(code)).problems == ()
    log = shop.log()
    room = f"{shop.folder}/room/room"
    assert f"('HOME', '{room}/home')" in log
    assert f"('TMPDIR', '{room}/tmp')" in log
    assert f"('PATH', '{room}/environment/bin:" in log
    assert f"{room}/work []" in log
    assert "SECRET" not in log
    assert "PYTHONPATH" not in log


def test_each_command_finds_what_the_one_before_left(shop: Shop) -> None:
    made = python("import os; os.mkdir('inner'); open('inner/run', 'w').write('#!/bin/sh\\n')")
    inner = SmokeCommand(run=("./run",), cwd="inner")
    problem = shop.attempt(write_wheel(shop.folder), made, inner).problems[0]
    assert "'./run' ended with status 126." in problem
    mode = python("import os; os.chmod('inner/run', 0o755)")
    assert shop.attempt(write_wheel(shop.folder), made, mode, inner).problems == ()
    assert "there is no folder 'inner'" in shop.attempt(write_wheel(shop.folder), inner).problems[0]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (python("print('first'); raise SystemExit(3)"), "ended with status 3. It printed: first"),
        (python("raise SystemExit(1)"), "ended with status 1. It printed nothing."),
        (SmokeCommand(run=("no-such-program",)), "ended with status 127."),
        (python("import time; time.sleep(60)", seconds=1), "did not end in 1 seconds."),
        (python("print('\\x1b[31m' + 'x' * 9999); raise SystemExit(1)"), "[31mxxx"),
        (server("print('sorry')"), "ended with status 0 instead of serving. It printed: sorry"),
        (server("import time; time.sleep(60)", seconds=1), "did not answer in 1 seconds. Nothing"),
        (server(SERVE, expects="other", seconds=2), "The last answer had no 'other'."),
        (
            SmokeCommand(run=server(SERVE).run, serves="http://127.0.0.1:{port}/other", seconds=2),
            "The last answer had the status 404.",
        ),
    ],
)
def test_what_goes_wrong_is_told(shop: Shop, command: SmokeCommand, reason: str) -> None:
    later = python("print('later')")
    (problem,) = shop.attempt(write_wheel(shop.folder), command, later).problems
    assert problem.startswith("small-1.0-py3-none-any.whl: '")
    assert reason in problem
    assert problem.isprintable()
    assert len(problem) < 1000
    assert "later" not in shop.log()
    assert all(map(is_gone, pids(shop.log())))


def test_a_server_whose_port_was_taken_gets_another(shop: Shop) -> None:
    code = (
        "import os, sys\n"
        "if not os.path.exists('tried'):\n"
        "    open('tried', 'w').close()\n"
        "    sys.exit('OSError: [Errno 98] Address already in use')\n" + SERVE
    )
    assert shop.attempt(write_wheel(shop.folder), server(code)).problems == ()
    assert shop.log().count("$ python") == 2
    always = "import sys; sys.exit('Error: That port is already in use.')"
    assert "in use" in shop.attempt(write_wheel(shop.folder), server(always)).problems[0]
    assert shop.log().count("$ python") == 3


def test_a_server_s_children_end_with_it(shop: Shop) -> None:
    code = (
        "import os, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)'])\n"
        "print('pid', child.pid, flush=True)\n" + SERVE
    )
    assert shop.attempt(write_wheel(shop.folder), server(code)).problems == ()
    assert [is_gone(number) for number in pids(shop.log())] == [True, True]


def test_an_interruption_ends_the_server(shop: Shop) -> None:
    """As Ctrl-C does: stopped from another thread, nothing is left."""
    wheel, log = write_wheel(shop.folder), shop.folder / "room/smoke-wheel.log"

    def stop() -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end and not (log.exists() and pids(log.read_text())):
            time.sleep(0.05)
        shop.shed.runner.stop()

    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        shop.attempt(wheel, server(SERVE, expects="never"))
    thread.join()
    assert all(map(is_gone, pids(log.read_text())))
    assert [path.name for path in log.parent.iterdir()] == [log.name]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda folder: write_sdist(folder, "raise SystemError('no build')"), "no build"),
        (
            lambda folder: write_wheel(folder, METADATA + "Requires-Dist: nowhere-to-be-found\n"),
            "nowhere-to-be-found",
        ),
        (lambda folder: write_wheel(folder, METADATA.replace("1.0", "1.1")), "1.1"),
    ],
)
def test_what_cannot_be_installed(shop: Shop, make: Callable[[Path], Path], reason: str) -> None:
    (problem,) = shop.attempt(make(shop.folder), python("print('later')")).problems
    assert "it cannot be installed: " in problem
    assert reason in problem
    assert "later" not in shop.log("sdist" if "tar" in problem else "wheel")


def test_an_index_that_cannot_be_reached_is_no_finding(shop: Shop, tmp_path: Path) -> None:
    shed = replace(
        shop.shed,
        settings=IndexSettings(index_url="http://127.0.0.1:9/simple"),
        environ={**shop.shed.environ, "UV_HTTP_RETRIES": "0"},
    )
    wheel = write_wheel(tmp_path, METADATA + "Requires-Dist: other\n")
    with pytest.raises(UnreachableError):
        Shop(tmp_path, shed).attempt(wheel)


def test_another_file_at_the_same_path_is_another(shop: Shop) -> None:
    """Installers keep what they have unpacked, and know it by its path and time."""
    wheel = write_wheel(shop.folder)
    code = "import small; assert small.VALUE == 2"
    before = wheel.stat()
    assert shop.attempt(wheel, python(code)).problems
    data = wheel.read_bytes()
    write_wheel(shop.folder)
    with zipfile.ZipFile(wheel, "w") as archive, zipfile.ZipFile(io.BytesIO(data)) as old:
        for name in old.namelist():
            added = b"VALUE = 2\n" if name == "small.py" else b""
            archive.writestr(name, old.read(name) + added)
    os.utime(wheel, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert shop.attempt(wheel, python(code)).problems == ()


def test_an_environment_must_hold_this_file(shop: Shop, tmp_path: Path) -> None:
    wheel, env = write_wheel(tmp_path / "a"), tmp_path / "env"
    assert shop.shed.install(wheel, env).status == 0
    assert check_installed(wheel, wheel, SMALL, V1, env) is None
    other = write_wheel(tmp_path / "b")
    for problem, args in {
        "has 0 installations of other": (wheel, wheel, canonicalize_name("other"), V1),
        "is 1.0, not 2.0": (wheel, wheel, SMALL, Version("2.0")),
        "does not come from this file": (other, other, SMALL, V1),
    }.items():
        assert problem in str(check_installed(*args, env))
    changed = write_wheel(tmp_path / "c", METADATA + "Summary: Another\n")
    assert changed.read_bytes() != wheel.read_bytes()
    assert "does not come from" in str(check_installed(wheel, changed, SMALL, V1, env))
    (module,) = env.glob("lib/*/site-packages/small.py")
    module.write_text("evil")
    assert "another small.py" in str(check_installed(wheel, wheel, SMALL, V1, env))
    (info,) = env.glob("lib/*/site-packages/small-1.0.dist-info/direct_url.json")
    info.write_text("[]")
    assert "does not come from" in str(check_installed(wheel, wheel, SMALL, V1, env))
