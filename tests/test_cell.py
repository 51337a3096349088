"""What a process in a cell has, sees and can do: with real namespaces."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from samebytes import sandbox
from samebytes.process import Runner
from samebytes.sandbox.bounds import Bounds
from samebytes.sandbox.cell import PATH, SYSTEM, Cell, find_cell, report_of
from samebytes.sandbox.tried import Act, Tried, read_tried
from samebytes.workspace import Room

ENVIRONMENT = {"PATH": PATH, "ONLY": "this"}
#: What our Python needs, wherever it is.
READABLE = tuple(
    dict.fromkeys(
        Path(place)
        for place in (sys.prefix, sys.base_prefix)
        if Path(place) not in SYSTEM  # which is seen anyway
    )
)


@pytest.fixture(scope="module")
def cell() -> Cell:
    found = find_cell(Runner(), os.environ, Bounds(memory=2**30, processes=99, file=2**20))
    return replace(found, readable=READABLE)


@pytest.fixture
def room(folder: Path) -> Room:
    made = Room.prepare(folder / "space" / "room")
    made.tree.mkdir()
    return made


def seen(cell: Cell, room: Room, code: str, environ: Mapping[str, str] = ENVIRONMENT) -> Any:
    """What Python code gives as ``found`` in the cell."""
    around = cell.surroundings(room, Path(sys.executable), environ, 0o022)
    whole = f"import ctypes, json, os, socket, sys\n{code}\nprint(json.dumps(found))"
    done = Runner().run(
        around.wrapped([sys.executable, "-c", whole]),
        env=around.environment,
        cwd=room.tree,
        watch=around.watch,
        timeout=60,
    )
    assert done.status == 0, done.stderr
    return json.loads(done.stdout)


def test_nobody_else(cell: Cell, room: Room) -> None:
    code = """
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
found = {
    "ids": [os.getuid(), os.getgid(), os.getpid(), os.getppid()],
    "host": os.uname().nodename,
    "users": [line.split(":")[0] for line in open("/etc/passwd")],
    "processes": [name for name in os.listdir("/proc") if name.isdigit()],
    "networks": socket.if_nameindex(),
    "capabilities": [status[name].strip() for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")],
    "no new ones": status["NoNewPrivs"].strip(),
}
try:
    found["terminal"] = os.open("/dev/tty", os.O_RDWR)
except OSError:
    pass
"""
    found = seen(cell, room, code)
    assert found["ids"] == [1000, 1000, 2, 1]
    assert found["host"] == "build"
    assert found["users"] == ["build"]
    assert found["processes"] == ["1", "2"]
    assert [name for _, name in found["networks"]] == ["lo"]
    assert {int(each, 16) for each in found["capabilities"]} == {0}
    assert found["no new ones"] == "1"
    assert "terminal" not in found


def test_the_environment_is_what_is_given(cell: Cell, room: Room) -> None:
    found = seen(cell, room, "found = dict(os.environ)")
    assert found.pop("LC_CTYPE", "C.UTF-8") == "C.UTF-8"  # which Python sets itself
    assert found.pop("PWD") == str(room.tree)  # and a shell
    assert found == ENVIRONMENT


def test_files_are_programs_and_what_is_given(cell: Cell, room: Room) -> None:
    code = """
found = {path: sorted(os.listdir(path)) for path in ("/", "/etc", "/dev/shm", "/var")}
found["writable"] = []
for folder, folders, files in os.walk("/"):
    if folder.startswith(("/proc", "/usr/")):
        folders.clear()
    elif os.access(folder, os.W_OK):
        found["writable"].append(folder)
        folders.clear()
"""
    found = seen(cell, room, code)
    steps = {path.parts[1] for path in (*READABLE, room.root, Path(__file__))}
    programs = {"bin", "dev", "etc", "lib", "lib32", "lib64", "libx32", "nix", "proc", "sbin"}
    assert set(found["/"]) <= programs | {"tmp", "usr", "var"} | steps
    settings = {"alternatives", "ca-certificates", "group", "ld.so.cache", "ld.so.conf", "ssl"}
    settings |= {"ld.so.conf.d", "localtime", "mime.types", "passwd", "protocols", "services"}
    assert set(found["/etc"]) <= settings | {"timezone"}
    assert found["/var"] == ["tmp"]
    common = {"/tmp", "/var/tmp", "/dev/shm"}
    folders = set(map(str, (room.tree, room.home, room.tmp, room.streams, room.out)))
    pseudo = {path for path in found["writable"] if path.startswith("/dev/pts")}
    # Of a common place, what lies on the way to the room is another's.
    assert set(found["writable"]) - pseudo <= common | folders
    assert common <= set(found["writable"])


def test_the_machine_cannot_be_set(cell: Cell, room: Room) -> None:
    """Not even by whom the kernel takes for root: of the mounts, only places to write in are not
    read-only."""
    code = """
found = {"open": [], "mounts": {}}
for path in ("/proc/sys/kernel/core_pattern", "/proc/sys/vm/drop_caches", "/proc/sysrq-trigger",
             "/proc/self/oom_score_adj", "/proc/irq/default_smp_affinity", "/dev/new", "/new"):
    try:
        open(path, "a").close()  # which harms nobody where it works
        found["open"].append(path)
    except OSError:
        pass
for line in open("/proc/self/mountinfo"):
    fields = line.split()
    found["mounts"][fields[4]] = fields[5].split(",")[0]
"""
    found = seen(cell, room, code)
    assert found["open"] == []
    writable = {place for place, mode in found["mounts"].items() if mode == "rw"}
    devices = {place for place in writable if re.match("/dev/(?!shm)", place)}
    folders = set(map(str, (room.tree, room.home, room.tmp, room.streams, room.out)))
    assert writable - devices == {"/tmp", "/var/tmp", "/dev/shm"} | folders


def test_the_first_process_is_out_of_reach(cell: Cell, room: Room) -> None:
    code = """
found = {}
for number in (9, 15, 19, 2, 1):
    os.kill(1, number)
for name in ("mem", "environ", "fd/3", "root", "cwd/.."):
    try:
        os.stat("/proc/1/" + name) if name in ("root", "cwd/..") else open("/proc/1/" + name, "rb")
        found[name] = "open"
    except OSError as error:
        found[name] = error.strerror
found["traced"] = ctypes.CDLL(None, use_errno=True).ptrace(16, 1, 0, 0)
"""
    found = seen(cell, room, code)
    assert found.pop("traced") == -1
    assert set(found.values()) == {"Permission denied"}
    assert Tried(Act.KILL, "process 1 (signal 9)") in read_tried(report_of(room))


def test_no_namespaces_of_its_own(cell: Cell, room: Room) -> None:
    told = subprocess.run([cell.program, "--help"], capture_output=True, text=True).stdout
    forbids = "--disable-userns" in told  # older releases of bubblewrap cannot
    assert cell.extra == (("--disable-userns",) if forbids else ())
    code = "found = ctypes.CDLL(None).unshare(0x10000000)"
    assert seen(cell, room, code) == -1 or not forbids


def test_limits(cell: Cell, room: Room) -> None:
    code = """
import resource
found = [resource.getrlimit(each)[0] for each in (resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE,
         resource.RLIMIT_CORE, resource.RLIMIT_AS)]
found += [int(open("/proc/self/oom_score_adj").read()), os.nice(0)]
"""
    *limits, nice = seen(cell, room, code)
    assert limits == [2 * 99, 2**20, 0, 4 * 2**30, 1000]
    assert nice >= 5


def test_each_starts_with_nothing_of_the_one_before(cell: Cell, room: Room) -> None:
    places = """
places = ("/tmp", "/var/tmp", "/dev/shm", os.environ.get("TMPDIR", "/tmp"))
found = sorted({name for place in places for name in os.listdir(place)})
for place in places:
    open(place + "/left", "w").close()
"""
    first = seen(cell, room, places)
    assert "left" not in first
    assert seen(cell, room, places) == first


def test_a_program_that_is_not_there(cell: Cell, room: Room) -> None:
    around = cell.surroundings(room, Path(sys.executable), ENVIRONMENT, 0o022)
    done = Runner().run(around.wrapped(["no-such-program"]), env=around.environment, cwd=room.tree)
    assert done.status == 127
    assert "no-such-program" in done.stderr


def test_links_lead_where_they_lead_outside(cell: Cell, room: Room, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(sys.executable)
    inside = next(path for path in Path("/usr/bin").iterdir() if path.is_symlink())
    linked = replace(cell, links=(tmp_path / "link", inside))
    paths = [*map(str, linked.links)]
    found = seen(linked, room, f"found = [os.readlink(path) for path in {paths}]")
    assert found == [os.readlink(path) for path in paths]


@pytest.mark.parametrize("name", ["inside.py", "noted/sitecustomize.py"])
def test_what_runs_there_is_for_any_python(name: str) -> None:
    path = Path(sandbox.__file__).parent / name
    tree = ast.parse(path.read_text(), feature_version=(3, 8))
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert imported <= sys.stdlib_module_names


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("\n\x00\xff", []),
        ("[" * 100_000, []),
        ('{"act": "read"}', []),
        ('["sing", "a song"]', []),
        ('["read"]', []),
        ('["read", 7]', ["tried to read 7"]),
        ('["read", "/a\\u001b[31mb"]', ["tried to read /a[31mb"]),
        ('["read", "\\n"]', []),
        ('["left", "sleep"]\n["kill", "all"]\n[', ["left running sleep", "tried to kill all"]),
        (json.dumps(["write", "x" * 10_000]), ["tried to write " + "x" * 200]),
    ],
)
def test_what_was_tried(tmp_path: Path, text: str, expected: list[str]) -> None:
    path = tmp_path / "report"
    path.write_text(text, encoding="latin-1")
    assert sorted(map(str, read_tried(path))) == expected


@pytest.mark.parametrize("kind", ["nothing", "folder", "pipe", "link"])
def test_no_report(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "report"
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "link":
            path.symlink_to("/dev/zero")
    assert not read_tried(path)
