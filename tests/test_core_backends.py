"""The wrapper around real backends: examples of each, and four that build themselves."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
import tomlkit
from core_index import core_wheel
from django_tree import once
from packaging.utils import canonicalize_name
from packaging.version import Version
from projects import EPOCH, git, repository, write
from wrapped import WRAPPER, Wrapped, pyproject

from samebytes.archive.unpack import unpack_sdist
from samebytes.errors import SamebytesError
from samebytes.index.client import Index
from samebytes.index.settings import IndexSettings
from samebytes.interpreter import find_interpreter
from samebytes.places import cache_folder
from samebytes.process import Runner

pytestmark = pytest.mark.slow

#: All of them run on every Python since 3.9.
REQUIREMENTS = (
    "editables==0.5",
    "flit-core==3.12.0",
    "hatchling==1.27.0",
    "pdm-backend==2.4.5",
    "poetry-core==2.1.3",
    "setuptools==80.9.0",
    "packaging",
    "tomli",
    "typing-extensions",
)
SCM_REQUIREMENT = "setuptools-scm==8.3.1"
PYTHONS = ("3.9", "3.10", "3.12", "3.13")

PROJECT = """\
[project]
name = "small"
version = "1.0"
description = "Something"
"""
PACKAGE = {"src/small/__init__.py": "VALUE = 1\n", "src/small/data.txt": "data\n"}
SETUP = """\
import subprocess
from setuptools import setup
try:
    when = subprocess.check_output(["git", "log", "-1", "--format=%ct"], text=True, stderr=-3)
    version = "1.1.dev" + when.strip()
except Exception:
    version = "1.1"
setup(version=version, scripts=["scripts/small.sh"])
"""
SETUP_CFG = """\
[metadata]
name = small
version = attr: small.made.VERSION
[options]
packages = find:
package_dir = = src
[options.packages.find]
where = src
[egg_info]
tag_build = .dev
tag_date = 1
"""
#: A version that is found only where there is a repository.
FROM_GIT = """\
import subprocess
try:
    VERSION = subprocess.check_output(["git", "log", "-1", "--format=1.2.%ct"], text=True).strip()
except Exception:
    VERSION = "1.2"
"""
SCM = '[project]\nname = "small"\ndynamic = ["version"]\n[tool.setuptools_scm]\n'
DYNAMIC = (
    '[project]\nname = "small"\ndynamic = ["version"]\n'
    '[tool.setuptools.dynamic]\nversion = {attr = "small.made.VERSION"}\n'
)


HATCH = '[tool.hatch.build.targets.wheel]\npackages = ["src/small"]\n'


def example(
    inner: str, rest: str = PROJECT, files: Mapping[str, str] = MappingProxyType({})
) -> tuple[str, dict[str, str]]:
    return inner, {"pyproject.toml": pyproject(inner, rest=rest), **PACKAGE, **files}


#: Each backend, and its project; for setuptools, the ways in which a version comes about.
EXAMPLES = {
    "hatchling": example("hatchling.build", PROJECT + HATCH),
    "flit": example("flit_core.buildapi"),
    "poetry": example("poetry.core.masonry.api"),
    "pdm": example("pdm.backend"),
    "setuptools: setup.py": example(
        "setuptools.build_meta:__legacy__",
        '[project]\nname = "small"\ndynamic = ["version", "scripts"]\n',
        {"setup.py": SETUP, "MANIFEST.in": "graft src\n", "scripts/small.sh": "#!/bin/sh\n"},
    ),
    "setuptools: attr": example("setuptools.build_meta", DYNAMIC, {"src/small/made.py": FROM_GIT}),
    "setuptools: tags": example(
        "setuptools.build_meta",
        "",
        {"setup.cfg": SETUP_CFG, "src/small/made.py": 'VERSION = "1.3"\n'},
    ),
    "setuptools-scm": example("setuptools.build_meta", SCM),
    "hook of hatchling": example(
        "", f"{PROJECT}[tool.hatch.build.hooks.samebytes]\ndirty = 'error'\n{HATCH}"
    ),
}
BACKENDS = ("flit", "hatchling", "pdm", "poetry", "setuptools: setup.py")
VERSIONS = {
    "setuptools: setup.py": rf"1\.1\.dev{EPOCH}",
    "setuptools: attr": rf"1\.2\.{EPOCH}",
    "setuptools: tags": r"1\.3\.dev20\d{6}",
    "setuptools-scm": r"0\.1\.dev1\+g[0-9a-f]+",
}
#: Backends that build themselves: their sdists.
THEMSELVES = ("flit-core==3.12.0", "hatchling==1.27.0", "pdm-backend==2.4.5", "poetry-core==2.1.3")


def importable(project: Wrapped) -> dict[str, str]:
    """The environment in which what the project requires is there."""
    folders = [backends()]
    if "setuptools_scm" in (project.root / "pyproject.toml").read_text():
        # Where it is, it has a say in all that setuptools builds.
        folders.append(once("scm", lambda folder: target(folder, "--no-deps", SCM_REQUIREMENT)))
    return {"PYTHONPATH": os.pathsep.join(map(str, folders))}


def backends() -> Path:
    """A folder to import all backends and the core from."""
    return once("backends", lambda folder: target(folder, *REQUIREMENTS, core_wheel()))


def target(folder: Path, *requirements: str | Path) -> None:
    uv("pip", "install", "--target", folder, "--python-version", PYTHONS[0], *requirements)


def uv(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "uv", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def itself(root: Path, requirement: str) -> Wrapped:
    """The project of a backend, in the wrapper, in a repository."""
    name, _, version = requirement.partition("==")
    index = Index(IndexSettings.from_pip(os.environ), cache_folder() / "downloads")
    unpack_sdist(index.sdist(canonicalize_name(name), Version(version)).path, root, mtime=EPOCH)
    (root / "PKG-INFO").unlink()
    manifest = tomlkit.parse((root / "pyproject.toml").read_text())
    system = manifest["build-system"]
    inner, path = system["build-backend"], system.pop("backend-path")
    system["build-backend"] = WRAPPER
    manifest.setdefault("tool", tomlkit.table())["samebytes"] = {
        "backend": inner,
        "backend-path": path,
    }
    return Wrapped(
        repository(root, {"pyproject.toml": tomlkit.dumps(manifest)}), inner, tuple(path)
    )


def made(root: Path, name: str) -> Wrapped:
    if name in THEMSELVES:
        return itself(root, name)
    inner, files = EXAMPLES[name]
    for path in write(root, files).glob("scripts/*"):
        path.chmod(0o755)
    outer = WRAPPER if inner else "hatchling.build"
    return Wrapped(repository(root, {}), inner or outer, outer=outer)


def build(
    project: Wrapped,
    out: Path,
    *,
    python: str = sys.executable,
    environ: Mapping[str, str] = MappingProxyType({}),
    umask: int = -1,
) -> tuple[Path, Path]:
    """An sdist, and a wheel from it, as ``python -m build`` builds them."""
    environ = {**environ, **importable(project)}
    out.mkdir()
    hooks = project.through(python=python, umask=umask, environ=environ)
    sdist = hooks.build_sdist(os.fspath(out))
    tree = out / sdist.removesuffix(".tar.gz")
    unpack_sdist(out / sdist, tree, mtime=5)  # there are frontends that keep no times
    hooks = replace(project, root=tree).through(python=python, umask=umask, environ=environ)
    return out / sdist, out / hooks.build_wheel(os.fspath(out))


def from_tree(project: Wrapped, out: Path) -> Path:
    """A wheel that is built without an sdist."""
    out.mkdir()
    return out / project.through(environ=importable(project)).build_wheel(os.fspath(out))


def same(*paths: Path) -> bool:
    return len({(path.name, path.read_bytes()) for path in paths}) == 1


def contents(path: Path) -> dict[str, tuple[bytes, bool]]:
    """Each file of an archive, and whether it is executable."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            return {
                member.filename: (wheel.read(member), bool(member.external_attr >> 16 & 0o100))
                for member in wheel.infolist()
            }
    with tarfile.open(path) as sdist:
        files = ((member, sdist.extractfile(member)) for member in sdist)
        return {
            member.name.partition("/")[2]: (file.read(), bool(member.mode & 0o100))
            for member, file in files
            if file is not None
        }


@pytest.mark.parametrize("name", [*BACKENDS, *THEMSELVES])
def test_the_same_files_in_archives_that_anybody_gets(folder: Path, name: str) -> None:
    project = made(folder / "tree", name)
    sdist, wheel = build(project, folder / "first")
    assert same(wheel, from_tree(project, folder / "second"))
    if name in BACKENDS:
        other = replace(project, root=folder / "elsewhere/a b")
        git(folder, "clone", "--quiet", project.root.as_uri(), str(other.root))
        environ = {"TZ": "Asia/Kathmandu", "LC_ALL": "C"}
        again = build(other, folder / "third", umask=0o077, environ=environ)
        assert same(sdist, again[0])
        assert same(wheel, again[1])
        assert sdist.name == f"small-{wheel.name.split('-')[1]}.tar.gz"

    git(project.root, "clean", "--quiet", "-dfx")
    plain, out = folder / "plain", str(folder / "plain")
    plain.mkdir()
    environ = {"SOURCE_DATE_EPOCH": str(EPOCH), **importable(project)}
    hooks = project.through(wrapper=False, environ=environ)
    added = {"SOURCE_DATE_EPOCH": (f"{EPOCH}\n".encode(), False)}
    assert contents(sdist) == contents(plain / hooks.build_sdist(out)) | added
    assert contents(wheel) == contents(plain / hooks.build_wheel(out))


@pytest.mark.parametrize("name", VERSIONS)
def test_a_wheel_has_the_version_of_its_sdist(folder: Path, name: str) -> None:
    project = made(folder / "tree", name)
    sdist, wheel = build(project, folder / "out")
    version = wheel.name.split("-")[1]
    assert re.fullmatch(VERSIONS[name], version)
    assert sdist.name == f"small-{version}.tar.gz"
    assert same(wheel, from_tree(project, folder / "tree's"))
    metadata = contents(wheel)[f"small-{version}.dist-info/METADATA"][0].decode()
    assert f"\nVersion: {version}\n" in metadata

    tree = replace(project, root=folder / f"out/small-{version}")
    hooks = tree.through(environ=importable(tree))
    (folder / "metadata").mkdir()
    prepared = hooks.prepare_metadata_for_build_wheel(os.fspath(folder / "metadata"))
    assert prepared == f"small-{version}.dist-info"
    assert (folder / "metadata" / prepared / "METADATA").read_text() == metadata
    assert hooks.build_sdist(os.fspath(folder)) == sdist.name


#: Where a version stands, and the version of metadata that is made in an sdist of version 1.0.
WRITTEN = {
    "pyproject.toml": ({"pyproject.toml": '[project]\nname = "x"\nversion = "2.0"\n'}, "2.0"),
    "setup.cfg": ({"setup.cfg": "[metadata]\nname = x\nversion = 2.0\n"}, "2.0"),
    "a file": (
        {
            "setup.cfg": "[metadata]\nname = x\nversion = file: VERSION\n",
            "VERSION": "2.0\n",
        },
        "2.0",
    ),
    "a module": (
        {"setup.cfg": "[metadata]\nname = x\nversion = attr: y.V\n", "y.py": "V = '2.0'\n"},
        "1.0",
    ),
    "setup.py": (
        {"setup.py": "import setuptools\nsetuptools.setup(name='x', version='2.0')\n"},
        "1.0",
    ),
}


@pytest.mark.parametrize("where", WRITTEN)
def test_a_version_that_is_edited_in_an_sdist(
    folder: Path, where: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """What is written down counts; what could be computed is the sdist's, with a warning."""
    files, version = WRITTEN[where]
    rest = files.get("pyproject.toml", "")
    files = {**files, "pyproject.toml": pyproject("setuptools.build_meta", rest=rest)}
    write(folder / "x", {**files, "PKG-INFO": "Name: x\nVersion: 1.0\n"})
    hooks = Wrapped(folder / "x", "setuptools.build_meta").through(
        environ={"PYTHONPATH": os.fspath(backends())}
    )
    (folder / "metadata").mkdir()
    prepared = hooks.prepare_metadata_for_build_wheel(os.fspath(folder / "metadata"))
    assert prepared == f"x-{version}.dist-info"
    is_warned = "the version is that of the sdist, 1.0, not 2.0" in capfd.readouterr().err
    assert is_warned == (version == "1.0")


@pytest.mark.parametrize("name", ["hatchling", "hook of hatchling", "setuptools: setup.py"])
def test_every_python_gives_the_same(folder: Path, name: str) -> None:
    """Where they have the same zlib; and the same files where they have not."""
    project = made(folder / "tree", name)
    found: dict[str, list[tuple[Path, Path]]] = {}
    if len(versions := pythons()) == 1:
        pytest.skip(f"of {', '.join(PYTHONS)} there is none to compare {versions[0]} with")
    for version in versions:
        python = find_interpreter(version, Runner(), os.environ)
        built = build(project, folder / version, python=str(python.path))
        found.setdefault(python.identity.zlib, []).append(built)
        git(project.root, "clean", "--quiet", "-dfx")
    for alike in found.values():
        assert all(same(*paths) for paths in zip(*alike, strict=True))
    for paths in zip(*(built for alike in found.values() for built in alike), strict=True):
        assert all(contents(path) == contents(paths[0]) for path in paths[1:])


def pythons() -> list[str]:
    """Those of ``PYTHONS`` that this machine has, and that of the tests."""
    found = {f"{sys.version_info[0]}.{sys.version_info[1]}"}
    for version in PYTHONS:
        with suppress(SamebytesError):
            find_interpreter(version, Runner(), os.environ)
            found.add(version)
    return sorted(found)


Install = Callable[..., str]


@pytest.fixture
def install(folder: Path) -> Install:
    """Installs what it is given anew, and returns the value that the package has."""
    python = folder / "venv/bin/python"
    uv("venv", "--python", sys.executable, folder / "venv")
    (library,) = folder.glob("venv/lib/python*/site-packages")
    (library / "backends.pth").write_text(str(backends()))
    command = ("pip", "install", "--python", python, "--no-deps", "--no-build-isolation")

    def run(*what: str | Path) -> str:
        uv(*command, "--reinstall", "--no-cache", *what)
        script = "import small; print(small.VALUE)"
        return subprocess.check_output([python, "-c", script], text=True, cwd=folder)

    return run


@pytest.mark.parametrize("name", BACKENDS)
def test_installs_editable_too(folder: Path, install: Install, name: str) -> None:
    project = made(folder / "tree", name)
    for value in (22, 333):  # bytecode is of files of that size and second
        write(project.root, {"src/small/__init__.py": f"VALUE = {value}\n"})
        assert install("--editable", project.root) == f"{value}\n"


def test_installs_from_wherever_it_did(folder: Path, install: Install) -> None:
    project = made(folder / "tree", "setuptools: setup.py")
    sdist, _ = build(project, folder / "out")
    vendored = repository(folder / "other", {}, date="2020-01-02T03:04:05Z") / "vendor"
    unpack_sdist(sdist, vendored, mtime=5)
    (folder / "past").mkdir()
    past = project.through(wrapper=False, environ=importable(project))
    without = past.build_sdist(os.fspath(folder / "past"))  # as setup.py does
    git(project.root, "archive", "--prefix=tree-main/", "-o", "../export.zip", "HEAD")
    shutil.copytree(project.root, folder / "image", ignore=shutil.ignore_patterns(".git"))
    for what in (
        f"small @ git+{project.root.as_uri()}",
        sdist,
        folder / "past" / without,
        vendored,
        folder / "export.zip",
        folder / "image",
    ):
        assert install(what) == "1\n"
