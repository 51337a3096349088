"""The folder of a release: its files and its record, whole at every moment.

Whatever is in the making lies in a folder of its own. What a step wrote is recorded first and moved
to its place then, and the next run completes what was recorded: so a step that is interrupted is
either done or not begun, and nothing is made, signed or uploaded twice.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from samebytes.atomic import sync
from samebytes.digest import Digest
from samebytes.errors import UserError
from samebytes.release.record import RECORD, STATEMENTS, Record, StepRecord
from samebytes.release.seal import Seal

_WORK = ".work"
_READY = "ready"


@dataclass(slots=True)
class ReleaseFolder:
    """A release's folder, which nobody else uses meanwhile.

    ``own`` is the digest of the record, if this user has written it. What is written into
    another's stays another's, until it is begun anew.
    """

    root: Path
    record: Record
    seal: Seal | None = None
    own: Digest | None = None

    @property
    def is_own(self) -> bool:
        """Whether this user has written the record, as it is."""
        return self.own is not None

    @property
    def work(self) -> Path:
        """Where steps put what they make; emptied when the folder is opened."""
        return self.root / _WORK

    def keep(self, record: StepRecord, files: Mapping[str, Path]) -> None:
        """Write down the outcome of a step, and have its files at their places.

        ``files`` lie in the work folder, by their names in the release's.
        """
        for name, path in files.items():
            place = self._ready(name)
            place.parent.mkdir(parents=True, exist_ok=True)
            sync(path)
            os.replace(path, place)
        self.rewrite(self.record.with_step(record))
        self._complete()

    def begin(self, record: Record) -> None:
        """Have this record, of which nothing is another's, in place of what there is."""
        self._write(record, is_own=True)

    def rewrite(self, record: Record) -> None:
        """Replace the record."""
        self._write(record, is_own=self.is_own)

    def _write(self, record: Record, *, is_own: bool) -> None:
        part, data = self.work / RECORD, record.dump().encode()
        part.write_bytes(data)
        sync(part)
        new = Digest.of(data)
        seal = self.seal if is_own else None
        if seal is not None:
            # Killed before it is replaced or after, the record is the user's own.
            seal.write({new, self.own or new})
        os.replace(part, self.root / RECORD)
        if seal is not None:
            seal.write({new})
        self.record, self.own = record, new if is_own else None

    def altered(self, files: Mapping[str, Digest]) -> tuple[str, ...]:
        """Those of the files that are not there, or not as they were."""
        return tuple(name for name, digest in files.items() if self.digest(name) != digest)

    def digest(self, name: str) -> Digest | None:
        """The digest of a file as it is now; None where it is no file that can be read."""
        return _digest(self.root / name)

    def _ready(self, name: str) -> Path:
        return self.work / _READY / name

    def _complete(self) -> None:
        """Move what was recorded to its place."""
        for name, digest in self.record.files.items():
            ready, place = self._ready(name), self.root / name
            if ready.is_file() and Digest.of_file(ready) == digest:
                place.parent.mkdir(exist_ok=True)
                os.replace(ready, place)


def has_release(root: Path) -> bool:
    return (root / RECORD).is_file()


def read_release(root: Path) -> Record:
    """The record of a release, to look at; raises UserError where there is none."""
    if not has_release(root):
        raise _no_release(root)
    return Record.read(root / RECORD)


def is_kept(root: Path, name: str, digest: Digest) -> bool:
    """Whether a recorded file is there as it was written, or on its way: for who only looks on."""
    # The place twice: it may be moved there between the first look and the second.
    places = (root / name, root / _WORK / _READY / name, root / name)
    return any(_digest(place) == digest for place in places)


def _digest(path: Path) -> Digest | None:
    try:
        return None if path.is_symlink() or not path.is_file() else Digest.of_file(path)
    except OSError:
        return None


@contextmanager
def open_release(
    root: Path,
    *,
    seals: Path | None = None,
    new: Record | None = None,
    waiting: Callable[[], None] = lambda: None,
) -> Iterator[ReleaseFolder]:
    """The folder of a release, completed from what an interrupted run left.

    ``seals`` is where is kept which records are the user's own; without it, only a new one is.
    With ``new``, it is made if need be. While another run uses it, calls ``waiting`` once and
    waits for its end.

    Raises UserError where there is no release, where it is another one, or cannot be written.
    """
    if new is not None:
        root.mkdir(parents=True, exist_ok=True)
    elif not has_release(root):
        raise _no_release(root)
    root = root.absolute()  # other programs work elsewhere
    with _locked(root, waiting):
        _check_folders(root)
        record, own = _record(root, new, seal := None if seals is None else Seal(seals, root))
        folder = ReleaseFolder(root=root, record=record, seal=seal, own=own)
        folder.work.mkdir(exist_ok=True)
        with suppress(FileNotFoundError):
            folder._complete()
        shutil.rmtree(folder.work)
        folder.work.mkdir()
        try:
            if new is not None and not has_release(root):
                folder.begin(new)
            yield folder
        finally:
            shutil.rmtree(folder.work, ignore_errors=True)


def _check_folders(root: Path) -> None:
    """Raises UserError where what is written would not come to lie in the release's folder."""
    for path in (root / _WORK, root / STATEMENTS):
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            raise UserError(
                f"{path} is not a folder: somebody has put something else in its place.",
                hint="Find out who, and remove it.",
            )


def _no_release(root: Path) -> UserError:
    return UserError(
        f"There is no release in {root}: it has no {RECORD}.",
        hint=f"Begin one: samebytes release prepare --rev TAG -o {root}",
    )


def _record(root: Path, new: Record | None, seal: Seal | None) -> tuple[Record, Digest | None]:
    """The record in the folder, and its digest if it is the user's own."""
    if not has_release(root):
        assert new is not None
        others = [name for name in os.listdir(root) if name != _WORK]
        if others:
            raise UserError(
                f"{root} is not empty, and holds no release.",
                hint="Name a new folder with -o DIR.",
            )
        return new, None
    path = root / RECORD
    data = path.read_bytes()
    record = Record.parse(data, path)
    if new is not None and (new.name, new.version) != (record.name, record.version):
        raise UserError(
            f"{root} holds another release: {record.name} {record.version}.",
            hint=f"Name another folder for {new.name} {new.version} with -o DIR.",
        )
    digest = Digest.of(data)
    return record, digest if seal is not None and seal.fits(digest) else None


@contextmanager
def _locked(root: Path, waiting: Callable[[], None]) -> Iterator[None]:
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
