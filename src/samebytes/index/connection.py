"""Connections to an index: whom they trust, whose password they send, and when they are cut."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from samebytes.errors import ArtifactError
from samebytes.index import address
from samebytes.index.settings import IndexSettings

if TYPE_CHECKING:
    from urllib3.poolmanager import PoolManager, ProxyManager

_MAX_REDIRECTS = 10


class Alarm:
    """Cuts the connections of a session when its time is up, whatever they wait for.

    A socket's own timeout starts anew with each byte, so that a server which sends one a second,
    be it of the headers, could hold us for ever.
    """

    def __init__(self) -> None:
        self.has_rung = False
        self._moment = float("inf")
        self._sockets: list[socket.socket] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def set(self, seconds: float) -> None:
        """Ring in so many seconds, and no earlier."""
        with self._changed:
            self.has_rung = False
            self._moment = time.monotonic() + seconds
            if self._thread is None:
                self._thread = threading.Thread(target=self._wait, daemon=True)
                self._thread.start()
            self._changed.notify()

    def watch(self, connection: socket.socket) -> None:
        """Cut this connection too. A duplicate survives what TLS does to the original."""
        with self._changed:
            self._sockets.append(connection.dup())
            if self.has_rung:
                self._cut()

    def close(self) -> None:
        with self._changed:
            self._moment = float("-inf")
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
        for connection in self._sockets:
            connection.close()

    def _wait(self) -> None:
        with self._changed:
            while self._moment != float("-inf"):
                left = self._moment - time.monotonic()
                if self.has_rung or left > 0:
                    self._changed.wait(None if self.has_rung else left)
                else:
                    self.has_rung = True
                    self._cut()

    def _cut(self) -> None:
        for connection in self._sockets:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._sockets.clear()


class Session(requests.Session):
    """A session with the proxy and the certificates of the settings, or those of the system.

    A netrc file is honoured, as requests does it.
    """

    def __init__(self, settings: IndexSettings, end: float) -> None:
        """``end``: when to hang up in any case, in seconds of the monotonic clock."""
        super().__init__()
        self.alarm = Alarm()
        self._timeout = settings.timeout
        self._indexes = {address.public(url): url for url in settings.urls}
        self._end = end
        if settings.proxy:
            self.proxies = {"http": settings.proxy, "https": settings.proxy}
        context = None
        if settings.certificate:
            self.verify = settings.certificate
        elif not {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"} & os.environ.keys():
            context = _system_trust()
        for prefix in ("http://", "https://"):
            self.mount(prefix, _Adapter(self.alarm, context))

    def more_time(self) -> None:
        """The server may take its time once more: a try begins, or it has sent enough."""
        self.alarm.set(min(self._timeout, self._end - time.monotonic()))

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002
        """None: requests would read the whole body of a redirect, however long it is."""
        return None

    def open(self, url: str, index: str, headers: Mapping[str, str] = {}) -> requests.Response:
        """The answer, its body unread, after at most ten redirects, each to where it is safe.

        The credentials in the configured address of ``index`` go to its own server only.

        Raises ArtifactError for a redirect that is not followed, and what requests raises.
        """
        for _ in range(_MAX_REDIRECTS + 1):
            response = self.get(
                url,
                auth=address.credentials(url, self._indexes.get(index, index)),
                headers={"Accept-Encoding": "identity", **headers},
                timeout=self._timeout,
                stream=True,
                allow_redirects=False,
            )
            if not response.is_redirect:
                return response
            response.close()
            # The header came as Latin-1 (http.client), but is UTF-8 if it is not ASCII.
            link = response.headers["Location"].encode("latin-1").decode(errors="replace")
            url = address.follow(url, link)
        raise ArtifactError(
            f"{address.shown(url)} is the end of {_MAX_REDIRECTS} redirects, and redirects again.",
            hint="Tell the operators of the index, or use another one.",
        )

    def close(self) -> None:
        super().close()
        self.alarm.close()


class _Adapter(HTTPAdapter):
    """Has an alarm watch each connection; trusts what ``context`` does, if there is one."""

    def __init__(self, alarm: Alarm, context: ssl.SSLContext | None) -> None:
        self._pools = _watched_pools(alarm)
        self._options: dict[str, Any] = {} if context is None else {"ssl_context": context}
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **(kwargs | self._options))
        self._watch(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> ProxyManager:
        manager: ProxyManager = super().proxy_manager_for(proxy, **kwargs, **self._options)
        if not proxy.lower().startswith("socks"):  # it has pools of its own
            self._watch(manager)
        return manager

    def _watch(self, manager: PoolManager) -> None:
        manager.pool_classes_by_scheme = self._pools


def _watched_pools(alarm: Alarm) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            connection = super()._new_conn()
            alarm.watch(connection)
            return connection

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            connection = super()._new_conn()
            alarm.watch(connection)
            return connection

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _system_trust() -> ssl.SSLContext:
    """Trust what the operating system trusts, as pip does."""
    import truststore

    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
