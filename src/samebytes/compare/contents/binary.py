"""Contents that are no text: compiled catalogues and modules, gzip files, and all others."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator, Mapping

from samebytes.compare.contents.reading import Finding, Reading
from samebytes.compare.model import Line

_LARGEST_GZIP = 16 * 1024**2
_MO_MAGIC = 0x950412DE
_PYC_HEADER = 16


def read_catalogue(first: bytes, second: bytes) -> Reading:
    """How two compiled gettext catalogues (.mo files) differ, entry by entry."""
    one, two = _catalogue(first), _catalogue(second)
    if one is None or two is None:
        return Reading()
    header = one.pop(b"", b""), two.pop(b"", b"")
    findings = []
    lines = list(_lines(one, two))
    if one != two:
        values = tuple(f"{len(each):,} messages" for each in (one, two))
        findings.append(Finding("catalogue-messages", values[0], values[1]))
    if header[0] != header[1]:
        fields = [_header_fields(each) for each in header]
        lines = [*_lines(*fields), *lines]
        for name in sorted(fields[0].keys() | fields[1].keys()):
            values = tuple(_shown(each.get(name)) for each in fields)
            if values[0] != values[1]:
                finding = Finding("catalogue-header", values[0], values[1], _shown(name))
                findings.append(finding)
        findings = findings or [Finding("catalogue-header", "other order", "other order")]
    if not findings:
        sizes = (f"{len(first):,} bytes", f"{len(second):,} bytes")
        findings.append(Finding("catalogue-layout", *sizes))
    return Reading(findings=findings, form="catalogue", lines=lines)


def _catalogue(data: bytes) -> dict[bytes, bytes] | None:
    if len(data) < 28:
        return None
    order = next((o for o in "<>" if struct.unpack_from(f"{o}L", data)[0] == _MO_MAGIC), None)
    if order is None:
        return None
    count, originals, translations = struct.unpack_from(f"{order}LLL", data, 8)
    if max(originals, translations) + 8 * count > len(data):
        return None
    entries: dict[bytes, bytes] = {}
    total = 0
    for number in range(count):
        strings = []
        for table in (originals, translations):
            length, start = struct.unpack_from(f"{order}LL", data, table + 8 * number)
            total += length
            if start + length > len(data) or total > len(data):  # strings that overlap
                return None
            strings.append(data[start : start + length])
        if strings[0] in entries:
            return None
        entries[strings[0]] = strings[1]
    return entries


def _header_fields(header: bytes) -> dict[bytes, bytes]:
    pairs = (line.partition(b":") for line in header.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _lines(one: Mapping[bytes, bytes], two: Mapping[bytes, bytes]) -> Iterator[Line]:
    for key in sorted(one.keys() | two.keys()):
        for mark, entries, others in (("-", one, two), ("+", two, one)):
            if key in entries and entries[key] != others.get(key):
                yield Line(mark, f"{_shown(key)}: {_shown(entries[key])}")


def _shown(data: bytes | None) -> str:
    if data is None:
        return "none"
    text = data.replace(b"\x04", b" | ").replace(b"\0", b" | ")  # context; plural forms
    return text.decode("utf-8", "replace").replace("\n", "\\n")


def read_pyc(first: bytes, second: bytes) -> Reading:
    """Whether two compiled modules hold the same code; the header is that of PEP 552."""
    if min(len(first), len(second)) < _PYC_HEADER:
        return Reading()
    one, two = first[:_PYC_HEADER], second[:_PYC_HEADER]
    if first[_PYC_HEADER:] == second[_PYC_HEADER:] and one[:4] == two[:4]:
        findings = [Finding("pyc-header", _pyc(one), _pyc(two))]
    else:
        findings = [Finding("pyc-code", _pyc(one), _pyc(two))]
    return Reading(findings=findings, form="binary", lines=_sizes(first, second))


def _pyc(header: bytes) -> str:
    magic, flags, mtime, size = struct.unpack("<H2xLLL", header)
    if flags & 1:
        return f"magic {magic}, source hash {header[8:].hex()}"
    return f"magic {magic}, source time {mtime}, source size {size}"


def read_gzip(first: bytes, second: bytes) -> Reading:
    """Whether two gzip files hold the same bytes."""
    one, two = _gunzipped(first), _gunzipped(second)
    if one is None or one != two:
        return Reading()
    sizes = (f"{len(first):,} bytes", f"{len(second):,} bytes")
    finding = Finding("content-gzip", *sizes)
    return Reading(findings=[finding], form="binary", lines=_sizes(first, second))


def _gunzipped(data: bytes) -> bytes | None:
    inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        plain = inflate.decompress(data, _LARGEST_GZIP)
    except zlib.error:
        return None
    return plain if inflate.eof and not inflate.unused_data else None


def read_binary(first: bytes, second: bytes) -> Reading:
    """Sizes and digests, which is all that can be said."""
    sizes = (f"{len(first):,} bytes", f"{len(second):,} bytes")
    finding = Finding("member-content", *sizes)
    return Reading(findings=[finding], form="binary", lines=_sizes(first, second))


def _sizes(first: bytes, second: bytes) -> list[Line]:
    return [
        Line(mark, f"{len(data):,} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}")
        for mark, data in (("-", first), ("+", second))
    ]
