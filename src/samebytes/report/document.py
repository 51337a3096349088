"""Comparisons as a JSON document; its schema is docs/reference/schemas/diff-1.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from samebytes.compare.document import comparison_document
from samebytes.compare.model import Comparison, Verdict
from samebytes.errors import SamebytesError
from samebytes.wire import storable


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was asked, and what was found; of two folders, the names of files without a partner."""

    first: str
    second: str
    comparisons: tuple[Comparison, ...] = ()
    only_in_first: tuple[Path, ...] = ()
    only_in_second: tuple[Path, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The least that holds for all of them."""
        verdicts = {comparison.verdict for comparison in self.comparisons}
        if self.only_in_first or self.only_in_second or Verdict.DIFFERENT in verdicts:
            return Verdict.DIFFERENT
        return Verdict.EQUIVALENT if Verdict.EQUIVALENT in verdicts else Verdict.IDENTICAL


def document(report: Report, error: SamebytesError | None = None) -> dict[str, object]:
    """The whole report; with an ``error``, what could be compared before it."""
    return {
        "version": 1,
        "status": "failed" if error is not None else str(report.verdict),
        "error": error and error.to_dict(),
        "first": storable(report.first),
        "second": storable(report.second),
        "comparisons": [comparison_document(each) for each in report.comparisons],
        "only_in_first": _names(report.only_in_first),
        "only_in_second": _names(report.only_in_second),
    }


def _names(paths: Sequence[Path]) -> list[str]:
    return [storable(path.name) for path in paths]
