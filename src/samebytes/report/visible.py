"""Text from strangers, made safe to show, and numbers and long texts made short to read."""

from __future__ import annotations


def visible(text: str) -> str:
    """The text with every character that would not show written as an escape."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in text)


def _escaped(letter: str) -> str:
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"  # an undecodable byte
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def counted(number: int, noun: str) -> str:
    """A number with its noun, in the plural unless it is one."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def shortened(text: str, limit: int) -> str:
    """The beginning of a text that has more characters than ``limit``."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
