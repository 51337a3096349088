"""What a worker is given, and what it gives back: a task done by itself, anywhere."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from samebytes.index.client import Index
from samebytes.index.settings import IndexSettings
from samebytes.process import Runner
from samebytes.request import Workshop
from samebytes.verify.means import Means
from samebytes.verify.task import Task
from samebytes.verify.verification import Verification


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that a worker needs besides its task; it can be sent to another process."""

    means: Means
    index: IndexSettings
    cache: Path
    base: Path


class Silence:
    """A reporter that tells nobody."""

    def step(self, text: str) -> None:
        pass

    def fact(self, label: str, text: str) -> None:
        pass

    def warn(self, text: str) -> None:
        pass


def perform(task: Task, settings: Settings) -> Verification:
    """Verify one artifact; raises SamebytesError as ``Task.perform`` does."""
    workshop = Workshop(
        runner=Runner(),
        environ=os.environ,
        index=settings.index,
        cache=settings.cache,
        reporter=Silence(),
        base=settings.base,
    )
    index = Index(workshop.index, workshop.downloads)
    return task.perform(settings.means, workshop, index)
