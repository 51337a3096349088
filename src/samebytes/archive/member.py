"""One entry of an archive, and what its container says about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class MemberType(StrEnum):
    FILE = "file"
    FOLDER = "folder"
    LINK = "symbolic link"
    HARD_LINK = "hard link"
    DEVICE = "device"


class Blob(NamedTuple):
    """Bytes that are not kept: how many they are and their SHA-256, in hexadecimal."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """A header before a member's own: PAX records (types x and g) or a GNU long name (L and K).

    ``payload`` is without the zeros that fill its last block.
    """

    type: bytes
    raw: bytes
    payload: bytes
    records: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TarHeader:
    """The 512 bytes before a member, what stands before them, and what pads its content.

    ``records`` are the PAX records in force, global ones included; ``padding`` is empty when it
    is zeros, as it should be.
    """

    raw: bytes
    extensions: tuple[Extension, ...] = ()
    records: Mapping[str, bytes] = field(default_factory=dict)
    padding: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipHeader:
    """Both headers of a member, raw, and its compressed stream.

    ``central`` and ``local`` are the fixed parts (46 and 30 bytes); ``gap`` are the bytes between
    the entry before and this one, which belong to none; ``position`` counts in file order.
    """

    central: bytes
    central_extra: bytes
    comment: bytes
    local: bytes
    local_extra: bytes
    name: bytes
    stream: Blob
    descriptor: bytes
    gap: Blob
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An entry by what unpacking it gives; its place in ``Artifact.members`` is its order.

    ``name`` is text with undecodable bytes as surrogates, without the slash that ends a folder's;
    ``content`` is of files only; ``link`` is the target of links; ``executable_for`` says who makes
    an executable file of it, for programs do not agree.
    """

    name: str
    type: MemberType
    content: Blob
    mode: int
    executable_for: tuple[str, ...]
    link: str
    header: TarHeader | ZipHeader


NOTHING = Blob(0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")


class Found(NamedTuple):
    """A member as a reader comes upon it: its place in the archive, and its content if kept."""

    number: int
    member: Member
    content: bytes


def zip_header(member: Member) -> ZipHeader:
    """The header of a member that is known to be a zip's."""
    assert isinstance(member.header, ZipHeader)
    return member.header
