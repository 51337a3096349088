"""What a wheel's name says of the options that setuptools was given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from packaging.utils import parse_wheel_filename

from samebytes.infer.candidate import Decision

#: Where setup.cfg has options of bdist_wheel; the second is what wheel read before 1.0.
_SECTIONS = ("[bdist_wheel]", "[wheel]")


def wheel_options(filename: str, setup_cfg: str) -> tuple[Mapping[str, str], tuple[Decision, ...]]:
    """Options of ``bdist_wheel`` that neither setup.cfg nor the default gives."""
    found = list(_options(filename, setup_cfg))
    options = {name: value for name, value, _ in found}
    return options, tuple(
        Decision("option", f"{name} = {value}", why) for name, value, why in found
    )


def _options(filename: str, setup_cfg: str) -> Iterator[tuple[str, str, str]]:
    _, _, build, tags = parse_wheel_filename(filename)
    if build:
        number = "".join(map(str, build))
        yield "build_number", number, f"the wheel's name has the build number {number}"
    pythons = sorted({tag.interpreter for tag in tags})
    if {tag.abi for tag in tags} != {"none"} or {tag.platform for tag in tags} != {"any"}:
        return
    if pythons == ["py2", "py3"] and not _is_universal(setup_cfg):
        yield "universal", "1", "the wheel's name has py2.py3, and setup.cfg does not say so"
    elif pythons not in (["py3"], ["py2", "py3"]):
        tag = ".".join(pythons)
        yield "python_tag", tag, f"the wheel's name has {tag}"


def _is_universal(setup_cfg: str) -> bool:
    """By hand: configparser refuses much, and takes quadratic time for a line of spaces."""
    section = ""
    for line in map(str.strip, setup_cfg.splitlines()):
        if line.startswith("["):
            section = line
        name, _, value = line.replace(":", "=", 1).partition("=")
        if section in _SECTIONS and name.rstrip().lower() == "universal":
            return value.lstrip().lower() in ("1", "true", "yes", "on", "y", "t")
    return False
