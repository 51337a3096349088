"""``samebytes release``: its commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import click

from samebytes.cli.group import LazyGroup


def _prepare() -> click.Command:
    from samebytes.cli.release.prepare import prepare_command

    return prepare_command


def _confirm() -> click.Command:
    from samebytes.cli.release.confirm import confirm_command

    return confirm_command


def _publish() -> click.Command:
    from samebytes.cli.release.publish import publish_command

    return publish_command


def _status() -> click.Command:
    from samebytes.cli.release.status import status_command

    return status_command


_COMMANDS: Mapping[str, Callable[[], click.Command]] = {
    "prepare": _prepare,
    "confirm": _confirm,
    "publish": _publish,
    "status": _status,
}


@click.group(
    "release",
    cls=LazyGroup,
    loaders=_COMMANDS,
    short_help="Prepare a release, have it confirmed by others, and publish it.",
)
def release_group() -> None:
    """Prepare a release, have others confirm it, and only then publish it.

    One person prepares; others, and CI, build the same tag from their own clones and sign what
    they found; publishing is refused until enough of them have signed for exactly these bytes.

    \b
    In this order:
      samebytes release prepare --rev 5.2.19 -o out
      samebytes release confirm out --source . --rev 5.2.19      somebody else, or CI
      samebytes release publish out --threshold 2 --trusted-keys keys --repository pypi
      samebytes release status out                               at any time

    Exit codes: 0 done, 1 a finding (not confirmed, refused), 2 it could not run.
    """
