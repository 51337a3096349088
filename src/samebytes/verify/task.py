"""One artifact to verify, as the user or an index names it: what a worker is given."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.utils import NormalizedName
from packaging.version import Version

from samebytes.archive.artifact import read_artifact
from samebytes.archive.limits import Limits
from samebytes.compare.evidence import Origin, is_evidence
from samebytes.compare.model import Verdict
from samebytes.digest import Digest
from samebytes.errors import ArtifactError, SamebytesError, UnreachableError
from samebytes.git import Git
from samebytes.index.client import Index
from samebytes.index.listing import IndexFile
from samebytes.index.provenance import Provenance
from samebytes.infer.candidate import Decision
from samebytes.request import Workshop
from samebytes.source import SdistSource, Source, find_source
from samebytes.verify.means import Means
from samebytes.verify.revision import find_revision
from samebytes.verify.subject import Subject
from samebytes.verify.verification import Failure, Phase, Verification
from samebytes.verify.verify import verify


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSource:
    """A source as the command line names it; without ``revision``, the tag of the version."""

    text: str
    revision: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """``published`` on the index, or a file; ``source`` None: there is none.

    ``listed`` is what the index has under the name of a file, be it other bytes. ``sibling`` is a
    wheel of the same release. ``remarks`` are for whoever reads the verdict.
    """

    name: NormalizedName
    version: Version
    published: IndexFile | Path
    listed: IndexFile | None = None
    source: IndexFile | NamedSource | None
    sibling: IndexFile | None = None
    remarks: tuple[str, ...] = field(default=())

    @property
    def filename(self) -> str:
        if isinstance(self.published, Path):
            return self.published.name
        return self.published.filename

    def perform(self, means: Means, workshop: Workshop, index: Index) -> Verification:
        """Get the files and verify.

        Raises UserError where the index cannot be reached or the source is not there.
        """
        try:
            return self._perform(means, workshop, index)
        except UnreachableError:
            raise
        except ArtifactError as error:
            return self._without_file(Failure.of(Phase.DOWNLOAD, error))

    def _perform(self, means: Means, workshop: Workshop, index: Index) -> Verification:
        listed = self.listed
        if isinstance(self.published, Path):
            path = self.published
        else:
            listed, path = self.published, index.fetch(self.published).path
        if self.source is None:
            message = f"The index has no sdist of {self.name} {self.version}."
            return self._without_file(Failure(phase=Phase.DOWNLOAD, message=message))
        digest = Digest.of_file(path)
        source, decisions = self._source(workshop, index)
        found = verify(
            Subject(
                path=path,
                digest=digest,
                source=source,
                uploaded=listed.uploaded if listed else None,
                sibling=self._sibling(index),
            ),
            means,
            workshop,
        )
        provenance, remarks = _provenance(listed, digest, index)
        return replace(
            found,
            evidence=(*decisions, *found.evidence),
            remarks=(*self.remarks, *remarks, *found.remarks),
            provenance=provenance,
        )

    def _source(self, workshop: Workshop, index: Index) -> tuple[Source, tuple[Decision, ...]]:
        git = Git(workshop.runner, workshop.environ)
        match self.source:
            case IndexFile() as file:
                fetched = index.fetch(file)
                digest = file.required_digest()
                return SdistSource(path=fetched.path, digest=digest, uploaded=fetched.uploaded), ()
            case NamedSource(text=text, revision=revision) if Path(text).is_dir():
                return find_revision(Path(text), revision, self.name, self.version, git)
            case NamedSource(text=text, revision=revision):
                return find_source(text, revision, git=git, index=index), ()
        raise AssertionError(self.source)

    def _sibling(self, index: Index) -> str:
        if self.sibling is None:
            return ""
        try:
            path = index.fetch(self.sibling).path
            return Origin(read_artifact(path, Limits(), wanted=is_evidence)).generator
        except UnreachableError:
            raise
        except SamebytesError:
            return ""  # evidence less, and no reason not to go on

    def _without_file(self, failure: Failure) -> Verification:
        published = self.published
        digest = Digest.of_file(published) if isinstance(published, Path) else published.digest
        return Verification(
            artifact=self.filename,
            digest=digest,
            source="",
            verdict=Verdict.UNBUILDABLE,
            failure=failure,
            remarks=self.remarks,
        )


def _provenance(
    file: IndexFile | None, digest: Digest, index: Index
) -> tuple[Provenance | None, tuple[str, ...]]:
    """What the publisher attested of these bytes, and what is wrong with it; no verdict changes."""
    if file is None or file.digest != digest or file.provenance_url is None:
        return None, ()
    try:
        found = index.provenance(file)
    except SamebytesError as error:
        return None, (f"Its provenance cannot be read: {error.message}",)
    return found, found.problems if found else ()
