"""Addresses of indexes and files: where one may lead to, and what of one may be shown."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit
from urllib.request import url2pathname

from samebytes.errors import ArtifactError

_HINT = "Tell the operators of the index, or use another one."

#: What stands between the slashes and the host.
_USER = re.compile(r"(?<=//)[^/\s]*@")


def scheme(url: str) -> str:
    """The scheme in lower case; empty for what is no address."""
    try:
        return urlsplit(url).scheme
    except ValueError:
        return ""


def public(url: str) -> str:
    """The address without the user's name and password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return scrubbed(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def shown(url: str) -> str:
    """The address as messages have it: also without the query, which may be a ticket."""
    return scrubbed(re.split(r"[?#]", public(url), maxsplit=1)[0])


def scrubbed(text: str) -> str:
    """A stranger's text on one line, without passwords and without what controls a terminal."""
    line = "".join(letter if letter.isprintable() else "?" for letter in text[:500])
    return _USER.sub("", line)


def credentials(url: str, index: str) -> tuple[str, str] | None:
    """The user and the password in the address of the index, if ``url`` is on the same server."""
    if origin(url) != origin(index):
        return None
    parts = urlsplit(index)
    if parts.username is None:
        return None
    return unquote(parts.username), unquote(parts.password or "")


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port: what https://html.spec.whatwg.org calls the origin."""
    parts = urlsplit(url)
    return (
        parts.scheme,
        parts.hostname or "",
        parts.port or (443 if parts.scheme == "https" else 80),
    )


def follow(base: str, link: str) -> str:
    """The address that ``link`` on ``base`` leads to; also for redirects.

    Raises ArtifactError where it may not lead: from https to http, from http to a file of this
    machine, or to anything else than these. An index that is a folder may name any file and any
    server, as with pip: who writes there can do more than that.
    """
    try:
        target = urljoin(base, link)
        _, _, _ = origin(target)  # a port that is no number is found only when it is asked for
        kinds = scheme(base), scheme(target)
    except ValueError:
        raise ArtifactError(
            f"{shown(base)} leads to what is not an address: {scrubbed(link)!r}.", hint=_HINT
        ) from None
    if kinds[1] not in ("http", "https", "file") or kinds in (
        ("https", "http"),
        ("https", "file"),
        ("http", "file"),
    ):
        raise ArtifactError(
            f"{shown(base)} leads to {shown(target)}, and it is not safe to go there.", hint=_HINT
        )
    return target


def local_path(url: str) -> Path:
    """The path that a ``file:`` address means; raises ArtifactError when it is on another host."""
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise ArtifactError(f"{shown(url)} is not on this machine.", hint=_HINT)
    return Path(url2pathname(parts.path))
