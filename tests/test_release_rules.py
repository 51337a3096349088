"""The rules of a release: read from a kit or from the project itself, or refused with the place."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name
from packaging.version import Version
from projects import git, repository, write

from samebytes.errors import UserError
from samebytes.git import Git
from samebytes.infer.tags import matching_tags, tagged_version
from samebytes.kits import find_kit_folder
from samebytes.process import Runner
from samebytes.release.rulebook import RULES, find_rules, read_rules
from samebytes.release.rules import Kind, Rules, filled, matcher
from samebytes.source import GitSource

ROOT = Path(__file__).parents[1]
SMALL = canonicalize_name("small")
DJANGO = canonicalize_name("django")

FULL = """\
version = 1
project = "Small"
tag = "release/{version}"
versions = '\\d+\\.\\d+'
signed-tag = true

[[changelog]]
path = "changes/{series}.md"
lines = ["# {version}"]
kinds = ["final"]

[classifiers]
final = "Development Status :: 6 - Mature"

[sdist]
generated = ["small/_version.py"]
left-out = [".*"]
optional = [".gitignore"]

[wheel]
moved = ["small/kits/"]

[[smoke]]
run = ["python", "-m", "small", "{port}"]
cwd = "inner"
artifact = "wheel"
seconds = 5
serves = "http://127.0.0.1:{port}/"
expects = "small"

[checksums]
filename = "{version}.txt"
template = "sums.txt"
algorithms = ["sha256", "md5"]
"""


def source(root: Path, files: dict[str, str]) -> GitSource:
    """A repository's only commit."""
    repository(root, files)
    return GitSource(
        git=Git(Runner(), os.environ),
        checkout=Git(Runner(), os.environ).checkout_at(root),
        commit=git(root, "rev-parse", "HEAD"),
    )


def django() -> Rules:
    folder = find_kit_folder("django", RULES)
    return read_rules((folder / RULES).read_text(), folder / RULES)


def test_every_key_is_read(tmp_path: Path) -> None:
    write(tmp_path, {"sums.txt": "$md5\n$sha256\n"})
    rules = read_rules(FULL, tmp_path / RULES)
    (smoke,) = rules.smoke
    assert rules.project == "Small"
    assert rules.signed_tag
    assert rules.changelog[0].kinds == (Kind.FINAL,)
    assert rules.classifiers == {Kind.FINAL: "Development Status :: 6 - Mature"}
    assert rules.sdist is not None
    assert rules.sdist.left_out == (".*",)
    assert rules.wheel is not None
    assert rules.wheel.moved == ("small/kits/",)
    assert (smoke.sdist, smoke.wheel, smoke.seconds, smoke.cwd) == (False, True, 5, "inner")
    assert rules.checksums.template == "$md5\n$sha256\n"


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("version = 1", "version = 2", "version:"),
        ('project = "Small"', "project = 1", "project:"),
        ('project = "Small"', 'projects = "Small"', "projects is not known"),
        ('"release/{version}"', '"release"', "tag:"),
        ("'\\d+\\.\\d+'", "'('", "versions:"),
        ("signed-tag = true", "signed-tag = 1", "signed-tag:"),
        ('"changes/{series}.md"', '"../changes.md"', "changelog[0].path:"),
        ('"# {version}"', '"["', "changelog[0].lines[0]:"),
        ('["final"]', '["gamma"]', "changelog[0].kinds[0]:"),
        ("final = ", "gamma = ", "classifiers: gamma is not known"),
        ("moved", "renamed", "wheel: renamed is not known"),
        ("optional", "moved_", "sdist: moved_ is not known"),
        ('run = ["python", "-m", "small", "{port}"]', "run = []", "smoke[0].run:"),
        ('"{port}"]', '"\\u0000"]', "smoke[0].run[3]:"),
        ('cwd = "inner"', 'cwd = "/"', "smoke[0].cwd:"),
        ('"wheel"\n', '"egg"\n', "smoke[0].artifact:"),
        ("seconds = 5", "seconds = 0", "smoke[0].seconds:"),
        ("http://127.0.0.1:{port}/", "http://example.org:{port}/", "smoke[0].serves:"),
        ("http://127.0.0.1:{port}/", "http://127.0.0.1/", "smoke[0].serves:"),
        ("serves = ", "# serves = ", "smoke[0].expects:"),
        ('"{version}.txt"', '"../{version}.txt"', "checksums.filename:"),
        ('"sums.txt"', '"other.txt"', "checksums.template:"),
        ('["sha256", "md5"]', '["md5"]', "checksums.algorithms:"),
        ('["sha256", "md5"]', '["sha256", "crc"]', "checksums.algorithms[1]:"),
        ('["sha256", "md5"]', '["sha256"]', "md5 is not known"),
        ('["sha256", "md5"]', '["sha256", "md5", "sha1"]', "it has no place for sha1"),
        ("version = 1", "version = 1\n" + "a." * 200 + "a = 1", "cannot be read"),
        ("version = 1", "version = ", "cannot be read"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    tmp_path: Path, old: str, new: str, place: str
) -> None:
    write(tmp_path, {"sums.txt": "$md5\n$sha256\n"})
    assert old in FULL
    with pytest.raises(UserError) as caught:
        read_rules(FULL.replace(old, new, 1), tmp_path / RULES)
    assert place in caught.value.message
    assert str(tmp_path / RULES) in caught.value.message


@pytest.mark.parametrize(
    ("template", "reason"),
    [("$sha256 $sun", "sun is not known"), ("$sha256 50 $", "write $$"), ("", "no place for")],
)
def test_a_template_names_what_there_is(tmp_path: Path, template: str, reason: str) -> None:
    write(tmp_path, {"sums.txt": template})
    text = 'version = 1\n[checksums]\ntemplate = "sums.txt"\n'
    with pytest.raises(UserError, match=reason.replace("$", r"\$")):
        read_rules(text, tmp_path / RULES)


def test_without_rules_there_are_few(tmp_path: Path) -> None:
    for number, pyproject in enumerate(("", "[tool.other]\n", "[tool.samebytes.build]\n")):
        found = find_rules(None, source(tmp_path / str(number), {"pyproject.toml": pyproject}))
        assert found == Rules()


def test_rules_are_those_of_the_revision(tmp_path: Path) -> None:
    table = '[tool.samebytes.release]\ntag = "v{version}"\n'
    found = source(tmp_path / "tree", {"pyproject.toml": table})
    write(tmp_path / "tree", {"pyproject.toml": table.replace("v{", "w{")})
    assert find_rules(None, found).tag == "v{version}"


def test_the_template_is_that_of_the_revision(tmp_path: Path) -> None:
    table = '[tool.samebytes.release.checksums]\ntemplate = "release/sums.txt"\n'
    files = {"pyproject.toml": table, "release/sums.txt": "now\n$sha256\n"}
    found = source(tmp_path / "tree", files)
    (tmp_path / "tree/release/sums.txt").write_text("later\n")
    assert find_rules(None, found).checksums.template == "now\n$sha256\n"


def test_rules_of_a_project_in_a_larger_repository(tmp_path: Path) -> None:
    table = '[tool.samebytes.release]\nproject = "inner"\n'
    found = source(tmp_path / "tree", {"inner/pyproject.toml": table, "pyproject.toml": "x = 1\n"})
    inner = Git(Runner(), os.environ).checkout_at(tmp_path / "tree/inner")
    at_inner = GitSource(git=found.git, checkout=inner, commit=found.commit)
    assert find_rules(None, at_inner).project == "inner"


def test_bad_rules_of_a_project_are_named(tmp_path: Path) -> None:
    found = source(tmp_path / "tree", {"pyproject.toml": "[tool.samebytes.release]\ntag = 1\n"})
    with pytest.raises(UserError, match=r"pyproject.toml has no rules.*tool.samebytes.release.tag"):
        find_rules(None, found)


def test_a_kit_without_rules_is_none(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        find_rules(str(tmp_path), source(tmp_path / "tree", {"a": ""}))
    assert "release.toml: django" in caught.value.hint


def test_the_digest_is_of_what_the_rules_say(tmp_path: Path) -> None:
    write(tmp_path, {"sums.txt": "$md5\n$sha256\n"})
    rules = read_rules(FULL, tmp_path / RULES)
    tables = [f"[{part}" for part in FULL.partition("\n[")[2].split("\n[")]
    head = FULL.partition("\n[")[0]
    turned = "\n".join(["# another order", *reversed(head.splitlines()), *reversed(tables)])
    assert read_rules(turned, tmp_path / RULES).digest == rules.digest
    others = [FULL.replace(*each) for each in (("5\n", "6\n"), ("Small", "Smal"), (".*", ".a"))]
    write(tmp_path, {"sums.txt": "$md5 $sha256\n"})
    digests = {read_rules(text, tmp_path / RULES).digest for text in (*others, FULL)}
    assert len(digests | {rules.digest}) == 5


@pytest.mark.parametrize(
    ("tag", "version", "reason"),
    [
        ("5.2.19", "5.2.19", ""),
        ("6.1", "6.1", ""),
        ("6.1a1", "6.1a1", ""),
        ("6.1rc1", "6.1rc1", ""),
        ("6.1.0", "6.1", "The version 6.1.0 is not written"),
        ("6", "6", "is not written"),
        ("6.1.1a1", "6.1.1a1", "is not written"),
        ("06.1-alpha.1", "6.1a1", "is not written"),
        ("6.2.dev20260611202632", "6.2.dev20260611202632", "a development version"),
        ("6.1+local", "6.1+local", "a local version"),
    ],
)
def test_versions_of_django(tag: str, version: str, reason: str) -> None:
    rules = django()
    found = rules.version_of(tag, DJANGO)
    assert found == Version(version)
    refusals = " ".join(rules.refusals(tag, found))
    assert bool(refusals) == bool(reason)
    assert reason in refusals


@pytest.mark.parametrize(
    ("form", "tag", "version"),
    [
        ("v{version}", "v1.0", "1.0"),
        ("v{version}", "1.0", None),
        ("v{version}", "vv1.0", "1.0"),  # PEP 440 takes a "v" for nothing
        ("a{version}a", "a", None),
        ("{version}/x", "1.0/x", "1.0"),
        ("{version}", "stable", None),
        (None, "release-1.0", "1.0"),
        (None, "small_1_0", "1.0"),
        (None, "other-1.0", None),
        (None, "v1-0", None),  # 1.0, or 1.post0?
        (None, "v1.0-rc1", "1.0rc1"),
        (None, "stable", None),
    ],
)
def test_the_version_of_a_tag(form: str | None, tag: str, version: str | None) -> None:
    found = Rules(tag=form).version_of(tag, SMALL)
    assert found == (None if version is None else Version(version))


@given(
    st.from_regex(
        r"(small-|v|release-|other/)?[0-9]{1,2}([._-][0-9]{1,2}){0,2}(rc1)?", fullmatch=True
    )
)
def test_a_tag_that_has_a_version_is_found_for_it(tag: str) -> None:
    version = tagged_version(tag, SMALL)
    if version is not None:
        assert [match.tag for match in matching_tags([tag], SMALL, version)] == [tag]


@pytest.mark.parametrize(
    ("version", "kind", "text"),
    [
        ("6.1a1", Kind.ALPHA, "6.1a1 6.1 6.1"),
        ("5.2b2", Kind.BETA, "5.2b2 5.2 5.2"),
        ("5.2rc1", Kind.RC, "5.2rc1 5.2 5.2"),
        ("5.2.19", Kind.FINAL, "5.2.19 5.2.19 5.2"),
        ("5.post1", Kind.FINAL, "5.post1 5 5"),
    ],
)
def test_parts_of_a_version(version: str, kind: Kind, text: str) -> None:
    assert Kind.of(Version(version)) is kind
    assert filled("{version} {release} {series}", Version(version)) == text
    assert filled("{other} {}", Version(version)) == "{other} {}"


@pytest.mark.parametrize(
    ("pattern", "fitting", "other"),
    [
        (".*", (".gitignore", ".github/a/b"), ("a/.hidden", "a")),
        ("scripts/", ("scripts/a", "scripts/a/b"), ("scripts", "a/scripts/b", "scripts2/a")),
        ("*.egg-info/", ("a.egg-info/b", "src/a.egg-info/b"), ("a.egg-info", "a.egg-info2/b")),
        ("*.po", ("a.po", "b/c.po"), ("a.pot",)),
        ("a.b", ("a.b",), ("aab", "a.b/c")),
    ],
)
def test_patterns(pattern: str, fitting: tuple[str, ...], other: tuple[str, ...]) -> None:
    is_matched = matcher([pattern, "unlikely"])
    assert all(map(is_matched, fitting))
    assert not any(map(is_matched, other))
    assert not matcher([])(fitting[0])


def test_our_own_rules_can_be_read(tmp_path: Path) -> None:
    text = (ROOT / "pyproject.toml").read_text()
    rules = find_rules(None, source(tmp_path / "tree", {"pyproject.toml": text}))
    assert rules.is_for(tomllib.loads(text)["project"]["name"])
    assert rules.version_of("v1.0", canonicalize_name("samebytes")) == Version("1.0")
    assert rules.smoke


def test_rules_are_for_one_project() -> None:
    assert django().is_for("DJANGO")
    assert not django().is_for("flask")
    assert Rules().is_for("flask")


def test_the_example_in_the_documentation_can_be_read(tmp_path: Path) -> None:
    text = (ROOT / "docs/reference/kit.md").read_text()
    example = text.partition("## release.toml")[2].partition("```toml\n")[2].partition("```")[0]
    write(tmp_path, {"checksums.txt": "$sha256\n$sha512\n"})
    rules = read_rules(example, tmp_path / RULES)
    assert all((rules.tag, rules.versions, rules.changelog, rules.classifiers, rules.smoke))
