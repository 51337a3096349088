"""A confirmation, as lines for a terminal and as a document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import RenderableType
from rich.text import Text

from samebytes.compare.document import comparison_document
from samebytes.compare.model import Verdict
from samebytes.errors import SamebytesError
from samebytes.release.confirm import Confirmation
from samebytes.release.record import STATEMENTS
from samebytes.report.visible import visible

VERSION = 1
_STYLES = {Verdict.IDENTICAL: "bold green", Verdict.EQUIVALENT: "bold yellow"}


def confirmation_report(
    found: Confirmation, written: Path, *, is_there: bool, quiet: bool = False
) -> Iterator[RenderableType]:
    """The verdict, what differs, and where the signed statement is.

    ``is_there``: it lies where those who publish look for it.
    """
    verdict = "confirmed" if found.is_yes else "not confirmed"
    how = f"built again, it is {found.verdict}" if found.is_built else "nothing was built"
    yield Text.assemble((verdict, _STYLES.get(found.verdict, "bold red")), f": {how}")
    for line in found.differences:
        yield Text(f"  {visible(line)}")
    if quiet:
        return
    for name, digest in found.digests.items():
        yield Text(f"{digest}  {name}")
    answer = "yes" if found.is_yes else "no"
    yield Text(f"This {answer} is signed by {visible(found.signer.label)}: {visible(str(written))}")
    if not is_there:
        yield Text(
            f"Send this file to whoever publishes: it counts once it lies in DIR/{STATEMENTS}."
        )
    if not found.is_yes:
        yield Text("Publish nothing until somebody knows why: samebytes diff shows more.")


def confirmation_document(
    found: Confirmation | None,
    written: Path | None,
    warnings: Sequence[str],
    error: SamebytesError | None = None,
) -> dict[str, object]:
    """The result as JSON; its schema is docs/reference/schemas/confirmation-1.json."""
    status = "failed"
    if found is not None:
        status = "confirmed" if found.is_yes else "finding"
    return {
        "version": VERSION,
        "status": status,
        "warnings": list(warnings),
        "error": error and error.to_dict(),
        "verdict": found and str(found.verdict),
        "differences": list(found.differences) if found else [],
        "artifacts": {name: str(each) for name, each in found.digests.items()} if found else {},
        "recipe": found and found.recipe.to_dict(),
        "comparisons": [comparison_document(each) for each in found.comparisons] if found else [],
        "signer": found and {"keyid": found.signer.keyid, "verifier": found.signer.verifier},
        "statement": written and str(written),
    }
