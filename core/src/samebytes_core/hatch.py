"""The build hook of hatchling: plain ``hatch build`` and ``pip wheel`` take the commit's time.

[build-system]
requires = ["hatchling", "samebytes-core"]

[tool.hatch.build.hooks.samebytes]
dirty = "warn"
"""

from __future__ import annotations

import itertools
import os
import tempfile
import weakref
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.plugin import hookimpl

from samebytes_core.build import conditions
from samebytes_core.errors import CoreError, warn
from samebytes_core.settings import DIRTY, choice, refuse_unknown
from samebytes_core.tree import RECORD, examine, refuse_other_record

_TABLE = "[tool.hatch.build.hooks.samebytes]"
#: What hatchling reads of the table of any hook.
_OF_HATCHLING = (
    "dependencies",
    "enable-by-default",
    "require-runtime-dependencies",
    "require-runtime-features",
)


class SamebytesBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    PLUGIN_NAME = "samebytes"

    _until_built: ExitStack | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Set the epoch for what is built, and put it into the sdist."""
        if version == "editable":
            return
        try:
            refuse_unknown(_TABLE, self.config, ("dirty", *_OF_HATCHLING))
            tree = Path(self.root)
            epoch = examine(tree, choice(_TABLE, self.config, "dirty", DIRTY))
            refuse_other_record(tree)
        except CoreError as error:
            raise SystemExit(f"samebytes-core: error: {error}") from None
        if epoch is None:
            return
        if not self.build_config.reproducible:
            warn("what is built is not reproducible: [tool.hatch.build] reproducible is false")
        for other in itertools.takewhile(self.PLUGIN_NAME.__ne__, self.build_config.hook_config):
            warn(f"the hook {other} runs without the epoch: put {_TABLE} before it")
        self._until_built = until_built = ExitStack()
        # hatchling does not call finalize() after a build that failed.
        weakref.finalize(self, until_built.close)
        until_built.enter_context(conditions(tree, epoch.seconds))
        if self.target_name == "sdist":
            folder = until_built.enter_context(tempfile.TemporaryDirectory())
            record = Path(folder, RECORD)
            record.write_text(f"{epoch.seconds}\n", "ascii")
            build_data["force_include"][os.fspath(record)] = RECORD

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Leave the environment as it was."""
        if self._until_built is not None:
            self._until_built.close()


@hookimpl
def hatch_register_build_hook() -> type[BuildHookInterface]:  # type: ignore[type-arg]
    return SamebytesBuildHook
