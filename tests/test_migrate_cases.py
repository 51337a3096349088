"""Each directive of MANIFEST.in and each mechanism of setuptools, in a project of its own: built
both ways by the command, and the migrated project's files held against a list written by hand.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

import pytest
from conftest import Command
from projects import git, repository

pytestmark = pytest.mark.slow

SYSTEM = '[build-system]\nrequires = ["setuptools>=77"]\nbuild-backend = "setuptools.build_meta"\n'
PROJECT = f"""\
{SYSTEM}
[project]
name = "small"
version = "1.0"
requires-python = ">=3.9"
readme = "README.rst"

[tool.setuptools]
packages = ["small", "small.sub"]
"""
TREE: Mapping[str, str] = {
    "pyproject.toml": PROJECT,
    "README.rst": "Small\n=====\n",
    "LICENSE": "Free.\n",
    "tool.py": "",
    ".hidden": "",
    "docs/a.rst": "A\n",
    "docs/b.txt": "B\n",
    "docs/deep/c.rst": "C\n",
    "extra/notes.md": "N\n",
    "tests/data/x.json": "{}\n",
    "small/__init__.py": "",
    "small/data.txt": "data\n",
    "small/sub/__init__.py": "",
    "small/sub/table.csv": "1\n",
}
#: What setuptools packs of it without a word in MANIFEST.in, and hatchling then must.
SDIST = {"LICENSE", "README.rst", "pyproject.toml", "small/__init__.py", "small/sub/__init__.py"}
WHEEL = {"small/__init__.py", "small/sub/__init__.py"}
DATA = {"small/data.txt", "small/sub/table.csv"}


@dataclass(frozen=True)
class Manifest:
    """A MANIFEST.in, the files that it adds to the sdist, and rules that must be there."""

    id: str
    text: str
    adds: frozenset[str] = frozenset()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    comments: tuple[str, ...] = ()
    wheel: frozenset[str] = frozenset()


#: Directives that concern one folder, or one file.
LOCAL = (
    Manifest(
        "include",
        "include docs/*.rst tool.py .hidden\n",
        frozenset({"docs/a.rst", "tool.py", ".hidden"}),
        include=("/docs/*.rst", "/tool.py", "/.hidden"),
    ),
    Manifest("include-folder", "include docs\n"),
    Manifest("include-nothing", "include NEWS\n"),
    Manifest(
        "exclude",
        "graft docs\nexclude docs/b.txt\n",
        frozenset({"docs/a.rst", "docs/deep/c.rst"}),
        include=("/docs",),
        exclude=("/docs/b.txt",),
    ),
    Manifest(
        "recursive-include",
        "recursive-include docs *.rst\n",
        frozenset({"docs/a.rst", "docs/deep/c.rst"}),
        include=("/docs/**/*.rst",),
    ),
    Manifest(
        "recursive-include-all",
        "recursive-include docs *\n",
        frozenset({"docs/a.rst", "docs/b.txt", "docs/deep/c.rst"}),
        include=("/docs",),
    ),
    Manifest(
        "recursive-exclude",
        "graft docs\nrecursive-exclude docs *.rst\n",
        frozenset({"docs/b.txt"}),
        exclude=("/docs/**/*.rst",),
    ),
    Manifest(
        "graft",
        "graft extra\ngraft nowhere\n",
        frozenset({"extra/notes.md"}),
        include=("/extra",),
    ),
    Manifest(
        "prune",
        "graft docs\nprune docs/deep\nprune extra\n",
        frozenset({"docs/a.rst", "docs/b.txt"}),
        exclude=("/docs/deep",),
    ),
    Manifest(
        "last-one-wins",
        "graft docs\nprune docs/deep\nrecursive-include docs/deep *.rst\nexclude docs/a.rst\n",
        frozenset({"docs/b.txt", "docs/deep/c.rst"}),
        exclude=("/docs/deep", "!/docs/deep/**/*.rst", "/docs/a.rst"),
    ),
    Manifest(
        "comments-and-lines",
        "# The manual,\n# whole.\ngraft docs  # really\n\n# Stray\n\n"
        "include tool.py \\\n  .hidden\n",
        frozenset({"docs/a.rst", "docs/b.txt", "docs/deep/c.rst", "tool.py", ".hidden"}),
        include=("/docs", "/tool.py", "/.hidden"),
        comments=('    # The manual,\n    # whole.\n    "/docs",',),
    ),
)
#: Those that concern all folders, or packages.
MANIFESTS = (
    Manifest(
        "global-include",
        "global-include *.md *.json\n",
        frozenset({"extra/notes.md", "tests/data/x.json"}),
        include=("*.md", "*.json"),
    ),
    Manifest(
        "global-exclude",
        "graft docs\ngraft extra\nglobal-exclude *.txt *.md\n",
        frozenset({"docs/a.rst", "docs/deep/c.rst"}),
        exclude=("*.txt",),
    ),
    Manifest(
        "everything",
        "graft .\n",
        frozenset(set(TREE) - SDIST),
        include=("/small", "/.hidden", "/docs", "/extra", "/tests", "/tool.py"),
        wheel=frozenset(DATA),
    ),
    Manifest(
        "said-twice",
        "graft docs\nrecursive-include docs *.rst\ninclude small/*.py pyproject.toml\n",
        frozenset({"docs/a.rst", "docs/b.txt", "docs/deep/c.rst"}),
        include=("/docs", "/small/*.py"),
    ),
    Manifest("bytecode", "global-exclude *.py[cod] __pycache__\nrecursive-exclude * *.pyc\n"),
    Manifest(
        "package-files",
        "recursive-include small *\n",
        frozenset(DATA),
        include=("/small",),
        wheel=frozenset(DATA),
    ),
    Manifest(
        "package-file-of-sdist-only",
        "include small/data.txt\n",
        frozenset({"small/data.txt"}),
        include=("/small/data.txt",),
        wheel=frozenset({"small/data.txt"}),
    ),
)


@pytest.mark.parametrize("case", MANIFESTS, ids=lambda case: case.id)
def test_manifest(folder: Path, samebytes: Command, case: Manifest) -> None:
    migrates(folder, samebytes, case)


def migrates(
    folder: Path, samebytes: Command, case: Manifest, more: Mapping[str, str] = MappingProxyType({})
) -> None:
    root = repository(folder / "small", {**TREE, **more, "MANIFEST.in": case.text})
    done = samebytes.here("migrate", root, "--workspace", folder)
    assert (done.status, done.stderr.partition("error:")[2]) == (0, ""), done.stdout
    assert not (root / "MANIFEST.in").exists()
    text = (root / "pyproject.toml").read_text()
    sdist = tomllib.loads(text)["tool"]["hatch"]["build"]["targets"]["sdist"]
    for key in ("include", "exclude"):
        wanted = list(getattr(case, key))
        assert [rule for rule in sdist.get(key, []) if rule in wanted] == wanted
    for comment in case.comments:
        assert comment in text
    assert built(root) == (SDIST | case.adds, WHEEL | case.wheel)


#: What the local directives are about: the files, and what stands in lines and in rules.
_PLACES = ("docs/", "extra/", "tool.py", ".hidden")
_WORDS = re.compile(r"(?<![\w/.*])(docs|extra|nowhere|tool\.py|\.hidden|NEWS)")
_RULES = re.compile(r"(?m)^(\W*/)(?=docs|extra|tool\.py|\.hidden)")


def below(case: Manifest) -> Manifest:
    """The same in a folder of the project, which has the name of the case."""

    def moved(rules: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_RULES.sub(rf"\1{case.id}/", rule) for rule in rules)

    return replace(
        case,
        text=_WORDS.sub(rf"{case.id}/\1", case.text),
        adds=frozenset(f"{case.id}/{path}" for path in case.adds),
        include=moved(case.include),
        exclude=moved(case.exclude),
        comments=moved(case.comments),
    )


def together(cases: Sequence[Manifest]) -> Manifest:
    """One project with all of them side by side."""
    return Manifest(
        "local",
        "\n".join(case.text for case in cases),
        frozenset().union(*(case.adds for case in cases)),
        include=tuple(rule for case in cases for rule in case.include),
        exclude=tuple(rule for case in cases for rule in case.exclude),
        comments=tuple(comment for case in cases for comment in case.comments),
    )


def test_local_directives(folder: Path, samebytes: Command) -> None:
    """Each in a folder of its own, of one project."""
    cases = [below(case) for case in LOCAL]
    files = {path: text for path, text in TREE.items() if path.startswith(_PLACES)}
    copies = {f"{case.id}/{path}": text for case in cases for path, text in files.items()}
    migrates(folder, samebytes, together(cases), copies)


@dataclass(frozen=True)
class Mechanism:
    """A project, and what its sdist and its wheel must hold; ``says`` must stand in its rules."""

    id: str
    files: Mapping[str, str]
    sdist: frozenset[str] = frozenset()
    wheel: frozenset[str] = frozenset(WHEEL)
    removed: frozenset[str] = frozenset()
    says: tuple[str, ...] = ()
    metadata: tuple[str, ...] = ()
    tree: Mapping[str, str] = field(default_factory=lambda: TREE)


def pyproject(tables: str, project: str = "") -> dict[str, str]:
    head = PROJECT.partition("[tool.setuptools]")[0]
    return {"pyproject.toml": f"{head}{project}\n{tables}"}


def versioned(files: Mapping[str, str], attribute: str) -> dict[str, str]:
    """The same, with a version that is an attribute of the package."""
    text = files["pyproject.toml"].replace('version = "1.0"', 'dynamic = ["version"]')
    tables = f"[tool.setuptools.dynamic]\nversion = {{attr = 'small.{attribute}'}}\n"
    return {**files, "pyproject.toml": f"{text}{tables}"}


SETUP_CFG = """\
[metadata]
name = small
version = attr: small.VERSION
description = A small one
long_description = file: README.rst
author = Ann, Bob
author_email = ann@example.org
url = https://example.org
license = MIT
keywords = one, two
project_urls =
    Docs = https://example.org/docs
classifiers =
    Programming Language :: Python :: 3

[options]
packages = find:
python_requires = >=3.9
include_package_data = true
install_requires =
    idna>=2.5
    tomli; python_version < "3.11"

[options.packages.find]
include = small*

[options.extras_require]
more =
    packaging
    colorama; sys_platform == "win32"

[options.entry_points]
console_scripts =
    small = small:main
small.plugins =
    one = small.sub

# Kept for flake8.
[flake8]
max-line-length = 100
"""
SETUP_PY = """\
from setuptools import setup
import small
setup(
    name="small", version=small.__version__, packages=["small", "small.sub"],
    python_requires=">=3.9", long_description=open("README.rst").read(),
    package_data={"small": ["*.txt"]},
    author="Ann", author_email="ann@example.org", maintainer="Bob",
    extras_require={
        "more": ["packaging"],
        "more:sys_platform=='win32'": ["colorama"],
        ":python_version<'3.11'": ["tomli>=1"],
    },
    download_url="https://example.org/small.tar.gz", platforms=["any"],
)
"""

MECHANISMS = (
    Mechanism(
        "find",
        pyproject(
            '[tool.setuptools.packages.find]\ninclude = ["small*"]\nexclude = ["small.sub"]\n'
        ),
        wheel=frozenset({"small/__init__.py"}),
        says=("exclude = [", '"/small/sub"', 'packages = ["small"]'),
    ),
    Mechanism(
        "find-namespace",
        pyproject('[tool.setuptools.packages.find]\nwhere = ["src"]\nnamespaces = true\n')
        | {"src/space/one/a.py": "", "src/space/two/b.py": ""},
        sdist=frozenset({"src/space/one/a.py", "src/space/two/b.py"}),
        wheel=frozenset({"space/one/a.py", "space/two/b.py"}),
        says=('packages = ["src/space"]',),
    ),
    Mechanism(
        "package-dir",
        pyproject(
            '[tool.setuptools]\npackages = ["big", "small"]\npackage-dir = {big = "lib/code"}\n'
        )
        | {"lib/code/__init__.py": "", "lib/code/a.py": "", "lib/other.py": ""},
        sdist=frozenset({"lib/code/__init__.py", "lib/code/a.py"}),
        wheel=frozenset({"big/__init__.py", "big/a.py", "small/__init__.py"}),
        says=('sources = { "lib/code" = "big" }',),
    ),
    Mechanism(
        "py-modules",
        pyproject('[tool.setuptools]\npy-modules = ["tool", "other"]\npackage-dir = {other = ""}\n')
        | {"other.py": ""},
        sdist=frozenset({"other.py", "tool.py"}),
        wheel=frozenset({"other.py", "tool.py"}),
        says=("only-include = [",),
    ),
    Mechanism(
        "package-data-and-imported-version",
        versioned(
            pyproject(
                '[tool.setuptools]\npackages = ["small", "small.sub"]\n'
                'include-package-data = false\n[tool.setuptools.package-data]\nsmall = ["*.txt"]\n'
            ),
            "__version__",
        )
        | {
            "small/__init__.py": "from ._about import number as __version__\n",
            "small/_about.py": "number = '1.0'\n",
        },
        sdist=frozenset({"small/_about.py", "small/data.txt"}),
        wheel=frozenset({*WHEEL, "small/_about.py", "small/data.txt"}),
        says=('path = "small/_about.py"', '"/small/sub/table.csv"'),
    ),
    Mechanism(
        "package-data-of-all-and-data-files",
        pyproject(
            '[tool.setuptools]\npackages = ["small", "small.sub"]\n'
            "data-files = {share = ['docs/*.*']}\n"
            '[tool.setuptools.package-data]\n"*" = ["*.csv"]\nsmall = ["lib-3.1/*"]\n'
        )
        | {"small/lib-3.1/a.js": ""},
        sdist=frozenset({"docs/a.rst", "docs/b.txt", "small/lib-3.1/a.js", "small/sub/table.csv"}),
        wheel=frozenset(
            {
                *(*WHEEL, "small/lib-3.1/a.js", "small/sub/table.csv"),
                *("small-1.0.data/data/share/a.rst", "small-1.0.data/data/share/b.txt"),
            }
        ),
    ),
    Mechanism(
        "exclude-package-data-and-assigned-version",
        versioned(
            pyproject(
                '[tool.setuptools]\npackages = ["small", "small.sub"]\n'
                '[tool.setuptools.exclude-package-data]\n"small.sub" = ["*.csv"]\n'
            ),
            "about.RELEASE",
        )
        | {"MANIFEST.in": "graft small\n", "small/about.py": "RELEASE = '1.0'\n"},
        sdist=frozenset({*DATA, "small/about.py"}),
        wheel=frozenset({*WHEEL, "small/about.py", "small/data.txt"}),
        removed=frozenset({"MANIFEST.in"}),
        says=('path = "small/about.py"', "pattern = "),
    ),
    Mechanism(
        "no-include-package-data-and-version-tuple",
        versioned(
            pyproject(
                '[tool.setuptools]\npackages = ["small", "small.sub"]\n'
                "include-package-data = false\n"
            ),
            "VERSION",
        )
        | {"MANIFEST.in": "graft small\n", "small/__init__.py": "VERSION = (1, 0)\n"},
        sdist=frozenset(DATA),
        removed=frozenset({"MANIFEST.in"}),
        says=('"/small/data.txt"', "expression = '\".\".join(map(str, VERSION))'"),
    ),
    Mechanism(
        "fields-of-all-kinds",
        {
            "pyproject.toml": PROJECT.replace('requires-python = ">=3.9"\n', "")
            .replace("README.rst", "docs/README.md")
            .replace(
                "[tool.",
                'license = "MIT"\nlicense-files = ["legal/*"]\nscripts.small = "small:main"\n\n'
                '[project.gui-scripts]\nwin = "small:main"\n'
                '[project.entry-points."a.b"]\nx = "small"\n\n[tool.',
                1,
            ),
            "docs/README.md": "Read   me,\n\n    please\n",
            "legal/ONE": "1\n",
            "legal/TWO": "2\n",
        },
        sdist=frozenset({"docs/README.md", "legal/ONE", "legal/TWO"}),
        says=('requires-python = ">=3"',),
        metadata=(
            *("[a.b]", "License-File: legal/TWO"),
            "Description-Content-Type: text/markdown",
        ),
    ),
    Mechanism(
        "tracked-and-ignored",
        {"MANIFEST.in": "graft small\n", ".gitignore": "*.txt\n/small/sub/\n"},
        sdist=frozenset({*DATA, ".gitignore"}),
        wheel=frozenset({*WHEEL, *DATA}),
        removed=frozenset({"MANIFEST.in"}),
        says=("artifacts = [", '"/small/data.txt"'),
    ),
    Mechanism(
        "scripts-and-data-files",
        {
            "setup.py": "from setuptools import setup\n"
            "setup(scripts=['bin/run'], data_files=[('share/small', ['docs/b.txt'])])\n",
            "bin/run": "#!/usr/bin/env python\nprint(1)\n",
        },
        sdist=frozenset({"bin/run", "docs/b.txt"}),
        wheel=frozenset(
            {*WHEEL, "small-1.0.data/scripts/run", "small-1.0.data/data/share/small/b.txt"}
        ),
        removed=frozenset({"setup.py"}),
        says=('"bin/run" = "run"', '"docs/b.txt" = "share/small/b.txt"'),
    ),
    Mechanism(
        "readme-with-parameters",
        {
            "pyproject.toml": SYSTEM,
            "setup.py": "from setuptools import setup\nsetup(name='small', version='1.0', "
            "packages=['small', 'small.sub'], long_description=open('tool.md').read(), "
            "python_requires='>=3.9', zip_safe=True, "
            "long_description_content_type='text/markdown; charset=UTF-8')\n",
            "tool.md": "Hello\n",
            "README.rst": "",
        },
        sdist=frozenset({"tool.md"}),
        removed=frozenset({"setup.py"}),
        says=('readme = "tool.md"',),
    ),
    Mechanism(
        "readme-without-type",
        {
            "pyproject.toml": SYSTEM,
            "setup.py": "from setuptools import setup\nsetup(name='small', version='1.0', "
            "packages=['small', 'small.sub'], python_requires='>=3.9', "
            "extras_require={'a_b': ['idna'], 'a-b': ['packaging']}, author='Ann, Bob', "
            "author_email='ann@x.org, bob@x.org', long_description=open('about.md').read())\n",
            "about.md": "Hello\n",
        },
        sdist=frozenset({"about.md"}),
        removed=frozenset({"setup.py"}),
        metadata=("Author-email: Ann <ann@x.org>, Bob <bob@x.org>",),
    ),
    Mechanism(
        "crlf",
        {"pyproject.toml": PROJECT.replace("\n", "\r\n"), "MANIFEST.in": "include tool.py\r\n"},
        sdist=frozenset({"tool.py"}),
        removed=frozenset({"MANIFEST.in"}),
    ),
    Mechanism(
        "dotted-and-out-of-order",
        {
            "pyproject.toml": "tool.one.a = 1 # first\n"
            "project = {name = 'small', version = '1.0', requires-python = '>=3.9'}\n"
            "tool.setuptools.packages = ['small', 'small.sub']\n\n[tool.two] # second\nb = 2\n\n"
            f"{SYSTEM}\n[tool.three.deep]\nc = 3\n"
        },
        says=("tool.one.a = 1 # first", "[tool.two] # second", "[tool.three.deep]"),
    ),
    Mechanism(
        "dynamic-fields",
        {
            "pyproject.toml": PROJECT.replace(
                'version = "1.0"\n', 'dynamic = ["version", "dependencies", "description"]\n'
            ).replace('readme = "README.rst"\n', "")
            + "[tool.setuptools.dynamic]\nversion = {file = 'VERSION'}\n"
            "dependencies = {file = ['needs.txt']}\ndescription = {file = 'about.txt'}\n",
            "VERSION": "1.0\n",
            "needs.txt": "idna>=2.5\npackaging\n",
            "about.txt": "About it",
        },
        sdist=frozenset({"VERSION", "needs.txt", "about.txt"}),
        says=('path = "VERSION"', 'dynamic = ["version"]', '"idna>=2.5"'),
        metadata=("Summary: About it", "Requires-Dist: packaging"),
    ),
    Mechanism(
        "attr-computed",
        versioned({"pyproject.toml": PROJECT}, "__version__")
        | {
            "small/__init__.py": "from small.sub import make\n__version__ = make(1, 0)\n",
            "small/sub/__init__.py": "def make(*parts): return '.'.join(map(str, parts))\n",
        },
        says=('source = "code"', 'path = "small/__init__.py"', 'search-paths = ["."]'),
    ),
    Mechanism(
        "setup-cfg",
        {
            "pyproject.toml": SYSTEM,
            "setup.cfg": SETUP_CFG,
            "setup.py": "import setuptools\nsetuptools.setup()\n",
            "MANIFEST.in": "include small/*.txt\n",
            "small/__init__.py": "VERSION = '1.0'\n",
        },
        sdist=frozenset({"small/data.txt", "setup.cfg"}),
        wheel=frozenset({*WHEEL, "small/data.txt"}),
        removed=frozenset({"MANIFEST.in", "setup.py"}),
        says=('path = "small/__init__.py"', 'license = { text = "MIT" }', "[project.scripts]"),
        metadata=("Requires-Dist: colorama; (sys_platform == 'win32') and extra == 'more'",),
    ),
    Mechanism(
        "setup-py-alone",
        {
            "pyproject.toml": "[tool.other]\nkey = 1 # stays\n",
            "setup.py": SETUP_PY,
            "small/__init__.py": "__version__ = '1.0'\n",
        },
        sdist=frozenset({"small/data.txt"}),
        wheel=frozenset({*WHEEL, "small/data.txt"}),
        removed=frozenset({"setup.py"}),
        says=("key = 1 # stays", 'path = "small/__init__.py"', "Download = "),
        metadata=(
            "Requires-Dist: colorama; (sys_platform == 'win32') and extra == 'more'",
            "Requires-Dist: tomli>=1; python_version < '3.11'",
        ),
    ),
)


@pytest.mark.parametrize("case", MECHANISMS, ids=lambda case: case.id)
def test_mechanism(folder: Path, samebytes: Command, case: Mechanism) -> None:
    root = repository(folder / "small", {**case.tree, **case.files})
    before = set(git(root, "ls-files").splitlines())
    done = samebytes.here("migrate", root, "-v", "--workspace", folder)
    assert (done.status, done.stderr.partition("error:")[2]) == (0, ""), done.stdout
    assert before - tree_of(root) == case.removed
    text = (root / "pyproject.toml").read_text()
    for line in case.says:
        assert line in text
    sdist, wheel = built(root)
    assert wheel == case.wheel
    base = SDIST if any(name.startswith("small/") for name in case.wheel) else SDIST - WHEEL
    if "small/sub/__init__.py" not in case.wheel:
        base = base - {"small/sub/__init__.py"}
    if case.id == "fields-of-all-kinds":
        base = base - {"LICENSE"}
    assert sdist == base | case.sdist
    for line in case.metadata:
        assert line in metadata_of(root)


def tree_of(root: Path) -> set[str]:
    paths = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return {str(path) for path in paths if path.parts[0] not in (".git", "dist")}


def built(root: Path) -> tuple[set[str], set[str]]:
    """What plain hatchling packs: files of the sdist, and of the wheel outside of dist-info."""
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build"], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (sdist,), (wheel,) = (root / "dist").glob("*.tar.gz"), (root / "dist").glob("*.whl")
    with tarfile.open(sdist) as tar:
        names = {member.name.partition("/")[2] for member in tar if member.isfile()}
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    return names - {"PKG-INFO"}, inside


def metadata_of(root: Path) -> str:
    """METADATA and entry points of the wheel that is in ``dist``."""
    (wheel,) = (root / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(("METADATA", "points.txt"))]
        return "\n".join(archive.read(name).decode() for name in names)
