"""What an index lists: the sdists and wheels of a project.

Specification: simple repository API, https://packaging.python.org/specifications/simple-repository-api/
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    NormalizedName,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from samebytes.digest import Digest
from samebytes.errors import ArtifactError, UserError
from samebytes.index import address
from samebytes.index.links import read_links
from samebytes.wire import Node, storable

if TYPE_CHECKING:
    import pypi_simple

#: A name that is a file's name everywhere, and on one line. It becomes one in the cache.
_FILENAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+!-]{0,219}")

_JSON = "application/vnd.pypi.simple.v1+json"
_CHARSETS = ("ascii", "us-ascii", "iso-8859-1", "latin-1", "windows-1252", "utf-8")

#: More files than any project has.
_MOST_FILES = 200_000

#: Characters of a reason, or of a requirement, that are shown.
_LONGEST = 400

_HTML = ("application/vnd.pypi.simple.v1+html", "text/html")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFile:
    """A file of a release, as ``index`` lists it; that is the address of the index.

    ``digest`` is None where the index has no SHA-256 for the file; for a file of this machine it
    is then that of the file itself. ``size`` is in bytes. ``yanked`` is the reason why the file
    was withdrawn, which may be empty, or None when it was not. Addresses are without the
    credentials of the index. Texts are the index's own words, cut where they are long: not to be
    printed as they are.
    """

    filename: str
    url: str
    index: str
    digest: Digest | None = None
    size: int | None = None
    uploaded: datetime | None = None
    requires_python: str | None = None
    yanked: str | None = None
    provenance_url: str | None = None

    def __str__(self) -> str:
        return self.filename

    @property
    def is_sdist(self) -> bool:
        return not self.is_wheel

    @property
    def is_wheel(self) -> bool:
        return self.filename.endswith(".whl")

    def required_digest(self) -> Digest:
        """The digest; raises ArtifactError where the index has none."""
        if self.digest is None:
            raise ArtifactError(
                f"The index names no SHA-256 for {self.filename}, so it cannot be checked.",
                hint="Download it yourself and give its path.",
            )
        return self.digest

    def check(self, path: Path) -> None:
        """Raise ArtifactError unless the file at ``path`` has the digest."""
        found, expected = Digest.of_file(path), self.required_digest()
        if found != expected:
            raise ArtifactError(
                f"{self.filename} has SHA-256 {found}, but the index says {expected}.",
                hint="Do not use the file. Try again; if it persists, tell the index's operators.",
            )

    def to_dict(self) -> dict[str, object]:
        return {
            "filename": self.filename,
            "url": self.url,
            "index": self.index,
            "sha256": None if self.digest is None else self.digest.hex,
            "size": self.size,
            "uploaded": None if self.uploaded is None else self.uploaded.isoformat(),
            "requires_python": self.requires_python,
            "yanked": self.yanked,
            "provenance_url": self.provenance_url,
        }

    @classmethod
    def from_node(cls, node: Node) -> IndexFile:
        """Read what ``to_dict`` gave; raises UserError."""

        def text(key: str) -> str | None:
            return None if node[key].value is None else node[key].expect(str)

        return cls(
            filename=node["filename"].expect(str),
            url=node["url"].expect(str),
            index=node["index"].expect(str),
            digest=node["sha256"].parse(Digest) if text("sha256") is not None else None,
            size=None if node["size"].value is None else node["size"].expect(int),
            uploaded=node["uploaded"].parse(datetime.fromisoformat) if text("uploaded") else None,
            requires_python=text("requires_python"),
            yanked=text("yanked"),
            provenance_url=text("provenance_url"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A project's page as it came from an index; ``url`` is where it was in the end."""

    url: str
    content_type: str
    body: bytes


def read_page(page: Page, name: NormalizedName, index: str) -> list[IndexFile]:
    """The files that a page lists, whatever project and version they belong to.

    Raises ArtifactError when it is no page of the simple API.
    """
    try:
        return [_file(package, page.url, index) for package in _packages(page, name)]
    except UserError as error:  # of JSON
        reason = error.message
    except (ValueError, RecursionError, OverflowError) as error:
        reason = str(error).partition("\n")[0]
    raise ArtifactError(
        f"{address.shown(index)} does not speak the simple API: "
        f"{address.scrubbed(reason.rstrip('.'))}.",
        hint="Check the address of the index (pip config list); it usually ends in /simple.",
    )


def _packages(page: Page, name: str) -> list[pypi_simple.DistributionPackage]:
    """What pypi-simple makes of the entries."""
    kind, _, parameters = page.content_type.lower().partition(";")
    if kind.strip() == _JSON:
        return _packages_in_json(page)
    if kind.strip() in _HTML:
        charset = re.search(r"""charset=["']?([\w-]+)""", parameters)
        return _packages_in_html(page, name, charset[1] if charset else "utf-8")
    raise ValueError(f"its answer is of the type {kind.strip() or 'unknown'}")


def _packages_in_json(page: Page) -> list[pypi_simple.DistributionPackage]:
    import pypi_simple

    document = Node(json.loads(page.body))
    _check_version(document["meta"]["api-version"].expect(str))
    document["meta"].expect(dict)["api-version"] = "1.0"  # or it warns of a newer one
    files = [*document["files"]]
    if len(files) > _MOST_FILES:
        raise ValueError(f"its page has more than {_MOST_FILES} files")
    document.expect(dict)["files"] = [
        file.value for file in files if _FILENAME.fullmatch(file["filename"].expect(str))
    ]
    return pypi_simple.ProjectPage.from_json_data(document.value, page.url).packages


def _packages_in_html(page: Page, name: str, charset: str) -> list[pypi_simple.DistributionPackage]:
    from pypi_simple import DistributionPackage, Link

    encoding = charset if charset in _CHARSETS else "utf-8"
    links = read_links(page.body.decode(encoding, "replace"), page.url, _MOST_FILES)
    if links.version is not None:
        _check_version(links.version)
    packages = []
    for anchor in links.anchors:
        text = anchor.text.strip()
        if _FILENAME.fullmatch(text):
            attributes: dict[str, str | list[str]] = {**anchor.attributes}
            link = Link(text=text, url=anchor.url, attrs=attributes)
            packages.append(DistributionPackage.from_link(link, name))
    return packages


def _check_version(text: str) -> None:
    """A newer minor version of the API only adds to it: PEP 629."""
    if Version(text).major != 1:
        raise ValueError(f"its version is {text}")


def _file(package: pypi_simple.DistributionPackage, base: str, index: str) -> IndexFile:
    digest = package.digests.get("sha256", "").partition("&")[0].lower()
    provenance = package.provenance_url
    requires = package.requires_python
    uploaded = package.upload_time
    if uploaded is not None:
        is_vague = uploaded.tzinfo is None  # though UTC is meant, by the specification
        uploaded = uploaded.replace(tzinfo=UTC) if is_vague else uploaded.astimezone(UTC)
    return IndexFile(
        filename=package.filename,
        url=storable(package.url),
        index=index,
        digest=Digest(digest) if re.fullmatch("[0-9a-f]{64}", digest) else None,
        size=package.size if package.size is not None and package.size >= 0 else None,
        uploaded=uploaded,
        requires_python=None if requires is None else _brief(requires),
        yanked=_brief(package.yanked_reason or "") if package.is_yanked else None,
        provenance_url=address.follow(base, storable(provenance)) if provenance else None,
    )


def _brief(text: str) -> str:
    """What people are told, and what is kept: no more than they need, and as it can be kept."""
    text = storable(text[: _LONGEST + 1])
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def version_of(filename: str, name: NormalizedName) -> Version | None:
    """Which version of ``name`` an sdist or wheel is, by its name; None for anything else."""
    if not _FILENAME.fullmatch(filename):
        return None
    try:
        if filename.endswith(".whl"):
            parts = filename.split("-")
            if len(parts) not in (5, 6):
                return None
            # Not with its own tags: a hostile name could stand for any number of them.
            found, version, _, _ = parse_wheel_filename("-".join([*parts[:2], "py3-none-any.whl"]))
        else:
            found, version = parse_sdist_filename(filename)
    except (InvalidSdistFilename, InvalidWheelFilename):
        return None
    return version if found == name else None


def of_release(
    files: Iterable[IndexFile], name: NormalizedName, version: Version
) -> tuple[IndexFile, ...]:
    """Those of one release, as ``by_release`` has them."""
    return by_release(files, name).get(version, ())


def by_release(
    files: Iterable[IndexFile], name: NormalizedName
) -> dict[Version, tuple[IndexFile, ...]]:
    """Those of each release: sdists first, ``.tar.gz`` before ``.zip``, then wheels by name.

    A name that is listed twice counts once, as it is listed first.
    """
    found = defaultdict[Version, dict[str, IndexFile]](dict)
    for file in files:
        if (version := version_of(file.filename, name)) is not None:
            found[version].setdefault(file.filename, file)
    return {version: _ordered(each.values()) for version, each in found.items()}


def _ordered(files: Iterable[IndexFile]) -> tuple[IndexFile, ...]:
    return tuple(sorted(files, key=lambda f: (f.is_wheel, f.filename.endswith(".zip"), f.filename)))
