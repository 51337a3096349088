"""A release's checklist in all its forms, also with texts that try to be more than that."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from browser import FLAGS, MISSING, find_chromium
from markdown_it import MarkdownIt
from packaging.version import Version
from pages import HOSTILE, Page
from playwright.sync_api import sync_playwright
from released import STEPS, THEN, Place
from rich.console import Console
from test_documents import validate

from samebytes.compare.model import Verdict
from samebytes.digest import Digest
from samebytes.errors import UserError
from samebytes.release.checklist import (
    Checklist,
    Item,
    Next,
    Part,
    Progress,
    State,
    checklist,
)
from samebytes.release.commands import Demand
from samebytes.release.record import Record, StepRecord
from samebytes.report.release import (
    escaped,
    release_document,
    release_markdown,
    release_page,
    release_report,
)

DIGEST = Digest.of(b"1")
#: What Markdown and those who render it make more of than text.
MARKUP = (
    "*a* _b_ `c` ``d` [e](http://f.g) ![h](i) <b>j</b> ~~k~~ | l |",
    "# a heading",
    "- a list",
    "+ a list",
    "1. a list",
    "12) a list",
    "> a quotation",
    "--- a line",
    ": a definition",
    "&lt;b&gt; &#64;user",
    "@user (@org/team) #12 GH-12 !12 https://x.y/z, www.x.y. a1b2c3d4 x@y.z",
    "\\` \\[ \\<b>",
    "$(x)$ ^y^ ==z== {n}",
    "`",
)


def record(*texts: str) -> Record:
    build = StepRecord(
        id="build",
        inputs=DIGEST,
        finished=THEN,
        seconds=1,
        files={"small-1.0.tar.gz": DIGEST, "small-1.0-py3-none-any.whl": DIGEST},
        facts=texts,
    )
    return Record(
        name="small",
        version=Version("1.0"),
        tag="1.0",
        commit="a" * 40,
        project=PurePosixPath("."),
        checkout="/somewhere",
        steps=(build,),
    )


def made(*texts: str, progress: Progress = Progress.WAITING) -> Checklist:
    """With an item for each state, and these texts wherever strangers' are."""
    items = [
        Item(part=part, id=str(state), title=text, state=state, details=(text, *texts))
        for part in Part
        for state in State
        for text in (f"a step of {part} that is {state}",)
    ]
    strange = [
        Item(part=Part.CONFIRM, id=text, title=text, state=State.FAILED, details=(text,))
        for text in texts
    ]
    return Checklist(
        record=record(*texts),
        items=(*items, *strange),
        progress=progress,
        next=(Next(text="Do this:", command="samebytes release x 'a b'"), Next(text="Wait.")),
    )


def printed(found: Checklist, *, quiet: bool = False) -> str:
    console = Console(file=io.StringIO(), soft_wrap=True, width=130)
    for line in release_report(found, quiet=quiet):
        console.print(line)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


class TestTerminal:
    def test_all_of_it(self) -> None:
        lines = printed(made()).splitlines()
        assert lines[:2] == [
            "small 1.0: waiting for others to confirm it",
            f"tag 1.0, commit {'a' * 40}",
        ]
        assert f"{DIGEST}  small-1.0.tar.gz" in lines
        assert "  waiting  a step of confirm that is waiting" in lines
        assert lines[-4:] == ["Next", "  Do this:", "    samebytes release x 'a b'", "  Wait."]

    def test_quiet(self) -> None:
        text = printed(made(), quiet=True)
        assert "that is failed" in text
        assert "that is waiting" in text
        assert "that is done" not in text
        assert "that is open" not in text
        assert text.startswith(f"{DIGEST}  small-1.0.tar.gz\n")

    def test_what_is_done_is_said_in_short(self) -> None:
        item = Item(
            part=Part.PREPARE,
            id="x",
            title="done",
            state=State.DONE,
            details=tuple(f"fact {number}" for number in range(10)),
        )
        text = printed(replace(made(), items=(item,)))
        assert "fact 2" in text
        assert "fact 3" not in text
        assert "and 7 lines more" in text
        assert "fact 9" in printed(replace(made(), items=(replace(item, state=State.FAILED),)))

    @pytest.mark.parametrize("width", [40, 15])
    def test_long_lines_hang_below_their_text_in_a_terminal(self, width: int) -> None:
        item = Item(
            part=Part.PREPARE,
            id="x",
            title=" ".join(["title"] * 9),
            state=State.FAILED,
            details=("many words " * 9, "x" * 80),
        )
        found = replace(
            made(), items=(item,), next=(Next(text="do this " * 9, command="a b" * 30),)
        )
        console = Console(file=io.StringIO(), soft_wrap=True, width=width, force_terminal=True)
        for line in release_report(found):
            console.print(line, style="not bold")
        assert isinstance(console.file, io.StringIO)
        lines = re.sub(r"\x1b\[[0-9;]*m", "", console.file.getvalue()).splitlines()
        start = lines.index("Prepared") + 1
        part, rest = lines[start : lines.index("Next")], lines[lines.index("Next") + 1 :]
        if width == 15:  # there is no room
            assert len(part) == 3
            return
        assert part[0] == "  failed   title title title title title"
        assert len(part) == 9
        assert {line[:11] for line in part[1:]} == {" " * 11}
        assert all(len(line) <= width for line in part)
        assert len(rest) > 2
        assert rest[-1] == "    " + "a b" * 30  # to be copied

    @pytest.mark.parametrize("text", [*HOSTILE, "[bold red]x[/]"])
    def test_strangers_texts(self, text: str) -> None:
        shown = printed(made(text))
        assert "\x1b" not in shown
        assert all(line.isprintable() for line in shown.splitlines())


class TestMarkdown:
    def test_all_of_it(self) -> None:
        lines = release_markdown(made()).splitlines()
        assert lines[0] == "## small 1.0: waiting for others to confirm it"
        assert lines[4:7] == [
            "```",
            f"{DIGEST}  small-1.0.tar.gz",
            f"{DIGEST}  small-1.0-py3-none-any.whl",
        ]
        assert "- [x] a step of prepare that is done" in lines
        assert "- [ ] **failed:** a step of publish that is failed" in lines
        assert "- [ ] a step of publish that is open" in lines
        command = ["```sh", "samebytes release x 'a b'", "```"]
        assert lines[-7:] == ["Do this:", "", *command, "", "Wait."]
        assert "/somewhere" not in "".join(lines)  # a path of this machine

    @pytest.mark.parametrize("text", [*HOSTILE, *MARKUP])
    def test_strangers_texts_are_text(self, text: str) -> None:
        """A renderer makes nothing of them but text, or code."""
        tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(escaped(text))
        assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
        inner = tokens[1].children or []
        assert {token.type for token in inner} <= {"text", "code_inline", "text_special"}

    @pytest.mark.parametrize("text", MARKUP)
    def test_nothing_is_lost(self, text: str) -> None:
        (_, inline, _) = MarkdownIt().parse(escaped(text))
        shown = "".join(token.content for token in inline.children or [])
        assert shown.split() == text.split()

    @pytest.mark.parametrize(
        "text", ["@user", "(@org/team)", "see #12.", "GH-12", "https://x.y,", "www.x.y", "a1b2c3d4"]
    )
    def test_what_would_be_a_link_is_code(self, text: str) -> None:
        (_, inline, _) = MarkdownIt().parse(escaped(text))
        codes = [token.content for token in inline.children or [] if token.type == "code_inline"]
        assert len(codes) == 1
        assert codes[0] in text

    def test_the_whole_has_its_parts_only(self) -> None:
        text = release_markdown(made(*HOSTILE, *MARKUP))
        tokens = MarkdownIt("commonmark").parse(text)
        assert not {token.type for token in tokens} & {"html_block", "hr", "blockquote_open"}
        headings = [
            tokens[place + 1].content
            for place, token in enumerate(tokens)
            if token.type == "heading_open"
        ]
        assert headings == [
            "small 1.0: waiting for others to confirm it",
            *("Prepared", "Confirmed", "Published", "Next"),
        ]
        fences = [token.content for token in tokens if token.type == "fence"]
        assert fences == [
            f"{DIGEST}  small-1.0.tar.gz\n{DIGEST}  small-1.0-py3-none-any.whl\n",
            "samebytes release x 'a b'\n",
        ]

    def test_a_command_with_backticks(self) -> None:
        found = replace(made(), next=(Next(text="x", command="echo '```'"),))
        fence = [
            token for token in MarkdownIt().parse(release_markdown(found)) if token.type == "fence"
        ][-1]
        assert fence.content == "echo '```'\n"


class TestPage:
    def test_all_of_it(self) -> None:
        shown = Page(release_page(made())).shown
        assert "Waiting for others to confirm it small 1.0" in shown
        assert "Next Do this: samebytes release x 'a b' Wait." in shown
        for state in State:
            assert f"{state} a step of prepare that is {state}" in shown
        assert f"small-1.0.tar.gz SHA-256 {DIGEST}" in shown
        assert "/somewhere" not in shown

    @pytest.mark.parametrize("progress", list(Progress))
    def test_it_says_how_far_it_is(self, progress: Progress) -> None:
        page = Page(release_page(made(progress=progress)))
        tones = {Progress.PUBLISHED: "identical", Progress.READY: "identical"} | {
            Progress.REFUSED: "different"
        }
        assert f"verdict {tones.get(progress, 'equivalent')}" in list(page.attributes("class"))

    @pytest.mark.parametrize("text", HOSTILE)
    def test_strangers_texts_are_text(self, text: str) -> None:
        plain, hostile = (Page(release_page(made(each))) for each in ("x", text))
        assert [tag for tag, _ in plain.elements] == [tag for tag, _ in hostile.elements]
        assert not any(tag == "script" for tag, _ in hostile.elements)

    def test_it_loads_nothing(self) -> None:
        text = release_page(made())
        page = Page(text)
        assert not list(page.attributes("src")) + list(page.attributes("href"))
        assert "default-src 'none'" in text

    @pytest.mark.slow
    def test_in_a_browser(self, folder: Path) -> None:
        """No script, no error; nothing is wider than a phone, and all of it is printed."""
        path = folder / "page.html"
        path.write_text(release_page(made(*HOSTILE)), encoding="utf-8")
        chromium = find_chromium()
        assert chromium, MISSING
        with sync_playwright() as player:
            browser = player.chromium.launch(executable_path=chromium, args=FLAGS)
            told: list[str] = []
            for width in (320, 1200):
                page = browser.new_page(viewport={"width": width, "height": 800})
                page.on("console", lambda message: told.append(message.text))
                page.on("pageerror", lambda error: told.append(str(error)))
                page.goto(path.as_uri())
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                rows = page.get_by_role("row").count()
                assert rows >= len(State) * len(Part)
                assert told == []
            browser.close()


class TestDocument:
    def test_a_real_one(self, folder: Path) -> None:
        place = Place(folder)
        release = place.release().confirm("carla", Verdict.DIFFERENT, "other code")
        (release.root / "statements/noise.json").write_text("[")
        for demand in (
            None,
            Demand(keyring=place.keyring(), threshold=2, folder=place.trusted),
        ):
            found = checklist(release.root, release.record, STEPS, demand)
            document = json.loads(json.dumps(release_document(found, ["a warning"])))
            validate(document, "release-1.json")
            assert document["record"] == json.loads((release.root / "release.json").read_text())
        assert document["status"] == "refused"
        assert document["decision"]["no"] == ["carla"]
        assert document["warnings"] == ["a warning"]

    @pytest.mark.parametrize("text", HOSTILE)
    def test_any_text(self, text: str) -> None:
        document = release_document(made(text, "\udcff"), [text])
        validate(json.loads(json.dumps(document)), "release-1.json")

    def test_an_error(self) -> None:
        document = release_document(None, [], UserError("It failed.", hint="Mend it."))
        validate(document, "release-1.json")
        assert document["status"] == "failed"
        assert document["record"] is None
