"""Each way to tamper with a wheel that has a name, and what must be found."""

from __future__ import annotations

import stat
import struct
from collections.abc import Mapping
from dataclasses import replace

import zip_factory as zips
from tampering import (
    EVIL,
    REGULAR,
    Tampered,
    Wheel,
    WheelTampering,
    evil,
    flipped,
    found,
    is_metadata,
    refused,
)
from zip_factory import Descriptor, ZipSpec

from samebytes.verify.verification import Place

_PHANTOM = "member-only-in-first"


def _byte(wheel: Wheel) -> Wheel:
    return wheel.with_member(wheel.code, content=flipped(wheel[wheel.code].content))


def _record(wheel: Wheel) -> str:
    return f"{wheel.info}/RECORD"


def _content(wheel: Wheel) -> Tampered:
    return found(_byte(wheel).spec, ("*", wheel.code))


def _content_recorded(wheel: Wheel) -> Tampered:
    changed = _byte(wheel).recorded(wheel.code)
    return found(changed.spec, ("*", wheel.code), ("record-rows", _record(wheel)))


def _content_stored(wheel: Wheel) -> Tampered:
    """Compressed in another way too."""
    method = zips.DEFLATED - wheel[wheel.code].method
    changed = _byte(wheel).with_member(wheel.code, method=method)
    return found(changed.spec, ("*", wheel.code), ("zip-method", wheel.code), places=[Place.CODE])


def _swapped(wheel: Wheel) -> Tampered:
    one = wheel.code
    two = next(
        (not is_metadata(name), name)
        for name in sorted(wheel.names, key=is_metadata)
        if wheel[name].content not in (b"", wheel[one].content) and name != _record(wheel)
    )[1]
    contents = wheel[one].content, wheel[two].content
    changed = wheel.with_member(one, content=contents[1]).with_member(two, content=contents[0])
    return found(changed.spec, ("*", one), ("*", two))


def _removed(wheel: Wheel) -> Tampered:
    return found(wheel.without(wheel.code).spec, ("member-only-in-second", wheel.code))


def _renamed(wheel: Wheel) -> Tampered:
    changed = wheel.with_member(wheel.code, name=b"evil.pth")
    return found(changed.spec, ("member-renamed", "evil.pth"))


def _adding(name: str, /, **changes: object) -> WheelTampering:
    """A new member; ``{}`` in its name stands for the name and version."""

    def tamper(wheel: Wheel) -> Tampered:
        path = name.format(wheel.info.removesuffix(".dist-info"))
        return found(wheel.added(evil(path, **changes)).spec, (_PHANTOM, path.rstrip("/")))

    return tamper


def _pth_recorded(wheel: Wheel) -> Tampered:
    changed = wheel.added(evil("evil.pth")).recorded("evil.pth")
    return found(changed.spec, (_PHANTOM, "evil.pth"), ("record-rows", _record(wheel)))


# --- metadata ------------------------------------------------------------------------------------


def _record_hash(wheel: Wheel) -> Tampered:
    before, equals, after = wheel.text(_record(wheel)).partition("=")
    changed = wheel.with_text(_record(wheel), before + equals + after[:9][::-1] + after[9:])
    return found(changed.spec, ("record-rows", _record(wheel)))


def _record_row(wheel: Wheel) -> Tampered:
    lines = wheel.text(_record(wheel)).splitlines(keepends=True)
    changed = wheel.with_text(_record(wheel), "".join(lines[1:]))
    return found(changed.spec, ("record-rows", _record(wheel)))


def _dependency_added(wheel: Wheel) -> Tampered:
    name = f"{wheel.info}/METADATA"
    head, line, rest = wheel.text(name).partition("\nName:")
    changed = wheel.with_text(name, f"{head}\nRequires-Dist: evil>=1{line}{rest}")
    return found(changed.spec, ("metadata-field", name))


def _dependency_changed(wheel: Wheel) -> Tampered | None:
    name = f"{wheel.info}/METADATA"
    head, field, rest = wheel.text(name).partition("\nRequires-Python: ")
    if not field:
        return None
    changed = wheel.with_text(name, f"{head}{field}!=3.99.1,{rest}")
    return found(changed.spec, ("metadata-field", name))


def _entry_points(wheel: Wheel) -> Tampered:
    name, text = f"{wheel.info}/entry_points.txt", "\n[gui_scripts]\nevil = evil:main\n"
    if name not in wheel.names:
        return found(wheel.added(evil(name, content=text.encode())).spec, (_PHANTOM, name))
    return found(wheel.with_text(name, wheel.text(name) + text).spec, ("*", name))


def _wheel_field(field: str, value: str) -> WheelTampering:
    def tamper(wheel: Wheel) -> Tampered:
        name = f"{wheel.info}/WHEEL"
        lines = wheel.text(name).splitlines()
        changed = [f"{field}: {value}" if line.startswith(field) else line for line in lines]
        return found(
            wheel.with_text(name, "".join(f"{line}\n" for line in changed)).spec,
            ("wheel-field", name),
        )

    return tamper


def _other_info(wheel: Wheel, info: str) -> Wheel:
    for name in wheel.names:
        if name.startswith(f"{wheel.info}/"):
            wheel = wheel.with_member(name, name=f"{info}/{name.partition('/')[2]}".encode())
    return wheel


def _info_name(wheel: Wheel) -> Tampered:
    changed = _other_info(wheel, f"evil-{wheel.info.partition('-')[2]}")
    return found(changed.spec, ("dist-info-folder", ""), places=[Place.METADATA])


def _info_version(wheel: Wheel) -> Tampered:
    metadata, info = f"{wheel.info}/METADATA", f"{wheel.info.partition('-')[0]}-99.dist-info"
    text = wheel.text(metadata).replace("\nVersion: ", "\nVersion: 99.", 1)
    changed = _other_info(wheel.with_text(metadata, text), info)
    finds = ("dist-info-folder", ""), ("metadata-field", f"{info}/METADATA")
    return found(changed.spec, *finds, places=[Place.METADATA])


# --- modes and types -----------------------------------------------------------------------------


def _mode(wheel: Wheel, mode: int, kind: str = "member-executable") -> Tampered:
    changed = wheel.with_member(wheel.code, mode=mode, create_system=3)
    return found(changed.spec, (kind, wheel.code))


def _executable(wheel: Wheel) -> Tampered | None:
    mode = wheel[wheel.code].mode
    return None if mode & 0o111 else _mode(wheel, REGULAR | 0o111)


def _not_executable(wheel: Wheel) -> Tampered | None:
    for member in wheel.spec.members:
        if stat.S_ISREG(member.mode) and member.mode & 0o111:
            name = member.name.decode()
            changed = wheel.with_member(name, mode=member.mode & ~0o111)
            return found(changed.spec, ("member-executable", name))
    return None


def _setuid(wheel: Wheel) -> Tampered:
    return _mode(wheel, REGULAR | stat.S_ISUID)


def _link(wheel: Wheel) -> Tampered:
    return _mode(wheel, stat.S_IFLNK | 0o777, "member-type")


# --- one path twice ------------------------------------------------------------------------------


def _twice(wheel: Wheel) -> Tampered:
    return found(wheel.added(evil(wheel.code)).spec, (_PHANTOM, wheel.code))


def _twice_before(wheel: Wheel) -> Tampered:
    changed = wheel.added(evil(wheel.code), before=wheel.code)
    return found(changed.spec, (_PHANTOM, wheel.code), ("*", wheel.code))


def _alias(wheel: Wheel, name: str, /, **changes: object) -> Tampered:
    return found(wheel.added(evil(name, **changes)).spec, (_PHANTOM, name.rstrip("/")))


def _alias_case(wheel: Wheel) -> Tampered:
    return _alias(wheel, wheel.code.upper())


def _alias_dot(wheel: Wheel) -> Tampered:
    return _alias(wheel, f"./{wheel.code}")


def _alias_slashes(wheel: Wheel) -> Tampered:
    folder, slash, name = wheel.code.rpartition("/")
    return _alias(wheel, f"{folder}{slash}/./{name}" if folder else f".//{name}")


def _alias_unicode(wheel: Wheel) -> Tampered:
    """With a letter that is the same as another after normalisation (NFKC)."""
    wide = "".join(chr(ord(each) + 0xFEE0) for each in wheel.code[:-3])
    return _alias(wheel, f"{wide}.py", flags=zips.UTF8)


def _alias_folder(wheel: Wheel) -> Tampered:
    return _alias(wheel, f"{wheel.code}/", content=b"", mode=stat.S_IFDIR | 0o755)


def _slash(wheel: Wheel) -> Tampered:
    return refused(wheel.added(evil(f"{wheel.code}/")).spec, "disagree on what")


def _backslash(wheel: Wheel) -> Tampered:
    return refused(wheel.added(evil("evil\\evil.py")).spec, "disagree on what")


def _refused_name(name: str) -> WheelTampering:
    return lambda wheel: refused(wheel.added(evil(name)).spec, "outside of its folder")


# --- the zip -------------------------------------------------------------------------------------


def _zip(**changes: object) -> WheelTampering:
    """Bytes that belong to no member."""
    kind = "zip-trailing" if "trailing" in changes else "zip-gap"

    def tamper(wheel: Wheel) -> Tampered:
        spec = replace(wheel.spec, **changes)  # type: ignore[arg-type]
        where = wheel.names[(spec.layout or (0,))[0]] if "prefix" in changes else ""
        return found(spec, (kind, where))

    return tamper


_OTHER_ZIP = ZipSpec(members=(evil("evil.pth"),)).data()


def _gap(wheel: Wheel) -> Tampered:
    """A member that whoever reads from the beginning sees, and nobody else."""
    name = wheel.names[len(wheel.names) // 2]
    return found(wheel.with_member(name, gap=evil("evil.pth").entry()).spec, ("zip-gap", name))


def _gap_before_folder(wheel: Wheel) -> Tampered:
    """The same before an entry that changes nothing, and that the built one lacks."""
    folder = next((name.rpartition("/")[0] for name in wheel.names if "/" in name), "")
    hidden = evil("evil.pth").entry()
    entry = evil(f"{folder}/", content=b"", mode=stat.S_IFDIR | 0o755, gap=hidden)
    finds = ("zip-gap", folder), ("folder-entry", folder)
    return found(wheel.added(entry).spec, *finds, places=[Place.CONTAINER])


def _shifted(wheel: Wheel) -> Tampered:
    """Before the first member, and the offsets are not right any more."""
    return refused(_OTHER_ZIP + wheel.spec.data(), "not where its end says")


def _other_after(wheel: Wheel) -> Tampered:
    return refused(wheel.spec.data() + _OTHER_ZIP, "not where its end says")


def _other_after_right(wheel: Wheel) -> Tampered:
    spec = ZipSpec(members=(evil("evil.pth"),), prefix=wheel.spec.data())
    gone = tuple(("member-only-in-second", name) for name in wheel.names if name[-1] != "/")
    finds = ((_PHANTOM, "evil.pth"), ("zip-gap", "evil.pth"), *gone)
    return found(spec, *finds, places=[Place.PHANTOM, Place.MISSING, Place.CONTAINER])


def _end_in_comment(wheel: Wheel) -> Tampered:
    end = _OTHER_ZIP[-22:]
    return refused(replace(wheel.spec, comment=end), "two zip directories")


def _lying(words: str, **changes: object) -> WheelTampering:
    return lambda wheel: refused(wheel.with_member(wheel.code, **changes).spec, words)


def _lying_method(wheel: Wheel) -> Tampered:
    lie = {"method": zips.DEFLATED - wheel[wheel.code].method}
    return refused(wheel.with_member(wheel.code, local=lie).spec, "headers of")


def _checksum(wheel: Wheel) -> Tampered:
    """Another content of the same length behind the old checksum."""
    member = wheel[wheel.code]
    stream = flipped(member.content)
    changed = wheel.with_member(wheel.code, stream=stream, method=zips.STORED)
    return refused(changed.spec, "checksum")


def _overlap(wheel: Wheel) -> Tampered:
    changed = wheel.with_member(wheel.names[-1], central={"offset": 0})
    return refused(changed.spec, "overlap")


def _stored_descriptor(wheel: Wheel) -> Tampered:
    """Its content is a member, before whose name some stop reading."""
    changes = {"method": zips.STORED, "stream": None, "descriptor": Descriptor.SIGNED}
    changed = wheel.with_member(wheel.code, **changes)
    return found(changed.spec, ("zip-stored-descriptor", wheel.code))


def _extra(wheel: Wheel) -> Tampered:
    """libarchive takes type and mode from this field."""
    extra = struct.pack("<HHBBH", 0x6C78, 4, 4, 0, 0o777)
    return found(
        wheel.with_member(wheel.code, central_extra=extra).spec, ("zip-extra-other", wheel.code)
    )


# --- names of files ------------------------------------------------------------------------------


def _file(change: Mapping[int, str]) -> WheelTampering:
    """Parts of the file's name replaced; a part may become two."""

    def tamper(wheel: Wheel) -> Tampered:
        name, version = wheel.info.removesuffix(".dist-info").split("-")
        parts = [name, version, *WHEEL_TAGS.split("-")]
        for place, value in change.items():
            parts[place] = value.format(parts[place])
        return Tampered(data=wheel.spec.data(), filename="-".join(parts) + ".whl")

    return tamper


WHEEL_TAGS = "py3-none-any"

WHEEL_TAMPERINGS: Mapping[str, WheelTampering] = {
    "a byte of a content": _content,
    "a byte of a content, and its row in RECORD": _content_recorded,
    "a byte of a content, and its compression": _content_stored,
    "contents swapped": _swapped,
    "member removed": _removed,
    "member renamed": _renamed,
    ".pth": _adding("evil.pth"),
    ".pth with a row in RECORD": _pth_recorded,
    "empty .pth": _adding("evil.pth", content=b""),
    "top-level module": _adding("evil.py"),
    "script": _adding("{}.data/scripts/evil", mode=stat.S_IFREG | 0o755),
    "in purelib": _adding("{}.data/purelib/evil.py"),
    "in data": _adding("{}.data/data/bin/evil"),
    "folder": _adding("evil/", content=b"", mode=stat.S_IFDIR | 0o755),
    "signature": _adding("{}.dist-info/RECORD.jws"),
    "RECORD, a hash": _record_hash,
    "RECORD, a row removed": _record_row,
    "dependency added": _dependency_added,
    "requirement changed": _dependency_changed,
    "entry points": _entry_points,
    "Root-Is-Purelib": _wheel_field("Root-Is-Purelib", "false"),
    "Tag": _wheel_field("Tag", "cp311-cp311-win32"),
    "dist-info of another name": _info_name,
    "dist-info of another version": _info_version,
    "second dist-info": _adding("evil-1.dist-info/METADATA"),
    "executable": _executable,
    "not executable": _not_executable,
    "setuid": _setuid,
    "member becomes a link": _link,
    "link added": _adding("evil.py", content=b"/etc/passwd", mode=stat.S_IFLNK | 0o777),
    "device added": _adding("evil", content=b"", mode=stat.S_IFCHR | 0o666),
    "name twice": _twice,
    "name twice, the other first": _twice_before,
    "name in capitals": _alias_case,
    "name with ./": _alias_dot,
    "name with //": _alias_slashes,
    "name normalised": _alias_unicode,
    "name as a folder": _alias_folder,
    "slash after a file": _slash,
    "backslash": _backslash,
    "absolute": _refused_name("/evil.pth"),
    "..": _refused_name("../evil.pth"),
    ".. further down": _refused_name("demo/../../evil.pth"),
    "NUL": _refused_name("evil.pth\0.txt"),
    "prefix": _zip(prefix=b"#!/bin/sh\nexec evil\n"),
    "zip before": _zip(prefix=_OTHER_ZIP),
    "zip before, offsets as they were": _shifted,
    "zip after, offsets as they were": _other_after,
    "zip after": _other_after_right,
    "bytes before the directory": _zip(gap=evil("evil.pth").entry()),
    "member that the directory does not list": _gap,
    "member that is not listed, before a folder": _gap_before_folder,
    "trailing bytes": _zip(trailing=EVIL),
    "end record in the comment": _end_in_comment,
    "another name in the local header": _lying("headers of", local_name=b"evil.pth"),
    "another size in the local header": _lying("headers of", local={"size": 1}),
    "another method in the local header": _lying_method,
    "another checksum in the local header": _lying("headers of", local={"crc": 1}),
    "content without its checksum": _checksum,
    "overlapping": _overlap,
    "encrypted": _lying("encrypted", flags=1),
    "another method": _lying("neither stored nor deflated", method=12),
    "second name": _lying("second name", central_extra=struct.pack("<HHB", 0x7075, 1, 1)),
    "stored with a descriptor": _stored_descriptor,
    "mode in an extra field": _extra,
    "file of another version": _file({1: "99.{}"}),
    "file of a local version": _file({1: "{}+evil"}),
    "file of another project": _file({0: "evil_{}"}),
    "file of another Python": _file({2: "cp311"}),
    "file of another platform": _file({4: "win32"}),
    "file of another build": _file({1: "{}-1evil"}),
}
