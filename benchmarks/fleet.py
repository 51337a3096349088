"""What an audit of many costs besides the builds: workers, the engine, the store.

    hatch run benchmarks:fleet [workers|engine|store ...] [--rounds N] [--first N] [--rows N]
                               [--folder DIR]

workers: all releases of ``releases.txt`` but the slowest two, audited by one local process and by
two, in turn, with warm caches. What two save is compared with what could be saved: half the time.
The time is that of the whole command, its start and its end included, where there is nothing for
two to do at once; of the few releases of a short list these are a good part, so the figure is one
of steady work only with many. The slowest two are left out as the end waits for whichever is begun
last. engine: jobs
that take no time, through the loop and two processes into a store, each with its attempt and its
documents. store: a store of so many made-up rows, and what the site's front page asks of it.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

# Behind all others: a neighbour has the name of a package.
sys.path.remove(os.fspath(Path(__file__).parent.resolve()))
sys.path.append(os.fspath(Path(__file__).parent.resolve()))

from rows import fill
from side_by_side import MEMORY

import fleet_jobs  # isort: skip
from samebytes.fleet.loop.audit import Audit
from samebytes.fleet.loop.rounds import Policy
from samebytes.fleet.store.figures import Figures
from samebytes.fleet.store.store import Store
from samebytes.fleet.workers.pool import local_engine
from samebytes.fleet.workers.work import Here, Settings
from samebytes.index.client import Index
from samebytes.index.settings import IndexSettings
from samebytes.verify.means import Effort, Means

LIST = Path(__file__).with_name("releases.txt")
_SLOWEST = ("django==5.2.19", "boto3==1.35.0")


def releases(count: int | None) -> list[str]:
    lines = (line.partition("#")[0].strip() for line in LIST.read_text().splitlines())
    return [line for line in lines if line and line not in _SLOWEST][:count]


def audit(names: Sequence[str], workers: int, folder: Path) -> float:
    """Seconds of an audit that finds nothing in its store."""
    store = folder / f"{workers}.sqlite"
    for path in folder.glob(f"{store.name}*"):
        path.unlink()
    command = [sys.executable, "-m", "samebytes", "audit", *names, "--quiet"]
    command += ["--workers", str(workers), "--store", str(store)]
    environ = os.environ | {"SAMEBYTES_WORKSPACE": str(folder)}
    started = time.perf_counter()
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return seconds


def workers(options: argparse.Namespace, folder: Path) -> None:
    names = releases(options.first)
    audit(names, 2, folder)  # which fills the caches
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(options.rounds):
        for count, taken in seconds.items():
            taken.append(audit(names, count, folder))
            print(f"{count} at a time {taken[-1]:7.2f} s", flush=True)
    one, two = (statistics.median(taken) for taken in seconds.values())
    print(
        f"{len(names)} releases: {one:.2f} s and {two:.2f} s, {60 * len(names) / two:.1f} a minute;"
        f" efficiency {one / two / 2:.2f} (aim: at least 0.9)"
    )


def engine(options: argparse.Namespace, folder: Path) -> None:
    means = Means(effort=Effort(), cell=None, pythons=())
    here = Here(means=means, cache=folder, base=folder)
    settings = Settings(effort=Effort(), bounds=None, index=IndexSettings(), here=here)
    rates = [_instantly(options.jobs, settings, folder) for _ in range(options.rounds)]
    rate = statistics.median(rates)
    print(
        f"{options.jobs} jobs that take no time, two processes: {rate:.0f} results a second, "
        f"{1000 / rate:.2f} ms each (aim: at least 500)"
    )


def _instantly(count: int, settings: Settings, folder: Path) -> float:
    """Results a second, from the first that was there to the last that is on disk."""
    path = folder / "engine.sqlite"
    for each in folder.glob(f"{path.name}*"):
        each.unlink()
    names = (f"project-{number}" for number in range(count))
    with local_engine(2, settings) as two, Store.open(path) as store:
        store.begin(two.name, 2, "a benchmark")
        run = Audit(
            wanted=fleet_jobs.wanted(names),
            index=Index(IndexSettings(), folder),
            engine=two,
            settings=settings,
            store=store,
            policy=Policy(),
            perform=fleet_jobs.instant,
            plan=fleet_jobs.plan,
        )
        done, started, before = 0, 0.0, 0
        for told in run.rounds():
            done += len(told.settled)
            if done and not started:  # Python starts in each of the processes
                started, before = time.perf_counter(), done
        return (done - before) / (time.perf_counter() - started)


def store(options: argparse.Namespace, folder: Path) -> None:
    path = folder / "rows.sqlite"
    fill(path, options.rows)
    print(f"{options.rows:,} artifacts: {path.stat().st_size / 1e9:.2f} GB")

    def asked(what: Callable[[Figures], object]) -> float:
        with Store.read(path) as found:
            started = time.perf_counter()
            what(Figures(found))
            return time.perf_counter() - started

    taken = statistics.median(asked(Figures.groups) for _ in range(max(3, options.rounds)))
    print(f"verdicts by backend and month: {taken:.3f} s (aim: under 1)")
    everything = asked(lambda figures: sum(1 for _ in figures.rows()))
    print(f"all rows: {everything:.1f} s, {options.rows / everything:,.0f} a second")
    with Store.read(path) as found:
        started = time.perf_counter()
        found.status()
        print(f"status: {time.perf_counter() - started:.3f} s")


PARTS = {"workers": workers, "engine": engine, "store": store}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--first", type=int, help="so many releases only")
    parser.add_argument("--jobs", type=int, default=5_000, help="how many take no time")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=MEMORY if MEMORY.is_dir() else None)
    options = parser.parse_args()
    print(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores")
    for part in options.parts or PARTS:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            PARTS[part](options, Path(folder))


if __name__ == "__main__":
    main()
