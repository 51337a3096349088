"""A release is built where its hooks see nothing of the machine: the same bytes, and no secrets."""

from __future__ import annotations

import os
import shutil
import socketserver
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conftest import Command
from parties import BACKEND, SMALL, party
from projects import HATCHLING, SETUPTOOLS, commit, git, own_backend, repository

from samebytes.assembly import _taken
from samebytes.errors import ArtifactError
from samebytes.git import Git
from samebytes.index.settings import IndexSettings
from samebytes.outcome import Outcome
from samebytes.pipeline import build_release
from samebytes.places import cache_folder
from samebytes.process import Runner
from samebytes.request import Request, Workshop
from samebytes.sandbox.bounds import Bounds
from samebytes.sandbox.cell import Cell, find_cell
from samebytes.sandbox.sharing import shared_objects
from samebytes.source import GitSource

pytestmark = pytest.mark.slow


@dataclass
class Told:
    warnings: list[str] = field(default_factory=list)

    def step(self, text: str) -> None:
        pass

    def fact(self, label: str, text: str) -> None:
        pass

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture(scope="module")
def cell() -> Cell:
    return find_cell(Runner(), os.environ, Bounds())


def build(root: Path, out: Path, cell: Cell | None, told: Told | None = None) -> Outcome:
    runner = Runner()
    workshop = Workshop(
        runner=runner,
        environ=os.environ,
        index=IndexSettings.from_pip(os.environ),
        cache=cache_folder(),
        reporter=told or Told(),
        base=out.parent,
        cell=cell,
    )
    repo = Git(runner, os.environ)
    checkout = repo.checkout_at(root)
    source = GitSource(git=repo, checkout=checkout, commit=repo.commit_of(checkout, "HEAD"))
    return build_release(Request(source=source), workshop, out)


def assert_same(folder: Path, root: Path, cell: Cell) -> None:
    told = Told()
    free, confined = build(root, folder / "free", None), build(root, folder / "cell", cell, told)
    assert free.buildinfo.recipe == confined.buildinfo.recipe
    digests = [
        {each.filename: each.digest for each in outcome.buildinfo.artifacts}
        for outcome in (free, confined)
    ]
    assert digests[0] == digests[1]
    assert len(digests[0]) == 2
    assert told.warnings == []


@pytest.mark.parametrize("files", [HATCHLING, SETUPTOOLS], ids=["hatchling", "setuptools"])
def test_same_bytes_as_unconfined(folder: Path, cell: Cell, files: Mapping[str, str]) -> None:
    assert_same(folder, repository(folder / "project", files), cell)


#: What git says of the tree, and of a submodule; and whether deflating goes on beside other work.
ASKING = """
import subprocess, zlib

def asked(*command):
    return subprocess.run(["git", *command], check=True, capture_output=True, text=True).stdout

if os.path.isdir(".git"):
    with open("asked.py", "w") as file:
        file.write(repr([asked("describe", "--tags"), asked("log", "--format=%H %s"),
                         asked("-C", "inner", "log", "-p"), asked("status", "--porcelain")]))

def content():
    return open("asked.py").read()

_plain = tarfile.open
def _opened(*arguments, **options):
    archive = _plain(*arguments, **options)
    kind = type(zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)).__name__
    for name, data in (("asked.py", open("asked.py", "rb").read()), ("kind", kind.encode())):
        info = tarfile.TarInfo("small-1.0/" + name)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return archive
tarfile.open = _opened
"""


def test_git_answers_where_its_objects_are_in_other_repositories(folder: Path, cell: Cell) -> None:
    """The checkout is itself a clone that shares those of the first."""
    inner = repository(folder / "inner", {"file.txt": "text\n"})
    origin = repository(folder / "origin", own_backend(ASKING))
    git(origin, "submodule", "--quiet", "add", str(inner), "inner")
    commit(origin)
    git(origin, "tag", "--annotate", "--message", "x", "v1")
    commit(origin)
    options = ("--quiet", "--shared", "--recurse-submodules")
    git(folder, "clone", *options, str(origin), str(folder / "checkout"))
    assert_same(folder, folder / "checkout", cell)
    for name in ("free", "cell"):
        shutil.unpack_archive(folder / name / "small-1.0.tar.gz", folder / f"{name} sdist")
        assert (folder / f"{name} sdist/small-1.0/kind").read_text() == "_Deflate"


def test_only_what_git_was_told_to_share_is_shared(folder: Path) -> None:
    first = repository(folder / "first", {"file.txt": "text\n"})
    git(folder, "clone", "--quiet", "--shared", str(first), str(folder / "second"))
    git(folder, "clone", "--quiet", "--shared", str(folder / "second"), str(folder / "third"))
    info = folder / "second/.git/objects/info/alternates"
    info.write_text(f"# {folder}\n\nnowhere\n../../../first/.git/objects\n")
    found = [folder / name / ".git/objects" for name in ("second", "first")]
    assert list(shared_objects(folder / "third")) == found
    assert list(shared_objects(first)) == []


def test_what_a_hook_says_of_a_file_is_not_believed(folder: Path, cell: Cell) -> None:
    """A link in the place of pyproject.toml, which we read after a hook has run."""
    (folder / "secret.toml").write_text("[build-system]\nrequires = []\n")
    link = (
        "def content(): return 'same'\n"
        "os.remove('pyproject.toml')\n"
        f"os.symlink({str(folder / 'secret.toml')!r}, 'pyproject.toml')"
    )
    root = repository(folder / "project", own_backend(link))
    with pytest.raises(ArtifactError, match="no file of the project"):
        build(root, folder / "out", cell)


@pytest.mark.parametrize("kind", ["file", "link", "pipe", "folder", "nothing"])
def test_what_is_compressed_is_taken_from_a_file_only(folder: Path, kind: str) -> None:
    stream, shelf = folder / "1.complete", folder / "shelf"
    shelf.mkdir()
    match kind:
        case "file":
            stream.write_bytes(b"data")
        case "link":
            stream.symlink_to("/etc/passwd")
        case "pipe":
            os.mkfifo(stream)
        case "folder":
            stream.mkdir()
    taken = _taken(stream, shelf)
    assert (taken is not None) == (kind == "file")
    if taken is not None:
        stream.write_bytes(b"changed")
        assert taken.read_bytes() == b"data"


#: Ends the build if anything can be had that none should have.
SPY = """\
import pathlib, socket
FOUND = dict()
try:
    FOUND[pathlib.Path({secret!r}).read_text()] = 1
except OSError:
    pass
for process in pathlib.Path("/proc").glob("[0-9]*/environ"):
    try:
        if b"TOKEN_OF_THE_CONFIRMER=" in process.read_bytes():
            FOUND["a token"] = 1
    except OSError:
        pass
try:
    socket.create_connection(("127.0.0.1", {port}), timeout=5).close()
    FOUND["a server"] = 1
except OSError:
    pass
if FOUND:
    raise SystemExit("FOUND: " + ", ".join(FOUND))
"""


@contextmanager
def counting() -> Iterator[tuple[socketserver.TCPServer, list[object]]]:
    """A server that is not open yet, and who came."""
    met: list[object] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            met.append(self.client_address)

    with socketserver.TCPServer(("127.0.0.1", 0), Handler, bind_and_activate=False) as server:
        server.server_bind()
        yield server, met


def test_a_build_requirement_beside_the_key(folder: Path, samebytes: Command) -> None:
    """It finds what there is once it is confirmed, if it is not confined: that is tried, too."""
    with counting() as (server, met), tempfile.TemporaryDirectory(dir=Path.home()) as home:
        secret = Path(home, "key.pem")
        spy = SPY.format(secret=str(secret), port=server.server_address[1])
        root = repository(folder / "small", {**SMALL, "backend.py": spy + BACKEND})
        with party(root, folder, samebytes, tag="v1.0") as people:
            prepared = people.prepare()
            assert prepared.status == 0, prepared.stderr + prepared.stdout
            assert "The build tried to reach 127.0.0.1" in prepared.stderr
            secret.write_text("the key")
            samebytes.environ["TOKEN_OF_THE_CONFIRMER"] = "7"
            server.server_activate()
            threading.Thread(target=server.serve_forever, daemon=True).start()
            try:
                found = people.confirm("--no-sandbox", by=people.bert)
                assert found.status == 2
                assert "FOUND: the key, a token, a server" in found.stderr
                assert "There is no sandbox" in found.stderr
                came = len(met)
                assert came
                confined = people.confirm(by=people.bert)
                assert confined.status == 0, confined.stderr
                assert len(met) == came
                for text in (f"tried to read {secret}", "tried to reach 127.0.0.1"):
                    assert f"The build {text}" in confined.stderr
            finally:
                server.shutdown()


def test_no_bubblewrap_is_no_secret(folder: Path, samebytes: Command) -> None:
    """It is built all the same, and said what that means."""
    programs = folder / "programs"
    programs.mkdir()
    (programs / "git").symlink_to(shutil.which("git") or "")
    done = samebytes(
        *("release", "confirm", folder, "--source", folder, "--rev", "v1"),
        env={"PATH": str(programs)},
    )
    assert done.status == 2
    assert "bubblewrap is not installed" in done.stderr
    assert "read your keys" in done.stderr
