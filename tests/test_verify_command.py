"""``samebytes verify``, asked for what it cannot do."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Command


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["six"], "is neither a file nor one release"),
        (["six>=1"], "is neither a file nor one release"),
        (["missing-1.0.tar.gz"], "is not there"),
        (["./"], "is a folder"),
        (["a/b"], "is not there"),
        (["six==1.17.0", "--rev", "v1"], "but no --source"),
        (["six==1.17.0", "--source", "nowhere"], "There is no file or folder"),
        (["six==1.17.0", "--json", "x", "--html", "x"], "name the same file"),
        (["six==1.17.0", "--json", "/nowhere/x"], "cannot be written"),
        ([], "Missing argument"),
        (["--max-attempts", "0", "six==1.17.0"], "--max-attempts"),
    ],
)
def test_what_cannot_be_verified(
    samebytes: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = samebytes.here("verify", *arguments)
    assert done.status == 2
    assert reason in done.stderr
    assert done.stdout == ""
