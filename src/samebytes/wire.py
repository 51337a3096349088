"""Reading JSON documents: every error names the path of what is wrong (``artifacts[1].sha256``)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from samebytes.errors import UserError

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a JSON document and the path that leads to it."""

    value: object
    path: str = ""

    def __getitem__(self, key: str) -> Node:
        """The member ``key`` of an object, which must be there."""
        if key not in self.expect(dict):
            raise self.error(f"{key!r} is missing")
        return Node(self.expect(dict)[key], f"{self.path}.{key}".lstrip("."))

    def __iter__(self) -> Iterator[Node]:
        """The items of an array."""
        for number, item in enumerate(self.expect(list)):
            yield Node(item, f"{self.path}[{number}]")

    def items(self) -> Iterator[tuple[str, Node]]:
        for key in self.expect(dict):
            yield key, self[key]

    def expect(self, kind: type[Value]) -> Value:
        """The value, which must be of this type exactly (true is not an integer)."""
        if type(self.value) is not kind:
            raise self.error(f"expected {_JSON_NAMES[kind]}, found {_describe(self.value)}")
        if isinstance(self.value, str) and not _is_text(self.value):
            raise self.error("half of a surrogate pair stands alone")
        return self.value

    def parse(self, convert: Callable[[str], Value]) -> Value:
        """The value, a string, as ``convert`` reads it; its ValueError is reported."""
        text = self.expect(str)
        try:
            return convert(text)
        except ValueError as error:
            raise self.error(str(error)) from None

    def error(self, reason: str) -> UserError:
        return UserError(
            f"{self.path or 'the document'}: {reason}.",
            hint="The file is damaged, was edited, or is of another version.",
        )


_JSON_NAMES: dict[type, str] = {
    dict: "an object",
    list: "an array",
    str: "a string",
    int: "a whole number",
    bool: "true or false",
}


def _is_text(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _describe(value: object) -> str:
    return "null" if value is None else _JSON_NAMES.get(type(value), "a number")


def read_document(path: Path) -> Node:
    """The JSON document in a file; raises UserError when it cannot be read as one."""
    try:
        return Node(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise UserError(f"There is no file {path}.") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not a JSON document: {error}.") from None


def dump_document(document: dict[str, object]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def document_pieces(document: Mapping[str, object]) -> Iterator[str]:
    """What ``dump_document`` gives, in pieces: members that are iterators become arrays.

    Of such a member there is but one item at a time, so that it may have more than fit in memory.
    """
    comma = ""
    for key, value in document.items():
        yield f"{comma or '{'}\n  {json.dumps(key, ensure_ascii=False)}: "
        comma = ","
        if isinstance(value, Iterator):
            yield from _array_pieces(value)
        else:
            yield _indented(value, 2)
    yield "\n}\n"


def _array_pieces(items: Iterator[object]) -> Iterator[str]:
    comma = ""
    for item in items:
        yield f"{comma or '['}\n    {_indented(item, 4)}"
        comma = ","
    yield "\n  ]" if comma else "[]"


def _indented(value: object, width: int) -> str:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return text.replace("\n", "\n" + " " * width)  # no string has one as it is


def storable(text: str) -> str:
    """The text with bytes that are no UTF-8 written as escapes, so that it can be encoded."""
    return text.encode("utf-8", "backslashreplace").decode()
