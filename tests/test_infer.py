"""What is read off an artifact about how it was made."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from samebytes.infer.generators import read_generator
from samebytes.infer.options import wheel_options
from samebytes.infer.pythons import able_pythons, choose_pythons
from samebytes.infer.system import contradicted, merged, pinned, read_build_system
from samebytes.infer.tags import matching_tags
from samebytes.interpreter import Interpreter
from samebytes.recipe import PythonId
from samebytes.toml import read_toml
from samebytes.verify.revision import project_name

NAME = canonicalize_name("some-name")
#: With more digits than int() takes.
HUGE = st.integers(4000, 9000).map("9".__mul__)


@pytest.mark.parametrize(
    ("line", "pins"),
    [
        ("setuptools (75.6.0)", ["setuptools==75.6.0"]),
        ("bdist_wheel (0.37.1)", ["wheel==0.37.1", "setuptools<70.1"]),
        ("hatchling 1.18.0", ["hatchling==1.18.0"]),
        ("flit 3.9.0", ["flit-core==3.9.0"]),
        ("poetry-core 1.9.0", ["poetry-core==1.9.0"]),
        ("poetry 1.0.7", ["poetry-core==1.0.7"]),
        ("pdm-backend (2.4.3)", ["pdm-backend==2.4.3"]),
        ("uv 0.8.3", ["uv-build==0.8.3"]),
        ("scikit-build-core 0.10.7", ["scikit-build-core==0.10.7"]),
        ("maturin (1.7.4)", ["maturin==1.7.4"]),
        # what names no release
        ("pdm-backend (0.0.0+local)", []),
        ("setuptools (75.6.0.post20241124)", ["setuptools==75.6.0.post20241124"]),
        ("hatchling 1.19.dev0", []),
        ("flit", []),
        ("setuptools (one)", []),
    ],
)
def test_generators(line: str, pins: list[str]) -> None:
    generated = read_generator(line)
    assert generated is not None
    assert [str(pin) for pin in generated.pins] == pins


@pytest.mark.parametrize("line", ["", "someone 1.0", "(1.0)", "setuptools 1 2 3", "\0"])
def test_what_is_no_generator(line: str) -> None:
    assert read_generator(line) is None


@given(st.one_of(st.text(), HUGE.map("setuptools ({})".format)))
def test_any_line_is_read(line: str) -> None:
    read_generator(line)


@pytest.mark.parametrize(
    ("text", "requires", "is_own", "is_setuptools"),
    [
        ("", ("setuptools", "wheel"), False, True),
        ("[tool.black]", ("setuptools", "wheel"), False, True),
        ("not toml", ("setuptools", "wheel"), False, True),
        ('[build-system]\nrequires = ["Flit_Core"]\nbuild-backend = "flit_core.buildapi"',
         ("Flit_Core",), False, False),
        ('[build-system]\nrequires = []\nbuild-backend = "b"\nbackend-path = ["."]',
         (), True, False),
        ('[build-system]\nrequires = ["setuptools>=61"]', ("setuptools>=61",), False, True),
        ('[build-system]\nrequires = 1\nbuild-backend = 2', (), False, False),
        ('build-system = 1', ("setuptools", "wheel"), False, True),
    ],
)  # fmt: skip
def test_build_systems(
    text: str, requires: tuple[str, ...], is_own: bool, is_setuptools: bool
) -> None:
    system = read_build_system(text)
    assert (system.requires, system.is_own, system.is_setuptools) == (
        requires,
        is_own,
        is_setuptools,
    )


N = 16_000


@pytest.mark.parametrize(
    "key",
    ["a." * N + "b=1", "a . " * N + "b=1", '"a b".' * N + "b=1", f"[a{'.a' * N}]\nb=1",
     f"x = {{ a{'.a' * N} = 1 }}", "''." * N + "b=1"],
)  # fmt: skip
def test_keys_of_many_parts_are_not_read(key: str) -> None:
    text = f"{key}\n"
    begun = time.process_time()
    assert read_build_system(text).requires == ("setuptools", "wheel")
    assert project_name("pyproject.toml", text) is None
    with pytest.raises(ValueError, match="parts"):
        read_toml(text)
    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    "text",
    [f"a = '{'.' * 999}'", f"a = '{'One word. ' * 999}'", "a.b.c = '1.2.3'"],
)
def test_texts_may_have_any_number_of_dots(text: str) -> None:
    assert read_toml(text)


def test_requirements_give_way_to_pins() -> None:
    pins = tuple(map(Requirement, ("setuptools==82.0.1", "wheel==0.40")))
    requires = {"setuptools>=83", "Wheel", "setuptools_scm>=8", "not a requirement"}
    assert pinned(requires, pins) == {
        *("setuptools==82.0.1", "wheel==0.40", "setuptools_scm>=8", "not a requirement")
    }


@pytest.mark.parametrize(
    ("required", "pin", "expected"),
    [
        ("a[x, b]>=0.4", "a==0.4.8", "a[b,x]==0.4.8"),
        ("a>=2; python_version<'3.9'", "a==1", 'a==1; python_version < "3.9"'),
        ("a>=61", "a<70.1", "a<70.1,>=61"),
        ("A[x]!=2; os_name=='nt'", "a<3", 'a[x]!=2,<3; os_name == "nt"'),
        ("a", "a==1.*", "a==1.*"),
        ("a>=1.5", "a==1.*", "a==1.*,>=1.5"),
        ("a @ https://example.com/a.whl", "a==1", "a==1"),
        ("a", "a", "a"),
    ],
)
def test_what_a_pin_keeps_of_a_requirement(required: str, pin: str, expected: str) -> None:
    assert pinned({required}, (Requirement(pin),)) == {expected}


def test_one_requirement_in_two_parts() -> None:
    parts = {"a>=1; python_version<'3'", "a>=2; python_version>='3'"}
    assert pinned(parts, (Requirement("a==3"),)) == {
        *('a==3; python_version < "3"', 'a==3; python_version >= "3"')
    }


@pytest.mark.parametrize(
    ("required", "pins", "expected"),
    [
        (["Setuptools>=83", "wheel"], ["setuptools==82.0.1"], ["Setuptools>=83"]),
        (["setuptools>=83"], ["setuptools==83"], []),
        (["setuptools>=83"], ["setuptools==84rc1"], []),
        (["setuptools>=83"], ["setuptools<70"], []),
        (["setuptools<80", "setuptools[x]!=81", "("], ["setuptools==81"],
         ["setuptools<80", "setuptools[x]!=81"]),
    ],
)  # fmt: skip
def test_pins_that_the_source_contradicts(
    required: list[str], pins: list[str], expected: list[str]
) -> None:
    assert [*contradicted(required, map(Requirement, pins))] == expected


def test_of_several_bounds_the_lowest_stays() -> None:
    pins = [
        "wheel==0.37.1",
        "setuptools<70.1",
        "setuptools<57",
        "setuptools<62.2",
        "setuptools>=40",
    ]
    assert [str(pin) for pin in merged(map(Requirement, pins))] == [
        *("wheel==0.37.1", "setuptools<57,>=40")
    ]


@pytest.mark.parametrize(
    "tag",
    [
        *("1.2.3", "v1.2.3", "V1.2.3", "1.2.3.0", "v.1.2.3", "release-1.2.3", "release/1.2.3"),
        *("rel_1_2_3", "version-1.2.3", "some-name-1.2.3", "some_name-v1.2.3", "Some.Name/1.2.3"),
        *("some-name@1.2.3", "some-name/v1.2.3", "1.02.03"),
    ],
)
def test_tags_of_a_release(tag: str) -> None:
    assert [found.tag for found in matching_tags([tag], NAME, Version("1.2.3"))] == [tag]


@pytest.mark.parametrize(
    "tag",
    ["1.2", "v1.2.3rc1", "1.2.3.post1", "other-1.2.3", "some-name", "v", "", "1.2.34", "x/y/1.2.3"],
)
def test_tags_of_something_else(tag: str) -> None:
    assert matching_tags([tag], NAME, Version("1.2.3")) == ()


def test_tags_by_how_well_they_fit() -> None:
    tags = ["release-1.0", "1.0", "some-name-1.0", "other-1.0", "v1.0"]
    found = [each.tag for each in matching_tags(tags, NAME, Version("1.0"))]
    assert found == ["some-name-1.0", "1.0", "v1.0", "release-1.0"]


def test_calendar_versions_with_zeros() -> None:
    assert matching_tags(["2024.01.05"], NAME, Version("2024.1.5"))[0].tag == "2024.01.05"


@given(st.one_of(st.text(max_size=40), HUGE.map("v{}".format)))
def test_any_tag_is_read(tag: str) -> None:
    matching_tags([tag], NAME, Version("1.2.3"))


@pytest.mark.parametrize(
    ("filename", "setup_cfg", "options"),
    [
        ("a-1-py3-none-any.whl", "", {}),
        ("a-1-py2.py3-none-any.whl", "", {"universal": "1"}),
        ("a-1-py2.py3-none-any.whl", "[bdist_wheel]\nuniversal = 1\n", {}),
        ("a-1-py2.py3-none-any.whl", "[a]\nb=1\n[wheel]\n  Universal:True", {}),
        ("a-1-py2.py3-none-any.whl", "[bdist_wheel]\nuniversal = 0\n", {"universal": "1"}),
        ("a-1-py2.py3-none-any.whl", "[other]\nuniversal = 1\n", {"universal": "1"}),
        ("a-1-py2.py3-none-any.whl", "[wheel]\n[other\nuniversal = 1\n", {"universal": "1"}),
        ("a-1-py2-none-any.whl", "", {"python_tag": "py2"}),
        ("a-1-py39-none-any.whl", "", {"python_tag": "py39"}),
        ("a-1-2-py3-none-any.whl", "", {"build_number": "2"}),
        ("a-1-cp311-cp311-linux_x86_64.whl", "", {}),
    ],
)
def test_options(filename: str, setup_cfg: str, options: dict[str, str]) -> None:
    found, decisions = wheel_options(filename, setup_cfg)
    assert found == options
    assert len(decisions) == len(options)


@pytest.mark.parametrize("text", ["\n", " ", "\t\n", "universal", "universal=", "[", "[wheel]\n"])
def test_hostile_files_take_little_time(text: str) -> None:
    long = text * (1024**2 // len(text))
    begun = time.process_time()
    for before in ("", "[bdist_wheel]\n", "[bdist_wheel]\na", "universal", "setuptools ("):
        wheel_options("a-1-py2.py3-none-any.whl", before + long)
        project_name("setup.py", before + long + "!")
        read_generator(before + long + "!")
        matching_tags([before + long + "!"], NAME, Version("1"))
    assert time.process_time() - begun < 10


def python(version: str) -> Interpreter:
    identity = PythonId(implementation="CPython", version=Version(version), zlib="1.3")
    return Interpreter(path=Path("/bin/sh"), identity=identity, platform="linux")


HERE = [python(version) for version in ("3.8.18", "3.10.13", "3.11.7", "3.12.1", "3.13.0")]


@pytest.mark.parametrize(
    ("requires", "uploaded", "chosen"),
    [
        ("", (2026, 1, 1), "3.13.0"),
        ("", (2024, 1, 1), "3.12.1"),
        ("", (2021, 12, 1), "3.10.13"),
        ("", (2015, 1, 1), "3.8.18"),
        ("<3.11", (2026, 1, 1), "3.10.13"),
        (">=3.9", (2015, 1, 1), "3.10.13"),
        ("<3", (2026, 1, 1), "3.13.0"),  # none here: it has no say
        ("nonsense", (2024, 1, 1), "3.12.1"),
    ],
)
def test_pythons(requires: str, uploaded: tuple[int, int, int], chosen: str) -> None:
    moment = datetime(*uploaded, tzinfo=UTC)
    first, decision = next(choose_pythons(HERE, requires, moment))
    assert str(first.identity.version) == chosen == decision.value


@given(st.one_of(st.text(), HUGE.map(">={}".format)))
def test_any_requires_python_is_read(requires: str) -> None:
    assert list(choose_pythons(HERE, requires, None))


@pytest.mark.parametrize(
    ("pins", "newest"),
    [
        ([], "3.13.0"),
        (["setuptools==75.1.0"], "3.13.0"),
        (["setuptools==60.0.0"], "3.11.7"),
        (["setuptools<66.1"], "3.11.7"),
        (["setuptools<=66.0"], "3.11.7"),
        (["setuptools<=66.1"], "3.13.0"),
        (["setuptools==66.1.0"], "3.13.0"),
        (["setuptools>=60"], "3.13.0"),
        (["setuptools<62.2"], "3.11.7"),
        (["setuptools<70.1"], "3.13.0"),
        (["wheel==0.30"], "3.13.0"),
    ],
)
def test_old_setuptools_needs_an_older_python(pins: list[str], newest: str) -> None:
    able = able_pythons(HERE, map(Requirement, pins))
    assert str(able[-1].identity.version) == newest
