from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from samebytes.errors import UserError
from samebytes.workspace import workspace

KEY = "0123456789abcdef0123"


def test_path_depends_on_the_key_only_and_is_gone_afterwards(tmp_path: Path) -> None:
    with workspace(KEY, base=tmp_path) as space:
        first = space.room("wheel")
        assert first.root == tmp_path / "samebytes-0123456789abcdef" / "wheel"
        assert os.stat(space.root).st_mode & 0o777 == 0o700
        (first.tmp / "left").write_text("over")
        assert not list(space.room("wheel").tmp.iterdir())
    assert not list(tmp_path.iterdir())


def test_what_a_killed_build_left_is_removed(tmp_path: Path) -> None:
    code = (
        "import os; from pathlib import Path; from samebytes.workspace import workspace\n"
        f"with workspace({KEY!r}, base=Path({str(tmp_path)!r})) as space:\n"
        "    (space.root / 'left').write_text('over'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    assert [path.name for path in tmp_path.glob("*/*")] == ["left"]
    with workspace(KEY, base=tmp_path) as space:
        assert not list(space.root.iterdir())


def test_folder_without_write_permission_is_removed_too(tmp_path: Path) -> None:
    with workspace(KEY, base=tmp_path) as space:
        locked = space.room("wheel").tmp / "locked"
        locked.mkdir()
        (locked / "file").touch()
        locked.chmod(0o500)
    assert not list(tmp_path.iterdir())


def test_one_build_at_a_time(tmp_path: Path) -> None:
    waited = threading.Event()
    seen = []

    def second() -> None:
        with workspace(KEY, base=tmp_path, waiting=waited.set):
            seen.append("second")

    with workspace(KEY, base=tmp_path):
        thread = threading.Thread(target=second)
        thread.start()
        assert waited.wait(5)
        time.sleep(0.1)
        seen.append("first")
    thread.join(5)
    assert seen == ["first", "second"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["file", "link"])
def test_something_else_at_the_path(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"samebytes-{KEY[:16]}"
    if kind == "file":
        path.touch()
    else:
        (tmp_path / "elsewhere").mkdir()
        path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="build path"), workspace(KEY, base=tmp_path):
        pass
