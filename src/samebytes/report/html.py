"""Comparisons as one HTML file that needs nothing else and loads nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import takewhile
from typing import Any, NamedTuple, cast

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from samebytes.compare.kinds import KINDS, Level
from samebytes.report.visible import visible

#: Verdicts in the order in which a reader looks for them.
_WORST = ("different", "equivalent", "identical")
#: Rows of a group that are there without JavaScript.
_STATIC = 20
#: How much two lines must have in common for the part that changed to be marked.
_ALIKE = 0.4

_BLANK_LINES = re.compile(r"\n\s*\n")
_CODE = re.compile(r"`([^`]+)`")
_STRONG = re.compile(r"\*\*([^*]+)\*\*")
_REPLACED = re.compile(r"(-+)(\++)")


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


def render(template: str, **values: object) -> str:
    """A page in the style that all have."""
    style = _asset("page.css")
    return (
        _environment()
        .get_template(template)
        .render(
            {"data": None, "titles": {}} | values,
            style=Markup(style),  # noqa: S704 - our own file
            style_hash=_csp_hash(style),
        )
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
        script = _asset("page.js")
        return render(
            template,
            entries={name: entries[name] for name in self.titles if name in entries},
            titles=self.titles,
            data={"strings": list(self.strings), "groups": self.groups},
            script=Markup(script),  # noqa: S704 - our own file
            script_hash=_csp_hash(script),
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


def _finalized(value: object) -> object:
    """Every value that the template shows goes through here, then through autoescape."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _inline(text: str) -> Markup:
    """Text in which `code` and **strong** are marked."""
    escaped = str(escape(visible(text)))
    coded = _CODE.sub(r"<code>\1</code>", escaped)
    return Markup(_STRONG.sub(r"<strong>\1</strong>", coded))  # noqa: S704 - escaped


def _prose(text: str) -> Markup:
    """Paragraphs of the documentation."""
    paragraphs = _BLANK_LINES.split(text.strip())
    return Markup().join(
        Markup("<p>{}</p>").format(_inline(" ".join(each.split()))) for each in paragraphs
    )


def _diff(lines: Sequence[tuple[str, str]]) -> Iterator[tuple[str, Markup, Markup, Markup]]:
    """The mark of each line and its text: what another line has too, what changed, and the rest."""
    partners = _partners("".join(mark for mark, _ in lines))
    for at, (mark, text) in enumerate(lines):
        start, end = _changed(text, lines[partners[at]][1]) if at in partners else (0, 0)
        yield mark, _spaced(text[:start]), _spaced(text[start:end]), _spaced(text[end:])


def _partners(marks: str) -> dict[int, int]:
    """Which line became which, where as many lines came as went."""
    partners: dict[int, int] = {}
    for run in _REPLACED.finditer(marks):
        if (count := len(run[1])) == len(run[2]):
            for at in range(run.start(), run.start() + count):
                partners |= {at: at + count, at + count: at}
    return partners


def _changed(text: str, other: str) -> tuple[int, int]:
    """Start and end of what another text has not, if both are alike at all."""
    head = _common(text, other)
    tail = _common(reversed(text[head:]), reversed(other[head:]))
    alike = head + tail >= _ALIKE * max(len(text), len(other))
    return (head, len(text) - tail) if alike else (0, 0)


def _common(text: Iterable[str], other: Iterable[str]) -> int:
    pairs = zip(text, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _spaced(text: str) -> Markup:
    """As ``visible``, but tabs stay."""
    return Markup("\t").join(visible(part) for part in text.split("\t"))


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _plural(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _csp_hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _environment() -> Environment:
    jinja = Environment(
        autoescape=True,
        finalize=_finalized,
        loader=FunctionLoader(_asset),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    jinja.filters |= {
        "diff": _diff,
        "inline": _inline,
        "listed": _listed,
        "number": "{:,}".format,
        "plural": _plural,
        "prose": _prose,
    }
    jinja.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    return jinja


def _asset(name: str) -> str:
    return files("samebytes.report").joinpath(name).read_text(encoding="utf-8")
