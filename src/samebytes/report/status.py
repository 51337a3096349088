"""How far an audit is, for the terminal and as JSON; see docs/reference/schemas/status-1.json."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from samebytes.errors import SamebytesError
from samebytes.fleet.store.status import Doing, Status, Trouble
from samebytes.report.verification import STYLES
from samebytes.report.visible import counted, shortened, visible
from samebytes.wire import storable

VERSION = 1

_BAR, _NAME, _REASON, _SHOWN = 30, 60, 100, 8
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def status_view(status: Status) -> RenderableType:
    """A few lines, whatever the size of the audit: to be drawn again and again, or printed once."""
    return Group(
        _head(status),
        _progress(status),
        _counts(status),
        *_doing("under way", status.under_way),
        *_doing("slowest", status.slowest),
        *_failures(status.failures),
    )


def state_of(status: Status) -> str:
    """``running``, ``ended``, or ``gone``: killed, or so far away that nothing is heard of it."""
    if status.ended_at is not None:
        return "ended"
    return "running" if status.is_alive else "gone"


def _head(status: Status) -> Text:
    state = state_of(status)
    what = {
        "running": ("runs", "bold green"),
        "ended": ("has ended", "bold"),
        "gone": ("ended without a word: the next audit goes on from there", "bold red"),
    }[state]
    who = f"audit {status.run} on {visible(status.host)}, process {status.pid}, "
    return Text.assemble(who, what, f"  {visible(status.engine)}, {duration(status.seconds)}")


def _progress(status: Status) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    done, planned = status.done, status.planned
    more = "" if status.is_planned else " or more"
    text = Text(f"{done:,} of {planned:,}{more}")
    if status.kept:
        text.append(f", {status.kept:,} of them kept")
    if status.left:
        text.append(f", {status.left:,} left")
    if status.is_alive and status.rate:
        text.append(f"; {_rate(status.rate)} a minute")
    if (remaining := status.remaining) is not None:
        text.append(f", {duration(remaining)} to go")
    bar = ProgressBar(total=max(planned, 1), completed=min(done, planned), width=_BAR)
    table.add_row(bar, text)
    return table


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"


def _counts(status: Status) -> Text:
    parts = [Text(f"{count:,} {name}", STYLES[name]) for name, count in status.counts.items()]
    if status.failed:
        parts.append(Text(f"{status.failed:,} without a verdict", "bold red"))
    return Text(", ").join(parts)


def _doing(title: str, rows: Sequence[Doing]) -> Iterator[RenderableType]:
    if not rows:
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right")
    for each in rows[:_SHOWN]:
        table.add_row(
            duration(each.seconds),
            Text(shortened(visible(each.filename), _NAME)),
            Text(shortened(visible(each.worker), _NAME), "dim"),
        )
    yield Text(title, "cyan")
    yield table
    if (more := len(rows) - _SHOWN) > 0:
        yield Text(f"and {more} more", "dim")


def _failures(rows: Sequence[Trouble]) -> Iterator[RenderableType]:
    if rows:
        yield Text("failures", "cyan")
    for each in rows:
        name = Text(shortened(visible(each.filename), _NAME), "bold")
        yield name.append(f"  {visible(each.outcome)}: ", "dim").append(
            shortened(visible(each.reason), _REASON), ""
        )


def duration(seconds: float) -> str:
    """In the two units that matter."""
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{counted(whole // _DAY, 'day')} {whole % _DAY // _HOUR} h"


def status_document(
    status: Status | None, error: SamebytesError | None = None
) -> dict[str, object]:
    """The last run of a store; None: there was none, or there is an ``error``."""
    state = "none" if status is None else state_of(status)
    return {
        "version": VERSION,
        "status": "failed" if error else state,
        "run": status and _run(status),
        "error": error and error.to_dict(),
    }


def _run(status: Status) -> dict[str, object]:
    ended_at, remaining = status.ended_at, status.remaining
    return {
        "number": status.run,
        "engine": storable(status.engine),
        "workers": status.workers,
        "command": storable(status.command),
        "host": storable(status.host),
        "pid": status.pid,
        "begun_at": status.begun_at.isoformat(),
        "seen_at": status.seen_at.isoformat(),
        "ended_at": ended_at and ended_at.isoformat(),
        "seconds": round(status.seconds, 3),
        "planned": status.planned,
        "is_planned": status.is_planned,
        "done": status.done,
        "kept": status.kept,
        "left": status.left,
        "failed": status.failed,
        "counts": dict(status.counts),
        "rate": round(status.rate, 3),
        "remaining": None if remaining is None else round(remaining, 1),
        "under_way": [_doing_document(each) for each in status.under_way],
        "slowest": [_doing_document(each) for each in status.slowest],
        "failures": [
            {
                "artifact": storable(each.filename),
                "outcome": each.outcome,
                "reason": storable(each.reason),
            }
            for each in status.failures
        ],
    }


def _doing_document(each: Doing) -> dict[str, object]:
    return {
        "artifact": storable(each.filename),
        "seconds": round(each.seconds, 3),
        "worker": storable(each.worker),
    }
