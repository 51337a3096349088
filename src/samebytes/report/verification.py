"""Verifications for the terminal and as JSON; see docs/reference/schemas/verify-1.json."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from samebytes.compare.model import Verdict
from samebytes.errors import SamebytesError
from samebytes.report.document import difference_document
from samebytes.report.visible import counted, shortened, storable, visible
from samebytes.verify.targets import NotVerified
from samebytes.verify.verification import Verification

VERSION = 1

#: One result of a document, as ``result_document`` gives it, or as it was kept.
Result = Mapping[str, Any]

_STYLES: Mapping[str, str] = {
    Verdict.IDENTICAL: "bold green",
    Verdict.EQUIVALENT: "bold yellow",
    Verdict.DIFFERENT: "bold red",
    Verdict.UNBUILDABLE: "bold magenta",
}
_EXAMPLES, _LONGEST, _LOG_LINES = 5, 90, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """An artifact on which there is no verdict."""

    artifact: str
    error: SamebytesError


def result_document(found: Verification) -> dict[str, object]:
    """One verification as part of a document."""
    is_equivalent = found.verdict is Verdict.EQUIVALENT
    differences = [difference_document(each) for each in found.differences]
    comparison = found.comparison
    return {
        "artifact": storable(found.artifact),
        "sha256": found.digest and str(found.digest),
        "source": storable(found.source),
        "verdict": str(found.verdict),
        "places": [str(place) for place in found.places],
        "phantoms": [storable(name) for name in found.phantoms],
        "problems": [storable(text) for text in found.problems],
        "corrections": differences if is_equivalent else [],
        "differences": [] if is_equivalent else differences,
        "recompressed": comparison and comparison.recompressed,
        "causes": [
            {
                "cause": each.cause,
                "title": each.title,
                "reason": storable(each.reason),
                "fix": each.fix,
                "count": len(each.differences),
            }
            for each in (comparison.explanations if comparison else ())
        ],
        "failure": found.failure
        and {key: storable(text) for key, text in found.failure.to_dict().items()},
        "recipe": found.recipe and found.recipe.to_dict(),
        "evidence": [
            {key: storable(text) for key, text in each.to_dict().items()} for each in found.evidence
        ],
        "tried": [{"act": str(each.act), "what": storable(each.what)} for each in found.tried],
        "remarks": [storable(text) for text in found.remarks],
        "attempts": found.attempts,
        "seconds": round(found.seconds, 3),
    }


def results_document(
    results: Sequence[Result],
    skipped: Sequence[NotVerified] = (),
    failed: Sequence[Failed] = (),
    error: SamebytesError | None = None,
) -> dict[str, object]:
    """All results; with an ``error``, those that there were before it."""
    return {
        "version": VERSION,
        "results": list(results),
        "skipped": [
            {"artifact": storable(each.filename), "reason": storable(each.reason)}
            for each in skipped
        ],
        "failed": [
            {"artifact": storable(each.artifact), "error": each.error.to_dict()} for each in failed
        ],
        "error": error and error.to_dict(),
    }


def is_verified(result: Result) -> bool:
    return result["verdict"] in (Verdict.IDENTICAL, Verdict.EQUIVALENT)


def result_report(result: Result, *, verbose: bool) -> Iterator[Text]:
    """One verification: the verdict, what differs, how it was built, and what speaks for it."""
    verdict = result["verdict"]
    name = (visible(result["artifact"]), "bold")
    yield Text.assemble((verdict, _STYLES[verdict]), ": ", name, f"  {claim(result)}")
    if result["sha256"]:
        yield Text(f"  sha256 {result['sha256']}", "dim")
    for text in (*result["remarks"], *result["problems"]):
        yield Text.assemble(("  note   ", "yellow"), visible(text))
    for each in result["tried"]:
        act = _ACTS.get(each["act"], each["act"])
        yield Text.assemble(("  tried  ", "bold red"), f"{act} {visible(each['what'])}")
    yield from _differences(result, verbose=verbose)
    yield from _failure(result, verbose=verbose)
    yield from _recipe(result, verbose=verbose)


_ACTS = {
    "left": "a program was left running:",
    "network": "the build wanted to reach",
    "read": "the build wanted to read",
    "write": "the build wanted to write",
}


def claim(result: Result) -> str:
    """What a verdict means of this artifact, in a few words."""
    source = visible(result["source"])
    match result["verdict"]:
        case Verdict.IDENTICAL:
            return f"built from {source}, byte for byte"
        case Verdict.EQUIVALENT:
            count = counted(len(result["corrections"]), "correction")
            return f"built from {source}: after {count} the same bytes; no content differs"
        case Verdict.DIFFERENT:
            where = f" ({', '.join(result['places'])})" if result["places"] else ""
            return f"not what {source} builds here{where}" if source else "not verified"
    failure = result["failure"]
    return f"could not be built again: {failure['phase']}" if failure else "could not be built"


def _differences(result: Result, *, verbose: bool) -> Iterator[Text]:
    for name in result["phantoms"][: None if verbose else _EXAMPLES]:
        yield Text.assemble(
            ("  phantom", "bold red"), f" {visible(name)}  is in the published file only"
        )
    if (more := len(result["phantoms"]) - _EXAMPLES) > 0 and not verbose:
        yield Text(f"          and {counted(more, 'more phantom member')}", "dim")
    for cause in result["causes"]:
        count = counted(cause["count"], "difference")
        yield Text.assemble(
            "  ", (cause["cause"], "cyan"), f": {cause['title']} ", (f"({count})", "dim")
        )
        yield Text(f"    {visible(cause['reason'])}")
    content = [each for each in result["differences"] if each["level"] == "content"]
    for each in content if verbose else content[:_EXAMPLES]:
        values = (shortened(visible(each[side]), _LONGEST) for side in ("first", "second"))
        member = visible(each["member"] or "the archive")
        field = f" {visible(each['field'])}" if each["field"] else ""
        yield Text.assemble(
            ("    ", ""), (each["kind"], "cyan"), f" {member}{field}: {' → '.join(values)}"
        )
    if (more := len(content) - _EXAMPLES) > 0 and not verbose:
        yield Text(f"    and {counted(more, 'more difference')} of content: --verbose", "dim")


def _failure(result: Result, *, verbose: bool) -> Iterator[Text]:
    if failure := result["failure"]:
        yield Text(f"  {visible(failure['message'])}")
        lines = failure["detail"].splitlines()
        for line in lines if verbose else lines[-_LOG_LINES:]:
            yield Text(f"    {shortened(visible(line), 150)}", "dim")


def _recipe(result: Result, *, verbose: bool) -> Iterator[Text]:
    for each in result["evidence"]:
        value = visible(each["value"])
        yield Text.assemble(f"  {each['what']:<12} {value}  ", (visible(each["why"]), "dim"))
    if verbose and result["recipe"]:
        pins = [f"{pin['name']}=={pin['version']}" for pin in result["recipe"]["requirements"]]
        yield Text(f"  {'installed':<12} {', '.join(pins) or 'nothing'}")
    if result["attempts"]:
        builds = counted(result["attempts"], "attempt")
        yield Text(f"  {builds} in {result['seconds']:.1f} s", "dim")


def summary(results: Sequence[Result], failed: Sequence[Failed]) -> Text:
    """How many of each verdict, in one line."""
    counts = Counter(each["verdict"] for each in results)
    total = counted(len(results), "artifact")
    parts = [Text(f"{counts[v]:,} {v}", _STYLES[v]) for v in Verdict if counts[v]]
    if failed:
        parts.append(Text(f"{len(failed):,} without a verdict", "bold red"))
    return Text(f"{total}: ").append(Text(", ").join(parts or [Text("none")]))


def results_table(results: Sequence[Result]) -> Table:
    """One line for each result."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("verdict")
    table.add_column("artifact", overflow="fold", ratio=3)
    table.add_column("what", overflow="fold", ratio=5)
    table.add_column("s", justify="right")
    for each in results:
        text = Text(claim(each))
        for tried in each["tried"][:1]:
            text.append(f"; tried: {tried['act']} {visible(tried['what'])}", "bold red")
        table.add_row(
            Text(each["verdict"], _STYLES[each["verdict"]]),
            visible(each["artifact"]),
            text,
            f"{each['seconds']:.1f}",
        )
    return table
