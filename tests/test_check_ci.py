"""What others run a check by: the action for GitHub and the pre-commit hook, really run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import Command
from projects import HATCHLING, git, repository
from test_documents import ROOT
from zoo import TWO_FAULTS, animal

pytestmark = pytest.mark.slow

ACTION = yaml.safe_load((ROOT / "action.yml").read_text())


def run_action(project: Path, folder: Path, samebytes: Command, arguments: str) -> tuple[int, str]:
    """The last step of the action, as GitHub runs it; its status and what it says to others."""
    step = ACTION["runs"]["steps"][-1]
    program = folder / "samebytes/bin/samebytes"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m samebytes "$@"\n')
    program.chmod(0o755)
    environ = samebytes.environ | {
        "SOURCE": str(project),
        "ARGUMENTS": arguments,
        "REPORT": str(folder / "report.html"),
        "RUNNER_TEMP": str(folder),
        "GITHUB_OUTPUT": str(folder / "output"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
    }
    assert set(step["env"]) < set(environ)
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    done = subprocess.run(command, env=environ, cwd=folder, capture_output=True, text=True)
    return done.returncode, (folder / "output").read_text()


@pytest.mark.parametrize(
    ("files", "arguments", "status", "output"),
    [
        (animal(), "", 0, "status=reproducible\n"),
        (TWO_FAULTS, "--vary clock,host", 1, "status=not-reproducible\n"),
        (animal(), "--rev none", 2, "status=failed\n"),
    ],
)
def test_action(
    files: dict[str, str],
    arguments: str,
    status: int,
    output: str,
    folder: Path,
    samebytes: Command,
) -> None:
    project = repository(folder / "project", files)
    (folder / "action").mkdir()
    assert run_action(project, folder / "action", samebytes, arguments) == (status, output)
    assert (folder / "action/report.html").exists() == (status < 2)
    summary = (folder / "action/summary.md").read_text()
    assert ("reproducible: " in summary) == (status < 2)


def test_action_takes_nothing_into_its_scripts() -> None:
    """What an input holds may come from a stranger; it goes through the environment."""
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step["run"]


def test_pre_commit_hook(folder: Path, samebytes: Command) -> None:
    project = repository(folder / "project", HATCHLING)
    clone = folder / "samebytes"
    git(folder, "clone", "--quiet", "--shared", str(ROOT), str(clone))
    for name in (".pre-commit-hooks.yaml", "src", "pyproject.toml", "README.md"):
        subprocess.run(["cp", "-r", str(ROOT / name), str(clone)], check=True)
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--allow-empty", "-m", "As it is now")
    environ = samebytes.environ | {"PRE_COMMIT_HOME": str(folder / "cache")}
    command = [sys.executable, "-m", "pre_commit", "try-repo", str(clone), "samebytes-check"]
    done = subprocess.run(
        [*command, "--hook-stage", "pre-push", "--verbose"],
        cwd=project,
        env=environ | {"GIT_CONFIG_GLOBAL": os.devnull},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "reproducible: the same bytes under" in done.stdout
    assert json.dumps("samebytes-check").strip('"') in done.stdout
