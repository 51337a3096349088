"""What one build shows and a plain one does not: facts that are the same whatever else differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from samebytes.archive.artifact import Artifact, Form, read_artifact
from samebytes.archive.damage import damage_named
from samebytes.archive.finish import Finish
from samebytes.archive.limits import Limits
from samebytes.archive.unpack import tar_facts
from samebytes.compare.comparison import compare_read, explain_differences
from samebytes.compare.evidence import is_evidence
from samebytes.compare.kinds import Level
from samebytes.compare.model import Difference, Explanation
from samebytes.digest import Digest
from samebytes.errors import ArtifactError
from samebytes.variations.trial import Trial

#: What differs of an artifact as a whole.
NAME, FAILURE = "file name", "build"
#: Kinds of content that stay apart; the others may turn into each other as more is varied.
_APART = {
    "member-only-in-first": "presence",
    "member-only-in-second": "presence",
    "member-renamed": "presence",
    "member-executable": "member-executable",
    "record-rows": "record-rows",
}


class Symptom(NamedTuple):
    """Something that differs: of a form, of a member or else of the archive, in some respect."""

    form: Form
    member: str
    respect: str


def symptom_of(form: Form, difference: Difference) -> Symptom:
    kind, member = difference.kind, difference.member or ""
    if kind.level is Level.CONTENT:
        return Symptom(form, member, _APART.get(kind.id, "content"))
    return Symptom(form, member, kind.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A build beside the plain one; of each form what differs, the names, and why there is none."""

    explanations: Mapping[Form, tuple[Explanation, ...]]
    names: Mapping[Form, tuple[str, str]]
    errors: Mapping[Form, ArtifactError]

    @property
    def symptoms(self) -> frozenset[Symptom]:
        """What differs; empty if and only if the bytes and the names are the same."""
        return frozenset([symptom for symptom, _ in self.differences()])

    def differences(self) -> Iterator[tuple[Symptom, Difference | None]]:
        """Each symptom, with a difference that makes it, where it is one of two archives."""
        for form, explanations in self.explanations.items():
            for explanation in explanations:
                for difference in explanation.differences:
                    yield symptom_of(form, difference), difference
        for form, (one, two) in self.names.items():
            if one != two:
                yield Symptom(form, "", NAME), None
        for form in self.errors:
            yield Symptom(form, "", FAILURE), None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """The plain build, in its final form, to compare others with.

    With ``finish``, files are as samebytes build would write them; ``unwritten`` are the digests of
    those of the backend.
    """

    files: Mapping[Form, Path]
    digests: Mapping[Form, Digest]
    unwritten: Mapping[Form, Digest]
    finish: Finish | None
    _read: dict[Form, Artifact] = field(default_factory=dict)

    @classmethod
    def of(cls, trial: Trial, finish: Finish | None) -> Plain:
        """Raises ArtifactError where a file cannot be read."""
        files = _final_files(trial, finish)
        return cls(
            files=files,
            digests=_digests(files),
            unwritten=_digests(trial.files),
            finish=finish,
        )

    def compare(self, trial: Trial) -> Compared:
        explanations: dict[Form, tuple[Explanation, ...]] = {}
        names: dict[Form, tuple[str, str]] = {}
        errors = dict(trial.errors)
        for form, path in trial.files.items():
            names[form] = (self.files[form].name, path.name)
            if Digest.of_file(path) == self.unwritten[form]:
                continue
            try:
                final = _final(trial, form, self.finish)
                if Digest.of_file(final) != self.digests[form]:
                    explanations[form] = self._explained(form, _read(final))
            except ArtifactError as error:
                errors[form] = error
        return Compared(explanations=explanations, names=names, errors=errors)

    def _explained(self, form: Form, other: Artifact) -> tuple[Explanation, ...]:
        """Never nothing: where no difference is seen, the proof names what is left."""
        if form not in self._read:
            self._read[form] = _read(self.files[form])
        own = self._read[form]
        return explain_differences(own, other) or compare_read(own, other).explanations


def _read(path: Path) -> Artifact:
    return read_artifact(path, Limits(), wanted=is_evidence)


def _digests(files: Mapping[Form, Path]) -> dict[Form, Digest]:
    return {form: Digest.of_file(path) for form, path in files.items()}


def _final_files(trial: Trial, finish: Finish | None) -> dict[Form, Path]:
    """The files of a build as they would be published."""
    return {form: _final(trial, form, finish) for form in trial.files}


def kept_files(trial: Trial, finish: Finish | None) -> dict[Form, Path]:
    """The same; a file that cannot be read stays as the backend wrote it."""
    files = dict(trial.files)
    for form in trial.files:
        with suppress(ArtifactError):
            files[form] = _final(trial, form, finish)
    return files


def _final(trial: Trial, form: Form, finish: Finish | None) -> Path:
    """The artifact as samebytes build publishes it; without a finish, as it is."""
    path = trial.files[form]
    if finish is None:
        return path
    final = trial.shelf / form / path.name
    final.parent.mkdir(exist_ok=True)
    final.unlink(missing_ok=True)
    if form is Form.WHEEL:
        with damage_named(path):
            traces = finish.wheel(path, final)
    else:
        traces = finish.sdist(path, final, tar_facts(path) if trial.facts is None else trial.facts)
    return final if traces else path
