"""Whether an sdist and a wheel hold the files of their revision: all of them, and no others.

A member is a tracked file with the same bytes and the same executable bit, or one of those few that
every build makes, or one that the rules name as generated. Everything else is a problem, and so is
what cannot be compared.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from samebytes_core.tree import RECORD

from samebytes.archive.artifact import read_artifact
from samebytes.archive.limits import Limits
from samebytes.archive.member import Member, MemberType
from samebytes.release.checks.generated import in_dist_info, in_sdist, is_rewritten_setup_cfg
from samebytes.release.checks.tracked import Tracked, TrackedFile
from samebytes.release.checks.wording import listed
from samebytes.release.rules import ArchiveRules, Rules, matcher
from samebytes.release.steps import Result

#: Bytes of a setup.cfg that are read.
_LARGEST = 1024**2


def check_contents(sdist: Path, wheel: Path, tracked: Tracked, rules: Rules) -> Result:
    """Compare the members of both with the files of the revision.

    Where the rules have no table for one of them, files that are not in it are no problem, and
    neither are such that lie elsewhere in the repository.

    Raises ArtifactError when a file is damaged.
    """
    results = [
        _Comparison(_sdist(sdist, tracked), tracked, rules.sdist).result(),
        _Comparison(_wheel(wheel, tracked), tracked, rules.wheel).result(),
    ]
    return Result(
        facts=tuple(fact for result in results for fact in result.facts),
        problems=tuple(problem for result in results for problem in result.problems),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Archive:
    """``members`` by path, which is below the folder of an sdist; ``strange`` has the others.

    ``places`` are where in the repository a member must lie, by path; ``roots`` are the folders of
    which it holds everything. ``is_generated`` says what every build makes, ``is_copied`` which
    members are copies of files that may lie anywhere.
    """

    filename: str
    members: Mapping[str, Member]
    strange: tuple[str, ...]
    places: Mapping[str, str]
    roots: frozenset[str]
    is_generated: Callable[[str], bool]
    is_copied: Callable[[str], bool]


def _sdist(path: Path, tracked: Tracked) -> _Archive:
    def wanted(_number: int, name: str, size: int) -> bool:
        return name.endswith(("/setup.cfg", f"/{RECORD}")) and size <= _LARGEST

    artifact = read_artifact(path, Limits(), wanted=wanted)
    top = path.name.removesuffix(".tar.gz")
    members, strange = _by_path(artifact.members, f"{top}/")
    kept = {
        artifact.members[number].name.removeprefix(f"{top}/"): data
        for number, data in artifact.kept.items()
    }
    written = {RECORD} if kept.get(RECORD) == tracked.record is not None else set()
    if tracked.is_setuptools and "setup.cfg" in kept:
        is_rewritten = is_rewritten_setup_cfg(kept["setup.cfg"], tracked.setup_cfg)
        written |= {"setup.cfg"} if is_rewritten else set()
    name = top.rpartition("-")[0]
    return _Archive(
        filename=path.name,
        members=members,
        strange=strange,
        places={each: f"{tracked.project}{each}" for each in members},
        roots=frozenset({tracked.project}),
        is_generated=lambda each: (
            in_sdist(each, name, is_setuptools=tracked.is_setuptools) or each in written
        ),
        is_copied=lambda _each: False,
    )


def _wheel(path: Path, tracked: Tracked) -> _Archive:
    artifact = read_artifact(path, Limits())
    stem = "-".join(path.name.split("-")[:2])
    members, strange = _by_path(artifact.members, "", (MemberType.FILE, MemberType.FOLDER))
    own = f"{stem}.dist-info/"
    files = {
        each: _in_site(each, stem)
        for each, member in members.items()
        if member.type is not MemberType.FOLDER and not each.startswith(own)
    }
    prefixes = _prefixes(files, members, tracked)
    places = {
        each: prefixes[top] + site
        for each, site in files.items()
        if (top := site.partition("/")[0]) in prefixes
    }
    folders = {site.partition("/")[0] for site in files.values() if "/" in site}
    return _Archive(
        filename=path.name,
        members=members,
        strange=strange,
        places=places,
        roots=frozenset(f"{prefixes[top]}{top}/" for top in folders if top in prefixes),
        is_generated=lambda each: each.startswith(own) and in_dist_info(each.removeprefix(own)),
        is_copied=lambda each: each.startswith(own),
    )


def _by_path(
    members: Iterable[Member], top: str, types: Collection[MemberType] = tuple(MemberType)
) -> tuple[dict[str, Member], tuple[str, ...]]:
    """Members by their paths below ``top``; and those that lie elsewhere or are there twice.

    Members of other ``types`` are such, too: installers make no links of what is in a wheel.
    """
    found: dict[str, Member] = {}
    strange = []
    for member in members:
        if top and member.name == top[:-1] and member.type is MemberType.FOLDER:
            continue
        path = member.name.removeprefix(top)
        is_plain = not {"", ".", ".."} & set(path.split("/")) and "\\" not in path
        is_plain = is_plain and member.name.startswith(top) and member.type in types
        if is_plain and path not in found:
            found[path] = member
        else:
            strange.append(member.name)
    return found, tuple(strange)


def _in_site(path: str, stem: str) -> str:
    """Where a wheel's member is installed, if among the modules."""
    for scheme in ("purelib", "platlib"):
        path = path.removeprefix(f"{stem}.data/{scheme}/")
    return path


def _prefixes(
    files: Mapping[str, str], members: Mapping[str, Member], tracked: Tracked
) -> dict[str, str]:
    """For each package or module of a wheel, the folder of the repository that it is taken from:

    of those that have one of its name, that which has the most of its files.
    """
    tops = {site.partition("/")[0] for site in files.values()}
    candidates: dict[str, set[str]] = defaultdict(set)
    for path in tracked.files:
        parts = path.split("/")
        for number, part in enumerate(parts):
            if part in tops:
                candidates[part].add("".join(f"{each}/" for each in parts[:number]))
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for path, site in files.items():
        top = site.partition("/")[0]
        for prefix in candidates[top]:
            if _is_same(members[path], tracked.files.get(prefix + site)):
                votes[top][prefix] += 1
    return {
        top: min(counts, key=lambda prefix: (-counts[prefix], len(prefix), prefix))
        for top, counts in votes.items()
    }


def _is_same(member: Member, file: TrackedFile | None) -> bool:
    """Whether unpacking the member gives the file; a link may have become what it leads to."""
    if file is None:
        return False
    if member.type is MemberType.LINK:
        return file.link is not None and file.link == member.link
    return (
        member.type is MemberType.FILE
        and file.digest is not None
        and member.content.sha256 == file.digest.hex
        and bool(member.executable_for) == file.is_executable
        and not member.mode & 0o7000
    )


@dataclass(slots=True)
class _Comparison:
    """Sorts the members of an archive by what they are."""

    archive: _Archive
    tracked: Tracked
    given: ArchiveRules | None
    present: set[str] = field(default_factory=set)
    generated: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    uncomparable: list[str] = field(default_factory=list)

    def result(self) -> Result:
        rules = self.given or ArchiveRules()
        self.extra += self.archive.strange
        is_generated, by_name = matcher(rules.generated), self._by_name()
        for path, member in self.archive.members.items():
            if member.type is not MemberType.FOLDER:
                self._sort(path, member, is_generated, by_name)
        self.extra += self._idle_folders()
        problems, facts = list(self._problems(rules)), list(self._facts())
        missing = self._missing(rules)
        if missing and self.given is not None:
            problems.append(
                f"{self._name} lacks what the revision has: {listed(missing)}. Correct what the "
                "build takes, or name it in the rules as left-out or optional."
            )
        elif missing:
            facts.append(f"{self._name} leaves out {listed(missing)}")
        return Result(facts=tuple(facts), problems=tuple(problems))

    @property
    def _name(self) -> str:
        return self.archive.filename

    def _by_name(self) -> Mapping[str, list[str]]:
        """The paths of all files, by their last parts."""
        found: dict[str, list[str]] = defaultdict(list)
        for path in self.tracked.files:
            found[path.rpartition("/")[2]].append(path)
        return found

    def _sort(
        self,
        path: str,
        member: Member,
        is_generated: Callable[[str], bool],
        by_name: Mapping[str, list[str]],
    ) -> None:
        place = self.archive.places.get(path, "")
        file = self.tracked.files.get(place)
        if _is_same(member, file):
            self.present.add(place)
        elif member.type is MemberType.FILE and (
            is_generated(path) or self.archive.is_generated(path)
        ):
            self.generated.append(path)
            self.present |= {place} & self.tracked.files.keys()
        elif member.type not in (MemberType.FILE, MemberType.LINK):
            self.uncomparable.append(f"{path} ({member.type})")
        elif file is not None:
            self.changed.append(path)
        elif not self._is_elsewhere(member, by_name.get(path.rpartition("/")[2], ())):
            self.extra.append(path)
        elif not self.archive.is_copied(path):
            self.moved.append(path)

    def _is_elsewhere(self, member: Member, others: Iterable[str]) -> bool:
        """Whether one of these files, which have the member's name, is the same."""
        return any(_is_same(member, self.tracked.files[each]) for each in others)

    def _idle_folders(self) -> Iterator[str]:
        """Folders that hold nothing, and that the repository has not either."""
        members = self.archive.members
        used = {
            path[:end]
            for path, member in members.items()
            if member.type is not MemberType.FOLDER
            for end, letter in enumerate(path)
            if letter == "/"
        }
        for path, member in members.items():
            if member.type is MemberType.FOLDER and path not in used:
                yield f"{path}/"

    def _missing(self, rules: ArchiveRules) -> list[str]:
        """Tracked files that the archive should have, by their paths in the project."""
        project = self.tracked.project
        may_miss = matcher((*rules.left_out, *rules.optional))
        paths = (path for path in self.tracked.files if path not in self.present)
        return [
            path.removeprefix(project)
            for path in paths
            if path.startswith(tuple(self.archive.roots))
            and not may_miss(path.removeprefix(project))
        ]

    def _problems(self, rules: ArchiveRules) -> Iterator[str]:
        if self.extra:
            yield (
                f"{self._name} has what the revision has not: {listed(self.extra)}. Find out where "
                "it comes from; what the build makes belongs into the rules, as generated."
            )
        if self.changed:
            yield (
                f"{self._name} has other bytes than the revision, or another executable bit: "
                f"{listed(self.changed)}. Find out what changes them."
            )
        if self.uncomparable:
            yield (
                f"{self._name} has what cannot be compared with the revision: "
                f"{listed(self.uncomparable)}. Make files of them."
            )
        is_left_out, is_optional = matcher(rules.left_out), matcher(rules.optional)
        shipped = (path.removeprefix(self.tracked.project) for path in self.present)
        unwanted = [path for path in shipped if is_left_out(path) and not is_optional(path)]
        if unwanted:
            yield f"{self._name} has what the rules leave out: {listed(unwanted)}."
        is_meant = matcher(rules.moved)
        displaced = [path for path in self.moved if not is_meant(path)]
        if displaced and self.given is not None:
            yield (
                f"{self._name} has files of the revision at other places than there: "
                f"{listed(displaced)}. If the build is to move them, name them in the rules, as "
                "moved."
            )

    def _facts(self) -> Iterator[str]:
        yield f"{self._name} has {len(self.present):,} files of the revision"
        if self.generated:
            yield f"{self._name}: made by the build are {listed(self.generated)}"
        if self.moved:
            yield f"{self._name}: elsewhere in the repository are {listed(self.moved)}"
