"""Comparisons as part of a JSON document; see docs/reference/schemas/diff-1.json."""

from __future__ import annotations

from samebytes.compare.model import Comparison, ContentView, Difference, Side
from samebytes.wire import storable


def comparison_document(comparison: Comparison) -> dict[str, object]:
    """One comparison as part of a document."""
    return {
        "verdict": str(comparison.verdict),
        "where": [str(where) for where in comparison.where],
        "first": _side(comparison.first),
        "second": _side(comparison.second),
        "recompressed": comparison.recompressed,
        "explanations": [
            {
                "cause": each.cause,
                "title": each.title,
                "reason": storable(each.reason),
                "fix": each.fix,
                "differences": [difference_document(one) for one in each.differences],
            }
            for each in comparison.explanations
        ],
        "contents": [_view(view) for view in comparison.contents],
    }


def _side(side: Side) -> dict[str, object]:
    return {
        "filename": storable(side.filename),
        "form": str(side.form),
        "format": side.format,
        "size": side.size,
        "sha256": str(side.digest),
        "members": side.members,
        "backend": side.backend and storable(side.backend),
    }


def difference_document(difference: Difference) -> dict[str, object]:
    """One difference as part of a document."""
    return {
        "kind": difference.kind.id,
        "level": str(difference.kind.level),
        "member": difference.member and storable(difference.member),
        "field": storable(difference.field),
        "first": storable(difference.first),
        "second": storable(difference.second),
    }


def _view(view: ContentView) -> dict[str, object]:
    return {
        "member": storable(view.member),
        "form": view.form,
        "lines": [[line.mark, storable(line.text)] for line in view.lines],
        "omitted": view.omitted,
    }
