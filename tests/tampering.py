"""Wheels and sdists in parts that can be tampered with, and what must be found."""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import io
import stat
import struct
import tarfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Self

import zip_factory as zips
from tar_factory import BLOCK, EPOCH, TarMember, summed
from zip_factory import Descriptor, ZipMember, ZipSpec

from samebytes.archive.artifact import Artifact, read_artifact
from samebytes.archive.limits import Limits
from samebytes.compare.evidence import is_evidence
from samebytes.compare.model import Verdict
from samebytes.digest import Digest
from samebytes.errors import ArtifactError
from samebytes.verify.judgement import judge, judge_unreadable, read_published
from samebytes.verify.verification import Place, Verification

#: Code that nobody asked for.
EVIL = b"import os; os.system('id')\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tampered:
    """A tampered artifact and what must be said of it.

    ``finds`` are pairs of a kind, in which * stands for anything, and a member's name, empty for
    none; ``places`` all places; ``refused`` words of the reason why it is not even read.
    """

    data: bytes
    finds: frozenset[tuple[str, str]] = frozenset()
    places: tuple[Place, ...] = ()
    refused: str = ""
    filename: str = ""

    def complaints(self, path: Path, *built: Artifact) -> list[str]:
        """What is wrong about the verdicts on it, as a file named like ``path``."""
        path = path.with_name(self.filename or path.name)
        path.write_bytes(self.data)
        complaints = list(filter(None, map(self._complaint, verdicts_on(path, *built))))
        path.unlink()
        return complaints

    def _complaint(self, found: Verification) -> str:
        if found.verdict is not Verdict.DIFFERENT:
            return f"it is {found.verdict}"
        if self.refused or self.filename:
            words = self.refused or f"Its name is {self.filename}"
            return "" if words in " ".join(found.problems) else f"it says {found.problems}"
        differences = {(each.kind.id, each.member or "") for each in found.differences}
        for kind, member in self.finds:
            if not any(fnmatchcase(one, kind) and two == member for one, two in differences):
                return f"no {kind} of {member or 'the archive'} among {sorted(differences)}"
        phantoms = {name for kind, name in self.finds if kind == "member-only-in-first"}
        if set(found.phantoms) != phantoms:
            return f"phantoms are {found.phantoms}"
        return "" if found.places == self.places else f"places are {found.places}"


def verdicts_on(path: Path, *built: Artifact) -> list[Verification]:
    """The verdicts on a published file, as ``verify`` comes to them when it has built others."""
    digest = Digest.of_file(path)
    try:
        published = read_published(path, digest)
    except ArtifactError as error:
        return [judge_unreadable(path, digest, error)] * len(built)
    return [judge(published, each) for each in built]


def built_as(path: Path, data: bytes) -> Artifact:
    """A rebuilt artifact."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return read_artifact(path, Limits(), wanted=is_evidence)


# --- wheels --------------------------------------------------------------------------------------


def read_wheel(data: bytes) -> ZipSpec:
    """The description that gives a zip, byte for byte; fails if there is none."""
    end = data.rindex(b"PK\5\6")
    *_, count, size, offset, length = struct.unpack_from("<4sHHHHLLH", data, end)
    assert offset + size == end
    members, places = [], []
    for _ in range(count):
        raw = dict(
            zip(
                zips.CENTRAL_FIELDS,
                struct.unpack_from("<" + "".join(zips.CENTRAL_FIELDS.values()), data, offset),
                strict=True,
            )
        )
        parts = _cut(data, offset + 46, *(raw[key] for key in _LENGTHS))
        offset += 46 + sum(map(len, parts))
        members.append(_read_member(data, raw, *parts))
        places.append(raw["offset"])
    order = sorted(range(count), key=places.__getitem__)
    layout = None if order == list(range(count)) else tuple(order)
    spec = ZipSpec(members=tuple(members), layout=layout, comment=data[end + 22 :][:length])
    assert spec.data() == data
    return spec


_LENGTHS = ("name_length", "extra_length", "comment_length")


def _cut(data: bytes, start: int, *lengths: int) -> list[bytes]:
    parts = []
    for length in lengths:
        parts.append(data[start : start + length])
        start += length
    return parts


def _read_member(
    data: bytes, raw: Mapping[str, int], name: bytes, extra: bytes, comment: bytes
) -> ZipMember:
    start = raw["offset"]
    fields = struct.unpack_from("<" + "".join(zips.LOCAL_FIELDS.values()), data, start)
    local = dict(zip(zips.LOCAL_FIELDS, fields, strict=True))
    own_name, own_extra, stream = _cut(
        data, start + 30, local["name_length"], local["extra_length"], raw["packed"]
    )
    follows = bool(raw["flags"] & zips.DESCRIPTOR)
    member = ZipMember(
        name=name,
        content=zlib.decompress(stream, -15) if raw["method"] == zips.DEFLATED else stream,
        time=raw["time"],
        mode=raw["external"] >> 16,
        attributes=raw["external"] & 0xFFFF,
        internal=raw["internal"],
        create_system=raw["create_system"],
        create_version=raw["create_version"],
        extract_version=raw["version"],
        flags=raw["flags"] & ~zips.DESCRIPTOR,
        descriptor=Descriptor.SIGNED if follows else Descriptor.NO,
        local_extra=own_extra,
        central_extra=extra,
        comment=comment,
        method=raw["method"],
        stream=stream,
        local_name=None if own_name == name else own_name,
    )
    made = struct.unpack_from("<" + "".join(zips.LOCAL_FIELDS.values()), member.entry())
    lies = {key: was for (key, was), is_ in zip(local.items(), made, strict=True) if was != is_}
    return replace(member, local=lies)


def later(spec: ZipSpec) -> ZipSpec:
    """The same as another build of it gives: at another time."""
    time = zips.dos_time(2031, 5, 6, 7)
    return replace(spec, members=tuple(replace(each, time=time) for each in spec.members))


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel; what changes it gives another."""

    spec: ZipSpec

    @property
    def names(self) -> list[str]:
        return [member.name.decode() for member in self.spec.members]

    @property
    def info(self) -> str:
        """The .dist-info folder."""
        return next(
            folder
            for folder, _, name in (path.partition("/") for path in self.names)
            if folder.endswith(".dist-info") and name == "RECORD"
        )

    @property
    def code(self) -> str:
        """A module that holds something."""
        return next(name for name in self.names if name.endswith(".py") and self[name].content)

    def __getitem__(self, name: str) -> ZipMember:
        return next(each for each in self.spec.members if each.name.decode() == name)

    def with_member(self, name: str, /, **changes: object) -> Self:
        """With other fields of a member; of another content, its sizes are right."""
        if "content" in changes:
            changes = {"stream": None, "local": {}} | changes
        members = list(self.spec.members)
        place = self.names.index(name)
        members[place] = replace(members[place], **changes)  # type: ignore[arg-type]
        return replace(self, spec=replace(self.spec, members=tuple(members)))

    def added(self, member: ZipMember, *, before: str | None = None) -> Self:
        """With one more member, before another, or as the last."""
        members = list(self.spec.members)
        members.insert(len(members) if before is None else self.names.index(before), member)
        return replace(self, spec=replace(self.spec, members=tuple(members), layout=None))

    def without(self, name: str) -> Self:
        left = tuple(each for each in self.spec.members if each.name.decode() != name)
        return replace(self, spec=replace(self.spec, members=left, layout=None))

    def recorded(self, *names: str) -> Self:
        """With RECORD made right for some members."""
        path = f"{self.info}/RECORD"
        lines = self[path].content.decode().splitlines()
        rows = {row[0]: line for line, row in zip(lines, csv.reader(lines), strict=True)}
        for name in names:
            content = self[name].content
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            rows[name] = f"{name},sha256={digest.decode()},{len(content)}"
        return self.with_text(path, "".join(f"{line}\n" for line in rows.values()))

    def with_text(self, name: str, text: str) -> Self:
        return self.with_member(name, content=text.encode())

    def text(self, name: str) -> str:
        return self[name].content.decode()


def evil(name: str, /, **changes: object) -> ZipMember:
    """A member that was not built."""
    return replace(ZipMember(name=name.encode(), content=EVIL), **changes)  # type: ignore[arg-type]


def flipped(content: bytes) -> bytes:
    """With one bit of the byte in its middle changed."""
    place = len(content) // 2
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


WheelTampering = Callable[[Wheel], Tampered | None]


# --- sdists --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A member of a tar, raw: extensions, header, and content with what pads it."""

    name: str
    extensions: bytes
    header: bytes
    content: bytes

    def raw(self) -> bytes:
        padding = bytes(-len(self.content) % BLOCK)
        return self.extensions + self.header + self.content + padding

    def with_fields(self, **fields: bytes) -> Self:
        """With other fields of the header, and its checksum right again."""
        header = bytearray(self.header)
        for name, value in fields.items():
            start, width = _FIELDS[name]
            header[start : start + width] = value.ljust(width, b"\0")
        header[148:156] = bytes(8)
        return replace(self, header=summed(bytes(header)))

    def with_content(self, content: bytes) -> Self:
        changed = replace(self, content=content)
        return changed.with_fields(size=b"%011o\0" % len(content))


_FIELDS = {"mode": (100, 8), "size": (124, 12), "mtime": (136, 12), "type": (156, 1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sdist:
    """An sdist; what changes it gives another."""

    parts: tuple[Part, ...]
    after: bytes = b""
    behind: bytes = field(default=b"")

    @classmethod
    def read(cls, data: bytes) -> Self:
        plain = gzip.decompress(data)
        with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
            infos = tar.getmembers()
        parts = tuple(
            Part(
                name=info.name,
                extensions=plain[info.offset : info.offset_data - BLOCK],
                header=plain[info.offset_data - BLOCK : info.offset_data],
                content=plain[info.offset_data : info.offset_data + (info.isreg() * info.size)],
            )
            for info in infos
        )
        sdist = cls(parts=parts)
        assert plain.rstrip(b"\0") == sdist.plain().rstrip(b"\0")
        return sdist

    def plain(self) -> bytes:
        return b"".join(part.raw() for part in self.parts) + bytes(2 * BLOCK) + self.after

    def data(self) -> bytes:
        return gzip.compress(self.plain(), 1, mtime=EPOCH) + self.behind

    @property
    def names(self) -> list[str]:
        return [part.name for part in self.parts]

    @property
    def top(self) -> str:
        return self.names[-1].partition("/")[0]

    @property
    def code(self) -> str:
        """A module that holds something."""
        named = (part for part in self.parts if part.name.endswith(".py") and part.content)
        return next(named).name

    def __getitem__(self, name: str) -> Part:
        return self.parts[self.names.index(name)]

    def with_part(self, name: str, change: Callable[[Part], Part]) -> Self:
        place = self.names.index(name)
        changed = change(self.parts[place])
        return replace(self, parts=(*self.parts[:place], changed, *self.parts[place + 1 :]))

    def added(self, *members: TarMember) -> Self:
        return replace(self, parts=(*self.parts, *map(made_part, members)))

    def without(self, name: str) -> Self:
        return replace(self, parts=tuple(part for part in self.parts if part.name != name))

    def later(self) -> Self:
        """The same as another build of it gives: at another time."""
        time = b"%011o\0" % (EPOCH + 99)
        return replace(self, parts=tuple(part.with_fields(mtime=time) for part in self.parts))


def made_part(member: TarMember) -> Part:
    raw = member.data()
    return Part(
        name=member.name.decode().rstrip("/"),
        extensions=raw[: len(raw) - BLOCK - len(member.content) - -len(member.content) % BLOCK],
        header=member.header(),
        content=member.content,
    )


SdistTampering = Callable[[Sdist], Tampered | None]


# --- what must be found --------------------------------------------------------------------------


def is_metadata(name: str) -> bool:
    return ".dist-info/" in name or ".egg-info/" in name or name.endswith("PKG-INFO")


def found(
    data: ZipSpec | Sdist | bytes, *finds: tuple[str, str], places: Iterable[Place] | None = None
) -> Tampered:
    """That these must be found; unless ``places`` says otherwise, where their members lie."""
    where = {_place(kind, name) for kind, name in finds} if places is None else set(places)
    return Tampered(
        data=data if isinstance(data, bytes) else data.data(),
        finds=frozenset(finds),
        places=tuple(place for place in Place if place in where),
    )


def refused(data: ZipSpec | Sdist | bytes, words: str) -> Tampered:
    return Tampered(data=data if isinstance(data, bytes) else data.data(), refused=words)


def _place(kind: str, name: str) -> Place:
    if kind == "member-only-in-first":
        return Place.PHANTOM
    if kind == "member-only-in-second":
        return Place.MISSING
    if kind.startswith(("zip-", "tar-", "gzip-")) or not name:
        return Place.CONTAINER
    return Place.METADATA if is_metadata(name) else Place.CODE


REGULAR = stat.S_IFREG | 0o644
