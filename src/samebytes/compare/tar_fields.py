"""How what two tars say about the same member differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any

from samebytes.archive.member import Extension, Member, MemberType, TarHeader
from samebytes.archive.pax import is_harmless
from samebytes.archive.tar import FIELDS, number, text
from samebytes.compare.correction import Correction, Slots

#: Permissions that decide who may execute a file, and as whom.
_DECIDING = 0o7111
_DIGITS = b"01234567"
_NUMERIC = ("mode", "uid", "gid", "size", "mtime", "devmajor", "devminor")
_TEXTUAL = ("name", "prefix", "link", "uname", "gname")
_OWNER = ("uid", "gid", "uname", "gname")
_IDS = slice(FIELDS["uid"].start, FIELDS["gid"].stop)
_NAMES = slice(FIELDS["uname"].start, FIELDS["gname"].stop)
_NAMING = ("path", "linkpath")


def slots_of(header: TarHeader) -> Slots:
    """The independent parts of what a tar says about a member."""
    slots: dict[str, Any] = {
        name: header.raw[place] for name, place in FIELDS.items() if name != "checksum"
    }
    slots["checksum"] = _checksum_style(header.raw)
    slots["extensions"] = tuple((each.raw, each.payload) for each in header.extensions)
    slots["padding"] = header.padding
    return slots


def encoded(slots: Slots) -> tuple[bytes, Any, Any]:
    """The header that has these slots, with its extensions and the content's padding."""
    raw = bytearray(512)
    for name, place in FIELDS.items():
        if name != "checksum":
            raw[place] = slots[name]
    raw[FIELDS["checksum"]] = b" " * 8
    pad, suffix, signed = slots["checksum"]
    total = sum(raw) - (256 * sum(byte > 127 for byte in raw) if signed else 0)
    raw[FIELDS["checksum"]] = (b"%o" % total).rjust(8 - len(suffix), pad) + suffix
    return bytes(raw), slots["extensions"], slots["padding"]


def tar_corrections(first: Member, second: Member) -> Iterator[Correction]:
    """What the two say differently of a member's time, owner, permissions, and how they say it."""
    one, two = first.header, second.header
    assert isinstance(one, TarHeader)
    assert isinstance(two, TarHeader)
    if one.raw == two.raw and one.extensions == two.extensions and one.padding == two.padding:
        return
    name = first.name
    changed = {field for field, place in FIELDS.items() if one.raw[place] != two.raw[place]}
    said_otherwise = one.records != two.records
    if said_otherwise or "mtime" in changed:
        yield from _time(name, one, two)
    if said_otherwise or not changed.isdisjoint(_OWNER):
        yield from _owner(name, one, two)
    if "mode" in changed:
        yield from _mode(first, second)
    if first.type is MemberType.DEVICE:
        changed -= {"type", "devmajor", "devminor"}  # a difference of content
    yield from _numbers(name, one, two, changed)
    yield from _texts(first, second, changed)
    yield from _plain_fields(first, second, changed)
    yield from _extensions(first, second)
    if one.padding != two.padding:
        values = (_size(one.padding), _size(two.padding))
        yield Correction.of("tar-padding", name, values, "padding", field="after the content")


def bare_tar_member(member: Member) -> Member:
    """The member without anything that its content, name, time and permissions have no need of."""
    assert isinstance(member.header, TarHeader)
    raw = bytearray(member.header.raw)
    for field in (*_TEXTUAL, "unused"):
        value = b"" if field == "unused" or _is_idle(field, member) else raw[FIELDS[field]]
        end = value.partition(b"\0")[0]
        raw[FIELDS[field]] = end.ljust(FIELDS[field].stop - FIELDS[field].start, b"\0")
    kept = tuple(each for each in member.header.extensions if each.type in (b"L", b"K"))
    header = TarHeader(raw=bytes(raw), extensions=kept)
    return replace(member, header=header)


def _is_idle(field: str, member: Member) -> bool:
    return field == "link" and not member.link


@cache
def moment(seconds: int) -> str:
    """Seconds since the epoch as people write them, in UTC; a number where no calendar reaches."""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return str(seconds)


def _time(name: str, one: TarHeader, two: TarHeader) -> Iterator[Correction]:
    place = FIELDS["mtime"]
    (one_whole, one_part), (two_whole, two_part) = _pax_time(one), _pax_time(two)
    stored = number(one.raw[place]) or 0, number(two.raw[place]) or 0  # the reader checked them
    seconds = [
        whole if whole is not None else known
        for whole, known in zip((one_whole, two_whole), stored, strict=True)
    ]
    if seconds[0] != seconds[1]:
        moments = moment(seconds[0]), moment(seconds[1])
        yield Correction.of("tar-mtime", name, moments, "mtime", "extensions")
    if one_part != two_part:
        parts = one_part or "none", two_part or "none"
        yield Correction.of("tar-pax-mtime", name, parts, "mtime", "extensions")
    elif stored[0] != stored[1] and seconds[0] == seconds[1]:  # a PAX record overrules them
        yield Correction.of("tar-number-encoding", name, stored, "mtime", field="mtime")


def _pax_time(header: TarHeader) -> tuple[int | None, str]:
    """The seconds and the fraction that a PAX record gives; None and nothing if there is none."""
    record = header.records.get("mtime")
    if record is None:
        return None, ""
    whole, _, part = record.decode("ascii").partition(".")
    return int(whole), f".{part}"


def _owner(name: str, one: TarHeader, two: TarHeader) -> Iterator[Correction]:
    owners = _owner_of(one), _owner_of(two)
    if owners[0] != owners[1]:
        places = zip(_OWNER, owners[0], owners[1], strict=True)
        changed = [field for field, mine, theirs in places if mine != theirs]
        values = (_shown_owner(*owners[0]), _shown_owner(*owners[1]))
        yield Correction.of("tar-owner", name, values, *changed, "extensions")


def _owner_of(header: TarHeader) -> tuple[str, ...]:
    if header.records.keys() & _OWNER:
        return tuple(_owner_value(header, field) for field in _OWNER)
    return _stored_owner(header.raw[_IDS], header.raw[_NAMES])


@lru_cache(4096)
def _stored_owner(ids: bytes, names: bytes) -> tuple[str, ...]:
    return str(number(ids[:8])), str(number(ids[8:])), text(names[:32]), text(names[32:])


def _shown_owner(uid: str, gid: str, uname: str, gname: str) -> str:
    names = f"{uname}:{gname}" if uname or gname else "no name"
    return f"{names} ({uid}:{gid})"


def _owner_value(header: TarHeader, field: str) -> str:
    if field in header.records:
        return header.records[field].decode("utf-8", "surrogateescape")
    raw = header.raw[FIELDS[field]]
    return text(raw) if field.endswith("name") else str(number(raw))


def _mode(first: Member, second: Member) -> Iterator[Correction]:
    changed = first.mode ^ second.mode
    if first.executable_for != second.executable_for:
        changed &= ~_DECIDING  # a difference of content, reported as such
    if changed:
        values = (f"{first.mode:04o}", f"{second.mode:04o}")
        yield Correction.of("tar-mode", first.name, values, "mode")


def _numbers(name: str, one: TarHeader, two: TarHeader, changed: set[str]) -> Iterator[Correction]:
    """The same number written in another way."""
    for field in _NUMERIC:
        if field not in changed:
            continue
        raw = one.raw[FIELDS[field]], two.raw[FIELDS[field]]
        values = number(raw[0]), number(raw[1])
        if values[0] == values[1]:
            yield Correction.of(
                "tar-number-encoding", name, (_shown(raw[0]), _shown(raw[1])), field, field=field
            )
        elif field.startswith("dev"):
            yield Correction.of("tar-device", name, values, field, field=field)
    styles = _checksum_style(one.raw), _checksum_style(two.raw)
    if styles[0] != styles[1]:
        shown = tuple(_shown(header.raw[FIELDS["checksum"]]) for header in (one, two))
        yield Correction.of(
            "tar-number-encoding", name, (shown[0], shown[1]), "checksum", field="checksum"
        )


def _texts(first: Member, second: Member, changed: set[str]) -> Iterator[Correction]:
    """The same names written in another way, and what follows the NUL that ends them."""
    one, two = first.header, second.header
    assert isinstance(one, TarHeader)
    assert isinstance(two, TarHeader)
    naming: list[str] = []
    for field in _TEXTUAL:
        if field not in changed:
            continue
        raw = one.raw[FIELDS[field]], two.raw[FIELDS[field]]
        if text(raw[0]) == text(raw[1]):
            shown = (_shown(raw[0]), _shown(raw[1]))
            yield Correction.of("tar-padding", first.name, shown, field, field=field)
        elif field == "link" and not first.link and not second.link:
            shown = (_shown(raw[0]), _shown(raw[1]))
            yield Correction.of("tar-padding", first.name, shown, field, field="link of no link")
        elif not field.endswith("name") or field == "name":
            naming.append(field)
    long = _long_names(one), _long_names(two)
    if (naming or long[0] != long[1]) and first.name == second.name and first.link == second.link:
        shown = (_naming(one), _naming(two))
        yield Correction.of("tar-name-encoding", first.name, shown, *naming, "extensions")


def _long_names(header: TarHeader) -> list[tuple[bytes, bytes]]:
    return [
        (each.raw, each.payload) if each.type in (b"L", b"K") else (key.encode(), value)
        for each in header.extensions
        if each.type != b"g"
        for key, value in (each.records.items() if each.type == b"x" else (("", b""),))
        if each.type != b"x" or key in _NAMING
    ]


def _naming(header: TarHeader) -> str:
    kinds = {each.type for each in header.extensions}
    if kinds & {b"L", b"K"}:
        return "GNU long name"
    if any(key in each.records for each in header.extensions for key in _NAMING):
        return "PAX record"
    return "prefix and name" if any(header.raw[FIELDS["prefix"]]) else "name"


def _plain_fields(first: Member, second: Member, changed: set[str]) -> Iterator[Correction]:
    one, two = first.header, second.header
    assert isinstance(one, TarHeader)
    assert isinstance(two, TarHeader)
    for field, kind in (("type", "tar-type"), ("format", "tar-format"), ("unused", "tar-padding")):
        raw = one.raw[FIELDS[field]], two.raw[FIELDS[field]]
        if field in changed and (field != "type" or first.type is second.type):
            label = field if field == "unused" else ""
            if field == "type" and first.type is not MemberType.FILE:
                kind = "member-type"  # not every program knows the other way to say it
            yield Correction.of(
                kind, first.name, (_shown(raw[0]), _shown(raw[1])), field, field=label
            )


def _extensions(first: Member, second: Member) -> Iterator[Correction]:
    one, two = first.header, second.header
    assert isinstance(one, TarHeader)
    assert isinstance(two, TarHeader)
    if one.extensions == two.extensions:
        return
    shared = _of_type(one, b"g"), _of_type(two, b"g")
    if shared[0] != shared[1]:
        yield _shared(first.name, _merged(shared[0]), _merged(shared[1]))
    own = _of_type(one, b"x"), _of_type(two, b"x")
    records = _merged(own[0]), _merged(own[1])
    if records[0] != records[1]:
        yield from _records(first.name, records, (one, two))
    if own[0] and own[1] and _shape(own[0], records) != _shape(own[1], records):
        values = (_described(own[0]), _described(own[1]))
        yield Correction.of("tar-pax-header", first.name, values, "extensions")


def _shared(name: str, one: Mapping[str, bytes], two: Mapping[str, bytes]) -> Correction:
    changed = (key for key in one.keys() | two.keys() if one.get(key) != two.get(key))
    harmless = all(map(is_harmless, changed))
    kind, field = ("tar-pax-global", "") if harmless else ("tar-pax-other", "global header")
    return Correction.of(kind, name, (_listed(one), _listed(two)), "extensions", field=field)


def _shape(
    own: tuple[Extension, ...], records: tuple[Mapping[str, bytes], Mapping[str, bytes]]
) -> object:
    """What of a PAX header does not follow from its records: its own fields, the records' order."""
    (extension,) = own
    place = FIELDS["size"], FIELDS["checksum"]
    fields = [extension.raw[: place[0].start], extension.raw[place[0].stop : place[1].start]]
    fields += [extension.raw[place[1].stop :], extension.raw[place[0]].translate(None, _DIGITS)]
    order = [key for key in extension.records if key in records[0] and key in records[1]]
    return fields, _checksum_style(extension.raw), order


def _records(
    name: str,
    records: tuple[Mapping[str, bytes], Mapping[str, bytes]],
    headers: tuple[TarHeader, TarHeader],
) -> Iterator[Correction]:
    one, two = records
    for key in sorted(one.keys() | two.keys()):
        if one.get(key) == two.get(key) or key == "mtime" or key in _NAMING:
            continue  # the time and the names are looked at by themselves
        if key == "size":
            values = (_shown(one.get(key, b"")), _shown(two.get(key, b"")))
            yield Correction.of("tar-number-encoding", name, values, "extensions", field="PAX size")
            continue
        if key in _OWNER and _owner_value(headers[0], key) != _owner_value(headers[1], key):
            continue
        texts = tuple(
            "none" if value is None else value.decode("utf-8", "surrogateescape")
            for value in (one.get(key), two.get(key))
        )
        kind = "tar-pax-record" if is_harmless(key) else "tar-pax-other"
        yield Correction.of(kind, name, (texts[0], texts[1]), "extensions", field=key)


def _of_type(header: TarHeader, kind: bytes) -> tuple[Extension, ...]:
    return tuple(each for each in header.extensions if each.type == kind)


def _merged(extensions: tuple[Extension, ...]) -> dict[str, bytes]:
    return {key: value for each in extensions for key, value in each.records.items()}


def _listed(records: Mapping[str, bytes]) -> str:
    pairs = (f"{key}={value.decode('utf-8', 'replace')}" for key, value in records.items())
    return ", ".join(pairs) or "none"


def _described(extensions: tuple[Extension, ...]) -> str:
    return ", ".join(_shown(each.raw[:100]) for each in extensions) or "none"


def _checksum_style(raw: bytes) -> tuple[bytes, bytes, bool]:
    """With what the checksum is padded on the left, how it ends, and whether bytes were signed."""
    field = raw[FIELDS["checksum"]]
    if field[:6].isdigit() and field[6:] == b"\0 " and raw.isascii():
        return b"0", b"\0 ", False
    digits = field.strip(b" \0")
    suffix = field[field.find(digits) + len(digits) :]
    pad = b" " if field.startswith(b" ") else b"0"
    signed = number(field) != sum(raw) - sum(field) + 8 * 0x20
    return pad, suffix, signed


def _shown(raw: bytes) -> str:
    return repr(raw.rstrip(b"\0"))[1:] if raw.rstrip(b"\0") else "empty"


def _size(raw: bytes) -> str:
    return f"{len(raw)} bytes that are not zeros" if raw else "zeros"
