"""Which variations are to blame: the search, with builds that are made up."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samebytes.variations.blame import Blame, Varied, find_blame

NAMES = tuple("abcdefghijklmnopqrstu")


class Builds:
    """Shows each symptom whenever all variations of one of its culprits are there."""

    def __init__(self, makes: Mapping[Varied, str], chance: str = "") -> None:
        self.makes = makes
        self.chance = frozenset(chance)
        self.asked: list[Varied] = []

    def __call__(self, varied: Varied) -> frozenset[str]:
        if varied not in self.asked:
            self.asked.append(varied)
        return self.shown(varied)

    def again(self, varied: Varied) -> frozenset[str]:
        self.asked.append(varied)
        return self.shown(varied)

    def shown(self, varied: Varied) -> frozenset[str]:
        shown = [frozenset(symptoms) for each, symptoms in self.makes.items() if each <= varied]
        return self.chance.union(*shown)

    @property
    def further(self) -> int:
        """Builds after the plain one and the one with everything varied."""
        return len(self.asked) - 1


def test_nothing_to_explain_takes_no_further_build() -> None:
    builds = Builds({})
    assert find_blame(NAMES, builds, builds.again) == Blame()
    assert builds.further == 0


@pytest.mark.parametrize("name", NAMES)
def test_one_culprit_takes_about_the_logarithm_of_builds(name: str) -> None:
    builds = Builds({frozenset(name): "1"})
    assert find_blame(NAMES, builds, builds.again).culprits == {frozenset(name): frozenset("1")}
    assert builds.further <= math.ceil(math.log2(len(NAMES))) + 2


@pytest.mark.parametrize("name", NAMES)
def test_a_suspect_who_did_it_takes_two_builds(name: str) -> None:
    builds = Builds({frozenset(name): "1"})
    found = find_blame(NAMES, builds, builds.again, lambda _symptom, _varied: name)
    assert found.culprits == {frozenset(name): frozenset("1")}
    assert builds.further == 2  # alone, and all without it


def test_a_suspect_who_did_not_do_it_is_not_blamed() -> None:
    builds = Builds({frozenset("k"): "1"})
    found = find_blame(NAMES, builds, builds.again, lambda _symptom, _varied: "c")
    assert found.culprits == {frozenset("k"): frozenset("1")}


def test_what_changes_by_itself_is_chance() -> None:
    builds = Builds({}, chance="1")
    assert find_blame(NAMES, builds, builds.again).culprits == {frozenset(): frozenset("1")}


def test_chance_does_not_hide_a_culprit() -> None:
    builds = Builds({frozenset("f"): "2"}, chance="1")
    found = find_blame(NAMES, builds, builds.again)
    assert found.chance == frozenset("1")
    assert found.culprits[frozenset("f")] == frozenset("2")


def test_the_same_symptom_may_have_two_culprits() -> None:
    builds = Builds({frozenset("b"): "1", frozenset("t"): "1"})
    assert set(find_blame(NAMES, builds, builds.again).culprits) == {frozenset("b"), frozenset("t")}


def test_two_that_only_together_show_something_are_both_named() -> None:
    builds = Builds({frozenset("cs"): "1"})
    assert find_blame(NAMES, builds, builds.again).culprits == {frozenset("cs"): frozenset("1")}


class Flaky(Builds):
    """Shows a symptom in each build with the same chance, whatever is varied."""

    def __init__(self, chance: float, seed: int) -> None:
        super().__init__({})
        self.random = random.Random(seed)
        self.probability = chance
        self.kept: dict[Varied, frozenset[str]] = {frozenset(NAMES): frozenset("1")}

    def __call__(self, varied: Varied) -> frozenset[str]:
        if varied not in self.kept:
            self.kept[varied] = self.again(varied)
        return self.kept[varied]

    def shown(self, varied: Varied) -> frozenset[str]:
        return frozenset("1" if self.random.random() < self.probability else "")


def test_a_symptom_that_never_shows_again_is_chance() -> None:
    builds = Flaky(0, 1)
    found = find_blame(NAMES, builds, builds.again)
    assert found.culprits == {frozenset(): frozenset("1")}
    assert builds.further <= 10


@pytest.mark.slow
@pytest.mark.parametrize(("chance", "most"), [(0.02, 0.1), (0.1, 0.25), (0.5, 0.65), (0.9, 0.2)])
def test_what_shows_now_and_then_is_seldom_blamed(chance: float, most: float) -> None:
    wrong = 0
    for seed in range(300):
        builds = Flaky(chance, seed)
        culprits = find_blame(NAMES, builds, builds.again).culprits
        assert culprits
        wrong += any(culprits)
        assert builds.further < 100
    assert wrong / 300 <= most


culprits = st.dictionaries(
    st.frozensets(st.sampled_from(NAMES), min_size=1, max_size=2),
    st.text("123456", min_size=1, max_size=3),
    max_size=4,
)


@settings(max_examples=100)
@given(culprits)
def test_without_the_culprits_nothing_is_left(makes: dict[Varied, str]) -> None:
    builds = Builds(makes)
    found = find_blame(NAMES, builds, builds.again)
    left = frozenset(NAMES) - {name for culprit in found.culprits for name in culprit}
    assert builds(left) == frozenset()


@settings(max_examples=100)
@given(culprits)
def test_every_culprit_really_makes_what_it_is_blamed_for(makes: dict[Varied, str]) -> None:
    builds = Builds(makes)
    for culprit, symptoms in find_blame(NAMES, builds, builds.again).culprits.items():
        assert symptoms <= builds(culprit)
        for name in culprit:
            assert not symptoms <= builds(culprit - {name})


@settings(max_examples=100)
@given(
    st.dictionaries(st.sampled_from(NAMES), st.text("123456", min_size=1, max_size=3), max_size=4)
)
def test_single_culprits_are_found_all_and_only_they(makes: dict[str, str]) -> None:
    builds = Builds({frozenset(name): symptoms for name, symptoms in makes.items()})
    assert set(find_blame(NAMES, builds, builds.again).culprits) == {
        frozenset(name) for name in makes
    }
    # One more where two make the same: whether that is chance.
    assert builds.further <= len(makes) * (math.ceil(math.log2(len(NAMES))) + 2) + 1
