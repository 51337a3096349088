"""A package index on loopback that misbehaves on command."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import Version

from samebytes.index.client import Index
from samebytes.index.settings import IndexSettings, Limits

NAME, VERSION = canonicalize_name("small"), Version("1.0")
SDIST = "small-1.0.tar.gz"
WHEEL = "small-1.0-py3-none-any.whl"
CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
UPLOADED = "2026-11-03T01:02:03Z"
JSON = "application/vnd.pypi.simple.v1+json"

#: So that a test takes a moment.
QUICK = Limits(tries=3, pause=0.01, longest_pause=0.5, deadline=5, least_progress=1000)

#: Says what happens to a request for a path, instead of what would.
Fault = Callable[[BaseHTTPRequestHandler], bool | None]


@dataclass
class Server:
    """Has one project, ``small``.

    ``faults`` are used up by the requests for files, one each, and ``page_faults`` by those for
    pages: what each returns true for is answered as if there were none.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    pages: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    page_faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""

    def __post_init__(self) -> None:
        for name in (SDIST, WHEEL, "small-1.0.zip"):
            self.files[f"/files/{name}"] = CONTENT
        self.show([entry(name) for name in ("small-1.0.zip", SDIST, WHEEL, "x")])

    def show(self, files: list[dict[str, Any]], project: str = "small") -> None:
        document = {"meta": {"api-version": "1.1"}, "name": project, "files": files}
        self.pages[f"/simple/{project}/"] = (JSON, json.dumps(document).encode())

    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]

    def ranges(self) -> list[str | None]:
        """The Range header of each request for a file."""
        return [headers.get("Range") for path, headers in self.requests if "/files/" in path]

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.requests.append((request.path, dict(request.headers)))
        is_page = request.path.startswith("/simple/")
        faults = self.page_faults if is_page else self.faults
        if faults and not faults.pop(0)(request):
            return
        if request.path in self.pages:
            kind, body = self.pages[request.path]
            send(request, body, kind=kind)
        elif request.path in self.files:
            self.send_part(request)
        else:
            send(request, b"", status=404)

    def send_part(self, request: BaseHTTPRequestHandler) -> None:
        body = self.files[request.path]
        if not (asked := request.headers.get("Range")):
            send(request, body)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-"))
        if start >= len(body):
            send(request, b"", status=416)
            return
        part = f"bytes {start}-{len(body) - 1}/{len(body)}"
        send(request, body[start:], status=206, headers={"Content-Range": part})


def entry(filename: str, **more: Any) -> dict[str, Any]:
    """What a page has of a file; keywords with ``_`` for ``-``; None leaves one out."""
    found: dict[str, Any] = {
        "filename": filename,
        "url": f"/files/{filename}",
        "hashes": {"sha256": SHA256.upper()},
        "size": len(CONTENT),
        "upload-time": UPLOADED,
    }
    found |= {key.replace("_", "-"): value for key, value in more.items()}
    return {key: value for key, value in found.items() if value is not None}


def send(
    request: BaseHTTPRequestHandler,
    body: bytes,
    *,
    status: int = 200,
    kind: str = "application/octet-stream",
    headers: dict[str, str] | None = None,
    length: int | None = -1,
) -> None:
    """Send a whole answer; with another Content-Length, or none."""
    request.send_response(status)
    request.send_header("Content-Type", kind)
    if length is not None:
        request.send_header("Content-Length", str(len(body) if length == -1 else length))
    for name, text in (headers or {}).items():
        request.send_header(name, text)
    request.end_headers()
    request.wfile.write(body)


def status(number: int, **headers: str) -> Fault:
    """Answer with a status."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return lambda request: send(request, b"", status=number, headers=named)


def redirect(target: str) -> Fault:
    return status(302, Location=target)


def body(content: bytes, *, length: int | None = -1, kind: str = JSON) -> Fault:
    """Send other contents than there are, and at will another length."""
    return lambda request: send(request, content, length=length, kind=kind)


def broken_off(number: int) -> Fault:
    """Send so many bytes of what should be all of it, or of what is asked for; then hang up."""

    def fault(request: BaseHTTPRequestHandler) -> None:
        asked = request.headers.get("Range")
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        part = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
        send(
            request,
            CONTENT[start : start + number],
            status=206 if asked else 200,
            headers={"Content-Range": part} if asked else {},
            length=len(CONTENT) - start,
        )

    return fault


def reset(request: BaseHTTPRequestHandler) -> None:
    """Hang up without a word."""
    request.close_connection = True


def drip(request: BaseHTTPRequestHandler) -> None:
    """Send a byte now and then, always in time for the timeout of a socket."""
    send(request, b"", length=len(CONTENT))
    _drip(request)


def drip_headers(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"HTTP/1.0 200 OK\r\nX-Slow: ")
    _drip(request)


def _drip(request: BaseHTTPRequestHandler) -> None:
    with suppress(OSError):
        for number in range(500):
            request.wfile.write(bytes([CONTENT[number]]))
            time.sleep(0.01)


def fine(request: BaseHTTPRequestHandler) -> bool:
    """No fault this time."""
    return True


@contextmanager
def running() -> Iterator[Server]:
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with suppress(ConnectionError):
                server.answer(self)

        def log_message(self, *arguments: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_port}/simple"
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def index(url: str, cache: Path, notices: list[str] | None = None, **settings: Any) -> Index:
    """A client of the index at ``url`` that is in a hurry."""
    chosen: dict[str, Any] = {"limits": QUICK, "timeout": 2.0, **settings}
    notice = notices.append if notices is not None else lambda _: None
    return Index(IndexSettings(index_url=url, **chosen), cache, notice=notice)
