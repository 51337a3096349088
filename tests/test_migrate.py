"""The parts of a migration that need no build."""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import Command
from hatchling.builders.sdist import SdistBuilder
from hypothesis import given
from hypothesis import strategies as st
from projects import SETUPTOOLS, commit, git, repository, write

from samebytes.errors import ArtifactError, UserError
from samebytes.kits import kit_names
from samebytes.migrate.checkout import patch, write_changes
from samebytes.migrate.facts import Facts
from samebytes.migrate.kit import find_kit, read_kit
from samebytes.migrate.leftovers import without_build_sections
from samebytes.migrate.manifest import Action, read_manifest
from samebytes.migrate.metadata import meaning, requirement_fields
from samebytes.migrate.patterns import cover, exactly, matcher
from samebytes.migrate.pyproject import rewritten
from samebytes.migrate.refusals import Refusal
from samebytes.migrate.rules import Rule, Rules
from samebytes.migrate.sdist_rules import sdist_plan
from samebytes.migrate.tables import hatch_tables
from samebytes.migrate.tree import Tree
from samebytes.migrate.version import VersionPlan

NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="/\0\r\n", exclude_categories=["Cs"]),
    min_size=1,
    max_size=6,
).filter(lambda name: name not in (".", ".."))
SIMPLE = st.sampled_from(["a", "b", "c.py", "d.txt", "e.py", ".hid", "#x", "!y", "[z]", "w ", "*"])
PATHS = st.lists(st.one_of(SIMPLE, NAMES), min_size=1, max_size=4).map("/".join)


@given(st.sets(PATHS, max_size=30), st.data())
def test_cover_tells_two_sets_apart(paths: set[str], data: st.DataObject) -> None:
    files = {path for path in paths if not any(other.startswith(f"{path}/") for other in paths)}
    wanted = data.draw(st.sets(st.sampled_from(sorted(files)))) if files else set()
    spec = matcher(cover(wanted, files - wanted))
    assert {path for path in files if spec.match_file(path)} == wanted


@given(PATHS, PATHS)
def test_exactly_matches_one_path(path: str, other: str) -> None:
    spec = matcher([exactly(path)])
    assert spec.match_file(path)
    if other != path and not other.startswith(f"{path}/"):
        assert not spec.match_file(other)


def test_cover_is_short() -> None:
    wanted = {f"a/{name}/{number}.html" for name in "xyz" for number in range(9)} | {"a/one.txt"}
    unwanted = {f"a/{name}/code.py" for name in "xyz"} | {"b/c"}
    assert cover(wanted, unwanted) == ("/a/**/*.html", "/a/one.txt")
    assert cover({"d/x", "d/e/y"}, unwanted) == ("/d",)


@given(st.sets(PATHS, max_size=20), st.data())
def test_rules_choose_exactly_what_was_packed(paths: set[str], data: st.DataObject) -> None:
    """Whatever was packed, whatever MANIFEST.in says, and whatever .gitignore names."""
    files = {path for path in paths if not any(other.startswith(f"{path}/") for other in paths)}
    packed = data.draw(st.sets(st.sampled_from(sorted(files)))) if files else set()
    lines = data.draw(st.lists(st.sampled_from(LINES), max_size=6))
    ignoring = data.draw(st.lists(st.sampled_from(["*.py", "/a", "b/", "*"]), max_size=2))
    tree = FakeTree(frozenset(files), tuple(ignoring))
    plan = sdist_plan(
        tree,  # type: ignore[arg-type]
        packed,
        read_manifest("\n".join(lines)),
        packages=frozenset(path for path in packed if path.endswith(".py")),
        gone=frozenset(),
        forced=frozenset(),
    )
    if packed:
        assert plan.rules.chosen(files, ignoring) == packed


def test_a_folder_that_is_named_like_a_file() -> None:
    files = frozenset({"a/a", "b", "c.py", "e.py/a"})
    plan = sdist_plan(
        FakeTree(files, ()),  # type: ignore[arg-type]
        files - {"e.py/a"},
        read_manifest("include *.py\nexclude a/*\ngraft ."),
        packages={"c.py"},
        gone=frozenset(),
        forced=frozenset(),
    )
    assert plan.rules.chosen(files, ()) == files - {"e.py/a"}


class FakeTree:
    """Files that are nowhere: rules look at names only."""

    def __init__(self, files: frozenset[str], ignoring: tuple[str, ...]) -> None:
        self.files, self.ignoring = files, ignoring


LINES = (
    *("include a b", "include *.py", "exclude a/*", "graft a", "prune a", "global-include *.py"),
    *("global-exclude *.txt", "recursive-include a *.py", "recursive-exclude a *", "graft ."),
)

TREE = {
    ".gitignore": "*.log\n/out/\n",
    ".tox/x.py": "",
    "a.py": "",
    "deep/a.log": "",
    "deep/b.py": "",
    "deep/er/c.txt": "",
    "dist/d.txt": "",
    "out/e.txt": "",
    "x.pyc": "",
    "pyproject.toml": '[project]\nname = "x"\nversion = "1"\n',
}


@pytest.mark.parametrize(
    "rules",
    [
        Rules(),
        Rules(include=(Rule("/deep"), Rule("*.txt"))),
        Rules(exclude=(Rule("/deep/er"), Rule("!*.log"))),
        Rules(include=(Rule("/deep"),), artifacts=(Rule("/out/e.txt"),)),
        Rules(roots=(Rule("deep"),), exclude=(Rule("*.txt"),)),
        Rules(include=(Rule("/a.py"),), forced={".tox/x.py": ".tox/x.py"}),
    ],
)
def test_rules_are_hatchlings(tmp_path: Path, rules: Rules) -> None:
    """Our estimate of what rules choose is what hatchling chooses."""
    root = write(tmp_path, TREE)
    tables = hatch_tables(VersionPlan(), rules, Rules(), direct=False)
    (root / "pyproject.toml").write_text(f"{TREE['pyproject.toml']}\n{tables}")
    found = {file.relative_path for file in SdistBuilder(str(root)).recurse_included_files()}
    assert rules.chosen(Tree(root).files, Tree(root).ignoring) == found


@pytest.mark.parametrize(
    ("text", "globs"),
    [
        ("include a *.rst", ("/a", "/*.rst")),
        ("exclude ./a/b", ("/a/b",)),
        ("recursive-include docs *.rst *", ("/docs/**/*.rst", "/docs")),
        ("recursive-exclude * *.pyc", ("/*/**/*.pyc",)),
        ("recursive-include . *.py", ("/**/*.py",)),
        ("global-include *.md a/*.x", ("*.md", "**/a/*.x")),
        ("graft docs/", ("/docs",)),
        ("graft .", ("/**",)),
        ("prune a/b", ("/a/b",)),
    ],
)
def test_globs(text: str, globs: tuple[str, ...]) -> None:
    (directive,) = read_manifest(text)
    assert directive.globs() == globs


def test_manifest_lines() -> None:
    text = "\n# One\n# two\ninclude a # b\n\n# Lost\n\ngraft b \\\n\n  prune c\nprune\ngraft x y\n"
    found = read_manifest(text)
    assert [(each.line, each.action, each.comments) for each in found] == [
        (4, Action.INCLUDE, ("One", "two")),
        (8, Action.GRAFT, ()),
        (10, Action.PRUNE, ()),
    ]
    with pytest.raises(ArtifactError, match="line 2: 'incldue' is no directive"):
        read_manifest("include a\nincldue b\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[metadata]\nname = x\n", ""),
        ("[options]\na =\n    [x]\n[options.extras_require]\nb = c\n[bdist_wheel]\nu = 1\n", ""),
        (
            "# Top\n[metadata]\nname = x\n\n# For flake8.\n[flake8]\nmax = 1\n# inside\nb = 2\n",
            "# For flake8.\n[flake8]\nmax = 1\n# inside\nb = 2\n",
        ),
        ("[tool:pytest]\nx = 1\n\n[metadata]\n# of it\ny = 2\n", "[tool:pytest]\nx = 1\n"),
    ],
)
def test_what_stays_of_setup_cfg(before: str, after: str) -> None:
    assert without_build_sections(before) == after


HEAD = "Metadata-Version: 2.4\nName: a\nVersion: 1.0\n"


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("Author: A B\nAuthor-email: a@x\n", "Author-email: A B <a@x>\n", True),
        ("Author: A, B\nAuthor-email: c@x\n", "Author: A, B\nAuthor-email: c@x\n", True),
        ("Author: A\nAuthor-email: a@x\n", "Author-email: A <b@x>\n", False),
        ("Home-page: http://x\n", "Project-URL: Homepage, http://x\n", True),
        ("Home-page: http://x\n", "Project-URL: Homepage, http://y\n", False),
        ("Requires-Dist: B_c (>=1)\n", "Requires-Dist: b-c>=1\n", True),
        ("Requires-Dist: b>=1\n", "Requires-Dist: b>=2\n", False),
        ("Keywords: a,b\n", "Keywords: b,a\n", True),
        ("Requires-Python: >=3.8, <4\n", "Requires-Python: <4,>=3.8\n", True),
        ("License: MIT\n", "License: BSD\n", False),
        ("License: MIT\n", "License-Expression: MIT\n", False),
        ("Classifier: A\n", "", False),
        ("Summary: a\n", "Summary: b\n", False),
        ("\ntext\n", "Description-Content-Type: text/x-rst\n\ntext\n", False),
        (
            "Description-Content-Type: text/markdown; charset=UTF-8\n",
            "Description-Content-Type: text/markdown\n",
            True,
        ),
        (
            "Description-Content-Type: text/markdown; variant=CommonMark\n",
            "Description-Content-Type: text/markdown\n",
            False,
        ),
        (
            "Home-page: http://x\nProject-URL: Homepage, http://y\n",
            "Project-URL: Homepage, http://y\n",
            False,
        ),
        (
            "Author: A, B\nAuthor-email: a@x, b@x\n",
            "Author-email: A <a@x>, B <b@x>\n",
            True,
        ),
        (
            'Requires-Dist: a; (python_version<"3" or os_name=="nt") and extra=="x"\n',
            'Requires-Dist: a; python_version<"3" or os_name=="nt" and extra=="x"\n',
            False,
        ),
        (
            'Requires-Dist: a; ((os_name=="nt")) and (extra=="x")\n',
            "Requires-Dist: a; os_name == 'nt' and extra == 'x'\n",
            True,
        ),
        ("Requires-Dist: a @ http://x/f(1).zip\n", "Requires-Dist: a @ http://x/f1.zip\n", False),
        ("\ntext\n", "Description-Content-Type: text/markdown\n\ntext\n", False),
        ("\ntext\n", "\nother\n", False),
    ],
)
def test_meaning_of_metadata(one: str, two: str, same: bool) -> None:
    assert (meaning(HEAD + one) == meaning(HEAD + two)) is same


def test_extras_with_markers() -> None:
    facts = Facts(
        requires=("a>=1",),
        extras={
            "": (),
            ":os_name == 'nt'": ("b", "c; python_version < '3'"),
            "x:d": (),
            "y": ("e",),
        },
    )
    assert requirement_fields(facts) == {
        "dependencies": [
            "a>=1",
            "b; os_name == 'nt'",
            "c; (python_version < '3') and (os_name == 'nt')",
        ],
        "optional-dependencies": {"x": [], "y": ["e"]},
    }


PYPROJECT = """\
# The top.
[build-system]
requires = ["setuptools"] # old
build-backend = "setuptools.build_meta"

[tool.first] # stays
key = [
    1, # one
]

[tool.setuptools.packages.find]
where = ["src"]

[tool.setuptools_scm]

[tool.last]
inline = { a = 1 }
"""


@pytest.mark.parametrize(
    ("text", "first"),
    [(PYPROJECT, ["build-system", "project"]), ("", ["build-system", "project"])],
)
def test_pyproject_keeps_everything_else(text: str, first: list[str]) -> None:
    new = rewritten(
        text,
        requires=["hatchling"],
        project={"name": "x", "description": 'a "b"\n', "urls": {"A b": "http://x"}},
        dynamic=["version"],
        hatch='[tool.hatch.version]\npath = "x"\n',
    )
    found = tomllib.loads(new)
    assert list(found)[:2] == first
    assert found["project"] == {
        "name": "x",
        "dynamic": ["version"],
        "description": 'a "b"\n',
        "urls": {"A b": "http://x"},
    }
    assert found["tool"]["hatch"] == {"version": {"path": "x"}}
    assert set(found["tool"]) - {"first", "last"} == {"hatch"}
    for line in ("# The top.", "[tool.first] # stays", "    1, # one", "inline = { a = 1 }"):
        assert (line in new) == (line in text)


def test_comments_stay_with_the_tables_they_are_of() -> None:
    text = (
        "# Of setuptools.\n[tool.setuptools]\nzip-safe = false\n# inside\n\n"
        "# isort must agree with black\n[tool.isort] # why\na = 1\n\n[tool.setuptools.dynamic]\n"
        "version = {attr = 'x.y'}\n# pytest's\n[tool.pytest]\nb = 1\n"
    )
    new = rewritten(
        text, requires=["h"], project={"name": "x"}, dynamic=[], hatch="[tool.hatch]\na = 1\n"
    )
    head, _, rest = new.partition("# isort must agree with black\n[tool.isort] # why\na = 1\n\n")
    assert "setuptools" not in head
    assert rest.startswith("# pytest's\n[tool.pytest]\n")


def test_what_only_looks_like_a_table_stays() -> None:
    text = '[tool.a]\ntext = """\n[tool.setuptools.fake]\n"""\n[tool.setuptools]\nzip-safe = true\n'
    new = rewritten(text, requires=["h"], project={"name": "x"}, dynamic=[], hatch="")
    assert tomllib.loads(new)["tool"] == {"a": {"text": "[tool.setuptools.fake]\n"}}


def test_patch_is_one_that_git_applies(tmp_path: Path) -> None:
    files = {
        "a.txt": "one\n\ttwo\f\u2028x\n",
        "gone.txt": "x",
        "sub/b.txt": "last line without end",
    }
    root = repository(tmp_path / "r", files)
    changes: Mapping[str, bytes | None] = {
        "a.txt": b"one\n2\n",
        "gone.txt": None,
        "sub/b.txt": b"other\n",
        "new/c.txt": b"c",
    }
    originals = {path: (root / path).read_bytes() if path in files else None for path in changes}
    (root / "gone.txt").chmod(0o755)
    commit(root)
    text = patch(changes, originals, executable={"gone.txt"})
    lines = "\n".join(["sdist: text before a patch", *text])
    done = subprocess.run(
        ["git", "apply", "-"], cwd=root, input=f"{lines}\n", text=True, capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = {
        path: (root / path).read_bytes() if (root / path).exists() else None for path in changes
    }
    assert found == changes


def test_written_whole_or_not_at_all(tmp_path: Path) -> None:
    root = write(tmp_path, {"a.txt": "a", "b.txt": "b", "c": "a file where a folder must be"})
    changes = {"a.txt": b"new", "b.txt": None, "c/d.txt": b"d"}
    originals = {"a.txt": b"a", "b.txt": b"b", "c/d.txt": None}
    with pytest.raises(OSError, match="c"):
        write_changes(root, changes, originals)
    assert [(root / name).read_text() for name in ("a.txt", "b.txt")] == ["a", "b"]
    (root / "c").unlink()
    (root / "a.txt").chmod(0o755)
    write_changes(root, changes, originals)
    assert (root / "a.txt").read_text() == "new"
    assert (root / "a.txt").stat().st_mode & 0o777 == 0o755
    assert sorted(path.name for path in root.rglob("*")) == ["a.txt", "c", "d.txt"]


def test_links_are_not_followed(tmp_path: Path) -> None:
    root = write(tmp_path / "tree", {"a.txt": "a"})
    outside = write(tmp_path / "outside", {"x": "x"})
    (root / "folder").symlink_to(outside)
    (root / "file").symlink_to(outside / "x")
    for path in ("folder/new", "file", "folder/x"):
        changes = {"a.txt": b"new", path: b"taken"}
        with pytest.raises(ArtifactError, match="symbolic link"):
            write_changes(root, changes, {"a.txt": b"a", path: b"x"})
    assert (root / "a.txt").read_text() == "a"
    assert [path.read_text() for path in outside.iterdir()] == ["x"]


KIT = 'version = 1\nproject = "Small"\nrequires = ["hatchling"]\ntables = "t.toml"\n'
TABLES = '[tool.hatch.version]\npath = "x"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'version' is missing"),
        ("version = 1\n[", "cannot be read"),
        (KIT.replace("1", "2", 1), "version 2 is not known"),
        (KIT.replace("t.toml", "u.toml"), "tables: there is no file"),
        (KIT.replace('"Small"', "3"), "project: expected a string"),
        (KIT + '[[file]]\nfrom = "t.toml"\nto = "../x"\n', r"file\[0\].to: not a path inside"),
        (KIT + '[[file]]\nfrom = "t.toml"\nto = ".git/hooks/x"\n', "not a path inside"),
        (KIT + '[[file]]\nfrom = "t.toml"\nto = "a/.GIT/x"\n', "not a path inside"),
        (KIT + '[[file]]\nfrom = "t.toml"\nto = "pyproject.toml"\n', "the migration itself writes"),
        (KIT + "surprise = 1\n", "surprise is not known"),
        (KIT + '[[insert]]\nfrom = "t.toml"\ninto = "x"\n', "'before' is missing"),
        (KIT.replace('["h', '"h').replace('g"]', 'g"'), "requires: expected an array"),
        (KIT + "[sdist]\ngone = [1]\n", r"sdist.gone\[0\]: expected a string"),
    ],
)
def test_malformed_kit(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, {"kit.toml": text, "t.toml": TABLES})
    with pytest.raises(UserError, match=message):
        read_kit(tmp_path)


def test_own_kit(tmp_path: Path) -> None:
    kit = KIT + '[[insert]]\nfrom = "i.txt"\ninto = "doc.txt"\nbefore = "End"\n'
    write(tmp_path / "kit", {"kit.toml": kit, "t.toml": f"# Why.\n{TABLES}", "i.txt": "New\n---\n"})
    found = find_kit(str(tmp_path / "kit"))
    assert (found.requires, found.hatch) == (
        ("hatchling",),
        '# Why.\n[tool.hatch.version]\npath = "x"\n',
    )
    root = write(tmp_path / "tree", {"doc.txt": "Begin\n\nEnd\n"})
    added = found.added(Tree(root))
    assert added == {"doc.txt": b"Begin\n\nNew\n---\n\nEnd\n"}
    write_changes(root, added, {"doc.txt": b""})
    assert found.added(Tree(root)) == {}
    (root / "doc.txt").write_text("Begin\n\nNew\n===\n\nEnd\n")
    with pytest.raises(Refusal) as refused:
        found.added(Tree(root))
    assert "begins with 'New' already" in refused.value.reasons[0]


def test_django_kit_is_there() -> None:
    assert kit_names("kit.toml") == ["django"]
    kit = find_kit("django")
    assert set(kit.files) == {"scripts/build_release.py", ".github/workflows/reproducible.yml"}
    with pytest.raises(UserError, match="There is no kit 'flask'"):
        find_kit("flask")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--kit", "nothing"], "There is no kit 'nothing'."),
        (["--as-of", "yesterday"], "'yesterday' is not a date"),
        (["--json", "no/such/folder.json"], "cannot be written"),
    ],
)
def test_wrong_arguments(
    tmp_path: Path, samebytes: Command, arguments: list[str], message: str
) -> None:
    root = repository(tmp_path / "r", SETUPTOOLS)
    done = samebytes("migrate", *arguments, root, cwd=tmp_path)
    assert done.status == 2
    assert message in done.stderr


def test_wrong_folder(tmp_path: Path, samebytes: Command) -> None:
    assert "There is no folder" in samebytes("migrate", tmp_path / "none").stderr
    (tmp_path / "empty").mkdir()
    assert "is not in a git checkout" in samebytes("migrate", tmp_path / "empty").stderr


def test_dirty_checkout_is_refused(tmp_path: Path, samebytes: Command) -> None:
    root = repository(tmp_path / "r", SETUPTOOLS)
    (root / "stray.txt").write_text("")
    done = samebytes("migrate", root)
    assert done.status == 2
    assert "The tree is dirty: stray.txt." in done.stderr
    assert "--allow-dirty" in done.stderr
    assert git(root, "status", "--porcelain") == "?? stray.txt"
