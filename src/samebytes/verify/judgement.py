"""What is claimed of a published artifact, once there is one to compare it with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)

from samebytes.archive.artifact import Artifact, changed, read_artifact
from samebytes.archive.limits import Limits
from samebytes.compare.comparison import Options, compare_read
from samebytes.compare.evidence import is_evidence
from samebytes.compare.model import Verdict
from samebytes.digest import Digest
from samebytes.errors import SamebytesError
from samebytes.verify.verification import Verification

_OPTIONS = Options()


def read_published(path: Path, digest: Digest) -> Artifact:
    """The file that a verdict names by its digest.

    Raises UserError if it is another one by now, ArtifactError if it cannot be read.
    """
    published = read_artifact(path, Limits(), wanted=is_evidence)
    if published.digest != digest:
        raise changed(path)
    return published


def judge(published: Artifact, built: Artifact) -> Verification:
    """The verdict, and what it rests on; from what was built, and how, is left to say."""
    comparison = compare_read(published, built, _OPTIONS)
    problems = tuple(_name_problems(published.path.name, built.path.name))
    return Verification(
        artifact=published.path.name,
        digest=published.digest,
        source="",
        verdict=Verdict.DIFFERENT if problems else comparison.verdict,
        comparison=comparison,
        problems=problems,
    )


def judge_unreadable(path: Path, digest: Digest, error: SamebytesError) -> Verification:
    """No backend writes what cannot be read in one way only."""
    return Verification(
        artifact=path.name,
        digest=digest,
        source="",
        verdict=Verdict.DIFFERENT,
        problems=(f"It is damaged, or can be read in several ways: {error.message}",),
    )


def _name_problems(published: str, built: str) -> Iterator[str]:
    """Whether a file's name says something else than the other's, not only in other letters."""
    if published == built:
        return
    try:
        parse: Any = parse_wheel_filename if published.endswith(".whl") else parse_sdist_filename
        if parse(published) == parse(built):
            return
    except (InvalidWheelFilename, InvalidSdistFilename):
        pass
    yield f"Its name is {published}, but what is built is {built}."
