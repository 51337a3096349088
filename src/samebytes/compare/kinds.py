"""The kinds of difference, one row each. ``samebytes explain ID`` tells more of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """What a difference touches: how the archive is written, or what unpacking it gives."""

    CONTAINER = "container"
    CONTENT = "content"


@dataclass(frozen=True, slots=True)
class Kind:
    """A stable id, what differs as a noun phrase, and the level."""

    id: str
    title: str
    level: Level

    def __str__(self) -> str:
        return self.id


def _rows(level: Level, rows: Mapping[str, str]) -> dict[str, Kind]:
    return {identifier: Kind(identifier, title, level) for identifier, title in rows.items()}


KINDS: Mapping[str, Kind] = {
    **_rows(
        Level.CONTAINER,
        {
            # gzip, RFC 1952
            "gzip-header-mtime": "time in the gzip header",
            "gzip-header-name": "file name in the gzip header",
            "gzip-header-comment": "comment in the gzip header",
            "gzip-header-extra": "extra field of the gzip header",
            "gzip-header-flags": "flags of the gzip header",
            "gzip-header-xfl": "compression hint in the gzip header",
            "gzip-header-os": "operating system in the gzip header",
            "gzip-padding": "zeros after the last gzip member",
            # the compressed streams of gzip and zip; bzip2 and xz
            "deflate-stream": "deflate stream of the same contents",
            "compressed-stream": "bzip2 or xz stream of the same contents",
            # tar
            "tar-mtime": "time of a member in the tar",
            "tar-pax-mtime": "fraction of a second in a member's time",
            "tar-owner": "owner of a member in the tar",
            "tar-mode": "permissions of a member in the tar",
            "tar-device": "device numbers of a member in the tar",
            "tar-format": "dialect of a tar header",
            "tar-type": "type flag of a regular file in the tar",
            "tar-name-encoding": "way in which the tar stores the same name",
            "tar-number-encoding": "way in which the tar stores the same number",
            "tar-pax-record": "PAX record of a member",
            "tar-pax-global": "global PAX header",
            "tar-pax-header": "way in which the same PAX records are stored",
            "tar-end": "zeros at the end of the tar",
            # zip, APPNOTE 6.3
            "zip-mtime": "time of a member in the zip",
            "zip-external-attr": "permissions and attributes of a member in the zip",
            "zip-internal-attr": "internal attributes of a member in the zip",
            "zip-create-system": "operating system that is said to have written a member",
            "zip-create-version": "zip version that is said to have written a member",
            "zip-extract-version": "zip version needed to unpack a member",
            "zip-flags": "flag bits of a member in the zip",
            "zip-descriptor": "data descriptor after a member in the zip",
            "zip-extra": "extra field of a member in the zip",
            "zip-zip64": "64-bit sizes of a member in the zip",
            "zip-method": "compression method of a member in the zip",
            "zip-member-comment": "comment of a member in the zip",
            "zip-comment": "comment of the zip",
            "zip-end": "record at the end of the zip",
            "zip-layout": "place of a member's data in the zip",
            # either
            "member-order": "order of the members",
            "folder-entry": "entry for a folder that other members imply",
        },
    ),
    **_rows(
        Level.CONTENT,
        {
            "archive-format": "archive format",
            "tar-padding": "bytes in the unused space of a tar header or block",
            "tar-pax-other": "PAX record that may change what unpacking gives",
            "zip-extra-other": "extra field of a zip that may change what unpacking gives",
            "zip-stored-descriptor": "data descriptor after a member that is not compressed",
            "zip-name-encoding": "encoding that a zip names for a member's name",
            "gzip-members": "compressed streams that the file is made of",
            "gzip-trailing": "bytes after the end of the gzip stream",
            "tar-trailing": "bytes after the end of the tar",
            "zip-gap": "bytes in the zip that belong to no member",
            "zip-trailing": "bytes after the end of the zip",
            "link-order": "order of members of which some are links, or of one path",
            "sdist-folder": "spelling of the sdist's top folder",
            "dist-info-folder": "spelling of the dist-info folder",
            "member-only-in-first": "member that only the first has",
            "member-only-in-second": "member that only the second has",
            "member-renamed": "name of a member of the same content",
            "member-type": "type of a member",
            "member-link": "target of a link, or what a device is",
            "member-executable": "executable bit of a member",
            "member-content": "content of a member",
            "content-line-ends": "line ends of a text",
            "content-line-order": "order of the lines of a text",
            "content-timestamp": "dates or times in a text",
            "content-path": "absolute paths in a text",
            "content-spacing": "spaces, and empty lines, of a text",
            "content-gzip": "gzip file that holds the same bytes",
            "catalogue-header": "header of a compiled catalogue of the same messages",
            "catalogue-layout": "layout of a compiled catalogue of the same messages and header",
            "catalogue-messages": "messages of a compiled catalogue",
            "pyc-header": "header of compiled Python of the same code",
            "pyc-code": "compiled Python",
            "metadata-version": "version of the metadata format",
            "metadata-spelling": "spelling of a metadata field of the same meaning",
            "metadata-order": "order of the metadata fields",
            "metadata-field": "metadata field",
            "metadata-description": "description in the metadata",
            "wheel-generator": "backend that is said to have written the wheel",
            "wheel-field": "field of the WHEEL file",
            "record-line-ends": "line ends of RECORD",
            "record-order": "order of RECORD",
            "record-rows": "rows of RECORD",
            "sources-list": "files that SOURCES.txt lists",
            "sources-order": "order of SOURCES.txt",
            "setup-cfg-tags": "what a build wrote into setup.cfg",
            "unexplained-bytes": "bytes of the archive that no other kind explains",
        },
    ),
}
