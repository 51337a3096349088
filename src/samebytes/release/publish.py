"""The publication of a release: refused until it is confirmed; sent, fetched, and compared."""

from __future__ import annotations

import filecmp
import hashlib
import shutil
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import canonicalize_name

from samebytes.digest import Digest
from samebytes.errors import ArtifactError, UserError
from samebytes.git import Checkout, Git
from samebytes.index import address
from samebytes.index.client import Index
from samebytes.index.listing import IndexFile, version_of
from samebytes.release.checklist import PUBLICATION, hear, prepared_items
from samebytes.release.folder import ReleaseFolder
from samebytes.release.record import Record
from samebytes.release.signed.decision import Says
from samebytes.release.signed.keyring import Keyring
from samebytes.release.steps import Result, Stage, Step, carry_out
from samebytes.release.upload import Answer, Repository
from samebytes.request import Workshop

#: Seconds between two looks at the index: at first, and at last.
_SHORTEST, _LONGEST = 0.5, 10.0
_CHUNK = 1024**2

_WHAT_TO_DO = (
    "Tell nobody to install this version. Find out who uploaded it and with whose password, have "
    "the index remove it, and release a new version."
)
_BROKEN_OFF = "If the index keeps uploads that broke off, it may be one of ours: look at it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What the steps work with.

    ``prepared`` are the steps that come before, each with its title. ``checkout`` is where the tag
    is looked at, by default where the release was prepared; where there is none,
    ``accepts_unchecked_tag`` lets it pass. ``index_url`` is the index that lists what is uploaded,
    by default the repository's own, if it is known, else that of ``index``. ``wait`` is how many
    seconds it may take to do so.
    """

    folder: ReleaseFolder
    prepared: Sequence[tuple[str, str]]
    keyring: Keyring
    threshold: int
    index: Index
    repository: Repository
    workshop: Workshop
    checkout: Path | None = None
    accepts_unchecked_tag: bool = False
    index_url: str | None = None
    wait: float = 300.0

    @property
    def record(self) -> Record:
        return self.folder.record

    def fresh_index(self) -> Index:
        """The index that lists what is uploaded, and nothing that came from it before."""
        settings = self.index.settings
        url = self.index_url or self.repository.listed_at or settings.urls[0]
        return replace(
            self.index,
            settings=replace(settings, index_url=url, extra_index_urls=()),
            cache=self.folder.work / "index",
        )

    def is_foreign(self, file: IndexFile) -> bool:
        """Whether the index itself says that a file is not ours."""
        ours = self.record.artifacts.get(file.filename)
        return ours is None or file.digest not in (None, ours)

    def listed(self, index: Index) -> tuple[IndexFile, ...]:
        """What the index lists of this version now."""
        return index.published(canonicalize_name(self.record.name), self.record.version)


def publish(work: Publication) -> bool:
    """Do what is not done yet, and write down each outcome; whether all is done.

    Raises SamebytesError where a step cannot be tried, as when the index does not answer.
    """
    reporter = work.workshop.reporter
    return all(
        carry_out(steps, work, work.folder, reporter)
        for steps in (_CHECKS, (_UPLOAD,), (_DOWNLOAD,))
    )


def _now(_work: Publication) -> dict[str, object]:
    """What is looked at in each run, whatever was found before."""
    return {"moment": time.time_ns()}


def _decide(work: Publication) -> Result:
    """Whether all was prepared, is as it was, and is confirmed by enough of those trusted."""
    root, record = work.folder.root, work.record
    undone = [item for item in prepared_items(root, record, work.prepared) if not item.is_done]
    problems = [
        f"Not prepared: {item.title}{': ' if item.details else ''}{' '.join(item.details)}"
        for item in undone
    ]
    problems += _misnamed(record)
    if problems:
        return Result(problems=tuple(problems))
    decision = hear(root, record, work.keyring, work.threshold)
    facts = [
        f"{voice.person} says {voice.says.value} ({voice.file})"
        for voice in decision.voices
        if voice.says is not Says.NOT_COUNTED
    ]
    facts += [
        f"{voice.file} does not count: {voice.reason}"
        for voice in decision.voices
        if voice.says is Says.NOT_COUNTED
    ]
    return Result(facts=tuple(facts), problems=() if decision.is_granted else decision.reasons)


def _misnamed(record: Record) -> list[str]:
    """What the index would be asked for must be what is uploaded."""
    name = canonicalize_name(record.name)
    if not record.artifacts:
        return ["There is neither an sdist nor a wheel."]
    return [
        f"{filename} is no file of {record.name} {record.version}."
        for filename in record.artifacts
        if version_of(filename, name) != record.version
    ]


def _look_at_tag(work: Publication) -> Result:
    """Whether the tag still names the commit that was built and confirmed."""
    record, git = work.record, Git(work.workshop.runner, work.workshop.environ)
    checkout = _checkout(work, git)
    if checkout is None:
        text = f"Not checked: whether the tag {record.tag} still names {record.commit}"
        if work.accepts_unchecked_tag:
            return Result(facts=(f"{text}, as there is no checkout",))
        return Result(
            problems=(f"{text}. There is no checkout here: name one with --source PATH.",)
        )
    try:
        commit = git.commit_of(checkout, f"refs/tags/{record.tag}")
    except UserError:
        return Result(
            problems=(
                f"The tag {record.tag} is not in {checkout.root}: fetch it, or find out who "
                "removed it.",
            )
        )
    if commit != record.commit:
        return Result(
            problems=(
                f"The tag {record.tag} was moved: it names {commit}, and {record.commit} was "
                "built and confirmed. Find out why, and prepare the release anew.",
            )
        )
    return Result(facts=(f"{record.tag} is {commit}",))


def _checkout(work: Publication, git: Git) -> Checkout | None:
    if work.checkout is not None:
        return git.checkout_at(work.checkout)
    try:
        return git.checkout_at(Path(work.record.checkout)) if work.record.checkout else None
    except UserError:
        return None


def _places(work: Publication) -> dict[str, object]:
    """What is sent, where to, and where it is looked for."""
    return {
        "artifacts": {name: str(digest) for name, digest in work.record.artifacts.items()},
        "repository": work.repository.url,
        "index": list(map(address.public, work.fresh_index().settings.urls)),
    }


def _upload(work: Publication) -> Result:
    """Send what is not there yet, and stop at anything there that is not ours."""
    copies, problems = _copies(work, work.folder.work / "upload")
    if problems:
        return Result(problems=problems)
    index, facts = work.fresh_index(), list[str]()
    # The wheel first: as long as there is an sdist only, pip would build it on every machine.
    for name in sorted(copies, key=lambda name: not name.endswith(".whl")):
        listed = work.listed(index)
        answer = None
        if not (problems := _alarms(work, index, listed, copies)) and name not in _names(listed):
            answer = work.repository.send(copies[name])
            if answer is Answer.EXISTS:
                problems = _check_existing(work, index, copies, name)
        if problems:
            return Result(facts=tuple(facts), problems=problems)
        sent = answer is Answer.ACCEPTED
        facts.append(f"{name} was sent" if sent else f"{name} is there already, the same bytes")
    return Result(facts=(f"to {work.repository.url}", *facts))


def _check_existing(
    work: Publication, index: Index, copies: Mapping[str, Path], name: str
) -> tuple[str, ...]:
    """What is wrong with a file that the index says it has, once it lists it."""
    listed = _wait(work, index, {name})
    if problems := _alarms(work, index, listed, copies):
        return problems
    if name not in _names(listed):
        return (f"The index says that it has {name}, but does not list it yet. {_later(work)}",)
    return ()


def _download(work: Publication) -> Result:
    """Fetch all of it from the index, as everybody does, and compare byte for byte."""
    copies, problems = _copies(work, work.folder.work / "compare")
    if problems:
        return Result(problems=problems)
    index = work.fresh_index()
    listed = _wait(work, index, set(copies))
    if problems := _alarms(work, index, listed, copies):
        return Result(problems=problems)
    if missing := copies.keys() - _names(listed):
        names = ", ".join(sorted(missing))
        return Result(problems=(f"Not listed on the index yet: {names}. {_later(work)}",))
    problems = tuple(
        problem for file in listed if (problem := _compared(index, file, copies[file.filename]))
    )
    if problems:
        return Result(problems=problems)
    facts = (f"{digest}  {name}" for name, digest in work.record.artifacts.items())
    where = ", ".join(map(address.shown, index.settings.urls))
    return Result(facts=(f"from {where}, and compared byte for byte", *facts))


def _copies(work: Publication, folder: Path) -> tuple[dict[str, Path], tuple[str, ...]]:
    """Copies of the artifacts, and what is wrong with them.

    They are hashed as they are copied: what is sent is what was confirmed, whatever happens to the
    originals meanwhile.
    """
    folder.mkdir(exist_ok=True)
    copies = {name: folder / name for name in work.record.artifacts}
    problems = []
    for name, digest in work.record.artifacts.items():
        if _copy(work.folder.root / name, copies[name]) != digest:
            problems.append(f"{name} is not what was built and confirmed: it was altered since.")
    return copies, tuple(problems)


def _copy(source: Path, target: Path) -> Digest | None:
    hashed = hashlib.sha256()
    try:
        opened = source.open("rb")
    except OSError:
        return None
    with opened as old, target.open("wb") as new:
        while chunk := old.read(_CHUNK):
            hashed.update(chunk)
            new.write(chunk)
    return Digest(hashed.hexdigest())


def _names(files: Sequence[IndexFile]) -> set[str]:
    return {file.filename for file in files}


def _wait(work: Publication, index: Index, names: Collection[str]) -> tuple[IndexFile, ...]:
    """What the index lists, once it lists these, or anything else, or the time is over."""
    end, pause = time.monotonic() + work.wait, _SHORTEST
    while True:
        listed = work.listed(index)
        left = end - time.monotonic()
        has_others = any(map(work.is_foreign, listed))
        if set(names) <= _names(listed) or has_others or left <= 0:
            return listed
        if pause == _SHORTEST:
            work.workshop.reporter.step("waiting until the index lists it")
        time.sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST)


def _later(work: Publication) -> str:
    return f"It had {work.wait:g} seconds: run it again later."


def _alarms(
    work: Publication, index: Index, listed: Sequence[IndexFile], copies: Mapping[str, Path]
) -> tuple[str, ...]:
    """What an index has of this version that nobody confirmed."""
    found = (_alarm(work, index, file, copies) for file in listed)
    return tuple(alarm for alarm in found if alarm is not None)


def _alarm(
    work: Publication, index: Index, file: IndexFile, copies: Mapping[str, Path]
) -> str | None:
    where, name = address.shown(file.index), file.filename
    ours = work.record.artifacts.get(name)
    if ours is None:
        return f"ALARM: {where} has {name}, which is no part of this release. {_WHAT_TO_DO}"
    if work.is_foreign(file):
        return (
            f"ALARM: {where} has another {name}: its SHA-256 is {file.digest}, not the {ours} that "
            f"was confirmed. {_WHAT_TO_DO} {_BROKEN_OFF}"
        )
    return None if file.digest else _compared(index, file, copies[name])


def _compared(index: Index, file: IndexFile, copy: Path) -> str | None:
    """What is wrong with a file as the index serves it."""
    where, name = address.shown(file.index), file.filename
    ours = Digest.of_file(copy)
    try:
        fetched = index.fetch(replace(file, digest=ours)).path
    except ArtifactError as error:
        return (
            f"ALARM: {where} does not serve the {name} that was confirmed, of the SHA-256 {ours}: "
            f"{error.message} {_WHAT_TO_DO}"
        )
    if not filecmp.cmp(fetched, copy, shallow=False):
        return f"ALARM: {where} serves another {name} with the same SHA-256. {_WHAT_TO_DO}"
    shutil.rmtree(fetched.parent)  # the next look is at the index, not at this
    return None


_TITLES = dict(PUBLICATION)


def _step(
    name: str,
    inputs: Callable[[Publication], Mapping[str, object]],
    run: Callable[[Publication], Result],
) -> Step[Publication]:
    return Step(name, _TITLES[name], Stage.PUBLICATION, inputs, run)


#: What is looked at in each run; then what is done once.
_CHECKS = (_step("decision", _now, _decide), _step("unmoved", _now, _look_at_tag))
_UPLOAD = _step("upload", _places, _upload)
_DOWNLOAD = _step("download", _places, _download)
