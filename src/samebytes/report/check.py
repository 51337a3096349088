"""A check for the terminal and as a JSON document; docs/reference/schemas/check-1.json."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from samebytes.compare.kinds import KINDS
from samebytes.errors import SamebytesError
from samebytes.report.visible import counted, shortened, visible
from samebytes.variations.check import CheckResult
from samebytes.variations.findings import Finding
from samebytes.variations.symptoms import FAILURE, NAME
from samebytes.variations.table import REPEAT, VARIATIONS, Variation
from samebytes.wire import storable

_EXAMPLES, _LONGEST = 2, 44
_MEMBERS = 200


def check_report(result: CheckResult, *, verbose: bool = False) -> Iterator[Text | Table]:
    """The verdict, what makes it, and what could not be tried."""
    style = "bold green" if result.is_reproducible else "bold red"
    word = "reproducible" if result.is_reproducible else "not reproducible"
    yield Text.assemble((word, style), f": {claim(result)}")
    if result.findings:
        yield _table(result, verbose=verbose)
        yield Text.assemble(("samebytes explain ID", "cyan"), " tells more of each of these ids.")
    else:
        for name, digest in result.digests.items():
            yield Text(f"{digest}  {visible(name)}")
    yield from _not_tried(result.not_tried)


def claim(result: CheckResult) -> str:
    """What the verdict rests on."""
    tried = counted(len(result.tried), "variation")
    if result.is_reproducible:
        return f"the same bytes under {tried}"
    guilty = {name for each in result.findings for name in each.variations} - {REPEAT.id}
    is_chance = any(each.variations == (REPEAT.id,) for each in result.findings)
    if not guilty:
        return "building again changes the bytes, with nothing varied"
    verb = "changes" if len(guilty) == 1 else "change"
    again = ", and so does building again" if is_chance else ""
    return f"{len(guilty)} of {tried} {verb} the bytes{again}"


def _table(result: CheckResult, *, verbose: bool) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, leading=1)
    for heading, ratio in (("difference", 5), ("variation", 2), ("cause", 3), ("fix", 5)):
        table.add_column(heading, ratio=ratio, overflow="fold")
    for finding in result.findings:
        table.add_row(
            _difference(finding, verbose=verbose),
            Text(" + ".join(finding.variations), "bold"),
            Text.assemble((finding.cause, "cyan"), f": {finding.title}"),
            Text(finding.fix),
        )
    return table


def _difference(finding: Finding, *, verbose: bool) -> Text:
    what = ", ".join(respect_title(each) for each in finding.respects[:_EXAMPLES])
    if (more := len(finding.respects) - _EXAMPLES) > 0:
        what += f" and {more} more"
    text = Text.assemble((str(finding.form), "bold"), f": {what}")
    if finding.members:
        shown = finding.members if verbose else finding.members[:_EXAMPLES]
        names = ", ".join(visible(each) for each in shown)
        rest = len(finding.members) - len(shown)
        text.append(f"\n{names}" + (f" and {rest:,} more" if rest else ""), "dim")
    if finding.example is not None and len(finding.members) <= 1:
        one, two = (shortened(visible(each), _LONGEST) for each in finding.example)
        text.append(f"\n{one} → {two}")
    if finding.detail:
        lines = finding.detail.splitlines()[-(20 if verbose else 1) :]
        text.append("\n" + "\n".join(visible(line) for line in lines), "dim")
    return text


def respect_title(respect: str) -> str:
    """In what two artifacts differ, in words."""
    words = {FAILURE: "it is not built", NAME: "name of the file"}
    return words[respect] if respect in words else KINDS[respect].title


def _not_tried(not_tried: Mapping[str, str]) -> Iterator[Text]:
    """The variations by reason; it is not hidden that there are some."""
    reasons = defaultdict[str, list[str]](list)
    for name, reason in not_tried.items():
        reasons[reason].append(name)
    for reason, names in reasons.items():
        listed = ", ".join(names)
        yield Text.assemble(("not tried", "yellow"), f": {listed}: {visible(reason)}")


def variations_table(variations: Mapping[str, Variation] = VARIATIONS) -> Table:
    """What there is to vary, and when it is."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("variation", "what", "from → to", "tried"):
        table.add_column(heading, overflow="fold")
    words = {"always": "by default", "raw": "with --raw", "asked": "if named"}
    for each in variations.values():
        table.add_row(Text(each.id, "bold"), each.title, each.change, words[each.scope])
    return table


def check_document(
    result: CheckResult | None, warnings: list[str], error: SamebytesError | None = None
) -> dict[str, object]:
    """The whole result, or the error that prevented it."""
    status = "failed"
    if result is not None:
        status = "reproducible" if result.is_reproducible else "not-reproducible"
    return {
        "version": 1,
        "status": status,
        "warnings": warnings,
        "error": error and error.to_dict(),
        "source": result and storable(result.source),
        "raw": result and result.raw,
        "epoch": result and result.epoch.seconds,
        "tried": list(result.tried) if result else [],
        "not_tried": dict(result.not_tried) if result else {},
        "findings": [_finding(each) for each in result.findings] if result else [],
        "artifacts": {storable(name): str(digest) for name, digest in result.digests.items()}
        if result
        else {},
        "builds": result and result.builds,
        "seconds": result and round(result.seconds, 3),
    }


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "form": str(finding.form),
        "variations": list(finding.variations),
        "kinds": list(finding.respects),
        "members": [storable(each) for each in finding.members[:_MEMBERS]],
        "member_count": len(finding.members),
        "differences": finding.differences,
        "cause": finding.cause,
        "title": finding.title,
        "fix": finding.fix,
        "example": finding.example and [storable(each) for each in finding.example],
        "detail": storable(finding.detail),
    }
