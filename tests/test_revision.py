"""Which revision, and which folder, of a repository a release is taken to be of."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version
from projects import commit, git, repository

from samebytes.errors import UserError
from samebytes.git import Git
from samebytes.process import Runner
from samebytes.verify.revision import find_revision, project_name

NAME, VERSION = canonicalize_name("small"), Version("1.0")
GIT = Git(Runner(), os.environ)
CFG = "[metadata]\nname = small\n"


@pytest.mark.parametrize(
    ("path", "text", "name"),
    [
        ("setup.py", "setup(\n    name='Small',\n)", "small"),
        ("setup.py", "setup(\n    name=NAME,\n)", None),
        ("setup.py", "name = 'small' ", "small"),
        ("setup.cfg", CFG, "small"),
        ("a/pyproject.toml", "[project]\nname = 'Small'", "small"),
        ("a/pyproject.toml", "[tool.poetry]\nname = 'Small'", "small"),
        ("a/pyproject.toml", "[tool]\npoetry = 1", None),
        ("a/pyproject.toml", "[project", None),
        ("a/pyproject.toml", "tool = 1\nproject = 2", None),
    ],
)
def test_names(path: str, text: str, name: str | None) -> None:
    assert project_name(path, text) == name


COMPUTED = "setup(\n    name=NAME,\n)"


@pytest.mark.parametrize(
    ("top", "folder"),
    [
        ({}, "examples/b"),
        ({"setup.py": COMPUTED}, "."),
        ({"setup.py": COMPUTED, "setup.cfg": "[metadata]\nname = other\n"}, "examples/b"),
        ({"setup.py": COMPUTED, "setup.cfg": "[flake8]\n"}, "."),
        ({"setup.cfg": "[flake8]\n"}, "examples/b"),
        ({"pyproject.toml": "[tool.black]\n"}, "examples/b"),
        ({"pyproject.toml": "[build-system]\nrequires = []\n"}, "."),
        ({"pyproject.toml": "[project]\ndynamic = ['name']\n"}, "."),
        ({"pyproject.toml": "[project]\nname = 'all'\n"}, "examples/b"),
        ({"pyproject.toml": "[project]\nname = 'small'\n"}, "."),
    ],
)
def test_folders(tmp_path: Path, top: Mapping[str, str], folder: str) -> None:
    root = repository(tmp_path / "project", {**top, "examples/b/setup.cfg": CFG})
    source, decisions = find_revision(root, "HEAD", NAME, VERSION, GIT)
    assert str(source.checkout.project) == folder
    assert [each.value for each in decisions] == ["HEAD", folder][: 1 + (folder != ".")]


def test_tags(tmp_path: Path) -> None:
    root = repository(tmp_path / "project", {"setup.cfg": CFG})
    tagged = git(root, "rev-parse", "HEAD").strip()
    names = ["a\u2028v1.0", "a\x85v1.0", "other/v1.0", "v1.0", "\u2028"]
    for name in names:
        git(root, "tag", name)
    git(root, "update-ref", "refs/tags/--output=1.0", "HEAD")
    (root / "more").write_text("")
    later = commit(root)
    git(root, "branch", "v1.0")
    git(root, "branch", "refs/tags/v1.0")
    git(root, "update-ref", "refs/heads/-1.0", "HEAD")
    assert later != tagged
    checkout = GIT.checkout_at(root)
    assert sorted(GIT.tags(checkout)) == sorted([*names, "--output=1.0"])
    source, decisions = find_revision(root, None, NAME, VERSION, GIT)
    assert source.commit == tagged
    assert decisions[0].value == "v1.0"


def test_the_name_of_a_tag_is_no_option(tmp_path: Path) -> None:
    root = repository(tmp_path / "project", {"setup.cfg": CFG})
    checkout = GIT.checkout_at(root)
    git(root, "update-ref", "refs/tags/-1.0", "HEAD")
    assert GIT.commit_of(checkout, "refs/tags/-1.0") == git(root, "rev-parse", "HEAD").strip()
    with pytest.raises(UserError, match="There is no revision"):
        find_revision(root, "--all", NAME, VERSION, GIT)


@pytest.mark.parametrize("git_folder", ["bare", "project/.git"])
def test_a_repository_without_a_checkout(tmp_path: Path, git_folder: str) -> None:
    root = repository(tmp_path / "project", {"setup.cfg": CFG})
    git(root, "clone", "--quiet", "--bare", str(root), str(tmp_path / "bare"))
    with pytest.raises(UserError, match="without a checkout") as raised:
        find_revision(tmp_path / git_folder, None, NAME, VERSION, GIT)
    assert "git clone" in (raised.value.hint or "")
