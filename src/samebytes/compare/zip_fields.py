"""How what two zips say about the same member differs."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from samebytes.archive.member import NOTHING, Blob, Member, zip_header
from samebytes.archive.zip_directory import (
    CENTRAL,
    DESCRIPTOR,
    FULL_32,
    LOCAL,
    STORED,
    UTF8,
    ZIP64_EXTRA,
    extra_fields,
)
from samebytes.compare.correction import Correction, Slots

_EXECUTABLE, _TYPE = 0o111 << 16, 0o170000 << 16


def slots_of(member: Member) -> Slots:
    """The independent parts of what a zip says about a member, and of how it is stored."""
    header = zip_header(member)
    central = {name: header.central[place] for name, place in CENTRAL.items()}
    local = {name: header.local[place] for name, place in LOCAL.items()}
    descriptor = header.descriptor
    return {
        **{name: central[name] for name in _CENTRAL_SLOTS},
        **{f"local {name}": local[name] for name in _LOCAL_SLOTS},
        "name": header.name,
        "comment": header.comment,
        "extra": _without_sizes(header.central_extra),
        "local extra": _without_sizes(header.local_extra),
        "full": tuple(central[name] == _FULL for name in ("packed", "size", "offset")),
        "local full": tuple(local[name] == _FULL for name in ("packed", "size")),
        "follows": _sizes_follow(local),
        "descriptor": (descriptor.startswith(b"PK\x07\x08"), len(descriptor)),
        "stream": header.stream,
        "content": (member.content, central["crc"]),
        "gap": header.gap,
    }


_FULL = b"\xff" * 4


def _sizes_follow(local: Mapping[str, bytes]) -> bool:
    """Whether checksum and sizes are left to the data descriptor (APPNOTE 4.4.4, bit 3)."""
    flags = int.from_bytes(local["flags"], "little")
    empty = all(local[name] in (bytes(4), _FULL) for name in ("packed", "size"))
    return bool(flags & DESCRIPTOR) and not any(local["crc"]) and empty


#: Times and Unix owners, in the ways of several programs (APPNOTE 4.5.2, Info-ZIP's extrafld.txt).
_HARMLESS_EXTRAS = {0x000A, 0x5455, 0x5855, 0x7875}
_CENTRAL_SLOTS = (
    "create_version",
    "create_system",
    "extract_version",
    "flags",
    "method",
    "time",
    "disk",
    "internal_attr",
    "external_attr",
)
_LOCAL_SLOTS = ("extract_version", "flags", "method", "time")

#: Slots whose values are reported as they are: the kind, and how a value is shown.
_SIMPLE: Mapping[str, tuple[str, str]] = {
    "create_version": ("zip-create-version", ""),
    "create_system": ("zip-create-system", ""),
    "extract_version": ("zip-extract-version", ""),
    "internal_attr": ("zip-internal-attr", ""),
    "local extract_version": ("zip-extract-version", "local header"),
}


def encoded(slots: Slots, offset: int) -> tuple[bytes, bytes, bytes]:
    """Local header, descriptor and central header of a member that lies at ``offset``."""
    stream, (content, crc) = slots["stream"], slots["content"]
    name, comment = slots["name"], slots["comment"]
    sizes = (stream.size, content.size)
    full, local_full, follows = slots["full"], slots["local full"], slots["follows"]
    extra = _with_sizes(slots["extra"], (*sizes, offset), full)
    local_sizes = (0, 0) if follows else sizes
    local_extra = _with_sizes(slots["local extra"], local_sizes, local_full)
    local = b"".join(
        (
            b"PK\x03\x04",
            *(slots[f"local {field}"] for field in _LOCAL_SLOTS),
            bytes(4) if follows else crc,
            *_sizes(local_sizes, local_full),
            struct.pack("<HH", len(name), len(local_extra)),
            name,
            local_extra,
        )
    )
    central = b"".join(
        (
            b"PK\x01\x02",
            *(slots[field] for field in _CENTRAL_SLOTS[:6]),
            crc,
            *_sizes(sizes, full[:2]),
            struct.pack("<HHH", len(name), len(extra), len(comment)),
            *(slots[field] for field in _CENTRAL_SLOTS[6:]),
            *_sizes((offset,), full[2:]),
            name,
            extra,
            comment,
        )
    )
    return local, _descriptor(slots, crc, sizes), central


def _sizes(values: tuple[int, ...], full: tuple[bool, ...]) -> Iterator[bytes]:
    for value, is_full in zip(values, full, strict=True):
        yield struct.pack("<L", FULL_32 if is_full or value > FULL_32 else value)


def _descriptor(slots: Slots, crc: bytes, sizes: tuple[int, int]) -> bytes:
    has_magic, length = slots["descriptor"]
    if not length:
        return b""
    magic = b"PK\x07\x08" if has_magic else b""
    layout = "<QQ" if length - len(magic) == 20 else "<LL"
    return bytes(magic + crc + struct.pack(layout, *sizes))


#: What stands for the zip64 field, whose sizes follow from the member: how long it is.
_Extra = tuple[tuple[int, bytes | int], ...]


def _without_sizes(data: bytes) -> _Extra:
    return tuple(
        (key, len(value) if key == ZIP64_EXTRA and any(value) else value)
        for key, value in extra_fields(data) or ()
    )


def _with_sizes(extra: _Extra, values: tuple[int, ...], full: tuple[bool, ...]) -> bytes:
    parts = []
    order = (1, 0, 2)[: len(values)]  # APPNOTE 4.5.3: the original size comes first
    for key, data in extra:
        if isinstance(data, int):
            wide = [values[index] for index in order if full[index]]
            if len(wide) * 8 < data:  # sizes that are said though they fit
                wide = [values[1], values[0]]
            data = b"".join(struct.pack("<Q", value) for value in wide)
        parts.append(struct.pack("<HH", key, len(data)) + data)
    return b"".join(parts)


def zip_corrections(first: Member, second: Member) -> Iterator[Correction]:
    """What the two say differently of a member's time and permissions, and how they store it."""
    one, two = slots_of(first), slots_of(second)
    if one == two:
        return
    name = first.name
    for slot, (kind, field) in _SIMPLE.items():
        if one[slot] == two[slot]:
            continue
        if slot == "local extract_version" and _same_as_central(one, two, "extract_version"):
            continue
        slots = (slot, f"local {slot}") if slot == "extract_version" else (slot,)
        numbers = (_number(one[slot]), _number(two[slot]))
        yield Correction.of(kind, name, numbers, *slots, field=field)
    yield from _times(name, one, two)
    yield from _attributes(first, second, one, two)
    yield from _flags(name, one, two)
    yield from _extras(name, one, two)
    yield from _streams(name, one, two)
    if one["comment"] != two["comment"]:
        yield Correction.of("zip-member-comment", name, (one["comment"], two["comment"]), "comment")
    if one["gap"] != two["gap"]:
        values = (_gap(one["gap"]), _gap(two["gap"]))
        yield Correction.of("zip-gap", name, values, "gap")


def bare_zip_member(member: Member) -> Member:
    """The member without anything that its content, name, time and permissions have no need of."""
    header = replace(zip_header(member), gap=NOTHING, central_extra=b"", local_extra=b"")
    return replace(member, header=header)


def _same_as_central(one: Slots, two: Slots, slot: str) -> bool:
    """Whether each says in its local header what it says in the directory, and these differ."""
    agree = all(slots[slot] == slots[f"local {slot}"] for slots in (one, two))
    return agree and bool(one[slot] != two[slot])


def _times(name: str, one: Slots, two: Slots) -> Iterator[Correction]:
    if one["time"] != two["time"]:
        values = (dos_moment(one["time"]), dos_moment(two["time"]))
        slots = ("time", "local time") if _same_as_central(one, two, "time") else ("time",)
        yield Correction.of("zip-mtime", name, values, *slots)
    if one["local time"] != two["local time"] and not _same_as_central(one, two, "time"):
        values = (dos_moment(one["local time"]), dos_moment(two["local time"]))
        yield Correction.of("zip-mtime", name, values, "local time", field="local header")


def dos_moment(raw: bytes) -> str:
    """A time of a zip as people write it; it has no time zone."""
    time, date = struct.unpack("<HH", raw)
    return (
        f"{1980 + (date >> 9)}-{date >> 5 & 15:02}-{date & 31:02} "
        f"{time >> 11:02}:{time >> 5 & 63:02}:{(time & 31) * 2:02}"
    )


def _attributes(first: Member, second: Member, one: Slots, two: Slots) -> Iterator[Correction]:
    if one["external_attr"] == two["external_attr"]:
        return
    numbers = [_number(slots["external_attr"]) for slots in (one, two)]
    changed = numbers[0] ^ numbers[1]
    # What decides the type, or who may execute, is a difference of content, reported as such.
    if first.executable_for != second.executable_for:
        changed &= ~_EXECUTABLE
    if first.type is not second.type:
        changed &= ~_TYPE
    if not changed:
        return
    shown = tuple(_attribute(value) for value in numbers)
    yield Correction.of("zip-external-attr", first.name, (shown[0], shown[1]), "external_attr")


def _attribute(value: int) -> str:
    return f"{value >> 16:06o}" + (f" {value & 0xFFFF:#x}" if value & 0xFFFF else "")


def _flags(name: str, one: Slots, two: Slots) -> Iterator[Correction]:
    for slot, field in (("flags", ""), ("local flags", "local header")):
        flags = [_number(one[slot]), _number(two[slot])]
        if slot == "local flags" and _same_as_central(one, two, "flags"):
            continue
        if (flags[0] ^ flags[1]) & ~DESCRIPTOR:
            slots = (slot, "name", "local flags") if slot == "flags" else (slot,)
            shown = (f"{flags[0]:#06x}", f"{flags[1]:#06x}")
            is_name = (flags[0] ^ flags[1]) & UTF8 and not one["name"].isascii()
            kind = "zip-name-encoding" if is_name else "zip-flags"
            yield Correction.of(kind, name, shown, *slots, field=field)
    shapes = [(slots["descriptor"], slots["follows"]) for slots in (one, two)]
    bits = [_number(slots["flags"]) & DESCRIPTOR for slots in (one, two)]
    unclear = _has_unclear_end(one) != _has_unclear_end(two)
    if unclear or shapes[0] != shapes[1] or bits[0] != bits[1]:
        kind = "zip-stored-descriptor" if unclear else "zip-descriptor"
        values = (_shape(one), _shape(two))
        yield Correction.of(kind, name, values, "descriptor", "follows", "flags", "local flags")


def _has_unclear_end(slots: Slots) -> bool:
    """Whether a program that does not wait for the directory has to guess where the data end.

    What is stored may hold what looks like a descriptor, and like another member after it.
    """
    content, _ = slots["content"]
    return bool(slots["follows"] and _number(slots["method"]) == STORED and content.size)


def _shape(slots: Slots) -> str:
    has_magic, length = slots["descriptor"]
    if not length:
        return "none"
    return f"{length} bytes, {'with' if has_magic else 'without'} signature"


def _extras(name: str, one: Slots, two: Slots) -> Iterator[Correction]:
    shapes = [_zip64_shape(slots) for slots in (one, two)]
    if shapes[0] != shapes[1]:
        wide = tuple("yes" if any(map(any, shape)) else "no" for shape in shapes)
        slots = ("full", "local full", "extra", "local extra")
        yield Correction.of("zip-zip64", name, (wide[0], wide[1]), *slots)
    for slot, field in (("extra", "directory"), ("local extra", "local header")):
        fields = [_other_fields(slots[slot]) for slots in (one, two)]
        if fields[0] != fields[1]:
            values = (_listed(fields[0]), _listed(fields[1]))
            keys = {key for each in fields for key, _ in each}
            kind = "zip-extra" if keys <= _HARMLESS_EXTRAS else "zip-extra-other"
            yield Correction.of(kind, name, values, slot, field=field)


def _zip64_shape(slots: Slots) -> tuple[Sequence[Any], ...]:
    extras = (slots["extra"], slots["local extra"])
    return (
        slots["full"],
        slots["local full"],
        *([each for each in extra if each[0] == ZIP64_EXTRA] for extra in extras),
    )


def _other_fields(extra: _Extra) -> list[tuple[int, bytes]]:
    return [(key, data) for key, data in extra if key != ZIP64_EXTRA]  # type: ignore[misc]


def _listed(fields: list[tuple[int, bytes]]) -> str:
    return ", ".join(f"{key:#06x} {data.hex()}" for key, data in fields) or "none"


def _streams(name: str, one: Slots, two: Slots) -> Iterator[Correction]:
    if one["method"] != two["method"]:
        values = tuple(_METHODS[_number(slots["method"])] for slots in (one, two))
        slots = ("method", "local method", "stream")
        yield Correction.of("zip-method", name, (values[0], values[1]), *slots)
    elif one["content"] == two["content"] and one["stream"] != two["stream"]:
        sizes = [slots["stream"].size for slots in (one, two)]
        values = (f"{sizes[0]:,} bytes", f"{sizes[1]:,} bytes")
        yield Correction.of("deflate-stream", name, values, "stream")


_METHODS = {0: "stored", 8: "deflated"}


def _number(value: bytes) -> int:
    return int.from_bytes(value, "little")


def _gap(blob: Blob) -> str:
    return f"{blob.size:,} bytes, SHA-256 {blob.sha256}" if blob.size else "none"
