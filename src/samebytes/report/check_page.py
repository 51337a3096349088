"""A check as one HTML file that needs nothing else and loads nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, cast

from markupsafe import Markup

from samebytes.report.check import respect_title
from samebytes.report.html import asset, csp_hash, environment
from samebytes.variations.table import REPEAT, VARIATIONS


def check_page(document: Mapping[str, object], claim: str, entries: Mapping[str, str]) -> str:
    """The page for a document of ``samebytes check --json``; ``claim`` is its verdict in words.

    ``entries`` has the documentation of every id; the page holds those that occur in it.
    """
    findings = cast("Sequence[Mapping[str, Any]]", document["findings"])
    names = [name for each in findings for name in (each["cause"], *each["variations"])]
    style = asset("page.css")
    return (
        environment()
        .from_string(asset("check.html"))
        .render(
            document=document,
            claim=claim,
            groups=_groups(findings),
            tried=[VARIATIONS[each] for each in cast("Sequence[str]", document["tried"])],
            entries={name: entries[name] for name in dict.fromkeys(names) if name in entries},
            style=Markup(style),  # noqa: S704 - our own file
            style_hash=csp_hash(style),
        )
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
