"""Preparations that are killed, as a script: killed_preparations.py CHECKOUT FOLDER URL KEY SEED.

First before and after each step is recorded; then at random moments. A process of one thread, that
has loaded all it needs, forks one for each run. Prints, as JSON, how often it killed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import cycle
from pathlib import Path

from released import Told

from samebytes.git import Git
from samebytes.index.client import Index
from samebytes.index.settings import IndexSettings
from samebytes.process import Runner
from samebytes.release.folder import open_release
from samebytes.release.preparation import BuildOptions, Preparation
from samebytes.release.prepare import prepare
from samebytes.release.record import RECORD, Record
from samebytes.release.seal import SEALS
from samebytes.release.signed.signing import find_signer
from samebytes.release.target import find_target
from samebytes.request import Workshop

#: A run that takes longer is hung.
LONGEST = 300.0


def main(checkout: Path, folder: Path, url: str, key: str, seed: int) -> None:
    chance = random.Random(seed)
    started = time.monotonic()
    run(lambda: work(checkout, folder / "first", url, key), None)
    seconds = time.monotonic() - started
    stepwise = Watched(folder / "stepwise")
    kills = 0
    for before in cycle((True, False)):
        runs = partial(at_boundary, stepwise.root, before, checkout, url, key)
        if not run(runs, None):
            break
        stepwise.look()
        kills += 1
    stepwise.look()
    at_random = Watched(folder / "random")
    while run(lambda: work(checkout, at_random.root, url, key), chance.uniform(0, seconds)):
        at_random.look()
        kills += 1
    at_random.look()
    print(json.dumps({"kills": kills, "seconds": seconds}))


def work(checkout: Path, root: Path, url: str, key: str) -> bool:
    """Prepare it, or what is left to be done."""
    runner, told = Runner(), Told()
    settings = IndexSettings(index_url=url)
    cache = root.parent / "cache"
    target = find_target(checkout, "v1.0", None, Git(runner, os.environ))
    seals = root.parent / SEALS
    with open_release(root, seals=seals, new=target.record) as folder:
        assert folder.is_own
        return prepare(
            Preparation(
                target=target,
                options=BuildOptions(),
                workshop=Workshop(
                    runner=runner,
                    environ=os.environ,
                    index=settings,
                    cache=cache,
                    reporter=told,
                    base=root.parent,
                ),
                index=Index(settings, cache / "downloads"),
                folder=folder,
                signer=find_signer(key, runner, os.environ),
            )
        )


def run(work: Callable[[], bool], seconds: float | None) -> bool:
    """Run in a process that is killed after so many seconds; whether it was killed."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if work() else 3)
        finally:
            os._exit(4)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0, os.WEXITSTATUS(status)
    return False


def at_boundary(root: Path, before: bool, checkout: Path, url: str, key: str) -> bool:
    """Prepare it; this process is killed when the next step is recorded: just before, or after."""
    replace = os.replace

    def killing(source: str | Path, target: str | Path) -> None:
        is_record = Path(target) == root / RECORD
        if is_record and before:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)
        if is_record:
            os.kill(os.getpid(), signal.SIGKILL)

    vars(os)["replace"] = killing
    return work(checkout, root, url, key)


class Watched:
    """A release that loses nothing: what was once recorded is there, or comes back, as it was."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.known: dict[str, str] = {}

    def look(self) -> None:
        """Whatever was recorded as done stays; the record can be read at every moment."""
        if not (self.root / RECORD).exists():
            assert not self.known
            return
        record = Record.read(self.root / RECORD)
        assert all(step.is_done for step in record.steps), record
        files = {name: str(digest) for name, digest in record.files.items()}
        assert self.known.items() <= files.items()
        self.known = files


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5]))
