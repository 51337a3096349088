"""Members of sdists and wheels against the files of their revision: nothing more, nothing less."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from conftest import Command
from django_tree import RELEASES, django_checkout
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name
from packaging.version import Version
from projects import HATCHLING, SETUPTOOLS, git
from test_release_rules import django, source

from samebytes.errors import ArtifactError
from samebytes.git import Git
from samebytes.process import Runner
from samebytes.release.checks.contents import check_contents
from samebytes.release.checks.metadata import check_metadata, check_rendering
from samebytes.release.checks.preflight import check_changelog
from samebytes.release.checks.tracked import Tracked, read_tracked
from samebytes.release.rules import ArchiveRules, Kind, Rules
from samebytes.release.steps import Result
from samebytes.source import GitSource

SMALL = canonicalize_name("small")
V1 = Version("1.0")
STRICT = Rules(sdist=ArchiveRules(left_out=(".*",), optional=(".gitignore",)), wheel=ArchiveRules())

FILES: Mapping[str, str] = {
    ".gitignore": "*.pyc\n",
    "LICENSE": "Free.\n",
    "pyproject.toml": '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"',
    "src/small/__init__.py": "",
    "src/small/inner/__init__.py": "",
    "src/small/inner/run.sh": "#!/bin/sh\n",
    "src/small/one.py": "ONE = 1\n",
    "tests/__init__.py": "",
    "tests/one.py": "ONE = 2\n",
}
METADATA = "Metadata-Version: 2.1\nName: small\nVersion: 1.0\n"


@dataclass(frozen=True)
class File:
    """A member: its content, its mode with type, and what a link leads to."""

    content: bytes
    mode: int = 0o100644
    link: str = ""
    type: bytes = tarfile.REGTYPE


Files = dict[str, File]


def in_sdist() -> Files:
    files = {f"small-1.0/{path}": File(text.encode()) for path, text in FILES.items()}
    files["small-1.0/src/small/inner/run.sh"] = replace(
        files["small-1.0/src/small/inner/run.sh"], mode=0o100755
    )
    return files | {"small-1.0/PKG-INFO": File(METADATA.encode())}


def in_wheel() -> Files:
    sdist = in_sdist()
    files = {
        path.removeprefix("small-1.0/src/"): file
        for path, file in sdist.items()
        if path.startswith("small-1.0/src/")
    }
    info = "small-1.0.dist-info"
    return files | {
        f"{info}/METADATA": File(METADATA.encode()),
        f"{info}/RECORD": File(b""),
        f"{info}/WHEEL": File(b""),
        f"{info}/licenses/LICENSE": File(b"Free.\n"),
    }


def write_sdist(folder: Path, files: Files, name: str = "small-1.0.tar.gz") -> Path:
    with tarfile.open(folder / name, "w:gz") as archive:
        for path, file in files.items():
            info = tarfile.TarInfo(path)
            info.mode, info.type, info.linkname = file.mode & 0o7777, file.type, file.link
            info.size = len(file.content)
            archive.addfile(info, io.BytesIO(file.content))
    return folder / name


def write_wheel(folder: Path, files: Files) -> Path:
    path = folder / "small-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, file in files.items():
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, file.mode << 16
            archive.writestr(info, file.content)
    return path


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Tracked:
    folder = tmp_path_factory.mktemp("tracked")
    (folder / "tree/src/small/inner").mkdir(parents=True)
    (folder / "tree/src/small/inner/run.sh").touch(0o755)
    return read_tracked(source(folder / "tree", dict(FILES)), folder / "clone")


def checked(
    tracked: Tracked, sdist: Files | None = None, wheel: Files | None = None, rules: Rules = STRICT
) -> Result:
    with TemporaryDirectory() as name:
        one = write_sdist(Path(name), in_sdist() if sdist is None else sdist)
        two = write_wheel(Path(name), in_wheel() if wheel is None else wheel)
        return check_contents(one, two, tracked, rules)


def test_the_files_of_the_revision_and_what_every_build_makes(tracked: Tracked) -> None:
    found = checked(tracked)
    assert found.problems == ()
    assert "small-1.0.tar.gz has 9 files of the revision" in found.facts
    assert "small-1.0.tar.gz: made by the build are PKG-INFO" in found.facts


def test_files_of_a_revision_are_those_of_its_clone(tmp_path: Path) -> None:
    """Line ends as .gitattributes has them, links, submodules, and no repository."""
    inner = tmp_path / "inner"
    source(inner, {"deep/file": "in a submodule\n"})
    tree = tmp_path / "tree"
    source(tree, {".gitattributes": "*.txt eol=crlf\n", "a.txt": "a\n", "pyproject.toml": ""})
    (tree / "link").symlink_to("a.txt")
    (tree / "astray").symlink_to("/etc/passwd")
    (tree / "round").symlink_to("round")
    (tree / os.fsdecode(b"odd\xff\n")).write_text("odd\n")
    git(tree, "submodule", "--quiet", "add", str(inner), "sub")
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "-m", "More")
    plain = Git(Runner(), os.environ)
    at = plain.checkout_at(tree)
    found = read_tracked(
        GitSource(git=plain, checkout=at, commit=plain.commit_of(at, "HEAD")), tmp_path / "clone"
    )
    assert not (tmp_path / "clone").exists()
    assert found.files.keys() == {
        *(".gitattributes", ".gitmodules", "a.txt", "astray", "link", "pyproject.toml"),
        *("round", "sub/deep/file", os.fsdecode(b"odd\xff\n")),
    }
    assert found.files["link"].digest == found.files["a.txt"].digest
    assert found.files["link"].link == "a.txt"
    assert found.files["astray"].digest is found.files["round"].digest is None
    assert found.is_setuptools


MEMBERS = [*in_sdist(), *in_wheel()]
COMPARED = [path for path in MEMBERS if "dist-info" not in path or path.endswith("LICENSE")]
COMPARED.remove("small-1.0/PKG-INFO")


def altered(path: str, file: File | None) -> tuple[Files, Files]:
    """Both archives; one of them with another member, or without it."""
    sdist, wheel = in_sdist(), in_wheel()
    target = sdist if path.startswith("small-1.0/") else wheel
    if file is None:
        del target[path]
    else:
        target[path] = file
    return sdist, wheel


@given(st.sampled_from(COMPARED), st.binary(min_size=1, max_size=3), st.integers(0, 10))
def test_any_other_byte_is_a_problem(tracked: Tracked, path: str, data: bytes, place: int) -> None:
    before = (in_sdist() | in_wheel())[path]
    content = before.content[:place] + data + before.content[place:]
    for rules in (STRICT, Rules()):
        assert checked(tracked, *altered(path, replace(before, content=content)), rules).problems


@pytest.mark.parametrize("path", COMPARED)
def test_another_executable_bit_is_a_problem(tracked: Tracked, path: str) -> None:
    before = (in_sdist() | in_wheel())[path]
    for bits in (0o111, 0o4000, 0o2000):
        other = replace(before, mode=before.mode ^ bits)
        assert checked(tracked, *altered(path, other), Rules()).problems


NAMES = st.text("ab_./é-", min_size=1, max_size=12).filter(
    lambda name: not name.endswith("/") and "//" not in name and not name.startswith("/")
)


@given(
    NAMES, st.binary(max_size=3), st.sampled_from(["small-1.0/", "small-1.0/src/", "", "small/"])
)
def test_any_phantom_is_a_problem(tracked: Tracked, name: str, data: bytes, folder: str) -> None:
    sdist, wheel = in_sdist(), in_wheel()
    target = sdist if folder.startswith("small-1.0/") else wheel
    if {"..", "."} & set(name.split("/")):
        return  # no archive: see test_members_at_strange_places
    target[folder + name] = File(data)
    for rules in (STRICT, Rules()):
        assert checked(tracked, sdist, wheel, rules).problems


@pytest.mark.parametrize(
    "path",
    [
        "small-1.0/small.egg-info/PKG-INFO",  # hatchling built it
        "small-1.0/setup.cfg",
        "small-1.0/setup.py",
        "small-1.0/inner/PKG-INFO",
        "small-1.0.dist-info/evil.py",
        "small-1.0.dist-info/inner/METADATA",
        "other-1.0.dist-info/METADATA",
        "small.pth",
        "small-1.0.data/purelib/small/evil.py",
        "small-1.0.data/scripts/evil",
        "sitecustomize.py",
        "small/inner/one.pyc",
    ],
)
def test_phantoms_where_they_hide(tracked: Tracked, path: str) -> None:
    files = altered(path, File(b"evil"))
    assert "has what the revision has not" in " ".join(checked(tracked, *files).problems)
    assert checked(tracked, *files, Rules()).problems


@pytest.mark.parametrize(
    "path", ["small-1.0/./evil", "small-1.0//evil", "small-1.0/src\\evil", "other/evil"]
)
def test_members_at_strange_places(tracked: Tracked, path: str) -> None:
    sdist = in_sdist() | {path: File(b"evil")}
    rules = Rules(sdist=ArchiveRules(generated=("*evil",)))
    assert checked(tracked, sdist, None, rules).problems
    with pytest.raises(ArtifactError):
        checked(tracked, in_sdist() | {"small-1.0/src/../evil": File(b"evil")}, None, rules)


def test_a_member_that_is_there_twice(tracked: Tracked, tmp_path: Path) -> None:
    """Who unpacks it gets the second."""
    path = write_sdist(tmp_path, in_sdist())
    with tarfile.open(path) as archive:
        members = [(each, archive.extractfile(each)) for each in archive.getmembers()]
        with tarfile.open(tmp_path / "two.tar.gz", "w:gz") as other:
            for each, content in [*members, members[0]]:
                assert content is not None
                content.seek(0)
                other.addfile(each, content)
    (tmp_path / "two.tar.gz").rename(path)
    found = check_contents(path, write_wheel(tmp_path, in_wheel()), tracked, Rules())
    assert ".gitignore" in found.problems[0]


def test_bytes_of_another_file_of_the_same_name(tracked: Tracked) -> None:
    """One tracked file does not stand for another."""
    files = altered("small/one.py", File(FILES["tests/one.py"].encode()))
    assert "other bytes" in checked(tracked, *files, Rules()).problems[0]


@pytest.mark.parametrize("type_", [tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_what_cannot_be_compared(tracked: Tracked, type_: bytes) -> None:
    link = "small-1.0/src/small/inner/__init__.py"
    file = File(b"", type=type_, link=link if type_ == tarfile.LNKTYPE else "")
    files = altered("small-1.0/src/small/__init__.py", file)
    if type_ == tarfile.LNKTYPE:  # after what it leads to
        files[0]["small-1.0/src/small/__init__.py"] = files[0].pop(
            "small-1.0/src/small/__init__.py"
        )
    found = checked(tracked, *files, Rules())
    assert "cannot be compared" in found.problems[0]


def test_links(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    source(tree, {"pyproject.toml": "", "a.py": "A = 1\n"})
    (tree / "b.py").symlink_to("a.py")
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "-m", "A link")
    plain = Git(Runner(), os.environ)
    at = plain.checkout_at(tree)
    commit = plain.commit_of(at, "HEAD")
    tracked = read_tracked(GitSource(git=plain, checkout=at, commit=commit), tmp_path / "clone")
    wheel = write_wheel(tmp_path, {"a.py": File(b"A = 1\n")})
    for file, is_fine in [
        (File(b"", type=tarfile.SYMTYPE, link="a.py"), True),
        (File(b"A = 1\n"), True),
        (File(b"", type=tarfile.SYMTYPE, link="pyproject.toml"), False),
        (File(b"A = 2\n"), False),
    ]:
        sdist = write_sdist(tmp_path, {"small-1.0/a.py": File(b"A = 1\n"), "small-1.0/b.py": file})
        assert (check_contents(sdist, wheel, tracked, Rules()).problems == ()) is is_fine
    link = File(b"a.py", mode=0o120777)
    wheel = write_wheel(tmp_path, {"a.py": File(b"A = 1\n"), "b.py": link})
    assert check_contents(sdist, wheel, tracked, Rules()).problems


@pytest.mark.parametrize(
    "path", [path for path in COMPARED if "licenses" not in path and ".gitignore" not in path]
)
def test_what_is_missing_is_a_problem_where_there_are_rules(tracked: Tracked, path: str) -> None:
    files = altered(path, None)
    found = checked(tracked, *files)
    place = path.removeprefix("small-1.0/")
    place = place if path.startswith("small-1.0/") else f"src/{place}"
    assert f"lacks what the revision has: {place}." in found.problems[0]
    free = checked(tracked, *files, Rules())
    assert free.problems == ()
    assert any(f"leaves out {place}" in fact for fact in free.facts)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (ArchiveRules(left_out=("tests/",)), "what the rules leave out: tests/__init__.py"),
        (ArchiveRules(left_out=("tests/",), optional=("tests/",)), ""),
        (ArchiveRules(left_out=(".*",)), "what the rules leave out: .gitignore"),
    ],
)
def test_what_is_left_out_must_not_be_there(
    tracked: Tracked, table: ArchiveRules, problem: str
) -> None:
    text = " ".join(checked(tracked, None, None, Rules(sdist=table)).problems)
    assert bool(text) == bool(problem)
    assert problem in text


def test_what_the_rules_say_is_generated_or_moved(tracked: Tracked) -> None:
    wheel = in_wheel() | {
        "small/_version.py": File(b"1"),
        "small/kits/tests/one.py": File(FILES["tests/one.py"].encode()),
    }
    problems = " ".join(checked(tracked, None, wheel).problems)
    assert "has what the revision has not: small/_version.py." in problems
    assert "at other places than there: small/kits/tests/one.py." in problems
    rules = replace(
        STRICT, wheel=ArchiveRules(generated=("small/_version.py",), moved=("small/kits/",))
    )
    assert checked(tracked, None, wheel, rules).problems == ()
    assert "small/_version.py" in " ".join(checked(tracked, None, wheel, Rules()).problems)


def test_a_folder_that_holds_nothing(tracked: Tracked) -> None:
    sdist = in_sdist() | {"small-1.0/evil": File(b"", type=tarfile.DIRTYPE, mode=0o40755)}
    assert "has not: evil/." in checked(tracked, sdist, None, Rules()).problems[0]
    fine = {"small-1.0/src": File(b"", type=tarfile.DIRTYPE, mode=0o40755)} | in_sdist()
    assert checked(tracked, fine).problems == ()


def test_many_names_are_counted(tracked: Tracked) -> None:
    sdist = in_sdist() | {f"small-1.0/x{number:02}\x1b": File(b"evil") for number in range(30)}
    (problem,) = checked(tracked, sdist).problems
    assert "'x19\\x1b' and 10 more." in problem
    assert problem.isprintable()


@pytest.mark.parametrize(
    ("before", "after", "is_fine"),
    [
        ("", "[egg_info]\ntag_build = \ntag_date = 0\n", True),
        ("# Ours\n[tool]\nx = 1\n", "[tool]\nx = 1\n\n[egg_info]\ntag_build = \n", True),
        ("[egg_info]\ntag_build = dev\n", "[egg_info]\ntag_build = \n", True),
        ("[tool]\nx = 1\n", "[tool]\nx = 2\n\n[egg_info]\ntag_build = \n", False),
        ("", "[egg_info]\ntag_build = \n[evil]\nx = 1\n", False),
        ("", "[DEFAULT]\nx = 1\n[egg_info]\ntag_build = \n", False),
        ("", "[egg_info]\ntag_svn = 1\n", False),
        ("", "no sections", False),
    ],
)
def test_a_setup_cfg_that_setuptools_wrote(
    tmp_path: Path, before: str, after: str, is_fine: bool
) -> None:
    tree = source(tmp_path / "tree", {"setup.py": ""} | ({"setup.cfg": before} if before else {}))
    tracked = read_tracked(tree, tmp_path / "clone")
    sdist = write_sdist(
        tmp_path,
        {"small-1.0/setup.py": File(b""), "small-1.0/setup.cfg": File(after.encode())},
    )
    found = check_contents(sdist, write_wheel(tmp_path, {}), tracked, Rules(sdist=ArchiveRules()))
    assert (found.problems == ()) is is_fine


def built_by(backend: str, tables: str = "") -> str:
    return f'[build-system]\nrequires = []\nbuild-backend = "{backend}"\n{tables}'


WRAPPED = {"pyproject.toml": built_by("samebytes_core.backend")}
PLAIN = {"pyproject.toml": built_by("hatchling.build")}


def hooked(table: str) -> dict[str, str]:
    return {"pyproject.toml": built_by("hatchling.build", f"[tool.hatch.build.{table}]\n")}


@pytest.mark.parametrize(
    ("files", "record", "is_fine"),
    [
        (WRAPPED, b"EPOCH\n", True),
        (WRAPPED, b"EPOCH", False),
        (WRAPPED, b"1\n", False),
        (hooked("hooks.samebytes"), b"EPOCH\n", True),
        (hooked("hooks.samebytes"), b"EPOCH", False),
        (hooked("targets.sdist.hooks.samebytes"), b"EPOCH\n", True),
        (PLAIN | {"hatch.toml": "[build.hooks.samebytes]\n"}, b"EPOCH\n", True),
        (PLAIN, b"EPOCH\n", False),
        (hooked("hooks.vcs"), b"EPOCH\n", False),
        (hooked("targets.wheel.hooks.samebytes"), b"EPOCH\n", False),
        (hooked("hooks.samebytes") | {"hatch.toml": "[build.hooks.vcs]\n"}, b"EPOCH\n", False),
        (hooked("hooks.samebytes") | {"hatch.toml": "[build"}, b"EPOCH\n", True),
    ],
)
def test_the_record_of_the_epoch(
    tmp_path: Path, files: dict[str, str], record: bytes, is_fine: bool
) -> None:
    """That of the commit, in an sdist that samebytes-core has written."""
    tree = source(tmp_path / "tree", files)
    found = record.replace(b"EPOCH", str(tree.epoch().seconds).encode())
    packed = {path: File(text.encode()) for path, text in files.items()}
    packed["SOURCE_DATE_EPOCH"] = File(found)
    sdist = write_sdist(tmp_path, {f"small-1.0/{path}": file for path, file in packed.items()})
    tracked = read_tracked(tree, tmp_path / "clone")
    rules = Rules(sdist=ArchiveRules())
    problems = check_contents(sdist, write_wheel(tmp_path, {}), tracked, rules).problems
    assert (problems == ()) is is_fine


@pytest.mark.slow
@pytest.mark.parametrize("files", [HATCHLING, SETUPTOOLS], ids=["hatchling", "setuptools"])
def test_real_builds(files: Mapping[str, str], tmp_path: Path, samebytes: Command) -> None:
    extra = {"setup.cfg": "# Ours\n[tool]\nx = 1\n", "LICENSE": "Free.\n", "README.rst": "Hello.\n"}
    if files is HATCHLING:
        extra |= {".gitignore": "*.pyc\n", "src/small/run.sh": "#!/bin/sh\n"}
    tree = source(tmp_path / "tree", dict(files) | extra)
    assert samebytes("build", tmp_path / "tree", "-o", tmp_path / "dist").status == 0
    (sdist,) = (tmp_path / "dist").glob("*.tar.gz")
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    tracked = read_tracked(tree, tmp_path / "clone")
    assert check_contents(sdist, wheel, tracked, STRICT).problems == ()
    assert check_metadata([sdist, wheel], SMALL, V1, Rules()).problems == ()
    found = check_rendering([sdist, wheel])
    assert found.problems == ()
    assert "`long_description` missing" in found.facts[0]


@pytest.mark.parametrize(
    ("metadata", "problem"),
    [
        (METADATA, ""),
        (METADATA.replace("1.0", "1.0.0"), ""),
        (METADATA.replace("1.0", "1.1"), "it says the version '1.1', and the tag 1.0"),
        (METADATA + "Version: 1.0\n", "it says the version '1.0', '1.0'"),
        (METADATA.replace("small", "other"), "it says the name 'other'"),
        (METADATA.replace("Name", "X-Name"), "it says the name none"),
        (METADATA + "Classifier: Private :: Do Not Upload\n", "forbids the upload"),
    ],
)
def test_metadata(tmp_path: Path, metadata: str, problem: str) -> None:
    file = File(metadata.encode())
    sdist = write_sdist(tmp_path, in_sdist() | {"small-1.0/PKG-INFO": file})
    wheel = write_wheel(tmp_path, in_wheel() | {"small-1.0.dist-info/METADATA": file})
    found = check_metadata([sdist, wheel], SMALL, V1, Rules())
    assert len(found.problems) == (2 if problem else 0)
    assert all(problem in text for text in found.problems)


def test_names_of_files_and_metadata_that_is_not_there(tmp_path: Path) -> None:
    sdist = write_sdist(tmp_path, {"small-1.1/a": File(b"")}, "small-1.1.tar.gz")
    two = in_wheel() | {"other-1.0.dist-info/METADATA": File(METADATA.encode())}
    problems = check_metadata([sdist, write_wheel(tmp_path, two)], SMALL, V1, Rules()).problems
    assert "small 1.1 by its name, but small 1.0 is released" in problems[0]
    assert "has 0 files with its metadata" in problems[1]
    assert "has 2 files with its metadata" in problems[2]


ALPHA, FINAL = "Development Status :: 3 - Alpha", "Development Status :: 6 - Mature"


@pytest.mark.parametrize(
    ("version", "classifiers", "is_fine"),
    [
        ("1.0", [FINAL, "Topic :: Security"], True),
        ("1.0", [ALPHA], False),
        ("1.0", [], False),
        ("1.0", [FINAL, ALPHA], False),
        ("1.0a1", [ALPHA], True),
        ("1.0a1", [FINAL], False),
        ("1.0b1", [FINAL], True),  # no rule
    ],
)
def test_classifiers(tmp_path: Path, version: str, classifiers: list[str], is_fine: bool) -> None:
    rules = Rules(classifiers={Kind.ALPHA: ALPHA, Kind.FINAL: FINAL})
    lines = "".join(f"Classifier: {each}\n" for each in classifiers)
    text = METADATA.replace("1.0", version) + lines
    name = f"small-{version}"
    sdist = write_sdist(tmp_path, {f"{name}/PKG-INFO": File(text.encode())}, f"{name}.tar.gz")
    found = check_metadata([sdist], SMALL, Version(version), rules)
    assert (found.problems == ()) is is_fine


def test_a_description_that_no_index_can_show(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"{METADATA}Description-Content-Type: text/x-rst\n\nTitle\n==\n\n.. evil::\n"
    files = {"small-1.0/PKG-INFO": File(text.encode()), "small-1.0/a.py": File(b"")}
    sdist = write_sdist(tmp_path, files)
    (problem,) = check_rendering([sdist]).problems
    assert problem.startswith("twine check fails for small-1.0.tar.gz: ")
    assert 'Unknown directive type "evil"' in problem
    broken = write_sdist(tmp_path, {"small-1.0/a": File(b"")})
    (problem,) = check_rendering([broken]).problems
    assert "twine check cannot read small-1.0.tar.gz: " in problem
    assert str(tmp_path) not in problem
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_django_by_its_own_rules(samebytes: Command, folder: Path) -> None:
    """Its checkout has what no archive may have; setuptools adds its files.

    Without the bulk, of which there is nothing else to say.
    """
    release = RELEASES[1]
    notes, built = f"docs/releases/{release.version}.txt", folder / "dist"
    checkout = django_checkout(release, folder / "checkout", small=True, besides=(notes,))
    done = samebytes("build", checkout, "-o", built, "--wheel-from", "tree")
    assert done.status == 0, done.stderr
    (sdist,), (wheel,) = built.glob("*.tar.gz"), built.glob("*.whl")
    plain = Git(Runner(), os.environ)
    at = plain.checkout_at(checkout)
    tree = GitSource(git=plain, checkout=at, commit=plain.commit_of(at, "HEAD"))
    tracked, rules = read_tracked(tree, folder / "clone"), django()
    name, version = canonicalize_name("django"), Version(release.version)
    assert check_contents(sdist, wheel, tracked, rules).problems == ()
    assert check_metadata([sdist, wheel], name, version, rules).problems == ()
    assert check_rendering([sdist, wheel]).problems == ()
    assert check_changelog(tree, version, rules).problems == ()
    # The file that the first patch to switch lost by mistake.
    files = {**tracked.files, "tests/.lost": tracked.files[".gitignore"]}
    found = check_contents(sdist, wheel, replace(tracked, files=files), rules)
    assert found.problems == (
        f"{sdist.name} lacks what the revision has: tests/.lost. Correct what the build takes, or "
        "name it in the rules as left-out or optional.",
    )
