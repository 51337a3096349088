"""``samebytes check`` as a user runs it: what it prints, writes, refuses, and leaves behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Command
from projects import HATCHLING, commit, own_backend, repository
from test_documents import ROOT, SCHEMAS, validate
from zoo import TWO_FAULTS, animal

from samebytes.errors import UserError
from samebytes.variations.table import REPEAT, VARIATIONS, Scope, chosen

WIDE = {"COLUMNS": "140"}
HANGS = own_backend("def content(): time.sleep(60)")
#: What keeps running when whoever started it is gone.
DAEMON = own_backend(
    "def content():\n"
    "    import subprocess\n"
    "    subprocess.Popen(['sleep', '4711.5'], start_new_session=True)\n"
    "    time.sleep(60)"
)


class TestChoice:
    def test_default(self) -> None:
        always = {each.id for each in VARIATIONS.values() if each.scope is Scope.ALWAYS}
        raw = {each.id for each in VARIATIONS.values() if each.scope is Scope.RAW}
        assert chosen(None, raw=False) == always
        assert chosen(None, raw=True) == always | raw

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("clock", {"clock"}),
            ("clock, path,", {"clock", "path"}),
            ("all", set(VARIATIONS)),
            ("all,-zlib", set(VARIATIONS) - {"zlib"}),
        ],
    )
    def test_names(self, text: str, expected: set[str]) -> None:
        assert chosen(text, raw=False) == expected

    def test_without(self) -> None:
        assert chosen("-clock", raw=False) == chosen(None, raw=False) - {"clock"}

    @pytest.mark.parametrize("text", ["clocks", "-clocks", "clock,-clock", "--clock", "-all"])
    def test_refused(self, text: str) -> None:
        with pytest.raises(UserError):
            chosen(text, raw=False)


def test_the_table_is_in_the_docs_and_in_the_schema() -> None:
    schema = json.loads((SCHEMAS / "check-1.json").read_text())
    assert schema["$defs"]["variation"]["enum"] == list(VARIATIONS)
    text = (ROOT / "src/samebytes/explanations/variations.md").read_text()
    assert re.findall(r"^## (\S+)$", text, re.MULTILINE) == [*VARIATIONS, REPEAT.id]
    for each in VARIATIONS.values():
        (entry,) = re.findall(rf"^## {each.id}\n(.*?)(?=^## )", text, re.MULTILINE | re.DOTALL)
        mark = {Scope.ALWAYS: "", Scope.RAW: "(*raw*)", Scope.ASKED: "(*asked*)"}[each.scope]
        assert (mark in entry) == (each.scope is not Scope.ALWAYS or mark == ""), each.id


def test_listing(samebytes: Command) -> None:
    done = samebytes("check", "--list-variations", env=WIDE)
    assert (done.status, done.stderr) == (0, "")
    for each in VARIATIONS.values():
        assert re.search(rf"^ *{each.id} +{re.escape(each.title)} ", done.stdout, re.MULTILINE)


@pytest.fixture
def broken(folder: Path) -> Path:
    return repository(folder / "project", TWO_FAULTS)


@pytest.mark.slow
def test_report_document_and_page(broken: Path, folder: Path, samebytes: Command) -> None:
    target, page = folder / "result.json", folder / "page.html"
    chosen = ["--vary", "clock,host,timezone", "--keep", str(folder / "kept")]
    done = samebytes("check", broken, *chosen, "--json", target, "--html", page, env=WIDE)
    assert done.status == 1
    assert done.stdout.startswith("not reproducible: 2 of 3 variations change the bytes\n")
    assert re.search(r"wheel: content of a member +clock +clock: the date and time", done.stdout)
    assert "not tried: path, file-order, hash-seed," in done.stdout
    document = json.loads(target.read_text())
    validate(document, "check-1.json")
    assert document["tried"] == ["clock", "timezone", "host"]
    assert [each["variations"] for each in document["findings"]] == [["clock"], ["host"]]
    html = page.read_text()
    assert "Not reproducible" in html
    assert "2 of 3 variations change the bytes" in html
    for name in ("plain", "varied"):
        assert sorted(os.listdir(folder / "kept" / name)) == sorted(document["artifacts"])
    compared = samebytes("diff", folder / "kept/plain", folder / "kept/varied")
    assert compared.status == 1
    assert "build-elsewhere" in compared.stdout


@pytest.mark.slow
def test_what_is_not_reproducible_with_quiet(broken: Path, samebytes: Command) -> None:
    done = samebytes("check", broken, "--vary", "host", "-q")
    assert done.stdout == "not reproducible: 1 of 1 variation changes the bytes\n"
    assert (done.status, done.stderr) == (1, "")


@pytest.mark.slow
def test_what_a_machine_lacks_is_named(broken: Path, folder: Path, samebytes: Command) -> None:
    """Without bubblewrap, setarch and the rest: what needs them is not tried, and that is said."""
    tools = folder / "bin"
    tools.mkdir()
    for name in ("git",):
        path = next(p for p in map(Path, ("/usr/bin", "/usr/local/bin")) if (p / name).exists())
        (tools / name).symlink_to(path / name)
    done = samebytes("check", broken, "--json", "-", env={"PATH": str(tools)})
    document = json.loads(done.stdout)
    validate(document, "check-1.json")
    for name in ("clock", "cpus", "file-order", "host", "user"):
        assert document["not_tried"][name] == "bubblewrap is not installed"
    for name in ("aslr", "kernel"):
        assert document["not_tried"][name] == "setarch (util-linux) is not installed"
    assert document["status"] == "reproducible"  # under what could be tried
    required = samebytes("check", broken, "--require", "host,path", env={"PATH": str(tools)})
    assert required.status == 2
    assert "host (bubblewrap is not installed)" in required.stderr
    none = samebytes("check", broken, "--vary", "host", env={"PATH": str(tools)})
    assert none.status == 2
    assert "None of the variations can be tried here." in none.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--vary", "clocks"], "There is no variation 'clocks'."),
        (["--vary", ","], "--vary names no variation."),
        (["--json", "./x.json", "--html", "x.json"], "--json and --html name the same file."),
        (["--require", "clocks"], "There is no variation 'clocks'."),
        (["--require", "umask"], "umask (samebytes build takes care of it; --raw tries it)"),
        (["--json", "-", "--html", "-"], "--json and --html name the same file."),
        (["--json", "none/result.json"], "cannot be written"),
        (["--keep", "none/kept"], "cannot be written"),
        (["--rev", "none"], "There is no revision 'none'"),
        (["--python", "2.7.0"], "There is no Python 2.7.0"),
    ],
)
def test_refusals(arguments: list[str], message: str, broken: Path, samebytes: Command) -> None:
    done = samebytes("check", broken, *arguments)
    assert done.status == 2
    assert message in done.stderr


@pytest.mark.slow
def test_a_plain_build_that_fails_is_no_finding(folder: Path, samebytes: Command) -> None:
    root = repository(folder / "project", own_backend("def content(): raise ValueError('no')"))
    done = samebytes("check", root, "--json", "-")
    document = json.loads(done.stdout)
    validate(document, "check-1.json")
    assert (done.status, document["status"]) == (2, "failed")
    assert "ValueError: no" in document["error"]["detail"]


@pytest.mark.slow
def test_the_checkout_stays_as_it_is(folder: Path, samebytes: Command) -> None:
    root = repository(folder / "project", HATCHLING)
    (root / "untracked.txt").write_text("not committed\n")
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    done = samebytes("check", root, "--raw", "--vary", "untracked,leftovers,crlf,export,umask")
    assert done.status == 1
    assert "warning:   The tree is dirty: 1 file is modified or untracked" in done.stderr
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


@pytest.mark.slow
def test_nothing_is_written_through_links(folder: Path, samebytes: Command) -> None:
    """A stranger's repository may have links where leftovers would be put."""
    victim = folder / "victim"
    victim.mkdir()
    for name in ("precious.txt", "__init__.py"):
        (victim / name).write_text("precious")
    root = repository(folder / "project", animal())
    (root / "untracked-by-git.txt").symlink_to(victim / "precious.txt")
    for name in ("dist", "package", "src", "small.egg-info"):
        (root / name).symlink_to(victim)
    (root / "build").write_text("a file where others have a folder")
    (root / os.fsdecode(b"n\xe9e.txt")).write_text("no UTF-8")
    commit(root)
    before = {path: path.read_text() for path in victim.rglob("*")}
    for vary in ("leftovers,untracked", "export,crlf"):
        assert samebytes("check", root, "--raw", "--vary", vary).status in (0, 1)
    assert {path: path.read_text() for path in victim.rglob("*")} == before


@pytest.mark.slow
def test_a_build_that_removes_its_own_tree(folder: Path, samebytes: Command) -> None:
    fault = "import shutil\ndef note(): shutil.rmtree(os.getcwd()); return 'gone'"
    root = repository(folder / "project", animal(fault))
    assert samebytes("check", root, "--vary=-file-order").status == 0


@pytest.mark.slow
def test_an_archive_that_only_the_varied_build_spoils_is_kept(
    folder: Path, samebytes: Command
) -> None:
    fault = (
        "write = zipfile.ZipFile.writestr\n"
        "def spoiled(self, *arguments):\n"
        "    write(self, *arguments)\n"
        "    self.fp.seek(0)\n"
        "    self.fp.write(b'spoiled')\n"
        "if 'BUILD_NUMBER' in os.environ: zipfile.ZipFile.writestr = spoiled\n"
    )
    root = repository(folder / "project", animal(fault))
    kept = ["--vary", "environment", "--keep", str(folder / "kept")]
    done = samebytes("check", root, *kept)
    assert done.status == 1
    assert (folder / "kept/varied/small-1.0-py3-none-any.whl").read_bytes()[:7] == b"spoiled"


def test_explained(samebytes: Command) -> None:
    assert "Kiritimati" not in samebytes("explain", "timezone").stdout
    assert "14 hours ahead" in samebytes("explain", "timezone").stdout
    assert "file-order" in samebytes("explain").stdout


def left(base: Path) -> Iterator[str]:
    """What of a check is still there: folders, files, mounts, processes."""
    yield from map(str, base.iterdir())
    yield from (line for line in Path("/proc/mounts").read_text().splitlines() if str(base) in line)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environ = (process / "environ").read_bytes()
        except OSError:
            continue
        if str(base).encode() + b"/" in environ or b"4711.5" in environ:
            yield (process / "cmdline").read_bytes().decode().replace("\0", " ")
    listed = subprocess.run(["ps", "ax"], capture_output=True, text=True).stdout
    yield from (line for line in listed.splitlines() if "sleep 4711.5" in line)
    yield from (str(path) for path in Path("/dev/shm").glob("*faketime*"))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("moment", ["starting", "building"])
def test_nothing_is_left_when_it_is_stopped(
    number: signal.Signals, moment: str, folder: Path, samebytes: Command
) -> None:
    root = repository(folder / "project", DAEMON)
    base = folder / "base"
    base.mkdir()
    child = subprocess.Popen(
        [sys.executable, "-m", "samebytes", "check", str(root)],
        env=samebytes.environ | {"SAMEBYTES_WORKSPACE": str(base), "TMPDIR": str(base)},
        stderr=subprocess.PIPE,
        text=True,
    )
    patterns = {
        "starting": "samebytes-*/asked",
        "building": "samebytes-*/another/folder/*/out/*.whl",
    }
    deadline = time.monotonic() + 30
    while not list(base.glob(patterns[moment])) and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(number)
    _, stderr = child.communicate(timeout=20)
    if number is not signal.SIGKILL:
        assert child.returncode == 2
        assert "Interrupted." in stderr
        assert not list(left(base))
    deadline = time.monotonic() + 15
    while list(left(base)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not list(left(base))


@pytest.mark.slow
def test_nothing_is_left_when_it_ends(folder: Path, samebytes: Command) -> None:
    root = repository(folder / "project", animal())
    base = folder / "base"
    base.mkdir()
    place = {"SAMEBYTES_WORKSPACE": str(base), "TMPDIR": str(base)}
    assert samebytes("check", root, env=place).status == 0
    assert not list(left(base))


@pytest.mark.slow
def test_a_build_that_hangs_is_ended(folder: Path, samebytes: Command) -> None:
    root = repository(folder / "project", HANGS)
    started = time.monotonic()
    done = samebytes("check", root, "--timeout", "2")
    assert done.status == 2
    assert "The build backend (wheel) was still running after 2 seconds" in done.stderr
    assert time.monotonic() - started < 20
