"""``samebytes verify`` on files and checkouts: sources, tags, folders, verdicts, refusals."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from conftest import Command
from projects import DATE, commit, git, own_backend, repository, write

pytestmark = pytest.mark.slow

WHEEL, SDIST = "small-1.0-py3-none-any.whl", "small-1.0.tar.gz"


def built(root: Path, out: Path) -> Path:
    """What plain ``python -m build`` gives, in an environment that has nothing else to offer."""
    # At another time than it is verified: a wheel of the same two seconds would be identical.
    command = ["faketime", "2026-11-03 13:00:00", sys.executable, "-m", "build"]
    command += ["--no-isolation", "--outdir", str(out), str(root)]
    subprocess.run(command, check=True, capture_output=True)
    return out


def result(done: Any, number: int = 0) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(done.stdout)
    found: dict[str, Any] = document["results"][number]
    return found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository, tagged."""
    root = repository(tmp_path / "project", own_backend() | {"small.txt": "text\n"})
    git(root, "tag", "v1.0")
    return root


@pytest.fixture
def published(project: Path, tmp_path: Path) -> Path:
    return built(project, tmp_path / "published")


def test_a_wheel_from_its_sdist(samebytes: Command, published: Path) -> None:
    done = samebytes("verify", published / WHEEL, "--source", published / SDIST, "--json", "-")
    assert done.status == 0, done.stderr
    found = result(done)
    assert found["verdict"] == "equivalent"  # the time of the build is in the wheel
    assert {each["kind"] for each in found["corrections"]} == {"zip-mtime"}
    assert found["source"] == SDIST
    assert found["recipe"]["source"]["kind"] == "sdist"
    assert found["recipe"]["requirements"] == []


def test_both_from_the_revision_that_is_tagged(
    samebytes: Command, project: Path, published: Path
) -> None:
    write(project, {"later.txt": "not in the release\n"})
    head = git(project, "rev-parse", "HEAD")
    commit(project)
    files = [published / SDIST, published / WHEEL]
    done = samebytes("verify", *files, "--source", project, "--json", "-", "--verbose")
    assert done.status == 0, done.stdout
    for number in (0, 1):
        found = result(done, number)
        assert found["verdict"] == "equivalent"
        assert found["source"] == f"commit {head}"
        assert {"what": "revision", "value": "v1.0", "why": "the tag that names the version"} in (
            found["evidence"]
        )


def test_no_tag(samebytes: Command, project: Path, published: Path) -> None:
    git(project, "tag", "--delete", "v1.0")
    git(project, "tag", "v1.0rc1")
    done = samebytes("verify", published / WHEEL, "--source", project)
    assert done.status == 2
    assert "No tag in" in done.stderr
    assert "--rev" in done.stderr
    done = samebytes("verify", published / WHEEL, "--source", project, "--rev", "HEAD", "--quiet")
    assert (done.status, done.stdout) == (0, f"equivalent  {WHEEL}\n")


def test_a_project_in_a_folder_of_a_repository(samebytes: Command, tmp_path: Path) -> None:
    inner = own_backend() | {"setup.cfg": "[metadata]\nname = small\n"}
    files = {f"packages/small/{name}": text for name, text in inner.items()}
    other = {"packages/other/setup.cfg": "[metadata]\nname = other\n", "README": "monorepo\n"}
    root = repository(tmp_path / "mono", files | other)
    git(root, "tag", "other-1.0", date=DATE)
    git(root, "tag", "small-1.0")
    out = built(root / "packages/small", tmp_path / "out")
    done = samebytes("verify", out / WHEEL, "--source", root, "--json", "-")
    assert done.status == 0, done.stdout
    values = {each["what"]: each["value"] for each in result(done)["evidence"]}
    assert values["revision"] == "small-1.0"
    assert values["folder"] == "packages/small"


def repacked(sdist: Path, target: Path, added: Mapping[str, bytes]) -> Path:
    """The same sdist with more members."""
    with tarfile.open(sdist) as old, tarfile.open(target, "w:gz") as new:
        for member in old:
            new.addfile(member, old.extractfile(member))
        for name, data in added.items():
            info = tarfile.TarInfo(f"small-1.0/{name}")
            info.size = len(data)
            new.addfile(info, io.BytesIO(data))
    return target


def test_what_the_revision_does_not_explain(
    samebytes: Command, project: Path, published: Path, tmp_path: Path
) -> None:
    hidden = {"tests/files/bad.xz": b"\xfd7zXZ", "build-to-host.m4": b"eval"}
    sdist = repacked(published / SDIST, tmp_path / SDIST, hidden)
    done = samebytes("verify", sdist, "--source", project, "--json", "-")
    assert done.status == 1
    found = result(done)
    assert found["verdict"] == "different"
    assert found["places"] == ["phantom members"]
    assert found["phantoms"] == [f"small-1.0/{name}" for name in sorted(hidden, reverse=True)]
    shown = samebytes("verify", sdist, "--source", project).stdout
    assert "phantom" in shown
    assert "tests/files/bad.xz" in shown


def test_other_code(samebytes: Command, project: Path, published: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(published / WHEEL) as old, zipfile.ZipFile(tmp_path / WHEEL, "w") as new:
        for member in old.infolist():
            data = old.read(member)
            new.writestr(member, b"import os" if member.filename == "small.py" else data)
    done = samebytes("verify", tmp_path / WHEEL, "--source", project, "--json", "-")
    found = result(done)
    assert (done.status, found["verdict"], found["places"]) == (1, "different", ["code"])


def test_another_name(samebytes: Command, published: Path, tmp_path: Path) -> None:
    renamed = tmp_path / WHEEL.replace("py3-none", "py2.py3-none")
    shutil.copy(published / WHEEL, renamed)
    done = samebytes("verify", renamed, "--source", published / SDIST, "--json", "-")
    found = result(done)
    assert (done.status, found["verdict"]) == (1, "different")
    assert "Its name is" in found["problems"][0]


def test_what_cannot_be_built(samebytes: Command, published: Path, tmp_path: Path) -> None:
    broken = repository(tmp_path / "broken", own_backend("def content(): raise OSError('no')"))
    git(broken, "tag", "1.0")
    done = samebytes("verify", published / WHEEL, "--source", broken, "--json", "-")
    found = result(done)
    assert (done.status, found["verdict"]) == (1, "unbuildable")
    assert found["failure"]["phase"] == "build"
    assert "OSError: no" in found["failure"]["detail"]


def test_requirements_that_cannot_be_had(
    samebytes: Command, published: Path, tmp_path: Path
) -> None:
    files = own_backend()
    files["pyproject.toml"] = files["pyproject.toml"].replace("[]", '["setuptools>9999"]', 1)
    root = repository(tmp_path / "old", files)
    git(root, "tag", "1.0")
    found = result(samebytes("verify", published / WHEEL, "--source", root, "--json", "-"))
    assert (found["verdict"], found["failure"]["phase"]) == ("unbuildable", "requirements")


def test_a_damaged_file(samebytes: Command, published: Path, tmp_path: Path) -> None:
    damaged = tmp_path / WHEEL
    damaged.write_bytes((published / WHEEL).read_bytes()[:-30])
    done = samebytes("verify", damaged, "--source", published / SDIST, "--json", "-")
    found = result(done)
    assert (done.status, found["verdict"], found["attempts"]) == (1, "different", 0)
    assert found["problems"]


def test_a_damaged_source(samebytes: Command, published: Path, tmp_path: Path) -> None:
    damaged = tmp_path / SDIST
    damaged.write_bytes((published / SDIST).read_bytes()[:-30])
    found = result(samebytes("verify", published / WHEEL, "--source", damaged, "--json", "-"))
    assert (found["verdict"], found["failure"]["phase"]) == ("unbuildable", "unpack")


def wheel_of(content: str, path: Path) -> Path:
    """The wheel that own_backend's would give for this content."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in (("small.py", content), ("small-1.0.dist-info/RECORD", "")):
            member = zipfile.ZipInfo(name, (2026, 11, 3, 13, 0, 0))
            member.external_attr = 0o600 << 16  # as for a name alone
            archive.writestr(member, text)
    return path


SEEN = """
import glob, os, subprocess, sys
PLACES = ("/usr/lib/python3*", "/usr/local/lib/python3*", sys.base_prefix + "/lib/python3*")
def content():
    found = [each for place in PLACES for each in glob.glob(place + "/*-packages/*")]
    found += [each for each in ("/usr/src", "/usr/local/src") if os.path.exists(each)]
    return repr([each for each in found if not each.endswith("/pyproject_hooks")])
"""


def test_what_is_installed_on_the_host_is_not_seen(samebytes: Command, tmp_path: Path) -> None:
    """Else a build could fetch what it is said to build from where it was installed."""
    root = repository(tmp_path / "project", own_backend(SEEN))
    git(root, "tag", "1.0")
    published = wheel_of("[]", tmp_path / WHEEL)
    done = samebytes("verify", published, "--source", root, "--json", "-")
    assert result(done)["verdict"] == "equivalent", done.stdout


HIDDEN = """
import subprocess
def content():
    found = subprocess.run(["git", "cat-file", "-p", "{blob}"], capture_output=True, text=True)
    log = subprocess.run(["git", "describe", "--tags"], capture_output=True, text=True)
    return found.stdout + log.stdout
"""


def test_a_build_sees_nothing_else_of_the_repository(samebytes: Command, tmp_path: Path) -> None:
    root = repository(tmp_path / "project", {"hidden.py": "the published bytes"})
    blob = git(root, "rev-parse", "HEAD:hidden.py")
    git(root, "tag", "hidden")
    git(root, "checkout", "--quiet", "--orphan", "release")
    git(root, "rm", "--quiet", "-rf", ".")
    write(root, own_backend(HIDDEN.format(blob=blob)))
    commit(root)
    git(root, "tag", "v1.0")
    published = wheel_of("v1.0\n", tmp_path / WHEEL)
    done = samebytes("verify", published, "--source", root, "--json", "-")
    assert result(done)["verdict"] == "equivalent", done.stdout


def test_a_source_that_holds_the_wheel(samebytes: Command, published: Path, tmp_path: Path) -> None:
    held = {"data.bin": (published / WHEEL).read_bytes()}
    sdist = repacked(published / SDIST, tmp_path / SDIST, held)
    found = result(samebytes("verify", published / WHEEL, "--source", sdist, "--json", "-"))
    assert found["verdict"] == "equivalent"
    assert "holds the published file itself: small-1.0/data.bin" in " ".join(found["remarks"])


def test_several_at_once(samebytes: Command, published: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(published / WHEEL, other)
    html = tmp_path / "report.html"
    done = samebytes(
        *("verify", published / WHEEL, other / WHEEL, "--source", published / SDIST),
        *("--workers", "2", "--html", html),
    )
    assert done.status == 0, done.stderr
    assert "2 artifacts: 2 equivalent" in done.stdout
    assert WHEEL in html.read_text()


def test_an_sdist_without_a_source(samebytes: Command, published: Path) -> None:
    done = samebytes("verify", published / SDIST)
    assert done.status == 2
    assert "Nothing says from what" in done.stderr
    assert "--source" in done.stderr


def test_without_a_sandbox(samebytes: Command, published: Path, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("git", "python3"):
        (programs / name).symlink_to(str(shutil.which(name)))
    arguments = ("verify", published / WHEEL, "--source", published / SDIST)
    done = samebytes(*arguments, env={"PATH": str(programs)})
    assert done.status == 2
    assert "There is no sandbox" in done.stderr
    assert "--no-sandbox" in done.stderr
    done = samebytes(*arguments, "--no-sandbox", "--quiet", env={"PATH": str(programs)})
    assert (done.status, done.stdout) == (0, f"equivalent  {WHEEL}\n")
    assert "warning" in done.stderr
