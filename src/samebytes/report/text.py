"""A comparison for the terminal: verdict first, then causes with counts, then examples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from rich.text import Text

from samebytes.compare.model import Comparison, ContentView, Difference, Explanation, Side, Verdict
from samebytes.report.visible import counted, shortened, visible

#: Lines of one report, unless everything is asked for.
LINES = 40

_STYLES = {
    Verdict.IDENTICAL: "bold green",
    Verdict.EQUIVALENT: "bold yellow",
    Verdict.DIFFERENT: "bold red",
}
_MARKS = {"-": "red", "+": "green", "@": "cyan"}
_LONGEST_NAME, _LONGEST_VALUE = 50, 36
#: How many kinds of a cause, and lines of contents, are shown: the first that fits is taken.
_DETAILS = ((99, 12), (99, 6), (6, 6), (4, 4), (3, 0), (2, 0), (1, 0), (0, 0))


def text_report(comparison: Comparison, *, lines: int | None = LINES) -> list[Text]:
    """The lines to print, at most ``lines``; every difference if that is None."""
    head = list(_head(comparison))
    if comparison.verdict is Verdict.IDENTICAL:
        return head
    if lines is None:
        return [*head, *_causes(comparison, None), *_contents(comparison.contents, None)]
    for kinds, shown in _DETAILS:
        body = list(_causes(comparison, kinds))
        if len(head) + len(body) <= lines:
            room = lines - len(head) - len(body)
            return [*head, *body, *_fitted(_contents(comparison.contents, shown), room)]
    left = lines - len(head) - 1
    return [*head, *body[:left], Text(f"{len(body) - left} more lines: --verbose", "dim")]


def _fitted(lines: Iterator[Text], room: int) -> list[Text]:
    found = list(lines)
    if len(found) <= room:
        return found
    return [*found[: room - 1], Text("more with --verbose", "dim")] if room > 2 else []


def _head(comparison: Comparison) -> Iterator[Text]:
    verdict = comparison.verdict
    yield Text.assemble((str(verdict), _STYLES[verdict]), ": ", _claim(comparison))
    if verdict is Verdict.IDENTICAL:
        yield from _side("both", comparison.first)
        return
    yield from _side("first", comparison.first)
    yield from _side("second", comparison.second)


def _claim(comparison: Comparison) -> str:
    if comparison.verdict is Verdict.IDENTICAL:
        return "the same bytes"
    differences = comparison.differences
    if comparison.verdict is Verdict.EQUIVALENT:
        kinds = len({each.kind for each in differences})
        by = f", compressed by {comparison.recompressed}," if comparison.recompressed else ""
        corrections = f"{counted(len(differences), 'correction')} of {counted(kinds, 'kind')}"
        return f"{corrections} make the second the first{by} byte for byte"
    content = [each for each in differences if each.is_content]
    counts = {
        side: sum(each.kind.id == f"member-only-in-{side}" for each in content)
        for side in ("first", "second")
    }
    parts = [
        f"{counted(count, 'member')} only in the {side}" for side, count in counts.items() if count
    ]
    changed = {each.member for each in content if not each.kind.id.startswith("member-only-in")} - {
        None
    }
    if changed:
        parts.append(f"{counted(len(changed), 'other member' if parts else 'member')} changed")
    parts = parts or ["not in the members, but in what is around them"]
    return f"{', '.join(parts)} ({', '.join(comparison.where)})"


def _side(label: str, side: Side) -> Iterator[Text]:
    facts = [side.form, f"{side.size:,} bytes"]
    if side.members is not None:
        facts.append(counted(side.members, "member"))
    if side.backend:
        facts.append(visible(side.backend))
    yield Text.assemble(f"  {label:<7} ", (visible(side.filename), "bold"), f"  {', '.join(facts)}")
    yield Text(f"          sha256 {side.digest}", "dim")


def _causes(comparison: Comparison, kinds: int | None) -> Iterator[Text]:
    for explanation in comparison.explanations:
        count = counted(len(explanation.differences), "difference")
        yield Text.assemble(
            (explanation.cause, "bold cyan"), f": {explanation.title} ", (f"({count})", "dim")
        )
        yield Text(f"  why  {visible(explanation.reason)}")
        yield Text(f"  fix  {explanation.fix}")
        yield from _kinds(explanation, kinds)
    yield Text.assemble(("samebytes explain ID", "cyan"), " tells more of each of these ids.")


def _kinds(explanation: Explanation, shown: int | None) -> Iterator[Text]:
    groups = defaultdict[str, list[Difference]](list)
    for difference in explanation.differences:
        groups[difference.kind.id].append(difference)
    largest = sorted(groups.values(), key=lambda group: (not group[0].is_content, -len(group)))
    for group in largest[:shown]:
        yield from _every(group) if shown is None else [_summary(group)]
    if shown and len(largest) > shown:
        yield Text(f"    and {counted(len(largest) - shown, 'more kind')}", "dim")


def _summary(group: Sequence[Difference]) -> Text:
    """One line for all differences of a kind: what they share, or the first as an example."""
    one = group[0]
    line = Text.assemble(f"{len(group):>7,}  ", (f"{one.kind.id:<22}", "cyan"))
    members = list(dict.fromkeys(each.member for each in group if each.member is not None))
    if one.kind.id.startswith("member-only-in") or one.kind.id == "folder-entry":
        return line.append(f" {shortened(', '.join(map(visible, members[:9])), 100)}")
    if len({(each.first, each.second) for each in group}) == 1:
        line.append(f" {_change(one)}")
        names = "" if not members else _name(members[0]) if len(members) == 1 else "each"
        return line.append(f"  {names}", "dim") if names else line
    return line.append(f" {_change(one)}").append(f"  {_name(members[0])}, …", "dim")


def _every(group: Sequence[Difference]) -> Iterator[Text]:
    for difference in group:
        name = "" if difference.member is None else f"{visible(difference.member)}  "
        yield Text.assemble("    ", (difference.kind.id, "cyan"), f"  {name}{_change(difference)}")


def _change(difference: Difference) -> str:
    field = f"{visible(difference.field)}: " if difference.field else ""
    first, second = (_value(text) for text in (difference.first, difference.second))
    return f"{field}{first} → {second}"


def _value(text: str) -> str:
    return shortened(visible(text), _LONGEST_VALUE)


def _name(member: str | None) -> str:
    """The end of a name tells more than its beginning."""
    name = visible(member or "")
    return name if len(name) <= _LONGEST_NAME else f"…{name[1 - _LONGEST_NAME :]}"


def _contents(views: Sequence[ContentView], shown: int | None) -> Iterator[Text]:
    """The changed lines of each content that differs, as far as there is room."""
    if shown == 0:
        return
    for view in views:
        yield Text(visible(view.member), "bold")
        for line in view.lines[:shown]:
            text = f"… {line.text}" if line.mark == "@" else f"{line.mark} {visible(line.text)}"
            text = text if shown is None else shortened(text, 120)
            yield Text(f"  {text}", _MARKS.get(line.mark, ""))
        left = view.omitted + (0 if shown is None else max(0, len(view.lines) - shown))
        if left:
            yield Text(f"  … {counted(left, 'more line')}", "dim")
