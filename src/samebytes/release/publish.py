"""The publication of a release: refused until it is confirmed; sent, fetched, and compared."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from samebytes.digest import Digest
from samebytes.errors import UserError
from samebytes.git import Checkout, Git
from samebytes.index import address
from samebytes.index.client import Index
from samebytes.release.checklist import (
    PUBLICATION,
    hear,
    obstacles,
    prepared_items,
    publication_inputs,
    told,
)
from samebytes.release.folder import ReleaseFolder
from samebytes.release.listed import Listing, names_of
from samebytes.release.record import Record
from samebytes.release.signed.decision import Says
from samebytes.release.signed.keyring import Keyring
from samebytes.release.signed.strict import shown
from samebytes.release.steps import Result, Stage, Step, carry_out
from samebytes.release.upload import Answer, Repository
from samebytes.request import Workshop
from samebytes.workspace import Workspace, temporary_files, workspace

_CHUNK = 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What is to be published, by whose leave, and where to.

    ``prepared`` are the steps that come before, each with its title. ``checkout`` is where the tag
    is looked at; by default where the release was prepared, if it is this user's own record that
    says where, or else ``here``, if that is a checkout that has the tag. Where there is none,
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
    here: Path | None = None
    accepts_unchecked_tag: bool = False
    index_url: str | None = None
    wait: float = 300.0

    @property
    def record(self) -> Record:
        return self.folder.record

    @property
    def git(self) -> Git:
        # A tag is looked at, and nothing is fetched for it, by whatever command.
        environ = {**self.workshop.environ, "GIT_NO_LAZY_FETCH": "1"}
        return Git(self.workshop.runner, environ)


@dataclass(frozen=True, slots=True)
class _Run:
    """A publication, and a folder that nobody else can write to, where its copies lie."""

    work: Publication
    space: Workspace

    @property
    def record(self) -> Record:
        return self.work.record

    def listing(self) -> Listing:
        """The index that lists what is uploaded; of what came from it before, nothing is there."""
        work = self.work
        settings = work.index.settings
        url = work.index_url or work.repository.listed_at or settings.urls[0]
        index = replace(
            work.index,
            settings=replace(settings, index_url=url, extra_index_urls=()),
            cache=self.space.shelf(),
        )
        reporter = work.workshop.reporter
        return Listing(index=index, record=self.record, reporter=reporter, wait=work.wait)


def publish(work: Publication) -> bool:
    """Look at everything, send what is not there yet, and write down each outcome; whether all is
    as it should be.

    Raises SamebytesError where a step cannot be tried, as when the index does not answer.
    """
    reporter = work.workshop.reporter
    with _private(work) as space, temporary_files(space.shelf()):
        run = _Run(work, space)
        return all(carry_out((step,), run, work.folder, reporter) for step in _STEPS)


def _private(work: Publication) -> AbstractContextManager[Workspace]:
    """A folder that only this user can use; the release's own may be shared with others."""
    key = Digest.of(b"publication from " + os.fsencode(work.folder.root.resolve())).hex
    return workspace(key, base=work.workshop.base, guarded=True)


def _inputs(run: _Run) -> Mapping[str, object]:
    return publication_inputs(run.record)


def _decide(run: _Run) -> Result:
    """Whether all was prepared, is as it was, and is confirmed by enough of those trusted."""
    work, root, record = run.work, run.work.folder.root, run.record
    undone = [item for item in prepared_items(root, record, work.prepared) if not item.is_done]
    problems = [
        f"Not prepared: {item.title}{': ' if item.details else ''}{' '.join(item.details)}"
        for item in undone
    ]
    if problems:
        return Result(problems=tuple(problems))
    decision = hear(root, record, work.keyring, work.threshold)
    facts = (
        f"{told(voice)} ({shown(voice.file)})"
        + (f": {shown(voice.reason)}" if voice.says is Says.NOT_COUNTED else "")
        for voice in decision.voices
    )
    return Result(facts=tuple(facts), problems=(*decision.reasons, *obstacles(record, decision)))


def _look_at_tag(run: _Run) -> Result:
    """Whether the tag still names the commit that was built and confirmed."""
    work, record = run.work, run.record
    checkout = _checkout(work)
    if checkout is None:
        text = f"Not checked: whether the tag {record.tag} still names {record.commit}"
        if work.accepts_unchecked_tag:
            return Result(facts=(f"{text}, as there is no checkout",))
        return Result(
            problems=(
                f"{text}. There is no checkout here that has it: name one with --source PATH.",
            )
        )
    commit = work.git.tagged_commit(checkout, record.tag)
    if commit is None:
        return Result(
            problems=(
                f"The tag {record.tag} is not in {checkout.root}: fetch it, or find out who "
                "removed it.",
            )
        )
    if commit != record.commit:
        return Result(
            problems=(
                f"The tag {record.tag} was moved: in {checkout.root}, it names {commit}, and "
                f"{record.commit} was built and confirmed. Find out why, and prepare the release "
                "anew.",
            )
        )
    return Result(facts=(f"{record.tag} is {commit} in {checkout.root}",))


def _checkout(work: Publication) -> Checkout | None:
    """Where to look at the tag.

    git does whatever the configuration of a repository tells it to. So a path in a record that
    somebody else has written is not followed, nor is a repository in the folder of a release.
    """
    if work.checkout is not None:
        return work.git.checkout_at(work.checkout)
    if work.folder.is_own and work.record.checkout:
        return _checkout_at(work.git, Path(work.record.checkout))
    if work.here is None:
        return None
    root, here = work.folder.root.resolve(), work.here.resolve()
    found = _checkout_at(work.git, root.parent if here.is_relative_to(root) else here)
    has_tag = found is not None and work.git.tagged_commit(found, work.record.tag) is not None
    return found if has_tag else None


def _checkout_at(git: Git, path: Path) -> Checkout | None:
    try:
        return git.checkout_at(path)
    except UserError:
        return None


def _upload(run: _Run) -> Result:
    """Send what is not there yet, and stop at anything there that is not ours."""
    work, listing = run.work, run.listing()
    copies, problems = _copies(run)
    if problems:
        return Result(problems=problems)
    _check_origin(work, listing)
    facts = [f"to {work.repository.url}", f"{listing.place} is asked what it has"]
    _wait_for_earlier(run, listing, facts[0])
    # The wheel first: as long as there is an sdist only, pip would build it on every machine.
    for name in sorted(copies, key=lambda name: not name.endswith(".whl")):
        sent, problems = _send(run, listing, copies, name)
        if problems:
            return Result(facts=tuple(facts), problems=problems)
        facts.append(f"{name} was sent" if sent else f"{name} is there already, the same bytes")
    return Result(facts=tuple(facts))


def _check_origin(work: Publication, listing: Listing) -> None:
    if work.index_url is None and work.repository.listed_at is None:
        url, repository = listing.index.settings.urls[0], work.repository.url
        if address.origin(url) != address.origin(repository):
            work.workshop.reporter.warn(
                f"What is uploaded to {address.shown(repository)} is looked for on "
                f"{listing.place}, which is another server: is it listed there? If not, name the "
                "index with --index-url."
            )


def _wait_for_earlier(run: _Run, listing: Listing, place: str) -> None:
    """An index that is slow to list what it was sent is not sent it once more."""
    before = run.record.step("upload")
    _forget(run, "download")
    if before is not None and before.is_done and place in before.facts:
        listing.wait_for(run.record.artifacts)


def _forget(run: _Run, name: str) -> None:
    """What was found in an earlier run is not what is found now, should this one break off."""
    record = run.record
    if record.step(name) is not None:
        steps = tuple(step for step in record.steps if step.id != name)
        run.work.folder.rewrite(replace(record, steps=steps))


def _send(
    run: _Run, listing: Listing, copies: Mapping[str, Path], name: str
) -> tuple[bool, tuple[str, ...]]:
    """Send a file, unless it is there; whether it was sent, and what is wrong."""
    listed = listing.look()
    if (problems := listing.alarms(listed, copies)) or name in names_of(listed):
        return False, problems
    work = run.work
    # Some time has passed, in which somebody may have said no.
    decision = hear(work.folder.root, run.record, work.keyring, work.threshold)
    if not decision.is_granted:
        return False, decision.reasons
    if Digest.of_file(copies[name]) != run.record.artifacts[name]:
        return False, (_altered(name),)
    if work.repository.send(copies[name]) is Answer.ACCEPTED:
        return True, ()
    listed = listing.wait_for({name})
    if not (problems := listing.alarms(listed, copies)) and name not in names_of(listed):
        problems = (
            f"The index says that it has {name}, but does not list it yet. {listing.later}",
        )
    return False, problems


def _download(run: _Run) -> Result:
    """Fetch all of it from the index, as everybody does, and compare byte for byte."""
    copies, problems = _copies(run)
    if problems:
        return Result(problems=problems)
    listing = run.listing()
    listed = listing.wait_for(copies)
    if problems := listing.alarms(listed, copies):
        return Result(problems=problems)
    if missing := copies.keys() - names_of(listed):
        names = ", ".join(sorted(missing))
        return Result(problems=(f"Not listed on the index yet: {names}. {listing.later}",))
    found = (listing.compared(file, copies[file.filename]) for file in listed)
    if problems := tuple(problem for problem in found if problem is not None):
        return Result(problems=problems)
    facts = (f"{digest}  {name}" for name, digest in run.record.artifacts.items())
    return Result(facts=(f"from {listing.place}, and compared byte for byte", *facts))


def _copies(run: _Run) -> tuple[dict[str, Path], tuple[str, ...]]:
    """Copies of the artifacts where nobody else can change them, and what is wrong with them.

    They are hashed as they are copied: what is sent is what was confirmed, whatever happens to the
    originals meanwhile.
    """
    folder = run.space.shelf()
    copies = {name: folder / name for name in run.record.artifacts}
    problems = []
    for name, digest in run.record.artifacts.items():
        if _copy(run.work.folder.root / name, copies[name]) != digest:
            problems.append(_altered(name))
    return copies, tuple(problems)


def _altered(name: str) -> str:
    return f"{name} is not what was built and confirmed: it was altered since."


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


_TITLES = dict(PUBLICATION)


def _step(name: str, run: Callable[[_Run], Result]) -> Step[_Run]:
    """What is looked at in each run, whatever was found before."""
    return Step(name, _TITLES[name], Stage.PUBLICATION, _inputs, run, remembered=False)


#: Each only once the one before it is done.
_STEPS = (
    _step("decision", _decide),
    _step("unmoved", _look_at_tag),
    _step("upload", _upload),
    _step("download", _download),
)
