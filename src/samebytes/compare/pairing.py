"""Which member of one artifact is which of the other."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from samebytes.archive.artifact import Artifact, Form
from samebytes.archive.member import Member, MemberType


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """Numbers of members. ``pairs`` are in the first's order; ``renamed`` are equal in content.

    ``folders_in_first`` are entries for folders that the members of both imply anyway, so that
    unpacking either gives them; ``tops`` are the names of the folder that is spelled differently.
    """

    pairs: tuple[tuple[int, int], ...]
    only_in_first: tuple[int, ...]
    only_in_second: tuple[int, ...]
    folders_in_first: tuple[int, ...]
    folders_in_second: tuple[int, ...]
    renamed: tuple[tuple[int, int], ...]
    tops: tuple[str, str]


def pair(first: Artifact, second: Artifact) -> Pairing:
    """Pair members by their paths; of several that have the same path, the first with the first."""
    tops = top_folder(first), top_folder(second)
    if not all(tops):  # a member beside the one of the other; the names are what they are
        tops = "", ""
    one, two = _keys(first, tops[0]), _keys(second, tops[1])
    places = {key: number for number, key in enumerate(two)}
    pairs = tuple((number, places[key]) for number, key in enumerate(one) if key in places)
    paired = {number for _, number in pairs}
    alone = [number for number, key in enumerate(one) if key not in places]
    others = [number for number in range(len(two)) if number not in paired]
    implied = _folders(one), _folders(two)
    linked = any(
        member.type in (MemberType.LINK, MemberType.HARD_LINK)
        for member in (*first.members, *second.members)
    )

    def is_implied(member: Member, key: tuple[str, int]) -> bool:
        folder = member.type is MemberType.FOLDER and not key[1] and not linked
        return folder and key[0] in implied[0] and key[0] in implied[1]

    folders = [n for n in alone if is_implied(first.members[n], one[n])]
    other_folders = [n for n in others if is_implied(second.members[n], two[n])]
    left = sorted(set(alone) - set(folders)), sorted(set(others) - set(other_folders))
    renamed = _renamed(first, second, *left)
    moved, arrived = {a for a, _ in renamed}, {b for _, b in renamed}
    return Pairing(
        pairs=pairs,
        only_in_first=tuple(number for number in left[0] if number not in moved),
        only_in_second=tuple(number for number in left[1] if number not in arrived),
        folders_in_first=tuple(folders),
        folders_in_second=tuple(other_folders),
        renamed=renamed,
        tops=tops,
    )


def moved(numbers: Sequence[int]) -> int:
    """How many would have to be moved to have them in ascending order."""
    ends: list[int] = []  # of ascending subsequences, by length
    for number in numbers:
        place = bisect_left(ends, number)
        ends[place : place + 1] = [number]
    return len(numbers) - len(ends)


def top_folder(artifact: Artifact) -> str:
    """The folder that holds everything (PEP 625), or a wheel's dist-info folder; else nothing."""
    tops = {member.name.partition("/")[0] for member in artifact.members}
    if artifact.form is Form.WHEEL:
        tops = {name for name in tops if name.endswith(".dist-info")}
    return tops.pop() if len(tops) == 1 else ""


def _keys(artifact: Artifact, top: str) -> list[tuple[str, int]]:
    """Of each member the path without the top folder's name, and how many had it before."""
    seen: Counter[str] = Counter()
    keys = []
    for member in artifact.members:
        head, slash, rest = member.name.partition("/")
        # NUL stands for the top folder: no member's name holds one.
        path = f"\0{slash}{rest}" if top and head == top else member.name
        keys.append((path, seen[path]))
        seen[path] += 1
    return keys


def _folders(keys: Iterable[tuple[str, int]]) -> set[str]:
    folders: set[str] = set()
    for path, _ in keys:
        while path := path.rpartition("/")[0]:
            if path in folders:
                break
            folders.add(path)
    return folders


def _renamed(
    first: Artifact, second: Artifact, alone: Sequence[int], others: Sequence[int]
) -> tuple[tuple[int, int], ...]:
    """Members that are not empty and have the same content under another name."""
    waiting: dict[str, list[int]] = defaultdict(list)
    for number in reversed(others):
        member = second.members[number]
        if member.type is MemberType.FILE and member.content.size:
            waiting[member.content.sha256].append(number)
    found = []
    for number in alone:
        member = first.members[number]
        if member.type is MemberType.FILE and waiting.get(member.content.sha256):
            found.append((number, waiting[member.content.sha256].pop()))
    return tuple(found)
