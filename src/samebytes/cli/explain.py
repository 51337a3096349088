"""``samebytes explain``."""

from __future__ import annotations

import difflib

import click
from click.shell_completion import CompletionItem
from rich.console import Console
from rich.markdown import Markdown

from samebytes.compare.causes import CAUSES
from samebytes.compare.kinds import KINDS
from samebytes.errors import UserError
from samebytes.report.explanations import entries


def _complete(_context: click.Context, _option: click.Parameter, text: str) -> list[CompletionItem]:
    titles = {kind.id: kind.title for kind in KINDS.values()}
    titles |= {cause.id: cause.title for cause in CAUSES}
    return [CompletionItem(each, help=titles[each]) for each in titles if each.startswith(text)]


@click.command("explain", short_help="Tell what a difference or a cause means, and what to do.")
@click.argument("identifier", metavar="[ID]", required=False, shell_complete=_complete)
def explain_command(identifier: str | None) -> None:
    """Tell what a kind of difference, or a cause, means, and what to do about it.

    ID is printed by samebytes diff. Without it, all are listed.

    \b
    Examples:
      samebytes explain                        list all ids
      samebytes explain tar-mtime              a kind of difference
      samebytes explain setuptools-sdist-time  a cause
    """
    if identifier is None:
        _list()
        return
    entry = entries().get(identifier)
    if entry is None:
        close = difflib.get_close_matches(identifier, [*KINDS, *(cause.id for cause in CAUSES)])
        raise UserError(
            f"There is no difference and no cause {identifier!r}.",
            hint=f"Do you mean {' or '.join(close)}?" if close else "samebytes explain lists them.",
        )
    Console(highlight=False).print(Markdown(f"# {identifier}\n\n{entry}"))


def _list() -> None:
    for heading, rows in (
        ("Causes", [(cause.id, cause.title) for cause in CAUSES]),
        ("Kinds of difference", [(kind.id, kind.title) for kind in KINDS.values()]),
    ):
        click.secho(heading, bold=True)
        for identifier, title in rows:
            click.echo(f"  {identifier:<24} {title}")
