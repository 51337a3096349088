"""What a confirmer signs: only what was found here, whatever the release says of itself."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from keys import KeyFile
from parties import Party, prepared_party
from projects import commit, git
from rich.console import Console
from test_documents import validate
from test_statement import make_confirmation, make_provenance

from samebytes.cli.console import Terminal
from samebytes.compare.model import Verdict
from samebytes.errors import UserError
from samebytes.index.download import Downloader
from samebytes.index.settings import IndexSettings, Limits
from samebytes.release.offer import Offer, read_offer
from samebytes.release.record import RECORD
from samebytes.release.statements import (
    add_statement,
    claims_of,
    replace_statement,
    write_statement,
)

pytestmark = pytest.mark.slow

SDIST, WHEEL = "small-1.0.tar.gz", "small-1.0-py3-none-any.whl"
BUILDINFO = "small-1.0.buildinfo.json"

Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def begun(fast_folder: Path) -> Iterator[Party]:
    """Prepared once; nobody changes it."""
    with prepared_party(fast_folder) as people:
        yield people


@pytest.fixture
def prepared(begun: Party, folder: Path) -> Party:
    """The same people, with a copy of the release and clones that may be changed."""
    (folder / "data").mkdir()
    for name in ("small", "bert", "ci", "keys", "out"):
        shutil.copytree(begun.folder / name, folder / name)
    shutil.copy(begun.ci.path, folder)
    return replace(
        begun,
        folder=folder,
        out=folder / "out",
        keys=folder / "keys",
        anna=replace(begun.anna, clone=folder / "small"),
        bert=replace(begun.bert, clone=folder / "bert"),
        ci=replace(begun.ci, path=folder / begun.ci.path.name),
    )


def edit(path: Path, change: Change) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def another_name(record: dict[str, Any]) -> None:
    record.update(name="django", release="6.0")


def confirmations(people: Party) -> list[Path]:
    return sorted((people.out / "statements").glob("confirmation.*"))


def tag_in(clone: Path, *options: str) -> str:
    """Commit what was changed, and move the tag there."""
    found = commit(clone)
    git(clone, "tag", "--force", *(options or ("--annotate", "--message", "1.0")), "v1.0")
    return found


class TestWhatIsSignedFor:
    def test_the_name_is_that_of_what_was_built(self, prepared: Party) -> None:
        edit(prepared.out / RECORD, another_name)
        done = prepared.confirm_in_ci("--json", "-")
        assert done.status == 1, done.stderr
        document = json.loads(done.stdout)
        validate(document, "confirmation-1.json")
        assert document["differences"] == [
            "The record says django 6.0; built here, it is small 1.0."
        ]
        predicate = prepared.statement("confirmation")["predicate"]
        assert predicate["resourceUri"] == "pkg:pypi/small@1.0"
        assert predicate["verificationResult"] == "FAILED"
        assert "inputAttestations" not in predicate

    def test_where_nothing_is_built_that_of_the_files(self, prepared: Party) -> None:
        (prepared.bert.clone / "small/__init__.py").write_text("VALUE = 2\n")
        tag_in(prepared.bert.clone)
        edit(prepared.out / RECORD, another_name)
        done = prepared.confirm(by=prepared.bert)
        assert done.status == 1
        for text in ("nothing was built", "is the commit", "it is small 1.0"):
            assert text in done.stdout
        predicate = prepared.statement("confirmation")["predicate"]
        assert predicate["resourceUri"] == "pkg:pypi/small@1.0"

    def test_what_the_preparer_chose_is_agreed_to_or_not_signed(self, prepared: Party) -> None:
        def chosen(document: dict[str, Any]) -> None:
            recipe = document["recipe"]
            recipe["config_settings"] = {"evil": ["yes", "no"]}
            recipe["as_of"] = "2026-01-02T00:00:00+00:00"

        agreed = (
            *("--config-setting=evil=yes", "--config-setting=evil=no"),
            "--as-of=2026-01-02T00:00:00+00:00",
        )
        edit(prepared.out / BUILDINFO, chosen)
        for said in ((), agreed[:2], agreed[2:], (*agreed[:2], "--as-of=2026-01-03")):
            done = prepared.confirm_in_ci(*said)
            assert done.status == 2
            assert "Nothing was signed" in done.stderr
            assert "If you agree, say the same: " + " ".join(agreed) in done.stderr
        assert not confirmations(prepared)
        assert prepared.confirm_in_ci(*agreed).status == 0
        recipe = prepared.statement("confirmation")["predicate"]["samebytes_recipe"]
        assert recipe["config_settings"] == {"evil": ["yes", "no"]}
        assert recipe["as_of"] == "2026-01-02T00:00:00+00:00"

    def test_what_the_preparer_did_not_choose_either(self, prepared: Party) -> None:
        done = prepared.confirm_in_ci("-C", "x=1")
        assert done.status == 2
        assert "built with no option" in done.stderr

    def test_what_nobody_can_agree_to(self, prepared: Party) -> None:
        def chosen(document: dict[str, Any]) -> None:
            document["recipe"]["config_settings"] = {"\ud800": ["\x1b[2J"]}
            document["recipe"]["as_of"] = "0001-01-01T00:00:00+14:00"

        edit(prepared.out / BUILDINFO, chosen)
        done = prepared.confirm_in_ci("--json", "-")
        assert done.status == 2
        assert "\x1b[2J" not in done.stderr
        validate(json.loads(done.stdout), "confirmation-1.json")

    def test_recorded_requirements_are_pointed_out(self, prepared: Party) -> None:
        done = prepared.confirm_in_ci("--recorded-requirements")
        assert done.status == 0, done.stderr
        assert "were not resolved here: none." in done.stderr
        recipe = prepared.statement("confirmation")["predicate"]["samebytes_recipe"]
        assert recipe["as_of"] is None


class TestNo:
    def test_what_cannot_be_read_is_a_no_which_stands(self, prepared: Party) -> None:
        good = (prepared.out / WHEEL).read_bytes()
        (prepared.out / WHEEL).write_bytes(b"garbage")
        done = prepared.confirm_in_ci("--json", "-")
        assert done.status == 1, done.stderr
        document = json.loads(done.stdout)
        validate(document, "confirmation-1.json")
        assert document["verdict"] == "different"
        assert any(line.startswith(f"{WHEEL}: different: ") for line in document["differences"])
        (no,) = confirmations(prepared)
        signed = no.read_bytes()
        (prepared.out / WHEEL).write_bytes(good)
        again = prepared.confirm_in_ci()
        assert again.status == 0
        assert f"{no.name} is an earlier no of this key: it stands until" in again.stderr
        assert confirmations(prepared) == sorted([no, no.with_suffix(".2.json")])
        assert no.read_bytes() == signed

    def test_two_wheels_that_are_not_the_same(self, prepared: Party) -> None:
        clone = prepared.bert.clone
        backend = (clone / "backend.py").read_text()
        other = 'METADATA.encode() + (b"" if os.path.exists("PKG-INFO") else b"Other.")'
        text = backend.replace('/METADATA": METADATA.encode()', f'/METADATA": {other}')
        assert text != backend
        (clone / "backend.py").write_text(text)
        found = tag_in(clone)
        edit(prepared.out / RECORD, lambda record: record.update(commit=found))
        done = prepared.confirm(by=prepared.bert)
        assert done.status == 1, done.stderr
        assert "Built here, the two wheels are not the same: The build gives other" in done.stdout
        predicate = prepared.statement("confirmation")["predicate"]
        assert predicate["samebytes_recipe"]["source"]["commit"] == found
        assert f"{SDIST}: different" in predicate["samebytes_differences"]


class TestTag:
    def test_is_signed_by_whom_one_trusts(self, prepared: Party) -> None:
        done = prepared.confirm_in_ci("--trusted-keys", prepared.keys)
        assert done.status == 0, done.stderr
        assert "signed by anna" in done.stderr
        assert "was not looked at" not in done.stderr

    def test_nobody_looks_unless_asked_to(self, prepared: Party) -> None:
        done = prepared.confirm_in_ci()
        assert done.status == 0
        assert "Who signed the tag v1.0 was not looked at: --trusted-keys" in done.stderr

    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            ((), "The tag's signature is not good"),
            (("--annotate", "--message", "1.0"), "The tag is not signed"),
            (("--no-sign",), "lightweight tag"),
        ],
        ids=["another", "unsigned", "lightweight"],
    )
    def test_else_it_is_a_no_and_nothing_is_run(
        self, prepared: Party, options: tuple[str, ...], reason: str
    ) -> None:
        if options:
            git(prepared.bert.clone, "tag", "--force", *options, "v1.0", "v1.0^{commit}")
        else:
            (prepared.keys / "anna.asc").unlink()
        done = prepared.confirm("--trusted-keys", prepared.keys, by=prepared.bert)
        assert done.status == 1, done.stderr
        assert "not confirmed: nothing was built" in done.stdout
        assert reason in done.stdout
        predicate = prepared.statement("confirmation")["predicate"]
        assert predicate["verificationResult"] == "FAILED"


class TestStatements:
    """Never in place of another, and never through a link."""

    def test_each_has_a_file_of_its_own(self, folder: Path) -> None:
        written = [write_statement(folder, "x.json", text) for text in ("1", "2", "3", "2")]
        assert [path.name for path in written] == ["x.json", "x.2.json", "x.3.json", "x.2.json"]
        assert [path.read_text() for path in written] == ["1", "2", "3", "2"]
        assert len(list((folder / "statements").iterdir())) == 3
        assert written[0].stat().st_mode & 0o777 == 0o644

    def test_what_is_no_file_is_taken(self, folder: Path) -> None:
        (folder / "x.json").symlink_to("elsewhere")
        os.mkfifo(folder / "x.2.json")
        assert add_statement(folder, "x.json", "1") == folder / "x.3.json"
        assert not (folder / "elsewhere").exists()

    def test_a_folder_that_is_a_link(self, prepared: Party) -> None:
        shutil.rmtree(prepared.out / "statements")
        (prepared.folder / "mine").mkdir()
        (prepared.out / "statements").symlink_to(prepared.folder / "mine")
        with pytest.raises(UserError, match="it is a link"):
            write_statement(prepared.out, "x.json", "1")
        done = prepared.confirm_in_ci()
        assert done.status == 2
        assert "could not be written" in done.stderr
        assert not list((prepared.folder / "mine").iterdir())

    def test_nothing_else_is_replaced(self, prepared: Party) -> None:
        before = (prepared.out / RECORD).read_bytes()
        done = prepared.confirm_in_ci("-o", prepared.out / RECORD)
        assert done.status == 2
        assert "is no yes of this key: it is not replaced" in done.stderr
        assert (prepared.out / RECORD).read_bytes() == before

    def test_only_a_yes_of_the_same_key_is_replaced(self, folder: Path) -> None:
        one, two = (KeyFile(folder / f"{name}.pem").write().signer for name in ("one", "two"))
        yes, no = make_confirmation(), make_confirmation(Verdict.DIFFERENT)
        path = folder / "mine.json"
        for statement in (yes, no):
            replace_statement(path, one.sign(statement), one.keyid)
            ((_, claim),) = claims_of(one.keyid, folder, "mine.json")
            assert claim.is_yes == (statement is yes)
            with pytest.raises(UserError, match="is not replaced"):
                replace_statement(path, two.sign(yes), two.keyid)
        for text in (one.sign(no), one.sign(make_provenance())):
            path.write_text(text)
            with pytest.raises(UserError, match="is not replaced"):
                replace_statement(path, one.sign(yes), one.keyid)
            assert path.read_text() == text

    def test_what_a_key_has_said(self, folder: Path) -> None:
        one, two = (KeyFile(folder / f"{name}.pem").write().signer for name in ("one", "two"))
        said = make_confirmation(Verdict.DIFFERENT)
        (folder / "0.json").write_text("{}")
        (folder / "1.json").write_text(one.sign(said))
        (folder / "2.json").write_text(two.sign(said))
        ((path, claim),) = claims_of(two.keyid, folder)
        assert (path.name, claim.is_yes) == ("2.json", False)


DOWNLOADER = Downloader(
    settings=IndexSettings(limits=Limits(tries=1, deadline=20), timeout=10),
    progress=lambda _received, _total: None,
    notice=lambda _text: None,
)


@contextmanager
def served(root: Path, before: Callable[[str], object] = lambda _: None) -> Iterator[str]:
    """A folder on a web server; ``before`` each file that it sends, something may happen."""

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(root))

        def do_GET(self) -> None:
            before(self.path)
            super().do_GET()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


@pytest.fixture
def shelf(folder: Path) -> Path:
    (folder / "shelf").mkdir()
    return folder / "shelf"


def is_whole(offer: Offer) -> bool:
    """Whether these are the artifacts, and nothing but them."""
    return not offer.altered and sorted(offer.files) == [WHEEL, SDIST]


class TestOffer:
    def test_waits_for_who_writes(self, prepared: Party, shelf: Path) -> None:
        waited = []
        handle = os.open(prepared.out, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX)

        def waiting() -> None:
            waited.append(1)
            os.close(handle)

        assert is_whole(read_offer(str(prepared.out), shelf, DOWNLOADER, waiting))
        assert waited == [1]

    @pytest.mark.parametrize("left", [True, False], ids=["older", "none"])
    def test_after_a_power_cut(self, prepared: Party, shelf: Path, left: bool) -> None:
        """What was recorded is on its way; in its place may lie what was there before."""
        ready = prepared.out / ".work/ready"
        ready.mkdir(parents=True)
        for name in (SDIST, WHEEL, BUILDINFO):
            (prepared.out / name).rename(ready / name)
            if left:
                (prepared.out / name).write_bytes(b"older")
        assert is_whole(read_offer(str(prepared.out), shelf, DOWNLOADER))

    def test_what_lies_there_for_no_reason_does_not_matter(
        self, prepared: Party, shelf: Path
    ) -> None:
        ready = prepared.out / ".work/ready"
        ready.mkdir(parents=True)
        (ready / WHEEL).write_bytes(b"other")
        assert is_whole(read_offer(str(prepared.out), shelf, DOWNLOADER))

    def test_changed_while_it_was_read(self, prepared: Party, shelf: Path) -> None:
        def change(path: str) -> None:
            if path.endswith(".whl"):
                edit(prepared.out / RECORD, another_name)

        with served(prepared.out, change) as url, pytest.raises(UserError, match="changed while"):
            read_offer(url, shelf, DOWNLOADER)

    @pytest.mark.parametrize("name", [WHEEL, BUILDINFO, RECORD])
    @pytest.mark.parametrize("is_served", [True, False], ids=["server", "folder"])
    def test_too_large(self, prepared: Party, shelf: Path, name: str, is_served: bool) -> None:
        os.truncate(prepared.out / name, 128 * 1024**2)
        with served(prepared.out) as url, pytest.raises(UserError, match=r"larger than the [\d,]+"):
            read_offer(url if is_served else str(prepared.out), shelf, DOWNLOADER)
        assert sum(path.stat().st_size for path in shelf.iterdir()) < 1024**2

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (lambda info: info["artifacts"].pop(), "of which its buildinfo says nothing"),
            (lambda info: info["artifacts"][0].update(size=5 * 1024**3), "more than 10 artifacts"),
        ],
        ids=["unknown", "huge"],
    )
    def test_a_buildinfo_that_says_otherwise(
        self, prepared: Party, shelf: Path, change: Change, reason: str
    ) -> None:
        edit(prepared.out / BUILDINFO, change)
        with pytest.raises(UserError, match=reason):
            read_offer(str(prepared.out), shelf, DOWNLOADER)

    @pytest.mark.parametrize("name", [SDIST, BUILDINFO])
    def test_elsewhere(self, prepared: Party, shelf: Path, name: str) -> None:
        def move(record: dict[str, Any]) -> None:
            for step in record["steps"]:
                if name in step["files"]:
                    step["files"][f"statements/{name}"] = step["files"].pop(name)

        edit(prepared.out / RECORD, move)
        with pytest.raises(UserError, match="in the folder itself"):
            read_offer(str(prepared.out), shelf, DOWNLOADER)

    @pytest.mark.parametrize("what", ["link", "pipe", "nothing"])
    def test_no_file(self, prepared: Party, shelf: Path, what: str) -> None:
        path = prepared.out / WHEEL
        path.unlink()
        if what == "link":
            path.symlink_to(prepared.ci.path)
        elif what == "pipe":
            os.mkfifo(path)
        with pytest.raises(UserError, match=f"has no {WHEEL}"):
            read_offer(str(prepared.out), shelf, DOWNLOADER)


def test_a_statement_of_what_is_on_a_server_is_to_be_sent(prepared: Party) -> None:
    with served(prepared.out) as url:
        where = ("--source", prepared.bert.clone, "--rev", "v1.0")
        done = prepared.run("confirm", url, *where, by=prepared.bert)
    assert done.status == 0, done.stderr
    assert "Send this file to whoever publishes" in done.stdout
    assert len(list(prepared.folder.glob("confirmation.*.json"))) == 1
    assert not confirmations(prepared)


def test_a_key_that_is_not_there(prepared: Party) -> None:
    done = prepared.confirm("--key", "file:/nope", by=prepared.bert)
    assert done.status == 2
    assert "openssl genpkey" in done.stderr


class TestAsking:
    """The terminal is gpg's while it asks for a passphrase."""

    def test_a_signer_tells_when(self, folder: Path) -> None:
        told = []

        @contextmanager
        def asking() -> Iterator[None]:
            told.append("begins")
            yield
            told.append("ends")

        signer = replace(KeyFile(folder / "key.pem").write().signer, asking=asking)
        assert signer.clearsign("text") is None
        assert told == []
        signer.sign(make_confirmation())
        replace(signer, clearsigner=str.upper).clearsign("text")
        assert told == ["begins", "ends"] * 2

    def test_the_bar_is_gone_meanwhile(self, monkeypatch: pytest.MonkeyPatch) -> None:
        outer, inner = pty.openpty()
        with open(outer, "rb"), open(inner, "w") as screen:
            monkeypatch.setattr(sys, "stderr", screen)
            shown = io.StringIO()
            console = Console(file=shown, force_terminal=True)
            terminal = Terminal(console=console)
            with terminal.paused():
                assert not shown.getvalue()
            with terminal.working(2):
                progress = terminal._progress
                assert progress is not None
                assert progress.live.is_started
                with terminal.paused():
                    assert not progress.live.is_started
                    before = shown.getvalue()
                    terminal.step("signing")
                    assert shown.getvalue() == before
                assert progress.live.is_started
