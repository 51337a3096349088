"""Audits of any size for the terminal and as JSON; see docs/reference/schemas/verify-1.json."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from samebytes.compare.model import Verdict
from samebytes.errors import SamebytesError
from samebytes.report.verification import (
    STYLES,
    VERSION,
    Failed,
    failed_documents,
    result_report,
    results_table,
    summary_of,
    unmatched_documents,
    unmatched_line,
)
from samebytes.report.visible import counted, visible
from samebytes.verify.document import Result
from samebytes.verify.targets import Unmatched

#: Up to how many artifacts are shown one by one; of more, only the first that need attention.
_TABLE, _ATTENTION = 200, 50

#: Verdicts that somebody has to look at.
ATTENTION = frozenset({Verdict.DIFFERENT, Verdict.UNBUILDABLE})

#: Gives the results that have one of these verdicts.
Results = Callable[[Collection[str]], Iterable[Result]]

#: Gives how many artifacts there are of each verdict, backend and month of upload.
Groups = Callable[[], Mapping[tuple[str, str | None, str | None], int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is said of an audit besides its results.

    ``counts`` are those of verdicts. ``entries`` are those of what is asked for that nobody looked
    at, and ``left`` what was not begun because of a limit, each project as one unless
    ``is_planned``; both are findings unless ``allow_skipped``.
    """

    counts: Mapping[str, int]
    entries: int
    left: int
    unmatched: Sequence[Unmatched]
    failed: Sequence[Failed]
    allow_skipped: bool
    is_planned: bool = True

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def attention(self) -> int:
        """How many have a verdict that somebody has to look at."""
        return sum(self.counts.get(verdict, 0) for verdict in ATTENTION)

    @property
    def status(self) -> str:
        """As the document has it: verified, finding or failed."""
        if self.failed:
            return "failed"
        has_gaps = self.unmatched or ((self.entries or self.left) and not self.allow_skipped)
        return "finding" if has_gaps or self.attention else "verified"


def audit_document(
    facts: Facts,
    results: Iterable[Result],
    skipped: Iterable[Mapping[str, object]],
    error: SamebytesError | None = None,
) -> dict[str, object]:
    """The document, of which some members are iterators; with an ``error``, what was before it."""
    return {
        "version": VERSION,
        "status": "failed" if error is not None else facts.status,
        "results": iter(results),
        "skipped": iter(skipped),
        "unmatched": unmatched_documents(facts.unmatched),
        "failed": failed_documents(facts.failed),
        "left": facts.left,
        "error": error and error.to_dict(),
    }


def audit_report(
    facts: Facts, results: Results, groups: Groups, *, verbose: bool, quiet: bool
) -> Iterator[RenderableType]:
    """What is printed: of many artifacts only those to look at, and of very many not all."""
    if verbose:
        for each in results(frozenset(Verdict)):
            yield from result_report(each, verbose=True)
    elif not quiet:
        yield from _shown(facts, results, groups)
    yield from map(unmatched_line, facts.unmatched)
    yield summary_of(
        facts.counts,
        failed=len(facts.failed),
        skipped=facts.entries,
        unmatched=len(facts.unmatched),
        left=facts.left,
        is_planned=facts.is_planned,
    )


def _shown(facts: Facts, results: Results, groups: Groups) -> Iterator[RenderableType]:
    if 0 < facts.total <= _TABLE:
        yield results_table(list(results(frozenset(Verdict))))
    elif facts.total:
        yield _backends_table(groups)
    if not facts.attention:
        return
    for each in islice(results(ATTENTION), _ATTENTION):
        yield from result_report(each, verbose=False)
    if (more := facts.attention - _ATTENTION) > 0:
        yield Text(f"and {counted(more, 'more artifact')}: --verbose, --json or --html", "dim")


def _backends_table(groups: Groups) -> Table:
    """A line for each backend, the most used first: how many of each verdict."""
    counts = defaultdict[str | None, Counter[str]](Counter)
    for (verdict, backend, _), count in groups().items():
        counts[backend][verdict] += count
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("backend")
    for verdict in Verdict:
        table.add_column(verdict, justify="right", header_style=STYLES[verdict])
    for backend in sorted(counts, key=lambda each: (-counts[each].total(), each or "")):
        found = counts[backend]
        name = visible(backend) if backend is not None else "unknown"
        table.add_row(Text(name), *(f"{found[verdict]:,}" for verdict in Verdict))
    return table
