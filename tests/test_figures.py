"""What a site and an export ask of a store: counts, and everything in order."""

from __future__ import annotations

import re
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version
from stores import KEY, artifact, record

from samebytes.fleet.backend import backend_of
from samebytes.fleet.record import Artifact
from samebytes.fleet.store import figures
from samebytes.fleet.store.figures import Figures, Row
from samebytes.fleet.store.store import Store

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

import rows as synthetic


def of(project: str, version: str, tag: str = "py3") -> Artifact:
    name = project.replace("-", "_")
    return artifact(
        filename=f"{name}-{version}-{tag}-none-any.whl",
        project=canonicalize_name(project),
        version=Version(version),
    )


def test_rows_by_project_the_newest_version_first(folder: Path) -> None:
    wanted = [
        *(
            ("a", "10.0", "py2"),
            ("a", "10.0", "py3"),
            ("a", "9.1", "py3"),
            ("a", "9.0.post1", "py3"),
        ),
        *(("a", "9.0", "py3"), ("a", "9.0rc1", "py3"), ("a-b", "1", "py3"), ("ab", "1!0.1", "py3")),
        ("ab", "2026.1", "py3"),
    ]
    with Store.open(folder / "x") as store:
        for each in sorted(wanted, reverse=True):
            one = of(*each)
            store.put(one, KEY, record(one))
        assert [row.filename for row in Figures(store).rows()] == [
            of(*each).filename for each in wanted
        ]


def test_rows_of_a_run_only(folder: Path) -> None:
    path = folder / "x"
    for some in (range(5), range(3, 8)):
        with Store.open(path) as store:
            store.begin("local", 1, "samebytes audit")
            for number in some:
                store.select(artifact(number), kept=False)
    with Store.open(path) as store:
        names = [artifact(number).filename for number in range(8)]
        for run, expected in ((1, names[:3]), (2, names[3:]), (3, []), (None, names)):
            figures = Figures(store, run)
            assert [row.filename for row in figures.rows()] == expected
            assert sum(figures.shares().values()) == len(expected)


def test_rows_while_another_run_takes_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "_PAGE", 2)
    path = folder / "x"
    made = [of(project, str(version)) for project in "abc" for version in range(1, 6)]
    with Store.open(path) as store:
        store.begin("local", 1, "samebytes audit")
        for one in made:
            store.select(one, kept=False)
    with Store.open(path) as store, Store.read(path) as reader:
        assert [row.filename for row in Figures(reader, 1).rows()] == [
            row.filename for row in Figures(reader).rows()
        ]
        store.begin("local", 1, "samebytes audit")
        fetch = Figures._fetch

        def busy(self: Figures, *query: Any) -> list[tuple[Any, ...]]:
            found = fetch(self, *query)
            if "FROM artifact" in query[0]:
                for one in made[:8]:
                    store.select(one, kept=False)
                store.commit()
            return found

        monkeypatch.setattr(Figures, "_fetch", busy)
        seen = [row.filename for row in Figures(reader).rows()]
    assert sorted(seen) == sorted(one.filename for one in made)


@pytest.mark.parametrize(
    ("said", "evidence", "name"),
    [
        ("setuptools 75.6.0", None, "setuptools"),
        ("setuptools (bdist_wheel 0.45.1)", None, "setuptools"),
        ("poetry-core 2.1", None, "poetry-core"),
        ("hatchling 1.27.0", None, "hatchling"),
        ("flit 3.10", None, "flit"),
        ("My_Own.backend 1", None, "my-own-backend"),
        (None, None, None),
        ("", "setuptools==75.6.0", "setuptools"),
        ("\x1b[31m", "hatchling==1.27", "hatchling"),
        ("<script>", None, None),
        ("x" * 41, None, None),
        (None, "wheel==0.45.1, setuptools<70.1", "setuptools"),
        (None, "flit-core==3.10.1", "flit"),
        (None, "uv-build==0.8", "uv"),
        (None, "what the source requires: hatchling, hatch-vcs", "hatchling"),
        (None, "what the source requires: cython>=3,<4, setuptools>=61", "setuptools"),
        (None, "what the source requires: nothing", None),
        (None, "what the source requires: cython", None),
    ],
)
def test_backends(said: str | None, evidence: str | None, name: str | None) -> None:
    decisions = [{"what": "backend", "value": evidence, "why": ""}] if evidence else []
    result = {"evidence": [{"what": "umask", "value": "flit", "why": ""}, *decisions]}
    assert backend_of(result, {"first": {"backend": said}}) == name
    if not said:
        assert backend_of(result, None) == name


def test_with_what_it_was_built_stays_known(folder: Path) -> None:
    one = artifact()
    with Store.open(folder / "x") as store:
        store.put(one, KEY, record(one, "different"))
        failed = record(one, "unbuildable")
        store.put(one, KEY, record(one, "unbuildable", result={**failed.result, "evidence": []}))
        assert [row.backend for row in Figures(store).rows()] == ["setuptools"]


def test_figures_of_synthetic_rows(folder: Path) -> None:
    path, count = folder / "x", 1500
    synthetic.fill(path, count)
    made = {one.filename: one for one in synthetic.made(count)}
    with Store.read(path) as store:
        figures = Figures(store, 1)
        rows = list(figures.rows())
        assert {row.filename for row in rows} == made.keys()
        order = [(row.project, -rank) for row, rank in zip(rows, _ranks(rows), strict=True)]
        assert order == sorted(order)
        assert figures.shares() == Counter(row.verdict for row in rows)
        assert figures.groups() == Counter((row.verdict, row.backend, row.month) for row in rows)
        for row in rows[::50]:
            found, one = figures.documents(row), made[row.filename]
            if one.verdict == "pending":
                assert (found, row.record) == (None, None)
                continue
            assert found == (synthetic.result(one), synthetic.comparison(one))
            assert row.has_comparison is (found[1] is not None)
            assert len(figures.attempts(row)) == 1


def _ranks(rows: list[Row]) -> list[int]:
    versions = sorted({row.version for row in rows})
    numbers = {version: number for number, version in enumerate(versions)}
    return [numbers[row.version] for row in rows]


@pytest.mark.slow
def test_a_store_of_many_is_pleasant(folder: Path) -> None:
    """Far below what it should take, as other tests run beside it."""
    path, count = folder / "x", 10_000
    synthetic.fill(path, count)
    with Store.read(path) as store:
        begun = time.perf_counter()
        figures = Figures(store)
        assert figures.shares()
        assert time.perf_counter() - begun < 0.5
        begun = time.perf_counter()
        status = store.status()
        assert time.perf_counter() - begun < 0.1
        assert status is not None
        assert status.done == sum(figures.shares().values()) - figures.shares()["pending"]
        begun = time.perf_counter()
        assert sum(1 for _ in figures.rows()) == count
        assert time.perf_counter() - begun < 10
        for query in (
            "SELECT state, backend, month, count(*) FROM artifact"
            " GROUP BY run, state, backend, month",
            "SELECT 1 FROM attempt WHERE run = 1 AND outcome IS NULL ORDER BY id",
            "SELECT 1 FROM attempt WHERE run = 1 AND outcome IN ('done', 'lost', 'error')"
            " ORDER BY ended_at - begun_at DESC",
            "SELECT 1 FROM attempt WHERE run = 1 AND reason <> '' ORDER BY id DESC",
        ):
            plan = store.connection.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
            assert all("USING" in step[3] and "INDEX" in step[3] for step in plan), plan


DOCS = Path(__file__).parents[1] / "docs/reference/store.md"


def test_every_column_is_documented(folder: Path) -> None:
    sections = re.split(r"^### ", DOCS.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    documented = {
        section.split()[0]: [
            name
            for line in section.partition("\n## ")[0].splitlines()
            if line.startswith("| `")
            for name in re.findall(r"`(\w+)`", line.split("|")[1])
        ]
        for section in sections
    }
    with Store.open(folder / "x") as store:
        columns: dict[str, list[str]] = {}
        for table, column in store.connection.execute(
            "SELECT t.name, c.name FROM sqlite_master t, pragma_table_info(t.name) c"
            " WHERE t.type = 'table' ORDER BY t.rowid, c.cid"
        ):
            columns.setdefault(table, []).append(column)
    assert {name: sorted(found) for name, found in documented.items()} == {
        name: sorted(found) for name, found in columns.items()
    }


def test_the_questions_of_the_docs_have_answers(folder: Path) -> None:
    queries = re.findall(r"```sql\n(.+?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert len(queries) >= 6
    synthetic.fill(folder / "x", 500)
    with Store.open(folder / "x") as store:
        store.begin("local", 1, "samebytes audit")
        one = of("click", "8.1.8")
        store.put(one, KEY, record(one))
        store.put(one, replace(KEY, inference=6), record(one, "equivalent"))
        for outcome in ("lost", "done"):
            store.ended(store.attempt(one, 1), outcome, worker="local")
    with Store.read(folder / "x") as store:
        for query in queries:
            assert store.connection.execute(query).fetchall(), query
