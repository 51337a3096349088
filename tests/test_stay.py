"""A project that keeps its backend, in the wrapper: what is written, and what is proved before."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from conftest import Command, Result
from core_index import core_index
from django_tree import RELEASES, django_checkout
from index_server import running
from projects import SETUPTOOLS, commit, git, own_backend, repository, write
from test_documents import ROOT, validate

from samebytes.errors import ArtifactError
from samebytes.migrate.around import expected_around
from samebytes.migrate.refusals import Refusal
from samebytes.migrate.wrapper import check_wrapped, wrapped_backend, wrapping

__all__ = ["core_index"]

OURS = 'build-backend = "samebytes_core.backend"\n'
LEGACY = 'backend = "setuptools.build_meta:__legacy__"\n'
NEW = f'[build-system]\nrequires = ["setuptools>=40.8.0", "samebytes-core"]\n{OURS}'

SYSTEM = '[build-system]\nrequires = []\nbuild-backend = "b"\n'
WRAPPED = (
    f'[build-system]\nrequires = ["samebytes-core"]\n{OURS}\n[tool.samebytes]\nbackend = "b"\n'
)

#: By what it shows: pyproject.toml before and after.
EDITS = {
    "nothing is there": ("", f"{NEW}\n[tool.samebytes]\n{LEGACY}"),
    "no backend is named": (
        '[build-system]\nrequires = ["a"]\n',
        f'[build-system]\nrequires = ["a", "samebytes-core"]\n{OURS}\n[tool.samebytes]\n{LEGACY}',
    ),
    "comments and the order stay": (
        '# Of the file.\n\n[project] # p\nname = "x"\n\n# Of the system.\n[build-system] # s\n'
        'build-backend = "flit_core.buildapi" # b\nrequires = [\n    "flit_core", # f\n]\n\n'
        "[tool.z] # z\nkey = 1\n# The end.\n",
        '# Of the file.\n\n[project] # p\nname = "x"\n\n# Of the system.\n[build-system] # s\n'
        'build-backend = "samebytes_core.backend" # b\nrequires = [\n    "flit_core", # f\n'
        '    "samebytes-core",\n]\n\n[tool.z] # z\nkey = 1\n# The end.\n\n'
        '[tool.samebytes]\nbackend = "flit_core.buildapi"\n',
    ),
    "a backend of its own": (
        '[build-system]\nrequires = []\nbuild-backend = "b"\nbackend-path = ["."]\n',
        f'[build-system]\nrequires = ["samebytes-core"]\n{OURS}\n[tool.samebytes]\n'
        'backend = "b"\nbackend-path = ["."]\n',
    ),
    "no system, and comments": (
        '# Of the file.\n\n# Of the project.\n[project]\nname = "x"\n',
        f'# Of the file.\n\n{NEW}\n# Of the project.\n[project]\nname = "x"\n\n'
        f"[tool.samebytes]\n{LEGACY}",
    ),
    "keys before all tables": (
        'project.name = "x"\ntool.a.b = 1\n',
        f'project.name = "x"\ntool.a.b = 1\n\n{NEW}\n[tool.samebytes]\n{LEGACY}',
    ),
    "dotted": (
        'build-system.requires = ["a"]\nbuild-system.build-backend = "b"\n\n[tool.c]\n',
        f'build-system.requires = ["a", "samebytes-core"]\nbuild-system.{OURS}\n[tool.c]\n\n'
        '[tool.samebytes]\nbackend = "b"\n',
    ),
    "in one line": (
        'build-system = {requires = ["a"], build-backend = "b"}\n',
        'build-system = {requires = ["a", "samebytes-core"], '
        'build-backend = "samebytes_core.backend"}\n\n[tool.samebytes]\nbackend = "b"\n',
    ),
    "settings that are there": (
        '[tool.samebytes]\ndirty = "error" # d\n\n[build-system]\nbuild-backend = "b"\n'
        'requires = ["samebytes_core>=0.1"]\n',
        '[tool.samebytes]\ndirty = "error" # d\nbackend = "b"\n\n[build-system]\n'
        f'{OURS}requires = ["samebytes_core>=0.1"]\n',
    ),
    "rules of releases": (
        '[build-system]\nbuild-backend = "b"\nrequires = []\n\n# Releases.\n'
        '[tool.samebytes.release]\ntag = "v"\n',
        f'[build-system]\n{OURS}requires = ["samebytes-core"]\n\n# Releases.\n'
        '[tool.samebytes]\nbackend = "b"\n\n[tool.samebytes.release]\ntag = "v"\n',
    ),
}


@pytest.mark.parametrize(("before", "after"), EDITS.values(), ids=EDITS)
def test_edit(before: str, after: str) -> None:
    assert wrapping(before).text == after
    if before:
        assert wrapping(before.replace("\n", "\r\n")).text == after.replace("\n", "\r\n")
    assert wrapped_backend(tomllib.loads(after)) == wrapping(before).backend


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            '[build-system]\r\nrequires = []\n# x\n\nbuild-backend = "b"\r\n'
            '[project]\nname = "x"\n',
            '[build-system]\r\nrequires = ["samebytes-core"]\n# x\n\n'
            'build-backend = "samebytes_core.backend"\r\n[project]\nname = "x"\n\n'
            '[tool.samebytes]\nbackend = "b"\n',
        ),
        (
            'x.a = """\r\n"""\n[build-system]\nrequires = []\r\nbuild-backend = "b"',
            'x.a = """\r\n"""\n[build-system]\nrequires = ["samebytes-core"]\r\n'
            'build-backend = "samebytes_core.backend"\r\n\r\n[tool.samebytes]\r\nbackend = "b"\r\n',
        ),
        (f"\ufeff{SYSTEM}", f"\ufeff{WRAPPED}"),
        (f"\ufeff{SYSTEM}".replace("\n", "\r\n"), f"\ufeff{WRAPPED}".replace("\n", "\r\n")),
    ],
    ids=["mixed", "mixed, and no end", "mark", "mark and carriage returns"],
)
def test_lines_end_as_they_did(before: str, after: str) -> None:
    assert wrapping(before).text == after


MARKED = 'samebytes-core; python_version < "3"'


@pytest.mark.parametrize(
    ("requires", "wanted"),
    [
        ([MARKED], [MARKED, "samebytes-core"]),
        (["samebytes-core"], ["samebytes-core"]),
        ([MARKED, "samebytes_core>=0.1"], [MARKED, "samebytes_core>=0.1"]),
    ],
)
def test_a_requirement_for_some_environments_is_not_enough(
    requires: list[str], wanted: list[str]
) -> None:
    done = wrapping(f"[build-system]\nrequires = {requires}\nbuild-backend = 'b'\n")
    assert tomllib.loads(done.text)["build-system"]["requires"] == wanted
    assert done.requirement == wanted[-1]


@pytest.mark.parametrize(
    ("requires", "wanted"),
    [
        ([], "samebytes-core[deflate]"),
        (["samebytes-core"], "samebytes-core[deflate]"),
        (["samebytes.core[deflate]>=1"], "samebytes.core[deflate]>=1"),
        (["Samebytes_Core >= 1"], "Samebytes_Core[deflate]>=1"),
    ],
)
def test_canonical_deflate_needs_an_extra(requires: list[str], wanted: str) -> None:
    done = wrapping(
        f'[build-system]\nrequires = {requires}\nbuild-backend = "b"\n', deflate="canonical"
    )
    written = tomllib.loads(done.text)
    assert written["build-system"]["requires"] == [wanted]
    assert written["tool"]["samebytes"] == {"backend": "b", "deflate": "canonical"}
    assert done.requirement == wanted


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f'{SYSTEM}[tool.samebytes]\nbackend = "c"\n', "backend is 'c', not 'b'"),
        (f'{SYSTEM}[tool.samebytes]\nbackend-path = ["."]\n', "has a backend-path"),
        (f'{SYSTEM}[tool.samebytes]\ndeflate = "zlib"\n', "deflate is 'zlib', not 'canonical'"),
        ('[build-system]\nbuild-backend = "b"\n', "requires is not what"),
        ("[build-system]\n", "requires is not what"),
        ("build-system = 3\n", "build-system is 3, and must be a table"),
        (f"tool = 3\n{SYSTEM}", "tool is 3, and must be a table"),
        (f'{SYSTEM}[tool]\nsamebytes = "x"\n', "tool.samebytes is 'x', and must be a table"),
        (f"{SYSTEM}[[tool.samebytes]]\n", "tool.samebytes is [{}], and must be a table"),
        ("[build-system]\nrequires = [1]\nbuild-backend = 2\n", "build-backend is not what"),
        (f"tool = {{}}\n{SYSTEM}", "has tool in one line"),
        ("[build-system\n", "cannot be read"),
    ],
)
def test_what_cannot_be_edited(text: str, reason: str) -> None:
    with pytest.raises(ArtifactError) as caught:
        wrapping(text, deflate="canonical")
    reasons = caught.value.reasons if isinstance(caught.value, Refusal) else [caught.value.message]
    assert reason in " ".join(reasons)


def test_refused_before_anything_is_built(tmp_path: Path, samebytes: Command) -> None:
    root = repository(tmp_path / "p", {"pyproject.toml": f"[build-system]\nrequires = []\n{OURS}"})
    for arguments, message in (
        (["--deflate", "canonical"], "--deflate is for --stay."),
        (["--stay", "--deflate", "zlib"], "'zlib' is not 'canonical'"),
        (["--stay"], "[tool.samebytes] names no backend"),
    ):
        done = samebytes.here("migrate", root, *arguments)
        assert (done.status, message in done.stderr) == (2, True), done.stderr
    (root / "pyproject.toml").write_text("")
    assert "The tree is dirty" in samebytes.here("migrate", root, "--stay").stderr


def test_wrapped_already(tmp_path: Path, samebytes: Command) -> None:
    root = repository(tmp_path / "p", {"pyproject.toml": WRAPPED})
    done = samebytes.here("migrate", root, "--stay")
    assert done.status == 0
    assert "The project is wrapped already, around b." in done.stdout
    assert "Nothing was built, and nothing is proved" in done.stdout
    assert "There is nothing to do." in done.stdout
    assert git(root, "status", "--porcelain") == ""
    canonical = samebytes.here("migrate", root, "--stay", "--deflate", "canonical")
    assert canonical.status == 2
    assert 'add deflate = "canonical" to [tool.samebytes]' in canonical.stderr
    (root / "pyproject.toml").write_text(WRAPPED.replace('"samebytes-core"', ""))
    commit(root)
    broken = samebytes.here("migrate", root, "--stay")
    assert broken.status == 2
    assert "[build-system] requires lacks samebytes-core." in broken.stderr


CANONICAL = f'{WRAPPED}deflate = "canonical"\n'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (WRAPPED, ""),
        (WRAPPED.replace("samebytes-core", "samebytes.core[deflate] >= 0.1"), ""),
        (WRAPPED.replace("samebytes-core", "setuptools"), "lacks samebytes-core."),
        (WRAPPED.replace('"samebytes-core"', f"'{MARKED}'"), "lacks samebytes-core."),
        (WRAPPED.replace('["samebytes-core"]', "3"), "requires is not what PEP 517"),
        (WRAPPED.replace("[tool", 'backend-path = ["."]\n[tool'), "belongs to [tool.samebytes]"),
        (CANONICAL, "lacks samebytes-core[deflate]."),
        (CANONICAL.replace("s-core", "s-core[deflate]"), ""),
        (f'{WRAPPED}deflate = "best"\n', "deflate is 'best', and may be one of"),
        (f"{WRAPPED}drity = 1\n", "Did you mean dirty?"),
        (WRAPPED.replace('"b"', '"no module"'), "backend is 'no module', and must be"),
        ("[", "cannot be read"),
    ],
)
def test_what_a_wrapped_project_must_say(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    reasons = []
    try:
        check_wrapped(tmp_path)
    except Refusal as refusal:
        reasons = [*refusal.reasons]
    assert bool(reasons) is bool(reason)
    assert reason in " ".join(reasons)


def test_what_may_differ_is_documented() -> None:
    page = (ROOT / "docs/reference/migrate.md").read_text()
    rows = re.findall(r"^\| \(`([a-z-]+)`\) \|", page, re.MULTILINE)
    assert rows == [row.id for row in expected_around(0)]


@pytest.mark.slow
def test_setuptools(folder: Path, samebytes: Command, core_index: Mapping[str, str]) -> None:
    """What was proved is written, and is what the commit then gives to everybody."""
    root = repository(folder / "small", SETUPTOOLS)
    done, document = migrated(root, samebytes, core_index, "--deflate", "canonical")
    assert done.status == 0, done.stderr
    assert "wrapper    deflate==0.8.1, samebytes-core==" in done.stderr
    assert document["status"] == "migrated"
    assert document["files"] == [{"path": "pyproject.toml", "action": "changed"}]
    assert document["check"]["reproducible"] is True
    assert {"clock", "timezone", "umask", "user", "path", "zlib"} <= set(document["check"]["tried"])
    assert changes(document) == {
        ("sdist", "+", "SOURCE_DATE_EPOCH", "epoch"),
        ("sdist", "~", "pyproject.toml", "migrated"),
        ("sdist", "~", "", "canonical"),
        ("wheel", "~", "", "canonical"),
    }
    assert "Neither was told a time." in done.stdout
    commit(root)
    built = samebytes("build", root, "-o", folder / "dist", "--as-of", "now", env=core_index)
    proved = [proof["after"] for proof in document["proofs"]]
    assert built.digests == {each["filename"]: each["sha256"] for each in proved}
    assert built.stderr.count("as the backend wrote it") == 2


@pytest.mark.slow
def test_old_project_without_pyproject(
    folder: Path, samebytes: Command, core_index: Mapping[str, str]
) -> None:
    """By setuptools as of the commit, although the wrapper is years younger; in a monorepo."""
    setup = "import setuptools\nsetuptools.setup(name='small', version='1', packages=['small'])\n"
    files = {"py/setup.py": setup, "py/small/__init__.py": "", "other.txt": ""}
    top = repository(folder / "r", files, date="2021-06-01T12:00:00Z")
    done, document = migrated(top / "py", samebytes, core_index, "--dry-run", top=top)
    assert done.status == 0, done.stderr
    assert done.stderr.count("setuptools==57.0.0") == 2
    assert document["files"] == [{"path": "pyproject.toml", "action": "added"}]
    assert {each[1:] for each in changes(document) if each[0] == "sdist"} == {
        ("+", "SOURCE_DATE_EPOCH", "epoch"),
        ("+", "pyproject.toml", "migrated"),
        ("~", "small.egg-info/", "sources"),
        ("~", "", "canonical"),
    }
    assert "+++ b/py/pyproject.toml" in done.stdout
    assert "'python setup.py sdist' goes past the wrapper" in done.stdout
    assert git(top, "status", "--porcelain") == ""


#: What a backend of the project's own may do, and what is said of it.
OWN = (
    ("def content(): return 'same'", 0, "with these varied: clock"),
    ("def content(): return str(int(time.time()))", 1, "small.py, with clock varied."),
    (
        "def content(): return str(os.path.isdir('.git'))",
        0,
        "Not varied: route (the wheel from the",
    ),
)


@pytest.mark.slow
@pytest.mark.parametrize(("content", "status", "said"), OWN, ids=["steady", "clock", "route"])
def test_backend_of_its_own(
    folder: Path,
    samebytes: Command,
    core_index: Mapping[str, str],
    content: str,
    status: int,
    said: str,
) -> None:
    """Its archives become canonical; what it writes into them is its own affair, and found."""
    root = repository(folder / "small", own_backend(content))
    env = {**core_index, "SOURCE_DATE_EPOCH": "1000000000"}
    done, document = migrated(root, samebytes, env)
    assert done.status == status, done.stderr
    assert "SOURCE_DATE_EPOCH is ignored: the commit's time is used." in done.stderr
    assert said in done.stdout
    assert document["check"]["reproducible"] is not bool(status)
    assert bool(git(root, "status", "--porcelain")) is not bool(status)
    if not status:
        table = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["samebytes"]
        assert table == {"backend": "backend", "backend-path": ["."]}


@pytest.mark.slow
def test_no_index_has_the_wrapper(folder: Path, samebytes: Command) -> None:
    root = repository(folder / "small", own_backend())
    with running() as server:
        env = {
            "PIP_INDEX_URL": server.url,
            "PIP_CONFIG_FILE": os.devnull,
            "SAMEBYTES_CACHE": str(folder / "cache"),
        }
        done = samebytes("migrate", root, "--stay", env=env)
    assert done.status == 2
    assert "samebytes-core cannot be had for CPython" in done.stderr
    assert "PIP_EXTRA_INDEX_URL" in done.stderr


@pytest.mark.slow
def test_django(folder: Path, samebytes: Command, core_index: Mapping[str, str]) -> None:
    """With the files of its kit, and without what of it is for hatchling; a development version,
    of which setuptools alone builds a wheel from the sdist that is called 6.2.
    """
    root = django_checkout(RELEASES[2], folder / "django", development=True)
    arguments = ("--kit", "django", "--html", folder / "page.html")
    done, document = migrated(root, samebytes, core_index, *arguments)
    assert done.status == 0, done.stderr
    assert git(root, "status", "--porcelain").split() == [
        *("M", "docs/internals/howto-release-django.txt", "M", "pyproject.toml"),
        *("??", ".github/workflows/reproducible.yml", "??", "scripts/build_release.py"),
    ]
    pyproject = tomllib.loads((root / "pyproject.toml").read_text())
    assert "hatch" not in pyproject["tool"]
    assert "setuptools" in pyproject["tool"]
    assert changes(document) == {
        ("sdist", "+", "SOURCE_DATE_EPOCH", "epoch"),
        ("sdist", "~", "docs/internals/howto-release-django.txt", "migrated"),
        ("sdist", "~", "pyproject.toml", "migrated"),
        ("sdist", "~", "", "canonical"),
        ("wheel", "~", "", "canonical"),
    }
    assert {proof["after"]["filename"].split("-")[1] for proof in document["proofs"]} == {
        "6.2.dev20261104090000",
        "6.2.dev20261104090000.tar.gz",
    }
    assert "setuptools.build_meta" in (folder / "page.html").read_text()


@pytest.mark.slow
def test_kit_that_accepts_less(
    folder: Path, samebytes: Command, core_index: Mapping[str, str]
) -> None:
    """Of a backend that writes a pyproject.toml of its own into the sdist."""
    root = repository(folder / "small", {**SETUPTOOLS, "pyproject.toml": PDM})
    kit = write(folder / "kit", {"kit.toml": KIT, "tables.toml": "[tool.hatch]\n"})
    done, document = migrated(root, samebytes, core_index, "--kit", kit)
    assert (done.status, document["status"]) == (1, "finding")
    assert {each[1:] for each in changes(document) if each[0] == "sdist"} == {
        ("+", "SOURCE_DATE_EPOCH", None),
        ("~", "pyproject.toml", "rewritten"),
        ("~", "", "canonical"),
    }
    assert git(root, "status", "--porcelain") == ""


PDM = """\
[build-system]
requires = ["pdm-backend"]
build-backend = "pdm.backend"

[project]
name = "small"
version = "1.0"
"""
KIT = """\
version = 1
project = "small"
requires = ["hatchling"]
tables = "tables.toml"
[stay.sdist]
"""


def migrated(
    root: Path,
    samebytes: Command,
    env: Mapping[str, str],
    *arguments: str | Path,
    top: Path | None = None,
) -> tuple[Result, Any]:
    """What the command says, and the document that it writes; ``top`` is the repository's root."""
    target = Path(f"{top or root}.json")
    done = samebytes("migrate", "--stay", root, "--json", target, *arguments, env=env)
    document = json.loads(target.read_text())
    validate(document, "migrate-1.json")
    return done, document


def changes(document: Any) -> set[tuple[str, str, str, str | None]]:
    """The differences of the archives: form, mark, place, and the id of what expects it."""
    return {
        (proof["form"], change["mark"], change["place"], change["expectation"])
        for proof in document["proofs"]
        for change in proof["changes"]
    }
