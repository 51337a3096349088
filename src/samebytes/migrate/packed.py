"""What the artifacts of setuptools hold, by path in the tree."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from samebytes.archive.artifact import Artifact, Form, read_artifact
from samebytes.archive.limits import Limits
from samebytes.archive.member import MemberType
from samebytes.compare.evidence import is_evidence
from samebytes.compare.pairing import top_folder
from samebytes.errors import ArtifactError

#: Bytes of a metadata file that are read.
_LARGEST = 8 * 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """The files of an archive: SHA-256 by path, below an sdist's folder, and its metadata files."""

    artifact: Artifact
    files: Mapping[str, str]
    kept: Mapping[str, str]

    @property
    def filename(self) -> str:
        return self.artifact.path.name


def read_packed(path: Path, more: Set[str] = frozenset()) -> Packed:
    """Read an archive, and keep what a comparison will look at: metadata, and ``more`` paths.

    Raises ArtifactError as ``read_artifact`` does.
    """

    def wanted(number: int, name: str, size: int) -> bool:
        below = name.partition("/")[2]
        known = is_evidence(number, name, size) or below in more or _is_metadata(name)
        return known and size <= _LARGEST

    artifact = read_artifact(path, Limits(), wanted=wanted)
    top = f"{top_folder(artifact)}/" if artifact.form is Form.SDIST else ""
    kept = {}
    for number, data in artifact.kept.items():
        name = artifact.members[number].name.removeprefix(top)
        if not _is_metadata(name):
            continue
        try:
            kept[name] = data.decode()
        except UnicodeDecodeError:
            raise ArtifactError(f"{name} in {path.name} is not UTF-8.") from None
    return Packed(
        artifact=artifact,
        files={
            member.name.removeprefix(top): member.content.sha256
            for member in artifact.members
            if member.type is MemberType.FILE
        },
        kept=kept,
    )


def _is_metadata(path: str) -> bool:
    folder = path.rpartition("/")[0]
    return "/" not in folder and (folder.endswith(".dist-info") or path == "PKG-INFO")
