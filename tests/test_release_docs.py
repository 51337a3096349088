"""What is said of releases, in the docs and in the kit, is what the program has and does."""

from __future__ import annotations

import base64
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml
from conftest import Command
from parties import SMALL, party
from projects import repository
from test_documents import ROOT, SCHEMAS
from test_release import served
from test_statement import make_confirmation

from samebytes.cli.main import program
from samebytes.release.checklist import PUBLICATION
from samebytes.release.prepare import STEPS
from samebytes.release.steps import Stage

PAGE = ROOT / "docs/reference/release.md"
COMMANDS = ROOT / "docs/reference/commands.md"
WORKFLOW = ROOT / "django/reproducible.yml"
TEXTS = (
    *(ROOT / f"docs/{name}.md" for name in ("howto/howto-release", "howto/release")),
    ROOT / "docs/howto/troubleshooting.md",
    ROOT / "README.md",
    ROOT / "django/checklist.txt",
    WORKFLOW,
)


def table(path: Path, *heads: str) -> Iterator[tuple[str, ...]]:
    """The first cells of the rows of the table that begins with these heads; code without marks."""
    _, found, rest = path.read_text().partition(f"| {' | '.join(heads)} |")
    assert found, heads
    for line in rest.splitlines()[2:]:
        if not line.startswith("|"):
            return
        cells = (cell.strip().replace("`", "") for cell in line.strip("|").split("|"))
        yield tuple(cells)[: len(heads)]


def test_steps() -> None:
    prepared = [(str(step.stage), step.id, step.title) for step in STEPS]
    published = [(str(Stage.PUBLICATION), *each) for each in PUBLICATION]
    rows = table(PAGE, "stage", "step", "what is true once it is done")
    assert [*rows] == prepared + published


def test_members_of_the_record() -> None:
    schema = json.loads((SCHEMAS / "release-1.json").read_text())["$defs"]["record"]
    named = [name for (cell,) in table(PAGE, "member") for name in cell.split(", ")]
    of_steps = [name.removeprefix("… ") for name in named[named.index("steps") + 1 :]]
    assert set(named[: named.index("steps") + 1]) == set(schema["properties"])
    assert set(of_steps) == set(schema["properties"]["steps"]["items"]["properties"])


def test_fields_of_a_confirmation() -> None:
    _, _, rest = PAGE.read_text().partition("**A confirmation**")
    documented = re.findall(r"^\| `(\w+)(?:\.\w+)?` \|", rest.partition("\n#")[0], re.MULTILINE)
    assert documented == list(make_confirmation()["predicate"])


def test_statuses() -> None:
    for command, status, schema in table(COMMANDS, "command", "`status`", "schema"):
        (name,) = re.findall(r"schemas/([a-z]+-1\.json)", schema)
        document = json.loads((SCHEMAS / name).read_text())
        if command.startswith("release"):
            assert re.split(", | or ", status) == document["properties"]["status"]["enum"]


def written_commands() -> Iterator[list[str]]:
    """Each command of a release that somebody may copy, in words."""
    for path in TEXTS:
        text = path.read_text().replace("\\\n", " ")
        for line in re.findall(
            r"samebytes (release (?:prepare|confirm|publish|status) [^\n`]+)", text
        ):
            yield shlex.split(re.split(" <<<| [|] ", line)[0], comments=True)


@pytest.mark.parametrize("words", list(written_commands()), ids=" ".join)
def test_written_commands(words: list[str]) -> None:
    group = program.get_command(click.Context(program), words[0])
    assert isinstance(group, click.Group)
    command = group.get_command(click.Context(group), words[1])
    assert command is not None
    known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    assert {word for word in words if word.startswith("-") and word != "-"} <= known


@pytest.mark.slow
def test_the_workflow_confirms(folder: Path, samebytes: Command) -> None:
    """The step of the kit's workflow, as GitHub runs it, with a key from a secret."""
    steps = yaml.safe_load(WORKFLOW.read_text())["jobs"]["confirm"]["steps"]
    (step,) = (each for each in steps if "confirm" in each.get("run", ""))
    program = folder / "bin/samebytes"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m samebytes "$@"\n')
    program.chmod(0o755)
    root = repository(folder / "small", SMALL)
    with party(root, folder, samebytes, tag="v1.0") as people:
        assert people.prepare("-q").status == 0
        with served(people.out) as url:
            given = {"REV": people.tag, "URL": url, "KEY": people.ci.path.read_text()}
            assert given.keys() == step["env"].keys()
            environ = samebytes.environ | given | {"RUNNER_TEMP": str(folder)}
            environ |= {"GITHUB_WORKSPACE": str(folder / "ci")}
            environ["PATH"] = f"{program.parent}:{environ['PATH']}"
            command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
            subprocess.run(command, env=environ, cwd=folder / "ci", check=True)
        (written,) = (folder / "statements").iterdir()
        payload = json.loads(base64.b64decode(json.loads(written.read_text())["payload"]))
        assert payload["predicate"]["verificationResult"] == "PASSED"
        written.rename(people.out / "statements" / written.name)
        assert "ci has confirmed it" in people.status().stdout
