from __future__ import annotations

import os
from pathlib import Path

import pytest

from samebytes.atomic import atomic_file, publish, write_text


def listing(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.fixture
def built(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "built" / name for name in ("one", "two", "three")]
    paths[0].parent.mkdir()
    for path in paths:
        path.write_text("new")
    return paths


def test_publish_makes_folders_and_replaces(tmp_path: Path, built: list[Path]) -> None:
    folder = tmp_path / "a" / "dist"
    publish(built[:1], folder)
    (folder / "other").write_text("old")
    (folder / "two").write_text("old")
    publish(built, folder)
    assert listing(folder) == {"one": "new", "two": "new", "three": "new", "other": "old"}


def test_publish_that_fails_half_way_puts_everything_back(
    tmp_path: Path, built: list[Path]
) -> None:
    folder = tmp_path / "dist"
    folder.mkdir()
    (folder / "one").write_text("old")
    (folder / "three").mkdir()  # a folder cannot be replaced by a file
    (folder / "three" / "x").write_text("")
    with pytest.raises(OSError, match="three"):
        publish(built, folder)
    assert sorted(os.listdir(folder)) == ["one", "three"]
    assert (folder / "one").read_text() == "old"


def test_publish_that_fails_removes_the_folders_it_made(tmp_path: Path, built: list[Path]) -> None:
    built[1].unlink()
    with pytest.raises(FileNotFoundError):
        publish(built, tmp_path / "a" / "dist")
    assert not (tmp_path / "a").exists()


def test_atomic_file_leaves_the_old_one_on_error(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_text(path, "old")
    with pytest.raises(ZeroDivisionError), atomic_file(path) as part:
        part.write_text(str(1 // 0))
    assert listing(tmp_path) == {"file": "old"}
