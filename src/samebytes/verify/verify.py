"""Verify one published artifact: infer recipes, build by them, compare, and keep the best."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from packaging.utils import canonicalize_name

from samebytes.archive.artifact import Artifact, read_artifact
from samebytes.archive.limits import Limits
from samebytes.compare.evidence import is_evidence
from samebytes.compare.model import Verdict
from samebytes.digest import Digest
from samebytes.errors import ArtifactError, LimitError, SamebytesError
from samebytes.infer.candidate import Candidate, Stamps
from samebytes.infer.candidates import Known, candidates
from samebytes.infer.stamps import member_times
from samebytes.request import Workshop
from samebytes.sandbox.tried import Tried
from samebytes.source import GitSource, SdistSource
from samebytes.verify.attempt import Bench, Rebuilt
from samebytes.verify.judgement import judge, judge_unreadable, read_published
from samebytes.verify.means import Means
from samebytes.verify.subject import Subject
from samebytes.verify.verification import Failure, Phase, Verification
from samebytes.workspace import temporary_files, workspace

#: Bytes of a file that decides how the project is built.
_LARGEST = 1024**2


def verify(subject: Subject, means: Means, workshop: Workshop) -> Verification:
    """The verdict on one artifact.

    Raises UserError where the index cannot be reached, or a file is not there.
    """
    started = time.monotonic()
    found = _verify(subject, means, workshop)
    return replace(found, seconds=time.monotonic() - started)


def _verify(subject: Subject, means: Means, workshop: Workshop) -> Verification:
    try:
        published = read_published(subject.path, subject.digest)
    except LimitError:
        raise  # which says nothing of what is in it
    except ArtifactError as error:
        found = judge_unreadable(subject.path, subject.digest, error)
        return replace(found, source=subject.source.identity.name)
    # Of the published file a build may know the name, which it gives itself, and nothing else.
    key = Digest.of(f"{subject.source.key} {subject.path.name}".encode()).hex
    with (
        workspace(key, base=workshop.base, guarded=True) as space,
        temporary_files(space.shelf()) as calls,
    ):
        bench = Bench(
            source=subject.source,
            form=published.form,
            workshop=workshop,
            space=space,
            cell=replace(means.cell, calls=calls) if means.cell else None,
            timeout=means.effort.timeout,
            end=time.monotonic() + means.effort.total,
        )
        try:
            return _Work(subject, means, published, bench).verification()
        except SamebytesError:
            raise
        except BaseException:
            workshop.runner.stop()
            raise


class _Work:
    def __init__(self, subject: Subject, means: Means, published: Artifact, bench: Bench) -> None:
        self.subject = subject
        self.means = means
        self.published = published
        self.bench = bench
        self.attempts = 0
        self.given_up: Failure | None = None
        self.tried: set[Tried] = set()

    def verification(self) -> Verification:
        try:
            known = self._known()
        except ArtifactError as error:
            return self._unbuildable(Failure.of(Phase.UNPACK, error), None)
        best = min(self._attempts(known), key=_rank, default=None)
        if best is None:
            message = "There is no Python here that could build it."
            return self._unbuildable(Failure(phase=Phase.REQUIREMENTS, message=message), None)
        remarks = (*best.remarks, *self._suspicions(known, best), *self._omissions(best))
        tried = tuple(sorted(self.tried))
        return replace(best, attempts=self.attempts, tried=tried, remarks=remarks)

    def _known(self) -> Known:
        source = self.subject.source
        sdist, texts, commit = None, {}, None
        if isinstance(source, SdistSource):
            sdist = read_artifact(source.path, Limits(), wanted=is_evidence)
        elif isinstance(source, GitSource):
            place = source.checkout.project
            for name in ("pyproject.toml", "setup.cfg"):
                path = (place / name).as_posix()
                texts[name] = source.git.show(source.checkout, source.commit, path)[:_LARGEST]
            commit = source.epoch().seconds
            alone = source.alone(self.bench.space.root / "repository")
            self.bench = replace(self.bench, source=alone)
        return Known(
            published=self.published,
            sdist=sdist,
            texts=texts,
            commit=commit,
            uploaded=self.subject.uploaded,
            sibling=self.subject.sibling,
            pythons=self.means.pythons,
        )

    def _suspicions(self, known: Known, found: Verification) -> Iterator[str]:
        """What lets the build give the published file without building it."""
        name = canonicalize_name(self.subject.path.name.partition("-")[0])
        for pin in found.recipe.pins if found.recipe else ():
            if pin.name == name:
                yield f"It was built with a release of itself: {pin}."
        members = known.sdist.members if known.sdist else ()
        if same := [
            each.name for each in members if each.content.sha256 == str(self.published.digest)
        ]:
            yield f"The source holds the published file itself: {same[0]}."
        elif wheels := [each.name for each in members if each.name.endswith(".whl")]:
            listed = ", ".join(wheels[:3])
            yield f"The source holds wheels, from which its build may copy: {listed}."

    def _omissions(self, found: Verification) -> Iterator[str]:
        """That it might be better if there had been more time, or room."""
        if self.given_up is not None and found.failure is None:
            yield f"Another recipe was given up: {self.given_up.message}"

    def _attempts(self, known: Known) -> Iterator[Verification]:
        """One a recipe, until one of them gives the same bytes, or takes all that it may."""
        has_one_time = len(set(member_times(self.published).values())) == 1
        equivalent: list[Stamps] = []
        for candidate in candidates(known):
            # What gives the same contents can only be bettered by the right time, if it is one.
            if equivalent and (not has_one_time or candidate.stamps in equivalent):
                continue
            if self.attempts == self.means.effort.attempts:
                return
            self.attempts += 1
            found = self._attempt(candidate)
            yield found
            if _is_beyond_bounds(found):
                self.given_up = found.failure
                return
            if found.verdict is Verdict.IDENTICAL:
                return
            if found.verdict is Verdict.EQUIVALENT:
                equivalent.append(candidate.stamps)

    def _attempt(self, candidate: Candidate) -> Verification:
        rebuilt = self.bench.rebuild(candidate)
        self.tried |= rebuilt.tried
        if rebuilt.path is None:
            assert rebuilt.failure is not None
            return self._unbuildable(rebuilt.failure, rebuilt, candidate)
        self.bench.workshop.reporter.step("comparing")
        try:
            built = read_artifact(rebuilt.path, Limits(), wanted=is_evidence)
        except ArtifactError as error:
            return self._unbuildable(Failure.of(Phase.BUILD, error), rebuilt, candidate)
        return replace(
            judge(self.published, built),
            source=self.subject.source.identity.name,
            recipe=rebuilt.made,
            evidence=(*candidate.decisions, *filter(None, [rebuilt.packing])),
            remarks=rebuilt.remarks,
        )

    def _unbuildable(
        self, failure: Failure, rebuilt: Rebuilt | None, candidate: Candidate | None = None
    ) -> Verification:
        return Verification(
            artifact=self.subject.path.name,
            digest=self.subject.digest,
            source=self.subject.source.identity.name,
            verdict=Verdict.UNBUILDABLE,
            failure=failure,
            recipe=rebuilt.made if rebuilt else None,
            evidence=candidate.decisions if candidate else (),
            remarks=rebuilt.remarks if rebuilt else (),
        )


def _is_beyond_bounds(found: Verification) -> bool:
    return found.failure is not None and found.failure.phase in (Phase.TIMEOUT, Phase.LIMIT)


def _rank(found: Verification) -> tuple[int, int]:
    """The better of two comes first: by verdict, then by how much of the contents differs."""
    order = (Verdict.IDENTICAL, Verdict.EQUIVALENT, Verdict.DIFFERENT, Verdict.UNBUILDABLE)
    return order.index(found.verdict), sum(each.is_content for each in found.differences)
