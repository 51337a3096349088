"""The package index: which files it has, downloaded and checked against its hashes.

Specification: simple repository API, https://packaging.python.org/specifications/simple-repository-api/
"""

from __future__ import annotations

import configparser
import os
import ssl
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from packaging.utils import InvalidSdistFilename, NormalizedName, parse_sdist_filename
from packaging.version import Version

from samebytes.atomic import atomic_file, write_text
from samebytes.digest import Digest
from samebytes.errors import ArtifactError, UserError

if TYPE_CHECKING:
    import pypi_simple
    import requests

#: Beside a download: when it was uploaded.
_UPLOADED = "uploaded"

#: Called with the number of bytes received and the number expected (None: unknown).
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSettings:
    """What pip's configuration says about the index; without ``index_url``, it is the public one.

    See https://pip.pypa.io/en/stable/topics/configuration/
    """

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    certificate: str | None = None
    proxy: str | None = None
    timeout: float = 60.0
    offline: bool = False

    @classmethod
    def from_pip(cls, environ: Mapping[str, str], *, offline: bool = False) -> IndexSettings:
        """Read the environment (``PIP_*``) and pip's configuration files, the environment first."""
        values: dict[str, str] = {}
        for path in _pip_configuration_files(environ):
            values |= _read_pip_file(path)
        for key in ("index-url", "extra-index-url", "cert", "proxy", "timeout", "no-index"):
            if text := environ.get("PIP_" + key.upper().replace("-", "_")):
                values[key] = text
        try:
            timeout = float(values.get("timeout", "60"))
        except ValueError:
            timeout = 60.0
        return cls(
            index_url=values.get("index-url", "").rstrip("/") or None,
            extra_index_urls=tuple(
                url.rstrip("/") for url in values.get("extra-index-url", "").split()
            ),
            certificate=values.get("cert"),
            proxy=values.get("proxy"),
            timeout=timeout,
            offline=offline or values.get("no-index", "").lower() in ("1", "true", "yes", "on"),
        )

    def __post_init__(self) -> None:
        for url in filter(None, (self.index_url, *self.extra_index_urls)):
            try:
                if urlsplit(url).scheme:
                    continue
            except ValueError:
                pass
            raise UserError(
                f"{url!r} is not the address of an index.",
                hint="Correct pip's configuration: pip config list, or PIP_INDEX_URL.",
            )

    @property
    def is_default(self) -> bool:
        """Whether nothing but the public index is configured."""
        return self.index_url is None and not self.extra_index_urls

    @property
    def urls(self) -> tuple[str, ...]:
        """The indexes in the order in which they are asked."""
        from pypi_simple import PYPI_SIMPLE_ENDPOINT

        return (self.index_url or PYPI_SIMPLE_ENDPOINT.rstrip("/"), *self.extra_index_urls)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFile:
    """A file of the index, downloaded and checked, and when it was uploaded, if that is known."""

    path: Path
    uploaded: datetime | None


@dataclass(frozen=True, slots=True)
class Index:
    """The configured index, and the files that were downloaded from it before."""

    settings: IndexSettings
    cache: Path
    progress: Progress = field(default=lambda _received, _total: None)

    def sdist(self, name: NormalizedName, version: Version) -> PublishedFile:
        """The published sdist of a release, downloaded or from the cache, its hash checked.

        Raises UserError when the index cannot be reached or has no such sdist, ArtifactError when
        the file does not have the hash that the index names.
        """
        if self.settings.offline:
            return self._cached_sdist(name, version)
        not_searched = []
        for url in self.settings.urls:
            if urlsplit(url).scheme not in ("http", "https"):
                not_searched.append(url)
                continue
            if package := self._find(url, name, version):
                return self._fetch(package)
        where = " or ".join(
            _without_password(url) for url in self.settings.urls if url not in not_searched
        )
        hint = f"See which versions there are: pip index versions {name}"
        if not_searched:
            hint += f". Not searched, as only http and https are: {', '.join(not_searched)}"
        raise UserError(f"There is no sdist of {name} {version} on {where}.", hint=hint)

    def _cached_sdist(self, name: NormalizedName, version: Version) -> PublishedFile:
        found = [path for path in self.cache.glob("*/*") if _is_sdist_of(path.name, name, version)]
        if len(found) != 1:
            raise UserError(
                f"The cache holds {len(found)} sdists of {name} {version}, and --offline is set.",
                hint="Run it once without --offline, or give the path of an sdist file.",
            )
        _check_digest(found[0], Digest(found[0].parent.name))
        return PublishedFile(path=found[0], uploaded=_read_moment(found[0].with_name(_UPLOADED)))

    def _find(
        self, url: str, name: NormalizedName, version: Version
    ) -> pypi_simple.DistributionPackage | None:
        """The release's sdist on one index, ``.tar.gz`` before ``.zip``."""
        import pypi_simple

        with _index_errors(url), self.session() as session:
            client = pypi_simple.PyPISimple(url, session=session)
            try:
                page = client.get_project_page(name, timeout=self.settings.timeout)
            except pypi_simple.NoSuchProjectError:
                return None
        found = [p for p in page.packages if _is_sdist_of(p.filename, name, version)]
        return min(found, key=lambda p: not p.filename.endswith(".tar.gz"), default=None)

    def _fetch(self, package: pypi_simple.DistributionPackage) -> PublishedFile:
        try:
            digest = Digest(package.digests.get("sha256", "").lower())
        except ValueError:
            raise ArtifactError(
                f"The index names no SHA-256 for {package.filename}, so it cannot be checked.",
                hint="Download it yourself and give its path.",
            ) from None
        target = self.cache / digest.hex / package.filename
        if not target.is_file() or Digest.of_file(target) != digest:
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with atomic_file(target) as part:
                    self._download(package.url, part)
                    _check_digest(part, digest, package.filename)
            except BaseException:
                with suppress(OSError):
                    target.parent.rmdir()
                raise
        if package.upload_time is not None:
            write_text(target.with_name(_UPLOADED), package.upload_time.isoformat())
        return PublishedFile(path=target, uploaded=package.upload_time)

    def _download(self, url: str, target: Path) -> None:
        with (
            _index_errors(url),
            self.session() as session,
            session.get(
                url,
                stream=True,
                timeout=self.settings.timeout,
                headers={"Accept-Encoding": "identity"},
            ) as response,
        ):
            response.raise_for_status()
            length = response.headers.get("Content-Length")
            total = int(length) if length and length.isdecimal() else None
            received = 0
            with target.open("wb") as file:
                for chunk in response.iter_content(256 * 1024):
                    received += file.write(chunk)
                    self.progress(received, total)

    def session(self) -> requests.Session:
        """A session with the proxy and the certificates of the settings, or those of the system."""
        import requests

        session = requests.Session()
        if self.settings.proxy:
            session.proxies = {"http": self.settings.proxy, "https": self.settings.proxy}
        if self.settings.certificate:
            session.verify = self.settings.certificate
        elif not {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"} & os.environ.keys():
            session.mount("https://", _system_trust())
        return session


def _system_trust() -> requests.adapters.BaseAdapter:
    """An adapter that trusts what the operating system trusts."""
    import requests
    import truststore

    class SystemTrust(requests.adapters.HTTPAdapter):
        def init_poolmanager(self, *args: object, **kwargs: object) -> None:
            context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            super().init_poolmanager(*args, **kwargs, ssl_context=context)  # type: ignore[arg-type]

    return SystemTrust()


@contextmanager
def _index_errors(url: str) -> Iterator[None]:
    import pypi_simple
    import requests

    host = _without_password(url)
    hint = (
        "Check the network and pip's index, proxy and certificate settings (pip config list); "
        "--offline uses what is in the cache."
    )
    try:
        yield
    except requests.HTTPError as error:
        status = error.response.status_code
        raise UserError(f"{host} answered with status {status}.", hint=hint) from None
    except (
        pypi_simple.UnsupportedContentTypeError,
        pypi_simple.UnsupportedRepoVersionError,
        ValueError,  # of which JSONDecodeError is one
    ) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise ArtifactError(f"{host} does not speak the simple API: {reason}.", hint=hint) from None
    except (requests.RequestException, ConnectionError, TimeoutError) as error:
        raise UserError(f"{host} cannot be reached: {_innermost(error)}.", hint=hint) from None


def _innermost(error: BaseException) -> str:
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    reason = str(error).strip() or type(error).__name__
    return reason.splitlines()[0].rstrip(".")


def _check_digest(path: Path, expected: Digest, filename: str = "") -> None:
    found = Digest.of_file(path)
    if found != expected:
        raise ArtifactError(
            f"{filename or path} has SHA-256 {found}, but the index says {expected}.",
            hint="Do not use the file. Try again; if it persists, tell the index's operators.",
        )


def _read_moment(path: Path) -> datetime | None:
    try:
        return datetime.fromisoformat(path.read_text())
    except (OSError, ValueError):
        return None


def _is_sdist_of(filename: str, name: NormalizedName, version: Version) -> bool:
    try:
        return parse_sdist_filename(filename) == (name, version)
    except InvalidSdistFilename:
        return False


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _pip_configuration_files(environ: Mapping[str, str]) -> list[Path]:
    """pip's configuration files, the one that wins last."""
    explicit = environ.get("PIP_CONFIG_FILE", "")
    if explicit == os.devnull:
        return []
    home = Path(environ.get("HOME", "~")).expanduser()
    config_home = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    config_dirs = (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)
    paths = [Path(folder) / "pip" / "pip.conf" for folder in config_dirs]
    paths += [Path("/etc/pip.conf"), home / ".pip" / "pip.conf", config_home / "pip" / "pip.conf"]
    paths += [Path(sys.prefix) / "pip.conf"]
    return [*paths, Path(explicit)] if explicit else paths


def _read_pip_file(path: Path) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as error:
        raise UserError(f"pip's configuration {path} cannot be read: {error}.") from None
    return dict(parser["global"]) if parser.has_section("global") else {}
