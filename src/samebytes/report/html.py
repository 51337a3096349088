"""Comparisons as one HTML file that needs nothing else and loads nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from markupsafe import Markup

from samebytes.compare.kinds import KINDS, Level
from samebytes.report.templates import asset, csp_hash, render
from samebytes.report.visible import visible

#: Verdicts in the order in which a reader looks for them.
_WORST = ("different", "equivalent", "identical")
#: Rows of a group that are there without JavaScript.
_STATIC = 20


def html_page(document: Mapping[str, object], entries: Mapping[str, str]) -> str:
    """The page for a document of ``samebytes diff --json``.

    ``entries`` has the documentation of kinds and causes by id: paragraphs of text with
    `code` and **strong** parts. The page holds those of the ids that occur in it.
    """
    comparisons = cast("Sequence[Mapping[str, Any]]", document["comparisons"])
    worst_first = sorted(comparisons, key=lambda one: _WORST.index(one["verdict"]))
    shown = Shown()
    return shown.page(
        "page.html",
        entries,
        document=document,
        pairs=[shown.pair(comparison) for comparison in worst_first],
        tally=tally(comparison["verdict"] for comparison in worst_first),
        sides=("First", "Second"),
    )


def tally(verdicts: Iterable[str]) -> list[str]:
    """How many there are of each, in the order of the first of them."""
    return [f"{count:,} {verdict}" for verdict, count in Counter(verdicts).items()]


class Row(NamedTuple):
    """A difference within its group."""

    member: str
    field: str
    first: str
    second: str


@dataclass(frozen=True, slots=True)
class Group:
    """The differences of one kind that one cause explains."""

    number: int
    kind: str
    title: str
    level: str
    rows: Sequence[Row]
    shared: Mapping[str, str]

    @classmethod
    def of(cls, number: int, kind: str, title: str, level: str, rows: Sequence[Row]) -> Group:
        """``shared`` are the values that all rows have, to be said once."""
        columns = zip(Row._fields, zip(*rows, strict=True), strict=True)
        shared = {name: values[0] for name, values in columns if len(set(values)) == 1}
        return cls(number, kind, title, level, rows, shared)

    @property
    def varying(self) -> list[str]:
        return [name for name in Row._fields if name not in self.shared]

    @property
    def said(self) -> list[str]:
        """What there is to say of ``shared``."""
        return [name for name, value in self.shared.items() if value]

    @property
    def sample(self) -> Sequence[Row]:
        return self.rows[:_STATIC]


@dataclass(slots=True, kw_only=True)
class Shown:
    """What a page shows of comparisons: each text once, each difference as four places of texts.

    ``spoken`` puts what is said of the first and the second artifact into the words of the page.
    """

    spoken: Callable[[str], str] = str
    strings: dict[str, int] = field(default_factory=dict)
    groups: list[dict[str, object]] = field(default_factory=list)
    titles: dict[str, str] = field(default_factory=dict)

    def pair(self, comparison: Mapping[str, Any]) -> dict[str, object]:
        """A comparison of a document, as the templates need it."""
        names = [comparison[side]["filename"] for side in ("first", "second")]
        levels: Counter[str] = Counter()
        causes = []
        for explanation in sorted(comparison["explanations"], key=_is_container):
            cause = [explanation["cause"], explanation["title"]]
            self.titles.setdefault(*cause)
            groups = []
            for kind, level, rows in _by_kind(explanation["differences"]):
                title = self.spoken(KINDS[kind].title if kind in KINDS else kind)
                self.titles.setdefault(kind, title)
                group = Group.of(len(self.groups), kind, title, level, rows)
                self._add(group, [*cause, kind, title, *names])
                levels[level] += len(rows)
                groups.append(group)
            reason = self.spoken(explanation["reason"])
            causes.append(explanation | {"reason": reason, "groups": groups})
        return {**comparison, "causes": causes, "levels": levels}

    def page(self, template: str, entries: Mapping[str, str], **values: object) -> str:
        """The page with the pairs that were made before, and the script."""
        script = asset("page.js")
        return render(
            template,
            entries={name: entries[name] for name in self.titles if name in entries},
            titles=self.titles,
            data={"strings": list(self.strings), "groups": self.groups},
            script=Markup(script),  # noqa: S704 - our own file
            script_hash=csp_hash(script),
            **values,
        )

    def _add(self, group: Group, about: Sequence[str]) -> None:
        rows = [[self._place(visible(text)) for text in row] for row in group.rows]
        words = visible(" ".join(about))
        self.groups.append({"about": words, "varying": group.varying, "rows": rows})

    def _place(self, text: str) -> int:
        return self.strings.setdefault(text, len(self.strings))


def _is_container(explanation: Mapping[str, Any]) -> bool:
    """What makes two artifacts different comes before what merely makes them unequal."""
    return all(one["level"] == Level.CONTAINER for one in explanation["differences"])


def _by_kind(differences: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, list[Row]]]:
    """Kind, level and rows, contents first."""
    kinds: dict[str, tuple[str, str, list[Row]]] = {}
    for one in differences:
        *_, rows = kinds.setdefault(one["kind"], (one["kind"], one["level"], []))
        rows.append(Row(one["member"] or "", one["field"], one["first"], one["second"]))
    return sorted(kinds.values(), key=lambda each: each[1] == Level.CONTAINER)
