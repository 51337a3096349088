"""What a confined process sees, and what it cannot do: with real namespaces."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from samebytes.sandbox.host import Sandbox
from samebytes.variations import inside

#: What a test needs, should it lie where temporary files do.
VISIBLE = (Path(sys.prefix), Path(inside.__file__).parent)


@pytest.fixture
def sandbox(folder: Path) -> Sandbox:
    program = shutil.which("bwrap")
    assert program is not None, "bubblewrap is needed"
    return Sandbox(program=Path(program), writable=(folder,), visible=VISIBLE)


def seen(sandbox: Sandbox, code: str, *, environ: Mapping[str, str] | None = None) -> Any:
    """What Python code prints as JSON in the sandbox."""
    command = sandbox.command([sys.executable, "-I", "-c", code])
    done = subprocess.run(command, capture_output=True, text=True, env=environ, check=True)
    return json.loads(done.stdout)


def test_by_default_it_is_the_same_user_on_the_same_machine(sandbox: Sandbox) -> None:
    code = "import os, json; print(json.dumps([os.getuid(), os.getgid(), os.uname().nodename]))"
    assert seen(sandbox, code) == [os.getuid(), os.getgid(), os.uname().nodename]


def test_another_user_on_another_machine(sandbox: Sandbox) -> None:
    other = replace(sandbox, host="elsewhere", user=4711)
    code = "import os, json; print(json.dumps([os.getuid(), os.getgid(), os.uname().nodename]))"
    assert seen(other, code) == [4711, 4711, "elsewhere"]
    assert os.uname().nodename != "elsewhere"


def test_nobody_has_privileges(sandbox: Sandbox) -> None:
    code = "import json; print(json.dumps([x for x in open('/proc/self/status') if 'CapEff' in x]))"
    (line,) = seen(sandbox, code)
    assert int(line.split()[1], 16) == 0


def test_only_what_is_given_can_be_written(sandbox: Sandbox, folder: Path) -> None:
    code = f"""
import json
answers = []
for path in ("/etc/new", "/usr/new", "/dev/shm/new", {str(folder / "new")!r}):
    try:
        open(path, "w").close()
        answers.append(True)
    except OSError:
        answers.append(False)
print(json.dumps(answers))
"""
    # What is written to /dev/shm is in a folder of its own.
    assert seen(sandbox, code) == [False, False, True, True]
    assert (folder / "new").exists()
    assert not Path("/dev/shm/new").exists()


def test_a_file_is_shown_in_the_place_of_another(sandbox: Sandbox, folder: Path) -> None:
    (folder / "online").write_text("0-6\n")
    other = replace(sandbox, shown={Path("/sys/devices/system/cpu/online"): folder / "online"})
    assert seen(other, "import os; print(os.cpu_count())") == 7


def test_no_process_is_left(sandbox: Sandbox) -> None:
    marker = f"{os.getpid()}.4711"
    code = f"""
import subprocess
subprocess.Popen(["sleep", "{marker}"], start_new_session=True, stdout=subprocess.DEVNULL)
print(0)
"""
    assert seen(sandbox, code) == 0
    assert marker not in subprocess.run(["ps", "ax"], capture_output=True, text=True).stdout


@pytest.mark.parametrize(("order", "backward"), [("forward", False), ("backward", True)])
def test_files_are_listed_in_the_order_that_is_asked_for(
    order: str, backward: bool, sandbox: Sandbox, folder: Path
) -> None:
    tree, original = folder / "tree", folder / "original"
    names = ["Zoo", "a b", "alpha", "beta", "sub", "ünïcode"]
    for name in names:
        (tree / name).mkdir(parents=True)
        (tree / name / "run.sh").write_text("#!/bin/sh\n")
        (tree / name / "run.sh").chmod(0o750)
        (tree / name / "link").symlink_to("run.sh")
        os.utime(tree / name / "run.sh", (1, 2))
    original.mkdir()
    other = replace(sandbox, shown={original: tree}, fresh=tree)
    code = """
import json, os
listing = [os.listdir("."), os.listdir("sub")]
facts = os.stat("sub/run.sh")
print(json.dumps([listing, oct(facts.st_mode), facts.st_mtime, os.readlink("sub/link")]))
"""
    helper = [sys.executable, "-I", "-S", inside.__spec__.origin or "", "3", "1", str(tree)]
    command = [*helper, order, str(tree), str(original), sys.executable, "-I", "-c", code]
    done = subprocess.run(other.command(command), capture_output=True, text=True, check=True)
    listing, mode, mtime, link = json.loads(done.stdout)
    assert listing == [
        sorted(names, reverse=backward),
        sorted(["link", "run.sh"], reverse=backward),
    ]
    assert (mode, mtime, link) == ("0o100750", 2, "run.sh")
