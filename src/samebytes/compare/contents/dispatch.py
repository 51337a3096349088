"""Which reader is for which member."""

from __future__ import annotations

from samebytes.compare.contents.binary import read_binary, read_catalogue, read_gzip, read_pyc
from samebytes.compare.contents.fields import read_metadata, read_setup_cfg, read_wheel
from samebytes.compare.contents.listing import read_record, read_sources
from samebytes.compare.contents.reading import Bounds, Reading
from samebytes.compare.contents.text import as_text, read_text


def read_member(path: str, first: bytes, second: bytes, bounds: Bounds) -> Reading:
    """How two contents that are not the same differ.

    ``path`` is the member's, below the top folder of an sdist.
    """
    reading = _special_binary(path, first, second)
    one, two = as_text(first), as_text(second)
    if not reading.findings and one is not None and two is not None:
        reading = _special_text(path, one, two, bounds)
        if not reading.findings:
            reading = read_text(one, two, bounds)
    return reading if reading.findings else read_binary(first, second)


def _special_binary(path: str, first: bytes, second: bytes) -> Reading:
    if path.endswith(".mo"):
        return read_catalogue(first, second)
    if path.endswith(".pyc"):
        return read_pyc(first, second)
    if path.endswith((".gz", ".tgz", ".svgz")):
        return read_gzip(first, second)
    return Reading()


def _special_text(path: str, first: str, second: str, bounds: Bounds) -> Reading:
    folder, _, name = path.rpartition("/")
    if folder.endswith(".dist-info") and "/" not in folder:
        if name == "METADATA":
            return read_metadata(first, second, bounds)
        if name == "WHEEL":
            return read_wheel(first, second)
        if name == "RECORD":
            return read_record(first, second)
    if name == "PKG-INFO" and (not folder or folder.endswith(".egg-info")):
        return read_metadata(first, second, bounds)
    if name == "SOURCES.txt" and folder.endswith(".egg-info"):
        return read_sources(first, second)
    if path == "setup.cfg":
        return read_setup_cfg(first, second)
    return Reading()
