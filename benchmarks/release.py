"""How long preparing a release of Django takes, beside the bare steps that are in it.

    hatch run benchmarks:release [--rounds N] [--folder DIR]

``samebytes release prepare --kit django`` checks the tag and the index, builds, builds again twice,
compares, tries the wheel and the sdist, and signs. The bare steps are two ``python -m build``, and
for the wheel and the sdist an environment (``uv venv``, ``uv pip install``) with the same smoke
commands in a shell. Both work on the same checkout on hatchling. Each round runs both, alternating;
the figures are medians of wall time over the rounds after one that is not counted.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import tempfile
from pathlib import Path

from side_by_side import MEMORY, print_ratio

from conftest import Command  # isort: skip
from django_tree import RELEASES, django_repository  # isort: skip
from parties import Party, party  # isort: skip

_BARE = """\
set -eu
cd {folder}
rm -rf one two wheel sdist
python -m build --outdir one {root}
python -m build --outdir two {root}
cmp one/*.whl two/*.whl
cmp one/*.tar.gz two/*.tar.gz
try() {{
    uv venv --quiet "$1"
    uv pip install --quiet --python "$1/bin/python" "$2"
    cd "$1"
    PATH="$PWD/bin:$PATH"
    django-admin --version
    django-admin startproject mysite
    test -x mysite/manage.py
    cd mysite
    ./manage.py check
    ./manage.py migrate
    ./manage.py runserver --noreload 18765 &
    until python -c 'import urllib.request as r; r.urlopen("http://127.0.0.1:18765/")'; do
        sleep 0.1
    done
    kill %1
}}
(try wheel "$PWD"/one/*.whl)
(try sdist "$PWD"/one/*.tar.gz)
"""


def commands(people: Party, root: Path) -> dict[str, list[str]]:
    out = people.folder / "prepared"
    prepare = [
        sys.executable,
        "-m",
        "samebytes",
        "release",
        "prepare",
        str(root),
        "--rev",
        "5.2.19",
    ]
    prepare += ["--kit", "django", "-o", str(out), "--workspace", str(people.folder), "--quiet"]
    prepare += ["--trusted-keys", str(people.keys), "--index-url", people.index.simple]
    bare = people.folder / "bare.sh"
    bare.write_text(_BARE.format(folder=people.folder, root=root))
    return {
        "release prepare": ["sh", "-c", f"rm -rf {out} && exec {shlex.join(prepare)}"],
        "bare steps": ["bash", str(bare)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=MEMORY if MEMORY.is_dir() else None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=options.folder) as name:
        folder = Path(name)
        root = django_repository(RELEASES[1], folder / "django", hatchling=True)
        with party(root, folder, Command(folder), tag="5.2.19") as people:
            os.environ.update(people.anna.environ)
            print_ratio(commands(people, root), root, options.rounds, aim=1.15)


if __name__ == "__main__":
    main()
