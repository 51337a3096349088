"""Publications that are killed at random moments, as a script: killed.py FOLDER URL KILLS SEED.

A process of one thread, that has loaded all it needs, forks one for each run and kills it. Prints,
as JSON, the artifacts of the releases that it published, and how often it killed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from released import TITLES, Place, Release, Told
from urllib3.connection import HTTPConnection

#: Bytes of an artifact.
SIZE = 150_000


def main(folder: Path, url: str, kills: int, seed: int) -> None:
    # As on a slow line, where what is sent is not all in the system's hands at once.
    HTTPConnection.default_socket_options.append((socket.SOL_SOCKET, socket.SO_SNDBUF, 8192))
    place = Place(folder)
    chance = random.Random(seed)
    assert place.release("0.1").confirm("bert").publish(url)  # loads all it needs
    before, after = measured(place.release("0.2", size=SIZE).confirm("bert"), url)
    killed, published = 0, dict[str, str]()
    for number in range(10_000):
        if killed >= kills:
            break
        release = place.release(f"1.{number}", size=SIZE).confirm("bert")
        files = contents(release)
        while run(release, url, *moment(chance, before, after)):
            killed += 1
            check(release, files)
        assert release.problems("upload") == release.problems("download") == ()
        check(release, files)
        published |= {name: str(digest) for name, digest in release.record.artifacts.items()}
    end = time.monotonic() + 10
    while (left := list(folder.glob("samebytes-*"))) and time.monotonic() < end:
        time.sleep(0.1)  # until the last one that was killed is cleaned up after
    assert left == []
    print(json.dumps({"killed": killed, "published": published}))


def measured(release: Release, url: str) -> tuple[float, float]:
    """How many seconds it takes until the upload begins, and from there to the end."""
    started = time.monotonic()
    child, begun = fork(release, url)
    os.read(begun, 1)
    middle = time.monotonic()
    assert os.waitpid(child, 0)[1] == 0
    os.close(begun)
    return middle - started, time.monotonic() - middle


def moment(chance: random.Random, before: float, after: float) -> tuple[bool, float]:
    """When to kill: mostly from the beginning of the upload on, sometimes before it."""
    is_late = chance.random() < 0.8
    return is_late, chance.uniform(0, after if is_late else before)


def run(release: Release, url: str, is_late: bool, seconds: float) -> bool:
    """Publish it in a process that is killed after so many seconds; whether it was."""
    child, begun = fork(release, url)
    if is_late:
        os.read(begun, 1)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(begun)
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0, (os.WEXITSTATUS(status), release.record)
    return False


def fork(release: Release, url: str) -> tuple[int, int]:
    """A process that publishes it, and what it tells at the beginning of the upload, or its end."""
    begun, telling = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if release.publish(url, Telling(pipe=telling)) else 3)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(4)
    os.close(telling)
    return child, begun


@dataclass
class Telling(Told):
    pipe: int = -1

    def step(self, text: str) -> None:
        if text in (TITLES["upload"], TITLES["download"]):
            os.write(self.pipe, b".")


def contents(release: Release) -> dict[str, bytes]:
    """The files that nobody may touch any more."""
    return {name: (release.root / name).read_bytes() for name in release.record.files}


def check(release: Release, files: dict[str, bytes]) -> None:
    """The record can be read, and nothing is lost."""
    assert contents(release) == files
    assert not any(step.problems for step in release.record.steps), release.record
    assert len(list((release.root / "statements").iterdir())) == 2


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
