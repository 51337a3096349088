"""Lists of projects in every format, hostile ones too, and all that an audit is told to look at."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from samebytes.errors import UserError
from samebytes.fleet.inputs import projects
from samebytes.fleet.inputs.named import COMMAND_LINE, read_inputs
from samebytes.fleet.inputs.projects import ranked, read_projects
from samebytes.fleet.inputs.wanted import Versions, Wanted


def names(folder: Path, text: str, name: str = "list") -> list[str]:
    path = folder / name
    path.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
    return [each.name for each in read_projects(path)]


TOP = {
    "last_update": "2026-11-01",
    "rows": [
        {"download_count": 9, "project": "boto3"},
        {"download_count": 7, "project": "Typing_Extensions"},
        {"download_count": 8, "project": "urllib3"},
    ],
}


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("list.txt", "boto3\nurllib3\n", ["boto3", "urllib3"]),
        ("list", "\ufeffboto3\r\n\r\n  # most used\r\nUrl.Lib3 # why\r\n", ["boto3", "url-lib3"]),
        ("list", "a\nb\na\nA\n", ["a", "b"]),
        ("list", "a\u2028b", ["a", "b"]),
        ("list", "a 5\nb 7\nc\t6\n", ["b", "c", "a"]),
        ("list", "a 5\nb\nc 6\n", ["a", "b", "c"]),
        ("list.csv", "project,download_count\na,5\nb,7\n", ["b", "a"]),
        ("list", "a,5\nb,7\n", ["b", "a"]),
        ("list", 'rank,"name"\n1,"b"\n2,a\n', ["b", "a"]),
        ("list.csv", "project\na\nname\n", ["a", "name"]),
        ("list.csv", "name,5\nb,4\n", ["name", "b"]),
        ("list.csv", "a\n\n# no\nb\n", ["a", "b"]),
        ("list", "# of 2026\na, 5\nb, 7\n", ["b", "a"]),
        ("top.json", json.dumps(TOP), ["boto3", "urllib3", "typing-extensions"]),
        ("list", json.dumps(TOP, indent=1), ["boto3", "urllib3", "typing-extensions"]),
        ("list", '["b", "a"]', ["b", "a"]),
        ("list", '{"rows": [{"name": "b"}, {"project": "a"}]}', ["b", "a"]),
    ],
)  # fmt: skip
def test_each_format(tmp_path: Path, name: str, text: str, expected: list[str]) -> None:
    assert names(tmp_path, text, name) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it has none"),
        ("# nothing\n\n", "it has none"),
        ("{}", "'rows' is missing"),
        ("[]", "it has none"),
        ('{"rows": 5}', "rows: expected an array"),
        ('{"rows": [5]}', r"rows\[0\]: expected an object"),
        ('{"rows": [{"project": "a"}, {"x": 1}]}', r"rows\[1\]: 'project' is missing"),
        ('{"rows": [{"project": "a", "count": "5"}]}', r"rows\[0\].count: expected a whole number"),
        ('{"rows": [{"project": "a", "count": -5}]}', r"rows\[0\]: '-5' is no count"),
        ('{"rows": [{"project": "\\ud800"}]}', "half of a surrogate pair"),
        ("[" * 100_000, "nested|recursion"),
        ('{"rows": [', "Expecting value"),
        ("django==5.2", "line 1: 'django==5.2' is not the name"),
        ("a\n-r other.txt\n", "line 2 is not a name"),
        ("a\nb --hash=sha256:00\n", "line 2 is not a name"),
        ("a\n../../etc/passwd\n", "line 2: '../../etc/passwd' is not the name"),
        ("a\nb five\n", "line 2 is not a name, or a name and a count"),
        ("a\nb 5 6\n", "line 2 is not a name"),
        ("a " + "9" * 19, "line 1 is not a name"),
        ("a" * 201, "line 1: 'a{60}…' is longer than any name"),
        ("a\n\x1b[2Jb\n", "line 2"),
        ("a,5\nb,x\n", "line 2: 'x' is no count"),
        ("rank,name\n1\n", "line 2 has no name"),
        ("a,5\n,6\n", "line 2: '' is not the name"),
        ('a,"5\n' + "x" * 200_000, "line 2: field larger"),
    ],
)  # fmt: skip
def test_what_is_no_list(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason) as caught:
        names(tmp_path, text)
    assert str(tmp_path) in caught.value.message
    assert "one name a line" in caught.value.hint
    assert "\n" not in caught.value.message


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes(b"a\n\xff\n")
    with pytest.raises(UserError, match=r"list, line 2: this is not UTF-8.") as caught:
        read_projects(path)
    assert "list of projects" in caught.value.hint
    with pytest.raises(UserError, match="There is no file"):
        read_projects(tmp_path / "other")
    with pytest.raises(UserError, match="cannot be read"):
        read_projects(tmp_path)


def test_more_than_any_index_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projects, "MAX_PROJECTS", 3)
    with pytest.raises(UserError, match="more than 3 projects"):
        names(tmp_path, "a\nb\nc\nd\n")
    monkeypatch.setattr(projects, "MAX_SIZE", 3)
    with pytest.raises(UserError, match="more than 3 bytes"):
        names(tmp_path, "a\nb\n")


def test_long_lists_are_read_in_seconds(tmp_path: Path) -> None:
    begun = time.process_time()
    rows = [{"project": f"project-{number}", "download_count": number} for number in range(50_000)]
    assert len(names(tmp_path, json.dumps({"rows": rows}))) == 50_000
    assert len(names(tmp_path, "".join(f"{row['project']},5\n" for row in rows))) == 50_000
    assert time.process_time() - begun < 10


@given(st.text(alphabet="ab,\n# \"'[{:}]5\\\t=é\0", max_size=60))
def test_whatever_it_says(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any-list"
    path.write_text(text, newline="")
    try:
        found = read_projects(path)
    except UserError:
        return
    assert len({each.name for each in found}) == len(found) > 0


def test_the_best_place_in_any_list_counts(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("a\nb\nc\n")
    two.write_text("c\nd\n")
    lists = [(path, read_projects(path)) for path in (one, two)]
    found = [(rank, path.name, each.name) for rank, path, each in ranked(lists)]
    assert found == [(1, "one", "a"), (1, "two", "c"), (2, "one", "b"), (2, "two", "d")]


# All that is named


def test_what_is_named_comes_before_what_is_used(tmp_path: Path) -> None:
    lock, top = tmp_path / "requirements.txt", tmp_path / "top"
    lock.write_text("one==1.0\n-e ./here\n--index-url https://x\none==2.0\n")
    top.write_text("used\nsix\none\n")
    every = Versions(only_latest=False)
    found = read_inputs(["six", "Click==8.1", "six", "pypi:one==1.0"], [lock], [top], every)
    assert [str(each) for each in found.wanted] == [
        *("one==1.0", "one==2.0", "click==8.1", "six", "used", "one"),
    ]
    assert found.wanted[0] == Wanted(
        name=found.wanted[0].name, version=Version("1.0"), origin=f"{lock}, line 1"
    )
    assert [each.rank for each in found.wanted] == [None] * 4 + [1, 3]
    assert [each.versions.only_latest for each in found.wanted[2:]] == [True, False, False, False]
    assert found.wanted[3].origin == COMMAND_LINE
    assert found.wanted[4].origin == f"{top}, line 1"
    assert [(each.filename, each.is_entry) for each in found.skipped] == [("./here", True)]
    assert [each.option for each in found.ignored] == ["--index-url"]


@pytest.mark.parametrize(
    "text",
    [
        *("six>=1", "six==1.*", "six @ https://files.example/six", "./here", "-r", "", "six==x"),
        "six-1.17.0-py2.py3-none-any.whl",
    ],
)
def test_what_is_no_requirement(text: str) -> None:
    with pytest.raises(UserError, match="is neither a project nor one release") as caught:
        read_inputs([text])
    assert "django==5.2.19" in caught.value.hint


@pytest.mark.parametrize("name", ["requirements.txt", "top.json", "names.csv", "uv.lock"])
def test_a_file_is_not_taken_for_a_project_of_its_name(name: str) -> None:
    """There are such projects."""
    with pytest.raises(UserError, match="is neither") as caught:
        read_inputs([name])
    assert f"-r {name}, or --projects {name}" in caught.value.hint


def test_versions_of_what_has_one() -> None:
    with pytest.raises(UserError, match="all that is named is pinned") as caught:
        read_inputs(["six==1.17.0"], versions=Versions())
    assert "--versions" in caught.value.hint
    assert read_inputs(["six==1.17.0", "click"], versions=Versions()).wanted[1].name == "click"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("latest", Versions()),
        ("all", Versions(only_latest=False)),
        ("since:2026-01-31", Versions(only_latest=False, since=datetime(2026, 1, 31, tzinfo=UTC))),
        (
            "since:2026-01-31T10:00:00+02:00",
            Versions(only_latest=False, since=datetime(2026, 1, 31, 8, tzinfo=UTC)),
        ),
    ],
)
def test_which_versions(text: str, expected: Versions) -> None:
    assert Versions.read(text) == expected
    assert Versions.read(str(expected)) == expected


@pytest.mark.parametrize(
    "text",
    ["", "newest", "since", "since:", "since:yesterday", "all:", "since:0001-01-01T00:00:00+23:59"],
)
def test_which_versions_in_other_words(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Versions.read(text)
