"""Preparations that were killed: nothing is lost, and nothing is signed twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from keys import gnupg_home
from parties import SMALL
from projects import git, repository
from upload_index import running

from samebytes.release.prepare import STEPS
from samebytes.release.record import RECORD, Record

SCRIPT = Path(__file__).with_name("killed_preparations.py")


@pytest.mark.slow
def test_preparations_killed_at_every_step_and_at_random(folder: Path) -> None:
    checkout = repository(folder / "small", SMALL)
    git(checkout, "tag", "--annotate", "--message", "1.0", "v1.0")
    with gnupg_home() as home, running(folder / "index") as index:
        home.make("anna <anna@example.org>")
        done = subprocess.run(
            [sys.executable, SCRIPT, checkout, folder, index.simple, "gpg", str(os.getpid())],
            env=home.environ,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["kills"] >= 2 * len(STEPS)
        first = Record.read(folder / "first" / RECORD)
        for name in ("first", "stepwise", "random"):
            root = folder / name
            record = Record.read(root / RECORD)
            assert [step.id for step in record.steps] == [step.id for step in STEPS]
            assert record.artifacts == first.artifacts
            # Every file is recorded: none is a part of one, or of a step that was done twice.
            files = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
            assert files == {RECORD, *record.files}
            home.gpg("--verify", root / "SHA256SUMS.asc")
    assert not list(folder.glob("samebytes-*"))
