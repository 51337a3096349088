"""One artifact that is to be verified, and what became of it so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from samebytes.compare.model import Verdict
from samebytes.errors import ArtifactError, LimitError, SamebytesError
from samebytes.fleet.loop.outage import Delay
from samebytes.fleet.plan import Job
from samebytes.fleet.record import Record
from samebytes.verify.document import result_document
from samebytes.verify.kept import is_whole, is_whole_comparison
from samebytes.verify.verification import Failure, Phase, Verification


@dataclass(slots=True, kw_only=True, eq=False)
class Ticket:
    """``losses`` are how many workers died of it, ``errors`` how often it failed otherwise.

    ``seconds`` are how long all attempts took together; ``unfit_since`` is when a worker that is
    of no use was given it for the first time.
    """

    job: Job
    attempts: int = 0
    losses: int = 0
    errors: int = 0
    reasons: list[str] = field(default_factory=list)
    seconds: float = 0.0
    delay: Delay | None = None
    unfit_since: float | None = None

    @property
    def filename(self) -> str:
        return self.job.artifact.filename

    def lost(self, workers: int, reason: str) -> None:
        self.losses += workers
        self.reasons.append(reason)

    def failed(self, error: SamebytesError) -> None:
        self.errors += 1
        self.reasons.append(error.message)

    def may_wait(self, patience: float, now: float) -> bool:
        """Whether there may be a worker yet that is of use."""
        if self.unfit_since is None:
            self.unfit_since = now
        return now - self.unfit_since < patience

    def is_hopeless(self, retries: int, error: SamebytesError | None) -> bool:
        """Whether it is not tried again."""
        return isinstance(error, LimitError) or self.losses + self.errors > retries

    def checked(self, given: object) -> Record:
        """What a worker gave back, if that is a record on this artifact.

        Raises ArtifactError for everything else: a worker can be of any kind.
        """
        try:
            if isinstance(given, Record) and self._is_whole(given):
                return given
        except Exception as error:  # such as numbers that no float() takes
            raise self._strange() from error
        raise self._strange()

    def _is_whole(self, record: Record) -> bool:
        digest, comparison = self.job.artifact.digest, record.comparison
        return (
            (type(record.terms), type(record.worker), type(record.is_lasting)) == (str, str, bool)
            and is_whole(record.result, self.filename, digest)
            and (comparison is None or is_whole_comparison(comparison, digest))
        )

    def _strange(self) -> ArtifactError:
        return ArtifactError(f"What verified {self.filename} gave back what is no record of it.")

    def set_aside(self, error: SamebytesError | None, terms: str, *, sandboxed: bool) -> Record:
        """The final record of what cannot be verified; it lasts where it is the end of workers."""
        times = self.losses + self.errors
        if error is None:
            message = f"What verified it was ended {times} times: {self.reasons[-1]}"
            failure = Failure(phase=Phase.WORKER, message=message)
        else:
            failure = Failure.of(Phase.WORKER, error)
        task = self.job.task
        found = Verification(
            artifact=task.filename,
            digest=self.job.artifact.digest,
            source="",
            verdict=Verdict.UNBUILDABLE,
            failure=failure,
            remarks=(*task.remarks, f"It was given up after {times} attempts."),
            seconds=self.seconds,
        )
        return Record(
            result=result_document(found, sandboxed=sandboxed),
            comparison=None,
            terms=terms,
            worker="",
            is_lasting=not self.errors,
        )
