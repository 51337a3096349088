"""Text that is changed, written as it was before: its line ends, and its byte order mark."""

from __future__ import annotations

from difflib import SequenceMatcher

_MARK = "\ufeff"


def plain(text: str) -> str:
    """With line feeds only, and no byte order mark."""
    return text.removeprefix(_MARK).replace("\r\n", "\n")


def written_like(before: str, changed: str) -> str:
    """``changed``, which is plain, with the line ends that each line had; new ones follow suit."""
    ends = ["\r\n" if line.endswith("\r") else "\n" for line in before.split("\n")[:-1]]
    old, new = plain(before).split("\n"), changed.split("\n")
    end = ends[0] if ends else "\n"
    written = [_MARK] if before.startswith(_MARK) else []
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for _, i, i_end, j, j_end in matcher.get_opcodes():
        for number in range(j, j_end):
            at = i + number - j
            end = ends[at] if at < min(i_end, len(ends)) else end
            written += [new[number], end]
    return "".join(written[:-1])
