"""What was found about a published artifact: a verdict, and all that it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from samebytes.compare.comparison import is_metadata
from samebytes.compare.model import Comparison, Difference, Verdict
from samebytes.digest import Digest
from samebytes.errors import LimitError, SamebytesError
from samebytes.index.provenance import Provenance
from samebytes.infer.candidate import Candidate, Decision
from samebytes.recipe import Pin, SourceId
from samebytes.sandbox.tried import Tried


class Phase(StrEnum):
    """At what an attempt ended without a file; WORKER: what was to verify it was lost."""

    DOWNLOAD = "download"
    UNPACK = "unpack"
    REQUIREMENTS = "requirements"
    BUILD = "build"
    TIMEOUT = "timeout"
    LIMIT = "limit"
    WORKER = "worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an attempt gave no file; ``detail`` is the end of the backend's log."""

    phase: Phase
    message: str
    detail: str = ""

    @classmethod
    def of(cls, phase: Phase, error: SamebytesError) -> Failure:
        if isinstance(error, LimitError):
            phase = Phase.TIMEOUT if error.limit == "time" else Phase.LIMIT
        return cls(phase=phase, message=error.message, detail=error.detail)

    def to_dict(self) -> dict[str, str]:
        return {"phase": str(self.phase), "message": self.message, "detail": self.detail}


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """By what recipe the file was built that is compared with the published one."""

    source: SourceId
    candidate: Candidate
    pins: tuple[Pin, ...]
    environment: Mapping[str, str]

    def to_dict(self) -> dict[str, object]:
        candidate = self.candidate
        return {
            "source": self.source.to_dict(),
            "epoch": candidate.stamps.epoch,
            "route": str(candidate.route),
            "python": candidate.python.identity.to_dict(),
            "as_of": candidate.as_of and candidate.as_of.isoformat(),
            "requirements": [pin.to_dict() for pin in self.pins],
            "environment": dict(self.environment),
            "bdist_wheel": dict(candidate.options),
            "deflate": candidate.deflate and candidate.deflate.to_dict(),
        }


class Place(StrEnum):
    """Where two artifacts differ, by what that means to whoever uses them."""

    PHANTOM = "phantom members"
    MISSING = "missing members"
    CODE = "code"
    METADATA = "metadata"
    CONTAINER = "container"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The verdict on one published artifact, the first of the two that are compared.

    ``problems`` are what makes it different besides the comparison;
    ``attempts`` counts builds, ``seconds`` is how long all took, ``tried`` what the builds tried
    that no build has to do.
    """

    artifact: str
    digest: Digest | None
    source: str
    verdict: Verdict
    comparison: Comparison | None = None
    problems: tuple[str, ...] = ()
    failure: Failure | None = None
    recipe: Made | None = None
    evidence: tuple[Decision, ...] = ()
    tried: tuple[Tried, ...] = ()
    remarks: tuple[str, ...] = ()
    provenance: Provenance | None = None
    attempts: int = 0
    seconds: float = field(default=0.0, compare=False)

    @property
    def differences(self) -> tuple[Difference, ...]:
        return self.comparison.differences if self.comparison else ()

    @property
    def places(self) -> tuple[Place, ...]:
        """Where the contents differ, the worst first."""
        if self.verdict is not Verdict.DIFFERENT:
            return ()
        found = {_place(each) for each in self.differences if each.is_content}
        return tuple(place for place in Place if place in found)

    @property
    def phantoms(self) -> tuple[str, ...]:
        """Members that nothing in the source explains."""
        return tuple(self._members("member-only-in-first"))

    def _members(self, kind: str) -> Iterator[str]:
        for each in self.differences:
            if each.kind.id == kind and each.member is not None:
                yield each.member


#: How kinds begin that are about bytes around a member and not about what it is.
_OF_ARCHIVES = ("gzip-", "tar-", "zip-")


def _place(difference: Difference) -> Place:
    match difference.kind.id:
        case "member-only-in-first":
            return Place.PHANTOM
        case "member-only-in-second":
            return Place.MISSING
        case "dist-info-folder":
            return Place.METADATA
    if difference.member is None or difference.kind.id.startswith(_OF_ARCHIVES):
        return Place.CONTAINER
    return Place.METADATA if is_metadata(difference.member) else Place.CODE
