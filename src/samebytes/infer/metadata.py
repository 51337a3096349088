"""Which releases of a backend write the metadata that an sdist has, where no wheel names one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from samebytes.compare.evidence import Origin
from samebytes.infer.candidate import Decision
from samebytes.infer.system import BuildSystem

#: By backend and Metadata-Version, the releases that write it (for a project that needs no more).
#: Each was seen by building with the first release of every minor version.
_WRITTEN: Mapping[str, Mapping[str, str]] = {
    "flit-core": {"2.1": "<3.10", "2.3": ">=3.10,<3.11", "2.4": ">=3.11,<4", "2.5": ">=4"},
    "hatchling": {
        "2.1": "<1.22",
        "2.2": ">=1.22,<1.23",
        "2.3": ">=1.23,<1.27",
        "2.4": ">=1.27,!=1.30.*,<1.32",
        "2.5": ">=1.30,!=1.31.*",
    },
    "poetry-core": {"2.1": "<2", "2.3": ">=2,<2.2", "2.4": ">=2.2"},
    "setuptools": {"2.1": "<75.8", "2.2": ">=75.8,<77", "2.4": ">=77"},
}


def backend_bounds(
    origin: Origin, system: BuildSystem
) -> Iterator[tuple[tuple[Requirement, ...], Decision]]:
    """Bounds for the backend of an sdist by its ``Metadata-Version``."""
    version = origin.fields("PKG-INFO").get("Metadata-Version", "")
    for name, written in _WRITTEN.items():
        if version in written and system.requires_name(name) and not system.is_own:
            pin = Requirement(f"{name}{SpecifierSet(written[version])}")
            why = f"PKG-INFO has Metadata-Version {version}"
            yield (pin,), Decision("backend", str(pin), why)
