"""What two artifacts show about how they were made: backend, version, times, what changed."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.parser import HeaderParser
from functools import cached_property

from samebytes.archive.artifact import Artifact, Form
from samebytes.archive.member import TarHeader, ZipHeader
from samebytes.archive.tar import FIELDS, number
from samebytes.archive.zip_directory import CENTRAL
from samebytes.compare.model import Difference
from samebytes.compare.pairing import top_folder

#: Members whose contents are evidence, or likely to differ, so that they are kept when they are
#: first read; up to this size, in bytes.
_LARGEST = 1024**2
_EVIDENCE = re.compile(
    r"[^/]+\.dist-info/(?:METADATA|RECORD|WHEEL)"
    r"|[^/]+/(?:PKG-INFO|pyproject\.toml|setup\.cfg)"
    r"|.+\.egg-info/(?:PKG-INFO|SOURCES\.txt)"
)

#: First parts of ``build-backend`` in pyproject.toml, by the name of the program.
_BACKENDS = {
    "flit_core": "flit",
    "flit": "flit",
    "hatchling": "hatchling",
    "maturin": "maturin",
    "mesonpy": "meson-python",
    "pdm": "pdm-backend",
    "poetry": "poetry-core",
    "scikit_build_core": "scikit-build-core",
    "setuptools": "setuptools",
    "uv_build": "uv",
}
#: Names that programs give themselves in ``WHEEL: Generator`` and that are not their own.
_GENERATORS = {"bdist_wheel": "setuptools", "poetry": "poetry-core"}


def is_evidence(_number: int, name: str, size: int) -> bool:
    """Which members' contents are kept."""
    return size <= _LARGEST and _EVIDENCE.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Backend:
    """A build backend; the version is empty where the artifact does not say it."""

    name: str
    version: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()


@dataclass(frozen=True)
class Origin:
    """What one artifact shows."""

    artifact: Artifact

    @cached_property
    def backend(self) -> Backend | None:
        if self.artifact.form is Form.WHEEL:
            return _generator(self._field("WHEEL", "Generator"))
        pyproject = next(
            (text for path, text in self._texts.items() if path == "pyproject.toml"), ""
        )
        return _declared(pyproject, has_egg_info=self.has_egg_info)

    @cached_property
    def version(self) -> str:
        wheel = self.artifact.form is Form.WHEEL
        return self._field("METADATA" if wheel else "PKG-INFO", "Version")

    @cached_property
    def name(self) -> str:
        wheel = self.artifact.form is Form.WHEEL
        return self._field("METADATA" if wheel else "PKG-INFO", "Name")

    @cached_property
    def has_egg_info(self) -> bool:
        return any(".egg-info/" in member.name for member in self.artifact.members)

    @cached_property
    def times(self) -> frozenset[object]:
        """The times of the members, as the archive holds them."""
        return frozenset(_time(member.header) for member in self.artifact.members)

    @cached_property
    def _top(self) -> str:
        return top_folder(self.artifact) if self.artifact.form is Form.SDIST else ""

    def path(self, name: str) -> str:
        """The path of a member below the top folder of an sdist; of a wheel's, its name."""
        return name.removeprefix(self._top).lstrip("/") if self._top else name

    @cached_property
    def _texts(self) -> Mapping[str, str]:
        return {
            self.path(self.artifact.members[number].name): data.decode("utf-8", "replace")
            for number, data in self.artifact.kept.items()
        }

    def _field(self, filename: str, field: str) -> str:
        for path, text in self._texts.items():
            if path.rpartition("/")[2] == filename:
                return HeaderParser().parsestr(text).get(field, "").strip()
        return ""


@dataclass(frozen=True)
class Evidence:
    """What both show, and which members changed."""

    first: Origin
    second: Origin
    differences: Sequence[Difference]

    @cached_property
    def by_kind(self) -> Mapping[str, Sequence[Difference]]:
        kinds = defaultdict[str, list[Difference]](list)
        for difference in self.differences:
            kinds[difference.kind.id].append(difference)
        return kinds

    @cached_property
    def changed(self) -> frozenset[str]:
        """Paths of the members whose content differs or that one of the two lacks."""
        return frozenset(
            origin.path(name)
            for difference in self.differences
            if difference.is_content and difference.member is not None
            for name in (difference.member, *_new_names(difference))
            for origin in self.origins
        )

    @property
    def backends(self) -> tuple[Backend, Backend] | None:
        """Both backends, if both are known."""
        one, two = self.first.backend, self.second.backend
        return (one, two) if one and two else None

    @property
    def origins(self) -> tuple[Origin, Origin]:
        return self.first, self.second

    @cached_property
    def zip_shifts(self) -> frozenset[float | None]:
        """By how many seconds the times of zip members are apart; None where one is no time."""
        return frozenset(
            _apart(each.first, each.second) for each in self.by_kind.get("zip-mtime", ())
        )


def _new_names(difference: Difference) -> list[str]:
    return [difference.second] if difference.kind.id == "member-renamed" else []


def _apart(first: str, second: str) -> float | None:
    try:
        return (datetime.fromisoformat(second) - datetime.fromisoformat(first)).total_seconds()
    except ValueError:
        return None


def _time(header: TarHeader | ZipHeader) -> object:
    if isinstance(header, ZipHeader):
        return header.central[CENTRAL["time"]]
    return header.records.get("mtime") or number(header.raw[FIELDS["mtime"]])


def _generator(text: str) -> Backend | None:
    """From a line such as ``setuptools (84.2.1)`` or ``hatchling 1.33.0``."""
    name, _, version = text.partition(" ")
    if not name:
        return None
    version = version.strip().strip("()")
    if name in _GENERATORS:
        return Backend(_GENERATORS[name], f"({text})")
    return Backend(name, version)


def _declared(pyproject: str, *, has_egg_info: bool) -> Backend | None:
    """What pyproject.toml of an sdist names; setuptools where nothing does and its traces are."""
    try:
        system = tomllib.loads(pyproject).get("build-system", {})
    except (ValueError, RecursionError):
        return None
    declared = system.get("build-backend", "") if isinstance(system, dict) else ""
    if not isinstance(declared, str) or not declared:
        return Backend("setuptools") if has_egg_info else None
    top = declared.partition(".")[0].partition(":")[0]
    return Backend(_BACKENDS.get(top, top))
