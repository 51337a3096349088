"""Whether an environment really holds the artifact that was installed in it."""

from __future__ import annotations

import json
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from samebytes.archive.artifact import read_artifact
from samebytes.archive.limits import Limits
from samebytes.archive.member import MemberType
from samebytes.digest import Digest
from samebytes.versions import version_or_none


def check_installed(
    copy: Path, artifact: Path, name: NormalizedName, version: Version, environment: Path
) -> str | None:
    """What is wrong, if anything: ``copy`` is what was installed, of ``artifact``.

    Nothing of the environment is run.
    """
    found = [
        each
        for site in environment.glob("lib/python*/site-packages")
        for each in PathDistribution.discover(path=[str(site)])
        if canonicalize_name(each.metadata["Name"] or "") == name
    ]
    if len(found) != 1:
        return f"the environment has {len(found)} installations of {name}, instead of 1."
    (installed,) = found
    if version_or_none(installed.version) != version:
        return f"what is installed says that it is {installed.version}, not {version}."
    if _source(installed) != copy.resolve() or Digest.of_file(copy) != Digest.of_file(artifact):
        return "what is installed does not come from this file."
    if copy.suffix == ".whl" and (other := _first_other(copy, installed)):
        return f"what is installed has another {other} than the wheel."
    return None


def _source(installed: Distribution) -> Path | None:
    """The file that it was installed from (PEP 610)."""
    try:
        parts = urlsplit(json.loads(installed.read_text("direct_url.json") or "")["url"])
    except (ValueError, KeyError, TypeError):
        return None
    return Path(unquote(parts.path)).resolve() if parts.scheme == "file" else None


def _first_other(wheel: Path, installed: Distribution) -> str | None:
    """A file of the wheel that was installed with other bytes, or not at all.

    Scripts get the interpreter's path, and installers write RECORD anew.
    """
    for member in read_artifact(wheel, Limits()).members:
        top = member.name.partition("/")[0]
        if member.type is not MemberType.FILE or top.endswith(".data"):
            continue
        if top.endswith(".dist-info") and member.name.endswith("/RECORD"):
            continue
        path = Path(str(installed.locate_file(member.name)))
        if not path.is_file() or Digest.of_file(path).hex != member.content.sha256:
            return member.name
    return None
