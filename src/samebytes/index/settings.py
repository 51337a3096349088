"""Which index to ask and how patiently, as pip's configuration has it."""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from samebytes.errors import UserError

#: Of pip's options, those that are honoured, by the names that they have there.
_OPTIONS = (
    *("index-url", "extra-index-url", "no-index", "cert", "proxy"),
    *("default-timeout", "timeout", "retries"),
)

_LONGEST_TIMEOUT = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long and how much: an index may be down, slow, or hostile.

    A file or a page is asked for ``tries`` times at most, and for no longer than ``deadline``
    seconds in all. Before the second try there is a pause of about ``pause`` seconds, and each
    further one is twice as long; one that the server asks for (Retry-After) is kept if it is no
    longer than ``longest_pause``. A try is given up as too slow when ``least_progress`` bytes, or
    the rest, take longer than the timeout of the settings. Sizes are in bytes.
    """

    tries: int = 5
    pause: float = 0.5
    longest_pause: float = 60.0
    deadline: float = 3600.0
    least_progress: int = 64 * 1024
    largest_file: int = 4 * 1024**3
    largest_page: int = 64 * 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSettings:
    """What pip's configuration says about the index; without ``index_url``, it is the public one.

    ``timeout`` is in seconds. With ``offline``, only what is in the cache is used.

    See https://pip.pypa.io/en/stable/topics/configuration/
    """

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    certificate: str | None = None
    proxy: str | None = None
    timeout: float = 60.0
    offline: bool = False
    limits: Limits = field(default_factory=Limits)

    @classmethod
    def from_pip(cls, environ: Mapping[str, str], *, offline: bool = False) -> IndexSettings:
        """Read the environment (``PIP_*``) and pip's configuration files, the environment first."""
        values: dict[str, str] = {}
        for path in _pip_configuration_files(environ):
            values |= _read_pip_file(path)
        for key in _OPTIONS:
            if text := environ.get("PIP_" + key.upper().replace("-", "_")):
                values[key] = text
        return cls(
            index_url=values.get("index-url", "").rstrip("/") or None,
            extra_index_urls=tuple(
                url.rstrip("/") for url in values.get("extra-index-url", "").split()
            ),
            certificate=values.get("cert"),
            proxy=values.get("proxy"),
            timeout=_read_timeout(values.get("timeout", values.get("default-timeout", ""))),
            offline=offline or values.get("no-index", "").lower() in ("1", "true", "yes", "on"),
            limits=_read_limits(values.get("retries", "")),
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


def _read_timeout(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        return 60.0
    return seconds if 0 < seconds <= _LONGEST_TIMEOUT else 60.0


def _read_limits(retries: str) -> Limits:
    """The limits, with as many tries as pip would make."""
    return Limits(tries=1 + int(retries)) if retries in map(str, range(100)) else Limits()


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
