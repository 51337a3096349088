"""Stores of as many artifacts as one likes, as an audit of an index would fill them.

    python benchmarks/rows.py STORE COUNT

What is in them is made up: the shares of verdicts are those of popular projects, the backends,
ages, sizes and durations are spread as they are on an index. Every document is whole. The same
count gives the same rows.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
from bisect import bisect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate, islice
from itertools import count as numbers
from pathlib import Path
from time import perf_counter
from typing import Any
from zlib import compress

from samebytes import __version__
from samebytes.fleet.store.store import Store

BACKENDS = {
    "setuptools": 620,
    "poetry-core": 130,
    "hatchling": 130,
    "flit": 70,
    "pdm-backend": 25,
    "uv": 20,
    "whey": 5,
}
VERDICTS = {"identical": 460, "equivalent": 440, "different": 60, "unbuildable": 35, "pending": 5}
#: Artifacts of one project: most have some, some have hundreds.
_RELEASES = (1, 2, 3, 4, 6, 9, 14, 25, 60, 250)
_FIRST_DAY, _DAYS = datetime(2015, 1, 1, tzinfo=UTC), 4300
TERMS = (
    f"samebytes {__version__}; sandbox of 4294967296 bytes; 4 attempts of 600 s; Pythons: "
    "CPython 3.13.1 zlib 1.3.1, CPython 3.12.8 zlib 1.3.1, CPython 3.11.11 zlib 1.2.13"
)
_PYTHON = {"implementation": "CPython", "version": "3.13.1", "zlib": "1.3.1"}
_FILL = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One artifact that there never was."""

    number: int
    project: str
    version: str
    backend: str
    verdict: str
    uploaded: datetime
    seconds: float
    members: int

    @property
    def filename(self) -> str:
        return f"{self.project.replace('-', '_')}-{self.version}-py3-none-any.whl"

    @property
    def sdist(self) -> str:
        return f"{self.project.replace('-', '_')}-{self.version}.tar.gz"

    @property
    def sha256(self) -> str:
        return _sha256(self.filename)


def made(count: int, seed: int = 8) -> Iterator[Made]:
    """So many artifacts, project after project."""
    chance = random.Random(seed)
    return islice(_endless(chance), count)


def _endless(chance: random.Random) -> Iterator[Made]:
    number = 0
    backends, verdicts = _chooser(BACKENDS), _chooser(VERDICTS)
    for project in numbers():
        name = f"{chance.choice(_WORDS)}-{chance.choice(_WORDS)}-{project}"
        backend = backends(chance)
        day = _FIRST_DAY + timedelta(days=int(_DAYS * chance.random() ** 0.6))
        members = int(chance.lognormvariate(3, 1.2)) + 4
        for release in range(chance.choice(_RELEASES)):
            number += 1
            day += timedelta(days=chance.expovariate(1 / 60))
            yield Made(
                number=number,
                project=name,
                version=f"{release // 100}.{release // 10 % 10}.{release % 10}",
                backend=backend,
                verdict=verdicts(chance),
                uploaded=min(day, _FIRST_DAY + timedelta(days=_DAYS)),
                seconds=round(chance.lognormvariate(1.6, 0.9), 3),
                members=members,
            )


def _chooser(weights: Mapping[str, int]) -> Any:
    names, sums = list(weights), list(accumulate(weights.values()))
    return lambda chance: names[bisect(sums, chance.random() * sums[-1])]


_WORDS = (
    *("acorn", "amber", "birch", "brook", "cedar", "cliff", "dune", "ember", "fern", "frost"),
    *("grove", "heath", "heron", "ivory", "lark", "maple", "mist", "moss", "oak", "onyx", "otter"),
    *("pebble", "pine", "quartz", "rain", "reed", "river", "slate", "sparrow", "thorn", "wren"),
)


def result(one: Made) -> dict[str, object]:
    """What was found out about it, as it is in verify-1.json."""
    is_built = one.verdict != "unbuildable"
    differences = _differences(one)
    is_equivalent = one.verdict == "equivalent"
    failure = {
        "phase": "build",
        "message": "The build backend failed to build the wheel.",
        "detail": "".join(f"compiling {one.project}/part{n}.py\n" for n in range(20)),
    }
    upload = f"{one.uploaded:%Y-%m-%d %H:%M:%S}"
    return {
        "artifact": one.filename,
        "sha256": one.sha256,
        "source": one.sdist,
        "verdict": one.verdict,
        "places": ["code"] if one.verdict == "different" else [],
        "phantoms": [],
        "problems": [],
        "corrections": differences if is_equivalent else [],
        "differences": [] if is_equivalent else differences,
        "recompressed": None,
        "causes": [_cause(differences)] if differences else [],
        "failure": None if is_built else failure,
        "recipe": {
            "source": {"kind": "sdist", "filename": one.sdist, "sha256": _sha256(one.sdist)},
            "epoch": int(one.uploaded.timestamp()),
            "route": "sdist",
            "python": _PYTHON,
            "as_of": one.uploaded.isoformat(),
            "requirements": [
                {"name": name, "version": "1.0", "sha256": [_sha256(name + one.version)]}
                for name in (one.backend, "packaging", "pluggy")
            ],
            "environment": {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"},
            "bdist_wheel": {},
        },
        "evidence": [
            {
                "what": "backend",
                "value": f"{one.backend}==1.0",
                "why": f"WHEEL says Generator: {one.backend} 1.0",
            },
            {"what": "requirements", "value": f"as of {upload} UTC", "why": "its upload"},
            {"what": "Python", "value": "3.13.1", "why": "the newest that it allows"},
            {"what": "times", "value": upload, "why": "all members have this time"},
        ],
        "tried": [],
        "remarks": [],
        "provenance": None,
        "sandboxed": True,
        "kept": None,
        "attempts": 1 if one.verdict == "identical" else 2,
        "seconds": one.seconds,
    }


def comparison(one: Made) -> dict[str, object] | None:
    """The comparison with what was built, as it is in diff-1.json."""
    if one.verdict == "unbuildable":
        return None
    differences = _differences(one)
    view = {
        "member": f"{one.project}/__init__.py",
        "form": "text",
        "lines": [["-", f"__version__ = '{one.version}'"], ["+", "__version__ = '0'"]],
        "omitted": 0,
    }
    side = {
        "filename": one.filename,
        "form": "wheel",
        "format": "zip",
        "size": one.members * 4321,
        "sha256": one.sha256,
        "members": one.members,
        "backend": f"{one.backend} 1.0",
    }
    other = side | ({"sha256": _sha256(f"other {one.filename}")} if differences else {})
    return {
        "verdict": one.verdict,
        "where": ["code"] if one.verdict == "different" else [],
        "first": side,
        "second": other,
        "recompressed": None,
        "explanations": [
            {name: value for name, value in _cause(differences).items() if name != "count"}
            | {"differences": differences}
        ]
        if differences
        else [],
        "contents": [view] if one.verdict == "different" else [],
    }


def _cause(differences: list[dict[str, object]]) -> dict[str, object]:
    return {
        "cause": "no-epoch",
        "title": "the build wrote its own time",
        "reason": "The members of the first have 2 times, of the second one.",
        "fix": "Set SOURCE_DATE_EPOCH.",
        "count": len(differences),
    }


def _differences(one: Made) -> list[dict[str, object]]:
    if one.verdict == "equivalent":
        times = f"{one.uploaded:%Y-%m-%d %H:%M:%S}", "1980-01-01 00:00:00"
        kind, level = "zip-mtime", "container"
    elif one.verdict == "different":
        times = f"__version__ = '{one.version}'", "__version__ = '0'"
        kind, level = "member-content", "content"
    else:
        return []
    return [
        {
            "kind": kind,
            "level": level,
            "member": f"{one.project}/part{n}.py",
            "field": "",
            "first": times[0],
            "second": times[1],
        }
        for n in range(min(one.members, 5 if level == "content" else 500))
    ]


def fill(path: Path, count: int) -> None:
    """Have so many artifacts in a new store, all of one run, without waiting for the disk."""
    with Store.open(path) as store:
        store.begin("benchmark", 2, f"python benchmarks/rows.py {path.name} {count}")
        connection = store.connection
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        connection.execute("INSERT INTO terms VALUES (1, ?)", (TERMS,))
        artifacts = made(count)
        now = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
        while some := list(islice(artifacts, _FILL)):
            _insert(connection, some, now)
        store.counted(planned=count, is_planned=True)
    with Store.open(path) as store:
        store.connection.execute(
            "UPDATE run SET (identical, equivalent, different, unbuildable) = (SELECT"
            " count(*) FILTER (WHERE state = 'identical'),"
            " count(*) FILTER (WHERE state = 'equivalent'),"
            " count(*) FILTER (WHERE state = 'different'),"
            " count(*) FILTER (WHERE state = 'unbuildable') FROM artifact)"
        )


def _insert(connection: Any, some: list[Made], now: float) -> None:
    final = [one for one in some if one.verdict != "pending"]
    connection.executemany(
        "INSERT INTO artifact VALUES (?, ?, ?, ?, ?, ?, NULL, ?, ?, ?, ?, ?, ?, 1, 1)",
        (
            (
                *(one.number, one.filename, one.sha256, one.project, one.version),
                *(one.uploaded.timestamp(), one.number, one.verdict),
                *((one.backend,) if one.verdict != "pending" else (None,)),
                f"{one.uploaded:%Y-%m}",
                *((one.seconds, one.number) if one.verdict != "pending" else (None, None)),
            )
            for one in some
        ),
    )
    connection.executemany(
        "INSERT INTO verdict VALUES (?, ?, ?, 5, NULL, 1, ?, 1, ?, ?, ?, ?, 1)",
        (
            (
                *(one.number, one.number, _sha256(one.sdist), one.verdict),
                *(now + one.number / 10, one.seconds, f"worker-{one.number % 8}"),
                one.verdict != "unbuildable",
            )
            for one in final
        ),
    )
    connection.executemany(
        "INSERT INTO document VALUES (?, ?, ?)",
        ((one.number, _packed(result(one)), _packed(comparison(one))) for one in final),
    )
    connection.executemany(
        "INSERT INTO attempt (artifact, run, number, begun_at, ended_at, worker, outcome)"
        " VALUES (?, 1, 1, ?, ?, ?, 'done')",
        (
            (
                one.number,
                now + one.number / 10 - one.seconds,
                now + one.number / 10,
                f"worker-{one.number % 8}",
            )
            for one in final
        ),
    )


def _packed(document: Mapping[str, object] | None) -> bytes | None:
    if document is None:
        return None
    return compress(json.dumps(document, separators=(",", ":")).encode(), 3)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def main() -> None:
    path, count = Path(sys.argv[1]), int(sys.argv[2])
    begun = perf_counter()
    fill(path, count)
    print(f"{count} artifacts in {perf_counter() - begun:.1f} s, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
