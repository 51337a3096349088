"""``samebytes diff`` and ``samebytes explain`` as a user runs them."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Command
from factory import write
from tar_factory import TarMember, TarSpec
from test_documents import validate
from zip_factory import ZipMember, ZipSpec, dos_time

from samebytes.archive.artifact import plain_chunks, read_artifact, read_contents
from samebytes.archive.limits import Limits
from samebytes.compare.causes import CAUSES
from samebytes.compare.comparison import compare
from samebytes.compare.kinds import KINDS
from samebytes.errors import UserError
from samebytes.report.explanations import entries
from samebytes.report.text import LINES, text_report
from samebytes.variations.table import REPEAT, VARIATIONS

FILE = TarMember(name=b"demo-1.0/a.txt", content=b"one\ntwo\n")
SDIST = TarSpec(members=(FILE,))
LATER = TarSpec(members=(replace(FILE, mtime=FILE.mtime + 60),))
OTHER = TarSpec(members=(replace(FILE, content=b"one\nthree\n"),))
WHEEL = ZipSpec(members=(ZipMember(name=b"demo/a.py", content=b"x = 1\n"),))
LATER_WHEEL = ZipSpec(members=(replace(WHEEL.members[0], time=dos_time(2021, 2, 2)),))


@pytest.mark.parametrize(
    ("second", "status", "verdict"),
    [(SDIST, 0, "identical"), (LATER, 1, "equivalent"), (OTHER, 1, "different")],
)
def test_verdicts(
    folder: Path, samebytes: Command, second: TarSpec, status: int, verdict: str
) -> None:
    files = write(folder, "a", SDIST), write(folder, "b", second)
    done = samebytes("diff", *files, "--json", folder / "out.json", "--html", folder / "out.html")
    assert (done.status, done.stderr) == (status, "")
    assert done.stdout.startswith(f"{verdict}: ")
    document = json.loads((folder / "out.json").read_text())
    validate(document, "diff-1.json")
    assert document["status"] == verdict
    page = (folder / "out.html").read_text()
    assert verdict in page
    assert "http" not in re.sub(r"http-equiv", "", page)
    quiet = samebytes("diff", *files, "-q")
    assert (quiet.status, quiet.stdout) == (status, f"{verdict}\n")


def test_what_is_printed(folder: Path, samebytes: Command) -> None:
    done = samebytes("diff", write(folder, "a", SDIST), write(folder, "b", OTHER))
    text = re.sub("[0-9a-f]{64}", "DIGEST", done.stdout)
    assert re.sub(r"\d+ bytes", "N bytes", text) == (
        "different: 1 member changed (code)\n"
        "  first   demo-1.0.tar.gz  sdist, N bytes, 1 member\n"
        "          sha256 DIGEST\n"
        "  second  demo-1.0.tar.gz  sdist, N bytes, 1 member\n"
        "          sha256 DIGEST\n"
        "other-source: another source (1 difference)\n"
        "  why  No setting of a build explains these contents.\n"
        "  fix  Compare the revisions they were built from. If they are the same, one was changed."
        "\n      1  member-content         two → three  demo-1.0/a.txt\n"
        "samebytes explain ID tells more of each of these ids.\n"
        "demo-1.0/a.txt\n"
        "    one\n"
        "  - two\n"
        "  + three\n"
    )


def test_folders_are_paired_by_name_and_version(folder: Path, samebytes: Command) -> None:
    one, two = folder / "one", folder / "two"
    for where, stem in ((one, "Demo.Project"), (two, "demo_project")):
        where.mkdir()
        shutil.copy(write(folder, "a", SDIST), where / f"{stem}-1.0.tar.gz")
        shutil.copy(write(folder, "w", WHEEL), where / "demo_project-1.0-py3-none-any.whl")
    shutil.copy(write(folder, "b", LATER_WHEEL), two / "demo_project-1.0-py3-none-any.whl")
    (one / "notes.txt").write_text("no artifact")
    done = samebytes("diff", one, two, "--json", folder / "a.json")
    assert done.status == 1
    verdicts = re.findall(r"^(\w+): ", done.stdout, re.MULTILINE)
    assert verdicts[:3] == ["equivalent", "identical", "equivalent"]
    shutil.copy(write(folder, "a", SDIST), one / "alone-2.tar.gz")
    done = samebytes("diff", one, two, "--json", folder / "b.json", "--html", folder / "b.html")
    assert "only in the first folder: alone-2.tar.gz\n" in done.stdout
    documents = [json.loads((folder / name).read_text()) for name in ("a.json", "b.json")]
    for document in documents:
        validate(document, "diff-1.json")
    assert [document["status"] for document in documents] == ["equivalent", "different"]
    assert documents[1]["only_in_first"] == ["alone-2.tar.gz"]
    assert "alone-2.tar.gz" in (folder / "b.html").read_text()
    shutil.copy(write(folder, "a", SDIST), one / "demo-project-1.0.zip")
    done = samebytes("diff", one, two)
    assert (done.status, "of the same name and version" in done.stderr) == (2, True)


def test_what_cannot_be_compared(folder: Path, samebytes: Command) -> None:
    sdist, wheel = write(folder, "a", SDIST), write(folder, "w", WHEEL)
    (folder / "empty").mkdir()
    damaged = write(folder, "b", SDIST)
    damaged.write_bytes(damaged.read_bytes()[:-3])
    disguised = folder / "disguised-1.0.tar.gz"
    shutil.copy(wheel, disguised)
    read_only = folder / "missing" / "out.json"
    for arguments, message in (
        ([sdist], "Missing argument 'B'"),
        ([sdist, wheel], "demo-1.0.tar.gz is an sdist, demo-1.0-py3-none-any.whl is a wheel."),
        ([sdist, folder / "none.tar.gz"], "none.tar.gz does not exist."),
        ([sdist, folder / "empty"], "is a folder, the other is not"),
        ([folder / "empty", folder / "empty"], "There is no sdist and no wheel"),
        ([Path(__file__), sdist], "test_diff.py is neither an sdist nor a wheel."),
        ([sdist, damaged], "demo-1.0.tar.gz cannot be read as an archive: it ends too early."),
        ([sdist, disguised], "it begins as a zip file"),
        ([sdist, sdist, "--json", read_only], "--json FILE"),
        ([sdist, sdist, "--html", read_only], "--html FILE"),
        ([sdist, sdist, "--max-size", "many"], "'many' is no size such as 500M or 8G"),
        ([sdist, write(folder, "c", OTHER), "--max-size", "2"], "unpacks to more than 2 bytes"),
    ):
        done = samebytes.here("diff", *arguments)
        assert done.status == 2, arguments
        assert message in re.sub(r"\s+", " ", done.stderr), arguments
    done = samebytes("diff", sdist, damaged, "--json", "-")
    document = json.loads(done.stdout)
    validate(document, "diff-1.json")
    assert (done.status, document["status"]) == (2, "failed")


def test_nothing_is_overwritten_that_is_compared(folder: Path, samebytes: Command) -> None:
    one, two = write(folder, "a", SDIST), write(folder, "b", OTHER)
    before = two.read_bytes()
    for arguments, message in (
        (["--json", two], "would overwrite"),
        (["--html", two], "would overwrite"),
        (["--json", "-", "--html", "-"], "the same file"),
        (["--json", folder / "x", "--html", folder / "x"], "the same file"),
    ):
        done = samebytes.here("diff", one, two, *arguments)
        assert (done.status, done.stdout) == (2, "")
        assert message in done.stderr
    assert two.read_bytes() == before


def test_output_that_is_not_utf8(folder: Path, samebytes: Command) -> None:
    files = write(folder, "a", SDIST), write(folder, "b", OTHER)
    done = samebytes("diff", *files, env={"PYTHONIOENCODING": "ascii"})
    assert (done.status, done.stderr) == (1, "")
    assert "two \\u2192 three" in done.stdout


def test_file_that_changes_while_it_is_read(folder: Path) -> None:
    files = write(folder, "a", SDIST), write(folder, "b", LATER)
    artifact = read_artifact(files[0], Limits())
    files[0].write_bytes(files[1].read_bytes())
    for read in (
        lambda: read_contents(artifact, [0], Limits()),
        lambda: list(plain_chunks(artifact, Limits())),
    ):
        with pytest.raises(UserError, match="was changed while it was read"):
            read()


def test_one_line_a_pair_where_there_are_many(folder: Path, samebytes: Command) -> None:
    for number in range(60):
        for side, spec in (("one", SDIST), ("two", LATER if number % 2 else SDIST)):
            (folder / side).mkdir(exist_ok=True)
            shutil.copy(write(folder, "a", spec), folder / side / f"demo-{number}.tar.gz")
    done = samebytes("diff", folder / "one", folder / "two")
    assert done.stdout.startswith("equivalent: 60 pairs of artifacts\n")
    assert len(done.stdout.splitlines()) <= LINES
    (folder / "two" / "demo-9.tar.gz").write_bytes(b"")
    done = samebytes("diff", folder / "one", folder / "two", "--json", "-")
    document = json.loads(done.stdout)
    assert (done.status, document["status"]) == (2, "failed")
    assert document["comparisons"]


def many_differences() -> tuple[ZipSpec, ZipSpec]:
    """Two wheels that differ in many kinds, and in contents with long lines and odd names."""
    members = [
        ZipMember(name=f"demo/\u202e{n}.py".encode(), content=b"a\n" * 99, flags=0x800)
        for n in range(300)
    ]
    others = [
        replace(
            member,
            content=member.content + bytes([65 + number % 26]) * 9000,
            time=dos_time(2021, 3, 1 + number % 28),
            mode=0o100664,
            create_version=30,
            comment=b"\x1b[31mred",
        )
        for number, member in enumerate(members[:-20])
    ]
    return ZipSpec(members=tuple(members)), ZipSpec(members=tuple(others))


@pytest.mark.slow
def test_at_most_forty_lines_unless_verbose(folder: Path, samebytes: Command) -> None:
    one, two = many_differences()
    files = write(folder, "a", one), write(folder, "b", two)
    done = samebytes("diff", *files, env={"COLUMNS": "80"})
    assert len(done.stdout.splitlines()) <= LINES
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout
    whole = samebytes("diff", *files, "--verbose")
    for kind in ("zip-mtime", "zip-member-comment", "member-content"):
        assert len(re.findall(rf"^    {kind}  ", whole.stdout, re.MULTILINE)) == 280
    assert "\x1b" not in whole.stdout
    comparison = compare(*files)
    for lines in range(8, 60):
        assert len(text_report(comparison, lines=lines)) <= lines


def test_context_and_most_lines(folder: Path, samebytes: Command) -> None:
    content = b"".join(b"line %d\n" % number for number in range(100))
    one = TarSpec(members=(replace(FILE, content=content),))
    two = TarSpec(members=(replace(FILE, content=content.replace(b"line 5", b"other 5")),))
    files = write(folder, "a", one), write(folder, "b", two)
    views = []
    for options in ((), ("--context", "0"), ("--max-lines", "2")):
        done = samebytes("diff", *files, "--json", "-", *options)
        (view,) = json.loads(done.stdout)["comparisons"][0]["contents"]
        views.append(view)
    assert len(views[0]["lines"]) == (1 + 3) + 2 + (3 + 1 + 3) + 20 + (3 + 1)
    assert [line for line in views[1]["lines"] if line[0] == " "] == []
    assert (len(views[2]["lines"]), views[2]["omitted"]) == (2, len(views[0]["lines"]) - 2)


def test_colors_only_where_they_are_wanted(folder: Path, samebytes: Command) -> None:
    files = write(folder, "a", SDIST), write(folder, "b", OTHER)
    plain = samebytes("diff", *files)
    colored = samebytes("diff", *files, env={"FORCE_COLOR": "1"})
    neither = samebytes("diff", *files, env={"FORCE_COLOR": "1", "NO_COLOR": "1"})
    assert "\x1b[" not in plain.stdout
    assert "\x1b[1;31mdifferent" in colored.stdout
    assert "\x1b[1;31m" not in neither.stdout
    assert re.sub(r"\x1b\[[\d;]*m", "", colored.stdout) == plain.stdout


@pytest.mark.slow
def test_stopped_half_way_leaves_nothing(folder: Path) -> None:
    """The archive is large enough to be still read when the signal comes."""
    big = ZipMember(name=b"demo/big", content=bytes(400 * 1024**2), level=1)
    files = [write(folder, "a", ZipSpec(members=(big,)))]
    files.append(write(folder, "b", ZipSpec(members=(replace(big, time=dos_time(2022, 1, 1)),))))
    target = folder / "out" / "report.html"
    target.parent.mkdir()
    command = [sys.executable, "-m", "samebytes", "diff", *map(str, files), "--html", str(target)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    time.sleep(0.7)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 2, stderr
    assert "Interrupted" in stderr
    assert os.listdir(target.parent) == []


#: A process counts as its own what its parent had when it was started, so this one has little.
PEAK = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(status, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["large-1.0-py3-none-any.whl", "large-1.0.tar.gz"])
def test_memory_does_not_grow_with_the_contents(folder: Path, name: str) -> None:
    """Two artifacts of 1 GiB, which differ in one byte at the end, in less than 200 MB."""
    files = []
    for number, last in enumerate((b"x", b"y")):
        (folder / str(number)).mkdir()
        files.append(folder / str(number) / name)
        write_large(files[-1], last)
    command = [sys.executable, "-c", PEAK, sys.executable, "-m", "samebytes", "diff"]
    done = subprocess.run([*command, *map(str, files)], capture_output=True, text=True, timeout=90)
    status, peak = map(int, done.stdout.split())
    assert (status, done.stderr) == (1, "")
    assert peak < 190


def write_large(path: Path, last: bytes) -> None:
    step, steps = bytes(1024**2), 1023
    if path.suffix == ".whl":
        with (
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
            archive.open("large/data", "w", force_zip64=True) as member,
        ):
            for _ in range(steps):
                member.write(step)
            member.write(step[1:] + last)
        return
    info = tarfile.TarInfo("large-1.0/data")
    info.size = len(step) * (steps + 1)
    with gzip.open(path, "wb", 1) as file:
        file.write(info.tobuf())
        for _ in range(steps):
            file.write(step)
        file.write(step[1:] + last + bytes(1024))


def test_every_id_is_explained(samebytes: Command) -> None:
    known, labels = entries(), ["This happens if", "Common causes:", "Solution:"]
    ids, varied = {*KINDS, *(cause.id for cause in CAUSES)}, {*VARIATIONS, REPEAT.id}
    assert set(known) == ids | varied
    for identifier in ids:
        parts = re.findall(rf"^\*\*({'|'.join(labels)})\*\* ", known[identifier], re.MULTILINE)
        assert parts[:3] == labels, identifier
    for identifier in varied - {REPEAT.id}:
        parts = re.findall(r"^\*\*(\w+:)\*\* ", known[identifier], re.MULTILINE)
        assert [each for each in parts if each != "Needs:"][-3:] == [
            *("Changed:", "Breaks:", "Solution:")
        ], identifier
    mentioned = set(re.findall(r"`([a-z]+(?:-[a-z0-9]+)+)`", "".join(known.values())))
    assert {one for one in mentioned if one.split("-")[0] in ("gzip", "tar", "zip")} <= set(known)


def test_explain(samebytes: Command) -> None:
    done = samebytes("explain", "tar-mtime", env={"COLUMNS": "70"})
    assert done.status == 0
    assert "Solution:" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 70
    assert "setuptools-sdist-time" in samebytes("explain").stdout
    wrong = samebytes("explain", "tar-mtim")
    assert (wrong.status, "Do you mean tar-mtime" in wrong.stderr) == (2, True)
