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
from samebytes.variations.table import REPEAT, VARIATIONS

_VARIATIONS = {each.id: each.title for each in (*VARIATIONS.values(), REPEAT)}
_KINDS = {kind.id: kind.title for kind in KINDS.values()}
_CAUSES = {cause.id: cause.title for cause in CAUSES}
_TITLES = _VARIATIONS | _KINDS | _CAUSES


def _complete(_context: click.Context, _option: click.Parameter, text: str) -> list[CompletionItem]:
    found = [each for each in _TITLES if each.startswith(text)]
    return [CompletionItem(each, help=_TITLES[each]) for each in found]


@click.command("explain", short_help="Tell what a difference, a cause or a variation means.")
@click.argument("identifier", metavar="[ID]", required=False, shell_complete=_complete)
def explain_command(identifier: str | None) -> None:
    """Tell what a kind of difference, a cause or a variation means, and what to do about it.

    ID is printed by samebytes diff and samebytes check. Without it, all are listed.

    \b
    Examples:
      samebytes explain                        list all ids
      samebytes explain tar-mtime              a kind of difference
      samebytes explain setuptools-sdist-time  a cause
      samebytes explain timezone               a variation
    """
    if identifier is None:
        _list()
        return
    entry = entries().get(identifier)
    if entry is None:
        close = difflib.get_close_matches(identifier, _TITLES)
        raise UserError(
            f"There is no difference, cause or variation {identifier!r}.",
            hint=f"Do you mean {' or '.join(close)}?" if close else "samebytes explain lists them.",
        )
    Console(highlight=False).print(Markdown(f"# {identifier}\n\n{entry}"))


def _list() -> None:
    for heading, titles in (
        ("Causes", _CAUSES),
        ("Variations", _VARIATIONS),
        ("Kinds of difference", _KINDS),
    ):
        click.secho(heading, bold=True)
        for identifier, title in titles.items():
            click.echo(f"  {identifier:<24} {title}")
