"""What stays of setup.cfg when its build configuration has gone."""

from __future__ import annotations

import configparser
import re
from collections.abc import Callable, Mapping

from samebytes.errors import ArtifactError

_HEADER = re.compile(r"\[(?P<name>[^\]]+)\]")

#: Sections that only setuptools and its commands read.
_OURS = re.compile(
    r"metadata|options(\..*)?|aliases|backup|bdist(_\w+)?|build(_\w+)?|check|clean|develop"
    r"|dist_info|easy_install|editable_wheel|egg_info|install(_\w+)?|register|rotate|saveopts"
    r"|sdist|setopt|test|upload(_docs)?|wheel"
)


def without_build_sections(setup_cfg: str) -> str:
    """The sections of other tools, with their comments; empty if there are none."""
    text = without_sections(setup_cfg, _HEADER, lambda name: _OURS.fullmatch(name) is not None)
    text = text.strip("\n")
    return f"{text}\n" if _HEADER.search(text) else ""


def without_sections(text: str, header: re.Pattern[str], is_ours: Callable[[str], bool]) -> str:
    """The text without the sections that are ours; ``header`` matches a line and has a ``name``.

    A comment directly above a section belongs to it.
    """
    kept: list[str] = []
    above: list[str] = []
    keeping = True
    for line in text.splitlines(keepends=True):
        if found := header.match(line):
            keeping = not is_ours(found["name"].strip())
        elif line[:1] in ("#", ";"):
            above.append(line)
            continue
        elif above and not line.strip():
            kept += above if keeping else []
            above.clear()
        if keeping:
            kept += [*above, line]
        above.clear()
    kept += above if keeping else []
    return "".join(kept)


def read_section(setup_cfg: str, name: str) -> Mapping[str, str]:
    """The options of a section; raises ArtifactError where it is no such file."""
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(setup_cfg)
    except configparser.Error as error:
        reason = str(error).partition("\n")[0]
        raise ArtifactError(f"setup.cfg cannot be read: {reason}.") from None
    return dict(parser[name]) if parser.has_section(name) else {}
