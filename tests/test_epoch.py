from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samebytes_core import epoch
from samebytes_core.epoch import Epoch, Origin


@pytest.mark.parametrize(
    ("times", "seconds", "origin"),
    [
        ([("a-1/x", 5.0), ("a-1/y", 5.0)], 5, Origin.MEMBERS),
        ([("a-1/x", 5.9), ("a-1/y", 5.1)], 5, Origin.MEMBERS),
        ([("a-1/x", 5), ("a-1/PKG-INFO", 7)], 7, Origin.PKG_INFO),
        ([("a-1/a.egg-info/PKG-INFO", 9), ("a-1/PKG-INFO", 7), ("a-1/x", 1)], 7, Origin.PKG_INFO),
        ([("a-1/a.egg-info/PKG-INFO", 9), ("a-1/x", 1)], 9, Origin.PKG_INFO),
    ],
)
def test_epoch_of_members(times: list[tuple[str, float]], seconds: int, origin: Origin) -> None:
    assert epoch.of_members(times) == Epoch(seconds=seconds, origin=origin)


@pytest.mark.parametrize("times", [[], [("a-1/x", 1), ("a-1/y", 2)], [("a-1/x", -5)]])
def test_members_without_epoch(times: list[tuple[str, float]]) -> None:
    with pytest.raises(ValueError, match="time"):
        epoch.of_members(times)


@pytest.mark.parametrize("text", ["x", "-1", "1.5", " 1", "1_000", "٣", "9" * 30, "4354819199"])
def test_environment_that_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        epoch.of_environment({"SOURCE_DATE_EPOCH": text})


@pytest.mark.parametrize("environ", [{}, {"SOURCE_DATE_EPOCH": ""}])
def test_environment_without_epoch(environ: dict[str, str]) -> None:
    assert epoch.of_environment(environ) is None


def test_environment_with_epoch() -> None:
    found = epoch.of_environment({"SOURCE_DATE_EPOCH": "315532799"})
    assert found is not None
    assert found.origin is Origin.ENVIRONMENT
    assert found.is_clamped_for_zip
    assert found.for_zip == 315532800


@given(st.integers(0, epoch.ZIP_CEILING))
def test_zip_never_gets_an_earlier_time_than_it_can_hold(seconds: int) -> None:
    found = epoch.of_commit(seconds)
    assert found.for_zip >= epoch.ZIP_FLOOR
    assert found.is_clamped_for_zip == (found.for_zip != seconds)
