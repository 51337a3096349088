"""What the artifacts of setuptools hold, by path in the tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from samebytes.archive.artifact import Form, read_artifact
from samebytes.archive.limits import Limits
from samebytes.archive.member import MemberType
from samebytes.compare.pairing import top_folder
from samebytes.errors import ArtifactError

#: Bytes of a metadata file that are read.
_LARGEST = 8 * 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """The files of an archive: SHA-256 by path, below an sdist's folder; some contents too."""

    filename: str
    files: Mapping[str, str]
    kept: Mapping[str, str]


def read_packed(path: Path) -> Packed:
    """Raises ArtifactError as ``read_artifact`` does."""
    artifact = read_artifact(path, Limits(), wanted=_is_metadata)
    top = f"{top_folder(artifact)}/" if artifact.form is Form.SDIST else ""
    kept = {}
    for number, data in artifact.kept.items():
        name = artifact.members[number].name.removeprefix(top)
        try:
            kept[name] = data.decode()
        except UnicodeDecodeError:
            raise ArtifactError(f"{name} in {path.name} is not UTF-8.") from None
    return Packed(
        filename=path.name,
        files={
            member.name.removeprefix(top): member.content.sha256
            for member in artifact.members
            if member.type is MemberType.FILE
        },
        kept=kept,
    )


def _is_metadata(_number: int, name: str, size: int) -> bool:
    folder, _, last = name.rpartition("/")
    known = folder.endswith(".dist-info") or last == "PKG-INFO"
    return known and size <= _LARGEST and folder.count("/") == 0
