"""The checksum file of a release: a text for people that ``sha256sum --check`` reads, too."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from string import Template

from packaging.version import Version

from samebytes.release.rules import ChecksumRules, filled

#: Digests that GNU's tools check (``md5sum`` …); each tells its lines from the others' by their
#: length.
ALGORITHMS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")

#: What a template may name, besides the algorithms: ``$md5`` are a line for each artifact.
NAMES = ("name", "version", "tag", "commit", "date", "filename", "sdist", "wheel", "key", "signer")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChecksumFacts:
    """What a checksum file says besides digests; ``key`` and ``signer`` are whose clearsigns it."""

    name: str
    version: Version
    tag: str
    commit: str
    date: date
    key: str = ""
    signer: str = ""


def checksum_file(
    artifacts: Sequence[Path], rules: ChecksumRules, facts: ChecksumFacts
) -> tuple[str, str]:
    """The name and the text of the checksum file.

    ``sha256sum --check`` takes it in the folder of the artifacts, also when it is clearsigned:
    the other lines are none of its own.
    """
    filename = filled(rules.filename, facts.version)
    values = {
        "name": facts.name,
        "version": str(facts.version),
        "tag": facts.tag,
        "commit": facts.commit,
        "date": facts.date.isoformat(),
        "filename": filename,
        "sdist": _named(artifacts, ".tar.gz"),
        "wheel": _named(artifacts, ".whl"),
        "key": facts.key,
        "signer": facts.signer,
    }
    for algorithm in rules.algorithms:
        values[algorithm] = "\n".join(_lines(artifacts, algorithm))
    text = Template(rules.template).substitute(values)
    return filename, text if text.endswith("\n") else f"{text}\n"


def _lines(artifacts: Sequence[Path], algorithm: str) -> list[str]:
    lines = []
    for path in artifacts:
        with path.open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, algorithm).hexdigest()}  {path.name}")
    return lines


def _named(artifacts: Sequence[Path], suffix: str) -> str:
    return next((path.name for path in artifacts if path.name.endswith(suffix)), "")
