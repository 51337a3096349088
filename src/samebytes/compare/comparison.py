"""Two artifacts, compared: reading, pairing, differences, contents, proof, causes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from samebytes.archive.artifact import (
    Artifact,
    Form,
    Tarball,
    Zipfile,
    changed,
    digest_of,
    form_of,
    format_of,
    is_same_tar,
    read_artifact,
    read_contents,
)
from samebytes.archive.limits import Limits
from samebytes.archive.member import Member, TarHeader
from samebytes.compare.causes import explain
from samebytes.compare.container import order_differences, tarball_differences, zip_differences
from samebytes.compare.contents.dispatch import read_member
from samebytes.compare.contents.reading import Bounds
from samebytes.compare.correction import Correction
from samebytes.compare.evidence import Evidence, Origin, is_evidence
from samebytes.compare.model import (
    Comparison,
    ContentView,
    Difference,
    Explanation,
    Line,
    Side,
    Verdict,
    Where,
)
from samebytes.compare.pairing import Pairing, pair
from samebytes.compare.proof import Claim, recompressed, residual
from samebytes.compare.tar_fields import bare_tar_member, tar_corrections
from samebytes.compare.zip_fields import bare_zip_member, zip_corrections
from samebytes.digest import Digest
from samebytes.errors import UserError

#: Contents larger than this (bytes) are compared by digest only, as is what goes beyond the sum.
_LARGEST_CONTENT = 2 * 1024**2
_CONTENTS = 64 * 1024**2
_VIEWS = 500

#: Who makes an executable of a file that is none.
NOBODY = "nobody"
_ARTICLES = {Form.SDIST: "an sdist", Form.WHEEL: "a wheel"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What may be read, how much is shown, and whom to tell how far it has come."""

    limits: Limits = field(default_factory=Limits)
    bounds: Bounds = field(default_factory=Bounds)
    progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None


def compare(first: Path, second: Path, options: Options | None = None) -> Comparison:
    """Compare two sdists, or two wheels.

    Raises UserError if they are not both the one or the other, ArtifactError if one is damaged,
    ambiguous or over the limits.
    """
    options = options or Options()
    if form_of(first) is not form_of(second):
        raise UserError(
            f"{first.name} is {_ARTICLES[form_of(first)]}, "
            f"{second.name} is {_ARTICLES[form_of(second)]}.",
            hint="Compare two sdists, or two wheels.",
        )
    digests = [digest_of(path) for path in (first, second)]
    if digests[0] == digests[1]:
        sides = [_unread_side(path, digests[0]) for path in (first, second)]
        return Comparison(verdict=Verdict.IDENTICAL, first=sides[0], second=sides[1])
    artifacts = [_read(path, options) for path in (first, second)]
    for artifact, digest in zip(artifacts, digests, strict=True):
        if artifact.digest != digest:
            raise changed(artifact.path)
    return compare_read(artifacts[0], artifacts[1], options)


def compare_read(first: Artifact, second: Artifact, options: Options | None = None) -> Comparison:
    """Compare two artifacts of one form that were read already, with ``is_evidence`` kept."""
    if first.digest == second.digest:
        sides = [_side(Origin(artifact)) for artifact in (first, second)]
        return Comparison(verdict=Verdict.IDENTICAL, first=sides[0], second=sides[1])
    return _Work(first, second, options or Options()).comparison()


def explain_differences(first: Artifact, second: Artifact) -> tuple[Explanation, ...]:
    """What differs, without the proof that nothing else does: for a verdict, ``compare_read``."""
    work = _Work(first, second, Options())
    work.collect(pair(first, second))
    return explain(Evidence(*work.origins, work.differences))


def _read(path: Path, options: Options) -> Artifact:
    return read_artifact(
        path,
        options.limits,
        wanted=is_evidence,
        progress=partial(options.progress, path.name),
    )


@dataclass(slots=True)
class _Work:
    first: Artifact
    second: Artifact
    options: Options
    origins: tuple[Origin, Origin] = field(init=False)
    differences: list[Difference] = field(default_factory=list)
    corrections: dict[int, list[Correction]] = field(
        default_factory=lambda: defaultdict[int, list[Correction]](list)
    )
    views: list[ContentView] = field(default_factory=list)
    recompressed: str | None = None

    def __post_init__(self) -> None:
        self.origins = Origin(self.first), Origin(self.second)

    def comparison(self) -> Comparison:
        sides = _side(self.origins[0]), _side(self.origins[1])
        pairing = pair(self.first, self.second)
        self.collect(pairing)
        if not any(difference.is_content for difference in self.differences):
            self._prove(pairing)
        verdict = Verdict.EQUIVALENT
        if any(difference.is_content for difference in self.differences):
            verdict = Verdict.DIFFERENT
        evidence = Evidence(*self.origins, self.differences)
        return Comparison(
            verdict=verdict,
            first=sides[0],
            second=sides[1],
            where=tuple(_where(self.differences)),
            explanations=explain(evidence),
            contents=tuple(self.views),
            recompressed=self.recompressed,
        )

    def collect(self, pairing: Pairing) -> None:
        """Note all differences, and the corrections that undo those of the container."""
        same_format = self.first.container.format == self.second.container.format
        self.differences += _name_differences(self.first, self.second, pairing)
        self.differences += self._container_differences(pairing)
        for number, other in pairing.pairs:
            one, two = self.first.members[number], self.second.members[other]
            self.differences += _member_differences(one, two, same_format=same_format)
            if same_format:
                self._compare_headers(number, one, two)
        for number in (*pairing.only_in_first, *pairing.folders_in_first):
            self.differences += _hidden(self.first.members[number], first_has=True)
        for number in (*pairing.only_in_second, *pairing.folders_in_second):
            self.differences += _hidden(self.second.members[number], first_has=False)
        self._compare_contents(pairing)

    def _container_differences(self, pairing: Pairing) -> Iterator[Difference]:
        match self.first.container, self.second.container:
            case Zipfile() as one, Zipfile() as two:
                yield from zip_differences(one, two)
            case Tarball() as one, Tarball() as two if one.format == two.format:
                same_tar = is_same_tar(self.first, self.second)
                yield from tarball_differences(one, two, same_tar=same_tar)
            case one, two:
                yield Difference.of("archive-format", None, one.format, two.format)
        yield from order_differences(self.first, self.second, pairing)

    def _compare_headers(self, number: int, one: Member, two: Member) -> None:
        fields = tar_corrections if isinstance(one.header, TarHeader) else zip_corrections
        for correction in fields(one, two):
            self.corrections[number].append(correction)
            self.differences.append(correction.difference)

    def _compare_contents(self, pairing: Pairing) -> None:
        """Look into the contents that differ, as far as they are of a size to be read."""
        changed = [
            (number, other)
            for number, other in pairing.pairs
            if self.first.members[number].content != self.second.members[other].content
            and self.first.members[number].type is self.second.members[other].type
        ]
        readable, total = [], 0
        for number, other in changed:
            sizes = [
                artifact.members[place].content.size
                for artifact, place in ((self.first, number), (self.second, other))
            ]
            if max(sizes) <= _LARGEST_CONTENT and total + sum(sizes) <= _CONTENTS:
                readable.append((number, other))
                total += sum(sizes)
        limits = self.options.limits
        contents = (
            read_contents(self.first, [number for number, _ in readable], limits),
            read_contents(self.second, [other for _, other in readable], limits),
        )
        read = set(readable)
        for number, other in changed:
            member = self.first.members[number]
            if (number, other) in read:
                self._view(member, contents[0][number], contents[1][other])
            else:
                others = self.second.members[other]
                values = (f"{member.content.size:,} bytes", f"{others.content.size:,} bytes")
                self.differences.append(Difference.of("member-content", member.name, *values))

    def _view(self, member: Member, one: bytes, two: bytes) -> None:
        path, bounds = self.origins[0].path(member.name), self.options.bounds
        reading = read_member(path, one, two, bounds)
        for finding in reading.findings:
            values = (finding.first, finding.second, finding.field)
            self.differences.append(Difference.of(finding.kind, member.name, *values))
        if reading.lines and len(self.views) < _VIEWS:
            lines: tuple[Line, ...] = tuple(reading.lines[: bounds.lines])
            self.views.append(
                ContentView(
                    member=member.name,
                    form=reading.form,
                    lines=lines,
                    omitted=len(reading.lines) - len(lines),
                )
            )

    def _prove(self, pairing: Pairing) -> None:
        """Apply the corrections; what they leave is a difference of content."""
        reported = frozenset(difference.kind.id for difference in self.differences)
        left = residual(
            Claim(
                first=self.first,
                second=self.second,
                pairing=pairing,
                corrections=self.corrections,
                reported=reported,
            )
        )
        if left is not None:
            self.differences.append(
                Difference.of("unexplained-bytes", None, left, "corrected, still another")
            )
            return
        one, two = self.first.container, self.second.container
        if not isinstance(one, Tarball) or not isinstance(two, Tarball):
            return
        if is_same_tar(self.first, self.second):
            return
        if reported & {"deflate-stream", "compressed-stream"}:
            return
        self.options.progress(f"compressing {self.first.path.name} again", 0, 0)
        self.recompressed = recompressed(self.first, self.options.limits)
        if self.recompressed is None:
            kind = "deflate-stream" if one.compression.method == "gzip" else "compressed-stream"
            values = ("made by no compressor here", "taken from the first")
            self.differences.append(Difference.of(kind, None, *values))


def _side(origin: Origin) -> Side:
    artifact = origin.artifact
    return Side(
        filename=artifact.path.name,
        form=artifact.form,
        format=artifact.container.format,
        size=artifact.size,
        digest=artifact.digest,
        members=len(artifact.members),
        backend=None if origin.backend is None else str(origin.backend),
    )


def _unread_side(path: Path, digest: Digest) -> Side:
    return Side(
        filename=path.name,
        form=form_of(path),
        format=format_of(path),
        size=path.stat().st_size,
        digest=digest,
        members=None,
        backend=None,
    )


def _name_differences(first: Artifact, second: Artifact, pairing: Pairing) -> Iterator[Difference]:
    if pairing.tops[0] != pairing.tops[1]:
        kind = "dist-info-folder" if first.form == "wheel" else "sdist-folder"
        yield Difference.of(kind, None, *(top or "none" for top in pairing.tops))
    for number, other in pairing.renamed:
        names = first.members[number].name, second.members[other].name
        yield Difference.of("member-renamed", names[0], *names)
    for artifact, numbers, kind, first_has in (
        (first, pairing.only_in_first, "member-only-in-first", True),
        (second, pairing.only_in_second, "member-only-in-second", False),
        (first, pairing.folders_in_first, "folder-entry", True),
        (second, pairing.folders_in_second, "folder-entry", False),
    ):
        for number in numbers:
            member = artifact.members[number]
            size = f", {member.content.size:,} bytes" if member.content.size else ""
            values = (f"{member.type}{size}", "absent")
            yield Difference.of(kind, member.name, *(values if first_has else values[::-1]))


def _hidden(member: Member, *, first_has: bool) -> Iterator[Difference]:
    """What the entry of a member without partner holds besides the member: no proof covers it."""
    is_tar = isinstance(member.header, TarHeader)
    bare = bare_tar_member(member) if is_tar else bare_zip_member(member)
    fields = tar_corrections if is_tar else zip_corrections
    for correction in fields(member, bare) if first_has else fields(bare, member):
        if correction.difference.is_content:
            yield correction.difference


def _member_differences(one: Member, two: Member, *, same_format: bool) -> Iterator[Difference]:
    if one.type is not two.type:
        yield Difference.of("member-type", one.name, one.type, two.type)
    elif one.link != two.link:
        yield Difference.of("member-link", one.name, one.link, two.link)
    executable = one.executable_for, two.executable_for
    # Each format has rules of its own.
    differs = (
        executable[0] != executable[1]
        if same_format
        else bool(executable[0]) != bool(executable[1])
    )
    if differs and one.type is two.type:
        values = (" and ".join(each.executable_for) or NOBODY for each in (one, two))
        yield Difference.of("member-executable", one.name, *values)


def _where(differences: list[Difference]) -> Iterator[Where]:
    content = [difference for difference in differences if difference.is_content]
    members = [each.member for each in content if each.member is not None]
    for where, found in (
        (Where.MISSING, any(each.kind.id.startswith("member-only-in") for each in content)),
        (Where.CODE, any(not is_metadata(name) for name in members)),
        (Where.METADATA, any(is_metadata(name) for name in members)),
        (Where.CONTAINER, len(members) < len(content)),
    ):
        if found:
            yield where


def is_metadata(name: str) -> bool:
    """Whether a member says something about the project and is no part of what it does."""
    folder, _, last = name.rpartition("/")
    return (
        folder.endswith((".dist-info", ".egg-info"))
        or ".dist-info/" in name
        or (last == "PKG-INFO" and folder.count("/") == 0)
    )
