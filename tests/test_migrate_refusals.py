"""What cannot be migrated is refused with every reason, and the tree stays as it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Command
from projects import git, own_backend, repository
from test_migrate_cases import PROJECT, SYSTEM, TREE

pytestmark = pytest.mark.slow

BUILD_PY = """\
from setuptools import setup
from setuptools.command.build_py import build_py
class Own(build_py):
    def run(self):
        super().run()
setup(cmdclass={"build_py": Own, "test": Own})
"""
WRITES = """\
from setuptools import setup
open("small/made.py", "w").write("x = 1")
open("small/data.txt", "w").write("other")
setup(package_data={"small": ["*.txt"]})
"""
DESCRIPTION = """\
from setuptools import setup
setup(name="small", version="1.0", packages=["small", "small.sub"],
      long_description="made " + "up")
"""
COMPUTED = 'setup(name="small", packages=["small"], version="1." + "5", c'
VERSION = f"from setuptools import setup\n{COMPUTED[:-3]})\n"
NO_PROJECT = {"pyproject.toml": SYSTEM}


@dataclass(frozen=True)
class Case:
    id: str
    files: Mapping[str, str]
    reasons: tuple[str, ...]


CASES = (
    Case(
        "extension",
        {
            "setup.py": "from setuptools import Extension, setup\n"
            "setup(ext_modules=[Extension('small.fast', ['small/fast.c'], optional=True)])\n",
            "small/fast.c": "this is no C\n",
        },
        ("It compiles extension modules", "for one platform only"),
    ),
    Case("command", {"setup.py": BUILD_PY}, ("its own build_py command (__main__.Own)",)),
    Case(
        "written", {"setup.py": WRITES}, ("generates files of the wheel: small/data.txt, small/",)
    ),
    Case("description", NO_PROJECT | {"setup.py": DESCRIPTION}, ("setup.py puts the description",)),
    Case("version", NO_PROJECT | {"setup.py": VERSION}, ("setup.py computes the version",)),
    Case(
        "two",
        NO_PROJECT | {"setup.py": BUILD_PY.replace("setup(c", COMPUTED)},
        ("its own build_py", "computes the version"),
    ),
    Case("backend", dict(own_backend()), ("Its build backend is backend, not setuptools.",)),
    Case(
        "other-backend",
        {"pyproject.toml": SYSTEM.replace("setuptools.build_meta", "flit_core.buildapi")},
        ("Its build backend is flit_core.buildapi, not setuptools.",),
    ),
    Case(
        "namespace",
        {
            "pyproject.toml": SYSTEM.replace(">=77", ">=77,<80"),
            "setup.py": "from setuptools import setup\nsetup(name='small', version='1', "
            "packages=['small', 'small.sub'], namespace_packages=['small'])\n",
            "small/__init__.py": "__import__('pkg_resources').declare_namespace(__name__)\n",
        },
        ("namespace packages in setuptools' own way: small",),
    ),
    Case("tag", {"setup.cfg": "[egg_info]\ntag_build = .dev3\n"}, ("adds to the version",)),
    Case(
        "tables",
        {"pyproject.toml": PROJECT + '\n[tool.hatch.version]\npath = "x"\n'},
        ("has a table [tool.hatch.version] already",),
    ),
    Case(
        "lost",
        {
            "setup.py": "from setuptools import setup\nsetup(package_data={'small': ['*.txt']})\n",
            "MANIFEST.in": "global-exclude *.txt\n",
        },
        ("The sdist lacks files that the wheel from the tree has: small/data.txt.",),
    ),
    Case(
        "two-addresses",
        NO_PROJECT
        | {
            "setup.py": "from setuptools import setup\nsetup(name='small', version='1', "
            "packages=['small'], url='http://a', project_urls={'Homepage': 'http://b'})\n"
        },
        ("It has two addresses called Homepage: http://a and http://b.",),
    ),
    Case(
        "python-2",
        {"pyproject.toml": PROJECT.replace(">=3.9", ">=2.7, !=3.0.*")},
        ("The wheel is tagged py3, but Requires-Python", "admits Python 2."),
    ),
    Case(
        "twice",
        {"pyproject.toml": f"{PROJECT}data-files = {{a = ['tool.py'], b = ['tool.py']}}\n"},
        ("The wheel has these twice, at two places: tool.py.",),
    ),
    Case(
        "scm-function",
        {
            "pyproject.toml": PROJECT.replace('>=77"', '>=77", "setuptools-scm"').replace(
                'version = "1.0"', 'dynamic = ["version"]'
            ),
            "setup.py": "from setuptools import setup\n"
            "setup(use_scm_version=lambda: {'fallback_version': '1'})\n",
        },
        ("setup.py passes objects of its own to setuptools-scm.",),
    ),
    Case("hatch-toml", {"hatch.toml": "[envs.test]\n"}, ("It has a hatch.toml",)),
    Case("manifest", {"MANIFEST.in": "inclde a\n"}, ("MANIFEST.in, line 1: 'inclde' is no",)),
    Case("toml", {"pyproject.toml": "[project\n"}, ("pyproject.toml cannot be read",)),
    Case("no-project", {"pyproject.toml": "", "setup.py": "raise SystemExit(3)\n"}, ("failed",)),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_refused(folder: Path, samebytes: Command, case: Case) -> None:
    root = repository(folder / "small", {**TREE, **case.files})
    done = samebytes.here("migrate", root, "--json", folder / "result.json", "--workspace", folder)
    assert done.status == 2
    for reason in case.reasons:
        assert reason in done.stderr
    assert "what to do:" in done.stderr
    assert git(root, "status", "--porcelain") == ""
    document = json.loads((folder / "result.json").read_text())
    assert document["status"] == "failed"
    assert document["error"]["message"] in done.stderr
    found = " ".join([*document["refused"], document["error"]["message"]])
    assert all(reason.rstrip(".") in found for reason in case.reasons)
