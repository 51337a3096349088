"""Which variation is probably to blame, by what a symptom looks like: tried before any other.

Nothing is claimed of it: a suspect is to blame only if it makes the symptom alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from samebytes.compare.model import Difference
from samebytes.variations.conditions import HOST, USER

#: By what differs.
_BY_KIND: Mapping[str, str] = {
    "gzip-header-mtime": "clock",
    "tar-mtime": "clock",
    "tar-pax-mtime": "clock",
    "zip-mtime": "clock",
    "content-timestamp": "clock",
    "tar-owner": "user",
    "tar-mode": "umask",
    "zip-external-attr": "umask",
    "member-executable": "umask",
    "member-order": "file-order",
    "link-order": "file-order",
    "zip-layout": "file-order",
    "content-line-order": "hash-seed",
    "content-line-ends": "crlf",
    "content-path": "path",
    "deflate-stream": "zlib",
    "wheel-generator": "requirements",
}
#: By what can be read in the name of a member or in the value of the varied build.
_BY_TEXT: Mapping[str, str] = {
    "untracked_by_git": "untracked",
    "untracked-by-git": "untracked",
    "left_by_a_build": "leftovers",
    HOST: "host",
    "another-home": "home",
    "another/folder/elsewhere": "path",
    "programs-first": "exec-path",
    USER: "user",
}


def suspect(difference: Difference) -> str | None:
    """The id of the variation that such a difference is probably due to, if there is one."""
    text = f"{difference.member or ''} {difference.second}"
    for words, variation in _BY_TEXT.items():
        if words in text:
            return variation
    return _BY_KIND.get(difference.kind.id)
