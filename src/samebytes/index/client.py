"""The package index: which files a release has, downloaded and checked against their hashes."""

from __future__ import annotations

import os
import tempfile
from bisect import bisect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import NormalizedName
from packaging.version import Version

from samebytes.atomic import atomic_file
from samebytes.digest import Digest
from samebytes.errors import ArtifactError, UserError
from samebytes.index import address, local
from samebytes.index.kept import keep_listing, kept_listing
from samebytes.index.listing import (
    IndexFile,
    Page,
    by_release,
    of_release,
    read_page,
    version_of,
)
from samebytes.index.provenance import Provenance, read_provenance
from samebytes.index.settings import IndexSettings
from samebytes.index.signatures import check_signatures

if TYPE_CHECKING:
    from samebytes.index.download import Downloader, Notice, Progress

_SCHEMES = ("http", "https", "file")

_PROVENANCE = "application/vnd.pypi.integrity.v1+json, application/json;q=0.5"
_LARGEST_PROVENANCE = 16 * 1024**2

_ONCE = "Run it once without --offline."


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFile:
    """A file of the index, downloaded and checked, and when it was uploaded, if that is known."""

    path: Path
    uploaded: datetime | None


@dataclass(frozen=True, slots=True)
class Index:
    """The configured indexes, and what came from them before, which ``cache`` holds.

    ``notice`` is told when something is tried again.
    """

    settings: IndexSettings
    cache: Path
    progress: Progress = field(default=lambda _received, _total: None)
    notice: Notice = field(default=lambda _text: None)

    def release(self, name: NormalizedName, version: Version) -> tuple[IndexFile, ...]:
        """The sdists and wheels of a release, on the first index that has any of it.

        Sdists come first. Offline, they are as they were when this was last called online.

        Raises UserError when there is no such release, UnreachableError when an index cannot be
        reached, ArtifactError when it does not speak the simple API.
        """
        return self._search(name, version, "release", lambda _: True)

    def releases(self, name: NormalizedName) -> Mapping[Version, tuple[IndexFile, ...]]:
        """The sdists and wheels of all releases of a project, the newest release first.

        All indexes are asked, once each, as pip looks at all that there is; a release is what
        ``release`` gives of it: the files of the first index that has any. Offline, they are as
        they were when this was last called online.

        Raises UserError when no index has any, and as ``release`` does.
        """
        found: dict[Version, tuple[IndexFile, ...]] = {}
        for url in self._searched():
            found = by_release(self._project(url, name), name) | found
        if not found:
            raise self._no_project(name)
        return {version: found[version] for version in sorted(found, reverse=True)}

    def published(self, name: NormalizedName, version: Version) -> tuple[IndexFile, ...]:
        """The files of a release on all indexes as they are now; none where it is on none.

        Raises UserError offline, and as ``release`` does.
        """
        return tuple(
            file
            for url in self._asked()
            for file in self._listing(url, name, version, others=set())
        )

    def listed(
        self, name: NormalizedName, is_wanted: Callable[[str], bool]
    ) -> tuple[IndexFile, ...]:
        """The files on all indexes as they are now whose names are wanted, whatever they are; one
        that is listed twice is there twice.

        Raises UserError offline, and as ``release`` does.
        """
        pages = ((url, self._page(url, name)) for url in map(address.public, self._asked()))
        return tuple(
            local.with_own_digest(file, self.settings.limits.largest_file)
            for url, page in pages
            if page is not None
            for file in read_page(page, name, url)
            if is_wanted(file.filename)
        )

    def _searched(self) -> list[str]:
        return [url for url in self.settings.urls if address.scheme(url) in _SCHEMES]

    def _asked(self) -> list[str]:
        """The indexes that are asked what they have now; raises UserError offline."""
        urls = self._searched()
        if self.settings.offline or not urls:
            raise UserError(
                "Whether a release is published is what the index says now.", hint=_ONCE
            )
        return urls

    def sdist(self, name: NormalizedName, version: Version) -> PublishedFile:
        """The published sdist of a release, of the first index that has one, fetched.

        Raises UserError when the index cannot be reached or has no such sdist, ArtifactError when
        the file does not have the hash that the index names.
        """
        return self.fetch(self._search(name, version, "sdist", lambda file: file.is_sdist)[0])

    def fetch(self, file: IndexFile) -> PublishedFile:
        """The file, downloaded or from the cache, its hash checked in either case.

        Raises UserError when the index cannot be reached, or, offline, when the cache does not
        have the file; ArtifactError when the file has another hash or size than the index says,
        when the index says none, or when the file is where no index may lead to.
        """
        digest = file.required_digest()
        kept = self.cache / digest.hex / file.filename
        if not (kept.is_file() and Digest.of_file(kept) == digest):
            if self.settings.offline:
                raise UserError(
                    f"The cache {'has a damaged' if kept.is_file() else 'does not have'} "
                    f"{file.filename}, and --offline is set.",
                    hint=_ONCE,
                )
            self._get(file, kept)
        return PublishedFile(path=kept, uploaded=file.uploaded)

    def provenance(self, file: IndexFile) -> Provenance | None:
        """What the publisher attested about a file, or None where the index offers nothing.

        The statements are compared with the file; their signatures are checked if
        pypi-attestations is installed. Offline, it is what this gave online.

        Raises UserError when the index cannot be reached, or, offline, when it is not in the
        cache; ArtifactError when what the index has is no provenance (PEP 740).
        """
        if file.provenance_url is None:
            return None
        kept = self.cache / file.required_digest().hex / f"{file.filename}.provenance"
        if not self.settings.offline:
            document = self._get_provenance(file, kept)
        elif kept.is_file():
            document = kept.read_bytes()
        else:
            raise UserError(
                f"The cache does not have {kept.name}, and --offline is set.", hint=_ONCE
            )
        return check_signatures(read_provenance(document, file), document, file)

    def _get_provenance(self, file: IndexFile, kept: Path) -> bytes:
        url = address.follow(file.index, file.provenance_url or "")
        if address.scheme(url) == "file":
            page = local.local_page(url, _LARGEST_PROVENANCE)
        else:
            page = self._downloader().page(url, file.index, _PROVENANCE, _LARGEST_PROVENANCE)
        if page is None:
            raise ArtifactError(
                f"The index lists a provenance of {file.filename}, but does not have it.",
                hint="Try again; if it persists, tell the operators of the index.",
            )
        read_provenance(page.body, file)
        kept.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(kept) as part:
            part.write_bytes(page.body)
        return page.body

    def _get(self, file: IndexFile, kept: Path) -> None:
        """Have the file at ``kept``, or nothing there."""
        url = address.follow(file.index, file.url)
        self.cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".part-", dir=self.cache) as folder:
            part = Path(folder) / file.filename
            if address.scheme(url) == "file":
                local.copy_local(file, part, self.settings.limits.largest_file)
            else:
                self._downloader().file(file, part)
            file.check(part)
            kept.parent.mkdir(exist_ok=True)
            os.replace(part, kept)

    def _search(
        self,
        name: NormalizedName,
        version: Version,
        what: str,
        is_wanted: Callable[[IndexFile], bool],
    ) -> tuple[IndexFile, ...]:
        """The files of a release on the first index of which one is wanted."""
        others: set[Version] = set()
        for url in self._searched():
            if self.settings.offline:
                kept = kept_listing(self._listing_path(url, f"{name} {version}"))
                files = of_release(kept, name, version)
            else:
                files = self._listing(url, name, version, others)
            if any(map(is_wanted, files)):
                return files
        raise self._not_found(name, version, what, others)

    def _listing(
        self, url: str, name: NormalizedName, version: Version, others: set[Version]
    ) -> tuple[IndexFile, ...]:
        """What one index has of a release now; if nothing, ``others`` gets what it has instead."""
        index = address.public(url)
        page = self._page(index, name)
        if page is None:
            return ()
        listed = read_page(page, name, index)
        largest = self.settings.limits.largest_file
        files = tuple(
            local.with_own_digest(file, largest) for file in of_release(listed, name, version)
        )
        if files:
            keep_listing(self._listing_path(index, f"{name} {version}"), files)
        else:
            others |= {found for file in listed if (found := version_of(file.filename, name))}
        return files

    def _page(self, index: str, name: NormalizedName) -> Page | None:
        from pypi_simple import ACCEPT_ANY

        url, largest = f"{index}/{name}/", self.settings.limits.largest_page
        if address.scheme(url) == "file":
            return local.local_page(f"{url}index.html", largest)
        return self._downloader().page(url, index, ACCEPT_ANY, largest)

    def _downloader(self) -> Downloader:
        # Here, as most commands need no network, and loading it takes its time.
        from samebytes.index.download import Downloader

        return Downloader(settings=self.settings, progress=self.progress, notice=self.notice)

    def _project(self, url: str, name: NormalizedName) -> tuple[IndexFile, ...]:
        """What one index has of a project, now, or, offline, when it was last asked."""
        index = address.public(url)
        kept = self._listing_path(index, name)
        if self.settings.offline:
            return kept_listing(kept)
        page = self._page(index, name)
        largest = self.settings.limits.largest_file
        files = tuple(
            local.with_own_digest(file, largest)
            for file in (read_page(page, name, index) if page is not None else ())
        )
        if files:
            keep_listing(kept, files)
        return files

    def _listing_path(self, url: str, what: str) -> Path:
        """Where is kept what an index has of a project or release, as it stands on one line."""
        key = Digest.of(f"{address.public(url)} {what}".encode(errors="replace"))
        return self.cache / "releases" / f"{key}.json.gz"

    def _not_found(
        self, name: NormalizedName, version: Version, what: str, others: set[Version]
    ) -> UserError:
        article = "an" if what == "sdist" else "a"
        if self.settings.offline:
            return UserError(
                f"The cache does not know {article} {what} of {name} {version}, and --offline is "
                "set.",
                hint=f"{_ONCE[:-1]}, or give the path of an sdist file.",
            )
        searched = self._searched()
        hint = f"See which versions there are: pip index versions {name}."
        if others:
            hint = f"Versions near it: {', '.join(map(str, _nearest(others, version)))}. {hint}"
        if skipped := [url for url in self.settings.urls if url not in searched]:
            schemes = "http, https and file"
            hint += (
                f" Not searched, as only {schemes} are: {', '.join(map(address.shown, skipped))}"
            )
        where = " or ".join(map(address.shown, searched))
        return UserError(f"There is no {what} of {name} {version} on {where}.", hint=hint)

    def _no_project(self, name: NormalizedName) -> UserError:
        if self.settings.offline:
            return UserError(
                f"The cache does not know what releases {name} has, and --offline is set.",
                hint=_ONCE,
            )
        where = " or ".join(map(address.shown, self._searched()))
        return UserError(
            f"There is no sdist or wheel of {name} on {where}.",
            hint="Check the name, and pip's configuration of the index (pip config list).",
        )


def _nearest(versions: Iterable[Version], version: Version) -> list[Version]:
    """Up to three older and three newer versions."""
    ordered = sorted(versions)
    place = bisect(ordered, version)
    return ordered[max(0, place - 3) : place + 3]
