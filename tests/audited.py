"""A real audit of published releases, made once in a run: for all tests that need what it gives."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conftest import Command
from django_tree import once

#: The list, and how many of it are the subset that tests audit.
LIST = Path(__file__).parent.parent / "benchmarks/releases.txt"
SUBSET = 15

#: What is found of each, in the order of the list.
VERDICTS = {
    "idna-3.10-py3-none-any.whl": "identical",
    "click-8.2.2-py3-none-any.whl": "identical",
    "attrs-26.1.0-py3-none-any.whl": "identical",
    "filelock-3.16.1-py3-none-any.whl": "identical",
    "tomlkit-0.13.2-py3-none-any.whl": "identical",
    "fastapi-0.115.6-py3-none-any.whl": "identical",
    "flit_core-4.2.0-py3-none-any.whl": "identical",
    "pdm_backend-2.5.0-py3-none-any.whl": "identical",
    "PyJWT-2.10.1-py3-none-any.whl": "identical",
    "six-1.17.0-py2.py3-none-any.whl": "equivalent",
    "packaging-21.3-py3-none-any.whl": "equivalent",
    "pytoml-0.1.21-py2.py3-none-any.whl": "equivalent",
    "backcall-0.2.0-py2.py3-none-any.whl": "equivalent",
    "wcwidth-0.2.5-py2.py3-none-any.whl": "different",
    "flit_core-2.3.0-py2.py3-none-any.whl": "unbuildable",
}

#: A part of what must have been inferred of those that are built as they were.
INFERRED = {
    "idna-3.10-py3-none-any.whl": "flit-core==3.9.0",
    "attrs-26.1.0-py3-none-any.whl": "hatchling==1.29.0",
    "tomlkit-0.13.2-py3-none-any.whl": "poetry-core==1.9.0",
    "fastapi-0.115.6-py3-none-any.whl": "pdm-backend==2.4.3",
    "flit_core-4.2.0-py3-none-any.whl": "the project is its own backend",
    "pdm_backend-2.5.0-py3-none-any.whl": "the project is its own backend",
    "PyJWT-2.10.1-py3-none-any.whl": "setuptools==75.6.0",
    "six-1.17.0-py2.py3-none-any.whl": "setuptools==75.6.0",
    "packaging-21.3-py3-none-any.whl": "wheel==0.37.0, setuptools",
    "pytoml-0.1.21-py2.py3-none-any.whl": "wheel==0.32.3, setuptools<57",
    "backcall-0.2.0-py2.py3-none-any.whl": "flit-core==2.3.0",
}


@dataclass(frozen=True)
class Audited:
    """What an audit left: its store, which is to be copied and not changed, and its document."""

    store: Path
    document: Path
    status: int
    stdout: str
    stderr: str

    @property
    def results(self) -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = json.loads(self.document.read_text())["results"]
        return results


def releases(count: int = SUBSET) -> list[str]:
    """The first of the list, ``NAME==VERSION``."""
    lines = (line.partition("#")[0].strip() for line in LIST.read_text().splitlines())
    return [line for line in lines if line][:count]


def audited(samebytes: Command) -> Audited:
    """The audit of the subset on two processes of this machine."""

    def audit(folder: Path) -> None:
        (folder / "releases.txt").write_text("\n".join(releases()))
        done = samebytes(
            *("audit", "-r", folder / "releases.txt", "--workers", "2"),
            *("--store", folder / "audit.sqlite", "--json", folder / "audit.json"),
        )
        for name in ("stdout", "stderr"):
            (folder / name).write_text(getattr(done, name))
        (folder / "status").write_text(str(done.status))

    folder = once("audited", audit)
    return Audited(
        store=folder / "audit.sqlite",
        document=folder / "audit.json",
        status=int((folder / "status").read_text()),
        stdout=(folder / "stdout").read_text(),
        stderr=(folder / "stderr").read_text(),
    )
