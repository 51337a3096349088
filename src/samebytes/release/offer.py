"""A release that somebody else prepared, in a folder or on a web server: read, never written."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from samebytes.digest import Digest
from samebytes.errors import ArtifactError, UserError
from samebytes.index import address
from samebytes.index.download import Downloader
from samebytes.index.listing import IndexFile
from samebytes.recipe import BuildInfo
from samebytes.release.record import RECORD, STATEMENTS, Record

#: Bytes of a record, of which even long ones have some ten thousand.
_LARGEST_RECORD = 16 * 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A prepared release, and copies of its files, which nobody changes any more.

    ``digests`` are those of the artifacts as they are, whatever the record says.
    """

    place: str
    record: Record
    files: Mapping[str, Path]
    digests: Mapping[str, Digest]

    @property
    def buildinfo(self) -> BuildInfo:
        """The recipe, as the preparer recorded it."""
        name = self.record.buildinfo
        assert name is not None
        return BuildInfo.read(self.files[name])

    @property
    def provenance(self) -> dict[str, Digest]:
        """The preparer's signed statements, by name."""
        return {
            name: Digest.of_file(path)
            for name, path in self.files.items()
            if name.startswith(f"{STATEMENTS}/")
        }

    @property
    def altered(self) -> tuple[str, ...]:
        """The artifacts that are not what the record says."""
        recorded = self.record.artifacts
        return tuple(name for name, digest in self.digests.items() if recorded[name] != digest)


def read_offer(place: str, folder: Path, downloader: Downloader) -> Offer:
    """The release in a folder or at an address, copied into ``folder``.

    Raises UserError where there is none, or it is not complete; UnreachableError when the server
    does not answer.
    """
    copy = _from_server if address.scheme(place) in ("http", "https") else _from_folder
    target = folder / RECORD
    copy(place, RECORD, target, downloader)
    record = Record.read(target)
    if not record.artifacts or record.buildinfo is None:
        raise UserError(
            f"The release in {address.shown(place)} is not built yet.",
            hint="Wait for whoever prepares it, and look with: samebytes release status",
        )
    wanted = [*record.artifacts, record.buildinfo]
    wanted += [name for name in record.files if name.startswith(f"{STATEMENTS}/")]
    files = {}
    for name in wanted:
        files[name] = folder / name
        files[name].parent.mkdir(exist_ok=True)
        copy(place, name, files[name], downloader)
    digests = {name: Digest.of_file(files[name]) for name in record.artifacts}
    return Offer(place=place, record=record, files=files, digests=digests)


def _from_folder(place: str, name: str, target: Path, _downloader: Downloader) -> None:
    path = Path(place) / name
    if path.is_symlink() or not path.is_file():
        raise _missing(place, name)
    if name == RECORD and path.stat().st_size > _LARGEST_RECORD:
        raise ArtifactError(f"{path} is larger than the record of any release.")
    shutil.copyfile(path, target)


def _from_server(place: str, name: str, target: Path, downloader: Downloader) -> None:
    url = f"{place.rstrip('/')}/{name}"
    if name == RECORD:
        page = downloader.page(url, place, "application/json", _LARGEST_RECORD)
        if page is None:
            raise _missing(place, name)
        target.write_bytes(page.body)
        return
    downloader.file(IndexFile(filename=target.name, url=url, index=place), target)


def _missing(place: str, name: str) -> UserError:
    where = address.shown(place)
    if name == RECORD:
        return UserError(
            f"There is no release in {where}: it has no {RECORD}.",
            hint="Give the folder, or the address of the folder, that was prepared.",
        )
    return UserError(f"{where} has no {name}, which its {RECORD} names.")
