"""Archives on disk, and what Python's own modules make of them."""

from __future__ import annotations

import stat
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tar_factory import TarSpec
from zip_factory import ZipSpec

Spec = TarSpec | ZipSpec


def write(folder: Path, stem: str, spec: Spec) -> Path:
    """The file of an archive, in a folder of its own so that two may have one name."""
    parent = folder / stem
    parent.mkdir(exist_ok=True)
    name = "demo-1.0-py3-none-any" if spec.suffix == ".whl" else "demo-1.0"
    path = parent / f"{name}{spec.suffix}"
    path.write_bytes(spec.data())
    return path


class Unpacked(NamedTuple):
    """A member as Python's own modules read it."""

    name: str
    type: str
    content: bytes
    link: str
    executable: tuple[bool, bool]  # by the rule of pip, and for whom asks for Unix first


def unpacked(path: Path) -> list[Unpacked]:
    """All that unpacking with Python's own modules would give, in order."""
    if path.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(path) as archive:
            return [_of_zip(archive, info) for info in archive.infolist()]
    with tarfile.open(path) as tar:
        return [_of_tar(tar, info) for info in tar]


def same_when_unpacked(first: Path, second: Path) -> bool:
    """Whether two archives give the same files, links and folders, in whatever order.

    The oracle that shares nothing with the program: it asks tarfile and zipfile.
    """
    one, two = unpacked(first), unpacked(second)
    return _without_implied(one) == _without_implied(two) and _last(one) == _last(two)


def _of_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Unpacked:
    mode = info.external_attr >> 16 if info.create_system == 3 else 0
    kind = "folder" if info.is_dir() else "link" if stat.S_ISLNK(mode) else "file"
    raw = info.external_attr >> 16
    executable = bool(stat.S_ISREG(raw) and raw & 0o111), bool(mode & 0o111)
    executable = executable if kind == "file" else (False, False)
    return Unpacked(info.filename.rstrip("/"), kind, archive.read(info), "", executable)


def _of_tar(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Unpacked:
    kind = "file" if info.isreg() else "folder" if info.isdir() else str(info.type)
    file = tar.extractfile(info) if info.isreg() else None
    content = file.read() if file else b""
    has_mode = kind == "file" or info.islnk()  # of what it leads to
    owner = has_mode and bool(info.mode & stat.S_IXUSR)
    anybody = has_mode and bool(info.mode & 0o7111)
    link = info.linkname if info.islnk() or info.issym() else ""
    return Unpacked(info.name.rstrip("/"), kind, content, link, (owner, anybody))


def _without_implied(members: list[Unpacked]) -> list[Unpacked]:
    """Without the entries for folders that other members lie in."""
    implied = {parent for member in members for parent in _parents(member.name)}
    return sorted(
        member for member in members if member.type != "folder" or member.name not in implied
    )


def _parents(name: str) -> Iterator[str]:
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name


def _last(members: list[Unpacked]) -> dict[str, Unpacked]:
    """By name, what is left when later members replace earlier ones."""
    files = {member.name: member for member in members if member.type != "folder"}
    return dict(sorted(files.items()))
