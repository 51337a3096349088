"""The index client, against a real server on loopback that misbehaves on command."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from conftest import Command
from packaging.utils import canonicalize_name
from packaging.version import Version

from samebytes.errors import ArtifactError, SamebytesError, UserError
from samebytes.index import Index, IndexSettings

NAME, VERSION = canonicalize_name("small"), Version("1.0")
CONTENT = b"the sdist's bytes" * 1000
UPLOADED = "2026-11-03T01:02:03Z"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server:
    """Has one project, ``small``; ``fault`` says what it does wrong."""

    def __init__(self) -> None:
        self.fault = ""
        self.requests: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests.append(self.path)
                outer.answer(self)

            def log_message(self, *arguments: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/simple"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        status, kind, body = 200, "application/octet-stream", CONTENT
        if handler.path == "/simple/small/":
            status = {"500": 500, "404": 404, "403": 403}.get(self.fault, 200)
            kind, body = self.page()
        elif handler.path == "/files/small-1.0.tar.gz":
            status = 410 if self.fault == "gone" else 200
            body = CONTENT[:-1] + b"!" if self.fault == "lie" else CONTENT
        else:
            status = 404
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[: len(body) // 2] if self.fault == "short" else body)

    def page(self) -> tuple[str, bytes]:
        if self.fault == "nonsense":
            return "image/png", b"\x89PNG"
        if self.fault == "no json":
            return "application/vnd.pypi.simple.v1+json", b"{"
        hashes = {} if self.fault == "no hash" else {"sha256": SHA256.upper()}
        files = [
            {"filename": name, "url": f"/files/{name}", "hashes": hashes, "upload-time": UPLOADED}
            for name in ("small-1.0.zip", "small-1.0.tar.gz", "small-1.0-py3-none-any.whl", "x")
        ]
        document = {"meta": {"api-version": "1.1"}, "name": "small", "files": files}
        return "application/vnd.pypi.simple.v1+json", json.dumps(document).encode()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.http.shutdown()
    server.http.server_close()
    thread.join()


def index(url: str, cache: Path, **settings: object) -> Index:
    return Index(IndexSettings(index_url=url, **settings), cache)  # type: ignore[arg-type]


def test_downloaded_once_checked_and_kept(server: Server, tmp_path: Path) -> None:
    published = index(server.url, tmp_path).sdist(NAME, VERSION)
    path = published.path
    assert published.uploaded == datetime(2026, 11, 3, 1, 2, 3, tzinfo=UTC)
    assert path == tmp_path / SHA256 / "small-1.0.tar.gz"
    assert path.read_bytes() == CONTENT
    assert index(server.url, tmp_path).sdist(NAME, VERSION) == published
    assert server.requests.count("/files/small-1.0.tar.gz") == 1
    assert index("http://127.0.0.1:9", tmp_path, offline=True).sdist(NAME, VERSION) == published


def test_cached_file_that_was_changed(server: Server, tmp_path: Path) -> None:
    path = index(server.url, tmp_path).sdist(NAME, VERSION).path
    path.write_bytes(b"other")
    with pytest.raises(ArtifactError, match="has SHA-256"):
        index(server.url, tmp_path, offline=True).sdist(NAME, VERSION)
    assert index(server.url, tmp_path).sdist(NAME, VERSION).path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("fault", "error", "reason"),
    [
        ("500", UserError, "answered with status 500"),
        ("403", UserError, "answered with status 403"),
        ("404", UserError, "There is no sdist of small 1.0 on"),
        ("gone", UserError, "answered with status 410"),
        ("lie", ArtifactError, "the index says " + SHA256),
        ("short", UserError, "cannot be reached"),
        ("nonsense", ArtifactError, "does not speak the simple API"),
        ("no json", ArtifactError, "does not speak the simple API"),
        ("no hash", ArtifactError, "names no SHA-256"),
    ],
)
def test_faults(
    server: Server, tmp_path: Path, fault: str, error: type[SamebytesError], reason: str
) -> None:
    server.fault = fault
    with pytest.raises(error, match=reason) as raised:
        index(server.url, tmp_path).sdist(NAME, VERSION)
    assert raised.value.hint
    assert not list(tmp_path.iterdir())


def test_nobody_answers(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"http://127\.0\.0\.1:9/simple cannot be reached"
    ) as raised:
        index("http://user:secret@127.0.0.1:9/simple", tmp_path).sdist(NAME, VERSION)
    assert "secret" not in raised.value.message + raised.value.hint


def test_version_that_does_not_exist(server: Server, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no sdist of small 2\.0"):
        index(server.url, tmp_path).sdist(NAME, Version("2.0"))


def test_extra_index_is_asked_when_the_first_does_not_have_it(
    server: Server, tmp_path: Path
) -> None:
    first = server.url.replace("/simple", "/nothing")
    found = index(first, tmp_path, extra_index_urls=("file:///srv/simple", server.url))
    assert found.sdist(NAME, VERSION).path.is_file()


def test_command_with_an_index_that_lies(server: Server, folder: Path, samebytes: Command) -> None:
    server.fault = "lie"
    environ = {"PIP_INDEX_URL": server.url, "SAMEBYTES_CACHE": str(folder / "cache")}
    done = samebytes("build", "pypi:small==1.0", "-o", folder / "dist", env=environ)
    assert done.status == 2
    assert "Do not use the file." in done.stderr
    assert not (folder / "dist").exists()


@pytest.mark.parametrize(
    ("files", "environ", "expected"),
    [
        (
            {".config/pip/pip.conf": "[global]\nindex-url = http://a/simple/\ntimeout = 7\n"},
            {},
            {"index_url": "http://a/simple", "timeout": 7},
        ),
        (
            {
                ".pip/pip.conf": "[global]\nindex-url = http://a\nproxy = http://p:1\n",
                ".config/pip/pip.conf": "[global]\nextra-index-url =\n  http://b\n  http://c/\n",
            },
            {"PIP_INDEX_URL": "http://d"},
            {"urls": ("http://d", "http://b", "http://c"), "proxy": "http://p:1"},
        ),
        ({}, {"PIP_CERT": "/c.pem"}, {"certificate": "/c.pem"}),
        ({}, {"PIP_NO_INDEX": "1", "PIP_TIMEOUT": "x"}, {"offline": True, "timeout": 60}),
        (
            {".pip/pip.conf": "[global]\nindex-url = http://a\n"},
            {"PIP_CONFIG_FILE": "/dev/null"},
            {"is_default": True, "certificate": None, "proxy": None, "offline": False},
        ),
    ],
)
def test_pip_configuration(
    tmp_path: Path, files: dict[str, str], environ: dict[str, str], expected: dict[str, object]
) -> None:
    """Only what a case sets is looked at: this machine may configure pip for everybody."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = IndexSettings.from_pip({"HOME": str(tmp_path)} | environ)
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize("url", ["http://[::1", "nothing", "1http://x"])
def test_address_that_is_none(url: str) -> None:
    with pytest.raises(UserError, match="is not the address of an index"):
        IndexSettings.from_pip({"PIP_INDEX_URL": url})


def test_pip_configuration_that_is_broken(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("index-url = x")
    with pytest.raises(UserError, match=r"pip\.conf cannot be read"):
        IndexSettings.from_pip({"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")})
