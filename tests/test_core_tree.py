"""The epoch of trees of every kind, and what is said of those that are not their commit."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from projects import EPOCH, git, repository, write
from samebytes_core.epoch import Epoch, Origin
from samebytes_core.errors import CoreError, UnknownEpochError
from samebytes_core.tree import (
    RECORD,
    check_leftovers,
    epoch_of,
    examine,
    is_sdist,
    refuse_other_record,
)

FILES = {"pyproject.toml": "", "src/x.py": "", "build/tracked.py": ""}
SDIST = {"pyproject.toml": "", "PKG-INFO": "Name: x\n", "src/x.egg-info/PKG-INFO": "Name: x\n"}
OTHER = "2020-01-02T03:04:05Z"


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)


def sdist(root: Path, times: dict[str, int], record: str | None = None) -> Path:
    """An unpacked one; ``times`` are those of its files, and of all that are not named."""
    write(root, SDIST if record is None else {**SDIST, "SOURCE_DATE_EPOCH": record})
    for path in root.rglob("*"):
        time = times.get(path.relative_to(root).as_posix(), times[""])
        os.utime(path, (time, time))
    return root


def subfolder(folder: Path) -> Path:
    return repository(folder, {f"core/{name}": text for name, text in FILES.items()}) / "core"


def worktree(folder: Path) -> Path:
    git(repository(folder / "main", FILES), "worktree", "add", "--quiet", "-b", "x", "../x")
    return folder / "x"


def shallow(folder: Path) -> Path:
    root = repository(folder / "main", FILES, date=OTHER)
    write(root, {"src/x.py": "new"})
    git(root, "commit", "--quiet", "--all", "--message", "second")
    git(folder, "clone", "--quiet", "--depth", "1", root.as_uri(), "x")
    return folder / "x"


def vendored_sdist(folder: Path) -> Path:
    """In a checkout of something else, which even tracks it."""
    return sdist(repository(folder, {}, date=OTHER) / "vendor/x", {"": EPOCH})


#: Each kind of tree, and where its epoch, which is always the same, is read.
TREES: dict[str, tuple[Callable[[Path], Path], Origin]] = {
    "a checkout": (lambda folder: repository(folder, FILES), Origin.COMMIT),
    "a folder of a checkout": (subfolder, Origin.COMMIT),
    "a worktree": (worktree, Origin.COMMIT),
    "a shallow clone": (shallow, Origin.COMMIT),
    "a checkout with PKG-INFO": (lambda folder: repository(folder, SDIST), Origin.COMMIT),
    "a folder with PKG-INFO": (
        lambda folder: (
            repository(folder, {f"x/{name}": text for name, text in SDIST.items()}) / "x"
        ),
        Origin.COMMIT,
    ),
    "an sdist of ours": (
        lambda folder: sdist(folder, {"": EPOCH + 5}, f"{EPOCH}\n"),
        Origin.RECORD,
    ),
    "an sdist with an empty record": (
        lambda folder: sdist(folder, {"": EPOCH}, "\n"),
        Origin.MEMBERS,
    ),
    "an sdist of hatchling": (lambda folder: sdist(folder, {"": EPOCH}), Origin.MEMBERS),
    "an sdist of setuptools": (
        lambda folder: sdist(folder, {"": 5, "PKG-INFO": EPOCH}),
        Origin.PKG_INFO,
    ),
    "an sdist in a checkout": (vendored_sdist, Origin.MEMBERS),
}


@pytest.mark.parametrize("kind", TREES)
def test_the_epoch(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, origin = TREES[kind]
    tree = make(tmp_path)
    assert epoch_of(tree, {}) == Epoch(EPOCH, origin)
    assert epoch_of(tree, {"SOURCE_DATE_EPOCH": "77"}).seconds == 77
    assert is_sdist(tree) == (origin != Origin.COMMIT)
    # As in a hook of git.
    monkeypatch.setenv("GIT_DIR", str(repository(tmp_path / "other", {}, date=OTHER) / ".git"))
    assert epoch_of(tree, {}).seconds == EPOCH


def export(folder: Path) -> Path:
    return write(folder, FILES)


def untracked(folder: Path) -> Path:
    return write(repository(folder, {".gitignore": "x\n"}) / "x", FILES)


def before_the_first_commit(folder: Path) -> Path:
    git(folder, "init", "--quiet")
    return write(folder, FILES)


def sdist_without_times(folder: Path) -> Path:
    """As uv unpacks what was built without the wrapper."""
    return write(folder, SDIST)


@pytest.mark.parametrize("make", [export, untracked, before_the_first_commit, sdist_without_times])
def test_trees_without_an_epoch(
    tmp_path: Path, make: Callable[[Path], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    tree = make(tmp_path)
    assert examine(tree, "warn") is None
    said = capsys.readouterr().err
    assert said.startswith("samebytes-core: warning: what is built is not reproducible: ")
    assert said.endswith("Set SOURCE_DATE_EPOCH, in seconds since 1970.\n")
    if is_sdist(tree):
        assert examine(tree, "error") is None
    else:
        with pytest.raises(UnknownEpochError):
            examine(tree, "error")


def test_where_there_is_no_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = repository(tmp_path, FILES)
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    with pytest.raises(UnknownEpochError):
        epoch_of(tree, {})
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "77")
    with pytest.raises(CoreError, match="git cannot say whether the tree is its commit"):
        examine(tree, "error")
    found = examine(tree, "warn")
    assert found is not None
    assert found.seconds == 77
    assert "git cannot be run" in capsys.readouterr().err


def test_what_git_refuses_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = repository(tmp_path, FILES)
    (tree / ".git/config").write_text("[core]\nrepositoryformatversion = 77\n")
    assert examine(tree, "warn") is None
    assert "Expected git repo version <= 1, found 77" in capsys.readouterr().err
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "77")
    with pytest.raises(CoreError, match="git cannot say whether the tree is its commit"):
        examine(tree, "error")


def test_what_only_this_user_ignores_is_in_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = repository(tmp_path / "x", {**FILES, ".gitignore": "*.log\n", "src/.gitignore": "t/\n"})
    write(tree, {"a.log": "", "src/t/b": "", ".git/info/exclude": "src/evil.py\n"})
    write(tmp_path, {"mine": "*.evil\n"})
    git(tree, "config", "core.excludesFile", str(tmp_path / "mine"))
    git(tree, "config", "status.showUntrackedFiles", "no")
    assert examine(tree, "error") is not None
    for name in ("src/evil.py", "src/a.evil"):
        write(tree, {name: ""})
        with pytest.raises(CoreError, match=name):
            examine(tree, "error")
        (tree / name).unlink()


def test_what_setuptools_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_leftovers(tmp_path, "error")
    (tmp_path / "build/lib.linux").mkdir(parents=True)
    check_leftovers(tmp_path, "warn")
    assert "remove build/" in capsys.readouterr().err
    with pytest.raises(CoreError, match="remove build/"):
        check_leftovers(tmp_path, "error")


def test_a_file_of_the_records_name(tmp_path: Path) -> None:
    refuse_other_record(sdist(tmp_path, {"": 5}, "77\n"))
    write(tmp_path, {RECORD: "use date(1)"})
    with pytest.raises(CoreError, match="the project has another"):
        refuse_other_record(tmp_path)


@pytest.mark.parametrize("told", ["now", "-1", "1.5", "9" * 30, str(2**40)])
def test_what_is_no_time(tmp_path: Path, told: str) -> None:
    with pytest.raises(CoreError, match="the time of the build is not known"):
        epoch_of(tmp_path, {"SOURCE_DATE_EPOCH": told})
    with pytest.raises(CoreError, match="the time of the build is not known"):
        epoch_of(sdist(tmp_path, {"": 5}, told), {})


#: What is done in a checkout, and what of it is not in the commit.
CHANGES = {
    "nothing": ({}, ""),
    "what builds leave": (
        dict.fromkeys(
            (
                "build/lib/x.py",
                "dist/x.whl",
                ".pdm-build/x",
                "src/x.egg-info/PKG-INFO",
                "src/__pycache__/x.pyc",
            ),
            "",
        ),
        "",
    ),
    "ignored": ({"x.log": ""}, ""),
    "modified": ({"src/x.py": "new"}, "src/x.py"),
    "modified in a folder of builds": ({"build/tracked.py": "new"}, "build/tracked.py"),
    "new": ({"src/new.py": ""}, "src/new.py"),
    "new in a package of that name": ({"src/build/new.py": ""}, "src/build/"),
    "many": (
        {f"{name}.py": "" for name in "abcde"},
        "a.py, b.py, c.py and 2 more",
    ),
    "odd": ({"ä ö\n.py": ""}, "ä ö\n.py"),
}


@pytest.mark.parametrize("prefix", ["", "a b/"])
def test_what_is_not_committed(
    tmp_path: Path, prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {**FILES, ".gitignore": "*.log\n"}
    tree = repository(tmp_path, {prefix + name: text for name, text in files.items()}) / prefix
    git(tree, "config", "status.showUntrackedFiles", "no")
    git(tree, "config", "log.showSignature", "true")
    for change, shown in CHANGES.values():
        write(tree, change)
        message = f"the tree is not its commit, and what is built not reproducible: {shown}"
        found = examine(tree, "warn")
        assert found is not None
        assert found.seconds == EPOCH
        assert capsys.readouterr().err == (f"samebytes-core: warning: {message}\n" if shown else "")
        examine(tree, "ignore")
        assert capsys.readouterr().err == ""
        if shown:
            with pytest.raises(CoreError) as refused:
                examine(tree, "error")
            assert str(refused.value).startswith(f"{message}. Commit ")
        git(tree, "checkout", "--quiet", ".")
        git(tree, "clean", "--quiet", "-dfx")


def test_of_an_sdist_nothing_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree = vendored_sdist(tmp_path)
    assert examine(tree, "error") == examine(tree, "warn")
    assert capsys.readouterr().err == ""
