"""What programs write into wheels about themselves, and which releases that means.

A wheel's ``WHEEL`` file names its generator (binary distribution format, "The .dist-info
directory"); the spelling is each program's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version
from samebytes_core import epoch as epochs

from samebytes.versions import LONGEST_VERSION, version_or_none

_LINE = re.compile(r"(?P<name>[\w.-]+)\s*\(?(?P<version>[^\s()]*)\)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Generator:
    """A program by the ``name`` that it gives itself.

    ``distribution`` is what has to be installed; ``besides`` are requirements without which that
    release is not the one at work. ``untold`` is the time, in seconds, that it writes if it is told
    none; None for programs that write the times of the files, or of the build.
    """

    name: str
    distribution: NormalizedName
    besides: tuple[str, ...] = ()
    untold: int | None = None


def _table(*generators: Generator) -> Mapping[str, Generator]:
    return {each.name: each for each in generators}


def _of(name: str, distribution: str, *besides: str, untold: int | None = None) -> Generator:
    return Generator(
        name=name, distribution=canonicalize_name(distribution), besides=besides, untold=untold
    )


_2016, _2020 = 1_451_606_400, 1_580_601_600

GENERATORS: Mapping[str, Generator] = _table(
    # setuptools has its own bdist_wheel since 70.1, and then names itself.
    _of("bdist_wheel", "wheel", "setuptools<70.1"),
    _of("setuptools", "setuptools"),
    _of("hatchling", "hatchling", untold=_2020),
    _of("flit", "flit-core"),
    _of("poetry-core", "poetry-core", untold=_2016),
    _of("poetry", "poetry-core", untold=_2016),  # as poetry-core 1.0 calls itself
    _of("pdm-backend", "pdm-backend", untold=_2016),
    _of("pdm-pep517", "pdm-pep517", untold=_2016),
    _of("uv", "uv-build", untold=epochs.ZIP_FLOOR),
    _of("scikit-build-core", "scikit-build-core", untold=epochs.ZIP_FLOOR),
    _of("maturin", "maturin"),
    _of("meson", "meson-python"),
    _of("whey", "whey"),
    _of("jupyter_packaging", "jupyter-packaging"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """What a ``line`` of a wheel says: which program, and the release of it, if it is one."""

    line: str
    generator: Generator
    version: Version | None

    @property
    def pins(self) -> tuple[Requirement, ...]:
        """What has to be installed, for the same program to be at work."""
        if self.version is None:
            return ()
        pin = f"{self.generator.distribution}=={self.version}"
        return tuple(map(Requirement, (pin, *self.generator.besides)))


def read_generator(line: str) -> Generated | None:
    """From a line such as ``setuptools (84.2.1)``; None where the program is not known."""
    if len(line) > LONGEST_VERSION:
        return None
    match = _LINE.fullmatch(line.strip())
    if match is None or match["name"] not in GENERATORS:
        return None
    version = version_or_none(match["version"])
    if version is not None and (version.local or version.is_devrelease or version == Version("0")):
        version = None  # built from its own tree: no release is meant
    return Generated(line=line, generator=GENERATORS[match["name"]], version=version)
