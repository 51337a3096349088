"""Text from strangers, made safe to show."""

from __future__ import annotations

import unicodedata

#: Categories of characters that move, hide or break what is around them: control, format,
#: surrogate, line and paragraph separator.
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def visible(text: str) -> str:
    """The text with every character that would not show written as an escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(letter) if _is_hidden(letter) else letter for letter in text)


def storable(text: str) -> str:
    """The text with bytes that are no UTF-8 written as escapes, so that it can be encoded."""
    return text.encode("utf-8", "backslashreplace").decode()


def _is_hidden(letter: str) -> bool:
    return unicodedata.category(letter) in _HIDDEN


def _escaped(letter: str) -> str:
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"  # an undecodable byte
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
