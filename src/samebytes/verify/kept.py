"""Results that come back from a file: whether they are what we would have put there."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from types import NoneType
from typing import Any

from samebytes.archive.artifact import Form
from samebytes.compare.model import Verdict, Where
from samebytes.digest import Digest
from samebytes.index.provenance import Signature
from samebytes.sandbox.tried import Act
from samebytes.verify.verification import Phase, Place
from samebytes.wire import storable

#: A type; alternatives, in a tuple; texts that are allowed, in a frozenset or as a pattern; a list
#: of one shape; an object with exactly these members; or, by Mapping, one of texts.
_Shape = Any

_TEXT_OR_NONE = (str, NoneType)
_NUMBER = (int, float)
_DIFFERENCE: _Shape = {
    "kind": str,
    "level": frozenset({"container", "content"}),
    "member": _TEXT_OR_NONE,
    "field": str,
    "first": str,
    "second": str,
}
_SHA256 = re.compile("[0-9a-f]{64}")
_SOURCE: _Shape = (
    {"kind": frozenset({"sdist"}), "filename": str, "sha256": _SHA256},
    {
        "kind": frozenset({"git"}),
        "commit": re.compile("[0-9a-f]{40}|[0-9a-f]{64}"),
        "project": str,
    },
)
_RECIPE: _Shape = {
    "source": _SOURCE,
    "epoch": (int, NoneType),
    "route": str,
    "python": {"implementation": str, "version": str, "zlib": str},
    "as_of": _TEXT_OR_NONE,
    "requirements": [{"name": str, "version": str, "sha256": [str]}],
    "environment": Mapping,
    "bdist_wheel": Mapping,
    "deflate": (NoneType, {"implementation": str, "version": str, "level": int}),
}
#: As it was before there was a choice.
_FIRST_RECIPE: _Shape = {name: shape for name, shape in _RECIPE.items() if name != "deflate"}
_PUBLISHER: _Shape = {
    "kind": str,
    "repository": _TEXT_OR_NONE,
    "workflow": _TEXT_OR_NONE,
    "environment": _TEXT_OR_NONE,
    "account": _TEXT_OR_NONE,
}
_PROVENANCE: _Shape = {
    "signature": frozenset(Signature),
    "remark": str,
    "attestations": [{"publisher": _PUBLISHER, "predicate_type": str}],
}
#: As docs/reference/schemas/verify-1.json has it.
_RESULT: _Shape = {
    "artifact": str,
    "sha256": _TEXT_OR_NONE,
    "source": str,
    "verdict": frozenset(Verdict),
    "places": [frozenset(Place)],
    "phantoms": [str],
    "problems": [str],
    "corrections": [_DIFFERENCE],
    "differences": [_DIFFERENCE],
    "recompressed": _TEXT_OR_NONE,
    "causes": [{"cause": str, "title": str, "reason": str, "fix": str, "count": int}],
    "failure": (NoneType, {"phase": frozenset(Phase), "message": str, "detail": str}),
    "recipe": (NoneType, _RECIPE, _FIRST_RECIPE),
    "evidence": [{"what": str, "value": str, "why": str}],
    "tried": [{"act": frozenset(Act), "what": str}],
    "remarks": [str],
    "provenance": (NoneType, _PROVENANCE),
    "sandboxed": bool,
    "kept": NoneType,
    "attempts": int,
    "seconds": _NUMBER,
}
#: As docs/reference/schemas/diff-1.json has it.
_SIDE: _Shape = {
    "filename": str,
    "form": frozenset(Form),
    "format": str,
    "size": int,
    "sha256": str,
    "members": (int, NoneType),
    "backend": _TEXT_OR_NONE,
}
_MARKS = frozenset("-+ @")
_COMPARISON: _Shape = {
    "verdict": frozenset(Verdict),
    "where": [frozenset(Where)],
    "first": _SIDE,
    "second": _SIDE,
    "recompressed": _TEXT_OR_NONE,
    "explanations": [
        {"cause": str, "title": str, "reason": str, "fix": str, "differences": [_DIFFERENCE]}
    ],
    "contents": [{"member": str, "form": str, "lines": [[str]], "omitted": int}],
}


def is_whole(document: Mapping[str, Any], filename: str, digest: Digest) -> bool:
    """Whether a document is one result, on this file, with all that a report needs."""
    return (
        _fits(document, _RESULT)
        and document["artifact"] == storable(filename)
        and document["sha256"] == str(digest)
        and math.isfinite(document["seconds"])
        and (document["verdict"] == Verdict.UNBUILDABLE) == (document["failure"] is not None)
    )


def is_whole_comparison(document: Mapping[str, Any], digest: Digest) -> bool:
    """Whether a document is one comparison of the file with this digest, the first of two."""
    return (
        _fits(document, _COMPARISON)
        and document["first"]["sha256"] == str(digest)
        and all(
            len(line) == 2 and line[0] in _MARKS
            for view in document["contents"]
            for line in view["lines"]
        )
    )


def _fits(value: object, shape: _Shape) -> bool:
    if type(shape) is type:  # nearly always
        return type(value) is shape
    match shape:
        case tuple():
            return any(_fits(value, each) for each in shape)
        case frozenset():
            return isinstance(value, str) and value in shape
        case re.Pattern():
            return isinstance(value, str) and shape.fullmatch(value) is not None
        case [each]:
            return isinstance(value, list) and all(_fits(item, each) for item in value)
        case dict():
            return (
                isinstance(value, dict)
                and value.keys() == shape.keys()
                and all(_fits(value[name], each) for name, each in shape.items())
            )
    return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())
