"""What a release's folder says was done, and how far it is believed."""

from __future__ import annotations

import json
import os
import shlex
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from conftest import Command
from packaging.version import Version
from parties import SMALL, Party, party
from projects import git, repository
from released import Told

from samebytes.digest import Digest
from samebytes.errors import UserError
from samebytes.git import Git
from samebytes.process import Runner
from samebytes.release.folder import ReleaseFolder, open_release
from samebytes.release.prepare import STEPS
from samebytes.release.record import (
    OUTCOMES,
    RECORD,
    SIGNED_FOR,
    Record,
    StepRecord,
    checklist_digest,
)
from samebytes.release.seal import SEALS, Seal
from samebytes.release.steps import Result, Stage, Step, carry_out
from samebytes.release.target import public_uri, tagged_source

THEN = datetime(2026, 1, 2, tzinfo=UTC)
ONE = Digest.of(b"1")
BUILT = ("small-1.0.tar.gz", "small-1.0-py3-none-any.whl", "small-1.0.buildinfo.json")


def record(*steps: StepRecord) -> Record:
    return Record(
        name="small",
        version=Version("1.0"),
        tag="v1.0",
        commit="1" * 40,
        project=PurePosixPath("."),
        checkout="/nowhere",
        steps=steps,
    )


def step(name: str, *files: str, facts: tuple[str, ...] = ()) -> StepRecord:
    return StepRecord(
        id=name,
        inputs=ONE,
        finished=THEN,
        seconds=1,
        files=dict.fromkeys(files, ONE),
        facts=facts,
    )


class TestSeals:
    """Own is what this user has written, as it is; whatever else lies there is another's."""

    @pytest.fixture
    def seals(self, folder: Path) -> Path:
        return folder / "data" / SEALS

    @pytest.fixture
    def root(self, folder: Path, seals: Path) -> Path:
        with open_release(folder / "out", seals=seals, new=record()) as release:
            assert release.is_own
            release.rewrite(record(step("tag")))
        return folder / "out"

    def is_own(self, root: Path, seals: Path | None) -> bool:
        with open_release(root, seals=seals) as release:
            return release.is_own

    def test_what_one_has_written_is_ones_own(self, root: Path, seals: Path) -> None:
        assert self.is_own(root, seals)
        link = root.with_name("link")
        link.symlink_to(root)
        assert self.is_own(link, seals)

    def test_what_was_edited_is_not(self, root: Path, seals: Path) -> None:
        text = (root / RECORD).read_text()
        (root / RECORD).write_text(text + "\n")
        assert not self.is_own(root, seals)
        (root / RECORD).write_text(text)
        assert self.is_own(root, seals)

    def test_what_another_user_wrote_is_not(self, root: Path, folder: Path) -> None:
        assert not self.is_own(root, folder / "others")
        assert not self.is_own(root, None)

    def test_what_was_copied_from_elsewhere_is_not(self, root: Path, seals: Path) -> None:
        other = root.with_name("other")
        other.mkdir()
        (other / RECORD).write_bytes((root / RECORD).read_bytes())
        assert not self.is_own(other, seals)

    def test_what_it_was_before_is_not(self, root: Path, seals: Path) -> None:
        before = (root / RECORD).read_bytes()
        with open_release(root, seals=seals) as release:
            release.keep(step("tree"), {})
        (root / RECORD).write_bytes(before)
        assert not self.is_own(root, seals)

    def test_anothers_stays_anothers_until_it_is_begun_anew(self, root: Path, seals: Path) -> None:
        (root / RECORD).write_text(record(step("tree")).dump())
        with open_release(root, seals=seals) as release:
            release.keep(step("decision"), {})
            assert not release.is_own
        assert not self.is_own(root, seals)
        with open_release(root, seals=seals) as release:
            release.begin(record())
            release.keep(step("tag"), {})
        assert self.is_own(root, seals)

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"records": 1}', "[" * 10_000])
    def test_a_seal_that_is_damaged_is_none(self, root: Path, seals: Path, text: str) -> None:
        (path,) = seals.iterdir()
        path.write_text(text)
        assert not self.is_own(root, seals)

    @pytest.mark.parametrize("killed_before", ["first seal", "record", "last seal", "nothing"])
    @pytest.mark.parametrize("is_others", [False, True])
    def test_killed_while_it_writes(
        self,
        root: Path,
        seals: Path,
        killed_before: str,
        is_others: bool,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """The record is one's own at every moment; what was put there meanwhile is not."""
        place, left = os.replace, ["first seal", "record", "last seal"]
        places = {str(Seal(seals, root).path), str(root / RECORD)}

        def killed(source: str | Path, target: str | Path) -> None:
            if str(target) in places and left.pop(0) == killed_before:
                raise KeyboardInterrupt
            place(source, target)

        with monkeypatch.context() as patched, suppress(KeyboardInterrupt):
            patched.setattr(os, "replace", killed)
            with open_release(root, seals=seals) as release:
                if is_others:
                    (root / RECORD).write_text(record(step("index")).dump())
                release.keep(step("tree"), {})
        is_replaced = killed_before in ("last seal", "nothing")
        assert self.is_own(root, seals) == (is_replaced or not is_others)

    def test_where_no_seal_can_be_kept(self, folder: Path) -> None:
        (folder / "data").write_text("")
        with (
            pytest.raises(UserError, match="cannot be written"),
            open_release(folder / "out", seals=folder / "data" / SEALS, new=record()),
        ):
            raise AssertionError


def test_what_is_not_remembered_is_looked_at_each_time(folder: Path) -> None:
    runs = []

    def looked(name: str, *, remembered: bool) -> Step[None]:
        def run(_work: None) -> Result:
            runs.append(name)
            return Result(facts=(str(len(runs)),))

        return Step(name, name, Stage.PUBLICATION, lambda _: {}, run, remembered=remembered)

    steps = (looked("often", remembered=False), looked("once", remembered=True))
    with open_release(folder / "out", new=record()) as release:
        for _ in range(2):
            assert carry_out(steps, None, release, Told())
        assert runs == ["often", "once", "often"]
        often = release.record.step("often")
        assert often is not None
        assert often.facts == ("3",)


class TestChecklistDigest:
    def test_it_covers_all_steps_before_the_signature(self) -> None:
        assert tuple(step.id for step in STEPS[:-1]) == SIGNED_FOR
        assert STEPS[-1].id == "statement"

    def test_what_it_covers(self) -> None:
        first = record(step("tag"), step("build", *BUILT))
        tag, build = first.steps
        same = [
            record(step("build", *reversed(BUILT)), step("tag")),
            record(*first.steps, step("statement"), step("upload")),
            record(replace(tag, seconds=7, finished=THEN.replace(day=3)), build),
        ]
        assert {checklist_digest(each) for each in same} == {checklist_digest(first)}
        others = [
            record(build),
            record(*first.steps, step("tree")),
            record(step("tag", facts=("signed",)), build),
            record(step("tag", "more"), build),
            record(replace(tag, inputs=Digest.of(b"2")), build),
        ]
        assert len({checklist_digest(each) for each in (first, *others)}) == 1 + len(others)


Edit = Callable[[dict[str, Any]], object]


def edited_step(number: int, **values: object) -> Edit:
    def edit(document: dict[str, Any]) -> None:
        document["steps"][number] |= values

    return edit


HOSTILE: Mapping[str, Edit] = {
    "takes longer than a number can be": edited_step(0, milliseconds=10**400),
    "takes no time at all": edited_step(0, milliseconds=-1),
    "before all time": edited_step(0, finished="0001-01-01T00:00:00+14:00"),
    "after all time": edited_step(0, finished="9999-12-31T23:59:59-14:00"),
    "nothing was built": edited_step(1, files={}),
    "no recipe": edited_step(1, files=dict.fromkeys(BUILT[:2], str(ONE))),
    "two wheels": edited_step(1, files=dict.fromkeys((*BUILT, "b-1-py3-none-any.whl"), str(ONE))),
    "no checksum file": edited_step(2, files={}),
    "two checksum files": edited_step(2, files={"a": str(ONE), "b": str(ONE)}),
    "the record itself": edited_step(0, files={RECORD: str(ONE)}),
    "a file of two steps": edited_step(0, files={BUILT[0]: str(ONE)}),
    "a name that is too long": edited_step(0, files={"a" * 256: str(ONE)}),
    "a step that is there twice": lambda document: document["steps"].append(document["steps"][0]),
}


class TestHostileRecords:
    @pytest.fixture
    def root(self, folder: Path) -> Path:
        steps = step("tag"), step("build", *BUILT), step("checksums", "SHA256SUMS")
        with open_release(folder / "out", new=record(*steps)) as release:
            return release.root

    @pytest.mark.parametrize("name", HOSTILE)
    def test_it_is_told_what_is_wrong(self, root: Path, samebytes: Command, name: str) -> None:
        document = json.loads((root / RECORD).read_text())
        HOSTILE[name](document)
        (root / RECORD).write_text(json.dumps(document))
        done = samebytes.here("release", "status", root)
        assert done.status == 2, done.stdout
        assert "is not the record of a release" in done.stderr
        assert "steps[" in done.stderr

    @pytest.mark.parametrize("text", [b"\xff", b"[" * 100_000, b"1" * 10_000, b"{}", b"nothing"])
    def test_no_json(self, root: Path, samebytes: Command, text: bytes) -> None:
        (root / RECORD).write_bytes(text)
        done = samebytes.here("release", "status", root)
        assert done.status == 2
        assert "Unexpected" not in done.stderr

    @pytest.mark.parametrize("name", [".work", "statements"])
    @pytest.mark.parametrize("as_link", [True, False])
    def test_something_else_in_place_of_a_folder(
        self, root: Path, folder: Path, name: str, as_link: bool
    ) -> None:
        (folder / "mine").mkdir()
        (folder / "mine" / "dear.txt").write_text("")
        if as_link:
            (root / name).symlink_to(folder / "mine")
        else:
            (root / name).write_text("")
        with pytest.raises(UserError, match="is not a folder"), open_release(root):
            raise AssertionError
        assert (folder / "mine" / "dear.txt").exists()


class TestTags:
    @pytest.fixture
    def checkout(self, folder: Path) -> Path:
        root = repository(folder / "small", SMALL)
        git(root, "commit", "--quiet", "--allow-empty", "--message", "more")
        git(root, "tag", "--annotate", "--message", "1.0", "v1.0")
        return root

    @pytest.mark.parametrize(
        "name", ["v1.0^{/.}", "v1.0~1", "v1.0^", "v1.0@{0}", "v1.0^{}", "v1.0^{tree}", "../heads/x"]
    )
    def test_a_tag_is_a_name(self, checkout: Path, name: str) -> None:
        runner = Git(Runner(), os.environ)
        assert tagged_source(checkout, "v1.0", runner).commit == git(checkout, "rev-parse", "HEAD")
        with pytest.raises(UserError, match="There is no tag"):
            tagged_source(checkout, name, runner)

    def test_a_tag_of_no_commit(self, checkout: Path) -> None:
        git(checkout, "tag", "tree", "HEAD^{tree}")
        with pytest.raises(UserError, match="There is no tag"):
            tagged_source(checkout, "tree", Git(Runner(), os.environ))

    def test_what_is_in_a_commits_place_decides_nothing(self, checkout: Path) -> None:
        runner = Git(Runner(), os.environ)
        source = tagged_source(checkout, "v1.0", runner)
        place = source.checkout
        before = runner.committer_timestamp(place, source.commit)
        (checkout / "CHANGES.md").write_text("## 2.0\n")
        (checkout / "more.txt").write_text("")
        git(checkout, "add", ".")
        later = {"GIT_COMMITTER_DATE": "2030-01-01T00:00:00Z"}
        git(checkout, "commit", "--quiet", "--message", "other", env=later)
        git(checkout, "replace", source.commit, "HEAD")
        assert runner.committer_timestamp(place, source.commit) == before
        assert runner.show(place, source.commit, "CHANGES.md") == SMALL["CHANGES.md"]
        assert "more.txt" not in runner.files(place, source.commit)

    def test_what_is_no_checkout(self, folder: Path) -> None:
        with pytest.raises(UserError, match="is not in a git checkout") as caught:
            tagged_source(folder / "nothere", "v1.0", Git(Runner(), os.environ))
        assert "pypi:" not in caught.value.hint


@pytest.mark.parametrize(
    ("origin", "uri"),
    [
        ("", ""),
        ("/srv/secret/small.git", ""),
        ("../small", ""),
        ("./a:b", ""),
        ("file:///srv/secret/small.git", ""),
        ("ext::sh -c true", ""),
        ("https://[", ""),
        ("https:///small.git", ""),
        ("https://example.org/a/small.git", "git+https://example.org/a/small.git"),
        ("https://anna:pw@example.org:8443/small?t=1#x", "git+https://example.org:8443/small"),
        ("https://token@example.org/a b", "git+https://example.org/a%20b"),
        ("http://example.org/small", "git+http://example.org/small"),
        ("git://example.org/small", "git+git://example.org/small"),
        ("git@example.org:a/small.git", "git+ssh://git@example.org/a/small.git"),
        ("git@example.org:/a/small.git", "git+ssh://git@example.org/a/small.git"),
        ("example.org:~anna/small", "git+ssh://example.org/~anna/small"),
        ("ssh://git:pw@example.org:22/small", "git+ssh://git@example.org:22/small"),
    ],
)
def test_where_others_reach_the_repository(origin: str, uri: str) -> None:
    assert public_uri(origin) == uri


def test_what_is_no_index(samebytes: Command, folder: Path) -> None:
    repository(folder / "small", SMALL)
    git(folder / "small", "tag", "v1.0")
    done = samebytes.here(
        *("release", "prepare", folder / "small", "--rev", "v1.0", "--index-url", "foo")
    )
    assert done.status == 2
    assert "--index-url" in done.stderr
    assert "pip" not in done.stderr


@pytest.fixture(scope="module")
def begun(fast_folder: Path) -> Iterator[Party]:
    """Prepared once; nobody changes it."""
    with tempfile.TemporaryDirectory(prefix="test-", dir=fast_folder) as name:
        folder = Path(name)
        root = repository(folder / "small", SMALL)
        with party(root, folder, Command(fast_folder), tag="v1.0") as people:
            done = people.prepare("-q")
            assert done.status == 0, done.stderr
            yield people


@pytest.fixture
def prepared(begun: Party, folder: Path) -> Iterator[Party]:
    with begun.again(folder) as people:
        # As it was, with the index that it was prepared with.
        yield replace(people, index=begun.index)


def rewritten(people: Party, edit: Edit) -> None:
    """Edit the record as anybody with a text editor can."""
    path = people.out / RECORD
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))


def as_built(people: Party, name: str) -> Edit:
    """Have the record say that a file, as it is, was built."""

    def edit(document: dict[str, Any]) -> None:
        steps = {each["id"]: each for each in document["steps"]}
        steps["build"]["files"][name] = str(Digest.of_file(people.out / name))

    return edit


def uploaded(folder: ReleaseFolder) -> None:
    folder.keep(step("upload", facts=("sent",)), {})


@pytest.mark.slow
class TestPrepared:
    def test_nothing_is_done_again(self, prepared: Party) -> None:
        before = prepared.steps()
        done = prepared.prepare()
        assert done.status == 0
        assert "warning" not in done.stderr
        assert prepared.steps() == before

    def test_what_somebody_else_says_was_done_is_done_again(self, prepared: Party) -> None:
        wheel = prepared.out / BUILT[1]
        good = wheel.read_bytes()
        wheel.write_bytes(good + b"more")
        before = {each["id"]: each for each in prepared.steps()}
        rewritten(prepared, as_built(prepared, wheel.name))
        done = prepared.prepare()
        assert done.status == 0, done.stderr
        assert "somebody else" in done.stderr
        assert wheel.read_bytes() == good
        assert before.keys() == {each["id"] for each in prepared.steps()}
        assert all(each["finished"] > before[each["id"]]["finished"] for each in prepared.steps())
        assert prepared.prepare().stderr.count("warning") == 0

    def test_the_preparer_signs_for_all_that_was_found(self, prepared: Party) -> None:
        details = prepared.statement("provenance")["predicate"]["runDetails"]
        digests = {each["name"]: each["digest"]["sha256"] for each in details["byproducts"]}
        assert digests[OUTCOMES] == str(checklist_digest(Record.read(prepared.out / RECORD)))
        assert {BUILT[2], "SHA256SUMS"} < digests.keys()

    def test_a_recipe_of_other_files_is_not_signed(self, prepared: Party) -> None:
        """Not even one that is the user's own: whatever went wrong, it did before the signature."""
        path = prepared.out / BUILT[2]
        info = json.loads(path.read_text())
        info["artifacts"][0]["sha256"] = "0" * 64
        path.write_text(json.dumps(info))
        rewritten(prepared, as_built(prepared, path.name))
        prepared.anna.seal(prepared.out)
        done = prepared.prepare()
        assert done.status == 2
        assert "is not the recipe" in done.stderr

    def test_what_was_published_stays(self, prepared: Party) -> None:
        seals = prepared.anna.data / "samebytes" / SEALS
        with open_release(prepared.out, seals=seals) as release:
            uploaded(release)
        files = {path: path.read_bytes() for path in prepared.out.iterdir() if path.is_file()}
        assert prepared.prepare().status == 0
        refusals: tuple[tuple[str | Path, ...], ...] = (
            ("-C", "x=y"),
            ("--key", f"file:{prepared.ci.path}"),
            ("--index-url", "https://index.example.org/simple"),
        )
        for arguments in refusals:
            done = prepared.prepare(*arguments)
            assert done.status == 2, arguments
            assert "release another version" in done.stderr
            assert all(path.read_bytes() == data for path, data in files.items())
        rewritten(prepared, lambda document: document["arguments"].append("more"))
        done = prepared.prepare()
        assert done.status == 2
        assert "somebody else" in done.stderr

    def test_the_next_command_works_from_anywhere_and_has_no_password(
        self, prepared: Party
    ) -> None:
        address = prepared.index.simple.replace("://", "://anna:secret@")
        key = prepared.ci.path.relative_to(prepared.ci.path.parent)
        kept = prepared.folder / key
        kept.write_bytes(prepared.ci.path.read_bytes())
        kept.chmod(0o600)
        rules = prepared.folder / "kit" / "release.toml"
        rules.parent.mkdir()
        rules.write_text('version = 1\nproject = "small"\ntag = "v{version}"\n')
        done = prepared.prepare(
            *("--key", f"file:{key}", "--index-url", address, "--kit", rules.parent)
        )
        assert done.status == 0, done.stderr
        text = (prepared.out / RECORD).read_text()
        assert "secret" not in text
        assert json.loads(text)["kit"] == str(rules.parent)
        arguments = json.loads(text)["arguments"]
        named = dict(zip(arguments[::2], arguments[1::2], strict=True))
        assert named == {
            "--key": f"file:{kept}",
            "--trusted-keys": str(prepared.keys),
            "--index-url": prepared.index.simple,
        }

    def test_with_keys_it_is_said_who_may_confirm(self, prepared: Party) -> None:
        shown = prepared.prepare().stdout
        assert "Without the keys that are trusted" not in shown
        assert "bert" in shown
        (command,) = (line for line in shown.splitlines() if "release publish" in line)
        words = shlex.split(command)
        assert words[words.index("--threshold") + 1] == "2"
