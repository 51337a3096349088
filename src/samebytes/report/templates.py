"""The templates of all pages: what they have at hand, and that texts stay texts."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from itertools import takewhile

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from samebytes.report.visible import visible

#: How much two lines must have in common for the part that changed to be marked.
_ALIKE = 0.4

_BLANK_LINES = re.compile(r"\n\s*\n")
_CODE = re.compile(r"`([^`]+)`")
_STRONG = re.compile(r"\*\*([^*]+)\*\*")
_REPLACED = re.compile(r"(-+)(\++)")


def render(template: str, **values: object) -> str:
    """A page in the style that all have; with ``site``, one of many that share their files."""
    style = asset("page.css")
    return (
        environment()
        .get_template(template)
        .render(
            {"data": None, "entries": {}, "site": None, "titles": {}} | values,
            style=Markup(style),  # noqa: S704 - our own file
            style_hash=csp_hash(style),
        )
    )


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


def csp_hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def environment() -> Environment:
    """That of all templates, each of which is compiled once."""
    jinja = Environment(
        autoescape=True,
        finalize=_finalized,
        loader=FunctionLoader(asset),
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


@cache
def asset(name: str) -> str:
    """A file beside this module, by its path."""
    return files("samebytes.report").joinpath(name).read_text(encoding="utf-8")
