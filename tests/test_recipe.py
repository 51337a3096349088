from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version
from samebytes_core.epoch import Epoch, Origin

from samebytes.digest import Digest
from samebytes.errors import UserError
from samebytes.recipe import (
    CANONICAL,
    Artifact,
    BuildInfo,
    GitRevision,
    Pin,
    PythonId,
    Recipe,
    Route,
    SdistFile,
    SourceId,
    Writer,
)

ONE = Digest.of(b"1")


def build_info(source: SourceId, *, route: Route | None = Route.BOTH) -> BuildInfo:
    return BuildInfo(
        recipe=Recipe(
            source=source,
            epoch=Epoch(seconds=1, origin=Origin.COMMIT),
            route=route,
            python=PythonId(implementation="CPython", version=Version("3.13.1"), zlib="1.3"),
            as_of=datetime(2026, 11, 3, tzinfo=UTC),
            requirements=(Pin(name=canonicalize_name("A"), version=Version("1.0"), hashes=(ONE,)),),
            environment={"TZ": "UTC"},
            config_settings={"key": ("one", "two")},
        ),
        artifacts=(
            Artifact(
                filename="a-1.tar.gz",
                digest=ONE,
                size=5,
                writer=Writer.SAMEBYTES,
                traces=("tar-mtime",),
            ),
        ),
    )


SOURCES: list[SourceId] = [
    GitRevision(commit="a" * 40, project=PurePosixPath("sub/folder")),
    SdistFile(filename="a-1.tar.gz", digest=ONE),
]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("route", [None, *Route])
def test_written_and_read_again(tmp_path: Path, source: SourceId, route: Route | None) -> None:
    info = build_info(source, route=route)
    path = tmp_path / info.filename
    path.write_text(info.dump())
    assert BuildInfo.read(path) == info


def test_what_compressed_it_is_kept_and_may_be_missing(tmp_path: Path) -> None:
    """In a record that was made before there was a choice."""
    info = build_info(SOURCES[0])
    path = tmp_path / info.filename
    chosen = replace(info, recipe=replace(info.recipe, deflate=CANONICAL))
    path.write_text(chosen.dump())
    assert BuildInfo.read(path) == chosen
    document: Any = info.to_dict()
    del document["recipe"]["deflate"]
    path.write_text(json.dumps(document))
    assert BuildInfo.read(path) == info
    document["recipe"]["deflate"] = {"implementation": "deflate", "version": "0.8.1"}
    path.write_text(json.dumps(document))
    with pytest.raises(UserError, match=r"recipe\.deflate: 'level' is missing"):
        BuildInfo.read(path)


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        (["version"], 2, "version: version 2 is not known"),
        (["version"], True, "version: expected a whole number, found true or false"),
        (["recipe"], [], "recipe: expected an object, found an array"),
        (["recipe", "epoch", "seconds"], -1, "recipe.epoch.seconds: -1 is not a time"),
        (["recipe", "epoch", "origin"], "x", "recipe.epoch.origin: 'x' is not"),
        (["recipe", "source", "kind"], "svn", "recipe.source.kind: expected 'git' or 'sdist'"),
        (["recipe", "source", "commit"], "HEAD", "recipe.source.commit: not a full commit hash"),
        (["recipe", "requirements", 0, "version"], "?", "recipe.requirements[0].version: Invalid"),
        (["recipe", "requirements", 0, "name"], "-r", "recipe.requirements[0].name: "),
        (["recipe", "requirements", 0, "sha256", 0], "A", "recipe.requirements[0].sha256[0]: not"),
        (["artifacts", 0, "filename"], "../x", "artifacts[0].filename: not a file name"),
        (["artifacts", 0, "size"], "5", "artifacts[0].size: expected a whole number"),
        (["artifacts", 0, "digest"], None, ""),
    ],
)
def test_errors_name_the_path(
    tmp_path: Path, where: list[str | int], value: object, message: str
) -> None:
    document: Any = deepcopy(build_info(SOURCES[0]).to_dict())
    inner = document
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = value
    path = tmp_path / "x.json"
    path.write_text(json.dumps(document))
    if not message:  # unknown members are ignored: a later version may add some
        assert BuildInfo.read(path)
        return
    with pytest.raises(UserError) as raised:
        BuildInfo.read(path)
    assert raised.value.message.startswith(f"{path} is not a buildinfo: {message}")


def test_every_member_is_needed(tmp_path: Path) -> None:
    document: Any = build_info(SOURCES[0]).to_dict()
    path = tmp_path / "x.json"
    for inner in (document, document["recipe"], document["recipe"]["python"]):
        for key in [key for key in inner if key not in ("tool", "deflate")]:
            taken = inner.pop(key)
            path.write_text(json.dumps(document))
            with pytest.raises(UserError, match=f"'{key}' is missing"):
                BuildInfo.read(path)
            inner[key] = taken


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "null", '{"version": 1}', "\ud800"])
def test_files_that_are_no_record(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text, errors="surrogatepass")
    with pytest.raises(UserError):
        BuildInfo.read(path)
