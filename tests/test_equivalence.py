"""Any corrections of the container leave archives equivalent; no change of content ever does."""

from __future__ import annotations

import stat
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from factory import Spec, same_when_unpacked, write
from hypothesis import given, settings
from hypothesis import strategies as st
from tar_factory import EPOCH, GNU, GzipSpec, Long, TarMember, TarSpec, base256, octal_space
from zip_factory import STORED, Descriptor, ZipMember, ZipSpec, dos_time

from samebytes.compare.comparison import compare
from samebytes.compare.model import Comparison, Verdict

#: By kind: what it changes of a member. Each changes something else, so that any may go together.
TAR_CORRECTIONS: Mapping[str, Mapping[str, Any]] = {
    "tar-mtime": {"mtime": EPOCH + 9},
    "tar-owner": {"uname": b"jane", "uid": 501},
    "tar-mode": {"mode": 0o600},
    "tar-device": {"device": (3, 4)},
    "tar-format": {"format": GNU},
    "tar-type": {"type": b"7"},
    "tar-name-encoding": {"long": Long.PAX},
    "tar-number-encoding": {"fields": {"gid": octal_space(0, 8)}},
    "tar-pax-record": {"records": ((b"comment", b"none"),)},
}
GZIP_CORRECTIONS: Mapping[str, Mapping[str, Any]] = {
    "gzip-header-mtime": {"mtime": EPOCH},
    "gzip-header-name": {"name": b"demo.tar"},
    "gzip-header-comment": {"comment": b"none"},
    "gzip-header-extra": {"extra": b"AB\x02\x00xy"},
    "gzip-header-flags": {"checksum": True},
    "gzip-header-os": {"os": 3},
    "gzip-padding": {"padding": 40},
}
TAR_END: Mapping[str, Mapping[str, Any]] = {
    "tar-end": {"end": 10_240},
    "tar-pax-global": {"shared": ((b"comment", b"a commit"),)},
}
ZIP_CORRECTIONS: Mapping[str, Mapping[str, Any]] = {
    "zip-mtime": {"time": dos_time(2021, 3, 4, 5, 6)},
    "zip-external-attr": {"attributes": 0x20},
    "zip-internal-attr": {"internal": 1},
    "zip-create-version": {"create_version": 63},
    "zip-extract-version": {"extract_version": 10},
    "zip-flags": {"flags": 2},
    "zip-descriptor": {"descriptor": Descriptor.SIGNED},
    "zip-extra": {"local_extra": b"\x55\x54\x01\x00\x01"},
    "zip-method": {"method": STORED},
    "zip-member-comment": {"comment": b"a comment"},
}
ZIP_END: Mapping[str, Mapping[str, Any]] = {
    "zip-comment": {"comment": b"of the zip"},
    "zip-end": {"zip64_end": True},
}

contents = st.one_of(
    st.just(b""),
    st.binary(min_size=1, max_size=40),
    st.sampled_from([b"import demo\n" * 300, bytes(700), b"a\r\nb\n"]),
)
names = st.text("abcdé/_", min_size=1, max_size=12).map(
    lambda text: "/".join(part for part in text.split("/") if part) or "x"
)
files = st.dictionaries(names, st.tuples(contents, st.booleans()), min_size=1, max_size=6).filter(
    lambda tree: not any(one.startswith(f"{two}/") for one in tree for two in tree)
)


def subset(table: Mapping[str, object]) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(sorted(table)), max_size=4)


def changed(item: Any, table: Mapping[str, Mapping[str, Any]], kinds: frozenset[str]) -> Any:
    for kind in sorted(kinds):
        item = replace(item, **table[kind])
    return item


def tar_members(tree: Mapping[str, tuple[bytes, bool]]) -> tuple[TarMember, ...]:
    return tuple(
        TarMember(name=f"demo-1.0/{name}".encode(), content=content, mode=0o755 if run else 0o644)
        for name, (content, run) in tree.items()
    )


def zip_members(tree: Mapping[str, tuple[bytes, bool]]) -> tuple[ZipMember, ...]:
    return tuple(
        ZipMember(
            name=name.encode(),
            content=content,
            mode=stat.S_IFREG | (0o755 if run else 0o644),
            flags=0 if name.isascii() else 0x800,
        )
        for name, (content, run) in tree.items()
    )


def compared(first: Spec, second: Spec) -> tuple[Comparison, bool]:
    """The comparison, and whether Python's own modules read the same from both."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
        one, two = (write(Path(name), stem, spec) for stem, spec in (("1", first), ("2", second)))
        return compare(one, two), same_when_unpacked(one, two)


def check_equivalent(first: Spec, second: Spec, kinds: set[str]) -> None:
    comparison, same = compared(first, second)
    assert {difference.kind.id for difference in comparison.differences} == kinds
    assert comparison.verdict is (Verdict.EQUIVALENT if kinds else Verdict.IDENTICAL)
    assert same


def ordered(members: tuple[Any, ...], order: list[int]) -> tuple[Any, ...]:
    return tuple(members[index] for index in order)


@settings(deadline=None)
@given(st.data(), files, subset(GZIP_CORRECTIONS), subset(TAR_END))
def test_corrected_sdists(
    data: st.DataObject,
    tree: dict[str, tuple[bytes, bool]],
    around: frozenset[str],
    end: frozenset[str],
) -> None:
    kinds = set(around | end)
    members = tar_members(tree)
    corrected = []
    for member in members:
        some = data.draw(subset(TAR_CORRECTIONS))
        if member.mode & 0o100:
            some -= {"tar-mode"}  # else it would not be executable any more
        kinds |= some
        corrected.append(changed(member, TAR_CORRECTIONS, some))
    order = data.draw(st.permutations(range(len(members))))
    kinds |= {"member-order"} if order != sorted(order) else set()
    first = TarSpec(members=members)
    second = changed(replace(first, members=ordered(tuple(corrected), order)), TAR_END, end)
    second = replace(second, compression=changed(GzipSpec(), GZIP_CORRECTIONS, around))
    check_equivalent(first, second, kinds)


@settings(deadline=None)
@given(st.data(), files, subset(ZIP_END))
def test_corrected_wheels(
    data: st.DataObject, tree: dict[str, tuple[bytes, bool]], end: frozenset[str]
) -> None:
    kinds = set(end)
    members = zip_members(tree)
    corrected = []
    for member in members:
        some = data.draw(subset(ZIP_CORRECTIONS))
        if member.flags:
            some -= {"zip-flags"}  # else its name would be another
        if member.content and "zip-method" in some:
            some -= {"zip-descriptor"}  # else programs would guess where it ends
        kinds |= some
        corrected.append(changed(member, ZIP_CORRECTIONS, some))
    numbers = list(range(len(members)))
    order, layout = data.draw(st.permutations(numbers)), data.draw(st.permutations(numbers))
    kinds |= {"member-order"} if order != numbers else set()
    first = ZipSpec(members=members)
    second = replace(first, members=ordered(tuple(corrected), order), layout=tuple(layout))
    kinds |= {"zip-layout"} if layout != numbers else set()
    check_equivalent(first, changed(second, ZIP_END, end), kinds)


# --- changes of content --------------------------------------------------------------------------

Tree = dict[str, tuple[bytes, bool]]


@dataclass(frozen=True, slots=True)
class Change:
    """A change of what unpacking gives, of one member."""

    name: str
    apply: Callable[[Tree, str, bytes], Tree]


def _content(tree: Tree, name: str, data: bytes) -> Tree:
    return tree | {name: (tree[name][0] + data, tree[name][1])}


def _byte(tree: Tree, name: str, data: bytes) -> Tree:
    content, run = tree[name]
    place = data[0] % (len(content) or 1)
    return tree | {
        name: (content[:place] + bytes([data[0] ^ 1]) + content[place + 1 :] + b".", run)
    }


def _executable(tree: Tree, name: str, data: bytes) -> Tree:
    return tree | {name: (tree[name][0], not tree[name][1])}


def _renamed(tree: Tree, name: str, data: bytes) -> Tree:
    return {f"{key}z" if key == name else key: value for key, value in tree.items()}


def _removed(tree: Tree, name: str, data: bytes) -> Tree:
    return {key: value for key, value in tree.items() if key != name}


def _added(tree: Tree, name: str, data: bytes) -> Tree:
    return tree | {"new.py": (data, False)}


def _swapped(tree: Tree, name: str, data: bytes) -> Tree:
    """Two members with each other's content."""
    return tree | {name: (b"one", True), "new.py": (b"two", True)}


CHANGES = (
    Change("content", _content),
    Change("byte", _byte),
    Change("executable", _executable),
    Change("renamed", _renamed),
    Change("removed", _removed),
    Change("added", _added),
    Change("swapped", _swapped),
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
@settings(deadline=None, max_examples=60)
@given(st.data(), files, st.binary(min_size=1, max_size=9))
def test_changed_content(change: Change, data: st.DataObject, tree: Tree, extra: bytes) -> None:
    """Whatever else is corrected beside it."""
    tree = tree | {"first.txt": (b"first\n", False)}
    other = change.apply(tree, data.draw(st.sampled_from(sorted(tree))), extra)
    some = data.draw(subset(ZIP_CORRECTIONS)) - {"zip-flags"}
    wheels = ZipSpec(members=zip_members(tree)), ZipSpec(members=zip_members(other))
    corrected = tuple(changed(member, ZIP_CORRECTIONS, some) for member in wheels[1].members)
    gzip = changed(GzipSpec(), GZIP_CORRECTIONS, data.draw(subset(GZIP_CORRECTIONS)))
    sdists = TarSpec(members=tar_members(tree)), TarSpec(members=tar_members(other))
    for first, second in (
        (wheels[0], replace(wheels[1], members=corrected)),
        (sdists[0], replace(sdists[1], compression=gzip)),
    ):
        comparison, same = compared(first, second)
        assert comparison.verdict is Verdict.DIFFERENT
        assert not same
        assert any(difference.is_content for difference in comparison.differences)


@settings(deadline=None)
@given(st.sampled_from([b"1", b"2"]), names, names, subset(GZIP_CORRECTIONS))
def test_changed_link(kind: bytes, one: str, two: str, around: frozenset[str]) -> None:
    link = TarMember(name=b"demo-1.0/link", type=kind, link=one.encode())
    first = TarSpec(members=(link,))
    second = TarSpec(
        members=(replace(link, link=two.encode(), number=base256),),
        compression=changed(GzipSpec(), GZIP_CORRECTIONS, around),
    )
    verdict = compared(first, second)[0].verdict
    assert verdict is (Verdict.EQUIVALENT if one == two else Verdict.DIFFERENT)


WAYS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "owner may": ({"mode": 0o100644}, {"mode": 0o100744}),
    "group may": ({"mode": 0o100644}, {"mode": 0o100654}),
    "others may": ({"mode": 0o100644}, {"mode": 0o100645}),
    "not from Unix": (
        {"mode": 0o100644, "create_system": 0},
        {"mode": 0o100755, "create_system": 0},
    ),
    "no type": ({"mode": 0o100755}, {"mode": 0o755}),
    "another system": ({"mode": 0o100755}, {"mode": 0o100755, "create_system": 0}),
}


@pytest.mark.parametrize(("one", "two"), WAYS.values(), ids=WAYS.keys())
def test_executable_to_installers(one: Mapping[str, Any], two: Mapping[str, Any]) -> None:
    """pip asks only for ``S_ISREG(mode) and mode & 0o111`` of ``external_attr >> 16``.

    uv takes the mode for what it is only if the entry comes from Unix.
    """
    member = ZipMember(name=b"demo-1.0.data/scripts/run", content=b"#!python\n")
    first, second = (ZipSpec(members=(replace(member, **fields),)) for fields in (one, two))
    assert compared(first, second)[0].verdict is Verdict.DIFFERENT
    assert compared(second, first)[0].verdict is Verdict.DIFFERENT
