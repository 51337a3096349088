"""What verify and audit print of each verdict, word for word."""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import verifications as made
from rich.console import Console, RenderableType

from samebytes.compare.document import comparison_document
from samebytes.compare.model import Difference
from samebytes.index.provenance import Signature
from samebytes.report.verification import (
    ACTS,
    PHASES,
    SIGNATURES,
    result_report,
    results_table,
    summary,
)
from samebytes.sandbox.tried import Act
from samebytes.verify.document import result_document, spoken
from samebytes.verify.kept import is_whole, is_whole_comparison
from samebytes.verify.verification import Phase, Verification
from samebytes.wire import dump_document

GOLDEN = Path(__file__).parent / "golden" / "verifications.txt"
CASES = {
    "identical": made.identical(),
    "equivalent": made.equivalent(),
    "different": made.different(),
    "different, and nothing could be compared": made.unreadable(),
    "different by its name": made.renamed(),
    "unbuildable": made.unbuildable(),
    "unbuildable, as there is no source": made.without_sdist(),
    "identical, but suspicious": made.suspicious(),
    "identical, and attested": made.attested(),
    "texts of strangers": made.hostile("\x1b[31m<b>[bold]\n"),
}


def printed(*lines: RenderableType) -> str:
    file = io.StringIO()
    console = Console(file=file, width=100, highlight=False, soft_wrap=True)
    for line in lines:
        console.print(line)
    return "".join(f"{line.rstrip()}\n" for line in file.getvalue().splitlines())


def texts() -> Iterator[str]:
    for name, verification in CASES.items():
        yield f"## {name}\n\n" + printed(
            *result_report(result_document(verification, sandboxed=True), verbose=False)
        )
    found = result_document(made.unbuildable(), sandboxed=True)
    yield "## unbuildable, with --verbose\n\n" + printed(*result_report(found, verbose=True))
    results = [result_document(each, sandboxed=True) for each in CASES.values()]
    yield "## several\n\n" + printed(results_table(results), summary(results, [made.failed()]))
    yield "## none\n\n" + printed(summary([], []))


def test_what_is_printed() -> None:
    text = "\n".join(texts())
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


def many(count: int) -> Verification:
    kinds = ("member-only-in-first", "member-content")
    found = [
        Difference.of(kind, f"{kind}-{number}", "a", "b")
        for kind in kinds
        for number in range(count)
    ]
    return made.different(comparison=made.comparison(made.explanation("other-source", *found)))


@pytest.mark.parametrize(("verbose", "shown"), [(False, 5), (True, 8)])
def test_of_many_some_are_shown(verbose: bool, shown: int) -> None:
    text = printed(*result_report(result_document(many(8), sandboxed=True), verbose=verbose))
    assert text.count("only the published file has it") == shown
    assert text.count("a → b") == shown
    assert ("and 3 more phantom members: --verbose" in text) is not verbose
    assert ("and 3 more differences of content: --verbose" in text) is not verbose


def test_every_word_is_known() -> None:
    assert {*map(str, Act)} <= {*ACTS}
    assert {*PHASES} == {*Phase}
    assert {*SIGNATURES} == {*Signature}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The first is a 1, the second b 2.", "The published file is a 1, the rebuilt file b 2."),
        ("The firsts of the seconds", "The firsts of the seconds"),
    ],
)
def test_first_and_second_are_published_and_rebuilt(text: str, expected: str) -> None:
    assert spoken(text) == expected


def test_what_nothing_confined_and_what_was_kept() -> None:
    """Both are said in a table, and in the report on one."""
    loose = result_document(made.identical(), sandboxed=False)
    kept = result_document(made.identical(), sandboxed=True) | {"kept": "2026-11-23T01:02:03Z"}
    for found, text in ((loose, "sandbox"), (kept, "2026-11-23")):
        for shown in (result_report(found, verbose=False), [results_table([found])]):
            assert text in printed(*shown)
    assert "sandbox" not in printed(*result_report(kept, verbose=False))


@pytest.mark.parametrize("name", CASES)
def test_what_is_a_whole_result(name: str) -> None:
    """What we write is; without any of its members, or with another for it, it is not.

    Only what recompressed it may be missing: it is newer than the rest.
    """
    found = result_document(CASES[name], sandboxed=True)
    written = json.loads(dump_document(found))
    file, digest = CASES[name].artifact, CASES[name].digest
    assert digest is not None
    assert is_whole(written, file, digest)
    assert not is_whole(written, f"{file}x", digest)
    assert not is_whole(written, file, made.digest("other"))
    for path in paths(written):
        for change in (None, object()):
            other = json.loads(dump_document(found))
            *first, last = path
            place = other
            for step in first:
                place = place[step]
            if change is None and isinstance(place, dict) and last != "deflate":
                del place[last]
            else:
                place[last] = object()
            assert not is_whole(other, file, digest), path


@pytest.mark.parametrize(
    "change",
    [
        {"seconds": math.inf},
        {"seconds": math.nan},
        {"source": {}},
        {"source": {"kind": "git"}},
        {"source": {"kind": "git", "commit": "x; rm -rf . #", "project": "."}},
        {"source": {"kind": "sdist", "filename": "x.tar.gz", "sha256": "a" * 63}},
        {"source": {"kind": "svn", "commit": "a" * 40, "project": "."}},
    ],
)
def test_what_no_result_has(change: dict[str, Any]) -> None:
    """A page is made of it, with a command to copy: it has to be of the shape that we write."""
    found = made.different()
    written = json.loads(dump_document(result_document(found, sandboxed=True)))
    assert found.digest is not None
    for other in ({"kind": "git", "commit": "a" * 40, "project": "."}, written["recipe"]["source"]):
        written["recipe"]["source"] = other
        assert is_whole(written, found.artifact, found.digest)
    (written["recipe"] if "source" in change else written).update(change)
    assert not is_whole(written, found.artifact, found.digest)


@pytest.mark.parametrize("line", [["*", "x"], ["", "x"], ["+-", "x"], ["+"], ["+", "x", "y"]])
def test_lines_of_a_whole_comparison(line: list[str]) -> None:
    comparison = made.different().comparison
    assert comparison is not None
    written = comparison_document(comparison)
    view = {"member": "m", "form": "text", "omitted": 0}
    digest = comparison.first.digest
    for lines, expected in (([[mark, "x"] for mark in "+- @"], True), ([line], False)):
        found = json.loads(json.dumps({**written, "contents": [{**view, "lines": lines}]}))
        assert is_whole_comparison(found, digest) is expected


def paths(value: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    """Where there is anything in a document, but in the objects that may have any members."""
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for name, each in members:
        yield (*path, name)
        if isinstance(each, dict | list) and name not in ("environment", "bdist_wheel"):
            yield from paths(each, *path, name)
