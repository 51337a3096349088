"""Commands of commands, each loaded when it is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """All commands together take longer to load than most take to run."""

    def __init__(
        self, *arguments: Any, loaders: Mapping[str, Callable[[], click.Command]], **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self._loaders = loaders

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(self._loaders)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        load = self._loaders.get(name)
        return load() if load is not None else None
