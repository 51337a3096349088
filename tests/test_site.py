"""The site of an audit, as files: what is there, what stays, and that texts stay texts."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import sites
import verifications as made
from packaging.utils import canonicalize_name
from packaging.version import Version
from pages import HOSTILE, Page
from test_documents import validate

from samebytes.compare.document import comparison_document
from samebytes.errors import UserError
from samebytes.fleet.record import Artifact, Key, Record
from samebytes.fleet.store.figures import Figures, Row
from samebytes.fleet.store.store import Store
from samebytes.report.html import html_page
from samebytes.report.site import badges, names, plots
from samebytes.report.site.chrome import Chrome
from samebytes.report.site.folder import RECORD, SiteFolder
from samebytes.report.site.tables import Entry, Tables
from samebytes.report.site.words import VERDICTS, Summary, Urgency, latest_claim
from samebytes.report.site.writer import Written, write
from samebytes.report.visible import visible
from samebytes.verify.document import result_document
from samebytes.verify.verification import Verification


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with sites.store(tmp_path_factory.mktemp("store") / "store.sqlite") as opened:
        yield opened


def make(opened: Store, folder: Path, **others: Any) -> Written:
    return write(folder, sites.figures(opened), **{"title": "Some & more"} | others)


def read(folder: Path, path: str) -> Page:
    return Page((folder / path).read_text())


def document(folder: Path, path: str) -> Any:
    return json.loads((folder / path).read_text())


def times(folder: Path) -> dict[str, int]:
    """When each file was made."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != RECORD)
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in paths}


def newer(folder: Path, before: dict[str, int]) -> set[str]:
    now = times(folder)
    return {path for path, time in now.items() if before.get(path) != time} | (
        set(before) - set(now)
    )


def change(folder: Path, statement: str, *values: object) -> None:
    """Write to the record of a site, as a stranger might."""
    connection = sqlite3.connect(folder / RECORD)
    with connection:
        connection.execute(statement, values)
    connection.close()


FRONT = {"index.html", "index.json"}


class TestFiles:
    def test_every_link_leads_somewhere(self, store: Store, tmp_path: Path) -> None:
        sites.fill(store)
        made_files = make(store, tmp_path / "site")
        pages = [*(tmp_path / "site").rglob("*.html")]
        assert made_files.artifacts == 9
        assert made_files.files == len(times(tmp_path / "site"))
        assert len(pages) >= 30
        for path in pages:
            page = Page(path.read_text())
            for link in (*page.attributes("href"), *page.attributes("src")):
                if link.startswith("#"):
                    assert link[1:] in {*page.attributes("id")}
                else:
                    target = path.parent / unquote(urlsplit(link).path)
                    assert target.resolve().is_file(), (path, link)

    def test_nothing_is_loaded_from_elsewhere(self, store: Store, tmp_path: Path) -> None:
        sites.fill(store)
        make(store, tmp_path)
        for path in (*tmp_path.rglob("*.html"), *(tmp_path / "assets").iterdir()):
            text = path.read_text().replace("http://www.w3.org/2000/svg", "")
            assert not re.search(r"https?:|@import|url\(|//[a-z]+\.", text), path
            if path.suffix == ".html":
                assert "default-src 'none'; style-src 'self'; script-src 'self'" in text
                assert not [*Page(text).attributes("style")], path
                assert "<style" not in text
                assert not re.search(r"<script(?! src=| type=\"application/json\")", text)

    def test_documents(self, store: Store, tmp_path: Path) -> None:
        sites.fill(store)
        make(store, tmp_path)
        validate(document(tmp_path, "index.json"), "site-1.json")
        validate(document(tmp_path, "data/facets.json"), "site-facets-1.json")
        validate(document(tmp_path, "data/1.json"), "site-part-1.json")
        statuses = set()
        for path in (tmp_path / "projects").rglob("*.json"):
            found = json.loads(path.read_text())
            schema = {"index.json": "site-project-1.json", "badge.json": "site-badge-1.json"}
            validate(found, schema.get(path.name, "verify-1.json"))
            statuses.add(found.get("status"))
        assert statuses == {None, "verified", "finding", "failed"}
        counts = document(tmp_path, "index.json")["verdicts"]
        assert counts == {
            "identical": 4,
            "equivalent": 1,
            "unbuildable": 2,
            "different": 1,
            "pending": 1,
        }

    def test_two_files_of_one_name(self, store: Store, tmp_path: Path) -> None:
        older = sites.NOON - timedelta(days=1)
        for verification, digest, uploaded in (
            (made.identical(), made.digest("old"), older),
            (made.equivalent(), made.digest("new"), sites.NOON),
        ):
            sites.put(store, verification, "demo", digest=digest, uploaded=uploaded)
        make(store, tmp_path)
        name = sites.wheel("demo", "1.0")
        old = f"{name}~{str(made.digest('old'))[:8]}"
        assert "Equivalent" in read(tmp_path, f"projects/demo/{name}.html").shown
        assert "Identical" in read(tmp_path, f"projects/demo/{old}.html").shown
        (first, second) = document(tmp_path, "data/1.json")["rows"]
        assert {first[-1], second[-1]} == {"", f"projects/demo/{old}.html"}

    def test_names(self) -> None:
        files = [("a-1.0.whl", "1" * 64), ("A-1.0.whl", "2" * 64), ("../x.whl", "3" * 64)]
        first, second, third = names.page_names([*files, ("index", "4" * 64)])[:3]
        assert (first, second) == ("a-1.0.whl", "A-1.0.whl~22222222")
        assert re.fullmatch("~[0-9a-f]{20}", third)
        assert names.link("a", "b+c!d.whl", "~1") == "a/b%2Bc%21d.whl/~1"
        assert names.segment("flit_core") == "flit_core"
        assert all(
            names.segment(text).startswith("~") for text in ("..", "a/b", "", "A", "x" * 200)
        )


class TestWords:
    @pytest.mark.parametrize(
        ("verification", "what", "urgency"),
        [
            (made.identical, "byte for byte", Urgency.NONE),
            (made.equivalent, "2 corrections: title of no-epoch", Urgency.NONE),
            (
                made.different,
                "1 phantom member, missing members, code, metadata",
                Urgency.PHANTOM,
            ),
            (made.unreadable, "see what speaks against it", Urgency.CODE),
            (made.unbuildable, "the build fails", Urgency.UNBUILDABLE),
            (
                made.suspicious,
                "byte for byte; its build tried 4 things that no build has to",
                Urgency.PHANTOM,
            ),
        ],
    )
    def test_summaries(
        self, verification: Callable[[], Verification], what: str, urgency: Urgency
    ) -> None:
        summary = Summary.of(result_document(verification(), sandboxed=True))
        assert summary == Summary(what=what, urgency=urgency)
        assert Summary.load(summary.dump()) == summary

    @pytest.mark.parametrize(
        ("verdicts", "expected"),
        [
            (["identical"], ("identical", "identical")),
            (["identical", "equivalent"], ("equivalent", "equivalent")),
            (["identical", "different"], ("different", "different")),
            (["identical", "unbuildable"], ("unbuildable", "1 of 2 verified")),
            (["unbuildable", "pending"], ("unbuildable", "unbuildable")),
            (["pending"], ("pending", "not yet verified")),
        ],
    )
    def test_badges(self, verdicts: list[str], expected: tuple[str, str]) -> None:
        assert latest_claim(verdicts) == expected
        picture = badges.badge(*expected, "<demo> & 1.0")
        assert f">{expected[1]}</text>" in picture
        assert "&lt;demo&gt; &amp; 1.0" in picture

    def test_front_page(self, store: Store, tmp_path: Path) -> None:
        sites.fill(store)
        make(store, tmp_path, command="samebytes audit -r lock.txt")
        page = read(tmp_path, "index.html")
        for text in (
            "Some & more",
            "samebytes audit -r lock.txt",
            "9 artifacts of 8 projects",
            "55.5 % are what their source builds",
            "5 of 9 artifacts are identical or equivalent.",
            "2 with members that nothing in the source explains, or a suspicious build; "
            "2 unbuildable.",
        ):
            assert text in page.shown
        assert page.shown.index("gamma-3.0") < page.shown.index("zeta-1.0"), "the worst first"

    def test_artifact(self, store: Store, tmp_path: Path) -> None:
        sites.fill(store)
        make(store, tmp_path)
        name = sites.wheel("gamma", "3.0")
        shown = read(tmp_path, f"projects/gamma/{name}.html").shown
        for text in (
            "Different",
            "They differ in phantom members, missing members, code and metadata.",
            "1 phantom member",
            "samebytes verify gamma==3.0",
            sites.TERMS,
            "flit_core==1.0",
            "machine:4711",
            "Full comparison of both files",
            "A reason.",
        ):
            assert text in shown
        beta = sites.wheel("beta", "1.0+local.1")
        report = read(tmp_path, f"projects/beta/{beta}.report.html")
        assert "2 corrections below, applied to the rebuilt file" in report.shown
        assert report.data["groups"]
        alpha = f"projects/alpha/{sites.wheel('alpha', '2.0')}"
        assert not (tmp_path / f"{alpha}.report.html").exists(), "there is nothing to see"
        theta = read(tmp_path, f"projects/theta/{sites.wheel('theta', '1.0')}.html")
        assert "It is not verified yet." in theta.shown

    def test_the_report_is_that_of_diff(self, store: Store, tmp_path: Path) -> None:
        artifact = sites.put(store, made.different(), "demo")
        make(store, tmp_path)
        report = read(tmp_path, f"projects/demo/{artifact.filename}.report.html")
        comparison = made.different().comparison
        assert comparison is not None
        listed = {
            "status": "different",
            "first": "a",
            "second": "b",
            "comparisons": [comparison_document(comparison)],
            "only_in_first": [],
            "only_in_second": [],
        }
        groups = Page(html_page(listed, {})).data["groups"]
        assert [each["rows"] for each in report.data["groups"]] == [each["rows"] for each in groups]  # type: ignore[index]

    def test_the_options_that_decide_are_part_of_the_command(
        self, store: Store, tmp_path: Path
    ) -> None:
        artifact = Artifact(
            filename=made.WHEEL,
            digest=made.digest("published"),
            project=canonicalize_name("demo"),
            version=Version("1.0"),
        )
        record = Record(
            result=result_document(made.identical(), sandboxed=False),
            comparison=None,
            terms="samebytes 1.0; no sandbox; 2 attempts of 60 s, 3600 s in all; Pythons: none",
            worker="",
            is_lasting=True,
        )
        store.select(artifact, kept=False)
        store.put(artifact, Key(source="s", inference=1), record)
        make(store, tmp_path)
        path = f"projects/demo/{made.WHEEL}.html"
        shown = read(tmp_path, path).shown
        assert "verify demo==1.0 --max-attempts 2 --timeout 60 --no-sandbox" in shown
        store.connection.execute("UPDATE terms SET text = '1 attempts of 1.2.3 s'")
        make(store, tmp_path)
        assert "verify demo==1.0 --no-sandbox" in read(tmp_path, path).shown

    def test_the_command_can_be_copied(self, store: Store, tmp_path: Path) -> None:
        artifact = sites.put(store, made.identical(), "demo", "1!2.0")
        make(store, tmp_path)
        shown = read(tmp_path, f"projects/demo/{artifact.filename}.html").shown
        assert "samebytes verify 'demo==1!2.0'" in shown


class TestStrangers:
    @pytest.mark.parametrize("text", HOSTILE)
    def test_texts_stay_texts(self, text: str, tmp_path: Path) -> None:
        elements = []
        for number, each in enumerate(("plain", text)):
            folder = tmp_path / str(number)
            with sites.store(tmp_path / f"{number}.sqlite") as opened:
                name = each.replace("/", "")  # which no store takes for that of a file
                sites.put(opened, made.hostile(each), "demo", filename=name, yanked=each)
                failed = made.hostile_failure(each)
                sites.put(opened, failed, "demo", filename=f"{name}.zip", yanked=each)
                opened.commit()
                with sqlite3.connect(opened.path) as connection:
                    connection.execute("UPDATE artifact SET backend = ?", (each,))
                connection.close()
                make(opened, folder, title=each, command=each)
            pages = [Page(path.read_text()) for path in folder.rglob("*.html")]
            elements.append(
                {(tag, *attributes) for page in pages for tag, attributes in page.elements}
            )
            assert len(pages) == 9
            assert all(visible(" ".join(each.split(" "))) in page.shown for page in pages)
            paths = [path.relative_to(folder) for path in folder.rglob("*")]
            assert all(re.fullmatch(r"[A-Za-z0-9_./~+-]+", str(path)) for path in paths)
        assert elements[0] == elements[1]

    @pytest.mark.parametrize("year", [1, 999, 1900, 9999])
    def test_times_of_upload_that_cannot_be(self, store: Store, tmp_path: Path, year: int) -> None:
        """Some index gives the first day of the year 1 where it knows none."""
        uploaded = datetime(year, 1, 1, tzinfo=UTC)
        sites.put(store, made.identical(), "demo", uploaded=uploaded)
        sites.put(store, made.identical(), "other")
        make(store, tmp_path)
        months = document(tmp_path, "index.json")["months"]
        assert [each["name"] for each in months] == sorted([f"{year:04}-01", "2026-11"])

    def test_what_is_damaged_is_said(self, store: Store, tmp_path: Path) -> None:
        artifact = sites.put(store, made.different(), "demo")
        store.commit()
        with sqlite3.connect(store.path) as connection:
            connection.execute("UPDATE document SET result = x'00'")
        make(store, tmp_path / "site")
        path = f"projects/demo/{artifact.filename}"
        shown = read(tmp_path / "site", f"{path}.html").shown
        assert "What the store holds of this artifact is damaged" in shown
        assert document(tmp_path / "site", f"{path}.json")["status"] == "failed"
        assert not (tmp_path / "site" / f"{path}.report.html").exists()
        assert "its record is damaged" in read(tmp_path / "site", "artifacts/all/1.html").shown

    def test_a_document_that_nobody_thought_of(
        self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is called damaged, and all other pages are there."""
        sites.fill(store)
        odd = sites.put(store, made.different(), "odd")
        whole = Figures.documents

        def documents(self: Figures, row: Row) -> Any:
            found = whole(self, row)
            if row.filename == odd.filename and found is not None:
                return {**found[0], "recipe": {"source": {}}}, found[1]
            return found

        monkeypatch.setattr(Figures, "documents", documents)
        told: list[str] = []
        store.commit()
        write(tmp_path, Figures(store, None, told.append))
        assert told == [odd.filename]
        assert "is damaged" in read(tmp_path, f"projects/odd/{odd.filename}.html").shown
        assert (tmp_path / "projects/gamma/index.html").is_file()


class TestAgain:
    def test_what_is_unchanged_is_not_made_again(self, store: Store, tmp_path: Path) -> None:
        sites.fill(store)
        make(store, tmp_path)
        before = times(tmp_path)
        assert make(store, tmp_path).files == 2
        assert newer(tmp_path, before) == FRONT

    def test_a_new_verdict_changes_its_own_pages(self, store: Store, tmp_path: Path) -> None:
        sites.fill(store)
        make(store, tmp_path)
        before = times(tmp_path)
        artifact = sites.put(store, made.identical(), "delta", "0.9", backend="flit_core", rank=4)
        make(store, tmp_path)
        changed = newer(tmp_path, before)
        projects = {path for path in changed if path.startswith("projects/")}
        assert projects == {
            "projects/delta/badge.json",
            "projects/delta/badge.svg",
            "projects/delta/index.html",
            "projects/delta/index.json",
            f"projects/delta/{artifact.filename}.html",
            f"projects/delta/{artifact.filename}.json",
        }
        assert changed - projects == FRONT | {
            "artifacts/all/1.html",
            "artifacts/by-flit/1.html",
            "artifacts/identical/1.html",
            "artifacts/unbuildable/1.html",
            "data/1.json",
            "data/facets.json",
        }

    def test_another_title_changes_every_page(self, store: Store, tmp_path: Path) -> None:
        sites.fill(store)
        pages = {path for path in times(tmp_path) if path.endswith(".html")}
        make(store, tmp_path / "site")
        before = times(tmp_path / "site")
        make(store, tmp_path / "site", title="Other")
        assert pages <= newer(tmp_path / "site", before)

    def test_what_is_gone_is_removed_and_nothing_else(self, store: Store, tmp_path: Path) -> None:
        sites.fill(store)
        site = tmp_path / "site"
        make(store, site)
        theirs = [site / "robots.txt", site / "projects/theirs.html", site / "projects/beta/x.txt"]
        for path in theirs:
            path.write_text("theirs")
        with sites.store(tmp_path / "other.sqlite") as other:
            sites.put(other, made.identical(), "alpha", "2.0")
            assert make(other, site).removed > 10
        assert all(path.read_text() == "theirs" for path in theirs)
        assert not (site / "projects/gamma").exists()
        assert [path.name for path in (site / "projects/beta").iterdir()] == ["x.txt"]
        assert not (site / "artifacts/different").exists()

    def test_a_damaged_or_missing_file_is_made_again(self, store: Store, tmp_path: Path) -> None:
        sites.fill(store)
        make(store, tmp_path)
        lost, cut = tmp_path / "projects/alpha/badge.svg", tmp_path / "data/1.json"
        lost.unlink()
        cut.write_text("")
        make(store, tmp_path)
        assert lost.is_file()
        assert cut.stat().st_size > 100

    @pytest.mark.parametrize("at", [1, 5, 30, 60])
    def test_interrupted_at_any_moment(
        self, store: Store, tmp_path: Path, at: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The next one completes it, and removes what the first one left."""
        site = tmp_path / "site"
        sites.fill(store)
        replace_file, count = os.replace, 0

        def replaced(*arguments: Any) -> None:
            nonlocal count
            count += 1
            if count > at:
                raise KeyboardInterrupt
            replace_file(*arguments)

        monkeypatch.setattr(os, "replace", replaced)
        with pytest.raises(KeyboardInterrupt):
            make(store, site)
        monkeypatch.undo()
        assert not (site / "index.html").exists()
        with sites.store(tmp_path / "other.sqlite") as other:
            sites.put(other, made.identical(), "omega")
            make(other, site)
            fresh = tmp_path / "fresh"
            make(other, fresh)
        assert set(times(site)) == set(times(fresh))

    @pytest.mark.slow
    def test_killed(self, store: Store, tmp_path: Path) -> None:
        """Twice; then all is there, and nothing else."""
        sites.fill_many(store, 120)
        make(store, tmp_path / "whole")
        program = (
            "import pathlib, sys\n"
            "from samebytes.fleet.store.figures import Figures\n"
            "from samebytes.fleet.store.store import Store\n"
            "from samebytes.report.site.writer import write\n"
            "with Store.read(pathlib.Path(sys.argv[1])) as store:\n"
            "    write(pathlib.Path(sys.argv[2]), Figures(store), title='Some & more')\n"
        )
        site = tmp_path / "site"
        for enough in (30, 130):
            arguments = [sys.executable, "-c", program, str(store.path), str(site)]
            with subprocess.Popen(arguments) as process:
                while len([*site.rglob("*.html")]) < enough:
                    assert process.poll() is None
                    time.sleep(0.01)
                process.kill()
        assert not (site / "index.html").exists()
        make(store, site)
        assert set(times(site)) - {".samebytes-part"} == set(times(tmp_path / "whole"))
        differing = {
            path
            for path in times(tmp_path / "whole")
            if (site / path).read_bytes() != (tmp_path / "whole" / path).read_bytes()
        }
        assert differing <= FRONT

    def test_folders_of_others_are_refused(self, store: Store, tmp_path: Path) -> None:
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine/thesis.txt").write_text("theirs")
        (tmp_path / "file").write_text("")
        with pytest.raises(UserError, match="holds something else"):
            make(store, tmp_path / "mine")
        with pytest.raises(UserError, match="is not a folder"):
            make(store, tmp_path / "file")
        assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]

    @pytest.mark.parametrize("content", [b"", b"no database" * 100])
    def test_a_damaged_record(self, store: Store, tmp_path: Path, content: bytes) -> None:
        make(store, tmp_path / "site")
        (tmp_path / "site" / RECORD).write_bytes(content)
        if content:
            with pytest.raises(UserError, match="damaged"):
                make(store, tmp_path / "site")
        else:
            make(store, tmp_path / "site")

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE made SET parts = 'xx'",
            "UPDATE made SET parts = '[]'",
            "UPDATE made SET parts = x'00'",
            "UPDATE made SET run = 'x' WHERE path = 'index'",
            "UPDATE made SET run = 9223372036854775807 WHERE path = 'index'",
            "UPDATE made SET run = -9 ",
        ],
    )
    def test_a_damaged_row_of_the_record(
        self, store: Store, tmp_path: Path, statement: str
    ) -> None:
        make(store, tmp_path / "site")
        change(tmp_path / "site", statement)
        with pytest.raises(UserError, match=r"The record of the site in .* is damaged"):
            make(store, tmp_path / "site")

    def test_words_that_are_damaged_are_made_again(self, store: Store, tmp_path: Path) -> None:
        sites.fill(store)
        make(store, tmp_path / "site")
        before = times(tmp_path / "site")
        change(tmp_path / "site", "UPDATE made SET note = 'xx' WHERE path LIKE '%beta%'")
        change(tmp_path / "site", "UPDATE made SET note = '[5, 0, true]' WHERE path LIKE '%gamma%'")
        make(store, tmp_path / "site")
        again = {path.split("/")[1] for path in newer(tmp_path / "site", before) - FRONT}
        assert again == {"beta", "gamma"}

    @pytest.mark.parametrize("path", ["../victim", "a/../../victim", "{parent}/victim", ".\0"])
    def test_a_forged_record_reaches_nothing_outside(
        self, store: Store, tmp_path: Path, path: str
    ) -> None:
        """A folder that came with a checkout may say anything."""
        sites.put(store, made.identical(), "demo")
        site, victim = tmp_path / "site", tmp_path / "victim.txt"
        make(store, site)
        victim.write_text("precious")
        row = (path.format(parent=tmp_path), "x", '{".txt": 8}', "", 0)
        change(site, "INSERT INTO made VALUES (?, ?, ?, ?, ?)", *row)
        with pytest.raises(UserError, match=r"The record of the site in .* is damaged"):
            make(store, site)
        assert victim.read_text() == "precious"

    @pytest.mark.parametrize("path", ["projects", "projects/demo", "assets"])
    def test_folders_that_are_links_are_not_followed(
        self, store: Store, tmp_path: Path, path: str
    ) -> None:
        sites.put(store, made.identical(), "demo")
        site, other = tmp_path / "site", tmp_path / "other"
        make(store, site)
        (site / path).rename(other)
        (site / path).symlink_to(other)
        before = times(other)
        change(site, "UPDATE made SET stamp = ''")
        with pytest.raises(UserError, match="is a link"):
            make(store, site)
        assert times(other) == before

    @pytest.mark.parametrize("name", [".samebytes-part", "index.html"])
    def test_files_that_are_links_are_not_followed(
        self, store: Store, tmp_path: Path, name: str
    ) -> None:
        site, victim = tmp_path / "site", tmp_path / "victim.txt"
        make(store, site)
        victim.write_text("precious")
        (site / name).unlink(missing_ok=True)
        (site / name).symlink_to(victim)
        make(store, site)
        assert victim.read_text() == "precious"
        assert not (site / "index.html").is_symlink()
        assert not (site / ".samebytes-part").exists()

    @pytest.mark.parametrize("name", [RECORD, f"{RECORD}-journal", f"{RECORD}-wal"])
    def test_a_record_that_is_a_link_is_none(self, store: Store, tmp_path: Path, name: str) -> None:
        site, victim = tmp_path / "site", tmp_path / "victim"
        make(store, site)
        (site / name).unlink(missing_ok=True)
        victim.touch()
        (site / name).symlink_to(victim)
        with pytest.raises(UserError, match="holds something else"):
            make(store, site)
        assert not victim.stat().st_size

    def test_one_at_a_time(self, store: Store, tmp_path: Path) -> None:
        make(store, tmp_path / "site")
        with sqlite3.connect(tmp_path / "site" / RECORD, isolation_level=None) as connection:
            connection.execute("BEGIN IMMEDIATE")
            with pytest.raises(UserError, match="Another program is writing"):
                make(store, tmp_path / "site")
        connection.close()

    def test_an_empty_store(self, store: Store, tmp_path: Path) -> None:
        make(store, tmp_path)
        assert "Nothing is verified yet" in read(tmp_path, "index.html").shown
        validate(document(tmp_path, "data/facets.json"), "site-facets-1.json")


class TestTable:
    def test_pages_and_parts(self, tmp_path: Path) -> None:
        with SiteFolder.open(tmp_path) as site:
            tables = Tables(site, Chrome.of("Many"), {"identical": 1100})
            for number in range(1100):
                tables.add(self.entry(number))
            tables.finish()
        assert [each.project for each in tables.first] == [f"p-{n:04}" for n in range(25)]
        assert len([*(tmp_path / "artifacts/all").iterdir()]) == 6
        links = [
            [*read(tmp_path, f"artifacts/all/{number}.html").attributes("rel")]
            for number in (1, 2, 6)
        ]
        assert [each.count("next") for each in links] == [2, 2, 0]
        assert [each.count("prev") for each in links] == [0, 2, 2]
        facets = document(tmp_path, "data/facets.json")
        parts = [document(tmp_path, f"data/{number}.json") for number in (1, 2)]
        assert [len(each["rows"]) for each in parts] == [1000, 100]
        assert facets["rows"] == 1100
        for part, listed in zip(parts, facets["parts"], strict=True):
            assert sum(row[3] for row in listed["counts"]) == len(part["rows"])
            assert listed["first"] == part["texts"][part["rows"][0][0]]
        rows = [row[2] for part in parts for row in part["rows"]]
        assert rows == [f"p_{number:04}-1.0.zip" for number in range(1100)]

    @staticmethod
    def entry(number: int) -> Entry:
        return Entry(
            project=f"p-{number:04}",
            version="1.0",
            filename=f"p_{number:04}-1.0.zip",
            verdict="identical",
            what="byte for byte",
            backend=sites.BACKENDS[number % 5],
            uploaded="2026-11-01",
            href=f"projects/p-{number:04}/p_{number:04}-1.0.zip.html",
            project_href=f"projects/p-{number:04}/index.html",
        )

    def test_progress(self, store: Store, tmp_path: Path) -> None:
        sites.fill(store)
        seen: list[tuple[int, int]] = []
        make(store, tmp_path, progress=lambda done, of: seen.append((done, of)))
        assert seen == [(9, 9)]


class TestPlots:
    def test_bars(self) -> None:
        counts = {(f"backend-{number:02}", "identical"): 20 - number for number in range(12)}
        found = plots.bars(counts | {(None, "different"): 1, ("backend-00", "different"): 20})
        assert [each.name for each in found][-1] == plots.OTHERS
        assert len(found) == 10
        first = found[0]
        assert [(each.verdict, each.start, each.size) for each in first.segments] == [
            ("identical", 0, 50),
            ("different", 50, 50),
        ]
        assert sum(each.total for each in found) == sum(counts.values()) + 21

    def test_months_without_anything_are_there(self) -> None:
        found = plots.by_time({("2025-11", "identical"): 3, ("2026-02", "different"): 1})
        assert [each.name for each in found.bars] == ["2025-11", "2025-12", "2026-01", "2026-02"]
        assert [each.total for each in found.bars] == [3, 0, 0, 1]
        assert found.unit == "month"

    def test_what_is_no_month_is_left_out(self) -> None:
        odd = {(name, "identical"): 1 for name in (None, "", "2025-13", "9999-01", "<b>")}
        found = plots.by_time(odd | {("2025-12", "identical"): 1})
        assert [(each.name, each.total) for each in found.bars] == [("2025-12", 1)]

    def test_many_months_become_years(self) -> None:
        found = plots.by_time({("2015-11", "identical"): 3, ("2026-02", "different"): 1})
        assert [each.name for each in found.bars] == [str(year) for year in range(2015, 2027)]
        assert found.unit == "year"

    def test_few_months_become_years(self) -> None:
        found = plots.by_time({("2025-01", "identical"): 3, ("2025-09", "different"): 1})
        assert [(each.name, each.total) for each in found.bars] == [("2025", 4)]

    @pytest.mark.parametrize("highest", [0, 1, 2, 7, 10, 23, 99, 101, 12345, 999_999])
    def test_lines(self, highest: int) -> None:
        found = plots.columns([("a", {"identical": highest})], "version")
        numbers = [number for number, _ in found.lines]
        assert 1 <= len(numbers) <= 5
        assert numbers[-1] >= highest
        assert numbers == sorted(set(numbers))
        assert all(0 < up <= 100 for _, up in found.lines)

    def test_nothing(self) -> None:
        assert plots.bars({}) == []
        assert plots.by_time({}).bars == ()
        assert plots.bar("none", {}).segments == ()
        assert set(VERDICTS) == {"identical", "equivalent", "different", "unbuildable", "pending"}
