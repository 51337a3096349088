from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from samebytes.errors import UserError
from samebytes.interpreter import find_interpreter
from samebytes.process import Runner

OWN = "{}.{}.{}".format(*sys.version_info)
MINOR = "{}.{}".format(*sys.version_info)


def test_our_own() -> None:
    found = find_interpreter(None, Runner(), os.environ)
    assert str(found.identity.version) == OWN


def test_our_own_is_what_a_probe_of_it_gives() -> None:
    assert find_interpreter(None, Runner(), os.environ) == find_interpreter(
        sys.executable, Runner(), os.environ
    )


@pytest.mark.parametrize("wanted", [OWN, MINOR, sys.executable])
def test_by_version_or_path(wanted: str) -> None:
    assert str(find_interpreter(wanted, Runner(), os.environ).identity.version).startswith(MINOR)


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ("3", "leaves the version open"),
        ("snake", "not a Python version"),
        ("3.99", "no Python 3.99"),
        ("./nothing", "not a Python interpreter"),
        ("/bin/true", "not a Python interpreter"),
    ],
)
def test_what_is_not_there(wanted: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        find_interpreter(wanted, Runner(), os.environ)


def shim(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_shim_that_fails_is_passed_over_for_the_real_one(tmp_path: Path) -> None:
    """A version manager's shim fails; the interpreters lie in its versions folder."""
    answer = '["CPython", "{}", "1.3", "linux", "/real/python"]'
    shim(tmp_path / "shims/python3.99", "echo 'not active' >&2; exit 127")
    for version in ("3.99.2", "3.99.10", "3.98.1"):
        name = f"python{version.rpartition('.')[0]}"
        shim(tmp_path / f"pyenv/versions/{version}/bin/{name}", f"echo '{answer.format(version)}'")
    environ = {"PATH": f"{tmp_path}/shims:{os.defpath}", "PYENV_ROOT": f"{tmp_path}/pyenv"}
    assert str(find_interpreter("3.99", Runner(), environ).identity.version) == "3.99.10"
    assert str(find_interpreter("3.99.2", Runner(), environ).identity.version) == "3.99.2"


def test_interpreter_that_lies_about_its_name_is_not_taken(tmp_path: Path) -> None:
    shim(tmp_path / "python3.99", f'exec {sys.executable} "$@"')
    with pytest.raises(UserError, match=r"no Python 3\.99"):
        find_interpreter("3.99", Runner(), {"PATH": str(tmp_path)})
