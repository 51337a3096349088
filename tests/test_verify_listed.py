"""What ``samebytes verify`` takes from an index: files, times and provenance; and its terminal."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import index_server
import pytest
from conftest import Command
from folder_index import CONSTANT, FolderIndex, folder_index
from index_server import UPLOADED, entry, status
from rich.console import Console

from samebytes.cli.console import Terminal
from samebytes.errors import UserError

pytestmark = pytest.mark.slow

__all__ = ["folder_index"]  # a fixture

SMALL = "small-1.0-py3-none-any.whl"


def verified(
    samebytes: Command, url: str, wheel: Path, sdist: Path, tmp_path: Path
) -> dict[str, Any]:
    environ = {"PIP_INDEX_URL": url, "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0"}
    environ["SAMEBYTES_CACHE"] = str(tmp_path / "cache")
    done = samebytes("verify", wheel, "--source", sdist, "--json", "-", env=environ)
    (result,) = json.loads(done.stdout)["results"]
    found: dict[str, Any] = result
    return found


def listed(content: bytes, url: str) -> dict[str, Any]:
    """A wheel on the index at ``url``, with a provenance."""
    provenance = url.replace("/simple", "/files/provenance")
    digest = hashlib.sha256(content).hexdigest()
    return entry(SMALL, hashes={"sha256": digest}, size=len(content), provenance=provenance)


def test_a_provenance_that_cannot_be_had_changes_no_verdict(
    folder_index: FolderIndex, tmp_path: Path
) -> None:
    sdist, wheel = folder_index.publish("small")
    with index_server.running() as server:
        server.show([listed(wheel.read_bytes(), server.url)])
        server.faults += [status(503)] * 20
        found = verified(folder_index.samebytes, server.url, wheel, sdist, tmp_path)
    assert found["verdict"] == "identical"
    assert "Its provenance cannot be read" in " ".join(found["remarks"])


def test_another_file_of_the_name(folder_index: FolderIndex, tmp_path: Path) -> None:
    """Its time of upload is a hint; what was attested is of other bytes."""
    sdist, wheel = folder_index.publish("small")
    with index_server.running() as server:
        server.show([listed(b"other", server.url)])
        found = verified(folder_index.samebytes, server.url, wheel, sdist, tmp_path)
        assert not any("provenance" in path for path in server.paths())
    assert "another file of this name" in " ".join(found["remarks"])
    assert "provenance" not in " ".join(found["remarks"])
    assert UPLOADED[:10] in json.dumps(found["evidence"])


def test_an_index_that_cannot_be_asked(folder_index: FolderIndex, tmp_path: Path) -> None:
    sdist, wheel = folder_index.publish("small")
    url = "http://127.0.0.1:9/simple"
    found = verified(folder_index.samebytes, url, wheel, sdist, tmp_path)
    assert found["verdict"] == "identical"
    assert "not even when it was uploaded" in " ".join(found["remarks"])


def test_all_sdists_of_a_release(folder_index: FolderIndex) -> None:
    sdist, wheel = folder_index.publish("small")
    tree = folder_index.root / "trees/small-1.0"
    with zipfile.ZipFile(sdist.with_name("small-1.0.zip"), "w") as archive:
        for path in tree.iterdir():
            archive.write(path, f"small-1.0/{path.name}")
    folder_index.list("small")
    arguments = ("verify", "small==1.0", "--source", sdist, "--max-attempts", "1", "--json", "-")
    done = folder_index.samebytes(*arguments, env=folder_index.environ)
    document = json.loads(done.stdout)
    found = [each["artifact"] for each in document["results"] + document["failed"]]
    assert found == [sdist.name, "small-1.0.zip", wheel.name]


def test_a_revision_without_a_source_as_json(samebytes: Command) -> None:
    done = samebytes("verify", "small==1.0", "--rev", "y", "--json", "-")
    assert done.status == 2
    assert "no --source" in json.loads(done.stdout)["error"]["message"]


#: Ends the process that verifies, as the system does when it runs out of memory.
KILLER = """
import os, signal, time
def parent(pid):
    return int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1])
if "trees" not in os.getcwd():
    time.sleep(1)
    pid = os.getpid()
    while "spawn_main" not in open(f"/proc/{pid}/cmdline").read():
        pid = parent(pid)
    os.kill(pid, signal.SIGKILL)
"""


def test_what_kills_its_process_hides_no_other(folder_index: FolderIndex) -> None:
    _, quick = folder_index.publish("quick")
    folder_index.publish("killer", CONSTANT + KILLER)
    done = folder_index.samebytes(
        *("verify", "killer==1.0", "quick==1.0", "--no-sandbox", "-j", "2", "--json", "-"),
        env=folder_index.environ,
    )
    assert done.status == 2
    document = json.loads(done.stdout)
    (failed,) = document["failed"]
    assert failed["artifact"].startswith("killer-1.0")
    assert "was killed" in failed["error"]["message"]
    assert [each["artifact"] for each in document["results"]] == [quick.name]


class TestTerminal:
    def test_what_strangers_print_sets_no_terminal(self) -> None:
        file = io.StringIO()
        console = Console(file=file, highlight=False, soft_wrap=True)
        terminal = Terminal(console=console)
        trap = "\x1b]0;title\x07\x1b[2J\x9b31m\r\b"
        terminal.fact("label", trap)
        terminal.warn(trap)
        terminal.notice(trap)
        terminal.error(UserError(trap, hint=trap, detail=f"one{trap}\ntwo"))
        assert not set(file.getvalue()) & set("\x1b\x07\x9b\r\b")
        assert "\ntwo" in file.getvalue()

    @pytest.fixture
    def seen(self, monkeypatch: pytest.MonkeyPatch) -> Terminal:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
        return Terminal(console=Console(file=io.StringIO(), force_terminal=True))

    @pytest.mark.parametrize("steps", [None, 4])
    def test_downloads_do_not_change_how_much_work_there_is(
        self, seen: Terminal, steps: int | None
    ) -> None:
        with seen.working(steps):
            seen.step("one")
            seen.received(500, 1000)
            progress: Any = seen._progress
            (task,) = progress.tasks
            assert (task.total, task.completed) == (steps, 1)
            assert task.description == "downloading, 50%"
        with seen.downloading():
            seen.received(500, 1000)
            progress = seen._progress
            assert (progress.tasks[0].total, progress.tasks[0].completed) == (1000, 500)
