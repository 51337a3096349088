"""Whether the wrapper gives everybody the same bytes: real projects, all frontends, varied.

    hatch run benchmarks:wrapped [--only NAME] [--folder DIR]

Six projects on setuptools and Django 5.2.19 and 4.2.30, each in the wrapper, are built by all
frontends (tests/frontends.py): twice, each time in a new clone at another path, the second time
with another umask, time zone and Python. Nobody is told a time. A row says how many different
sdists and wheels there are (one, or it fails), and whether they hold what plain setuptools makes of
the same commit: all but pyproject.toml and the record of the epoch, member by member.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from side_by_side import MEMORY

sys.path.remove(str(Path(__file__).parent))  # where build.py has the name of a package

from core_index import served_core  # isort: skip
from frontends import FRONTENDS, Builder, environment  # isort: skip
from wrapped_projects import DJANGO, OLD_DJANGO, OURS, SIX, Project, changed  # isort: skip

PROJECTS = (*SIX, DJANGO, OLD_DJANGO)

#: Of the second build, in turn.
VARIED = (
    (0o077, "Asia/Kolkata", "somebody else's"),
    (0o002, "America/Lima", "deeper/and deeper"),
)


@dataclass(frozen=True)
class Row:
    project: Project
    builds: int
    sdists: int
    wheels: int
    has_same_contents: bool
    seconds: float

    @property
    def is_fine(self) -> bool:
        return (self.sdists, self.wheels, self.has_same_contents) == (1, 1, True)

    def __str__(self) -> str:
        name = f"{self.project.name} {self.project.release.version}"
        same = "same" if self.has_same_contents else "OTHER"
        figures = f"{self.builds:>6}  {self.sdists:>6}  {self.wheels:>6}  {same:<8}"
        return f"{name:<20}  {figures}  {self.seconds:>7.0f}  {self.project.shows}"


def second(project: Project, number: int) -> Builder:
    """The builder of the second time, by a new Python or an old one."""
    umask, zone, place = VARIED[number % 2]
    return Builder(("3.13", project.oldest)[number % 2], umask, zone, place)


def row(project: Project, folder: Path, environ: Mapping[str, str]) -> Row:
    found: set[tuple[str, str]] = set()
    started = time.monotonic()
    for number, frontend in enumerate(FRONTENDS):
        for builder in (Builder(), second(project, number)):
            place = folder / f"{number} {builder.python}"
            found |= project.build(place, frontend, environ, builder).items()
    seconds = time.monotonic() - started
    project.build(folder / "plain", "python -m build", environ, kind="plain")
    wheels = [name for name, _ in found if name.endswith(".whl")]
    return Row(
        project=project,
        builds=2 * len(FRONTENDS),
        sdists=len(found) - len(wheels),
        wheels=len(wheels),
        has_same_contents=changed(folder / "plain/out", folder / "0 /out") == OURS,
        seconds=seconds,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", metavar="NAME", action="append", help="only those so called")
    parser.add_argument("--folder", type=Path, default=MEMORY if MEMORY.is_dir() else None)
    options = parser.parse_args()
    python = f"{platform.python_implementation()} {platform.python_version()}"
    print(f"{python}, {os.cpu_count()} cores; {', '.join(FRONTENDS)}")
    print(f"{'project':<20}  builds  sdists  wheels  contents  seconds")
    are_fine = []
    with served_core() as more:
        for project in PROJECTS:
            if project.name in (options.only or [project.name]):
                with tempfile.TemporaryDirectory(prefix="wrapped-", dir=options.folder) as name:
                    found = row(project, Path(name), environment(Path(name), more))
                print(found, flush=True)
                are_fine.append(found.is_fine)
    raise SystemExit(0 if all(are_fine) else 1)


if __name__ == "__main__":
    main()
