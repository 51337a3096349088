"""Each way to tamper with an sdist that has a name, and what must be found."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import replace

from tampering import (
    EVIL,
    Part,
    Sdist,
    SdistTampering,
    Tampered,
    flipped,
    found,
    made_part,
    refused,
)
from tar_factory import EPOCH, TarMember, TarSpec, extension, pax

_PHANTOM = "member-only-in-first"
_OTHER = TarSpec(members=(TarMember(name=b"evil.pth", content=EVIL),))


def _content(sdist: Sdist) -> Tampered:
    changed = sdist.with_part(sdist.code, lambda part: replace(part, content=flipped(part.content)))
    return found(changed, ("*", sdist.code))


def _longer(sdist: Sdist) -> Tampered:
    changed = sdist.with_part(sdist.code, lambda part: part.with_content(part.content + EVIL))
    return found(changed, ("*", sdist.code))


def _backend(sdist: Sdist) -> Tampered | None:
    """Another build backend, in the tree itself."""
    name = f"{sdist.top}/pyproject.toml"
    if name not in sdist.names:
        return None
    text = b'[build-system]\nrequires = []\nbuild-backend = "evil"\nbackend-path = ["."]\n'
    changed = sdist.with_part(name, lambda part: part.with_content(text))
    return found(changed, ("*", name))


def _pkg_info(sdist: Sdist) -> Tampered:
    name = f"{sdist.top}/PKG-INFO"

    def change(part: Part) -> Part:
        head, line, rest = part.content.partition(b"\nName:")
        return part.with_content(head + b"\nRequires-Dist: evil>=1" + line + rest)

    return found(sdist.with_part(name, change), ("metadata-field", name))


def _adding(name: str, /, **changes: object) -> SdistTampering:
    """A new member; ``{}`` in its name stands for the top folder, ``[]`` for a module."""

    def tamper(sdist: Sdist) -> Tampered:
        path = name.format(sdist.top).replace("[]", sdist.code)
        member = TarMember(name=path.encode(), content=EVIL)
        member = replace(member, **changes)  # type: ignore[arg-type]
        return found(sdist.added(member), (_PHANTOM, path.rstrip("/")))

    return tamper


def _removed(sdist: Sdist) -> Tampered:
    return found(sdist.without(sdist.code), ("member-only-in-second", sdist.code))


def _mode(bits: bytes) -> SdistTampering:
    def tamper(sdist: Sdist) -> Tampered | None:
        if bits in sdist[sdist.code].header[:108]:
            return None
        changed = sdist.with_part(sdist.code, lambda part: part.with_fields(mode=bits))
        return found(changed, ("member-executable", sdist.code))

    return tamper


def _not_executable(sdist: Sdist) -> Tampered | None:
    name = next((part.name for part in sdist.parts if b"755" in part.header[100:108]), "")
    if not name or not sdist[name].content:
        return None
    changed = sdist.with_part(name, lambda part: part.with_fields(mode=b"0000644"))
    return found(changed, ("member-executable", name))


def _linked(kind: bytes) -> SdistTampering:
    """A link in the place of a module."""

    def tamper(sdist: Sdist) -> Tampered:
        target = sdist.names[-1] if kind == b"1" else "/etc/passwd"
        link = TarMember(name=sdist.code.encode(), type=kind, link=target.encode())
        changed = sdist.with_part(sdist.code, lambda _: made_part(link))
        return found(changed, ("member-type", sdist.code))

    return tamper


def _executable_by_link(sdist: Sdist) -> Tampered:
    """A second name gives the file another mode."""
    link = TarMember(
        name=f"{sdist.top}/evil".encode(), type=b"1", link=sdist.code.encode(), mode=0o4755
    )
    return found(sdist.added(link), (_PHANTOM, f"{sdist.top}/evil"))


def _with_records(sdist: Sdist, *records: tuple[bytes, bytes], kind: bytes = b"x") -> Sdist:
    raw = extension(kind, pax(*records), b"x")
    return sdist.with_part(sdist.code, lambda part: replace(part, extensions=raw))


def _path_record(sdist: Sdist) -> Tampered:
    name = f"{sdist.top}/evil.py"
    changed = _with_records(sdist, (b"path", name.encode()))
    return found(changed, ("member-renamed", name))


def _outside_record(sdist: Sdist) -> Tampered:
    return refused(_with_records(sdist, (b"path", b"../evil.pth")), "outside of its folder")


def _size_record(sdist: Sdist) -> Tampered:
    """What is a content to one is more members to another."""
    inner = TarMember(name=b"evil.pth", content=EVIL).data()

    def change(part: Part) -> Part:
        changed = part.with_content(inner)
        return changed.with_fields(size=b"%011o\0" % 0)

    record = (b"size", b"%d" % len(inner))
    changed = _with_records(sdist.with_part(sdist.code, change), record)
    return found(changed, ("*", sdist.code))


def _two_paths(sdist: Sdist) -> Tampered:
    raw = extension(b"x", pax((b"path", b"a")), b"x") + extension(b"L", b"b\0", b"x")
    changed = sdist.with_part(sdist.code, lambda part: replace(part, extensions=raw))
    return refused(changed, "disagree on the headers")


def _record(key: bytes) -> SdistTampering:
    def tamper(sdist: Sdist) -> Tampered:
        return found(_with_records(sdist, (key, b"AQ")), ("tar-pax-other", sdist.code))

    return tamper


def _global(sdist: Sdist) -> Tampered:
    changed = _with_records(sdist, (b"hdrcharset", b"BINARY"), kind=b"g")
    return found(changed, ("tar-pax-other", sdist.code))


def _sparse(sdist: Sdist) -> Tampered:
    return refused(_with_records(sdist, (b"GNU.sparse.map", b"0,1")), "sparse")


def _top(sdist: Sdist) -> Tampered:
    parts = tuple(_moved(part, "evil-" + part.name) for part in sdist.parts)
    return found(replace(sdist, parts=parts), ("sdist-folder", ""))


def _moved(part: Part, name: str) -> Part:
    raw = extension(b"x", pax((b"path", name.encode())), b"x")
    return replace(part, extensions=raw, name=name)


def _checksum(sdist: Sdist) -> Tampered:
    changed = sdist.with_part(
        sdist.code, lambda part: replace(part, header=b"evil!" + part.header[5:])
    )
    return refused(changed, "a header of its tar is damaged")


def _after(sdist: Sdist) -> Tampered:
    return found(replace(sdist, after=_OTHER.plain()), ("tar-trailing", ""))


def _more_members(sdist: Sdist) -> Tampered:
    """A tar of its own in a second gzip member."""
    changed = replace(sdist, behind=_OTHER.data())
    return found(changed, ("tar-trailing", ""), ("gzip-members", ""))


def _continued(sdist: Sdist) -> Tampered:
    """Whoever stops at the first gzip member does not get all."""
    plain = sdist.plain()
    cut = len(plain) - len(sdist.parts[-1].raw()) - 1024
    data = gzip.compress(plain[:cut], 1, mtime=EPOCH) + gzip.compress(plain[cut:], 1, mtime=EPOCH)
    return found(data, ("gzip-members", ""))


def _trailing(sdist: Sdist) -> Tampered:
    return found(replace(sdist, behind=EVIL), ("gzip-trailing", ""))


def _cut(sdist: Sdist) -> Tampered:
    return refused(sdist.data()[:-9], "damaged, or can be read in several ways")


def _file(sdist: Sdist, name: str) -> Tampered:
    return Tampered(data=sdist.data(), filename=name)


SDIST_TAMPERINGS: Mapping[str, SdistTampering] = {
    "a byte of a content": _content,
    "more content": _longer,
    "backend": _backend,
    "dependency": _pkg_info,
    "module": _adding("{}/evil.py"),
    ".pth": _adding("{}/evil.pth"),
    "setup.py": _adding("{}/evil/setup.py"),
    "empty file": _adding("{}/evil.cfg", content=b""),
    "beside the top folder": _adding("evil.py"),
    "folder": _adding("{}/evil/", type=b"5", mode=0o755, content=b""),
    "member removed": _removed,
    "name twice": _adding("[]"),
    "name with ./": _adding("./[]"),
    "name in capitals": _adding("{}/SETUP.PY"),
    "executable": _mode(b"0000755"),
    "executable for the group": _mode(b"0000654"),
    "not executable": _not_executable,
    "setuid": _mode(b"0004644"),
    "symbolic link": _linked(b"2"),
    "hard link": _linked(b"1"),
    "link added": _adding("{}/evil", type=b"2", link=b"../..", content=b""),
    "hard link with a mode": _executable_by_link,
    "device": _adding("{}/evil", type=b"3", device=(1, 3), content=b""),
    "path in a record": _path_record,
    "path in a record, outside": _outside_record,
    "size in a record": _size_record,
    "two paths": _two_paths,
    "capability in a record": _record(b"SCHILY.xattr.security.capability"),
    "capability in another record": _record(b"LIBARCHIVE.xattr.security.capability"),
    "global record": _global,
    "sparse": _sparse,
    "another top folder": _top,
    "absolute": lambda sdist: refused(
        sdist.added(TarMember(name=b"/evil.pth", content=EVIL)), "outside of its folder"
    ),
    "..": lambda sdist: refused(
        sdist.added(TarMember(name=b"../evil.pth", content=EVIL)), "outside of its folder"
    ),
    "header without its checksum": _checksum,
    "tar after the tar": _after,
    "second gzip member with members": _more_members,
    "second gzip member": _continued,
    "trailing bytes": _trailing,
    "cut short": _cut,
    "file of another version": lambda sdist: _file(sdist, f"{sdist.top}.1.tar.gz"),
    "file of another project": lambda sdist: _file(sdist, f"evil_{sdist.top}.tar.gz"),
}
