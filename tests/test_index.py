"""The index client, against a real server on loopback that misbehaves on command."""

from __future__ import annotations

import gzip
import json
import pickle
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import Command
from index_server import (
    CONTENT,
    JSON,
    NAME,
    QUICK,
    SDIST,
    SHA256,
    VERSION,
    WHEEL,
    Fault,
    Server,
    body,
    broken_off,
    drip,
    drip_headers,
    entry,
    fine,
    index,
    redirect,
    reset,
    running,
    send,
    status,
)
from packaging.version import Version

from samebytes.digest import Digest
from samebytes.errors import ArtifactError, SamebytesError, UnreachableError, UserError
from samebytes.index import address
from samebytes.index.listing import IndexFile
from samebytes.index.settings import IndexSettings


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as server:
        yield server


def one_file(folder: Path) -> list[Path]:
    """The files of the cache that are no listings."""
    return [path for path in folder.glob("*/*") if path.parent.name != "releases"]


class TestRelease:
    def test_what_the_index_says_of_its_files(self, server: Server, tmp_path: Path) -> None:
        server.show(
            [
                entry(WHEEL, requires_python=">=3.9", yanked=""),
                entry(SDIST, provenance="https://a.example/x.json"),
                entry("small-1.0.zip", yanked="broken", size=None, upload_time=None),
                entry("small-1.0-cp39-cp39-linux_x86_64.whl", yanked=True, hashes={"md5": "0"}),
                entry("small-1.1.tar.gz"),
                entry("small-1.0.egg"),
                entry("other-1.0.tar.gz"),
            ]
        )
        files = index(server.url, tmp_path).release(NAME, VERSION)
        origin = server.url.removesuffix("/simple")
        moment = datetime(2026, 11, 3, 1, 2, 3, tzinfo=UTC)
        sdist = IndexFile(
            filename=SDIST,
            url=f"{origin}/files/{SDIST}",
            index=server.url,
            digest=Digest(SHA256),
            size=len(CONTENT),
            uploaded=moment,
            provenance_url="https://a.example/x.json",
        )
        assert files[0] == sdist
        assert pickle.loads(pickle.dumps(files)) == files
        assert [file.filename for file in files] == [
            SDIST,
            "small-1.0.zip",
            "small-1.0-cp39-cp39-linux_x86_64.whl",
            WHEEL,
        ]
        assert [file.yanked for file in files] == [None, "broken", "", ""]
        assert [file.digest is None for file in files] == [False, False, True, False]
        assert (files[1].size, files[1].uploaded) == (None, None)
        assert files[3].requires_python == ">=3.9"
        assert [file.is_sdist for file in files] == [True, True, False, False]

    def test_html(self, server: Server, tmp_path: Path) -> None:
        server.pages["/simple/small/"] = (
            "text/html; charset=utf-8",
            f"""<!DOCTYPE html><html><head><base href="../../files/">
            <meta name="pypi:repository-version" content="1.99"></head><body>
            <a href="{SDIST}#sha256={SHA256}" data-requires-python="&gt;=3.9">{SDIST}</a><br>
            <a href="/files/{WHEEL}#md5=0" data-yanked="ünsafe" data-provenance="/files/{WHEEL}.p">
              <b>{WHEEL}</b></a>
            <a href="https://other.example/">Other</a><a>none</a>
            """.encode(),
        )
        client = index(server.url, tmp_path)
        sdist, wheel = client.release(NAME, VERSION)
        assert sdist.digest == Digest(SHA256)
        assert (sdist.requires_python, sdist.yanked) == (">=3.9", None)
        assert (wheel.digest, wheel.yanked) == (None, "ünsafe")
        assert wheel.provenance_url == f"{server.url.removesuffix('simple')}files/{WHEEL}.p"
        assert client.fetch(sdist).path.read_bytes() == CONTENT

    def test_texts_that_cannot_be_kept(self, server: Server, tmp_path: Path) -> None:
        """Half a character, or half a million, in a text that people are told and we keep."""
        half, long = "bad \ud800", "x" * 500_000
        server.show(
            [
                entry(SDIST, yanked=half),
                entry(WHEEL, yanked=long, requires_python=long),
            ]
        )
        for _ in ("asked", "kept"):
            sdist, wheel = index(server.url, tmp_path).release(NAME, VERSION)
            assert sdist.yanked == "bad \\ud800"
            assert wheel.yanked == wheel.requires_python == f"{'x' * 399}…"
            assert json.dumps(sdist.to_dict(), ensure_ascii=False).encode()

    def test_no_hash_is_no_obstacle_to_a_list(self, server: Server, tmp_path: Path) -> None:
        server.show([entry(SDIST, hashes={}), entry(WHEEL)])
        client = index(server.url, tmp_path)
        sdist, wheel = client.release(NAME, VERSION)
        assert client.fetch(wheel).path.is_file()
        with pytest.raises(ArtifactError, match="names no SHA-256"):
            client.fetch(sdist)

    @pytest.mark.parametrize(
        "filename",
        [
            f"small-1.0-py3-none-{tag}.whl"
            for tag in ("/../../x", "a\\b", "any\n", "x" * 220, "\x1b[2J", "é")
        ],
    )
    def test_names_that_are_none(self, server: Server, tmp_path: Path, filename: str) -> None:
        server.show([entry(filename, url="/files/x"), entry(SDIST)])
        assert [f.filename for f in index(server.url, tmp_path).release(NAME, VERSION)] == [SDIST]

    def test_the_first_index_that_has_it(self, server: Server, tmp_path: Path) -> None:
        with running() as other:
            other.show([entry("small-1.0.zip")])
            client = index(
                f"{other.url}/nothing",
                tmp_path,
                extra_index_urls=("ftp://x/simple", other.url, server.url),
            )
            assert [file.index for file in client.release(NAME, VERSION)] == [other.url]
            assert client.sdist(NAME, VERSION).path.name == "small-1.0.zip"
            other.show([entry(WHEEL)])
            assert client.sdist(NAME, VERSION).path.name == SDIST

    def test_version_that_does_not_exist(self, server: Server, tmp_path: Path) -> None:
        server.show([entry(f"small-{number}.tar.gz") for number in range(10, 30)])
        client = index(server.url, tmp_path, extra_index_urls=("ftp://a:b@x/simple",))
        with pytest.raises(UserError, match=r"no release of small 20\.5 on http") as raised:
            client.release(NAME, Version("20.5"))
        assert "near it: 18, 19, 20, 21, 22, 23. See" in raised.value.hint
        assert raised.value.hint.endswith(
            "Not searched, as only http, https and file are: ftp://x/simple"
        )

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (("image/png", b"\x89PNG"), "of the type image/png"),
            ((JSON, b"{"), "Expecting property name"),
            ((JSON, b"[]"), "the document: expected an object"),
            ((JSON, b'{"meta": {"api-version": "1.0"}, "name": "x"}'), "'files' is missing"),
            ((JSON, b'{"meta": {"api-version": "2.0"}, "name": "x", "files": []}'), "version"),
            ((JSON, b"[" * 100_000), "recursion"),
            ((JSON, b'{"a": "\xff"}'), "codec"),
            ((JSON, b'{"meta": {"api-version": "1"}, "files": [{}]}'), "'filename' is missing"),
            ((JSON, b'{"meta": {"api-version": "1"}, "name": "x", "files": {}}'), "an array"),
            (
                (JSON, b'{"meta": {"api-version": "1"}, "name": 1, "files": []}'),
                "validation error",
            ),
            (("text/html", b'<meta name="pypi:repository-version" content="2.0">'), "version"),
            (("text/html", b"<a href=//[x>"), "IPv6"),
            (("text/html", b"<a href="), "without an end"),
        ],
    )
    def test_pages_that_are_none(
        self, server: Server, tmp_path: Path, answer: tuple[str, bytes], reason: str
    ) -> None:
        server.pages["/simple/small/"] = answer
        with pytest.raises(ArtifactError, match=f"does not speak the simple API: .*{reason}"):
            index(server.url, tmp_path).release(NAME, VERSION)

    def test_huge_page(self, server: Server, tmp_path: Path) -> None:
        client = index(server.url, tmp_path, limits=replace(QUICK, largest_page=400))
        with pytest.raises(ArtifactError, match="larger than the 400 bytes"):
            client.release(NAME, VERSION)


class TestFetch:
    def test_downloaded_once_checked_and_kept(self, server: Server, tmp_path: Path) -> None:
        client = index(server.url, tmp_path)
        published = client.sdist(NAME, VERSION)
        assert published.uploaded == datetime(2026, 11, 3, 1, 2, 3, tzinfo=UTC)
        assert published.path == tmp_path / SHA256 / SDIST
        assert published.path.read_bytes() == CONTENT
        assert client.sdist(NAME, VERSION) == published
        assert server.paths().count(f"/files/{SDIST}") == 1
        published.path.write_bytes(b"other")
        assert client.sdist(NAME, VERSION) == published
        assert published.path.read_bytes() == CONTENT

    @pytest.mark.parametrize(
        ("faults", "ranges"),
        [
            ([status(500)], [None, None]),
            ([status(503), status(502)], [None, None, None]),
            ([reset], [None, None]),
            ([broken_off(100_000)], [None, "bytes=100000-"]),
            ([broken_off(100_000), reset], [None, "bytes=100000-", "bytes=100000-"]),
            ([broken_off(100_000), broken_off(50_000)], [None, "bytes=100000-", "bytes=150000-"]),
            ([broken_off(9), body(CONTENT)], [None, "bytes=9-"]),  # ignores the range
            ([broken_off(9), body(CONTENT, length=None)], [None, "bytes=9-"]),
            ([broken_off(9), status(416)], [None, "bytes=9-", None]),
            ([broken_off(9), status(206, Content_Range="bytes 0-5/6")], [None, "bytes=9-", None]),
            ([body(CONTENT[:9], length=None)], [None, "bytes=9-"]),
            ([body(CONTENT, length=None)], [None]),
            ([status(429, Retry_After="0.01")], [None, None]),
            ([status(429, Retry_After="0")], [None, None]),
            ([drip_headers], [None, None]),
            ([body(b"x" * 9, length=len(CONTENT))], [None, "bytes=9-", None]),  # of another file
        ],
    )
    def test_comes_through(
        self, server: Server, tmp_path: Path, faults: list[Fault], ranges: list[str | None]
    ) -> None:
        server.faults = faults
        notices: list[str] = []
        client = index(server.url, tmp_path, notices, timeout=0.2)
        assert client.sdist(NAME, VERSION).path.read_bytes() == CONTENT
        assert server.ranges() == ranges
        assert len(notices) == len(ranges) - 1
        assert one_file(tmp_path) == [tmp_path / SHA256 / SDIST]

    @pytest.mark.parametrize(
        ("faults", "error", "reason", "tries"),
        [
            ([status(500)] * 9, UnreachableError, "answered with status 500, tried 3 times", 3),
            ([reset] * 9, UnreachableError, "cannot be reached: .*tried 3 times", 3),
            ([broken_off(9)] * 9, UserError, "broke off after 27 of 256000 bytes, tried 3", 3),
            ([drip] * 9, UnreachableError, "is too slow, tried 3 times", 3),
            ([drip_headers] * 9, UserError, "is too slow, tried 3 times", 3),
            ([status(429, Retry_After="9")] * 9, UserError, "429, and asks to wait 9 s", 1),
            ([status(503, Retry_After="9" * 5000)] * 9, UserError, "status 503, tried", 3),
            ([status(404)], UserError, "answered with status 404", 1),
            ([status(410)], UserError, "answered with status 410", 1),
            ([status(403)], UserError, "answered with status 403", 1),
            ([status(304)], UserError, "answered with status 304", 1),
            ([status(206)], UserError, "answered with status 206", 1),
            ([body(CONTENT[:-1] + b"!")], ArtifactError, "the index says " + SHA256, 1),
            ([body(CONTENT[:-1])], ArtifactError, "the index says " + SHA256, 1),
            ([body(CONTENT[:-1] + b"!", length=None)] * 9, ArtifactError, "the index says", 2),
            ([body(CONTENT + b"!")], ArtifactError, "larger than the 256000 bytes", 1),
            ([body(CONTENT + b"!", length=None)], ArtifactError, "larger than the 256000", 1),
            ([redirect("/files/x")], UserError, "answered with status 404", 2),
            ([redirect(f"/files/{SDIST}")] * 99, ArtifactError, "10 redirects, and redirects", 11),
            ([redirect("file:///etc/passwd")], ArtifactError, "leads to file:///etc/passwd", 1),
            ([redirect("ftp://x/y")], ArtifactError, "leads to ftp://x/y", 1),
            ([redirect("http://[::1")], ArtifactError, "what is not an address", 1),
            ([redirect("http://x:port/")], ArtifactError, "what is not an address", 1),
        ],
    )
    def test_does_not_come_through(
        self,
        server: Server,
        tmp_path: Path,
        faults: list[Fault],
        error: type[SamebytesError],
        reason: str,
        tries: int,
    ) -> None:
        server.faults = list(faults)
        with pytest.raises(error, match=reason) as raised:
            index(server.url, tmp_path, timeout=0.2).sdist(NAME, VERSION)
        assert raised.value.hint
        assert len(server.ranges()) == tries
        assert one_file(tmp_path) == []

    def test_redirected(self, server: Server, tmp_path: Path) -> None:
        with running() as other:
            server.faults = [redirect(f"{other.url}/../files/{SDIST}"), fine]
            assert index(server.url, tmp_path).sdist(NAME, VERSION).path.is_file()
            assert other.paths() == [f"/files/{SDIST}"]

    def test_slow(self, server: Server, tmp_path: Path) -> None:
        server.faults = [drip]
        notices: list[str] = []
        path = index(server.url, tmp_path, notices, timeout=0.6).sdist(NAME, VERSION).path
        assert path.read_bytes() == CONTENT
        assert re.fullmatch(r"bytes=\d+-", str(server.ranges()[1]))
        assert "is too slow; trying again in" in notices[0]

    def test_deadline(self, server: Server, tmp_path: Path) -> None:
        server.faults = [drip] * 99
        limits = replace(QUICK, tries=99, least_progress=5, deadline=0.5)
        started = time.monotonic()
        with pytest.raises(UserError, match="is too slow"):
            index(server.url, tmp_path, limits=limits).sdist(NAME, VERSION)
        assert 0.4 < time.monotonic() - started < 3

    def test_larger_than_anything_may_be(self, server: Server, tmp_path: Path) -> None:
        server.show([entry(SDIST, size=None)])
        client = index(server.url, tmp_path, limits=replace(QUICK, largest_file=1000))
        for answer in (body(CONTENT), body(CONTENT, length=None)):
            server.faults = [answer]
            with pytest.raises(ArtifactError, match="larger than the 1000 bytes that are allowed"):
                client.sdist(NAME, VERSION)

    def test_page_faults(self, server: Server, tmp_path: Path) -> None:
        notices: list[str] = []
        page = server.pages["/simple/small/"][1]
        server.page_faults = [status(500), body(page[:-9], length=len(page)), fine]
        assert index(server.url, tmp_path, notices).release(NAME, VERSION)
        assert [notice.partition(";")[0] for notice in notices] == [
            f"{server.url}/small/ answered with status 500",
            f"{server.url}/small/ broke off after {len(page) - 9} of {len(page)} bytes",
        ]
        for number, reason in [(403, "netrc"), (401, "keyring"), (400, "certificate settings")]:
            server.page_faults = [status(number)]
            with pytest.raises(UserError, match=f"answered with status {number}") as raised:
                index(server.url, tmp_path).release(NAME, VERSION)
            assert reason in raised.value.hint

    def test_nobody_answers(self, tmp_path: Path) -> None:
        with pytest.raises(
            UnreachableError,
            match=r"^http://127\.0\.0\.1:9/simple/small/ cannot be reached: .*refused",
        ) as raised:
            index("http://user:secret@127.0.0.1:9/simple", tmp_path).sdist(NAME, VERSION)
        assert "secret" not in raised.value.message + raised.value.hint

    @pytest.mark.parametrize("link", ["file:///etc/hostname", "ftp://x/y", "data:,x", "//[x"])
    def test_links_to_elsewhere(self, server: Server, tmp_path: Path, link: str) -> None:
        server.show([entry(SDIST, url=link)])
        with pytest.raises(ArtifactError, match=r"leads to|speak"):
            index(server.url, tmp_path).sdist(NAME, VERSION)

    def test_encoded_although_nobody_asked(self, server: Server, tmp_path: Path) -> None:
        """Some servers take the suffix for an encoding; the bytes are the file's all the same."""
        server.faults = [
            lambda request: send(request, CONTENT, headers={"Content-Encoding": "gzip"})
        ]
        assert index(server.url, tmp_path).sdist(NAME, VERSION).path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("base", "link", "expected"),
    [
        ("https://a/simple/x/", "../../f", "https://a/f"),
        ("https://a/", "https://b/f", "https://b/f"),
        ("http://a/", "https://b/f", "https://b/f"),
        ("file:///a/", "file:///b", "file:///b"),
        ("file:///a/", "https://b/f", "https://b/f"),
        ("https://a/", "http://a/f", None),
        ("https://a/", "file:///f", None),
        ("https://a/", "javascript:f", None),
        ("http://a/", "file:///f", None),
    ],
)
def test_where_links_and_redirects_may_lead(base: str, link: str, expected: str | None) -> None:
    if expected:
        assert address.follow(base, link) == expected
    else:
        with pytest.raises(ArtifactError, match="it is not safe to go there"):
            address.follow(base, link)


class TestCredentials:
    def test_for_the_index_and_its_own_files_only(self, server: Server, tmp_path: Path) -> None:
        with running() as other:
            elsewhere = f"{other.url.removesuffix('simple')}files/{WHEEL}"
            server.show([entry(SDIST), entry(WHEEL, url=elsewhere)])
            client = index(server.url.replace("//", "//me:p%40ss@"), tmp_path)
            files = client.release(NAME, VERSION)
            for file in files:
                client.fetch(file)
            assert "@" not in repr(files)
            kept = [*tmp_path.glob("releases/*")]
            assert kept
            assert not any(b"@" in gzip.decompress(path.read_bytes()) for path in kept)
            assert {h.get("Authorization") for _, h in server.requests} == {"Basic bWU6cEBzcw=="}
            assert [h.get("Authorization") for _, h in other.requests] == [None]

    def test_not_after_a_redirect_to_elsewhere(self, server: Server, tmp_path: Path) -> None:
        with running() as other:
            server.faults = [redirect(f"{other.url}/../files/{SDIST}")]
            index(server.url.replace("//", "//me:pass@"), tmp_path).sdist(NAME, VERSION)
            assert [h.get("Authorization") for _, h in other.requests] == [None]

    def test_netrc(self, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password pass\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        index(server.url, tmp_path).sdist(NAME, VERSION)
        assert {h.get("Authorization") for _, h in server.requests} == {"Basic bWU6cGFzcw=="}


def test_proxy(server: Server, tmp_path: Path) -> None:
    url = "http://index.example/simple"
    server.pages[f"{url}/small/"] = (JSON, server.pages["/simple/small/"][1])
    server.files[f"http://index.example/files/{SDIST}"] = CONTENT
    client = index(url, tmp_path, proxy=server.url.removesuffix("/simple"))
    assert client.sdist(NAME, VERSION).path.read_bytes() == CONTENT


class TestOffline:
    def test_what_was_fetched_before(self, server: Server, tmp_path: Path) -> None:
        online = index(server.url, tmp_path)
        files, published = online.release(NAME, VERSION), online.sdist(NAME, VERSION)
        server.requests.clear()
        offline = index(server.url, tmp_path, offline=True)
        assert offline.release(NAME, VERSION) == files
        assert offline.sdist(NAME, VERSION) == published
        with pytest.raises(UserError, match=f"does not have {WHEEL}, and --offline"):
            offline.fetch(files[-1])
        published.path.write_bytes(b"other")
        with pytest.raises(UserError, match=f"has a damaged {SDIST}, and --offline"):
            offline.fetch(files[0])
        assert server.requests == []

    def test_what_was_not(self, server: Server, tmp_path: Path) -> None:
        index(server.url, tmp_path).release(NAME, VERSION)
        for url, version in [(server.url, Version("2")), ("http://127.0.0.1:9/simple", VERSION)]:
            with pytest.raises(UserError, match="does not know an sdist of small") as raised:
                index(url, tmp_path, offline=True).sdist(NAME, version)
            assert "without --offline" in raised.value.hint

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "[]",
            "{",
            '{"version": 2, "files": []}',
            '{"version": 1, "files": [{}]}',
            '{"version": 1, "files": [{"filename": 1}]}',
            '{"version": 1}',
            "\x00",
        ],
    )
    def test_damaged_listing(self, server: Server, tmp_path: Path, text: str) -> None:
        online = index(server.url, tmp_path)
        files = online.release(NAME, VERSION)
        (kept,) = tmp_path.glob("releases/*")
        kept.write_text(text)
        with pytest.raises(UserError, match="does not know a release of small"):
            index(server.url, tmp_path, offline=True).release(NAME, VERSION)
        assert online.release(NAME, VERSION) == files


class TestFolder:
    """An index that is a folder of this machine."""

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        root = tmp_path / "my index" / "simple"
        (root / "small").mkdir(parents=True)
        (root / "small" / SDIST).write_bytes(CONTENT)
        (root.parent / WHEEL).write_bytes(b"wheel")
        self.write(root, f'<a href="{SDIST}">{SDIST}</a><a href="../../{WHEEL}">{WHEEL}</a>')
        return root

    def write(self, root: Path, page: str) -> None:
        (root / "small" / "index.html").write_text(page)

    def test_read_where_it_is(self, root: Path, tmp_path: Path) -> None:
        client = index(root.as_uri(), tmp_path / "cache")
        sdist, wheel = client.release(NAME, VERSION)
        assert (sdist.digest, wheel.digest) == (Digest(SHA256), Digest.of(b"wheel"))
        assert client.fetch(sdist).path.read_bytes() == CONTENT
        assert client.fetch(wheel).path.read_bytes() == b"wheel"
        offline = index(root.as_uri(), tmp_path / "cache", offline=True)
        assert offline.fetch(offline.release(NAME, VERSION)[1]).path.read_bytes() == b"wheel"
        (root.parent / WHEEL).write_bytes(b"other")
        assert client.fetch(wheel).path.read_bytes() == b"wheel"

    @pytest.mark.parametrize(
        ("link", "reason"),
        [
            (SDIST + "#sha256=" + "0" * 64, "but the index says " + "0" * 64),
            ("x#sha256=" + "0" * 64, "there is no file"),
            ("x", "names no SHA-256"),
            (".", "names no SHA-256"),
            ("file:///dev/zero", "names no SHA-256"),
            ("file://host/x", "is not on this machine"),
        ],
    )
    def test_faults(self, root: Path, tmp_path: Path, link: str, reason: str) -> None:
        self.write(root, f'<a href="{link}">{SDIST}</a>')
        with pytest.raises(ArtifactError, match=reason):
            index(root.as_uri(), tmp_path / "cache").sdist(NAME, VERSION)

    def test_limits(self, root: Path, tmp_path: Path) -> None:
        for name in ("largest_page", "largest_file"):
            limits = replace(QUICK, **{name: 4})
            with pytest.raises(ArtifactError, match="larger than the 4 bytes"):
                index(root.as_uri(), tmp_path / "cache", limits=limits).sdist(NAME, VERSION)

    def test_illegible(self, root: Path, tmp_path: Path) -> None:
        """Some Pythons call it an error to look for a name that is too long, others do not."""
        self.write(root, f'<a href="{"x" * 300}">{SDIST}</a>')
        with pytest.raises(SamebytesError, match=r"cannot be read: |names no SHA-256"):
            index(root.as_uri(), tmp_path / "cache").sdist(NAME, VERSION)

    def test_not_there(self, server: Server, root: Path, tmp_path: Path) -> None:
        """As with pip, another index is asked then."""
        client = index((tmp_path / "x").as_uri(), tmp_path, extra_index_urls=(server.url,))
        assert client.release(NAME, VERSION)[0].index == server.url
        with pytest.raises(UserError, match="no release of small 2 on file:///"):
            index(root.as_uri(), tmp_path / "cache").release(NAME, Version("2"))


def test_command_with_an_index_that_lies(server: Server, folder: Path, samebytes: Command) -> None:
    server.faults = [body(b"!" * len(CONTENT))]
    environ = {"PIP_INDEX_URL": server.url, "SAMEBYTES_CACHE": str(folder / "cache")}
    done = samebytes("build", "pypi:small==1.0", "-o", folder / "dist", env=environ)
    assert done.status == 2
    assert "Do not use the file." in done.stderr
    assert not (folder / "dist").exists()


def test_command_that_tries_again(server: Server, folder: Path, samebytes: Command) -> None:
    server.page_faults = [status(503, Retry_After="0"), status(404)]
    environ = {"PIP_INDEX_URL": server.url, "SAMEBYTES_CACHE": str(folder / "cache")}
    done = samebytes("build", "pypi:small==1.0", "-o", folder / "dist", env=environ)
    assert done.status == 2
    assert f"{server.url}/small/ answered with status 503; trying again in 0.0 s" in done.stderr


@pytest.mark.parametrize(
    ("files", "environ", "expected"),
    [
        (
            {".config/pip/pip.conf": "[global]\nindex-url = http://a/simple/\ntimeout = 7\n"},
            {"PIP_RETRIES": "0"},
            {"index_url": "http://a/simple", "timeout": 7, "tries": 1},
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
        ({}, {"PIP_DEFAULT_TIMEOUT": "9", "PIP_RETRIES": "x"}, {"timeout": 9, "tries": 5}),
        ({}, {"PIP_DEFAULT_TIMEOUT": "9", "PIP_TIMEOUT": "0"}, {"timeout": 60}),
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
    values = {"tries": found.limits.tries}
    assert {name: values.get(name, getattr(found, name, None)) for name in expected} == expected


@pytest.mark.parametrize("url", ["http://[::1", "nothing", "1http://x"])
def test_address_that_is_none(url: str) -> None:
    with pytest.raises(UserError, match="is not the address of an index"):
        IndexSettings.from_pip({"PIP_INDEX_URL": url})


def test_pip_configuration_that_is_broken(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("index-url = x")
    with pytest.raises(UserError, match=r"pip\.conf cannot be read"):
        IndexSettings.from_pip({"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")})
