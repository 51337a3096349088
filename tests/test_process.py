from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from samebytes.errors import ArtifactError, LimitError, UserError
from samebytes.process import KEPT_BYTES, Runner


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_output_status_and_environment() -> None:
    code = "import os, sys; print(sorted(os.environ)); sys.stderr.write('b'); sys.exit(3)"
    done = Runner().run(python(code), env={"ONLY": "this", "LC_ALL": "C"})
    assert (done.status, done.stderr) == (3, "b")
    assert done.stdout == "['LC_ALL', 'ONLY']\n"


def test_umask_is_fixed() -> None:
    old = os.umask(0o077)
    try:
        done = Runner().run(python("import os; print(oct(os.umask(0)))"), env={})
    finally:
        os.umask(old)
    assert done.stdout == "0o22\n"


def test_missing_program() -> None:
    with pytest.raises(UserError, match="not installed"):
        Runner().run(["no-such-program"], env={})


def test_timeout() -> None:
    with pytest.raises(ArtifactError, match=r"still running after 0\.2 seconds"):
        Runner().run(python("import time; time.sleep(60)"), env={}, timeout=0.2)


def test_what_fails_is_looked_at_once_more() -> None:
    def full(number: int) -> LimitError | None:
        """Once it has ended, which can take longer than the watch sleeps."""
        if Path(f"/proc/{number}").exists():
            return None
        return LimitError("The disk is full.", limit="disk")

    for code, told in (("", False), ("raise SystemExit(1)", True)):
        with pytest.raises(LimitError) if told else nullcontext():
            Runner().run(python(code), env={}, watch=full)


def test_endless_output_is_bounded_and_its_end_kept() -> None:
    code = f"import os\nfor _ in range(60): os.write(1, b'x' * {KEPT_BYTES // 20})\nprint('end')"
    done = Runner().run(python(code), env={}, merge=True)
    assert len(done.stderr) == KEPT_BYTES
    assert done.stderr.endswith("end\n")


def test_what_a_child_leaves_behind_is_ended(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    code = f"""
import os, time
if os.fork() == 0:
    time.sleep(1)
    open({str(alive)!r}, "w")
"""
    started = time.monotonic()
    Runner().run(python(code), env={})
    assert time.monotonic() - started < 0.9
    time.sleep(1.2)
    assert not alive.exists()


def test_stop_ends_what_another_thread_waits_for() -> None:
    runner = Runner()
    ended = []

    def work() -> None:
        try:
            runner.run(python("import time; time.sleep(60)"), env={})
        except KeyboardInterrupt:
            ended.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.3)
    runner.stop()
    thread.join(5)
    assert ended
    with pytest.raises(KeyboardInterrupt):
        runner.run(python(""), env={})


def test_sink_sees_output_as_it_comes() -> None:
    seen: list[str] = []
    Runner(sink=seen.append).run(python("print('a', flush=True)"), env={}, merge=True)
    assert "".join(seen) == "a\n"


def test_a_signal_while_a_process_starts_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Slow(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self)
            signal.raise_signal(signal.SIGINT)
            assert self.poll() is None  # it came through no earlier than it is known

    monkeypatch.setattr(subprocess, "Popen", Slow)
    runner = Runner()
    with pytest.raises(KeyboardInterrupt):
        runner.run(["sleep", "60"], env=os.environ)
    runner.stop()
    with started[0] as child:
        assert child.returncode == -signal.SIGKILL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_that_python_ignores_comes_again() -> None:
    program = (
        "import signal, time, weakref\n"
        "from samebytes.cli import main\n"
        "class Thing: pass\n"
        "def run(arguments):\n"
        "    thing = Thing()\n"
        "    kept = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGINT))\n"
        "    try:\n"
        "        del thing\n"
        "        print('ignored', flush=True)\n"
        "        time.sleep(30)\n"
        "    except KeyboardInterrupt:\n"
        "        print('interrupted', flush=True)\n"
        "    return 2\n"
        "main._run = run\n"
        "main.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr, done.returncode) == ("ignored\ninterrupted\n", "", 2)
