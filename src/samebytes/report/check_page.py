"""A check as one HTML file that needs nothing else and loads nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, cast

from samebytes.report.check import respect_title
from samebytes.report.templates import render
from samebytes.variations.table import REPEAT, VARIATIONS


def check_page(document: Mapping[str, object], claim: str, entries: Mapping[str, str]) -> str:
    """The page for a document of ``samebytes check --json``; ``claim`` is its verdict in words.

    ``entries`` has the documentation of every id; the page holds those that occur in it.
    """
    findings = cast("Sequence[Mapping[str, Any]]", document["findings"])
    names = [name for each in findings for name in (each["cause"], *each["variations"])]
    return render(
        "check.html",
        document=document,
        claim=claim,
        groups=_groups(findings),
        tried=[VARIATIONS[each] for each in cast("Sequence[str]", document["tried"])],
        entries={name: entries[name] for name in dict.fromkeys(names) if name in entries},
    )


def _groups(findings: Sequence[Mapping[str, Any]]) -> list[dict[str, object]]:
    """The findings by the variations that make them."""
    groups = []
    for names, found in groupby(findings, key=lambda each: each["variations"]):
        rows = [{**each, "titles": [*map(respect_title, each["kinds"])]} for each in found]
        rules = [VARIATIONS.get(name, REPEAT) for name in names]
        groups.append(
            {
                "variations": names,
                "title": " and ".join(rule.title for rule in rules),
                "changes": [rule.change for rule in rules],
                "differences": sum(row["differences"] for row in rows),
                "findings": rows,
            }
        )
    return groups
