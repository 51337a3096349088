"""The checklist of a release, for the terminal, as Markdown, as a page and as JSON.

docs/reference/schemas/release-1.json describes the JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType
from rich.text import Text

from samebytes.errors import SamebytesError
from samebytes.release.checklist import Checklist, Item, Part, Progress, State
from samebytes.release.signed.decision import Decision
from samebytes.report.visible import counted, visible
from samebytes.wire import storable

#: How far a release has come, in words.
PROGRESS: Mapping[Progress, str] = {
    Progress.PREPARING: "being prepared",
    Progress.WAITING: "waiting for others to confirm it",
    Progress.READY: "confirmed, and ready to be published",
    Progress.REFUSED: "stopped: see what failed",
    Progress.PUBLISHING: "uploaded, but not yet compared",
    Progress.PUBLISHED: "published",
}
PARTS: Mapping[Part, str] = {
    Part.PREPARE: "Prepared",
    Part.CONFIRM: "Confirmed",
    Part.PUBLISH: "Published",
}
_STYLES: Mapping[State, str] = {
    State.DONE: "green",
    State.FAILED: "bold red",
    State.WAITING: "yellow",
    State.OPEN: "dim",
    State.IGNORED: "dim",
}
_TONES: Mapping[Progress, str] = {
    Progress.REFUSED: "bold red",
    Progress.READY: "bold green",
    Progress.PUBLISHED: "bold green",
}

#: Columns in which text is still wrapped.
_NARROWEST = 20

#: Lines below an item that is done.
_MOST_FACTS = 4

#: What Markdown takes for more than text anywhere, and at the beginning of a line.
_MARKUP = re.compile(r"([\\`*_{}\[\]<>&|~$^=])")
_BEGINNING = re.compile(r"^([0-9]*)([-+#:.)])")
#: What those who render it make links or mentions of, wherever it stands.
_LINKING = re.compile(r"@|[#!]\d|://|www\.|\bGH-\d|\b[0-9a-f]{7,64}\b", re.IGNORECASE)
_PUNCTUATION = "()[]<>.,:;\"'"


@dataclass(frozen=True, slots=True)
class Hanging:
    """A line that goes on below its own text where a terminal is narrow; in a file, it is one."""

    mark: Text
    text: Text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        width = options.max_width - self.mark.cell_len
        if not console.is_terminal or width < _NARROWEST:
            yield Text.assemble(self.mark, self.text)
            return
        mark = self.mark
        for line in self.text.wrap(console, width, overflow="fold"):
            line.rstrip()
            yield Text.assemble(mark, line)
            mark = Text(" " * self.mark.cell_len)


def release_report(found: Checklist, *, quiet: bool = False) -> Iterator[RenderableType]:
    """The checklist; with ``quiet``, the digests, and what failed or waits for somebody."""
    record = found.record
    if not quiet:
        progress = (PROGRESS[found.progress], _TONES.get(found.progress, "bold"))
        yield Text.assemble(f"{visible(record.name)} {record.version}: ", progress)
        yield Text(f"tag {visible(record.tag)}, commit {record.commit}", "dim")
    for name, digest in record.artifacts.items():
        yield Text(f"{digest}  {visible(name)}")
    for part, title in PARTS.items():
        items = [item for item in found.of(part) if not quiet or _is_urgent(item)]
        if items and not quiet:
            yield Text(title, "bold")
        for item in items:
            yield from _lines(item)
    if found.next:
        yield Text("Next", "bold")
    for step in found.next:
        yield Hanging(Text("  "), Text(visible(step.text)))
        if step.command:
            yield Text(f"    {step.command}", "cyan")


def _is_urgent(item: Item) -> bool:
    return item.state in (State.FAILED, State.WAITING)


def _lines(item: Item) -> Iterator[Hanging]:
    yield Hanging(Text(f"  {item.state:<8} ", _STYLES[item.state]), Text(visible(item.title)))
    for detail in _shown(item):
        style = "" if _is_urgent(item) else "dim"
        yield Hanging(Text(" " * 11), Text(visible(detail), style))


def _shown(item: Item) -> Sequence[str]:
    """What is said below an item: all of it, unless it is done."""
    if not item.is_done or len(item.details) <= _MOST_FACTS:
        return item.details
    more = len(item.details) - _MOST_FACTS + 1
    return (*item.details[: _MOST_FACTS - 1], f"and {counted(more, 'line')} more")


def release_markdown(found: Checklist) -> str:
    """The checklist to paste into a ticket; nothing in it is a link, a mention or markup."""
    return "\n".join(_markdown(found)) + "\n"


def _markdown(found: Checklist) -> Iterator[str]:
    record = found.record
    yield f"## {escaped(f'{record.name} {record.version}')}: {PROGRESS[found.progress]}"
    yield ""
    yield f"Tag {coded(record.tag)}, commit {coded(record.commit)}"
    if record.artifacts:
        yield from ("", "```")
        yield from (f"{digest}  {visible(name)}" for name, digest in record.artifacts.items())
        yield "```"
    for part, title in PARTS.items():
        if not (items := found.of(part)):
            continue
        yield from ("", f"### {title}", "")
        for item in items:
            mark = "x" if item.is_done else " "
            word = "" if item.state in (State.DONE, State.OPEN) else f" **{item.state}:**"
            yield f"- [{mark}]{word} {escaped(item.title)}"
            yield from (f"  - {escaped(detail)}" for detail in _shown(item))
    if found.next:
        yield from ("", "### Next", "")
    for step in found.next:
        yield escaped(step.text)
        if step.command:
            fence = "`" * max(3, 1 + _longest_run(step.command))
            yield from ("", f"{fence}sh", step.command, fence, "")


def escaped(text: str) -> str:
    """A line of text that Markdown shows as it is."""
    return _BEGINNING.sub(r"\1\\\2", " ".join(map(_word, visible(text).split())))


def _word(word: str) -> str:
    if not _LINKING.search(word):
        return _plain(word)
    inner = word.strip(_PUNCTUATION)
    before, _, after = word.partition(inner)
    return f"{_plain(before)}{coded(inner)}{_plain(after)}"


def _plain(text: str) -> str:
    return _MARKUP.sub(r"\\\1", text)


def coded(text: str) -> str:
    """Text as code, in which nothing is a link."""
    line = visible(text)
    fence = "`" * (1 + _longest_run(line))
    space = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{space}{line}{space}{fence}"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def release_page(found: Checklist) -> str:
    """The checklist as one HTML file that needs nothing else and loads nothing."""
    from samebytes.report.templates import render  # which takes long to load

    return render(
        "release.html",
        found=found,
        record=found.record,
        parts=[(title, found.of(part)) for part, title in PARTS.items() if found.of(part)],
        progress=PROGRESS[found.progress],
        entries={},
    )


def release_document(
    found: Checklist | None, warnings: Sequence[str], error: SamebytesError | None = None
) -> dict[str, object]:
    """The checklist, and what a command has come to; or the error that prevented it."""
    return {
        "version": 1,
        "status": "failed" if error is not None or found is None else str(found.progress),
        "warnings": list(map(storable, warnings)),
        "error": error and error.to_dict(),
        "record": found and found.record.to_dict(),
        "checklist": [_item(each) for each in found.items] if found else [],
        "decision": _decision(found.decision) if found and found.decision else None,
        "next": [
            {"text": storable(each.text), "command": storable(each.command)} for each in found.next
        ]
        if found
        else [],
    }


def _item(item: Item) -> dict[str, object]:
    return {
        "part": str(item.part),
        "id": storable(item.id),
        "title": storable(item.title),
        "state": str(item.state),
        "details": list(map(storable, item.details)),
        "finished": item.finished and item.finished.isoformat(),
    }


def _decision(decision: Decision) -> dict[str, object]:
    return {
        "granted": decision.is_granted,
        "threshold": decision.threshold,
        "yes": list(decision.yes),
        "no": list(decision.no),
        "missing": list(decision.missing),
        "reasons": list(map(storable, decision.reasons)),
        "voices": [
            {
                "file": storable(each.file),
                "person": each.person,
                "key": storable(each.key),
                "says": str(each.says),
                "reason": storable(each.reason),
            }
            for each in decision.voices
        ],
    }
