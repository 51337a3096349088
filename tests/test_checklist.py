"""What is shown of a release, at any moment of its life."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Command, Result
from packaging.version import Version
from released import STEPS, THEN, Place, Release, step
from upload_index import UploadIndex, running

from samebytes.compare.model import Verdict
from samebytes.digest import Digest
from samebytes.release.checklist import (
    WHAT_TO_DO,
    Checklist,
    Item,
    Part,
    Progress,
    State,
    checklist,
)
from samebytes.release.commands import Demand, quoted
from samebytes.release.prepare import TITLES
from samebytes.release.record import RECORD
from samebytes.report.release import release_document, release_markdown, release_page


@pytest.fixture
def release(folder: Path) -> Release:
    return Place(folder).release()


@pytest.fixture
def index(folder: Path) -> Iterator[UploadIndex]:
    with running(folder / "index") as server:
        yield server


def found(release: Release, threshold: int = 2, *, trusted: bool = True) -> Checklist:
    place = release.place
    demand = Demand(
        keyring=place.keyring(), threshold=threshold, folder=place.trusted, repository="pypi"
    )
    return checklist(release.root, release.record, STEPS, demand if trusted else None)


def states(items: tuple[Item, ...]) -> list[tuple[str, State]]:
    return [(item.title, item.state) for item in items]


def commands(checklist: Checklist) -> list[list[str]]:
    return [shlex.split(each.command) for each in checklist.next if each.command]


def test_what_is_not_prepared_comes_first(release: Release) -> None:
    shown = checklist(release.root, release.record, (*STEPS, ("check", "built again")))
    assert shown.progress is Progress.PREPARING
    assert states(shown.of(Part.PREPARE)) == [
        ("built", State.DONE),
        ("the provenance is signed", State.DONE),
        ("built again", State.OPEN),
    ]
    checkout = str(release.place.checkout)
    assert commands(shown) == [
        ["samebytes", "release", "prepare", checkout, "--rev", "1.0", "-o", str(release.root)]
    ]


def test_a_step_that_failed(release: Release) -> None:
    record = release.record.with_step(step("build", {}, ("it does not build",)))
    shown = checklist(release.root, record, STEPS)
    assert shown.items[0].state is State.FAILED
    assert shown.items[0].details == ("it does not build",)
    assert shown.progress is Progress.PREPARING


def test_a_file_that_was_altered(release: Release) -> None:
    (release.root / release.names[0]).write_bytes(b"other")
    shown = found(release)
    assert shown.items[0].state is State.FAILED
    assert shown.items[0].details == (f"{release.names[0]} is not as it was written",)
    (release.root / release.names[0]).unlink()
    assert found(release).items[0].state is State.FAILED


def test_a_file_on_its_way_to_its_place(release: Release) -> None:
    """Another run wrote the record, and has not moved the file yet."""
    ready = release.root / ".work/ready"
    ready.mkdir(parents=True)
    (release.root / release.names[0]).rename(ready / release.names[0])
    assert found(release).items[0].state is State.DONE


def test_it_waits_for_those_who_may_still_confirm(release: Release) -> None:
    shown = found(release)
    assert shown.progress is Progress.WAITING
    assert states(shown.of(Part.CONFIRM)) == [
        ("anna has prepared it", State.DONE),
        ("1 more must confirm it: 1 of 2 have", State.WAITING),
    ]
    assert shown.of(Part.CONFIRM)[1].details == ("may still: bert, carla",)
    assert [each.text for each in shown.next] == [
        "bert or carla, in a clone of their own:",
        "Then:",
    ]
    root, keys = str(release.root), str(release.place.trusted)
    confirm, publish = commands(shown)
    assert confirm == ["samebytes", "release", "confirm", root, "--source", ".", "--rev", "1.0"]
    assert publish == [
        *("samebytes", "release", "publish", root, "--threshold", "2", "--trusted-keys", keys),
        *("--repository", "pypi"),
    ]


def test_more_are_asked_for_than_there_are(release: Release) -> None:
    assert found(release, 4).of(Part.CONFIRM)[1].details == (
        "may still: bert, carla",
        "these are not enough: trust the keys of more people",
    )
    release.confirm("bert").confirm("carla")
    assert found(release, 4).of(Part.CONFIRM)[-1].details == (
        "nobody else can: trust the keys of more people",
    )


def test_it_is_confirmed(release: Release) -> None:
    shown = found(release.confirm("bert"))
    assert shown.progress is Progress.READY
    assert [each.text for each in shown.next] == ["Publish it:"]
    assert shown.of(Part.PUBLISH)[0].state is State.DONE


def test_somebody_says_no(release: Release) -> None:
    release.confirm("bert").confirm("carla", Verdict.DIFFERENT, "other code")
    shown = found(release)
    assert shown.progress is Progress.REFUSED
    assert ("carla says no", State.FAILED) in states(shown.of(Part.CONFIRM))
    assert any("other code" in item.details for item in shown.items)
    assert not commands(shown)
    assert "find out why" in shown.next[0].text


def test_what_does_not_count_says_why(release: Release) -> None:
    (release.place.trusted / "anna.pub").unlink()
    shown = found(release)
    voice, missing = shown.of(Part.CONFIRM)
    assert (voice.state, missing.state) == (State.IGNORED, State.WAITING)
    assert voice.title == "Somebody without a trusted key said what does not count"
    assert "is not a trusted key" in voice.details[0]
    assert voice.details[-1].endswith(".json")
    assert shown.progress is Progress.WAITING


def test_what_cannot_be_understood_blocks(release: Release) -> None:
    (release.root / "statements/noise.json").write_text("[")
    shown = found(release.confirm("bert"))
    voice = next(item for item in shown.of(Part.CONFIRM) if item.id == "noise.json")
    assert voice.state is State.FAILED
    assert voice.title == "Somebody said what cannot be understood, and might be a no"
    assert shown.progress is Progress.REFUSED
    assert "remove it, or have it signed again" in shown.of(Part.PUBLISH)[0].details[0]
    assert commands(shown)[0][2] == "publish"


def test_a_record_of_another_version(release: Release) -> None:
    """Its files are no files of it, whoever has signed for them."""
    other = replace(release.confirm("bert").record, version=Version("2.0"))
    demand = Demand(keyring=release.place.keyring(), threshold=2, folder=release.place.trusted)
    shown = checklist(release.root, other, STEPS, demand)
    assert shown.progress is Progress.REFUSED
    name = release.names[0]
    assert f"{name} is no file of small 2.0." in shown.of(Part.PUBLISH)[0].details


class TestVouching:
    """What was done is what the preparer has signed."""

    def test_another_record(self, release: Release) -> None:
        record = release.confirm("bert").record
        build = record.step("build")
        assert build is not None
        release.write(record.with_step(replace(build, facts=("all is well",))))
        shown = found(release)
        assert shown.progress is Progress.REFUSED
        (problem,) = shown.of(Part.PUBLISH)[0].details
        assert problem.startswith("release.json is not what anna signed: ")

    def test_no_digest_of_the_steps(self, folder: Path) -> None:
        place = Place(folder)
        release = place.release(preparer="carla").confirm("bert")
        (statement,) = (release.root / "statements").glob("provenance.*")
        statement.unlink()
        release.vouch(release.record, "anna", other=Digest.of(b""))
        (problem,) = found(release).of(Part.PUBLISH)[0].details
        assert problem.startswith("anna signed how it was built, but not what else was done")

    def test_nobody_who_is_trusted(self, release: Release) -> None:
        (release.place.trusted / "anna.pub").unlink()
        assert found(release.confirm("bert")).progress is Progress.WAITING
        shown = found(release.confirm("carla"))
        assert shown.progress is Progress.REFUSED
        (problem,) = shown.of(Part.PUBLISH)[0].details
        assert problem.startswith("Nobody who is trusted has signed how it was prepared")

    def test_it_is_enough_if_one_of_two_preparers_does(self, release: Release) -> None:
        release.confirm("bert")
        release.vouch(release.record, "carla", other=Digest.of(b""))
        assert found(release).progress is Progress.READY


def test_without_keys_nobody_is_believed(release: Release) -> None:
    shown = found(release.confirm("bert"), trusted=False)
    assert shown.decision is None
    assert shown.progress is Progress.WAITING
    (item,) = shown.of(Part.CONFIRM)
    assert item.state is State.WAITING
    assert len(item.details) == 2
    assert commands(shown)[1][-6:] == [
        *("--threshold", "N", "--trusted-keys", "FOLDER", "--repository", "NAME")
    ]


def test_statements_that_cannot_be_read(release: Release) -> None:
    (release.root / "statements/x.json").mkdir()
    (item,) = found(release, trusted=False).of(Part.CONFIRM)
    assert item.state is State.FAILED
    assert item.details[1] == "not checked: x.json (it cannot be read: it is no regular file)"


def test_what_another_run_is_writing_is_passed_over(release: Release) -> None:
    (release.root / "statements/.confirmation.1.json.part").write_text("{")
    (release.root / "statements/.half.json").write_text("{")
    assert len(found(release).of(Part.CONFIRM)) == 2


class TestPublication:
    def test_it_is_published(self, release: Release, index: UploadIndex) -> None:
        assert release.confirm("bert").publish(index.url)
        for shown in (found(release), found(release, trusted=False)):
            assert shown.progress is Progress.PUBLISHED
            assert shown.next == ()
            assert {item.state for item in shown.of(Part.PUBLISH)} == {State.DONE}

    def test_it_is_half_way(self, release: Release, index: UploadIndex) -> None:
        index.fault(lag=1000)
        assert not release.confirm("bert").publish(index.url, wait=0.0)
        shown = found(release)
        assert shown.progress is Progress.REFUSED
        assert [item.state for item in shown.of(Part.PUBLISH)] == [
            *(State.DONE, State.DONE, State.DONE, State.FAILED)
        ]
        assert commands(shown)[0][2] == "publish"
        steps = release.record.steps[:-1]
        shown = checklist(release.root, replace(release.record, steps=steps), STEPS)
        assert shown.progress is Progress.PUBLISHING
        assert commands(shown)[0][2] == "publish"

    def test_an_alarm_stands_out(self, release: Release, index: UploadIndex) -> None:
        (index.packages / release.names[0]).write_bytes(b"other")
        assert not release.confirm("bert").publish(index.url)
        shown = found(release)
        assert shown.progress is Progress.REFUSED
        assert shown.of(Part.PUBLISH)[2].state is State.FAILED
        assert shown.of(Part.PUBLISH)[2].details[0].startswith("ALARM: ")

        assert [each.text for each in shown.next] == [WHAT_TO_DO]

    @pytest.mark.parametrize("year", [1971, 2100])
    def test_what_was_built_anew_is_not_published(
        self, release: Release, index: UploadIndex, year: int
    ) -> None:
        """Whatever the clocks say."""
        assert release.confirm("bert").publish(index.url)
        build = release.record.step("build")
        assert build is not None
        files = {**build.files, release.names[0]: Digest.of(b"")}
        later = replace(build, finished=THEN.replace(year=year), files=files)
        shown = checklist(release.root, release.record.with_step(later), STEPS)
        assert {item.state for item in shown.of(Part.PUBLISH)} == {State.OPEN}
        same = replace(build, finished=THEN.replace(year=year))
        shown = checklist(release.root, release.record.with_step(same), STEPS)
        assert {item.state for item in shown.of(Part.PUBLISH)} == {State.DONE}

    def test_a_decision_that_came_early(self, release: Release, index: UploadIndex) -> None:
        """Without keys, the record of it is all that there is."""
        assert not release.publish(index.url)
        for shown in (found(release), found(release, trusted=False)):
            assert shown.progress is Progress.WAITING
            assert State.FAILED not in {item.state for item in shown.items}
        assert not release.confirm("carla", Verdict.DIFFERENT).publish(index.url)
        assert found(release, trusted=False).progress is Progress.REFUSED

    def test_what_is_published_is_not_by_a_higher_demand(
        self, release: Release, index: UploadIndex
    ) -> None:
        assert release.confirm("bert").publish(index.url)
        assert found(release, 3).progress is Progress.WAITING


class TestCommands:
    """As typed: what is printed, and how it ends."""

    @pytest.fixture
    def complete(self, release: Release) -> Release:
        """With all steps of prepare on record."""
        (release.root / "SHA256SUMS").write_text("")
        sums = {"SHA256SUMS": Digest.of(b"")}
        record = release.record
        for name, _ in TITLES:
            if record.step(name) is None:
                record = record.with_step(step(name, sums if name == "checksums" else {}))
        shutil.rmtree(release.root / "statements")
        return release.vouch(record, "anna")

    def publish(
        self, samebytes: Command, release: Release, index: UploadIndex, *options: str
    ) -> Result:
        environ = {
            "TWINE_USERNAME": "anna",
            "TWINE_PASSWORD": "secret",
            "XDG_DATA_HOME": str(release.place.folder / "data"),
        }
        named = ("--repository", index.url.replace("//", "//anna:hidden@"))
        return samebytes(
            *("release", "publish", release.root, "--trusted-keys", release.place.trusted),
            *("--threshold", "2", *named, "--index-url", index.simple, *options),
            cwd=release.place.checkout,
            env=environ,
        )

    @pytest.mark.slow
    def test_refused_and_published(
        self, samebytes: Command, complete: Release, index: UploadIndex
    ) -> None:
        options = ("--wait", "9", "--json", "-")
        early = self.publish(samebytes, complete, index, *options)
        assert early.status == 1
        document = json.loads(early.stdout)
        assert document["status"] == "waiting"
        command = document["next"][1]["command"]
        assert command.endswith(f" --repository {index.url} --index-url {index.simple} --wait 9")
        assert "hidden" not in early.stdout + early.stderr
        shown = samebytes("release", "status", complete.root)
        assert (shown.status, "failed" in shown.stdout) == (0, False)
        complete.confirm("bert")
        done = self.publish(samebytes, complete, index)
        assert done.status == 0, done.stdout + done.stderr
        assert "small 1.0: published" in done.stdout
        complete.confirm("carla", Verdict.DIFFERENT)
        refused = self.publish(samebytes, complete, index)
        assert refused.status == 1
        assert "small 1.0: stopped" in refused.stdout
        assert index.posts() == 2

    def test_an_address(self, samebytes: Command) -> None:
        shown = samebytes.here("release", "status", "https://anna:secret@example.org/out")
        assert shown.status == 2
        assert "https://example.org/out is an address: what is shown is a folder" in shown.stderr

    def test_a_threshold_of_nobody(self, samebytes: Command, release: Release) -> None:
        status = ("release", "status", release.root)
        shown = samebytes.here(*status, "--threshold", "2", "--json", "-")
        assert "no effect without --trusted-keys" in shown.stderr
        assert len(json.loads(shown.stdout)["warnings"]) == 1
        for options in ((), ("--threshold", "2", "--trusted-keys", release.place.trusted)):
            assert "no effect" not in samebytes.here(*status, *options).stderr


def test_nothing_is_written(release: Release) -> None:
    """Also where nothing can be."""
    before = {path: path.stat().st_mtime_ns for path in release.root.rglob("*")}
    release.root.chmod(0o555)
    try:
        found(release)
    finally:
        release.root.chmod(0o755)
    assert {path: path.stat().st_mtime_ns for path in release.root.rglob("*")} == before
    assert (release.root / RECORD).is_file()


@pytest.mark.parametrize("word", ["a b", "it's", "-x", "$(id)", "a\nb", "\x1b[31m", "\u202e", "ä"])
def test_commands_can_be_copied(word: str) -> None:
    assert quoted(word).isprintable()
    shell = ["bash", "-c", f"printf %s {quoted(word)}" if word != "-x" else "printf %s -x"]
    done = subprocess.run(shell, capture_output=True, check=True)
    assert done.stdout == os.fsencode(word)


def test_what_was_given_is_given_again(release: Release) -> None:
    """But for passwords."""
    demand = Demand(
        keyring=release.place.keyring(),
        threshold=2,
        folder=Path("keys"),
        repository="https://anna:secret@index.example.org/up",
        index_url="https://anna:secret@index.example.org/simple",
        source=Path("-clone"),
        wait=7,
    )
    shown = checklist(release.root, release.record, STEPS, demand)
    command = commands(shown)[-1]
    assert command[command.index("--repository") :] == [
        *("--repository", "https://index.example.org/up"),
        *("--index-url", "https://index.example.org/simple"),
        *("--source", "./-clone", "--wait", "7"),
    ]
    page, text = release_page(shown), release_markdown(shown)
    assert "secret" not in f"{page}{text}{json.dumps(release_document(shown, []))}"


def test_a_folder_that_looks_like_an_option(release: Release) -> None:
    shown = checklist(Path("-o ut"), release.record, ())
    assert "confirm './-o ut' --source" in shown.next[0].command
