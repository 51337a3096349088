"""The build hook of hatchling: plain ``hatch build`` and ``pip wheel`` take the commit's time.

[build-system]
requires = ["hatchling", "samebytes-core"]

[tool.hatch.build.hooks.samebytes]
dirty = "warn"
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.plugin import hookimpl

from samebytes_core.epoch import VARIABLE
from samebytes_core.tree import check_dirty, epoch_of


class SamebytesBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    PLUGIN_NAME = "samebytes"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        if version == "editable":
            return
        check_dirty(Path(self.root), self.config.get("dirty", "warn"))
        os.environ[VARIABLE] = str(epoch_of(Path(self.root), os.environ).seconds)


@hookimpl
def hatch_register_build_hook() -> type[BuildHookInterface]:  # type: ignore[type-arg]
    return SamebytesBuildHook
