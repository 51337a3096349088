"""Options that several commands have."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from samebytes.errors import UserError
from samebytes.recipe import CANONICAL, Deflate
from samebytes.workspace import DEFAULT_BASE

#: The package index is older than its API, but not older than Python.
_FIRST_YEAR = 1991
_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}


class Size(click.ParamType[int]):
    """Bytes, with K, M or G for powers of 1024."""

    name = "size"

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> int:
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d{1,15})([KMG]?)", value, re.IGNORECASE)
        if match is None:
            self.fail(f"{value!r} is no size such as 500M or 8G", param, context)
        return int(match[1]) * _UNITS[match[2].upper()]


python_option = click.option(
    "--python",
    metavar="VER",
    help="Python version (3.12, 3.12.4) or path of an interpreter. [default: the one that runs "
    "samebytes]",
)
deflate_option = click.option(
    "--deflate",
    type=click.Choice(["backend", "canonical"]),
    help="By what the archives are compressed: as the backend does it, which depends on its zlib, "
    "or again by the one libdeflate that gives the same bytes everywhere. [default: backend]",
)
offline_option = click.option("--offline", is_flag=True, help="Use the cache only.")
timeout_option = click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=3600,
    show_default=True,
    metavar="SECONDS",
    help="How long one hook of a backend may take.",
)
workspace_option = click.option(
    "--workspace",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=DEFAULT_BASE,
    show_default=True,
    metavar="DIR",
    envvar="SAMEBYTES_WORKSPACE",
    show_envvar=True,
    help="Where the build folder is made. Its path is part of the recipe.",
)
json_option = click.option(
    "--json", "json_file", metavar="FILE", help="Write the result as JSON; - for stdout."
)


def chosen_deflate(option: str | None) -> Deflate | None:
    """What ``--deflate`` asks for; None leaves it to the backend."""
    return CANONICAL if option == "canonical" else None


def moment(text: str) -> datetime:
    """The time that ``--as-of`` names; raises UserError if it names none."""
    if text == "now":
        return datetime.now(UTC).replace(microsecond=0)
    try:
        moment = datetime.fromisoformat(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        if moment.year < _FIRST_YEAR:
            raise ValueError
    except (ValueError, OverflowError):
        raise UserError(
            f"{text!r} is not a date of the index.",
            hint="For example: --as-of 2026-11-03, or --as-of now",
        ) from None
    return moment
