"""A release from the tag to the index, by people with keys of their own: the commands as typed."""

from __future__ import annotations

import functools
import json
import shutil
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from conftest import Command
from parties import SMALL, Party, party, prepared_party
from projects import commit, git, repository
from test_documents import validate

pytestmark = pytest.mark.slow


@pytest.fixture
def small(folder: Path, samebytes: Command) -> Iterator[Party]:
    with party(repository(folder / "small", SMALL), folder, samebytes, tag="v1.0") as people:
        yield people


def test_three_confirm_and_it_is_published(small: Party) -> None:
    prepared = small.prepare()
    assert prepared.status == 0, prepared.stderr + prepared.stdout
    assert small.confirm(by=small.bert).status == 0
    refused = small.publish()
    assert refused.status == 1
    assert "ci" in refused.stdout
    assert small.index.posts() == 0
    confirmed = small.confirm_in_ci("--json", "-")
    assert json.loads(confirmed.stdout)["verdict"] == "identical"
    published = small.publish()
    assert published.status == 0, published.stderr + published.stdout
    names = ["small-1.0-py3-none-any.whl", "small-1.0.tar.gz"]
    assert [small.index.stored(name) for name in names] == [1, 1]
    for name in names:
        assert (small.index.packages / name).read_bytes() == (small.out / name).read_bytes()
    again = small.publish()
    assert again.status == 0
    assert [small.index.stored(name) for name in names] == [1, 1]
    assert small.status().status == 0


@pytest.fixture(scope="module")
def begun(fast_folder: Path) -> Iterator[Party]:
    """Prepared once; nobody changes it."""
    with prepared_party(fast_folder) as people:
        yield people


@pytest.fixture
def prepared(begun: Party, folder: Path) -> Iterator[Party]:
    with begun.again(folder) as people:
        yield people


def test_all_problems_of_the_preflight_are_told_at_once_and_mended(small: Party) -> None:
    clone = small.anna.clone
    good = git(clone, "rev-parse", "HEAD")
    (clone / "CHANGES.md").write_text("## 0.9\n")
    commit(clone)
    git(clone, "tag", "--force", "v1.0")
    (clone / "left.txt").touch()
    done = small.prepare()
    assert done.status == 1
    for text in ("lightweight tag", "left.txt", "CHANGES.md has no line"):
        assert text in done.stdout
    assert not list(small.out.glob("*.whl"))
    (clone / "left.txt").unlink()
    git(clone, "reset", "--quiet", "--hard", good)
    small.anna.sign_tag("v1.0")
    assert small.prepare().status == 0
    before = small.steps()
    assert small.prepare().status == 0
    assert small.steps() == before


def test_what_changed_is_done_again_and_nothing_else(prepared: Party) -> None:
    before = {step["id"]: step for step in prepared.steps()}
    (prepared.out / "small-1.0.tar.gz").write_bytes(b"other")
    done = prepared.prepare()
    assert done.status == 0
    assert "small-1.0.tar.gz" in done.stderr
    after = {step["id"]: step for step in prepared.steps()}
    assert after["build"]["files"] == before["build"]["files"]
    changed = {name for name in after if after[name] != before[name]}
    # Copied to here, it has another index; and the preparer signs for what was found there.
    assert changed == {"index", "build", "statement"}


def test_another_key_signs_for_nothing_that_was_not_built_and_tried_anew(prepared: Party) -> None:
    before = {step["id"]: step for step in prepared.steps()}
    assert prepared.prepare("--key", f"file:{prepared.ci.path}").status == 0
    after = {step["id"]: step for step in prepared.steps()}
    kept = {name for name in after if after[name] == before[name]}
    assert kept == {"tag", "tree", "changelog"}


def test_a_tag_that_moves_makes_everything_anew(small: Party) -> None:
    prepared = small
    assert prepared.prepare("-q").status == 0
    assert prepared.confirm(by=prepared.bert).status == 0
    clone = prepared.anna.clone
    (clone / "small/__init__.py").write_text("VALUE = 2\n")
    commit(clone)
    prepared.anna.sign_tag("v1.0")
    refused = prepared.publish(threshold=2)
    assert refused.status == 1
    assert "names" in refused.stdout + refused.stderr
    assert prepared.index.posts() == 0
    done = prepared.prepare()
    assert done.status == 0
    assert "has moved" in done.stderr
    # What bert has signed is of the other commit.
    assert prepared.publish(threshold=2).status == 1
    stale = prepared.confirm(by=prepared.bert)
    assert stale.status == 1
    assert "is the commit" in stale.stdout
    (no,) = (prepared.out / "statements").glob("confirmation.*.2.json")
    assert prepared.statement(no.stem)["predicate"]["verificationResult"] == "FAILED"
    assert prepared.publish(threshold=1).status == 1
    git(prepared.bert.clone, "fetch", "--quiet", "--force", "--tags", str(clone))
    confirmed = prepared.confirm(by=prepared.bert)
    assert confirmed.status == 0
    assert f"{no.name} is an earlier no of this key" in confirmed.stderr
    assert prepared.publish(threshold=2).status == 1
    no.unlink()
    assert prepared.publish(threshold=2).status == 0


def test_a_signed_no_is_the_last_word(prepared: Party) -> None:
    """What was prepared is not what the commit builds: whoever builds it sees that, and says so."""
    assert prepared.confirm(by=prepared.bert).status == 0
    wheel = prepared.out / "small-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("small/more.py", "VALUE = 7")
    found = prepared.confirm_in_ci("--json", "-")
    assert found.status == 1
    document = json.loads(found.stdout)
    validate(document, "confirmation-1.json")
    assert document["verdict"] == "different"
    assert prepared.publish(threshold=1).status == 1
    assert prepared.index.posts() == 0
    shown = prepared.status()
    assert shown.status == 1
    assert "ci" in shown.stdout


@contextmanager
def served(folder: Path) -> Iterator[str]:
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


def test_a_release_on_a_web_server_is_confirmed(prepared: Party) -> None:
    with served(prepared.out) as url:
        done = prepared.run(
            *("confirm", url, "--source", prepared.bert.clone, "--rev", "v1.0"), by=prepared.bert
        )
        assert done.status == 0, done.stderr
        (written,) = prepared.folder.glob("confirmation.*.json")
        shutil.copy(written, prepared.out / "statements")
        assert prepared.publish(threshold=2).status == 0
        other = prepared.run("confirm", url + "nothing/", "--source", ".", "--rev", "v1.0")
        assert other.status == 2


def test_status_is_shown_in_all_forms(prepared: Party) -> None:
    validate(json.loads(prepared.status("--json", "-").stdout), "release-1.json")
    assert "- [x]" in prepared.status("--markdown", "-").stdout
    assert prepared.status("--html", prepared.folder / "page.html").status == 0
    assert "<html" in (prepared.folder / "page.html").read_text()


def test_what_is_asked_wrongly_is_answered(begun: Party) -> None:
    prepared = begun
    new = ("-o", "new", "--index-url", prepared.index.simple)
    publish = ("--threshold", "2", "--trusted-keys", "keys", "--repository", prepared.index.url)
    cases: tuple[tuple[tuple[str | Path, ...], str], ...] = (
        (("prepare", "small", "--rev", "HEAD", *new), "is no tag"),
        (("prepare", "small", "--rev", "v9", *new), "There is no tag"),
        (("prepare", "small", "--rev", "v1.0", "-o", "small"), "is not empty"),
        (("prepare", "small", "--rev", "v1.0", *new, "--key", "gpg:nobody@example.org"), "nobody"),
        (("prepare", "small", "--rev", "v1.0", *new, "--key", "nonsense"), "does not name a key"),
        (("prepare", "small", "--rev", "v1.0", *new, "--kit", "django"), "rules are for Django"),
        (("confirm", "nowhere", "--source", "bert", "--rev", "v1.0"), "no release"),
        (("confirm", "out", "--source", "bert", "--rev", "v2"), "There is no tag"),
        (("confirm", "out", "--source", "keys", "--rev", "v1.0"), "not in a git checkout"),
        (("status", "nowhere"), "no release"),
        (("publish", "nowhere", *publish), "no release"),
        (("publish", "out", *publish[:2], "--trusted-keys", "small", *publish[4:]), "public key"),
    )
    for arguments, text in cases:
        done = prepared.run(*arguments, by=prepared.anna)
        assert (done.status, text in done.stderr) == (2, True), (arguments, done.stderr)
        assert not (prepared.folder / "new").exists()
