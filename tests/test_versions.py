"""What strangers write for versions and requirements, before anything else reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from samebytes.builder import build_system_requires
from samebytes.compare.contents.fields import read_metadata
from samebytes.compare.contents.reading import Bounds
from samebytes.errors import ArtifactError, UserError
from samebytes.fleet.inputs.requirements import read_requirements
from samebytes.index.settings import IndexSettings
from samebytes.interpreter import find_interpreter
from samebytes.process import Finished, Runner
from samebytes.toolchain import Toolshed
from samebytes.verify.targets import read_requirement
from samebytes.versions import requirement_or_none, specifiers_or_none, version_or_none

DIGITS = st.integers(1, 9000).map("9".__mul__)
#: Versions, specifiers and requirements, with numbers that no int() takes.
HUGE = st.lists(st.one_of(DIGITS, st.sampled_from([*".!+-*,<>=~ ;()[]'\"", "a", "rc", "post"])))


@given(st.one_of(st.text(), HUGE.map("".join)))
def test_any_text_is_read(text: str) -> None:
    version_or_none(text)
    specifiers = specifiers_or_none(text)
    if specifiers is not None:
        specifiers.contains(Version("3.12.1"), prereleases=True)
    requirement = requirement_or_none(text)
    assert requirement is None or str(requirement)


def test_what_is_read() -> None:
    assert version_or_none("1.02") == Version("1.2")
    assert version_or_none("9" * 201) is None
    assert str(specifiers_or_none(">=3,<4")) == "<4,>=3"
    assert str(requirement_or_none("a[b] >=1; python_version<'3'")) == (
        'a[b]>=1; python_version < "3"'
    )


class UvAsked(Exception):  # noqa: N818
    """Holds the lines that uv would have read."""


class Asked(Runner):
    def run(self, *args: object, **options: object) -> Finished:
        stdin = options["stdin"]
        assert isinstance(stdin, bytes)
        raise UvAsked(stdin.decode())


@pytest.fixture(scope="module")
def shed(tmp_path_factory: pytest.TempPathFactory) -> Toolshed:
    return Toolshed(
        runner=Asked(),
        environ={},
        settings=IndexSettings(),
        interpreter=find_interpreter(None, Runner(), {}),
        cache=tmp_path_factory.mktemp("cache"),
    )


HOSTILE = {
    "lines by escapes": "a; python_version < '3\\x22\\n--extra-index-url http://e\\n\\x22'",
    "lines": "a; python_version < '3\n--extra-index-url http://e\n'",
    "line separator": "a; python_version < '3\u2028--extra-index-url http://e'",
    "carriage return by escape": "a; python_version < '3\\r--extra-index-url http://e'",
    "both quotes": "a; python_version < '3\\x22\\x27'",
    "an option": "--extra-index-url=http://e",
    "a short option": "-rfile",
    "nested": "a; " + "(" * 900,
    "nested deeper": "a; " + "(" * 100_000,
    "long": "a" * 1001,
    "hidden": "a; python_version < '3\u202e'",
    "nul": "a; python_version < '\\0'",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_requirements_that_uv_never_sees(shed: Toolshed, text: str) -> None:
    with pytest.raises(ArtifactError, match="is malformed") as raised:
        shed.resolve([text, "wheel"], None)
    assert raised.value.message.isprintable()
    assert len(raised.value.message) < 400


def test_more_requirements_than_any_project_has(shed: Toolshed) -> None:
    with pytest.raises(ArtifactError, match="1,001 build requirements"):
        shed.resolve([f"a{number}" for number in range(1001)], None)


def test_no_requirement_is_the_name_of_a_file(shed: Toolshed) -> None:
    with pytest.raises(UvAsked) as asked:
        shed.resolve(["evil-1.0-py3-none-any.whl", "Zope.Interface[A]>1; os_name=='x'"], None)
    assert str(asked.value).splitlines() == [
        "evil-1-0-py3-none-any-whl",
        'zope-interface[A]>1; os_name == "x"',
    ]


NINES = "9" * 5000


@pytest.mark.parametrize(
    "read",
    [
        lambda: read_requirement(f"a=={NINES}"),
        lambda: read_requirement("a; " + "(" * 900),
        lambda: read_requirements(Path("r.txt"), f"a=={NINES[:4000]}"),
        lambda: read_requirements(Path("r.txt"), "a; " + "(" * 4000),
        lambda: find_interpreter(NINES, Runner(), {}),
    ],
)
def test_what_users_name_is_refused_in_words(read: Callable[[], object]) -> None:
    with pytest.raises(UserError):
        read()


@pytest.mark.parametrize(
    "line",
    [
        f"Requires-Python: >={NINES}",
        "Requires-Dist: a; os_name == '\\x22\\x27'",
        f"Requires-Dist: a; {'(' * 9000}",
    ],
)
def test_metadata_that_are_compared_may_hold_anything(line: str) -> None:
    assert read_metadata(f"{line}\n", "Requires-Python: >=3\nRequires-Dist: a\n", Bounds()).findings


def test_no_build_begins_with_a_key_of_many_parts(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[build-system]\nrequires = []\n{'a.' * 16_000}b = 1")
    with pytest.raises(ArtifactError, match="a key has more than 100 parts"):
        build_system_requires(tmp_path)


def test_no_build_begins_with_more_requirements_than_any_project_has(tmp_path: Path) -> None:
    requires = [f"a{number}" for number in range(1001)]
    (tmp_path / "pyproject.toml").write_text(f"[build-system]\nrequires = {requires}")
    with pytest.raises(ArtifactError, match="1,001 build requirements"):
        build_system_requires(tmp_path)
