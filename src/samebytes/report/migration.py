"""A migration for the terminal and as a JSON document; docs/reference/schemas/migrate-1.json."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from samebytes.compare.model import Difference
from samebytes.errors import SamebytesError
from samebytes.migrate.migration import Migration
from samebytes.migrate.proof import Change, Proof
from samebytes.migrate.refusals import Refusal
from samebytes.migrate.sdist_rules import Translation
from samebytes.report.visible import shortened, visible
from samebytes.variations.check import CheckResult
from samebytes.wire import storable

_MARKS = {"-": "red", "+": "green", "~": "yellow"}
_WIDTH = 44
_EXAMPLES = 3
_LONGEST = 60


def migration_report(migration: Migration, *, verbose: bool = False) -> Iterator[Text]:
    """What went and what came, each with its reason; the unexpected first."""
    for problem in migration.problems:
        yield Text.assemble(("unexpected", "bold red"), f": {visible(problem)}")
    for proof in migration.proofs:
        yield from _proof(proof, verbose=verbose)
    if verbose and migration.plan is not None:
        yield from _translations(migration.plan.translations)
    for note in migration.notes:
        yield Text(f"note: {visible(note)}", "dim")


def _proof(proof: Proof, *, verbose: bool) -> Iterator[Text]:
    side = proof.comparison.second
    unexpected = sum(len(change.differences) for change in proof.unexpected)
    found = (f"{unexpected} unexpected", "bold red") if unexpected else ("as expected", "green")
    yield Text.assemble(
        (side.form, "bold"), f" {visible(side.filename)}: {side.members:,} members, ", found
    )
    for change in proof.changes:
        yield from _change(change, verbose=verbose)


def _change(change: Change, *, verbose: bool) -> Iterator[Text]:
    count = len(change.differences)
    place = visible(change.place) or "the archive's own fields"
    if change.place.endswith("/") or not change.place:
        place += f" ({count:,})"
    style = _MARKS[change.mark] if change.expectation else "bold red"
    reason = change.reason if change.expectation else f"UNEXPECTED: {_value(change.differences[0])}"
    yield Text.assemble("  ", (f"{change.mark} {place:<{_WIDTH}}", style), f" {reason}")
    if not change.place and not verbose:
        return
    shown = [each for each in change.differences if each.field or change.expectation is None]
    limit = None if verbose else _EXAMPLES if change.expectation is None else 0
    if change.expectation is not None and change.expectation.id.startswith("metadata"):
        limit = None
    for difference in shown[:limit]:
        yield Text(f"      {visible(difference.field) or difference.kind.id}: {_value(difference)}")


def _value(difference: Difference) -> str:
    one, two = (
        shortened(visible(text), _LONGEST) for text in (difference.first, difference.second)
    )
    return f"{one} → {two}"


def _translations(translations: tuple[Translation, ...]) -> Iterator[Text]:
    if translations:
        yield Text("MANIFEST.in, line by line", "bold")
    for each in translations:
        rule = ", ".join(each.patterns) or f"nothing: {each.reason}"
        yield Text(f"  {each.directive.line:>3}  {visible(each.directive.text):<{_WIDTH}} {rule}")


def migration_document(
    migration: Migration | None, status: str, warnings: list[str], error: SamebytesError | None
) -> dict[str, object]:
    """The whole result, or the error that prevented it."""
    return {
        "version": 1,
        "status": status,
        "warnings": warnings,
        "error": error and error.to_dict(),
        "refused": list(error.reasons) if isinstance(error, Refusal) else [],
        "problems": [] if migration is None else list(migration.problems),
        "notes": [] if migration is None else list(migration.notes),
        "files": [] if migration is None else _files(migration),
        "rules": [] if migration is None or migration.plan is None else _rules(migration),
        "proofs": [] if migration is None else [_proof_document(each) for each in migration.proofs],
        "check": None if migration is None else _check(migration.check),
    }


def _check(result: CheckResult | None) -> dict[str, object] | None:
    """Under which variations both builds gave the same bytes, or did not."""
    if result is None:
        return None
    return {
        "reproducible": result.is_reproducible,
        "tried": list(result.tried),
        "not_tried": dict(result.not_tried),
    }


def _files(migration: Migration) -> list[dict[str, object]]:
    def action(path: str) -> str:
        if migration.changes[path] is None:
            return "removed"
        return "changed" if migration.originals[path] is not None else "added"

    return [{"path": storable(path), "action": action(path)} for path in sorted(migration.changes)]


def _rules(migration: Migration) -> list[dict[str, object]]:
    assert migration.plan is not None
    return [
        {
            "line": each.directive.line,
            "directive": each.directive.text,
            "patterns": list(each.patterns),
            "reason": each.reason,
        }
        for each in migration.plan.translations
    ]


def _proof_document(proof: Proof) -> dict[str, object]:
    comparison = proof.comparison
    return {
        "form": str(comparison.first.form),
        "before": {
            "filename": comparison.first.filename,
            "sha256": str(comparison.first.digest),
        },
        "after": {"filename": comparison.second.filename, "sha256": str(comparison.second.digest)},
        "verdict": str(comparison.verdict),
        "changes": [
            {
                "mark": change.mark,
                "place": storable(change.place),
                "expectation": change.expectation and change.expectation.id,
                "reason": change.reason,
                "differences": len(change.differences),
                "fields": [_field(each) for each in change.differences if each.field][:100],
            }
            for change in proof.changes
        ],
    }


def _field(difference: Difference) -> dict[str, object]:
    return {
        "kind": difference.kind.id,
        "field": storable(difference.field),
        "before": storable(difference.first),
        "after": storable(difference.second),
    }
