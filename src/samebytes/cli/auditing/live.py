"""How far an audit is, while it goes on: on a terminal lines that change, else one a minute."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live

from samebytes.cli.console import Terminal, print_json, print_report
from samebytes.fleet.store.status import Status
from samebytes.fleet.store.store import Store
from samebytes.report.status import duration, state_of, status_document, status_view

_REDRAW_SECONDS, _LINE_SECONDS = 0.5, 60.0

#: Told how far it is; may be called at any rate.
Show = Callable[[Callable[[], Status | None]], None]


@contextmanager
def shown(terminal: Terminal) -> Iterator[Show]:
    """Shows an audit that goes on in this process, on standard error."""
    if terminal.quiet:
        yield lambda _status: None
    elif sys.stderr.isatty():
        with _redrawn(terminal.console) as show:
            yield show
    else:
        yield _every(_LINE_SECONDS, lambda status: terminal.fact("progress", status_line(status)))


@contextmanager
def _redrawn(console: Console) -> Iterator[Show]:
    with Live(console=console, transient=True, auto_refresh=False) as live:
        yield _every(_REDRAW_SECONDS, lambda status: live.update(status_view(status), refresh=True))


def _every(seconds: float, show: Callable[[Status], object]) -> Show:
    last = time.monotonic()

    def show_now_and_then(read: Callable[[], Status | None]) -> None:
        nonlocal last
        if time.monotonic() - last >= seconds and (status := read()) is not None:
            last = time.monotonic()
            show(status)

    return show_now_and_then


def status_line(status: Status) -> str:
    """How far it is, for a log."""
    counts = [f"{count:,} {name}" for name, count in status.counts.items() if count]
    if status.failed:
        counts.append(f"{status.failed:,} without a verdict")
    more = "" if status.is_planned else " or more"
    line = f"{status.done:,} of {status.planned:,}{more}"
    if counts:
        line += f": {', '.join(counts)}"
    if status.rate:
        line += f"; {status.rate:,.1f} a minute"
    if (remaining := status.remaining) is not None:
        line += f", {duration(remaining)} to go"
    return line


def show_status(path: Path, *, follow: bool, json_file: str | None) -> None:
    """Print how far the audit is that writes to a store; ``follow``: until it has ended.

    Raises UserError where there is no such store.
    """
    with Store.read(path) as store:
        status = store.status()
        if follow:
            status = _followed(store, is_silent=json_file == "-")
    if json_file is not None:
        print_json(status_document(status), json_file)
    if json_file == "-":
        return
    if status is None:
        click.echo("Nothing was audited with this store yet.")
    else:
        print_report([status_view(status)])


def _followed(store: Store, *, is_silent: bool) -> Status | None:
    """The status when it has ended; shown as it changes, on a terminal."""
    if is_silent or not sys.stdout.isatty():
        show = _every(_LINE_SECONDS, lambda status: None if is_silent else _say(status))
        return _until_ended(store, show)
    with _redrawn(Console(highlight=False)) as show:
        return _until_ended(store, show)


def _say(status: Status) -> None:
    click.echo(status_line(status))
    sys.stdout.flush()


def _until_ended(store: Store, show: Show) -> Status | None:
    while (status := store.status()) is not None and state_of(status) == "running":
        show(store.status)
        time.sleep(_REDRAW_SECONDS)
    return status
