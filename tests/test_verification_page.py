"""The HTML report of verify, as text: what it says of each verdict, and that texts stay text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import verifications as made
from pages import HOSTILE, Page

from samebytes.index.provenance import Signature
from samebytes.report.verification_page import verification_page
from samebytes.report.visible import visible
from samebytes.verify.verification import Verification

#: But for the line ends and tabs of our own.
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e]")
ENTRIES = {"no-epoch": "One artifact was built **without**.", "umask": "Not here."}


def page(*found: Verification, asked: tuple[str, ...] = ("demo==1.0",), **others: Any) -> Page:
    comparisons = [each.comparison for each in found]
    text = verification_page(asked, made.document(*found, **others), comparisons, ENTRIES)
    assert not re.search(r"https?:|@import|url\(", text)
    return Page(text)


def names(found: Page, name: str) -> list[str]:
    """The classes of the elements that have this one."""
    return [each for each in found.attributes("class") if name in each.split()]


@pytest.mark.parametrize(
    ("verification", "claim"),
    [
        (
            made.identical,
            f"Identical {made.WHEEL} is what {made.SDIST} builds, byte for byte.",
        ),
        (
            made.equivalent,
            f"Equivalent {made.WHEEL} is what {made.SDIST} builds, packed in another way: the 2 "
            "corrections below, applied to the rebuilt file, give the published one byte for "
            "byte. No member's content or executable bit differs.",
        ),
        (
            made.different,
            f"Different {made.WHEEL} is not what {made.SDIST} builds here. They differ in phantom "
            "members, missing members, code and metadata: 4 differences in what they contain, "
            "1 in how they are packed.",
        ),
        (
            made.unreadable,
            f"Different {made.WHEEL} is not what {made.SDIST} builds here. "
            "It cannot be read in one way only: two members are called demo/1.py.",
        ),
        (
            made.renamed,
            f"Different {made.WHEEL} is not what {made.SDIST} builds here. "
            f"Its name is {made.WHEEL}, but what is built is demo-1.1-py3-none-any.whl.",
        ),
        (
            made.unbuildable,
            f"Unbuildable {made.WHEEL} could not be built again from {made.SDIST} : the build "
            "fails. That speaks neither for it nor against it.",
        ),
        (
            made.without_sdist,
            f"Unbuildable {made.WHEEL} could not be built again: ",
        ),
    ],
)
def test_the_verdict_comes_first(verification: Callable[[], Verification], claim: str) -> None:
    found = page(verification())
    assert found.shown.startswith(f"samebytes verify demo==1.0 {found.shown.split()[3]} {claim}")


def test_how_it_was_built() -> None:
    found = page(made.identical())
    assert "1 attempt, 2.3 seconds." in found.shown
    for row in (
        "backend setuptools==75.6.0 WHEEL says Generator: setuptools (75.6.0)",
        "requirements as of 2024-12-04 17:35:26 UTC its upload",
        "installed setuptools==75.6.0 wheel==0.45.1",
        f"source {made.SDIST} SHA-256 {made.digest('sdist')}",
        "environment TZ=UTC umask=022 universal=1",
    ):
        assert row in found.shown
    assert "How it was to be built" in page(made.unbuildable()).shown
    assert "The best of 4 attempts, 10.0 seconds in all." in page(made.different()).shown
    assert "The first of 4 attempts, 2.3 seconds in all." in page(made.unbuildable()).shown


def test_what_differs_is_said_of_the_published_and_the_rebuilt() -> None:
    shown = page(made.different()).shown
    assert "Published demo-1.0" in shown
    assert "The members of the published file have 2 times, of the rebuilt file one." in shown
    assert "member that only the published file has" in shown
    assert "What to do: A fix." in shown
    assert "For the next release: A fix." in page(made.equivalent()).shown


def test_phantoms_and_what_was_tried_stand_out() -> None:
    found = page(made.different())
    assert "1 phantom member" in found.shown
    assert found.shown.index("1 phantom member") < found.shown.index("Why, and what to do")
    assert len(names(found, "alert")) == 1
    found = page(made.suspicious())
    for text in ("tried to reach what network", "tried to read what read", "Note: The index has"):
        assert text in found.shown
    assert len(names(found, "alert")) == len(names(found, "note")) == 1
    assert found.shown.index("What the build tried") < found.shown.index("How it was built again")
    assert not names(page(made.identical()), "alert")


def test_why_it_could_not_be_built() -> None:
    shown = page(made.unbuildable()).shown
    assert "The build backend failed to build the wheel. compiling part 0 " in shown
    assert "error: no compiler" in shown
    assert str(made.digest("published")) in shown
    assert "The index has no sdist of demo 1.0." in page(made.without_sdist()).shown


def test_what_is_attested() -> None:
    shown = page(made.attested()).shown
    assert "GitHub demo/demo (release.yml) its signature is not checked" in shown
    assert "Google demo@example.org" in shown
    assert "A remark." in shown
    assert "its signature is verified" in page(made.attested(Signature.VERIFIED)).shown


def test_several_the_worst_first() -> None:
    found = page(
        made.identical(),
        made.equivalent(artifact="equivalent.whl"),
        made.suspicious(),
        made.unbuildable(artifact="unbuildable.whl"),
        made.different(artifact="different.whl"),
        failed=[made.failed()],
        skipped=made.skipped(),
    )
    assert (
        "Different 6 published files: 1 different, 1 unbuildable, 1 without a verdict, "
        "1 equivalent and 2 identical." in found.shown
    )
    assert names(found, "pair") == [
        *("pair different", "pair unbuildable", "pair failed", "pair equivalent"),
        *("pair identical", "pair identical"),
    ]
    folds = [some for tag, some in found.elements if "pair " in (some.get("class") or "")]
    assert ["open" in some for some in folds] == [True, False, False, False, False, False]
    assert "demo-1.0-py3-none-any.whl Identical 4 suspicious acts" in found.shown
    assert found.shown.index("suspicious acts") > found.shown.index("equivalent.whl")
    assert "No verdict demo-1.1-py3-none-any.whl cannot be had." in found.shown
    assert "What to do: Try again." in found.shown
    assert "Not verified it is for another platform demo-1.0-cp313-win_amd64.whl" in found.shown
    # The script takes the groups to be in the order of the page.
    assert list(found.attributes("data-group")) == [str(each) for each in range(6)]


def test_only_a_failure() -> None:
    shown = page(failed=[made.failed()]).shown
    assert "No verdict 1 published file: 1 without a verdict." in shown


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("made_of", [made.hostile, made.hostile_failure])
def test_texts_of_strangers_stay_text(name: str, made_of: Callable[[str], Verification]) -> None:
    plain, hostile = (
        page(
            made_of(each),
            asked=(each,),
            failed=[made.failed(each)],
            skipped=made.skipped(each),
        )
        for each in ("plain", name)
    )
    assert [tag for tag, _ in hostile.elements if tag != "div"] == [
        tag for tag, _ in plain.elements if tag != "div"
    ]
    assert {key for _, some in hostile.elements for key in some} == {
        key for _, some in plain.elements for key in some
    }
    logs = 1 + (made_of is made.hostile_failure)
    splits = logs if len(name.splitlines()) > 1 else 0
    assert hostile.shown.count(visible(name)) == plain.shown.count("plain") - splits
    assert all(text.isprintable() for text in hostile.data["strings"])
    assert not UNPRINTABLE.search("".join(text for _, text in hostile.texts))


def test_loads_nothing() -> None:
    found = page(made.different(), made.unbuildable())
    assert not any(found.attributes("src"))
    assert not any(found.attributes("style"))
    assert all(target.startswith("#") for target in found.attributes("href"))
    (policy,) = (some for some in found.attributes("content") if "-src" in some)
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    ids = list(found.attributes("id"))
    assert len(ids) == len(set(ids))
