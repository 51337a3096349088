"""A real Dask cluster on loopback: a scheduler, and workers that their nannies start again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

TESTS = Path(__file__).parent
#: Of a worker process: its nanny starts it by multiprocessing.
_SPAWNED = b"multiprocessing.spawn"


@dataclass
class Cluster:
    """``environ`` is that of its processes, which can import what lies beside this module."""

    folder: Path
    environ: Mapping[str, str]
    port: int
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    scheduler: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def start_scheduler(self) -> None:
        self.scheduler = self._start("dask_scheduler", "--port", str(self.port))
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        raise AssertionError("the scheduler does not start")

    def start_worker(self, *options: str, threads: int = 1) -> subprocess.Popen[bytes]:
        """Returns the nanny."""
        arguments = (self.address, "--nthreads", str(threads), "--local-directory")
        return self._start("dask_worker", *arguments, str(self.folder), *options)

    def worker_of(self, nanny: subprocess.Popen[bytes]) -> int:
        """The number of the process that a nanny watches over, and starts again."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            for number in _children(nanny.pid):
                with suppress(OSError):
                    if _SPAWNED in Path(f"/proc/{number}/cmdline").read_bytes():
                        return number
            time.sleep(0.05)
        raise AssertionError("there is no worker")

    def kill_worker(self, nanny: subprocess.Popen[bytes]) -> int:
        """With -9."""
        number = self.worker_of(nanny)
        os.kill(number, signal.SIGKILL)
        return number

    def restart_scheduler(self) -> None:
        """It is killed and forgets everything; its workers end, and have to be started anew."""
        assert self.scheduler is not None
        self.scheduler.kill()
        self.scheduler.wait()
        self.start_scheduler()

    def stop(self) -> None:
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _start(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{module}-{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", f"distributed.cli.{module}", *arguments),
                    *("--host", "127.0.0.1", "--no-dashboard"),
                ],
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process


def _children(number: int) -> list[int]:
    """Those of all its threads."""
    found: list[int] = []
    for path in Path(f"/proc/{number}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, path.read_text().split())
    return found


@contextmanager
def dask_cluster(folder: Path, environ: Mapping[str, str], workers: int = 2) -> Iterator[Cluster]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = dict(environ)
    found["PYTHONPATH"] = os.pathsep.join(filter(None, (str(TESTS), found.get("PYTHONPATH"))))
    # Workers look for their scheduler less often than they find it here.
    found |= {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "10s"}
    cluster = Cluster(folder=folder, environ=found, port=port)
    try:
        cluster.start_scheduler()
        for _ in range(workers):
            cluster.start_worker()
        yield cluster
    finally:
        cluster.stop()
