"""A release that is being prepared: what is asked for, and what there is of it so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from samebytes.digest import Digest
from samebytes.index.client import Index
from samebytes.recipe import Deflate
from samebytes.release.folder import ReleaseFolder
from samebytes.release.signed.keyring import Keyring
from samebytes.release.signed.signing import Signer
from samebytes.release.target import Target
from samebytes.request import Workshop


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """How it is built, as in ``Request``; ``arguments`` say it, and more, on the command line.

    ``beside`` are folders with wheels that it requires when it is tried: they are released with it.
    """

    python: str | None = None
    as_of: datetime | None = None
    newest: bool = False
    config_settings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    deflate: Deflate | None = None
    timeout: float = 3600.0
    beside: tuple[Path, ...] = ()
    arguments: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        return {
            "python": self.python,
            "as_of": "now" if self.newest else self.as_of and self.as_of.isoformat(),
            "config_settings": {key: list(each) for key, each in self.config_settings.items()},
            **({"deflate": self.deflate.to_dict()} if self.deflate else {}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """What the steps work with; ``keyring`` holds whose signature a tag may have."""

    target: Target
    options: BuildOptions
    workshop: Workshop
    index: Index
    folder: ReleaseFolder
    signer: Signer
    keyring: Keyring | None = None

    @property
    def artifacts(self) -> dict[str, Digest]:
        return self.folder.record.artifacts

    @property
    def paths(self) -> tuple[Path, Path]:
        """The sdist and the wheel."""
        sdist, wheel = sorted(self.artifacts, key=lambda name: name.endswith(".whl"))
        return self.folder.root / sdist, self.folder.root / wheel

    @property
    def sdist(self) -> Path:
        return self.paths[0]

    @property
    def wheel(self) -> Path:
        return self.paths[1]

    @property
    def buildinfo(self) -> Path:
        name = self.folder.record.buildinfo
        assert name is not None
        return self.folder.root / name

    @property
    def checksums(self) -> Path:
        record = self.folder.record.step("checksums")
        assert record is not None
        (name,) = record.files
        return self.folder.root / name

    def making(self, step: str) -> Path:
        """An empty folder for what a step makes."""
        folder = self.folder.work / step
        folder.mkdir()
        return folder
