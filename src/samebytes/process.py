"""Child processes that cannot outlive us, flood memory or see our environment by accident."""

from __future__ import annotations

import codecs
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from samebytes.errors import LimitError, UserError

#: The umask of every process that is not given another.
UMASK = 0o022

#: Bytes kept of one output stream; what comes before them is forgotten.
KEPT_BYTES = 16 * 1024 * 1024

#: Characters of a line that are shown.
_LONGEST_LINE = 300

#: Seconds to wait for an output stream that a process which escaped its group still holds open.
_STRAGGLER_SECONDS = 1.0

#: Seconds that the kernel has to end what is in a namespace.
_NAMESPACE_SECONDS = 10.0

#: How often it is looked whether a process is within its bounds.
_WATCH_SECONDS = 0.2

#: What a user, a terminal or a service manager ends a program with.
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

#: Is given text as a process prints it.
OutputSink = Callable[[str], None]

#: Is given the number of a process, and says why it must end.
Watch = Callable[[int], LimitError | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A process that has ended: its exit status and the end of what it printed.

    ``output`` is ``stdout`` as it was, for what need not be text.
    """

    status: int
    stdout: str
    stderr: str
    output: bytes = b""

    def last_lines(self, count: int = 20) -> str:
        """The last lines of standard error, or of standard output when that is empty.

        Long lines are cut, and what is no text is left out: it comes from a stranger.
        """
        text = self.stderr.strip() or self.stdout.strip()
        lines = [line[:_LONGEST_LINE] for line in text.splitlines()[-count:]]
        return "\n".join("".join(filter(str.isprintable, line)) for line in lines)


class Runner:
    """Runs processes, each in a session of its own, and can end all of them at once.

    Safe to use from several threads: ``stop`` in one of them ends what the others wait for.
    """

    def __init__(self, *, sink: OutputSink | None = None) -> None:
        """``sink`` is given what is printed to standard error, as it comes."""
        self._sink = sink
        self._live: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(
        self,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        cwd: Path | None = None,
        stdin: bytes = b"",
        merge: bool = False,
        timeout: float | None = None,
        umask: int = UMASK,
        name: str = "",
        watch: Watch | None = None,
        printed: int | None = None,
    ) -> Finished:
        """Run ``command`` to its end; with ``merge``, stdout goes to stderr.

        ``name`` is what it is called in messages, by default as its program. ``watch`` is asked a
        few times a second whether to end it, and once more when it failed; ``printed``
        is how many bytes it may print.

        Raises UserError when the program is not installed, LimitError after ``timeout`` seconds or
        where another bound is exceeded, KeyboardInterrupt when ``stop`` was called.
        """
        child = self._start(command, env=env, cwd=cwd, merge=merge, umask=umask)
        pipes = [(child.stderr, self._sink)] + ([] if merge else [(child.stdout, None)])
        streams = [_Stream(pipe, sink) for pipe, sink in pipes]
        watches = [] if watch is None else [watch]
        if timeout is not None:
            watches.append(_Clock(timeout, name or Path(command[0]).name))
        if printed is not None:
            watches.append(_Meter(streams, printed))
        try:
            _feed(child, stdin)
            status = _wait(child, watches)
            # A disk can be full in less time than it takes to look at it.
            if status and watch is not None and (error := watch(child.pid)) is not None:
                raise error
        finally:
            _end(child)
            with self._lock:
                self._live.discard(child)
            stderr, *rest = [stream.data() for stream in streams]
        if self._stopped:
            raise KeyboardInterrupt
        output = b"".join(rest)
        return Finished(status=status, stdout=_text(output), stderr=_text(stderr), output=output)

    def stop(self) -> None:
        """End every process that is running; later calls of ``run`` start none."""
        with self._lock:
            self._stopped = True
            for child in self._live:
                _end(child)

    def _start(
        self,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        cwd: Path | None,
        merge: bool,
        umask: int,
    ) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._stopped:
                raise KeyboardInterrupt
            with _signals_held():
                try:
                    child = subprocess.Popen(
                        [os.fspath(part) for part in command],
                        env=dict(env),
                        cwd=cwd,
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.PIPE if not merge else subprocess.STDOUT,
                        umask=umask,
                        start_new_session=True,
                    )
                except FileNotFoundError as error:
                    raise UserError(f"{command[0]} is not installed here: {error}.") from None
                self._live.add(child)
            if merge:
                child.stderr, child.stdout = child.stdout, None
            return child


@contextmanager
def _signals_held() -> Iterator[None]:
    """Signals that stop us come through at the end: no child is started that nobody knows of."""
    if threading.current_thread() is not threading.main_thread():
        yield  # where no signal interrupts
        return
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _frame: came.append(number))
        for number in STOPPING
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
        if came:
            signal.raise_signal(came[0])


def _wait(child: subprocess.Popen[bytes], watches: Sequence[Watch]) -> int:
    """The exit status; raises what one of the ``watches`` says."""
    if not watches:
        return child.wait()
    # Popen.wait with a timeout looks now and then only, and so is late by up to 50 ms.
    handles = _opened([child.pid]) if hasattr(os, "pidfd_open") else []
    try:
        while True:
            if handles:
                _select(handles, _WATCH_SECONDS)
            with suppress(subprocess.TimeoutExpired):
                return child.wait(0 if handles else _WATCH_SECONDS)
            for watch in watches:
                if (error := watch(child.pid)) is not None:
                    raise error
    finally:
        for handle in handles:
            os.close(handle)


def _select(handles: Iterable[int], seconds: float) -> None:
    """Wait until one can be read; unlike ``select.select``, of any number."""
    poll = select.poll()
    for handle in handles:
        poll.register(handle, select.POLLIN)
    poll.poll(1000 * seconds)


class _Clock:
    """Watches the time."""

    def __init__(self, seconds: float, name: str) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._name = name

    def __call__(self, _number: int) -> LimitError | None:
        if time.monotonic() < self._end:
            return None
        return LimitError(
            f"{self._name} was still running after {self._seconds:g} seconds.",
            limit="time",
            hint="Give it more time with --timeout SECONDS.",
        )


class _Meter:
    """Watches how much is printed."""

    def __init__(self, streams: Sequence[_Stream], most: int) -> None:
        self._streams = streams
        self._most = most

    def __call__(self, _number: int) -> LimitError | None:
        if sum(stream.total for stream in self._streams) <= self._most:
            return None
        return LimitError(f"It printed more than {self._most:,} bytes.", limit="printed")


class _Stream:
    """Reads a pipe to its end in a thread and keeps the last ``KEPT_BYTES``."""

    def __init__(self, pipe: IO[bytes] | None, sink: OutputSink | None) -> None:
        assert pipe is not None
        self._pipe = pipe
        self._sink = sink
        self._kept = bytearray()
        self.total = 0
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        with suppress(OSError, ValueError):
            while chunk := os.read(self._pipe.fileno(), 65536):
                self._kept += chunk
                self.total += len(chunk)
                if len(self._kept) > 2 * KEPT_BYTES:
                    del self._kept[:-KEPT_BYTES]
                if self._sink is not None:
                    self._sink(decoder.decode(chunk))

    def data(self) -> bytes:
        self._thread.join(_STRAGGLER_SECONDS)
        if not self._thread.is_alive():
            self._pipe.close()
        return bytes(self._kept[-KEPT_BYTES:])


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _feed(child: subprocess.Popen[bytes], data: bytes) -> None:
    assert child.stdin is not None
    with suppress(BrokenPipeError):
        child.stdin.write(data)
        child.stdin.close()


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the child's session, daemons included, and reap the child.

    Where it began a namespace of processes, all that are in it have ended then, too.
    """
    firsts = _opened(_children(child.pid)) if child.returncode is None else []
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    end = time.monotonic() + _NAMESPACE_SECONDS
    for first in firsts:
        # The first process of a namespace ends after all others of it.
        select.select([first], [], [], max(0.0, end - time.monotonic()))
        os.close(first)


def _children(number: int) -> list[int]:
    """The processes that one has started itself, on Linux."""
    try:
        with open(f"/proc/{number}/task/{number}/children") as file:
            return [int(each) for each in file.read().split()]
    except OSError:
        return []


def _opened(numbers: Iterable[int]) -> list[int]:
    """Descriptors of processes; of those that have gone, none."""
    found = []
    for number in numbers:
        with suppress(OSError):
            found.append(os.pidfd_open(number))
    return found
