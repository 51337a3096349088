"""``samebytes build`` on small projects: the contract of the command line."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import Command
from projects import (
    EPOCH,
    HATCHLING,
    SETUPTOOLS,
    commit,
    git,
    own_backend,
    repository,
    write,
)

SDIST, WHEEL, RECORD = (
    "small-1.0.tar.gz",
    "small-1.0-py3-none-any.whl",
    "small-1.0.buildinfo.json",
)


def times_and_owners(folder: Path) -> set[tuple[object, ...]]:
    found: set[tuple[object, ...]] = set()
    with tarfile.open(folder / SDIST) as archive:
        for member in archive:
            found.add((member.mtime, member.uid, member.gid, member.uname, member.gname))
    with zipfile.ZipFile(folder / WHEEL) as wheel:
        found |= {info.date_time for info in wheel.filelist}
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "writer"),
    [
        pytest.param(HATCHLING, "backend", id="hatchling"),
        pytest.param(SETUPTOOLS, "samebytes", id="setuptools", marks=pytest.mark.slow),
    ],
)
def test_two_clones_two_environments_same_bytes(
    folder: Path, samebytes: Command, files: Mapping[str, str], writer: str
) -> None:
    one = repository(folder / "one", files)
    (one / "src/small/data.txt").chmod(0o755)
    commit(one)
    git(folder, "clone", "--quiet", "one", "elsewhere")
    (folder / "home").mkdir()
    (folder / "home/.gitconfig").write_text(
        f"[core]\nautocrlf = true\n[safe]\ndirectory = {folder}/elsewhere/.git\n"
    )
    first = samebytes("build", one, "-o", folder / "a")
    second = samebytes(
        "build",
        "-o",
        folder / "b",
        cwd=folder / "elsewhere",
        umask=0o077,
        env={
            "HOME": str(folder / "home"),
            "LC_ALL": "C",
            "PYTHONHASHSEED": "7",
            "TZ": "Asia/Tokyo",
            "USER": "somebody",
        },
    )
    assert first.status == second.status == 0, first.stderr + second.stderr
    assert first.stdout == second.stdout
    assert set(first.digests) == {SDIST, WHEEL}
    for name in (SDIST, WHEEL, RECORD):
        assert (folder / "a" / name).read_bytes() == (folder / "b" / name).read_bytes()
    assert (
        subprocess.run(
            ["sha256sum", "--check", "--quiet"], cwd=folder / "a", input=first.stdout, text=True
        ).returncode
        == 0
    )
    moment = (2026, 11, 3, 12, 0, 0)  # zip counts in steps of two seconds
    assert times_and_owners(folder / "a") == {(EPOCH, 0, 0, "", ""), moment}
    record = json.loads((folder / "a" / RECORD).read_text())
    assert [artifact["writer"] for artifact in record["artifacts"]] == [writer, "backend"]
    assert record["recipe"]["source"]["commit"] == git(one, "rev-parse", "HEAD")
    assert record["recipe"]["route"] == "both"
    assert git(one, "status", "--porcelain", "--ignored") == ""


@pytest.mark.slow
def test_what_is_built_is_the_revision_never_the_tree(folder: Path, samebytes: Command) -> None:
    root = repository(folder / "project", HATCHLING)
    git(root, "tag", "--annotate", "--message", "x", "v1")
    clean = samebytes("build", root, "-o", folder / "a")
    (root / "src/small/__init__.py").write_text("VALUE = 'changed'\n")
    (root / "src/small/untracked.py").touch()
    dirty = samebytes("build", root, "-o", folder / "b")
    commit(root, date="2026-11-04T12:00:00Z")
    later = samebytes("build", root, "-o", folder / "c")
    tag = samebytes("build", root, "--rev", "v1", "-o", folder / "d")
    assert clean.stdout == dirty.stdout == tag.stdout != later.stdout
    assert "dirty" not in clean.stderr
    assert "2 files are modified or untracked, and not built" in dirty.stderr


@pytest.mark.slow
def test_sdist_only_wheel_only_and_routes(folder: Path, samebytes: Command) -> None:
    root = repository(folder / "project", own_backend())
    for options, names, route in (
        (["--sdist"], {SDIST}, None),
        (["--wheel"], {WHEEL}, "both"),
        (["--sdist", "--wheel"], {SDIST, WHEEL}, "both"),
        (["--wheel-from", "tree"], {SDIST, WHEEL}, "tree"),
        (["--wheel", "--wheel-from", "sdist"], {WHEEL}, "sdist"),
    ):
        out = folder / "-".join(options)
        done = samebytes("build", root, "-o", out, *options)
        assert done.status == 0, done.stderr
        assert set(os.listdir(out)) == {*names, RECORD}
        assert set(done.digests) == names
        assert json.loads((out / RECORD).read_text())["recipe"]["route"] == route


@pytest.mark.slow
def test_sdist_as_source_and_its_own_rebuild(folder: Path, samebytes: Command) -> None:
    root = repository(folder / "project", SETUPTOOLS)
    from_git = samebytes("build", root, "-o", folder / "a")
    from_sdist = samebytes("build", folder / "a" / SDIST, "-o", folder / "b")
    assert from_sdist.status == 0, from_sdist.stderr
    assert from_sdist.digests[WHEEL] == from_git.digests[WHEEL]
    assert f"{EPOCH} (2026-11-03 12:00:01 UTC), from the sdist's members" in from_sdist.stderr


@pytest.mark.slow
def test_time_of_day_is_not_made_to_look_reproducible(folder: Path, samebytes: Command) -> None:
    content = "def content(): return repr(time.time_ns())"
    root = repository(folder / "project", own_backend(content))
    done = samebytes("build", root, "-o", folder / "a")
    assert done.status == 1
    assert "The build gives other contents in an unpacked sdist than in the tree." in done.stdout
    assert re.search(r"^ +1  member-content .* small\.py$", done.stdout, re.MULTILINE)
    assert not (folder / "a").exists()
    one_route = [
        samebytes("build", root, "-o", folder / name, "--wheel-from", "tree").digests
        for name in ("b", "c")
    ]
    assert one_route[0][SDIST] == one_route[1][SDIST]
    assert one_route[0][WHEEL] != one_route[1][WHEEL]


def test_file_that_the_sdist_lacks(folder: Path, samebytes: Command) -> None:
    content = """
def content():
    return open("extra").read() if os.path.exists("extra") else ""
"""
    root = repository(folder / "project", own_backend(content) | {"extra": "x"})
    done = samebytes("build", root, "--json", "-", "-o", folder / "a")
    found = json.loads(done.stdout)
    assert (done.status, found["status"]) == (1, "finding")
    (explanation,) = found["disagreement"]["comparison"]["explanations"]
    assert [one["member"] for one in explanation["differences"]] == ["small.py"]
    assert found["buildinfo"]["recipe"]["route"] == "both"


@pytest.mark.slow
def test_version_from_history(folder: Path, samebytes: Command) -> None:
    """Tags and history are in the private clone; the wheel from the sdist agrees."""
    files = dict(SETUPTOOLS)
    files["pyproject.toml"] = (
        files["pyproject.toml"]
        .replace('["setuptools>=77"]', '["setuptools>=77", "setuptools-scm>=8"]')
        .replace('version = "1.0"', 'dynamic = ["version"]')
        + "[tool.setuptools_scm]\n"
    )
    root = repository(folder / "project", files)
    git(root, "tag", "v3.1")
    assert "small-3.1.tar.gz" in samebytes("build", root, "-o", folder / "a").digests
    commit(root)
    short = git(root, "rev-parse", "HEAD")
    (name, _) = samebytes("build", root, "-o", folder / "b").digests
    assert name.startswith("small-3.2.dev1+g")
    assert short.startswith(name.removesuffix(".tar.gz").rpartition("+g")[2])


@pytest.mark.slow
def test_submodules_project_in_a_folder_and_its_links(folder: Path, samebytes: Command) -> None:
    inner = repository(folder / "inner", {"inner.txt": "inner"})
    middle = repository(folder / "middle", {"middle.txt": "middle"})
    git(middle, "submodule", "add", "--quiet", "../inner", "below")
    commit(middle)
    files = {f"packages/one/{name}": text for name, text in HATCHLING.items()}
    root = repository(folder / "outer", files)
    git(root, "submodule", "add", "--quiet", str(middle), "packages/one/src/small/sub")
    git(root, "submodule", "update", "--quiet", "--init", "--recursive")
    commit(root)
    middle.rename(folder / "gone")  # the checkout has all that is needed
    inner.rename(folder / "gone too")
    done = samebytes("build", root / "packages/one", "-o", folder / "a")
    assert done.status == 0, done.stderr
    with zipfile.ZipFile(folder / "a" / WHEEL) as wheel:
        names = set(wheel.namelist())
    assert {"small/sub/middle.txt", "small/sub/below/inner.txt"} <= names
    record = json.loads((folder / "a" / RECORD).read_text())
    assert record["recipe"]["source"]["project"] == "packages/one"


@pytest.mark.slow
def test_git_configuration_and_size_of_the_repository_do_not_show(
    folder: Path, samebytes: Command
) -> None:
    """Neither attributes of the user, nor how many objects make a short hash longer."""
    content = """
import subprocess
def content():
    short = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True)
    return short.stdout + open("text", "rb").read()
"""
    root = repository(folder / "project", own_backend(content) | {"text": "a\nb\n"})
    (folder / "config/git").mkdir(parents=True)
    (folder / "config/git/attributes").write_text("* text eol=crlf\n")
    git(folder, "clone", "--quiet", "project", "other")
    git(folder / "other", "config", "core.abbrev", "20")
    results = [
        samebytes("build", path, "-o", folder / path.name, "--wheel-from", "tree", env=env)
        for path, env in (
            (root, {}),
            (folder / "other", {"XDG_CONFIG_HOME": str(folder / "config")}),
        )
    ]
    assert results[0].status == 0, results[0].stderr
    assert results[0].stdout == results[1].stdout
    with zipfile.ZipFile(folder / "project" / WHEEL) as wheel:
        short, text = wheel.read("small.py").split(b"\n", 1)
    assert (len(short), text) == (12, b"a\nb\n")


def test_files_that_need_a_filter_are_named(folder: Path, samebytes: Command) -> None:
    attributes = {".gitattributes": "*.bin filter=lfs diff=lfs -text\n", "a.bin": "pointer\n"}
    root = repository(folder / "project", own_backend() | attributes)
    done = samebytes("build", root, "-o", folder / "dist")
    assert "Filters (Git LFS, git-crypt) have not run; files that need one: 1." in done.stderr


def test_modification_times_do_not_show(folder: Path, samebytes: Command) -> None:
    content = "def content(): return str(os.stat('pyproject.toml').st_mtime)"
    root = repository(folder / "project", own_backend(content))
    done = samebytes("build", root, "-o", folder / "dist")
    assert done.status == 0, done.stdout
    with zipfile.ZipFile(folder / "dist" / WHEEL) as wheel:
        assert wheel.read("small.py") == f"{EPOCH}.0".encode()


@pytest.mark.slow
def test_toolchain_that_a_build_wrote_into_is_not_used_again(
    folder: Path, samebytes: Command
) -> None:
    content = """
import sysconfig
def content():
    poison = os.path.join(sysconfig.get_paths()["purelib"], "poison.pth")
    found = os.path.exists(poison)
    open(poison, "w").close()
    return str(found)
"""
    root = repository(folder / "project", own_backend(content))
    cache = {"SAMEBYTES_CACHE": str(folder / "cache")}
    options = ["--wheel", "--wheel-from", "tree"]
    results = [
        samebytes("build", root, "-o", folder / name, *options, env=cache).digests
        for name in ("a", "b")
    ]
    assert results[0] == results[1] != {}


@pytest.mark.parametrize("kind", ["pipe", "link"])
def test_json_goes_where_it_is_sent(folder: Path, samebytes: Command, kind: str) -> None:
    root = repository(folder / "project", own_backend())
    target = folder / "target"
    if kind == "link":
        target.symlink_to(folder / "real")
        samebytes("build", root, "-o", folder / "dist", "--json", target)
        text = (folder / "real").read_text()
    else:
        os.mkfifo(target)
        command = [sys.executable, "-m", "samebytes", "build", str(root), "--json", str(target)]
        environ = samebytes.environ
        with subprocess.Popen([*command, "-o", str(folder / "dist")], env=environ) as child:
            text = target.read_text()
            assert child.wait(60) == 0
    assert json.loads(text)["status"] == "built"
    assert target.is_symlink() or target.is_fifo()


@pytest.mark.slow
def test_record_of_another_place_is_a_warning(folder: Path, samebytes: Command) -> None:
    root = repository(folder / "project", own_backend())
    samebytes("build", root, "-o", folder / "a")
    record = folder / "a" / RECORD
    done = samebytes(
        "build", root, "-o", folder / "b", "--buildinfo", record, "--workspace", folder
    )
    assert done.status == 0
    assert "The record was made with workspace " in done.stderr


@pytest.mark.slow
def test_repeat_by_record(folder: Path, samebytes: Command) -> None:
    root = repository(folder / "project", SETUPTOOLS)
    first = samebytes("build", root, "-o", folder / "a", "-C", "--global-option=--quiet")
    commit(root, date="2026-11-05T00:00:00Z")
    record = folder / "a" / RECORD
    again = samebytes("build", root, "-o", folder / "b", "--buildinfo", record)
    assert (again.status, again.stdout) == (0, first.stdout), again.stderr
    assert (folder / "b" / RECORD).read_bytes() == record.read_bytes()

    document = json.loads(record.read_text())
    document["artifacts"][1]["sha256"] = "0" * 64
    (folder / "lie.json").write_text(json.dumps(document))
    lie = samebytes("build", root, "-o", folder / "c", "--buildinfo", folder / "lie.json")
    assert lie.status == 1
    assert f"recorded {'0' * 64}" in lie.stdout
    assert not (folder / "c").exists()

    document["recipe"]["requirements"][0]["sha256"] = ["0" * 64]
    (folder / "hash.json").write_text(json.dumps(document))
    wrong = samebytes("build", root, "-o", folder / "c", "--buildinfo", folder / "hash.json")
    assert wrong.status == 2
    assert "does not have the hash that it was pinned with" in wrong.stderr

    other = samebytes("build", folder / "a" / SDIST, "--buildinfo", record, "-o", folder / "c")
    assert other.status == 2
    assert "The record is of another source" in other.stderr


def test_epoch_from_the_environment_wins_with_a_warning(folder: Path, samebytes: Command) -> None:
    root = repository(folder / "project", own_backend())
    done = samebytes("build", root, "-o", folder / "a", env={"SOURCE_DATE_EPOCH": "86400"})
    assert done.status == 0, done.stderr
    assert "SOURCE_DATE_EPOCH is set, so 86400 is used" in done.stderr
    assert "before 1980" in done.stderr
    assert times_and_owners(folder / "a") == {(86400, 0, 0, "", ""), (1980, 1, 1, 0, 0, 0)}


@pytest.mark.slow
def test_python_versions_give_the_same_bytes(
    folder: Path, samebytes: Command, pythons: list[str]
) -> None:
    root = repository(folder / "project", SETUPTOOLS)
    digests = []
    for version in pythons:
        done = samebytes("build", root, "-o", folder / version, "--python", version)
        assert done.status == 0, done.stderr
        assert f"CPython {version}." in done.stderr
        digests.append(done.stdout)
    assert len(set(digests)) == 1


@pytest.mark.slow
def test_offline_uses_what_was_fetched_before(folder: Path, samebytes: Command) -> None:
    root = repository(folder / "project", HATCHLING)
    caches = {"SAMEBYTES_CACHE": str(folder / "cache"), "UV_CACHE_DIR": str(folder / "uv")}
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0"}
    before = samebytes("build", root, "-o", folder / "a", "--offline", env=caches)
    assert (before.status, before.stdout) == (2, "")
    assert "Run it once without --offline." in before.stderr
    assert not (folder / "a").exists()
    online = samebytes("build", root, "-o", folder / "a", env=caches)
    offline = samebytes("build", root, "-o", folder / "b", "--offline", env=caches)
    assert (offline.status, offline.stdout) == (0, online.stdout), offline.stderr
    sick = samebytes("build", root, "-o", folder / "c", env=caches | nowhere)
    assert sick.status == 2
    assert "index cannot be reached" in sick.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(folder: Path, samebytes: Command, number: signal.Signals) -> None:
    content = """
def content():
    time.sleep(60)
"""
    root = repository(folder / "project", own_backend(content))
    base = folder / "base"
    base.mkdir()
    child = subprocess.Popen(
        [sys.executable, "-m", "samebytes", "build", str(root), "-o", str(folder / "dist")],
        env=samebytes.environ | {"SAMEBYTES_WORKSPACE": str(base)},
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while not list(base.glob("samebytes-*/wheel/out/*.whl")) and time.monotonic() < deadline:
        time.sleep(0.05)
    child.send_signal(number)
    _, stderr = child.communicate(timeout=10)
    assert child.returncode == 2
    assert "Interrupted." in stderr
    assert not list(base.iterdir())
    assert sorted(os.listdir(folder)) == ["base", "project"]


@pytest.mark.slow
def test_killed_build_does_not_stand_in_the_way_of_the_next(
    folder: Path, samebytes: Command
) -> None:
    root = repository(folder / "project", own_backend("def content(): time.sleep(1)"))
    base = {"SAMEBYTES_WORKSPACE": str(folder)}
    for moment in (0.3, 0.6, 0.9):
        child = subprocess.Popen(
            [sys.executable, "-m", "samebytes", "build", "-o", folder / "dist", root],
            env=samebytes.environ | base,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(moment)
        child.kill()
        child.wait()
        assert not (folder / "dist").exists()
    write(root, own_backend())
    commit(root)
    assert samebytes("build", root, "-o", folder / "dist", env=base).status == 0


@pytest.mark.slow
def test_two_at_once(folder: Path, samebytes: Command) -> None:
    root = repository(folder / "project", own_backend("def content(): time.sleep(0.3); return 'x'"))
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "samebytes", "build", "-q", "-o", folder / name, root],
            env=samebytes.environ,
            stdout=subprocess.PIPE,
        )
        for name in ("a", "b")
    ]
    outputs = {child.communicate(timeout=60)[0] for child in children}
    assert len(outputs) == 1
    assert {child.returncode for child in children} == {0}


def test_quiet_prints_digests_only(folder: Path, samebytes: Command) -> None:
    root = repository(folder / "project", own_backend())
    done = samebytes("build", root, "-q", "-o", folder / "a")
    assert (done.status, done.stderr, len(done.stdout.splitlines())) == (0, "", 2)


def test_verbose_shows_what_the_backend_prints(folder: Path, samebytes: Command) -> None:
    root = repository(folder / "project", own_backend("def content(): print('hello'); return ''"))
    done = samebytes("build", root, "-v", "-o", folder / "a")
    assert done.stderr.count("hello") == 2


def test_config_settings_reach_the_backend(folder: Path, samebytes: Command) -> None:
    files = own_backend()
    files["backend.py"] = files["backend.py"].replace(", content())", ", repr(settings))")
    root = repository(folder / "project", files)
    options = ["-C", "one=1", "--config-setting", "two=1", "-C", "two=2", "-C", "flag"]
    assert samebytes("build", root, "-o", folder / "a", *options).status == 0
    with zipfile.ZipFile(folder / "a" / WHEEL) as wheel:
        assert wheel.read("small.py") == b"{'one': '1', 'two': ['1', '2'], 'flag': ''}"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(samebytes: Command, shell: str) -> None:
    done = samebytes("completion", shell)
    assert done.status == 0
    assert "_SAMEBYTES_COMPLETE" in done.stdout


def test_words_are_completed(samebytes: Command) -> None:
    words = {
        "COMP_WORDS": "samebytes bu",
        "COMP_CWORD": "1",
        "_SAMEBYTES_COMPLETE": "bash_complete",
    }
    assert "build" in samebytes(env=words).stdout
