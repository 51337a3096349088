"""What an index lists: the sdists and wheels of a project.

Specification: simple repository API, https://packaging.python.org/specifications/simple-repository-api/
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterable, Iterator
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
from samebytes.errors import ArtifactError
from samebytes.index import address
from samebytes.wire import Node

if TYPE_CHECKING:
    import pypi_simple

#: A name that is a file's name everywhere, and on one line. It becomes one in the cache.
_FILENAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+!-]{0,219}")

_JSON = "application/vnd.pypi.simple.v1+json"
_HTML = ("application/vnd.pypi.simple.v1+html", "text/html")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFile:
    """A file of a release, as ``index`` lists it; that is the address of the index.

    ``digest`` is None where the index has no SHA-256 for the file; for a file of this machine it
    is then that of the file itself. ``size`` is in bytes. ``yanked`` is the reason why the file
    was withdrawn, which may be empty, or None when it was not. Addresses are without the
    credentials of the index. Texts are the index's own words: not to be printed as they are.
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
    import pypi_simple

    misread = (ValueError, RecursionError, AssertionError, OverflowError, LookupError)
    try:
        with warnings.catch_warnings():
            # A newer minor version of the API only adds to it.
            warnings.simplefilter("ignore")
            return [_file(package, page.url, index) for package in _packages(page, name)]
    except (*misread, pypi_simple.UnsupportedRepoVersionError) as error:
        reason = address.scrubbed(str(error).partition("\n")[0].rstrip(".")) or "nonsense"
    raise ArtifactError(
        f"{address.shown(index)} does not speak the simple API: {reason}.",
        hint="Check the address of the index (pip config list); it usually ends in /simple.",
    )


def _packages(page: Page, name: str) -> Iterator[pypi_simple.DistributionPackage]:
    """What pypi-simple reads; of HTML with its parser that does not keep the page as a tree."""
    import pypi_simple

    kind, _, parameters = page.content_type.lower().partition(";")
    if kind.strip() == _JSON:
        yield from pypi_simple.ProjectPage.from_json_data(json.loads(page.body), page.url).packages
    elif kind.strip() in _HTML:
        charset = re.search(r"""charset=["']?([\w-]+)""", parameters)
        links = pypi_simple.parse_links_stream(
            [page.body], base_url=page.url, http_charset=charset[1] if charset else None
        )
        for link in links:
            yield pypi_simple.DistributionPackage.from_link(link, name)
    else:
        raise ValueError(f"its answer is of the type {kind.strip() or 'unknown'}")


def _file(package: pypi_simple.DistributionPackage, base: str, index: str) -> IndexFile:
    digest = package.digests.get("sha256", "").partition("&")[0].lower()
    provenance = package.provenance_url
    uploaded = package.upload_time
    if uploaded is not None:
        is_vague = uploaded.tzinfo is None  # though UTC is meant, by the specification
        uploaded = uploaded.replace(tzinfo=UTC) if is_vague else uploaded.astimezone(UTC)
    return IndexFile(
        filename=package.filename,
        url=package.url,
        index=index,
        digest=Digest(digest) if re.fullmatch("[0-9a-f]{64}", digest) else None,
        size=package.size if package.size is not None and package.size >= 0 else None,
        uploaded=uploaded,
        requires_python=package.requires_python,
        yanked=package.yanked_reason or "" if package.is_yanked else None,
        provenance_url=address.follow(base, provenance) if provenance else None,
    )


def version_of(filename: str, name: NormalizedName) -> Version | None:
    """Which version of ``name`` an sdist or wheel is, by its name; None for anything else."""
    if not _FILENAME.fullmatch(filename):
        return None
    try:
        if filename.endswith(".whl"):
            found, version, _, _ = parse_wheel_filename(filename)
        else:
            found, version = parse_sdist_filename(filename)
    except (InvalidSdistFilename, InvalidWheelFilename):
        return None
    return version if found == name else None


def of_release(
    files: Iterable[IndexFile], name: NormalizedName, version: Version
) -> tuple[IndexFile, ...]:
    """Those of one release: sdists first, ``.tar.gz`` before ``.zip``, then wheels by name.

    A name that is listed twice counts once, as it is listed first.
    """
    found: dict[str, IndexFile] = {}
    for file in files:
        if version_of(file.filename, name) == version:
            found.setdefault(file.filename, file)
    return tuple(
        sorted(found.values(), key=lambda f: (f.is_wheel, f.filename.endswith(".zip"), f.filename))
    )
