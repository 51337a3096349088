"""What determines the bytes of a build, and the record of a build: read and written as JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path, PurePosixPath

from packaging.utils import InvalidName, NormalizedName, canonicalize_name
from packaging.version import Version
from samebytes_core.deflate import LEVEL, PACKAGE
from samebytes_core.deflate import VERSION as RELEASE
from samebytes_core.epoch import Epoch, Origin

from samebytes import __version__
from samebytes.digest import Digest
from samebytes.errors import UserError
from samebytes.wire import Node, dump_document, read_document

VERSION = 1

#: What the name of an sdist, a wheel or a record may consist of.
FILENAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+!-]*")


class Route(StrEnum):
    """From what the wheel was built; with ``both``, each gave the same bytes."""

    TREE = "tree"
    SDIST = "sdist"
    BOTH = "both"


class Writer(StrEnum):
    """Who wrote the archive: the build backend, or samebytes' canonical writer after it."""

    BACKEND = "backend"
    SAMEBYTES = "samebytes"


@dataclass(frozen=True, slots=True, kw_only=True)
class GitRevision:
    """A source: a commit, and where in its tree the project lies."""

    commit: str
    project: PurePosixPath

    @property
    def name(self) -> str:
        """What it is, without the place where it lies."""
        return f"commit {self.commit}"

    def to_dict(self) -> dict[str, object]:
        return {"kind": "git", "commit": self.commit, "project": str(self.project)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SdistFile:
    """A source: an sdist."""

    filename: str
    digest: Digest

    @property
    def name(self) -> str:
        """What it is, without the place where it lies."""
        return self.filename

    def to_dict(self) -> dict[str, object]:
        return {"kind": "sdist", "filename": self.filename, "sha256": str(self.digest)}


SourceId = GitRevision | SdistFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One build requirement: a release, and the hashes of its files."""

    name: NormalizedName
    version: Version
    hashes: tuple[Digest, ...]

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"

    def to_dict(self) -> dict[str, object]:
        return {
            "name": self.name,
            "version": str(self.version),
            "sha256": [str(digest) for digest in self.hashes],
        }

    @classmethod
    def from_node(cls, node: Node) -> Pin:
        return cls(
            name=node["name"].parse(_normalized),
            version=node["version"].parse(Version),
            hashes=tuple(digest.parse(Digest) for digest in node["sha256"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonId:
    """The interpreter that ran the backend, and the zlib that compressed what it wrote."""

    implementation: str
    version: Version
    zlib: str

    def __str__(self) -> str:
        return f"{self.implementation} {self.version}"

    def to_dict(self) -> dict[str, object]:
        return {
            "implementation": self.implementation,
            "version": str(self.version),
            "zlib": self.zlib,
        }

    @classmethod
    def from_node(cls, node: Node) -> PythonId:
        return cls(
            implementation=node["implementation"].expect(str),
            version=node["version"].parse(_python_version),
            zlib=node["zlib"].expect(str),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Deflate:
    """What compressed the archives again: a package of the index, its release, and the level."""

    implementation: str
    version: str
    level: int

    def __str__(self) -> str:
        return f"{self.implementation} {self.version}, level {self.level}"

    def to_dict(self) -> dict[str, object]:
        return {
            "implementation": self.implementation,
            "version": self.version,
            "level": self.level,
        }

    @classmethod
    def from_node(cls, node: Node) -> Deflate:
        return cls(
            implementation=node["implementation"].expect(str),
            version=node["version"].expect(str),
            level=node["level"].expect(int),
        )


#: The only one there is here.
CANONICAL = Deflate(implementation=PACKAGE, version=RELEASE, level=LEVEL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything that determines the bytes of a build.

    ``as_of`` is the moment of which the build requirements were resolved, or None when they came
    from another build's record. Without ``deflate``, archives are compressed as the backend, or
    this Python's zlib, does it.
    """

    source: SourceId
    epoch: Epoch
    route: Route | None
    python: PythonId
    as_of: datetime | None
    requirements: tuple[Pin, ...]
    environment: Mapping[str, str]
    config_settings: Mapping[str, tuple[str, ...]]
    deflate: Deflate | None = None

    def to_dict(self) -> dict[str, object]:
        return {
            "source": self.source.to_dict(),
            "epoch": {"seconds": self.epoch.seconds, "origin": str(self.epoch.origin)},
            "route": self.route and str(self.route),
            "python": self.python.to_dict(),
            "as_of": self.as_of and self.as_of.isoformat(),
            "requirements": [pin.to_dict() for pin in self.requirements],
            "environment": dict(self.environment),
            "config_settings": {key: list(values) for key, values in self.config_settings.items()},
            "deflate": self.deflate and self.deflate.to_dict(),
        }

    @classmethod
    def from_node(cls, node: Node) -> Recipe:
        route, as_of = node["route"], node["as_of"]
        return cls(
            source=_source_from_node(node["source"]),
            epoch=_epoch_from_node(node["epoch"]),
            route=None if route.value is None else route.parse(Route),
            python=PythonId.from_node(node["python"]),
            as_of=None if as_of.value is None else as_of.parse(datetime.fromisoformat),
            requirements=tuple(Pin.from_node(pin) for pin in node["requirements"]),
            environment={key: value.expect(str) for key, value in node["environment"].items()},
            config_settings={
                key: tuple(value.expect(str) for value in values)
                for key, values in node["config_settings"].items()
            },
            deflate=_deflate_from_node(node),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One built file.

    ``traces`` holds the ids of what the backend's archive showed of the build machine, for which
    samebytes wrote it again; empty when the bytes are the backend's own.
    """

    filename: str
    digest: Digest
    size: int
    writer: Writer
    traces: tuple[str, ...] = ()

    @property
    def is_wheel(self) -> bool:
        return self.filename.endswith(".whl")

    def to_dict(self) -> dict[str, object]:
        return {
            "filename": self.filename,
            "sha256": str(self.digest),
            "size": self.size,
            "writer": str(self.writer),
            "traces": list(self.traces),
        }

    @classmethod
    def from_node(cls, node: Node) -> Artifact:
        return cls(
            filename=node["filename"].parse(_filename),
            digest=node["sha256"].parse(Digest),
            size=node["size"].expect(int),
            writer=node["writer"].parse(Writer),
            traces=tuple(trace.expect(str) for trace in node["traces"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildInfo:
    """The record of a build: its recipe and the artifacts it gave."""

    recipe: Recipe
    artifacts: tuple[Artifact, ...]

    @property
    def filename(self) -> str:
        """``NAME-VERSION.buildinfo.json``, spelled as in the artifacts' own names."""
        stem = self.artifacts[0].filename
        for artifact in self.artifacts:
            if not artifact.is_wheel:
                return artifact.filename.removesuffix(".tar.gz") + ".buildinfo.json"
        return "-".join(stem.split("-")[:2]) + ".buildinfo.json"

    def to_dict(self) -> dict[str, object]:
        return {
            "version": VERSION,
            "tool": f"samebytes {__version__}",
            "recipe": self.recipe.to_dict(),
            "artifacts": [artifact.to_dict() for artifact in self.artifacts],
        }

    @classmethod
    def from_node(cls, node: Node) -> BuildInfo:
        if node["version"].expect(int) != VERSION:
            raise node["version"].error(f"version {node['version'].value} is not known")
        if not node["artifacts"].expect(list):
            raise node["artifacts"].error("expected at least one artifact")
        return cls(
            recipe=Recipe.from_node(node["recipe"]),
            artifacts=tuple(Artifact.from_node(artifact) for artifact in node["artifacts"]),
        )

    @classmethod
    def read(cls, path: Path) -> BuildInfo:
        """Read a record; raises UserError that names the file and the path of what is wrong."""
        try:
            return cls.from_node(read_document(path))
        except UserError as error:
            if str(path) in error.message:
                raise
            message = f"{path} is not a buildinfo: {error.message}"
            raise UserError(message, hint=error.hint) from None

    def dump(self) -> str:
        return dump_document(self.to_dict())


def _source_from_node(node: Node) -> SourceId:
    match node["kind"].expect(str):
        case "git":
            return GitRevision(
                commit=node["commit"].parse(full_commit),
                project=PurePosixPath(node["project"].expect(str)),
            )
        case "sdist":
            return SdistFile(
                filename=node["filename"].parse(_filename), digest=node["sha256"].parse(Digest)
            )
        case other:
            raise node["kind"].error(f"expected 'git' or 'sdist', found {other!r}")


def _epoch_from_node(node: Node) -> Epoch:
    try:
        return Epoch(seconds=node["seconds"].expect(int), origin=node["origin"].parse(Origin))
    except ValueError as error:
        raise node["seconds"].error(str(error)) from None


def _deflate_from_node(recipe: Node) -> Deflate | None:
    """None also for a record that was made before there was a choice."""
    if recipe.expect(dict).get("deflate") is None:
        return None
    return Deflate.from_node(recipe["deflate"])


def _python_version(text: str) -> Version:
    version = Version(text)
    if len(version.release) < 2:
        raise ValueError(f"not a full version of Python: {text!r}")
    return version


def full_commit(text: str) -> str:
    """The hash of a commit; raises ValueError for what is none, or only its beginning."""
    if len(text) not in (40, 64) or set(text) - set("0123456789abcdef"):
        raise ValueError(f"not a full commit hash: {text!r}")
    return text


def _filename(text: str) -> str:
    if not FILENAME.fullmatch(text):
        raise ValueError(f"not a file name: {text!r}")
    return text


def _normalized(text: str) -> NormalizedName:
    try:
        return canonicalize_name(text, validate=True)
    except InvalidName as error:
        raise ValueError(str(error)) from None
