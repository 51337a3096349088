"""Verifications for the terminal and as JSON; see docs/reference/schemas/verify-1.json."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from samebytes.compare.model import Verdict
from samebytes.errors import SamebytesError
from samebytes.index.provenance import Signature
from samebytes.report.visible import counted, shortened, visible
from samebytes.verify.document import Result
from samebytes.verify.targets import NotVerified, Unmatched
from samebytes.verify.verification import Phase
from samebytes.wire import storable

VERSION = 1

STYLES: Mapping[str, str] = {
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


def results_document(
    results: Sequence[Result],
    skipped: Sequence[NotVerified] = (),
    failed: Sequence[Failed] = (),
    error: SamebytesError | None = None,
    *,
    unmatched: Sequence[Unmatched] = (),
    has_gaps: bool = False,
) -> dict[str, object]:
    """All results; with an ``error``, those that there were before it.

    ``has_gaps``: there is a finding besides the verdicts, or they are not what was asked for.
    """
    is_failed = error is not None or bool(failed)
    return {
        "version": VERSION,
        "status": "failed" if is_failed else _status(results, has_gaps=has_gaps),
        "results": list(results),
        "skipped": list(map(skipped_document, skipped)),
        "unmatched": unmatched_documents(unmatched),
        "failed": failed_documents(failed),
        "left": 0,
        "error": error and error.to_dict(),
    }


def skipped_document(each: NotVerified) -> dict[str, object]:
    return {
        "artifact": storable(each.filename),
        "reason": storable(each.reason),
        "entry": each.is_entry,
    }


def unmatched_documents(unmatched: Iterable[Unmatched]) -> list[dict[str, str]]:
    return [{"release": storable(each.release), "sha256": str(each.digest)} for each in unmatched]


def failed_documents(failed: Iterable[Failed]) -> list[dict[str, object]]:
    return [{"artifact": storable(each.artifact), "error": each.error.to_dict()} for each in failed]


def _status(results: Sequence[Result], *, has_gaps: bool) -> str:
    return "verified" if all(map(is_verified, results)) and not has_gaps else "finding"


def is_verified(result: Result) -> bool:
    return result["verdict"] in (Verdict.IDENTICAL, Verdict.EQUIVALENT)


def result_report(result: Result, *, verbose: bool) -> Iterator[Text]:
    """One verification: the verdict, what differs, how it was built, and what speaks for it."""
    verdict = result["verdict"]
    yield Text.assemble(
        (verdict, STYLES[verdict]),
        ": ",
        (visible(result["artifact"]), "bold"),
        f" {claim(result)}",
    )
    if result["sha256"]:
        yield _line("sha256", result["sha256"], "dim")
    for text in result["problems"]:
        yield _line("problem", visible(text), label="bold red")
    if result["kept"]:
        yield _line("note", _kept(result), label="yellow")
    for text in result["remarks"]:
        yield _line("note", visible(text), label="yellow")
    for each in result["tried"]:
        yield _line("the build", f"{ACTS[each['act']]} {visible(each['what'])}", label="bold red")
    yield from _phantoms(result, verbose=verbose)
    yield from _differences(result, verbose=verbose)
    yield from _causes(result)
    yield from _failure(result, verbose=verbose)
    yield from _recipe(result, verbose=verbose)
    yield from _provenance(result)


#: What no build has to do: a verb, to be followed by what it tried it with.
ACTS: Mapping[str, str] = {
    "kill": "tried to end",
    "left": "left a program running:",
    "network": "tried to reach",
    "read": "tried to read",
    "write": "tried to write",
}

#: Where it came to an end, for those who do not know how a build goes.
PHASES: Mapping[str, str] = {
    Phase.DOWNLOAD: "the index does not have what is needed",
    Phase.UNPACK: "the source cannot be unpacked",
    Phase.REQUIREMENTS: "the build requirements cannot be installed",
    Phase.BUILD: "the build fails",
    Phase.TIMEOUT: "the build takes too long",
    Phase.LIMIT: "the build takes more than it may",
    Phase.WORKER: "what verified it was killed, or failed",
}


def claim(result: Result) -> str:
    """What a verdict means of this artifact, in a few words."""
    source = visible(result["source"])
    match result["verdict"]:
        case Verdict.IDENTICAL:
            return f"is what {source} builds, byte for byte"
        case Verdict.EQUIVALENT:
            count = counted(len(result["corrections"]), "correction")
            return f"is what {source} builds, but for how it is packed: {count}"
        case Verdict.DIFFERENT if source:
            where = f": {', '.join(result['places'])}" if result["places"] else ""
            return f"is not what {source} builds here{where}"
        case Verdict.DIFFERENT:
            return "is not verified"
    reason = PHASES[result["failure"]["phase"]]
    return f"could not be built again{f' from {source}' if source else ''}: {reason}"


#: What is known of the signatures of a provenance.
SIGNATURES: Mapping[str, str] = {
    Signature.VERIFIED: "its signature is verified",
    Signature.FAILED: "its signature is wrong",
    Signature.NOT_CHECKED: "its signature is not checked",
}


def publishers(result: Result) -> list[str]:
    """Who attested that the file is theirs; texts of the index."""
    found = result["provenance"]
    return list(dict.fromkeys(_publisher(each["publisher"]) for each in found["attestations"]))


def _publisher(publisher: Mapping[str, str | None]) -> str:
    words = [publisher["kind"], publisher["repository"] or publisher["account"]]
    if workflow := publisher["workflow"]:
        words.append(f"({workflow})")
    return " ".join(filter(None, words))


def _provenance(result: Result) -> Iterator[Text]:
    if result["provenance"]:
        what = SIGNATURES[result["provenance"]["signature"]]
        for each in publishers(result):
            yield _line("attested by", visible(each)).append(f"  {what}", "dim")


def _line(name: str, text: str, style: str = "", *, label: str = "cyan") -> Text:
    return Text.assemble((f"  {visible(name):<12} ", label), (text, style))


def _phantoms(result: Result, *, verbose: bool) -> Iterator[Text]:
    for name in result["phantoms"][: None if verbose else _EXAMPLES]:
        text = f"{visible(name)}  only the published file has it"
        yield _line("phantom", text, label="bold red")
    if (more := len(result["phantoms"]) - _EXAMPLES) > 0 and not verbose:
        yield _line("", f"and {counted(more, 'more phantom member')}: --verbose", "dim")


def _causes(result: Result) -> Iterator[Text]:
    for cause in result["causes"]:
        count = counted(cause["count"], "difference")
        yield Text.assemble(
            "  ", (cause["cause"], "cyan"), f": {cause['title']} ", (f"({count})", "dim")
        )
        yield Text(f"    {visible(cause['reason'])}")


def _differences(result: Result, *, verbose: bool) -> Iterator[Text]:
    """Those of content, but for the phantoms, which are said already."""
    content = [
        each
        for each in result["differences"]
        if each["level"] == "content" and each["kind"] != "member-only-in-first"
    ]
    content.sort(key=lambda each: each["kind"].startswith("record-"))  # which only follows
    for each in content if verbose else content[:_EXAMPLES]:
        values = (shortened(visible(each[side]), _LONGEST) for side in ("first", "second"))
        what = filter(None, (each["member"] or "the archive", each["field"]))
        text = f"{visible(' '.join(what))}: {' → '.join(values)}"
        yield _line("differs", text).append(f"  {each['kind']}", "dim")
    if (more := len(content) - _EXAMPLES) > 0 and not verbose:
        yield _line("", f"and {counted(more, 'more difference')} of content: --verbose", "dim")


def _failure(result: Result, *, verbose: bool) -> Iterator[Text]:
    if failure := result["failure"]:
        yield Text(f"  {visible(failure['message'])}")
        lines = failure["detail"].splitlines()
        for line in lines if verbose else lines[-_LOG_LINES:]:
            yield Text(f"    {shortened(visible(line), 150)}", "dim")


def _recipe(result: Result, *, verbose: bool) -> Iterator[Text]:
    for each in result["evidence"]:
        why = (visible(each["why"]), "dim")
        yield Text.assemble(_line(each["what"], visible(each["value"])), "  ", why)
    if verbose and result["recipe"]:
        pins = [f"{pin['name']}=={pin['version']}" for pin in result["recipe"]["requirements"]]
        yield _line("installed", ", ".join(pins) or "nothing")
    if result["attempts"]:
        builds = counted(result["attempts"], "attempt")
        yield Text(f"  {builds} in {result['seconds']:.1f} s", "dim")


def unmatched_line(each: Unmatched) -> Text:
    """A hash for which there is no file."""
    label = f"{visible(each.release)}: "
    text = Text.assemble(("unmatched", "bold red"), ": ", (label, "bold"))
    return text.append(f"no file on the index has the hash sha256:{each.digest} of the lock")


def summary(results: Sequence[Result], failed: Sequence[Failed]) -> Text:
    """How many of each verdict, in one line."""
    return summary_of(Counter(each["verdict"] for each in results), failed=len(failed))


def summary_of(
    counts: Mapping[str, int],
    *,
    failed: int = 0,
    skipped: int = 0,
    unmatched: int = 0,
    left: int = 0,
    is_planned: bool = True,
) -> Text:
    """How many of each verdict, in one line.

    ``failed`` are without one, ``skipped`` are entries of what is asked for, ``unmatched`` hashes,
    and ``left`` artifacts that were not begun, or projects that were not asked for, unless
    ``is_planned``.
    """
    total = counted(sum(counts.values()) + failed, "artifact")
    parts = [Text(f"{counts[v]:,} {v}", STYLES[v]) for v in Verdict if counts.get(v)]
    if failed:
        parts.append(Text(f"{failed:,} without a verdict", "bold red"))
    line = Text(f"{total}: ").append(Text(", ").join(parts)) if parts else Text(_NOTHING)
    if skipped:
        word = "entry" if skipped == 1 else "entries"
        line.append("; ").append(f"{skipped:,} {word} skipped", "bold yellow")
    if unmatched:
        word = "hash" if unmatched == 1 else "hashes"
        line.append("; ").append(f"{unmatched:,} unmatched {word}", "bold red")
    if left:
        least = "" if is_planned else "at least "
        line.append("; ").append(f"{least}{left:,} left for another time", "bold yellow")
    return line


_NOTHING = "Nothing was verified."


def results_table(results: Sequence[Result]) -> Table:
    """One line for each result."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("verdict")
    table.add_column("artifact", overflow="fold", ratio=3)
    table.add_column("what", overflow="fold", ratio=5)
    table.add_column("s", justify="right")
    for each in results:
        text = Text(". ").join([Text(claim(each)), *_remarkable(each)])
        verdict, name = Text(each["verdict"], STYLES[each["verdict"]]), visible(each["artifact"])
        table.add_row(verdict, Text(name), text, f"{each['seconds']:.1f}")
    return table


def _kept(result: Result) -> str:
    return f"kept, of {result['kept'][:10]}"


def _remarkable(result: Result) -> Iterator[Text]:
    """What one line cannot leave out."""
    if result["kept"]:
        yield Text(_kept(result))
    if result["attempts"] and not result["sandboxed"]:
        yield Text("Built without a sandbox", "bold red")
    for problem in result["problems"][:1]:
        yield Text(visible(problem).rstrip("."))
    for tried in result["tried"][:1]:
        more = f" and {len(result['tried']) - 1} more" if len(result["tried"]) > 1 else ""
        yield Text(f"The build {ACTS[tried['act']]} {visible(tried['what'])}{more}", "bold red")
