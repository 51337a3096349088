"""What to type next, exactly as a shell takes it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from samebytes.index import address
from samebytes.release.record import Record
from samebytes.release.signed.keyring import Keyring


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Who must confirm: so many of those with a key in a folder; and how it is then published.

    ``wait`` is in seconds; None is what publish takes by default.
    """

    keyring: Keyring
    threshold: int
    folder: Path
    repository: str | None = None
    index_url: str | None = None
    source: Path | None = None
    wait: float | None = None


def prepare_command(root: Path, record: Record) -> str:
    source = (str(Path(record.checkout) / record.project),) if record.checkout else ()
    kit = () if record.kit is None else ("--kit", record.kit)
    named = ("--rev", record.tag, "-o", _argument(root), *kit)
    return _command("prepare", *source, *named, *record.arguments)


def confirm_command(root: Path, record: Record) -> str:
    return _command("confirm", _argument(root), "--source", ".", "--rev", record.tag)


def publish_command(root: Path, demand: Demand | None) -> str:
    """What is not known is left to be filled in; passwords are left out."""
    if demand is None:
        command = _command("publish", _argument(root))
        return f"{command} --threshold N --trusted-keys FOLDER --repository NAME"
    return _command("publish", _argument(root), *_demanded(demand))


def _demanded(demand: Demand) -> Iterator[str]:
    yield from ("--threshold", str(demand.threshold), "--trusted-keys", _argument(demand.folder))
    yield from ("--repository", address.public(demand.repository or "NAME"))
    if demand.index_url is not None:
        yield from ("--index-url", address.public(demand.index_url))
    if demand.source is not None:
        yield from ("--source", _argument(demand.source))
    if demand.wait is not None:
        yield from ("--wait", f"{demand.wait:g}")


def _argument(path: Path) -> str:
    """A path that no command takes for an option."""
    text = str(path)
    return f"./{text}" if text.startswith("-") else text


def _command(*words: str) -> str:
    return " ".join(map(quoted, ("samebytes", "release", *words)))


def quoted(word: str) -> str:
    """A word as shells take it; what does not show is written as bash and zsh have it."""
    if word.isprintable():
        return shlex.quote(word)
    codes = (f"\\x{byte:02x}" for byte in os.fsencode(word))
    return f"$'{''.join(codes)}'"
