"""Publication: to a real index, by the real twine, of what real keys have confirmed."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import random
import shutil
import stat
import subprocess
import sys
import tempfile
import termios
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version
from projects import commit, git, repository
from released import TITLES, Place, Release, Told, step, wheel
from upload_index import UploadIndex, running

from samebytes.compare.model import Verdict
from samebytes.errors import UnreachableError, UserError
from samebytes.index.client import Index
from samebytes.index.settings import IndexSettings
from samebytes.release.listed import is_of
from samebytes.release.record import RECORD
from samebytes.release.upload import Answer, Repository

pytestmark = pytest.mark.slow  # a real index for each

PASSWORD = "secret"
WHEEL, SDIST = "small-1.0-py3-none-any.whl", "small-1.0.tar.gz"


@pytest.fixture
def index(folder: Path) -> Iterator[UploadIndex]:
    with running(folder / "index", PASSWORD) as server:
        yield server


@pytest.fixture
def release(folder: Path) -> Release:
    """Prepared by anna, confirmed by bert; two are asked for."""
    return Place(folder).release().confirm("bert")


def test_what_was_confirmed_is_uploaded_and_compared(index: UploadIndex, release: Release) -> None:
    told = Told()
    assert release.publish(index.url, told)
    for name in (WHEEL, SDIST):
        assert (index.packages / name).read_bytes() == (release.root / name).read_bytes()
        assert index.stored(name) == 1
    assert index.log.index(f" stored '{WHEEL}'") < index.log.index(f" stored '{SDIST}'")
    assert [step.id for step in release.record.steps[-4:]] == [
        "decision",
        "unmoved",
        "upload",
        "download",
    ]
    assert any("compared byte for byte" in fact for fact in told.facts)


def test_what_is_published_is_not_sent_again(index: UploadIndex, release: Release) -> None:
    assert release.publish(index.url)
    assert release.publish(index.url)
    assert index.posts() == 2


def test_what_is_there_already_is_not_sent(index: UploadIndex, release: Release) -> None:
    shutil.copy(release.root / WHEEL, index.packages)
    told = Told()
    assert release.publish(index.url, told)
    assert (index.stored(WHEEL), index.stored(SDIST)) == (0, 1)
    assert f"upload: {WHEEL} is there already, the same bytes" in told.facts


class TestRefusals:
    def test_too_few_have_confirmed(self, index: UploadIndex, folder: Path) -> None:
        release = Place(folder).release()
        assert not release.publish(index.url)
        assert release.problems("decision") == ("1 of 2 have confirmed; may still: bert, carla",)
        assert index.posts() == 0

    def test_somebody_says_no(self, index: UploadIndex, release: Release) -> None:
        release.confirm("carla", Verdict.DIFFERENT, "other code")
        assert not release.publish(index.url)
        assert release.problems("decision") == ("carla says no: other code",)
        assert index.posts() == 0

    @pytest.mark.parametrize("name", [WHEEL, SDIST])
    def test_an_artifact_was_altered(self, index: UploadIndex, release: Release, name: str) -> None:
        with (release.root / name).open("ab") as file:
            file.write(b"!")
        assert not release.publish(index.url)
        assert release.problems("decision") == (
            f"Not prepared: built: {name} is not as it was written",
        )
        assert index.posts() == 0

    def test_an_artifact_was_altered_together_with_the_record(
        self, index: UploadIndex, release: Release
    ) -> None:
        data = wheel("small", "1.0", code=b"import evil\n")
        (release.root / WHEEL).write_bytes(data)
        old = str(release.record.artifacts[WHEEL])
        text = (release.root / RECORD).read_text()
        (release.root / RECORD).write_text(text.replace(old, sha256(data).hexdigest()))
        assert not release.publish(index.url)
        assert release.problems("decision") == (
            "0 of 2 have confirmed; may still: anna, bert, carla",
        )
        assert index.posts() == 0

    def test_an_artifact_is_altered_after_the_decision(
        self, index: UploadIndex, release: Release
    ) -> None:
        """By whoever waits for the moment: what is sent is a copy whose digest was looked at."""

        class Intruder(Told):
            def step(self, text: str) -> None:
                if text == TITLES["upload"]:
                    (release.root / SDIST).write_bytes(b"other")

        assert not release.publish(index.url, Intruder())
        assert release.problems("upload") == (
            f"{SDIST} is not what was built and confirmed: it was altered since.",
        )
        assert index.posts() == 0

    def test_other_steps_than_those_that_were_signed(
        self, index: UploadIndex, release: Release
    ) -> None:
        record = release.record
        build = record.step("build")
        assert build is not None
        release.write(record.with_step(replace(build, facts=("all is well",))))
        assert not release.publish(index.url)
        (problem,) = release.problems("decision")
        assert problem.startswith("release.json is not what anna signed: ")
        release.write(record.with_step(step("check", {})))  # added by hand
        assert not release.publish(index.url)
        release.write(record)
        assert release.publish(index.url)

    def test_something_that_cannot_be_understood(
        self, index: UploadIndex, release: Release
    ) -> None:
        strange = release.root / "statements" / os.fsdecode(b"\xff\n.json")
        strange.write_text("{}")
        assert not release.publish(index.url)
        (problem,) = release.problems("decision")
        assert problem.startswith("??.json cannot be understood: ")
        strange.unlink()
        path = release.root / "statements/no.txt"
        path.write_text("It is not what I have built.")
        assert not release.publish(index.url)
        (problem,) = release.problems("decision")
        assert problem.startswith("no.txt cannot be understood: it is no *.json file.")
        path.unlink()
        assert release.publish(index.url)

    def test_a_step_was_left_out(self, index: UploadIndex, release: Release) -> None:
        steps = (("build", "built"), ("check", "built again"), ("statement", "signed"))
        assert not release.publish(index.url, prepared=steps)
        assert release.problems("decision") == ("Not prepared: built again",)

    def test_the_record_is_of_another_version(self, index: UploadIndex, release: Release) -> None:
        path = release.root / RECORD
        path.write_text(path.read_text().replace('"release": "1.0"', '"release": "2.0"'))
        assert not release.publish(index.url)
        assert f"{WHEEL} is no file of small 2.0." in release.problems("decision")

    def test_the_tag_was_moved(self, index: UploadIndex, release: Release) -> None:
        checkout = release.place.checkout
        moved = commit(checkout)
        git(checkout, "tag", "--force", "--annotate", "--message", "again", "1.0")
        assert not release.publish(index.url)
        (problem,) = release.problems("unmoved")
        assert f"was moved: in {checkout}, it names {moved}" in problem
        assert index.posts() == 0

    def test_the_tag_is_gone(self, index: UploadIndex, release: Release) -> None:
        git(release.place.checkout, "tag", "--delete", "1.0")
        git(release.place.checkout, "branch", "1.0")  # which is no tag
        assert not release.publish(index.url)
        (problem,) = release.problems("unmoved")
        assert "The tag 1.0 is not in" in problem

    def test_nobody_looked_at_the_tag(self, index: UploadIndex, release: Release) -> None:
        checkout = release.place.checkout.rename(release.place.folder / "elsewhere")
        assert not release.publish(index.url)
        (problem,) = release.problems("unmoved")
        assert problem.startswith("Not checked: whether the tag 1.0 still names")
        assert index.posts() == 0
        assert release.publish(index.url, checkout=checkout)

    def test_unless_that_is_accepted(self, index: UploadIndex, release: Release) -> None:
        shutil.rmtree(release.place.checkout)
        told = Told()
        assert release.publish(index.url, told, accepts_unchecked_tag=True)
        assert any(fact.startswith("unmoved: Not checked:") for fact in told.facts)


class TestAlarms:
    def test_another_file_is_there(self, index: UploadIndex, release: Release) -> None:
        (index.packages / SDIST).write_bytes(b"other")
        assert not release.publish(index.url)
        (alarm,) = release.problems("upload")
        assert alarm.startswith(f"ALARM: {index.simple} has another {SDIST}: its SHA-256 is ")
        assert index.posts() == 0

    @pytest.mark.parametrize(
        "name", ["small-1.0-1-py3-none-any.whl", "small-1.0-cp311-abi3-any.whl", "small-1.0.zip"]
    )
    def test_a_foreign_file_is_there(self, index: UploadIndex, release: Release, name: str) -> None:
        (index.packages / name).write_bytes(b"other")
        assert not release.publish(index.url)
        (alarm,) = release.problems("upload")
        assert f"has {name}, which is no part of this release" in alarm
        assert index.posts() == 0

    def test_other_versions_are_no_concern(self, index: UploadIndex, release: Release) -> None:
        (index.packages / "small-1.0.post1-py3-none-any.whl").write_bytes(b"other")
        (index.packages / "small-0.9.tar.gz").write_bytes(b"other")
        assert release.publish(index.url)

    def test_a_foreign_file_comes_between(self, index: UploadIndex, release: Release) -> None:
        """After the upload, before anybody looked."""

        class Intruder(Told):
            def step(self, text: str) -> None:
                if text == TITLES["download"]:
                    (index.packages / "small-1.0-cp311-abi3-any.whl").write_bytes(b"other")

        assert not release.publish(index.url, Intruder())
        (alarm,) = release.problems("download")
        assert "small-1.0-cp311-abi3-any.whl, which is no part of this release" in alarm

    @pytest.mark.parametrize("faults", [{"lie": 1}, {"lie": 1, "bare": 1}])
    def test_the_index_serves_other_bytes(
        self, index: UploadIndex, release: Release, faults: dict[str, float]
    ) -> None:
        """Whether or not it says so."""

        class Intruder(Told):
            def step(self, text: str) -> None:
                if text == TITLES["download"]:
                    index.fault(**faults)

        assert not release.publish(index.url, Intruder())
        assert len(release.problems("download")) == 2
        for alarm in release.problems("download"):
            assert alarm.startswith(f"ALARM: {index.simple} does not serve the small-1.0")
        index.fault()
        assert release.publish(index.url)

    def test_an_index_without_hashes_is_compared_as_well(
        self, index: UploadIndex, release: Release
    ) -> None:
        index.fault(bare=1)
        shutil.copy(release.root / WHEEL, index.packages)
        (index.packages / SDIST).write_bytes(b"other")
        assert not release.publish(index.url)
        (alarm,) = release.problems("upload")
        assert f"does not serve the {SDIST} that was confirmed" in alarm
        shutil.copy(release.root / SDIST, index.packages)
        assert release.publish(index.url)
        assert index.posts() == 0

    @pytest.mark.parametrize(
        "name", ["small-1.0.tar.bz2", "small-1.0.tgz", "Small-1.0.tar.xz", "small-1.0.0.tar"]
    )
    def test_what_pip_takes_for_an_sdist(
        self, index: UploadIndex, release: Release, name: str
    ) -> None:
        """Though no index should."""
        folder = release.place.folder / "files/small"
        folder.mkdir(parents=True)
        for path in (release.root / WHEEL, release.root / SDIST):
            shutil.copy(path, folder)
        (folder / name).write_bytes(b"other")
        links = (f'<a href="{path.name}">{path.name}</a>' for path in sorted(folder.iterdir()))
        (folder / "index.html").write_text("\n".join(links))
        assert not release.publish(index.url, index_url=folder.parent.as_uri())
        (alarm,) = release.problems("upload")
        assert f"has {name}, which is no part of this release" in alarm

    def test_a_file_is_listed_twice(self, index: UploadIndex, release: Release) -> None:
        """With two digests: who knows which one is installed."""
        for name in (WHEEL, SDIST):
            shutil.copy(release.root / name, index.packages)
        index.fault(twice=1)
        assert not release.publish(index.url)
        assert len(release.problems("upload")) == 2
        for alarm in release.problems("upload"):
            assert f"its SHA-256 is {'0' * 64}, not the " in alarm

    def test_it_is_looked_at_each_time(self, index: UploadIndex, release: Release) -> None:
        assert release.publish(index.url)
        index.fault(lie=1)
        assert not release.publish(index.url)
        assert release.problems("download")[0].startswith("ALARM: ")
        index.fault()
        (index.packages / SDIST).write_bytes(b"other")
        assert not release.publish(index.url)
        assert release.problems("upload")[0].startswith("ALARM: ")


@pytest.mark.parametrize(
    ("filename", "is_ours"),
    [
        ("small-1.0.tar.gz", True),
        ("small-1.0.ZIP", True),
        ("SMALL-1.tar.lzma", True),
        ("small-v1.0.tar", True),
        ("small-1.0-1-py3-none-any.whl", True),
        ("small-1.0-1.tar.gz", False),  # 1.0.post1
        ("small-extra-1.0.tgz", False),
        ("small-1.0.exe", False),
        ("small-1.0", False),
        ("small.tar.bz2", False),
        ("1.0.tar.bz2", False),
    ],
)
def test_what_pip_takes_for_this_version(filename: str, is_ours: bool) -> None:
    assert is_of(filename, canonicalize_name("small"), Version("1.0")) == is_ours


class Watched(Repository):
    """The real one, and somebody who waits for the moment when it sends a file."""

    def __init__(self, url: str, moment: Callable[[Path], object]) -> None:
        super().__init__(name=url, environ={"TWINE_USERNAME": "anna", "TWINE_PASSWORD": PASSWORD})
        self._moment = moment

    def send(self, path: Path) -> Answer:
        self._moment(path)
        return super().send(path)


class TestMeanwhile:
    """While the first file is on its way."""

    def test_somebody_says_no(self, index: UploadIndex, release: Release) -> None:
        watched = Watched(
            index.url, lambda path: release.confirm("carla", Verdict.DIFFERENT, "other code")
        )
        assert not release.publish(index.url, repository=watched)
        assert release.problems("upload") == ("carla says no: other code",)
        assert (index.stored(WHEEL), index.stored(SDIST)) == (1, 0)

    def test_what_is_sent_lies_where_nobody_else_can_write(
        self, index: UploadIndex, release: Release
    ) -> None:
        sent = []

        def look(path: Path) -> None:
            sent.append(path.name)
            assert not path.is_relative_to(release.root)
            assert list(release.root.rglob(path.name)) == [release.root / path.name]
            (space,) = (each for each in path.parents if each.parent == release.place.folder)
            assert stat.S_IMODE(space.stat().st_mode) == 0o700
            assert Path(tempfile.gettempdir()).is_relative_to(space)
            # Whatever becomes of the original now.
            (release.root / path.name).write_bytes(b"other")

        assert not release.publish(index.url, repository=Watched(index.url, look))
        assert sent == [WHEEL, SDIST]
        assert release.problems("upload") == ()
        for name in (WHEEL, SDIST):
            digest = sha256((index.packages / name).read_bytes()).hexdigest()
            assert digest == str(release.record.artifacts[name])
        assert not list(release.place.folder.glob("samebytes-*"))

    def test_a_copy_is_altered(self, index: UploadIndex, release: Release) -> None:
        watched = Watched(index.url, lambda path: (path.parent / SDIST).write_bytes(b"other"))
        assert not release.publish(index.url, repository=watched)
        assert release.problems("upload") == (
            f"{SDIST} is not what was built and confirmed: it was altered since.",
        )
        assert (index.stored(WHEEL), index.stored(SDIST)) == (1, 0)


class TestWhichIndex:
    def test_it_is_told(self, index: UploadIndex, release: Release) -> None:
        told = Told()
        assert release.publish(index.url, told)
        assert f"upload: {index.simple} is asked what it has" in told.facts
        assert told.warnings == []

    def test_another_server(self, index: UploadIndex, release: Release) -> None:
        """Unless it was named."""
        for named in (None, f"{index.url.replace('127.0.0.1', 'localhost')}simple"):
            told = Told()
            other = IndexSettings(index_url=f"{index.url.replace('127.0.0.1', 'localhost')}simple")
            found = Index(other, release.place.folder / "cache")
            assert release.publish(index.url, told, index=found, index_url=named)
            assert len(told.warnings) == (named is None)
        assert not told.warnings


class TestStrangersRecord:
    """git does what the configuration of a repository says, also when it only looks at a tag."""

    @pytest.fixture
    def mark(self, folder: Path) -> Path:
        return folder / "mark"

    def trap(self, place: Path, release: Release, mark: Path) -> Path:
        """A clone without its objects, which git gets by any command that it is told."""
        place.mkdir(exist_ok=True)
        git(place, "init", "--quiet")
        for name, value in (
            ("extensions.partialClone", "origin"),
            ("core.repositoryFormatVersion", "1"),
            ("remote.origin.promisor", "true"),
            ("remote.origin.url", f"ext::sh -c touch% {mark}"),
            ("protocol.ext.allow", "always"),
        ):
            git(place, "config", name, value)
        (place / ".git/refs/tags/1.0").write_text(f"{release.record.commit}\n")
        return place

    def test_it_is_a_trap(self, folder: Path, release: Release, mark: Path) -> None:
        place = self.trap(folder / "trap", release, mark)
        subprocess.run(["git", "-C", place, "cat-file", "-t", "1.0"], capture_output=True)
        assert mark.exists()

    def test_its_path_is_not_followed(
        self, index: UploadIndex, release: Release, folder: Path, mark: Path
    ) -> None:
        place = self.trap(folder / "trap", release, mark)
        record = replace(release.record, checkout=str(place))
        (release.root / RECORD).write_text(record.dump())
        assert not release.publish(index.url)
        assert release.problems("unmoved")[0].startswith("Not checked: ")
        assert not mark.exists()
        assert release.publish(index.url, here=release.place.checkout)
        assert not mark.exists()

    def test_nor_is_what_lies_in_the_release(
        self, index: UploadIndex, release: Release, folder: Path, mark: Path
    ) -> None:
        """Whoever stands in it, as when something was unpacked."""
        shutil.rmtree(release.place.seals)
        self.trap(release.root, release, mark)
        (release.root / "inner").mkdir()
        for here in (release.root, release.root / "inner", release.root / "missing/.."):
            assert not release.publish(index.url, here=here)
            assert release.problems("unmoved")[0].startswith("Not checked: ")
        assert not mark.exists()

    def test_nothing_is_fetched_for_a_tag(
        self, index: UploadIndex, release: Release, folder: Path, mark: Path
    ) -> None:
        place = self.trap(folder / "trap", release, mark)
        assert not release.publish(index.url, checkout=place)
        assert not mark.exists()

    def test_nothing_is_asked_of_git_before_it_may_be_published(
        self, index: UploadIndex, release: Release, folder: Path
    ) -> None:
        release.confirm("carla", Verdict.DIFFERENT)
        assert not release.publish(index.url, checkout=folder / "nowhere")
        assert release.record.step("unmoved") is None

    def test_the_current_folder_is_one_that_has_the_tag(
        self, index: UploadIndex, release: Release, folder: Path
    ) -> None:
        shutil.rmtree(release.place.seals)
        other = repository(folder / "other", {"a": ""})
        for here in (folder, other, None):
            assert not release.publish(index.url, here=here)
            assert release.problems("unmoved")[0].startswith("Not checked: ")
        told = Told()
        assert release.publish(index.url, told, here=release.place.checkout)
        commit = release.record.commit
        assert f"unmoved: 1.0 is {commit} in {release.place.checkout}" in told.facts

    @pytest.mark.parametrize("name", ["1.0~0", "1.0^{}", "1.0@{0}", "../heads/main"])
    def test_a_tag_is_a_name(self, index: UploadIndex, folder: Path, name: str) -> None:
        """Somebody signs for it, but it is none."""
        release = Place(folder).release()
        (release.root / "statements").rename(folder / "before")
        release.vouch(replace(release.record, tag=name), "anna")
        assert not release.confirm("bert").publish(index.url)
        assert release.problems("decision") == ()
        assert f"The tag {name} is not in" in release.problems("unmoved")[0]


class TestSlowIndexes:
    def test_it_is_waited_for(self, index: UploadIndex, release: Release) -> None:
        index.fault(lag=1)
        told = Told()
        assert release.publish(index.url, told)
        assert "waiting until the index lists it" in told.steps
        assert index.posts() == 2

    def test_but_not_for_ever(self, index: UploadIndex, release: Release) -> None:
        index.fault(lag=1000)
        assert not release.publish(index.url, wait=0.2)
        assert release.problems("upload") == ()
        assert release.problems("download") == (
            f"Not listed on the index yet: {WHEEL}, {SDIST}. It had 0.2 seconds: run it again "
            "later.",
        )
        index.fault()
        assert release.publish(index.url)
        assert index.posts() == 2

    def test_what_it_has_but_does_not_list_is_not_taken_for_ours(
        self, index: UploadIndex, release: Release
    ) -> None:
        (index.packages / WHEEL).write_bytes(b"other")
        index.fault(lag=1000)
        assert not release.publish(index.url, wait=0.2)
        (problem,) = release.problems("upload")
        assert problem.startswith(f"The index says that it has {WHEEL}, but does not list it yet.")
        index.fault()
        assert not release.publish(index.url)
        assert release.problems("upload")[0].startswith("ALARM: ")
        assert index.stored(WHEEL) == index.stored(SDIST) == 0

    def test_what_got_lost_is_sent_again(self, index: UploadIndex, release: Release) -> None:
        """Once it had its time to be listed."""
        assert release.publish(index.url)
        (index.packages / WHEEL).unlink()
        told = Told()
        assert release.publish(index.url, told, wait=0.2)
        assert "waiting until the index lists it" in told.steps
        assert (index.stored(WHEEL), index.stored(SDIST)) == (2, 1)

    def test_what_was_found_before_is_not_taken_for_what_is_now(
        self, index: UploadIndex, release: Release
    ) -> None:
        assert release.publish(index.url)
        index.stop()
        with pytest.raises(UnreachableError):
            release.publish(index.url)
        assert release.record.step("upload") is not None
        assert release.record.step("download") is None

    def test_an_answer_that_was_lost(self, index: UploadIndex, release: Release) -> None:
        """The index has the file, and said something else; twine tries again by itself."""
        index.fault(lose=500)
        with pytest.raises(UserError, match=r"refused small-.*\.whl: status 500"):
            release.publish(index.url)
        index.fault()
        assert release.publish(index.url)
        assert index.stored(WHEEL) == index.stored(SDIST) == 1

    def test_what_exists_meanwhile_is_looked_at(self, index: UploadIndex, release: Release) -> None:
        """Somebody else publishes at the same time."""
        index.fault(lag=1000)
        for name in (WHEEL, SDIST):
            shutil.copy(release.root / name, index.packages)
            os.utime(index.packages / name, (2e9, 2e9))
        index.fault(lag=-10)

        class Other(Told):
            def step(self, text: str) -> None:
                if text == "waiting until the index lists it":
                    for path in index.packages.iterdir():
                        os.utime(path, (1, 1))

        told = Other()
        assert release.publish(index.url, told)
        assert f"upload: {WHEEL} is there already, the same bytes" in told.facts
        assert index.stored(WHEEL) == index.stored(SDIST) == 0


class TestTrouble:
    def test_the_index_is_down(self, index: UploadIndex, release: Release) -> None:
        index.stop()
        with pytest.raises(UnreachableError, match=r"127\.0\.0\.1.* cannot be reached"):
            release.publish(index.url)
        assert release.record.step("upload") is None
        assert release.record.step("decision") is not None

    def test_only_the_upload_is_down(self, index: UploadIndex, release: Release) -> None:
        nobody = Repository(name="http://anna:secret@127.0.0.1:9/", environ={})
        with pytest.raises(UnreachableError, match=r"http://127\.0\.0\.1:9/ cannot be") as caught:
            release.publish(index.url, repository=nobody)
        assert PASSWORD not in everything(caught.value)
        assert "Run it again" in caught.value.hint

    def test_wrong_password(self, index: UploadIndex, release: Release) -> None:
        wrong = {"TWINE_USERNAME": "anna", "TWINE_PASSWORD": "guessed-one"}
        with pytest.raises(UserError, match="status 403") as caught:
            release.publish(index.url, repository=Repository(name=index.url, environ=wrong))
        assert "TWINE_PASSWORD" in caught.value.hint
        assert ".pypirc" in caught.value.hint
        assert "guessed-one" not in everything(caught.value)
        assert index.stored(WHEEL) == 0
        assert release.publish(index.url)

    def test_no_password(self, index: UploadIndex, release: Release) -> None:
        nothing = Repository(name=index.url, environ={})
        with pytest.raises(UserError, match="Credential not found") as caught:
            release.publish(index.url, repository=nothing)
        assert "TWINE_USERNAME" in caught.value.hint

    def test_an_index_that_repeats_the_password(self, index: UploadIndex, release: Release) -> None:
        index.fault(lose=402)
        with pytest.raises(UserError, match="status 402") as caught:
            release.publish(index.url)
        assert PASSWORD not in everything(caught.value)
        assert "Bad was anna:********" in caught.value.detail
        assert "\x1b" not in everything(caught.value)

    def test_a_password_with_other_letters(self, index: UploadIndex, release: Release) -> None:
        other = {"TWINE_USERNAME": "anna", "TWINE_PASSWORD": "\u20ac"}
        with pytest.raises(UserError, match="letters that cannot be sent"):
            release.publish(index.url, repository=Repository(name=index.url, environ=other))

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("elsewhere", "Missing 'elsewhere' section"),
            ("ftp://127.0.0.1/", "Invalid repository URL"),
        ],
    )
    def test_no_such_repository(
        self, index: UploadIndex, release: Release, name: str, reason: str
    ) -> None:
        repository = Repository(name=name, environ={}, pypirc=pypirc(release, index.url))
        with pytest.raises(UserError, match=reason):
            release.publish(index.url, repository=repository)

    def test_nothing_is_published_offline(self, index: UploadIndex, release: Release) -> None:
        offline = Index(IndexSettings(index_url=index.simple, offline=True), release.root / ".work")
        with pytest.raises(UserError, match="what the index says now"):
            release.publish(index.url, index=offline)


def everything(error: UserError) -> str:
    return f"{error.message} {error.hint} {error.detail}"


def pypirc(release: Release, url: str) -> Path:
    path = release.place.folder / "pypirc"
    path.write_text(
        "[distutils]\nindex-servers = house\n"
        f"[house]\nrepository = {url}\nusername = anna\npassword = {PASSWORD}\n"
    )
    return path


def test_a_section_of_pypirc(
    index: UploadIndex, release: Release, capfd: pytest.CaptureFixture[str]
) -> None:
    repository = Repository(name="house", environ={}, pypirc=pypirc(release, index.url))
    assert release.publish(index.url, repository=repository)
    assert capfd.readouterr() == ("", "")


ASKED = """
import sys
from pathlib import Path
from samebytes.release.upload import Repository
repository = Repository(name=sys.argv[1], environ={}, interactive=True)
for path in sys.argv[2:]:
    print(repository.send(Path(path)).value)
"""


def test_who_uploads_is_asked_on_the_terminal_once(index: UploadIndex, release: Release) -> None:
    """And not on standard output, nor is the password shown."""
    ours, theirs = pty.openpty()
    paths = [release.root / name for name in (WHEEL, SDIST)]
    with subprocess.Popen(
        [sys.executable, "-c", ASKED, index.url, *paths],
        stdin=theirs,
        stderr=theirs,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        text=True,
    ) as process:
        os.close(theirs)
        shown = b""
        for question, answer in ((b"username: ", b"anna"), (b"password: ", PASSWORD.encode())):
            while not shown.endswith(question):
                shown += os.read(ours, 100)
            os.write(ours, answer + b"\n")
        assert process.stdout is not None
        assert process.stdout.read() == "accepted\naccepted\n"
    os.close(ours)
    assert PASSWORD.encode() not in shown


def test_what_goes_to_the_public_index_is_looked_for_there() -> None:
    expected = {
        "https://upload.pypi.org/legacy/": "https://pypi.org/simple",
        "https://upload.pypi.org/legacy": "https://pypi.org/simple",
        "https://test.pypi.org/legacy/": "https://test.pypi.org/simple",
        "https://example.org/": None,
    }
    for url, index in expected.items():
        assert Repository(name=url, environ={}).listed_at == index


def test_killed_at_any_moment(folder: Path) -> None:
    """The next run finishes; nothing is lost, and nothing is uploaded twice."""
    kills, seed = 100, random.randrange(10**6)
    script = Path(__file__).with_name("killed.py")
    with running(folder / "index", PASSWORD) as index:
        index.fault(slow=0.001)
        arguments = [str(folder), index.url, str(kills), str(seed)]
        done = subprocess.run(
            [sys.executable, script, *arguments], capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"seed {seed}: {done.stderr}"
        result = json.loads(done.stdout)
        assert result["killed"] >= kills
        assert "broke off" in index.log, f"seed {seed}: not once within a file"
        for name, digest in result["published"].items():
            assert index.stored(name) == 1, f"seed {seed}: {name}"
            assert sha256((index.packages / name).read_bytes()).hexdigest() == digest
