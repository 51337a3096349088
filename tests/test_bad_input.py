"""Whatever is wrong: one sentence that says what, one that says what to do, exit 2."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Command, Result
from projects import HATCHLING, OWN_PYPROJECT, commit, git, own_backend, repository

Arguments = list[str | Path]


def empty_folder(folder: Path) -> Arguments:
    (folder / "empty").mkdir()
    return [folder / "empty"]


def no_commit(folder: Path) -> Arguments:
    (folder / "empty").mkdir()
    git(folder / "empty", "init", "--quiet")
    return [folder / "empty"]


def no_such_revision(folder: Path) -> Arguments:
    return [repository(folder / "project", own_backend()), "--rev", "v9"]


def revision_like_an_option(folder: Path) -> Arguments:
    return [repository(folder / "project", own_backend()), "--rev=--all"]


def shallow_without_revision(folder: Path) -> Arguments:
    old = git(repository(folder / "project", own_backend()), "rev-parse", "HEAD")
    commit(folder / "project")
    git(folder, "clone", "--quiet", "--depth=1", f"file://{folder}/project", "shallow")
    return [folder / "shallow", "--rev", old]


def submodule_from_elsewhere_on_this_machine(folder: Path) -> Arguments:
    secret = repository(folder / "secret", {"secret.txt": "x"})
    root = repository(folder / "project", own_backend())
    git(root, "submodule", "add", "--quiet", str(secret), "inside")
    commit(root)
    git(folder, "clone", "--quiet", "project", "clone")
    return [folder / "clone"]


def nothing_to_build(folder: Path) -> Arguments:
    return [repository(folder / "project", {"README": ""})]


def backend_that_fails(folder: Path) -> Arguments:
    return [repository(folder / "project", own_backend("def content(): raise KeyError('sesame')"))]


def backend_that_is_missing(folder: Path) -> Arguments:
    return [repository(folder / "project", {"pyproject.toml": OWN_PYPROJECT})]


def backend_without_hook(folder: Path) -> Arguments:
    files = own_backend()
    files["backend.py"] = files["backend.py"].replace("def build_sdist", "def build_something")
    return [repository(folder / "project", files)]


def backend_that_names_another_file(folder: Path) -> Arguments:
    files = own_backend()
    files["backend.py"] = files["backend.py"].replace(
        'return f"{NAME}-{VERSION}.tar.gz"', 'return "/etc/passwd"'
    )
    return [repository(folder / "project", files)]


def backend_whose_sdist_is_none(folder: Path) -> Arguments:
    files = own_backend()
    files["backend.py"] = files["backend.py"].replace("{NAME}-{VERSION}/PKG", "../../evil/PKG")
    return [repository(folder / "project", files)]


def answering(folder: Path, old: str, new: str) -> Arguments:
    files = own_backend()
    assert old in files["backend.py"]
    files["backend.py"] = files["backend.py"].replace(old, new)
    return [repository(folder / "project", files)]


def backend_that_answers_nothing(folder: Path) -> Arguments:
    return answering(folder, "    return name\n", "    return None\n")


def backend_whose_wheel_is_no_zip(folder: Path) -> Arguments:
    end = "    open(os.path.join(folder, name), 'w').write('x')\n    return name\n"
    return answering(folder, "    return name\n", end)


def backend_whose_wheel_is_damaged(folder: Path) -> Arguments:
    end = """
    path = os.path.join(folder, name)
    data = open(path, "rb").read().replace(b"same", b"sane")
    open(path, "wb").write(data)
    return name
"""
    return answering(folder, "    return name\n", end)


def backend_that_names_a_line(folder: Path) -> Arguments:
    return answering(folder, 'return f"{NAME}-{VERSION}.tar.gz"', 'return "a\\nb-1.0.tar.gz"')


def backend_that_requires_a_number(folder: Path) -> Arguments:
    return answering(folder, "return []", "return [1]")


def backend_that_sleeps(folder: Path) -> Arguments:
    root = repository(folder / "project", own_backend("def content(): time.sleep(60)"))
    return [root, "--timeout", "0.5"]


def pyproject_that_is_no_toml(folder: Path) -> Arguments:
    return [repository(folder / "project", {"pyproject.toml": "[build-system"})]


def pyproject_without_requires(folder: Path) -> Arguments:
    return [repository(folder / "project", {"pyproject.toml": "[build-system]\n"})]


def requiring(folder: Path, requirement: str) -> Path:
    text = OWN_PYPROJECT.replace("requires = []", f"requires = [{requirement!r}]")
    return repository(folder / "project", own_backend() | {"pyproject.toml": text})


def requirement_that_is_malformed(folder: Path) -> Arguments:
    return [requiring(folder, "a b c")]


def requirement_that_is_a_file(folder: Path) -> Arguments:
    return [requiring(folder, "a @ https://127.0.0.1:9/a-1-py3-none-any.whl")]


def requirement_that_did_not_exist_yet(folder: Path) -> Arguments:
    return [requiring(folder, "hatchling"), "--as-of", "2015-01-01"]


def requirement_that_never_existed(folder: Path) -> Arguments:
    return [requiring(folder, "hatchling>=99999"), "--as-of", "now"]


def wheel_as_source(folder: Path) -> Arguments:
    (folder / "a-1-py3-none-any.whl").touch()
    return [folder / "a-1-py3-none-any.whl"]


def damaged_sdist(folder: Path) -> Arguments:
    (folder / "a-1.tar.gz").write_bytes(b"\x1f\x8b\x08nothing")
    return [folder / "a-1.tar.gz"]


def read_only_output(folder: Path) -> Arguments:
    (folder / "file").touch()
    return [repository(folder / "project", own_backend()), "-o", folder / "file" / "dist"]


def just(*arguments: str) -> Callable[[Path], Arguments]:
    return lambda folder: list(arguments)


def in_project(*arguments: str) -> Callable[[Path], Arguments]:
    return lambda folder: [repository(folder / "project", own_backend()), *arguments]


CASES: dict[str, tuple[Callable[[Path], Arguments], str, str]] = {
    # name: (what to run, part of what it says, part of what it says to do)
    "no repository": (empty_folder, "is not in a git checkout", "pypi:NAME==VERSION"),
    "no such path": (just("/no/such"), "There is no file or folder", "pypi:NAME==VERSION"),
    "release without pypi": (just("django==5.2.19"), "There is no file", "pypi:django==5.2.19"),
    "no version": (just("pypi:django"), "does not name one release", "pypi:django==5.2.19"),
    "range": (just("pypi:django>=5"), "does not name one release", "Name and version"),
    "wildcard": (just("pypi:django==5.*"), "does not name one release", "Name and version"),
    "wheel": (wheel_as_source, "is not an sdist", "A wheel is what is built"),
    "damaged sdist": (damaged_sdist, "cannot be read as an archive", "Get it again"),
    "no commit": (no_commit, "no revision 'HEAD'", "commit first"),
    "unknown revision": (no_such_revision, "no revision 'v9'", "git fetch --tags"),
    "option as revision": (revision_like_an_option, "no revision '--all'", "git fetch --tags"),
    "shallow": (shallow_without_revision, "There is no revision", "git fetch --unshallow"),
    "foreign submodule": (
        submodule_from_elsewhere_on_this_machine,
        "could not make a private clone",
        "transport 'file' not allowed",
    ),
    "no project": (nothing_to_build, "no pyproject.toml and no setup.py", "folder of the project"),
    "failing backend": (backend_that_fails, "failed to build the wheel", "KeyError: 'sesame'"),
    "missing backend": (backend_that_is_missing, "build backend", "build-system.build-backend"),
    "missing hook": (backend_without_hook, "failed to build the sdist", "last lines"),
    "bogus file": (backend_that_names_another_file, "says that 'passwd' is", "Report it"),
    "evil sdist": (backend_whose_sdist_is_none, "outside of its folder", "Do not unpack"),
    "no answer": (backend_that_answers_nothing, "PEP 517 does not allow", "Report it"),
    "no zip": (backend_whose_wheel_is_no_zip, "cannot be read as an archive", "Get it again"),
    "damaged wheel": (
        backend_whose_wheel_is_damaged,
        "'small.py' does not have its checksum",
        "Get it",
    ),
    "two lines": (backend_that_names_a_line, "letters that no artifact's name has", "Report it"),
    "a number": (backend_that_requires_a_number, "PEP 517 does not allow", "Report it"),
    "sleeping backend": (backend_that_sleeps, "still running after 0.5 seconds", "--timeout"),
    "no toml": (pyproject_that_is_no_toml, "cannot be built", "Correct its pyproject.toml"),
    "no requires": (pyproject_without_requires, "`requires`", "Correct its pyproject.toml"),
    "malformed": (requirement_that_is_malformed, "is malformed", "Correct build-system.requires"),
    "file": (requirement_that_is_a_file, "names a file instead of a release", "NAME==VERSION"),
    "too early": (requirement_that_did_not_exist_yet, "no solution as of 2015", "--as-of now"),
    "never": (requirement_that_never_existed, "no solution as of", "--as-of DATE"),
    "output is a file": (read_only_output, "is not a folder", "-o DIR"),
    "no such python": (in_project("--python", "3.99"), "no Python 3.99", "uv python install"),
    "empty revision": (in_project("--rev", ""), "no revision ''", "git fetch --tags"),
    "year 1": (in_project("--as-of", "0001-01-01T00:00:00+05:00"), "not a date", "2026-11-03"),
    "bad date": (in_project("--as-of", "tomorrow"), "not a date", "--as-of 2026-11-03"),
    "bad record": (in_project("--buildinfo", __file__), "not a JSON document", ""),
    "unwritable json": (in_project("--json", "/no/such/x"), "cannot be written", "--json"),
    "revision of an sdist": (
        lambda folder: [*damaged_sdist(folder), "--rev", "v1"],
        "is not a git checkout",
        "Leave --rev out",
    ),
    "bad option": (in_project("--wheel-from", "air"), "Invalid value", "tree"),
    "unknown option": (in_project("--frobnicate"), "No such option", "--help"),
}


@pytest.mark.parametrize("name", CASES)
def test_message_and_nothing_left(
    folder: Path, samebytes: Command, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    prepare, what, hint = CASES[name]
    base = folder / "base"
    base.mkdir()
    arguments = prepare(folder)
    before = sorted(os.listdir(folder))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SAMEBYTES_WORKSPACE", str(base))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    done = samebytes.here("build", *arguments)
    assert_failed(done, what, hint)
    assert not list(base.iterdir())
    assert sorted(os.listdir(folder)) == before


def assert_failed(done: Result, what: str, hint: str) -> None:
    assert done.status == 2, done
    assert done.stdout == ""
    assert what in done.stderr
    assert hint in done.stderr
    assert "Unexpected" not in done.stderr


@pytest.mark.parametrize("text", ["yesterday", "-1", "9" * 25])
def test_epoch_that_is_no_time(folder: Path, samebytes: Command, text: str) -> None:
    root = repository(folder / "project", own_backend())
    done = samebytes("build", root, env={"SOURCE_DATE_EPOCH": text}, cwd=folder)
    assert_failed(done, "SOURCE_DATE_EPOCH" if len(text) < 20 else text, "Unset SOURCE_DATE_EPOCH")


def test_full_disk_while_publishing(folder: Path, samebytes: Command) -> None:
    """A file size limit gives the same kind of error as a disk without room."""
    root = repository(folder / "project", own_backend("def content(): return 'x' * 100_000"))
    done = samebytes("build", root, "-o", folder / "full" / "dist")
    assert done.status == 0
    limited = subprocess.run(
        [sys.executable, "-c", LIMITED, "build", root, "-o", folder / "other" / "dist"],
        env=samebytes.environ,
        capture_output=True,
        text=True,
    )
    assert limited.returncode == 2, limited.stderr
    assert "error:" in limited.stderr
    assert "Unexpected" not in limited.stderr
    assert not (folder / "other").exists()


LIMITED = """
import resource, signal, sys
from samebytes.cli.main import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
main(sys.argv[1:])
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_output_folder_of_another_user(folder: Path) -> None:
    """Root may write everywhere, so this runs as nobody."""
    root = repository(folder / "project", own_backend())
    folder.chmod(0o755)
    for path in (root, *root.rglob("*")):
        os.chown(path, 65534, 65534)
    sealed = folder / "sealed"
    sealed.mkdir(mode=0o755)
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, "build", root, "-o", sealed / "dist"],
        env=os.environ | {"HOME": str(folder), "SAMEBYTES_CACHE": str(folder)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert f"{sealed} cannot be written to" in done.stderr


#: What is imported late is imported before, as nobody may not be able to read it.
AS_NOBODY = """
import os, sys
import samebytes.cli.build
from samebytes.cli.console import Terminal
from samebytes.cli.main import main
Terminal().warn("warm")
os.setgroups([]); os.setgid(65534); os.setuid(65534)
main(sys.argv[1:])
"""


def test_json_says_what_went_wrong(folder: Path, samebytes: Command) -> None:
    done = samebytes("build", "pypi:django", "--json", "-")
    document = json.loads(done.stdout)
    assert (done.status, document["status"]) == (2, "failed")
    assert "does not name one release" in document["error"]["message"]
    assert document["buildinfo"] is None


def test_stdout_that_nobody_reads(folder: Path, samebytes: Command) -> None:
    root = repository(folder / "project", own_backend())
    command = [sys.executable, "-m", "samebytes", "build", str(root), "-q", "-o", str(folder)]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, env=samebytes.environ, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert b"Traceback" not in done.stderr
    assert done.returncode == 2


def test_git_that_is_missing(folder: Path, samebytes: Command) -> None:
    root = repository(folder / "project", HATCHLING)
    done = samebytes("build", root, "-o", folder / "dist", env={"PATH": str(folder)})
    assert_failed(done, "git is not installed", "")
