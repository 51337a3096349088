"""What is looked at before anything is built, in real repositories, with real signatures."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keys import GnupgHome, gnupg_home, write_folder
from packaging.utils import canonicalize_name
from packaging.version import Version
from projects import HATCHLING, git, write
from test_release_rules import source

from samebytes.errors import ArtifactError, UnreachableError, UserError
from samebytes.index.client import Index
from samebytes.index.settings import IndexSettings, Limits
from samebytes.process import Runner
from samebytes.release.checks.preflight import (
    TagKeys,
    check_changelog,
    check_index,
    check_tag,
    check_tree,
    parted,
)
from samebytes.release.rules import ChangelogRule, Kind, Rules
from samebytes.release.signed.keyring import Keyring
from samebytes.release.steps import Result
from samebytes.source import GitSource

SMALL = canonicalize_name("small")
V1 = Version("1.0")


@pytest.fixture
def tree(tmp_path: Path) -> GitSource:
    return source(tmp_path / "tree", dict(HATCHLING))


def tag(tree: GitSource, *arguments: str) -> None:
    git(tree.checkout.root, "tag", *arguments)


def checked(
    tree: GitSource, name: str, rules: Rules | None = None, keys: TagKeys | None = None
) -> Result:
    return check_tag(tree, name, SMALL, rules or Rules(), keys)


def problem(result: Result) -> str:
    """The only one; there are no facts beside it."""
    (text,) = result.problems
    assert not result.facts
    return text


def test_an_annotated_tag_of_the_commit(tree: GitSource) -> None:
    tag(tree, "-a", "-m", "A release", "1.0")
    found = checked(tree, "1.0")
    assert found.problems == ()
    assert found.facts == (
        f"1.0 is an annotated tag of {tree.commit}",
        "the tag is not signed",
    )


def test_a_lightweight_tag_is_none(tree: GitSource) -> None:
    tag(tree, "1.0")
    assert "lightweight" in problem(checked(tree, "1.0"))


@pytest.mark.parametrize("name", ["main", "HEAD", "1.0^{}", "1.0~0", "refs/tags/1.0", "2.0", ""])
def test_nothing_else_is_a_tag(tree: GitSource, name: str) -> None:
    tag(tree, "-a", "-m", "A release", "1.0")
    assert "There is no tag" in problem(checked(tree, name))
    assert "There is no tag" in problem(checked(tree, tree.commit))


def test_a_tag_that_was_moved(tree: GitSource) -> None:
    root = tree.checkout.root
    git(root, "commit", "--allow-empty", "-m", "Later")
    tag(tree, "-a", "-m", "A release", "1.0")
    assert "it was moved" in problem(checked(tree, "1.0"))


def test_a_tag_that_was_renamed(tree: GitSource) -> None:
    """What was signed for 1.0 must not become 2.0."""
    tag(tree, "-a", "-m", "A release", "1.0")
    git(tree.checkout.root, "update-ref", "refs/tags/2.0", "refs/tags/1.0")
    assert "was made as '1.0', and renamed" in problem(checked(tree, "2.0"))


@pytest.mark.parametrize(("what", "kind"), [("HEAD^{tree}", "tree"), ("0.9", "tag")])
def test_a_tag_of_no_commit(tree: GitSource, what: str, kind: str) -> None:
    tag(tree, "-a", "-m", "A release", "0.9")
    tag(tree, "-a", "-m", "A release", "1.0", what)
    assert f"is of a {kind}, not of a commit" in problem(checked(tree, "1.0"))


def test_what_stands_in_place_of_a_tag_is_not_it(tree: GitSource) -> None:
    """refs/replace shows another object under a tag's number."""
    root = tree.checkout.root
    tag(tree, "-a", "-m", "A release", "1.0")
    git(root, "update-ref", "refs/tags/2.0", "refs/tags/1.0")
    good = git(root, "cat-file", "tag", "2.0").replace("tag 1.0", "tag 2.0")
    made = subprocess.run(
        ["git", "-C", root, "hash-object", "-t", "tag", "-w", "--stdin"],
        input=f"{good}\n".encode(),
        capture_output=True,
        check=True,
    )
    git(root, "replace", git(root, "rev-parse", "2.0"), made.stdout.decode().strip())
    assert "renamed" in problem(checked(tree, "2.0"))


@pytest.mark.parametrize(
    ("name", "rules", "reason"),
    [
        ("v1.0", Rules(tag="{version}", versions=r"\d+\.\d+"), "not written as the rules"),
        ("one", Rules(), "No version can be read"),
        ("1.0", Rules(tag="v{version}"), "not of the form v{version}"),
        ("1.0.dev1", Rules(), "a development version"),
        ("1.0", Rules(project="other"), "those of other"),
        ("1.0", Rules(signed_tag=True), "not signed, and must be"),
    ],
)
def test_tags_that_the_rules_refuse(tree: GitSource, name: str, rules: Rules, reason: str) -> None:
    tag(tree, "-a", "-m", "A release", name)
    assert reason in problem(checked(tree, name, rules))


@pytest.fixture(scope="module")
def home() -> Iterator[GnupgHome]:
    with gnupg_home() as made:
        yield made


@pytest.fixture(scope="module")
def anna(home: GnupgHome) -> str:
    return home.make("Anna <anna@example.org>")


@pytest.fixture
def keys(home: GnupgHome, anna: str, tmp_path: Path) -> Keyring:
    folder = write_folder(tmp_path / "keys", {"anna.asc": home.export(anna)})
    return Keyring.read(folder, Runner(), os.environ)


def sign(tree: GitSource, home: GnupgHome, key: str, name: str, message: str | bytes) -> None:
    """A tag as git signs it."""
    git(tree.checkout.root, "config", "user.signingkey", key)
    file = tree.checkout.root.parent / "message"
    file.write_bytes(message if isinstance(message, bytes) else message.encode())
    identity = ("-c", "user.name=Anna", "-c", "user.email=anna@example.org")
    subprocess.run(
        ["git", *identity, "-C", tree.checkout.root, "tag", "-s", "-F", file, name],
        env={**home.environ, "GIT_CONFIG_GLOBAL": os.devnull},
        check=True,
        capture_output=True,
    )


@pytest.mark.parametrize(
    "message",
    [
        "A release",
        "é".encode("latin-1") + b" is not UTF-8",
        "A release\n-----BEGIN PGP SIGNATURE-----\nnot one\n",
        "",
    ],
)
def test_a_signed_tag(
    tree: GitSource, home: GnupgHome, anna: str, keys: Keyring, message: str | bytes
) -> None:
    sign(tree, home, anna, "1.0", message or "1.0")
    found = checked(tree, "1.0", Rules(signed_tag=True), keys)
    assert found.problems == ()
    assert "signed by anna: Anna <anna@example.org>" in found.facts[1]


def test_a_signature_that_nobody_asks_for_is_not_said_to_be_good(
    tree: GitSource, home: GnupgHome, anna: str
) -> None:
    sign(tree, home, anna, "1.0", "A release")
    assert "not checked" in checked(tree, "1.0").facts[1]
    assert "--trusted-keys" in problem(checked(tree, "1.0", Rules(signed_tag=True)))


def test_a_signature_of_somebody_else(tree: GitSource, keys: Keyring) -> None:
    with gnupg_home() as other:
        sign(tree, other, other.make("Mallory <mallory@example.org>"), "1.0", "A release")
    assert "signature is not good" in problem(checked(tree, "1.0", None, keys))


def test_a_signed_tag_that_was_changed(
    tree: GitSource, home: GnupgHome, anna: str, keys: Keyring
) -> None:
    root = tree.checkout.root
    sign(tree, home, anna, "1.0", "A release")
    data = subprocess.run(
        ["git", "-C", root, "cat-file", "tag", "1.0"], capture_output=True, check=True
    ).stdout
    made = subprocess.run(
        ["git", "-C", root, "hash-object", "-t", "tag", "-w", "--stdin"],
        input=data.replace(b"tag 1.0\n", b"tag 2.0\n"),
        capture_output=True,
        check=True,
    )
    git(root, "update-ref", "refs/tags/2.0", made.stdout.decode().strip())
    assert "signature is not good" in problem(checked(tree, "2.0", None, keys))


@pytest.mark.parametrize("kind", ["SSH SIGNATURE", "SIGNED MESSAGE"])
def test_other_signatures_cannot_be_checked(tree: GitSource, keys: Keyring, kind: str) -> None:
    text = f"A release\n-----BEGIN {kind}-----\nU1NI\n-----END {kind}-----\n"
    tag(tree, "-a", "-m", text, "1.0")
    assert "cannot be checked here" in problem(checked(tree, "1.0", None, keys))
    assert "cannot be checked here" in problem(checked(tree, "1.0", Rules(signed_tag=True)))
    assert "was not checked" in checked(tree, "1.0").facts[1]


@given(st.lists(st.sampled_from([b"-----BEGIN PGP SIGNATURE-----", b"\n", b"a", b"\xff"])))
def test_parts_of_a_tag_are_all_of_it(parts: list[bytes]) -> None:
    data = b"".join(parts)
    text = parted(data)
    assert text.payload + text.signature == data
    assert bool(text.kind) == any(
        line.startswith(b"-----BEGIN PGP SIGNATURE-----") for line in data.split(b"\n")
    )
    assert not text.payload or text.payload.endswith(b"\n") or not text.signature


def test_a_clean_tree(tree: GitSource) -> None:
    assert check_tree(tree).facts == ("nothing is modified or untracked",)
    git(tree.checkout.root, "commit", "--allow-empty", "-m", "Later")
    assert "not the tag" in check_tree(tree).facts[1]


@pytest.mark.parametrize("path", ["src/small/__init__.py", "new", "dist2/new"])
def test_a_tree_with_changes(tree: GitSource, path: str) -> None:
    root = tree.checkout.root
    git(root, "config", "status.showUntrackedFiles", "no")
    write(root, {path: "changed\n", "dist/release.json": "{}\n"})
    found = check_tree(tree, besides=root / "dist")
    assert f"not committed: {path}. " in problem(found)


def test_the_folder_of_the_release_may_be_in_the_tree(tree: GitSource) -> None:
    write(tree.checkout.root, {"dist/release.json": "{}\n", "dist/statements/a.json": "{}\n"})
    assert check_tree(tree, besides=tree.checkout.root / "dist").problems == ()
    assert check_tree(tree).problems


def test_a_tree_of_which_git_says_nothing(tree: GitSource) -> None:
    (tree.checkout.root / ".git/index").write_bytes(b"damaged")
    with pytest.raises(ArtifactError, match="git cannot say"):
        check_tree(tree)


@pytest.mark.parametrize(
    ("version", "text", "reason"),
    [
        ("1.0", "# 1.0 (today)\n", ""),
        ("1.0", "# 1.0 (today)  \r\n", ""),
        ("1.0", "# 1x0 (today)\n", "no line as"),
        ("1.0", "## 1.0 (today)\n", "no line as"),
        ("1.0", "# 1.0\n", "no line as"),
        ("1.0a1", "", ""),
        ("2.0", "# 2.0 (today)\n", "There is no changes/2.md"),
    ],
)
def test_changelogs(tmp_path: Path, version: str, text: str, reason: str) -> None:
    rule = ChangelogRule(path="changes/1.md", lines=(r"# {version} \(\w+\)",), kinds=(Kind.FINAL,))
    if version == "2.0":
        rule = replace(rule, path="changes/2.md")
    tree = source(tmp_path / "tree", {"changes/1.md": text})
    write(tmp_path / "tree", {"changes/1.md": f"# {version} (now)\n"})  # not in the revision
    found = check_changelog(tree, Version(version), Rules(changelog=(rule,)))
    assert bool(found.problems) == bool(reason)
    assert reason in "".join(found.problems)


def index_at(folder: Path, url: str | None = None, *, offline: bool = False) -> Index:
    settings = IndexSettings(
        index_url=url or (folder / "simple").as_uri(),
        limits=Limits(tries=1, deadline=5),
        timeout=2,
        offline=offline,
    )
    return Index(settings, folder / "cache")


def test_an_index_that_has_the_version(tmp_path: Path) -> None:
    page = tmp_path / "simple/small/index.html"
    page.parent.mkdir(parents=True)
    page.write_text('<a href="small-1.0.0.tar.gz">small-1.0.0.tar.gz</a>')
    found = check_index(index_at(tmp_path), SMALL, V1)
    assert "on the index already: small-1.0.0.tar.gz" in problem(found)
    assert check_index(index_at(tmp_path), SMALL, Version("1.1")).problems == ()
    other = canonicalize_name("other")
    assert check_index(index_at(tmp_path), other, V1).facts == ("no index has other 1.0 yet",)


def test_an_index_that_does_not_answer(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError):
        check_index(index_at(tmp_path, "http://127.0.0.1:9/simple"), SMALL, V1)


def test_an_index_that_is_not_asked(tmp_path: Path) -> None:
    (tmp_path / "simple").mkdir()
    with pytest.raises(UserError, match="says now"):
        check_index(index_at(tmp_path, offline=True), SMALL, V1)
    with pytest.raises(UserError, match="says now"):
        check_index(index_at(tmp_path, "ftp://example.org/simple"), SMALL, V1)
