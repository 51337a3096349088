"""A zoo of builds that mean harm: contained, named, and nothing of them is left."""

from __future__ import annotations

import os
import re
import socket
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import hostile
import pyproject_hooks
import pytest
from hostile import WHEEL, project, write_sdist, write_wheel

import samebytes
from samebytes.compare.model import Verdict
from samebytes.digest import Digest
from samebytes.fleet.workers.work import Silence
from samebytes.index.settings import IndexSettings
from samebytes.interpreter import find_interpreter
from samebytes.process import Runner
from samebytes.request import Workshop
from samebytes.sandbox.bounds import Bounds
from samebytes.sandbox.cell import find_cell
from samebytes.source import SdistSource
from samebytes.verify.means import Effort, Means
from samebytes.verify.subject import Subject
from samebytes.verify.verification import Verification
from samebytes.verify.verify import verify

pytestmark = pytest.mark.slow

MIB = 1024**2
BOUNDS = Bounds(
    memory=300 * MIB,
    processes=60,
    file=50 * MIB,
    files=3000,
    disk=60 * MIB,
    printed=8 * MIB,
    spare=10 * MIB,
)
SECRET = "the secret of this machine"
#: Within which a build that takes too much is stopped: the machine must stay as quick as it was.
SOON = 20.0


@dataclass(frozen=True)
class Ground:
    """``base`` is where workspaces are made; nobody may touch what is in ``shared``."""

    base: Path
    shared: Path
    cache: Path
    means: Means

    @property
    def wheel(self) -> Path:
        return self.shared / WHEEL

    def verify(
        self,
        files: Mapping[str, str],
        *,
        links: Mapping[str, str] | None = None,
        timeout: float = 60,
    ) -> Verification:
        """Verify what an honest build gives against a source that holds ``files``."""
        sdist = write_sdist(self.shared, files, links)
        source = SdistSource(path=sdist, digest=Digest.of_file(sdist))
        workshop = Workshop(
            runner=Runner(),
            environ=os.environ,
            index=IndexSettings(offline=True),
            cache=self.cache,
            reporter=Silence(),
            base=self.base,
        )
        subject = Subject(path=self.wheel, digest=Digest.of_file(self.wheel), source=source)
        means = replace(self.means, effort=Effort(attempts=2, timeout=timeout))
        return verify(subject, means, workshop)

    def assert_unharmed(self) -> None:
        """Nothing is left of a build."""
        assert not list(self.base.iterdir())
        assert not confined(self.base)
        assert str(self.base) not in Path("/proc/self/mountinfo").read_text()
        assert not list(self.shared.glob("written*"))

    def assert_as_before(self) -> None:
        """Nothing is left of a build, and the next one is as good as the first."""
        self.assert_unharmed()
        assert self.verify(project()).verdict is Verdict.IDENTICAL


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    # A name that no other run has, by which processes can be told from those of another.
    folder = Path(tempfile.mkdtemp(dir=tmp_path_factory.mktemp("ground")))
    base, shared = folder / "base", folder / "shared"
    base.mkdir()
    shared.mkdir()
    runner = Runner()
    means = Means(
        effort=Effort(),
        cell=find_cell(runner, os.environ, BOUNDS),
        pythons=(find_interpreter(None, runner, os.environ),),
    )
    write_wheel(shared)
    ground = Ground(base=base, shared=shared, cache=folder / "cache", means=means)
    yield ground
    ground.assert_as_before()


def confined(base: Path) -> list[str]:
    """The processes that have something of ``base`` mounted, or were told of it."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and process.name != str(os.getpid()):
            try:
                facts = (process / "mountinfo").read_text() + (process / "environ").read_text()
                if base.parent.name in facts:
                    found.append((process / "cmdline").read_text())
            except (OSError, UnicodeError):
                continue
    return found


class Host:
    """What there is on the host that no build may have; ``met`` says who came."""

    def __init__(self, folder: Path) -> None:
        self.met: list[str] = []
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(self.tcp.getsockname())
        self.abstract = socket.socket(socket.AF_UNIX)
        self.abstract.bind(f"\0samebytes-test-{os.getpid()}")
        self.agent = socket.socket(socket.AF_UNIX)
        self.agent.bind(str(folder / "agent.sock"))
        self.home = folder / "home"
        (self.home / ".ssh").mkdir(parents=True)
        for name in (".ssh/id_test", ".netrc", ".pypirc"):
            (self.home / name).write_text(SECRET)
        self.ends = [self.tcp, self.abstract, self.agent]
        for end in self.ends[1:]:
            end.listen()

    def given(self, ground: Ground) -> dict[str, Any]:
        own = [Path(__file__), *sorted(self.home.glob("**/*")), ground.wheel]
        toolchains = [str(path) for path in ground.cache.glob("toolchains/installed/*")]
        return {
            "port": self.tcp.getsockname()[1],
            "abstract": self.abstract.getsockname().decode(),
            "socket": self.agent.getsockname(),
            "files": [*(str(path) for path in own if path.is_file()), *real_secrets()],
            "folders": [
                *(str(ground.shared), str(ground.base), str(ground.base / "samebytes-other")),
                *(str(self.home), str(Path.home()), "/usr", "/usr/local/bin", "/etc", "/"),
                *(str(Path(samebytes.__file__).parent), str(Path(pyproject_hooks.__file__).parent)),
                *(sys.prefix, sys.base_prefix, *toolchains),
            ],
            "published": str(ground.wheel),
            "seen": [part for place in (sys.prefix, sys.base_prefix) for part in place.split("/")],
        }

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Whoever comes gets the secret."""
        stopped = threading.Event()
        threads = [threading.Thread(target=self._serve, args=(end, stopped)) for end in self.ends]
        self.udp.settimeout(0.05)
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stopped.set()
            for thread in threads:
                thread.join()
            with suppress(TimeoutError):
                self.met.append(self.udp.recv(99).decode())
            for end in (*self.ends, self.udp):
                end.close()

    def _serve(self, end: socket.socket, stopped: threading.Event) -> None:
        end.settimeout(0.05)
        while not stopped.is_set():
            try:
                other, _ = end.accept()
            except TimeoutError:
                continue
            self.met.append(str(end.getsockname()))
            other.sendall(SECRET.encode())
            other.close()


def real_secrets() -> list[str]:
    """Of the user who runs this."""
    home = Path(os.path.expanduser("~"))
    names = (".ssh/id_*", ".bash_history", ".bashrc", ".profile", ".netrc", ".gitconfig")
    return [str(path) for name in names for path in home.glob(name)]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    host = Host(tmp_path)
    monkeypatch.setenv("HOME", str(host.home))
    monkeypatch.setenv("SSH_AUTH_SOCK", host.agent.getsockname())
    monkeypatch.setenv("TWINE_PASSWORD", SECRET)
    with host.serving():
        yield host
    assert not host.met


def tried(found: Verification) -> list[str]:
    return [f"{each.act}: {each.what}" for each in found.tried]


def named(what: Mapping[str, tuple[str, str]], act: str) -> list[object]:
    return [
        pytest.param(code, f"{act}: .*{text}", id=f"{act}: {name}")
        for name, (code, text) in what.items()
    ]


@pytest.mark.parametrize(
    ("code", "finding"),
    [
        *named(hostile.REACHING, "network"),
        *named(hostile.READING, "read"),
        *named(hostile.WRITING, "write"),
        *named(hostile.KILLING, "kill"),
        *named(hostile.LEAVING, "left"),
    ],
)
def test_what_it_wants_is_named_and_not_given(
    ground: Ground, host: Host, code: str, finding: str
) -> None:
    given = host.given(ground)
    found = ground.verify(project(code, given=given))
    assert found.verdict is Verdict.IDENTICAL, found
    assert any(re.fullmatch(finding, each) for each in tried(found)), tried(found)
    for folder in given["folders"]:
        assert not os.path.exists(f"{folder}/written-by-a-build")
    ground.assert_unharmed()


def test_who_wants_nothing_is_not_blamed(ground: Ground, host: Host) -> None:
    code = """
    for name in ("TMPDIR", "HOME"):
        os.mkdir(os.path.join(os.environ[name], "mine"))
    for path in ("/tmp/a", "/var/tmp/b", "/dev/shm/c", "/dev/null", "d", os.path.expanduser("~/e")):
        with open(path, "w") as file:
            file.write("text")
    subprocess.run(["sh", "-c", "true"], check=True)
    worker = subprocess.Popen(["sleep", "4711"])
    worker.terminate()
    import multiprocessing, tempfile, urllib.request
    with multiprocessing.Pool(2) as pool:
        pool.map(abs, range(10))
    with tempfile.TemporaryDirectory() as place:
        shutil.copytree(".", os.path.join(place, "copy"))
    os.listdir("/usr"), os.listdir(sys.prefix), os.path.exists("/home/ada/.ssh")
    """
    found = ground.verify(
        project(code, first=code.replace("mine", "first"), given=host.given(ground))
    )
    assert (found.verdict, tried(found)) == (Verdict.IDENTICAL, [])


def test_the_environment_has_no_secret(ground: Ground, host: Host) -> None:
    code = """
    secret = "secret of this" + " machine"
    loot.extend(each for each in os.environ.items() if secret in str(each))
    for path in glob.glob("/proc/*/environ") + glob.glob("/proc/*/cmdline"):
        with suppress(OSError):
            loot.extend([path] if secret in open(path, errors="replace").read() else [])
    """
    assert ground.verify(project(code, first=code)).verdict is Verdict.IDENTICAL


@pytest.mark.parametrize(
    ("code", "phase", "message"),
    [pytest.param(*case, id=name) for name, case in hostile.FILLING.items()],
)
def test_who_takes_too_much_is_ended(ground: Ground, code: str, phase: str, message: str) -> None:
    started = time.monotonic()
    found = ground.verify(project(code), timeout=1 if phase == "timeout" else 60)
    assert time.monotonic() - started < SOON
    assert found.verdict is Verdict.UNBUILDABLE
    assert found.failure is not None
    assert found.failure.phase == phase, found.failure
    assert re.search(message, found.failure.message), found.failure
    ground.assert_as_before()


def test_what_was_tried_before_the_end_is_named(ground: Ground, host: Host) -> None:
    code = """
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", GIVEN["port"]), 2)
    time.sleep(4711)
    """
    found = ground.verify(project(code, given=host.given(ground)), timeout=1.5)
    assert found.failure is not None
    assert found.failure.phase == "timeout"
    assert any(each.startswith("network: 127.0.0.1:") for each in tried(found))
    assert "network: the network (Tcp:ActiveOpens)" in tried(found)


@pytest.mark.parametrize(
    ("code", "message"),
    [pytest.param(*case, id=name) for name, case in hostile.ANSWERING.items()],
)
def test_what_is_no_answer(ground: Ground, host: Host, code: str, message: str) -> None:
    given = host.given(ground)
    found = ground.verify(project(code, given=given))
    assert found.verdict is Verdict.UNBUILDABLE, found.comparison
    assert found.failure is not None
    assert found.failure.phase in ("build", "requirements")
    assert re.search(message, found.failure.message), found.failure
    assert len(found.failure.message) < 1200
    assert found.failure.message.isprintable()
    assert zipfile.is_zipfile(ground.wheel)
    ground.assert_unharmed()


@pytest.mark.parametrize(
    ("first", "then"),
    [pytest.param(*case, id=name) for name, case in hostile.SETTING_TRAPS.items()],
)
def test_one_hook_sets_no_trap_for_what_comes_after(
    ground: Ground, host: Host, first: str, then: str
) -> None:
    before = {path: path.read_bytes() for path in host.home.rglob("*") if path.is_file()}
    given = host.given(ground)
    found = ground.verify(project(then, first=first, given=given))
    if found.failure is None or found.failure.phase != "limit":  # what is too deep is, or is not
        assert found.verdict is Verdict.IDENTICAL, found
    assert {path: path.read_bytes() for path in host.home.rglob("*") if path.is_file()} == before
    ground.assert_as_before()


@pytest.mark.parametrize(
    ("code", "message"),
    [pytest.param(*case, id=name) for name, case in hostile.REPLACING.items()],
)
def test_what_becomes_of_pyproject(ground: Ground, code: str, message: str) -> None:
    found = ground.verify(project(first="os.unlink('pyproject.toml'); " + code))
    assert found.failure is not None
    assert (found.verdict, found.failure.phase) == (Verdict.UNBUILDABLE, "build")
    assert re.search(message, found.failure.message), found.failure
    ground.assert_unharmed()


@pytest.mark.parametrize(
    ("files", "links", "phase", "message"),
    [
        pytest.param({}, {"out": "../../outside"}, "unpack", "outside of its folder", id="link up"),
        pytest.param({}, {"out": "/etc/passwd"}, "unpack", "outside of its", id="absolute link"),
        pytest.param(
            {"out/file": ""}, {"out": "."}, "unpack", "outside of its", id="file below a link"
        ),
        pytest.param({"../out": ""}, {}, "unpack", "", id="name upward"),
        pytest.param({"/tmp/../../out": ""}, {}, "unpack", "", id="name from the root"),
        pytest.param({"pyproject.toml": "a = " + "[" * 9999}, {}, "requirements", "", id="deep"),
        pytest.param({"pyproject.toml": "#" * 2**21}, {}, "requirements", "bytes", id="large"),
    ],
)
def test_an_sdist_that_is_a_trap(
    ground: Ground, files: dict[str, str], links: dict[str, str], phase: str, message: str
) -> None:
    found = ground.verify(project() | files, links=links)
    assert found.failure is not None
    assert (found.verdict, found.failure.phase) == (Verdict.UNBUILDABLE, phase), found.failure
    assert re.search(message, found.failure.message), found.failure
    ground.assert_unharmed()


def test_an_sdist_does_not_say_what_is_seen_of_the_host(ground: Ground, host: Host) -> None:
    given = host.given(ground)
    code = """
    for path in GIVEN["files"]:
        with suppress(OSError):
            loot.append(open(path, "rb").read())
    """
    wanted = "\n".join({os.path.dirname(str(path)) for path in given["files"]})
    files = {".git/objects/info/alternates": wanted, ".git/HEAD": "ref: refs/heads/main\n"}
    found = ground.verify(project(code, given=given) | files)
    assert found.verdict is Verdict.IDENTICAL


def test_a_python_that_lies_above_the_home(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", os.path.join(sys.base_prefix, "home"))
    found = ground.verify(project())
    assert found.failure is not None
    assert "a folder that holds your home" in found.failure.message
    ground.assert_unharmed()


def test_a_wheel_that_is_a_bomb(ground: Ground) -> None:
    code = """
    path = os.path.join(folder, NAME)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("zeros", "w") as file:
            for _ in range(200):
                file.write(bytes(2**20))
    return NAME
    """
    found = ground.verify(project(code))
    assert found.verdict is Verdict.DIFFERENT
    ground.assert_unharmed()


def test_a_wheel_that_nobody_may_read(ground: Ground) -> None:
    code = """
    build(os.path.join(folder, NAME))
    os.chmod(os.path.join(folder, NAME), 0)
    return NAME
    """
    assert ground.verify(project(code)).verdict is Verdict.IDENTICAL
