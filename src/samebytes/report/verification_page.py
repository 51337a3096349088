"""Verifications as one HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from samebytes.compare.model import Comparison
from samebytes.report.document import comparison_document
from samebytes.report.html import html_page
from samebytes.report.verification import Result


def verification_page(
    results: Sequence[Result], comparisons: Sequence[Comparison], entries: Mapping[str, str]
) -> str:
    """The page; ``entries`` has the documentation of kinds and causes by id."""
    document = {
        "version": 1,
        "status": "different",
        "error": None,
        "first": "published",
        "second": "rebuilt",
        "comparisons": [comparison_document(each) for each in comparisons],
        "only_in_first": [],
        "only_in_second": [],
    }
    return html_page(document, entries)
