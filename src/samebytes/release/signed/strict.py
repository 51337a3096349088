"""JSON that strangers signed, or say they did: read in one way only, or not at all."""

from __future__ import annotations

import json
from typing import NoReturn

from samebytes.errors import UserError
from samebytes.wire import Node

#: Bytes of a document. Statements have some ten thousand.
LARGEST = 4 * 1024**2

_SHOWN = 200


def read_strictly(data: bytes, name: str) -> Node:
    """The JSON document in ``data``; ``name`` is what it is called in messages.

    Raises UserError for what is too large, is not UTF-8, has a key twice (of which readers take the
    first or the last) or is no JSON.
    """
    if len(data) > LARGEST:
        raise UserError(f"The {name} has more than {LARGEST:,} bytes.")
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_object, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        raise UserError(f"The {name} is not a JSON document: {shown(str(error))}.") from None
    return Node(value)


def shown(text: str) -> str:
    """A stranger's text on one short line, without what controls a terminal."""
    line = "".join(letter if letter.isprintable() else "?" for letter in text[:_SHOWN])
    return line if len(text) <= _SHOWN else f"{line}…"


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    read = dict(pairs)
    if len(read) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"a key stands there twice: {max(names, key=names.count)!r}")
    return read


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
