"""What every command prints with: findings on stdout, progress and diagnostics on stderr."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import click
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from samebytes.atomic import atomic_file
from samebytes.errors import SamebytesError, UserError
from samebytes.report.visible import visible
from samebytes.wire import document_pieces

#: Columns of a table that is printed where there is no terminal.
_FILE_WIDTH = 130

#: What sets a terminal, but for the end of a line, with its parameters.
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|(?![\t\n])[\x00-\x1f\x7f-\x9f]")


@dataclass(slots=True, kw_only=True)
class Terminal:
    """Implements the library's ``Reporter`` on standard error."""

    quiet: bool = False
    verbose: bool = False
    console: Console = field(
        default_factory=lambda: Console(stderr=True, highlight=False, soft_wrap=True)
    )
    warnings: list[str] = field(default_factory=list)
    _progress: Progress | None = None
    _task: TaskID | None = None
    _counts_bytes: bool = False

    def step(self, text: str) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=_shown(text), advance=1)

    def fact(self, label: str, text: str) -> None:
        if not self.quiet:
            self.console.print(f"[cyan]{label:<10}[/] {_shown(text)}")

    def warn(self, text: str) -> None:
        self.warnings.append(text)
        self.console.print(f"[yellow]warning:[/]   {_shown(text)}")

    def notice(self, text: str) -> None:
        """Something that takes longer than it should, and is no reason to worry yet."""
        if not self.quiet:
            self.console.print(f"[dim]{_shown(text)}[/]")

    def error(self, error: SamebytesError) -> None:
        if error.detail:
            self.console.print(f"[dim]{escape(_printed(error.detail))}[/]")
        self.console.print(f"[bold red]error:[/]     {_shown(error.message)}")
        if error.hint:
            self.console.print(f"[bold]what to do:[/] {_shown(error.hint)}")

    def output(self, text: str) -> None:
        """What a child process prints, shown as it comes with ``--verbose``."""
        if self.verbose:
            sys.stderr.write(_printed(text))
            sys.stderr.flush()

    def received(self, received: int, total: int | None) -> None:
        if self._progress is None or self._task is None:
            return
        if self._counts_bytes:
            self._progress.update(
                self._task, description="downloading", completed=received, total=total
            )
        else:
            share = f", {received / total:.0%}" if total else ""
            self._progress.update(self._task, description=f"downloading{share}")

    def reached(self, what: str, done: int, total: int) -> None:
        """How many bytes of a file were read; no total: something else that takes its time."""
        if self._progress is not None and self._task is not None:
            self._progress.update(
                self._task, description=_shown(what), completed=done, total=total or None
            )

    def reading(self) -> AbstractContextManager[None]:
        return self._live(TimeElapsedColumn(), total=None)

    def downloading(self) -> AbstractContextManager[None]:
        return self._live(DownloadColumn(), total=None, counts_bytes=True)

    def working(self, steps: int | None) -> AbstractContextManager[None]:
        """``steps`` are how many there will be; None: nobody knows."""
        return self._live(TimeElapsedColumn(), total=steps)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The terminal without a progress bar, for another program that asks something on it."""
        progress = self._progress
        if progress is None:
            yield
            return
        progress.stop()
        try:
            yield
        finally:
            progress.start()

    @contextmanager
    def _live(
        self, measure: ProgressColumn, *, total: int | None, counts_bytes: bool = False
    ) -> Iterator[None]:
        """A progress bar that is gone afterwards; none where stderr is no terminal."""
        if self.quiet or self.verbose or not sys.stderr.isatty():
            yield
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), measure)
        with Progress(*columns, console=self.console, transient=True) as progress:
            self._progress, self._task = progress, progress.add_task("starting", total=total)
            self._counts_bytes = counts_bytes
            try:
                yield
            finally:
                self._progress = self._task = None


def _printed(text: str) -> str:
    """What another program printed, without what sets a terminal."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub("", lines).encode(errors="replace").decode()


def _shown(text: str) -> str:
    """Text as it can be printed: names on disk need not be text, and strangers' may be traps."""
    return escape(visible(text))


def print_report(lines: Iterable[RenderableType]) -> None:
    """Print the lines, or tables, of a finding on standard output."""
    is_plain = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    console = Console(highlight=False, soft_wrap=True, width=_FILE_WIDTH if is_plain else None)
    for line in lines:
        console.print(line)


def check_target(target: str, option: str) -> None:
    """Fail before the work, not after it, when what ``--option`` asks for could not be written."""
    if target == "-":
        return
    if not os.access(Path(target).absolute().parent, os.W_OK | os.X_OK):
        raise _unwritable(target, "there is no such folder, or it is read-only", option)
    if option != "keep" and Path(target).is_dir():
        raise _unwritable(target, "it is a folder", option)


def print_json(document: dict[str, object], target: str) -> None:
    """Write a document to a file, whole or not at all, or to standard output for ``-``.

    Members that are iterators become arrays.
    """
    _write_pieces(document_pieces(document), target, "json")


@contextmanager
def errors_in(
    json_file: str | None, document: Callable[[SamebytesError], dict[str, object]]
) -> Iterator[None]:
    """Have an error that ends a command in its JSON document, too, if one is asked for."""
    try:
        yield
    except SamebytesError as error:
        if json_file is not None:
            with suppress(UserError):
                print_json(document(error), json_file)
        raise


def write_target(text: str, target: str, option: str) -> None:
    """Write what ``--option`` asks for to a file, whole or not at all, or to standard output."""
    _write_pieces([text], target, option)


def _write_pieces(pieces: Iterable[str], target: str, option: str) -> None:
    if target == "-":
        for piece in pieces:
            click.echo(piece, nl=False)
        return
    path = Path(target).resolve()
    try:
        if path.exists() and not path.is_file():
            with path.open("w", encoding="utf-8") as file:  # a device or a pipe
                file.writelines(pieces)
            return
        with atomic_file(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(pieces)
    except OSError as error:
        raise _unwritable(target, error.strerror or str(error), option) from None


def _unwritable(target: str, reason: str, option: str) -> UserError:
    return UserError(
        f"{target} cannot be written: {reason}.",
        hint=f"Name another with --{option} {'DIR' if option == 'keep' else 'FILE'}.",
    )
