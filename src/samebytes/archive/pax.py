"""PAX records (POSIX.1-2017, pax, "pax Extended Header") and what is known of their keywords."""

from __future__ import annotations

import re
from pathlib import Path

from samebytes.archive.damage import damaged

#: Records that decide what a member is, not only what is said about it.
RESHAPING = frozenset({"path", "linkpath", "size"})
#: Records that change a time, an owner or a remark, and nothing else, wherever they are read.
_HARMLESS = frozenset(
    {"atime", "comment", "ctime", "gid", "gname", "mtime", "uid", "uname"}
    | {"LIBARCHIVE.creationtime", "SCHILY.dev", "SCHILY.ino", "SCHILY.nlink"}
)
#: Others, as ``security.capability``, decide what an executable may do.
_HARMLESS_BEGINNINGS = tuple(
    f"{program}.xattr.{attributes}."
    for program in ("LIBARCHIVE", "SCHILY")
    for attributes in ("com.apple", "user")
)

_TIME = re.compile(rb"-?\d{1,12}(\.\d{0,30})?")
_COUNT = re.compile(rb"\d{1,10}")
_NUMBERS = {
    "atime": _TIME,
    "ctime": _TIME,
    "mtime": _TIME,
    "gid": _COUNT,
    "uid": _COUNT,
    "size": re.compile(rb"\d{1,19}"),
}


def is_harmless(keyword: str) -> bool:
    """Whether another value of this record changes nothing of what a member is."""
    return keyword in _HARMLESS or keyword.startswith(_HARMLESS_BEGINNINGS)


def pax_records(path: Path, data: bytes) -> dict[str, bytes]:
    """The records of a header: ``length keyword=value`` and a line end, over and over.

    Raises ArtifactError if they are not exactly that, if one comes twice, if one that must be a
    number is none, or if they describe a sparse file.
    """
    records: dict[str, bytes] = {}
    position = 0
    while position < len(data):
        digits, space, _ = data[position : position + 12].partition(b" ")
        is_number = space and digits.isdigit() and not digits.startswith(b"0")
        length = int(digits) if is_number else 0
        if not len(digits) + 1 < length <= len(data) - position:
            raise damaged(path, "a PAX record of its tar has no length, or a wrong one")
        record = data[position + len(digits) + 1 : position + length]
        key, equals, value = record[:-1].partition(b"=")
        if not key or not equals or record[-1:] != b"\n":
            raise damaged(path, "a PAX record of its tar is damaged")
        keyword = key.decode("utf-8", "surrogateescape")
        if keyword in records:
            raise damaged(path, "a member of its tar has two PAX records of one name")
        if keyword in _NUMBERS and not _NUMBERS[keyword].fullmatch(value):
            raise damaged(path, f"the PAX record {keyword} of its tar is not a number")
        if keyword.startswith("GNU.sparse."):
            raise damaged(path, "a member of its tar is sparse")
        records[keyword] = value
        position += length
    return records
