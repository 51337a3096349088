"""What is printed of an audit, and its document, whatever its size."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import pytest
import verifications as made
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from test_documents import validate

from samebytes.errors import UserError
from samebytes.report.audit import Facts, audit_document, audit_report
from samebytes.verify.document import result_document
from samebytes.wire import document_pieces, dump_document

RESULTS = [
    result_document(each, sandboxed=True)
    for each in (made.identical(), made.equivalent(), made.different(), made.unbuildable())
]


class Source:
    """So many of each verdict; it counts how many are taken."""

    def __init__(self, **counts: int) -> None:
        self.counts = counts
        self.taken = 0

    def __call__(self, verdicts: Collection[str]) -> Iterator[Mapping[str, Any]]:
        for result in RESULTS:
            if result["verdict"] in verdicts:
                for _ in range(self.counts.get(str(result["verdict"]), 0)):
                    self.taken += 1
                    yield result

    def groups(self) -> Mapping[tuple[str, str | None, str | None], int]:
        backends = ("flit", None)
        return {
            (verdict, backends[count % 2], "2024-12"): count
            for verdict, count in self.counts.items()
        }


def facts(source: Source, **others: Any) -> Facts:
    given: dict[str, Any] = {
        "counts": source.counts,
        "entries": 0,
        "left": 0,
        "unmatched": [],
        "failed": [],
        "allow_skipped": False,
    }
    return Facts(**(given | others))


def printed(source: Source, *, verbose: bool = False, quiet: bool = False, **others: Any) -> str:
    file = io.StringIO()
    console = Console(file=file, width=100, highlight=False, soft_wrap=True)
    for line in audit_report(
        facts(source, **others), source, source.groups, verbose=verbose, quiet=quiet
    ):
        console.print(line)
    return file.getvalue()


def test_of_a_few_all_are_in_a_table() -> None:
    text = printed(Source(identical=2, equivalent=1, different=1))
    assert text.count("byte for byte") == 2
    assert text.count("different: ") == 1
    assert text.endswith("4 artifacts: 2 identical, 1 equivalent, 1 different\n")


def test_of_many_those_that_need_attention() -> None:
    source = Source(identical=1000, different=30, unbuildable=40)
    text = printed(source)
    assert "byte for byte" not in text
    assert source.taken <= 51
    assert text.count("\ndifferent: ") == 30
    assert text.count("\nunbuildable: ") == 20
    assert "and 20 more artifacts: --verbose, --json or --html\n" in text
    assert text.endswith("1,070 artifacts: 1,000 identical, 30 different, 40 unbuildable\n")


def test_of_many_that_are_verified_nothing_is_read() -> None:
    source = Source(identical=1_000_000)
    text = printed(source)
    assert text.endswith("1,000,000 artifacts: 1,000,000 identical\n")
    assert re.search(r"backend +identical +equivalent +different +unbuildable", text)
    assert re.search(r"^ *flit +1,000,000 +0 +0 +0", text, re.MULTILINE)
    assert source.taken == 0


def test_quiet_is_the_summary_and_verbose_is_all() -> None:
    source = Source(different=2)
    assert printed(source, quiet=True) == "2 artifacts: 2 different\n"
    assert printed(Source(identical=300), verbose=True).count("byte for byte") == 300
    assert printed(Source(), left=3) == "Nothing was verified.; 3 left for another time\n"
    more = printed(Source(), left=3, is_planned=False)
    assert more == "Nothing was verified.; at least 3 left for another time\n"
    assert printed(Source(identical=1), failed=[made.failed()], entries=1) == (
        printed(Source(identical=1)).partition("1 artifact")[0]
        + "2 artifacts: 1 identical, 1 without a verdict; 1 entry skipped\n"
    )


@pytest.mark.parametrize(
    ("others", "status"),
    [
        ({}, "verified"),
        ({"counts": {"identical": 1, "different": 1}}, "finding"),
        ({"left": 1}, "finding"),
        ({"entries": 1}, "finding"),
        ({"left": 1, "entries": 1, "allow_skipped": True}, "verified"),
        ({"unmatched": ["one"], "allow_skipped": True}, "finding"),
        ({"failed": [made.failed()], "counts": {"different": 1}}, "failed"),
    ],
)
def test_what_it_comes_to(others: dict[str, Any], status: str) -> None:
    assert facts(Source(identical=1), **others).status == status


@pytest.mark.parametrize("error", [None, UserError("Why.", hint="What to do.")])
def test_the_document_is_as_its_schema_has_it(error: UserError | None) -> None:
    source = Source(**Counter(str(each["verdict"]) for each in RESULTS))
    skipped = [{"artifact": "one", "reason": "why", "entry": True}]
    found = audit_document(
        facts(source, left=2, failed=[made.failed()]), iter(RESULTS), iter(skipped), error
    )
    document = json.loads("".join(document_pieces(found)))
    validate(document, "verify-1.json")
    assert document["results"] == json.loads(json.dumps(RESULTS))
    assert document["skipped"] == skipped
    assert (document["status"], document["left"]) == ("failed", 2)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@pytest.mark.slow
@given(st.dictionaries(st.text(max_size=3), VALUES, min_size=1))
def test_pieces_are_the_document(document: dict[str, object]) -> None:
    streamed = {
        key: iter(value) if isinstance(value, list) else value for key, value in document.items()
    }
    assert "".join(document_pieces(streamed)) == dump_document(document)
