"""The final form of what a backend wrote: as it is, or written again by the canonical writer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from samebytes_core.canonical import rewrite_sdist, rewrite_wheel
from samebytes_core.epoch import Epoch

from samebytes.archive.deflate import core_errors
from samebytes.archive.traces import TarFacts, sdist_traces, wheel_traces
from samebytes.digest import Digest

#: The trace that every zlib leaves: the kind of difference that another makes.
STREAM = "deflate-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """Archives that show the build machine are written again, and with ``deflate`` all of them.

    The methods return the traces for which it was done. Without any, the file stays what it was,
    and ``final`` is not there. They raise UserError where it cannot be compressed so.
    """

    epoch: Epoch
    deflate: bool = False

    def sdist(self, raw: Path, final: Path, facts: Iterable[TarFacts]) -> frozenset[str]:
        with raw.open("rb") as file:
            traces = sdist_traces(file.read(10), facts, self.epoch.seconds)
        if traces or self.deflate:
            with core_errors():
                rewrite_sdist(raw, final, self.epoch.seconds, deflate=self._name)
        return self._shown(traces, raw, final)

    def wheel(self, raw: Path, final: Path) -> frozenset[str]:
        seconds = self.epoch.for_zip
        traces = wheel_traces(raw, seconds)
        if traces or self.deflate:
            with core_errors():
                rewrite_wheel(raw, final, seconds, deflate=self._name)
        return self._shown(traces, raw, final)

    @property
    def _name(self) -> str:
        return "canonical" if self.deflate else "zlib"

    def _shown(self, traces: frozenset[str], raw: Path, final: Path) -> frozenset[str]:
        if not self.deflate:
            return traces
        if Digest.of_file(final) == Digest.of_file(raw):  # whose backend compresses so itself
            final.unlink()
            return frozenset()
        return traces | {STREAM}
