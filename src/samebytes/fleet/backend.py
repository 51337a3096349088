"""With what an artifact was built, in one word, so that artifacts can be counted by it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from samebytes.fleet.record import ComparisonDocument
from samebytes.verify.document import Result

#: What requirements are called that are of a backend of another name.
_DISTRIBUTIONS: Mapping[str, str] = {
    "bdist-wheel": "setuptools",
    "flit-core": "flit",
    "poetry": "poetry-core",
    "uv-build": "uv",
    "wheel": "setuptools",
}
_KNOWN = frozenset(
    (
        *("enscons", "flit", "hatchling", "jupyter-packaging", "maturin", "meson-python"),
        *("pbr", "pdm-backend", "pdm-pep517", "poetry-core", "scikit-build-core", "setuptools"),
        *("sphinx-theme-builder", "uv", "whey"),
    )
)
_DECLARED = "what the source requires: "
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


def backend_of(result: Result, comparison: ComparisonDocument | None) -> str | None:
    """The name of the backend: as the artifact has it, or else the evidence; None: nobody knows.

    What an artifact calls its backend is a stranger's text: anything that is no short name is
    nobody's.
    """
    said = comparison["first"]["backend"] if comparison else None
    word = _WORD.fullmatch(said.partition(" ")[0]) if said else None
    if word is not None:
        name = canonicalize_name(word[0])
        return _DISTRIBUTIONS.get(name, name)
    for each in result["evidence"]:
        if each["what"] == "backend":
            return _required(each["value"])
    return None


def _required(text: str) -> str | None:
    """The first among requirements that is known to be a backend."""
    for part in text.removeprefix(_DECLARED).split(", "):
        try:
            name = canonicalize_name(Requirement(part).name)
        except InvalidRequirement:
            continue
        if (backend := _DISTRIBUTIONS.get(name, name)) in _KNOWN:
            return backend
    return None
