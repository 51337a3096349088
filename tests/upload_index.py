"""A real index that takes uploads: pypiserver, in a process of its own, on loopback.

As a script: upload_index.py FOLDER PASSWORD. It prints its port, and looks into FOLDER/faults.json
before it answers.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

USER = "anna"

#: Bytes that are received at once; what is sent does not fit into the buffers of the system.
CHUNK = 8 * 1024

Environ = dict[str, Any]
StartResponse = Callable[..., Any]


@dataclass(frozen=True)
class UploadIndex:
    """``folder`` has the log, ``packages`` what was uploaded."""

    folder: Path
    url: str
    process: subprocess.Popen[str]

    @property
    def simple(self) -> str:
        return f"{self.url}simple"

    @property
    def packages(self) -> Path:
        return self.folder / "packages"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def stored(self, name: str) -> int:
        """How often a file was uploaded with success."""
        return self.log.count(f" stored {name!r}.")

    def posts(self) -> int:
        """How many uploads were tried."""
        return self.log.count('"POST ')

    def fault(self, **faults: float) -> None:
        """``lag``: list files so many seconds after they came; ``lie``: send other bytes;
        ``bare``: list them without their hashes; ``twice``: list them once more, with another hash;
        ``lose``: answer uploads that went well with this
        status; ``slow``: rest for so many seconds after each part of what is sent.
        """
        part = self.folder / "part.json"
        part.write_text(json.dumps(faults))
        os.replace(part, self.folder / "faults.json")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


@contextmanager
def running(folder: Path, password: str = "") -> Iterator[UploadIndex]:
    """``password``: who uploads must be anna and have it."""
    (folder / "packages").mkdir(parents=True)
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", __file__, folder, password],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline())
            yield UploadIndex(folder, f"http://127.0.0.1:{port}/", process)
        finally:
            process.terminate()


@dataclass(frozen=True)
class Front:
    """What stands before pypiserver, as before every large index."""

    folder: Path
    app: Callable[[Environ, StartResponse], Iterable[bytes]]

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = self.folder / "faults.json"
        faults = json.loads(path.read_text()) if path.exists() else {}
        if environ["REQUEST_METHOD"] == "POST":
            return self.upload(environ, start_response, faults)
        started: list[Any] = []
        body = b"".join(self.app(environ, lambda *arguments: started.extend(arguments)))
        body = self.changed(environ["PATH_INFO"], body, faults)
        headers = [(name, text) for name, text in started[1] if name != "Content-Length"]
        start_response(started[0], [*headers, ("Content-Length", str(len(body)))])
        return [body]

    def changed(self, path: str, body: bytes, faults: dict[str, Any]) -> bytes:
        if "/packages/" in path:
            return b"\0" * len(body) if "lie" in faults else body
        if "lag" in faults:
            lines = body.split(b"\n")
            body = b"\n".join(x for x in lines if not self.is_new(x.decode(), faults["lag"]))
        if "twice" in faults:
            body = re.sub(
                rb"(<a [^\n]*#sha256=)\w+([^\n]*)", rb"\g<0>\n\g<1>%s\2" % (b"0" * 64), body
            )
        return re.sub(rb"#sha256=\w+", b"", body) if "bare" in faults else body

    def upload(
        self, environ: Environ, start_response: StartResponse, faults: dict[str, Any]
    ) -> Iterable[bytes]:
        length = int(environ["CONTENT_LENGTH"])
        body = b"".join(self.received(environ["wsgi.input"], length, faults))
        if len(body) < length:  # pypiserver would store what there is
            logging.info("broke off after %d of %d bytes", len(body), length)
            start_response("400 It broke off", [])
            return []
        environ["wsgi.input"] = io.BytesIO(body)
        if "lose" in faults:
            b"".join(self.app(environ, lambda *_: None))
            start_response(f"{faults['lose']} Lost", [])
            sent = str(environ.get("HTTP_AUTHORIZATION")).removeprefix("Basic ")
            return [b"<h1>\x1b[31mBad</h1> was ", base64.b64decode(sent)]
        return self.app(environ, start_response)

    def received(self, stream: IO[bytes], length: int, faults: dict[str, Any]) -> Iterator[bytes]:
        while length > 0 and (part := stream.read(min(length, CHUNK))):
            yield part
            length -= len(part)
            time.sleep(faults.get("slow", 0))

    def is_new(self, line: str, lag: float) -> bool:
        found = re.search(r">([^<>]+)</a>", line)
        path = self.folder / "packages" / found[1] if found else None
        return path is not None and path.stat().st_mtime > time.time() - lag


def serve(folder: Path, password: str) -> None:
    from wsgiref.simple_server import WSGIServer, make_server

    import pypiserver
    from pypiserver.__main__ import WsgiHandler

    logging.basicConfig(filename=folder / "log", level=logging.INFO)
    app = pypiserver.app(
        roots=[folder / "packages"],
        authenticate=["update"] if password else [],
        auther=lambda user, given: (user, given) == (USER, password),
        disable_fallback=True,
    )
    with make_server(
        "127.0.0.1", 0, Front(folder, app), server_class=WSGIServer, handler_class=WsgiHandler
    ) as server:
        server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, CHUNK)
        print(server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2])
