"""Files sent to an index by twine, which is called as a library."""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import requests
from requests.adapters import HTTPAdapter

from samebytes.errors import SamebytesError, UnreachableError, UserError
from samebytes.index import address

if TYPE_CHECKING:
    from twine.settings import Settings

_CREDENTIALS = (
    "twine takes them from TWINE_USERNAME and TWINE_PASSWORD, from .pypirc, or from the system's "
    "keyring (keyring set ADDRESS USER); for PyPI, the user is __token__ and the password a token."
)
_AGAIN = "Run it again: what is on the index by then is not sent a second time."

_DISTRUST = "If its certificate is the right one, name a file with it in TWINE_CERT."

#: Seconds to wait for a connection, and for an answer to what was sent: twine would wait for ever.
_PATIENCE = (60.0, 600.0)

#: What indexes say of a file that they have: PyPI and pypiserver, and Nexus.
_EXISTING = re.compile(r"already exist|does not allow updating")
_TAG = re.compile(r"<[^<>]*>")
_SHOWN_LINES, _LONGEST_LINE = 20, 300


class Answer(Enum):
    """What became of a file that was sent; an index that has one of that name refuses another."""

    ACCEPTED = "accepted"
    EXISTS = "exists"


@dataclass(slots=True, kw_only=True)
class Repository:
    """Where files are sent to: ``name`` is a section of ``.pypirc``, or an address.

    ``environ`` has twine's variables; ``pypirc`` is another file than that in the home folder. If
    ``interactive``, what is missing is asked for on the terminal, once.
    """

    name: str
    environ: Mapping[str, str]
    pypirc: Path | None = None
    interactive: bool = False
    _settings: Settings | None = field(default=None, init=False, repr=False)
    _secret: str | None = field(default=None, init=False, repr=False)

    @property
    def url(self) -> str:
        """The address, without credentials; raises UserError where .pypirc has no such section."""
        return address.public(self._configured().repository_config["repository"] or "")

    @property
    def listed_at(self) -> str | None:
        """The index that lists what is sent there, if it is known."""
        from pypi_simple import PYPI_SIMPLE_ENDPOINT
        from twine.utils import DEFAULT_REPOSITORY, TEST_REPOSITORY

        known = {
            DEFAULT_REPOSITORY: PYPI_SIMPLE_ENDPOINT.rstrip("/"),
            TEST_REPOSITORY: urljoin(TEST_REPOSITORY, "/simple"),
        }
        return known.get(self.url.rstrip("/") + "/")

    def send(self, path: Path) -> Answer:
        """Send one file.

        Raises UserError when it is refused, for the lack of credentials for example, and
        UnreachableError when nobody answers. Passwords are in no message.
        """
        from twine.commands.upload import upload

        settings = self._signed_in()
        with _captured() as printed, self._explained(path.name, printed):
            try:
                upload(settings, [str(path)])
            except requests.HTTPError as error:
                if not _is_existing(error.response):
                    raise
                return Answer.EXISTS
        return Answer.ACCEPTED

    def _configured(self) -> Settings:
        if self._settings is None:
            with self._explained("", io.StringIO()):
                self._settings = _settings(self)
        return self._settings

    def _signed_in(self) -> Settings:
        """The settings, with the user's name and password, which twine asks for and remembers."""
        settings = self._configured()
        # Where findings are printed is no place for a question.
        with self._explained("", io.StringIO()), redirect_stdout(sys.stderr):
            try:
                _, self._secret = settings.username, settings.password
            except EOFError:
                raise UserError("The question was not answered.", hint=_CREDENTIALS) from None
        return settings

    @contextmanager
    def _explained(self, filename: str, printed: io.StringIO) -> Iterator[None]:
        """Say in our words, and without passwords, why twine gives up."""
        from twine.exceptions import TwineException

        try:
            yield
        except requests.HTTPError as error:
            raise self._refused(filename, error.response, printed.getvalue()) from None
        except requests.ConnectionError as error:
            reason = f"{self._shown_url()} cannot be reached: {self._clean(_innermost(error))}."
            is_distrust = isinstance(error, requests.exceptions.SSLError)
            raise UnreachableError(reason, hint=_DISTRUST if is_distrust else _AGAIN) from None
        except requests.RequestException as error:
            reason = f"{self._shown_url()}: {self._clean(str(error))}."
            raise UnreachableError(reason, hint=_AGAIN) from None
        except TwineException as error:
            raise self._failed(error, printed.getvalue()) from None
        except UnicodeError:
            message = "The user's name or the password has letters that cannot be sent."
            raise UserError(message, hint=_CREDENTIALS) from None

    def _refused(self, filename: str, response: requests.Response, printed: str) -> SamebytesError:
        status = response.status_code
        message = f"{self._shown_url()} refused {filename}: status {status} "
        message += f"({self._clean(response.reason or 'without a reason')})."
        hint = "The index says why; correct that, and run it again."
        if status in (401, 403):
            hint = f"Check the user's name, the password or token, and its rights. {_CREDENTIALS}"
        elif status >= 500:
            hint = f"The index has a problem of its own. {_AGAIN}"
        return UserError(message, hint=hint, detail=self._detail(response.text, printed))

    def _failed(self, error: Exception, printed: str) -> SamebytesError:
        from twine.exceptions import NonInteractive, RedirectDetected

        hint = f"Correct .pypirc, or name another repository than {self._clean(self.name)!r}."
        if isinstance(error, NonInteractive):
            hint = _CREDENTIALS
        elif isinstance(error, RedirectDetected):
            hint = "If you trust that address, name it with --repository."
        message = f"twine cannot send it: {self._clean(str(error)).rstrip('.')}."
        return UserError(message, hint=hint, detail=self._detail("", printed))

    def _shown_url(self) -> str:
        configured = self._settings.repository_config["repository"] if self._settings else None
        return address.shown(configured or self.name)

    def _detail(self, answer: str, printed: str) -> str:
        """The end of what twine printed, and what the index says, without markup."""
        text = self._redacted(f"{printed}\n{answer[:20_000]}")
        lines = [" ".join(line.split())[:_LONGEST_LINE] for line in _TAG.sub(" ", text).split("\n")]
        return "\n".join(map(address.scrubbed, [line for line in lines if line][-_SHOWN_LINES:]))

    def _clean(self, text: str) -> str:
        """A stranger's text on one line, without what must not be shown."""
        return address.scrubbed(" ".join(self._redacted(text).split()))

    def _redacted(self, text: str) -> str:
        secrets = [self.environ.get("TWINE_PASSWORD"), self._secret]
        if self._settings is not None:
            secrets.append(self._settings.repository_config.get("password"))
        for secret in filter(None, secrets):
            text = text.replace(secret, "********")
        return text


def _settings(repository: Repository) -> Settings:
    from twine.repository import Repository as Connection
    from twine.settings import Settings
    from twine.utils import DEFAULT_CONFIG_FILE

    class Patient(Settings):
        def create_repository(self) -> Connection:
            connection = super().create_repository()
            for prefix in ("http://", "https://"):
                retries = connection.session.get_adapter(prefix).max_retries  # type: ignore[attr-defined]
                connection.session.mount(prefix, _PatientAdapter(max_retries=retries))
            return connection

    name, environ = repository.name, repository.environ
    is_address = "://" in name
    return Patient(
        repository_name="pypi" if is_address else name,
        repository_url=name if is_address else None,
        username=environ.get("TWINE_USERNAME"),
        password=environ.get("TWINE_PASSWORD"),
        cacert=environ.get("TWINE_CERT"),
        config_file=str(repository.pypirc or DEFAULT_CONFIG_FILE),
        non_interactive=not repository.interactive,
        disable_progress_bar=True,
    )


class _PatientAdapter(HTTPAdapter):
    """Waits long, but not for ever."""

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        return super().send(request, *args, **(kwargs | {"timeout": _PATIENCE}))


@contextmanager
def _captured() -> Iterator[io.StringIO]:
    """What twine prints and logs, which else goes to where findings belong."""
    printed = io.StringIO()
    logger, handler = logging.getLogger("twine"), logging.StreamHandler(printed)
    propagated, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        with redirect_stdout(printed):
            yield printed
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagated


def _is_existing(response: requests.Response) -> bool:
    said = f"{response.reason} {response.text[:20_000]}".lower()
    status = response.status_code
    return status == 409 or (status in (400, 403) and _EXISTING.search(said) is not None)


def _innermost(error: BaseException) -> str:
    while (deeper := error.__cause__ or error.__context__) is not None:
        error = deeper
    return str(error).rstrip(".") or type(error).__name__
