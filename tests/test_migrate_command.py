"""The command as a user runs it: what it prints, writes, refuses to write, and leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import Command
from projects import SETUPTOOLS, commit, git, repository, write
from test_documents import validate
from test_migrate_cases import PROJECT, TREE, built

pytestmark = pytest.mark.slow

#: hatchling alone would pack nothing of this into the sdist: no rule says so, and git ignores it.
FILES = {**TREE, "MANIFEST.in": "# The manual.\ngraft docs\n", "tox.ini": "x = MANIFEST.in\n"}
KIT = {
    "kit.toml": 'version = 1\nproject = "SMALL"\ntables = "tables.toml"\n'
    'requires = ["hatchling"]\n'
    '[[file]]\nfrom = "new.txt"\nto = "scripts/new.txt"\n'
    '[sdist]\ngone = ["MANIFEST.in", "setup.cfg", "*.egg-info/"]\n'
    '[wheel]\ngone = ["*.dist-info/top_level.txt"]\n',
    "new.txt": "new\n",
    "tables.toml": "[tool.hatch.build.targets.sdist]\n"
    'include = ["/small/*.py", "/small/sub/*.py"]\n\n'
    '[tool.hatch.build.targets.wheel]\ninclude = ["/small/*.py", "/small/sub/*.py"]\n',
}


def test_documents_and_patch(folder: Path, samebytes: Command) -> None:
    root = repository(folder / "small", FILES)
    target = folder / "result.json"
    dry = samebytes("migrate", root, "--dry-run", "--json", target, "--html", folder / "page.html")
    assert dry.status == 0, dry.stderr
    document = json.loads(target.read_text())
    validate(document, "migrate-1.json")
    assert document["status"] == "proved"
    assert document["rules"] == [
        {"line": 2, "directive": "graft docs", "patterns": ["/docs"], "reason": ""}
    ]
    assert document["files"] == [
        {"path": "MANIFEST.in", "action": "removed"},
        {"path": "pyproject.toml", "action": "changed"},
    ]
    assert "These name MANIFEST.in; look at them: tox.ini." in dry.stdout
    assert "MANIFEST.in" in (folder / "page.html").read_text()
    assert git(root, "status", "--porcelain") == ""
    applied = subprocess.run(
        ["git", "apply", "-"], cwd=root, input=dry.stdout, capture_output=True, text=True
    )
    assert applied.returncode == 0, applied.stderr
    patched = (root / "pyproject.toml").read_text()
    git(root, "reset", "--hard", "--quiet")
    done = samebytes("migrate", root, "--quiet", "--json", target)
    assert (done.status, done.stdout, done.stderr) == (0, "", "")
    assert (root / "pyproject.toml").read_text() == patched
    validate(json.loads(target.read_text()), "migrate-1.json")
    commit(root)
    again = samebytes("migrate", root, "--json", "-")
    document = json.loads(again.stdout)
    validate(document, "migrate-1.json")
    assert (again.status, document["status"]) == (0, "unchanged")


def test_kit_that_loses_files(folder: Path, samebytes: Command) -> None:
    """Exit 1 and nothing written, the lost files named; ``--keep`` writes it all the same."""
    root = repository(folder / "small", FILES)
    kit = write(folder / "kit", KIT)
    target = folder / "result.json"
    done = samebytes("migrate", root, "--kit", kit, "--json", target)
    assert done.status == 1
    assert "UNEXPECTED" in done.stdout
    assert "- docs/a.rst" in done.stdout
    assert (
        "Not in the kit's [tool.hatch.build.targets.sdist] include, but asked for here: /docs"
        in (done.stdout)
    )
    assert "Nothing was written. --keep" in done.stdout
    assert git(root, "status", "--porcelain") == ""
    document = json.loads(target.read_text())
    validate(document, "migrate-1.json")
    assert document["status"] == "finding"
    kept = samebytes("migrate", root, "--kit", kit, "--keep", "--quiet")
    assert (kept.status, (root / "scripts/new.txt").read_text()) == (1, "new\n")
    again = samebytes("migrate", root, "--kit", kit, "--allow-dirty")
    assert again.status == 2
    assert "which has changes of its own" in again.stderr


def test_failure_of_hatchling_is_told(folder: Path, samebytes: Command) -> None:
    """Its own message, not that the other build was ended because of it."""
    root = repository(folder / "small", FILES)
    tables = KIT["tables.toml"].replace('["/small/*.py", "/small/sub/*.py"]', "3")
    kit = write(folder / "kit", KIT | {"tables.toml": tables})
    for _ in range(2):
        done = samebytes("migrate", root, "--kit", kit, "--json", folder / "result.json")
        assert done.status == 2
        assert "must be an array of strings" in done.stderr
        assert "Interrupted" not in done.stderr
        document = json.loads((folder / "result.json").read_text())
        assert "The build backend failed" in document["error"]["message"]


SCM = """\
[build-system]
requires = ["setuptools>=77", "setuptools-scm"]
build-backend = "setuptools.build_meta"

[project]
name = "small"
dynamic = ["version"]
requires-python = ">=3.9"

[tool.setuptools]
packages = ["small"]

[tool.setuptools_scm]
version_scheme = "post-release"
local_scheme = "no-local-version"
"""


@pytest.mark.parametrize(
    ("more", "files", "hook"),
    [
        ('version_file = "small/_v.py"\n', {}, 'version-file = "small/_v.py"'),
        ("", {"setup.py": "import setuptools\nsetuptools.setup(use_scm_version=True)\n"}, ""),
        (
            'root = "../.."\nwrite_to = "py/lib/small/_v.py"\n',
            {},
            'version-file = "small/_v.py"',
        ),
    ],
)
def test_setuptools_scm(
    folder: Path, samebytes: Command, more: str, files: dict[str, str], hook: str
) -> None:
    """After a tag, where the schemes decide; in a folder of a monorepo where root says so."""
    place = "py/lib/" if "root" in more else ""
    tree = {"pyproject.toml": SCM + more, "small/__init__.py": "", ".gitignore": "", **files}
    root = repository(folder / "r", {f"{place}{path}": text for path, text in tree.items()})
    git(root, "tag", "v1.2")
    (root / "other.txt").write_text("")
    commit(root)
    project = root / place
    done = samebytes("migrate", project)
    assert done.status == 0, done.stdout + done.stderr
    assert "small-1.2.post1.tar.gz" in done.stdout
    text = (project / "pyproject.toml").read_text()
    assert 'version_scheme = "post-release"' in text
    assert hook in text
    assert "It was compared at this commit only." in done.stdout


def test_old_commit_and_old_setuptools(folder: Path, samebytes: Command) -> None:
    """A commit of a time when setuptools knew neither [project] nor to find packages."""
    files = {
        "setup.py": "import sys\nfrom setuptools import setup\nneeds = ['idna']\n"
        "if sys.platform == 'win32': needs.append('colorama')\n"
        "setup(name='small', version='1.0', packages=['small'], python_requires='>=3.6', "
        "install_requires=needs)\n",
        "small/__init__.py": "",
        "small/static/a.txt": "",
    }
    root = repository(folder / "r", files, date="2021-06-01T12:00:00Z")
    done = samebytes("migrate", root)
    assert done.status == 0, done.stdout + done.stderr
    assert "setuptools==57.0.0" in done.stderr
    assert (
        "What setup.py decides by sys.platform was taken as it is on this machine." in done.stdout
    )


def test_links_between_folders(folder: Path, samebytes: Command) -> None:
    root = folder / "r"
    write(root, {**FILES, "src/small/__init__.py": ""})
    (root / "tests/data/link").symlink_to("../../docs")
    (root / "docs/loop").symlink_to("../docs")
    repository(root, {"MANIFEST.in": "graft docs\n"})
    done = samebytes("migrate", root)
    assert done.status == 0, done.stdout + done.stderr
    (root / "small/link.txt").symlink_to("data.txt")
    commit(root)
    git(root, "checkout", "--quiet", "HEAD~1", "--", ".")
    (root / "MANIFEST.in").write_text("graft small\n")
    commit(root)
    done = samebytes("migrate", root)
    assert done.status == 2
    assert "It packs symbolic links: small/link.txt." in done.stderr


def test_kit_of_another_project(folder: Path, samebytes: Command) -> None:
    root = repository(folder / "small", FILES)
    kit = write(folder / "kit", KIT | {"kit.toml": KIT["kit.toml"].replace("SMALL", "Other")})
    done = samebytes("migrate", root, "--kit", kit)
    assert done.status == 2
    assert "- The kit is for Other; the project is small." in done.stderr


def test_changes_of_ones_own_are_not_overwritten(folder: Path, samebytes: Command) -> None:
    root = repository(folder / "small", FILES)
    (root / "stray.txt").write_text("mine")
    (root / "tool.py").write_text("mine")
    done = samebytes("migrate", root, "--allow-dirty")
    assert done.status == 0, done.stderr
    assert (root / "stray.txt").read_text() == "mine"
    git(root, "checkout", "--quiet", "MANIFEST.in", "pyproject.toml")
    with (root / "pyproject.toml").open("a") as file:
        file.write("# mine\n")
    done = samebytes("migrate", root, "--allow-dirty")
    assert done.status == 2
    assert "pyproject.toml, which has changes of its own" in done.stderr
    assert (root / "pyproject.toml").read_text().endswith("# mine\n")
    assert (root / "MANIFEST.in").exists()


def test_project_in_a_folder_of_a_monorepo(folder: Path, samebytes: Command) -> None:
    """.gitignore of the repository counts, and the patch is one for its root."""
    files = {f"projects/small/{path}": text for path, text in FILES.items()}
    root = repository(folder / "all", {**files, ".gitignore": "docs/deep/\n", "other.txt": ""})
    place = root / "projects/small"
    dry = samebytes("migrate", "--dry-run", cwd=place)
    assert dry.status == 0, dry.stdout + dry.stderr
    applied = subprocess.run(
        ["git", "apply", "-"], cwd=root, input=dry.stdout, capture_output=True, text=True
    )
    assert applied.returncode == 0, applied.stderr
    assert '"/docs/deep/c.rst"' in (place / "pyproject.toml").read_text()
    assert "docs/deep/c.rst" in built(place)[0]


def test_read_only_checkout(folder: Path, samebytes: Command) -> None:
    root = repository(folder / "small", FILES)
    before = (root / "pyproject.toml").read_bytes()
    (root / "pyproject.toml").unlink()
    (root / "pyproject.toml").write_bytes(before)
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    script = f"mount --bind -o ro {root} {root} && mount -o remount,ro,bind {root} && exec "
    script += f"{sys.executable} -m samebytes migrate --workspace {folder} {root}"
    done = subprocess.run([*command, script], capture_output=True, text=True, env=samebytes.environ)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "error:" in done.stderr
    assert "Traceback" not in done.stderr
    assert (root / "pyproject.toml").read_bytes() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(folder: Path, samebytes: Command, number: signal.Signals) -> None:
    """Nothing is left: no process, no folder, no change."""
    root = repository(folder / "small", {**SETUPTOOLS, "setup.py": SLOW})
    base = folder / "base"
    base.mkdir()
    child = subprocess.Popen(
        [sys.executable, "-m", "samebytes", "migrate", "--workspace", base, root],
        env=samebytes.environ | {"MARK": str(folder)},
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(600):
        if any(base.glob("*/*/out")) and list(base.rglob("begun")):
            break
        time.sleep(0.05)
    else:
        raise AssertionError("the build did not begin")
    child.send_signal(number)
    _, stderr = child.communicate(timeout=60)
    assert child.returncode == 2
    assert "Interrupted." in stderr
    assert list(base.iterdir()) == []
    assert git(root, "status", "--porcelain") == ""
    assert not [line for line in processes() if str(base) in line]


SLOW = """\
import os, time
open(os.path.join(os.environ["TMPDIR"], "begun"), "w").close()
time.sleep(600)
"""


def processes() -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                found.append((entry / "environ").read_bytes().decode("utf-8", "replace"))
            except OSError:
                continue
    return found


def test_two_versions_of_python(folder: Path, samebytes: Command, pythons: list[str]) -> None:
    """What is written does not depend on the Python that builds."""
    texts = set()
    for python in pythons[:2]:
        root = repository(folder / python, {**FILES, "pyproject.toml": PROJECT})
        done = samebytes("migrate", root, "--python", python)
        assert done.status == 0, done.stderr
        texts.add((root / "pyproject.toml").read_text())
    assert len(texts) == 1
