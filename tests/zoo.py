"""Small projects, each of which breaks under one variation and no other.

They are their own backend, so that nothing but what they do on purpose can differ: ``content`` is
what the wheel holds, ``note`` what the sdist's PKG-INFO holds, ``attributes`` are the external ones
of the wheel's member.
"""

from __future__ import annotations

from collections.abc import Mapping

from projects import OWN_PYPROJECT

_BACKEND = """\
import getpass, glob, gzip, io, locale, os, platform, socket, sys, tarfile, time, uuid, zipfile

STEM = "small-1.0"

def content():
    return "same"

def note():
    return "same"

def attributes():
    return 0o644 << 16

{fault}

def build_sdist(folder, settings=None):
    path = os.path.join(folder, STEM + ".tar.gz")
    files = {{name: open(name, "rb").read() for name in ("pyproject.toml", "backend.py")}}
    for letter in "edcba":
        files["data/%s.txt" % letter] = letter.encode() * 9
    files["PKG-INFO"] = repr(note()).encode()
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, 0) as plain:
        with tarfile.open(fileobj=plain, mode="w") as archive:
            for name, data in files.items():
                info = tarfile.TarInfo(STEM + "/" + name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return STEM + ".tar.gz"

def build_wheel(folder, settings=None, metadata=None):
    name = STEM + "-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as archive:
        info = zipfile.ZipInfo("small.py")
        info.external_attr = attributes()
        archive.writestr(info, repr(content()))
        archive.writestr(zipfile.ZipInfo(STEM + ".dist-info/RECORD"), "")
    return name
"""


def animal(fault: str = "") -> dict[str, str]:
    """A project with a fault: definitions that take the place of those of its backend."""
    files = {"pyproject.toml": OWN_PYPROJECT, "backend.py": _BACKEND.format(fault=fault)}
    files[".gitattributes"] = "* text eol=lf\n"
    return files | {f"data/{letter}.txt": letter * 8 + "\n" for letter in "abcde"}


def _content(expression: str) -> dict[str, str]:
    return animal(f"def content(): return {expression}")


def _note(expression: str) -> dict[str, str]:
    return animal(f"def note(): return {expression}")


#: By variation.
ZOO: Mapping[str, dict[str, str]] = {
    "clock": _content("time.time()"),
    "path": _content("os.getcwd()"),
    "file-order": _content("os.listdir('data')"),
    "hash-seed": _content("'-'.join({'one', 'two', 'three', 'four', 'five'})"),
    "umask": animal(
        "def attributes():\n"
        "    path = os.path.join(os.environ['TMPDIR'], 'run.sh')\n"
        "    open(path, 'w').close()\n"
        "    return os.stat(path).st_mode << 16"
    ),
    "timezone": _content("time.localtime(0)[:5]"),
    "locale": animal(
        "def content():\n"
        "    locale.setlocale(locale.LC_ALL, '')\n"
        "    return time.strftime('%B', (2026, 8, 1, 0, 0, 0, 5, 213, 0))"
    ),
    "host": _content("socket.gethostname()"),
    "user": _content("getpass.getuser()"),
    "home": _content("os.path.expanduser('~')"),
    "environment": _content("os.environ.get('BUILD_NUMBER')"),
    "exec-path": _content("os.environ['PATH'].split(':')[-1]"),
    "cpus": _content("os.cpu_count()"),
    "kernel": _content("platform.release()"),
    "aslr": _content("[line.split()[0] for line in open('/proc/self/maps') if '[stack]' in line]"),
    "python": _content("sys.version_info[:2]"),
    "route": _content("os.path.exists('PKG-INFO')"),
    "repeat": _content("uuid.uuid4().hex"),
    "export": _note("os.path.exists('.git')"),
    "crlf": _note("open('data/a.txt', 'rb').read()")
    | {".gitattributes": "*.py text eol=lf\n*.toml text eol=lf\n"},
    "leftovers": _note("os.path.exists('build')"),
    "untracked": _note("sorted(glob.glob('*.txt'))"),
}
#: Those whose fault samebytes build cures, so that it shows with ``--raw`` only.
RAW = frozenset({"crlf", "export", "leftovers", "umask", "untracked"})

TWO_FAULTS = _content("socket.gethostname() + time.strftime('%Y')")
ONLY_TOGETHER = _content("time.localtime(0)[3] > 0 and socket.gethostname() == 'build-elsewhere'")
FAILS = _content("{None: 1}[os.environ.get('BUILD_NUMBER')]")

#: More ways to break under a variation, or none; what they are put down to.
MORE: Mapping[str, tuple[dict[str, str], set[tuple[str, ...]]]] = {
    "the folder's own name": (_content("os.path.basename(os.getcwd())"), {("path",)}),
    "the temporary folder's name": (
        _content("os.path.basename(os.environ['TMPDIR'])"),
        {("path",)},
    ),
    "the host's name in a file": (_content("open('/etc/hostname').read()"), {("host",)}),
    "the processors it may use": (_content("len(os.sched_getaffinity(0))"), {("cpus",)}),
    "the number of the process": (_content("os.getpid()"), {("repeat",)}),
    "the true time, past the clock": (
        animal(
            "import subprocess\n"
            "def content(): return subprocess.check_output(['env', '-i', 'date'])"
        ),
        {("repeat",)},
    ),
    "the true time of a file, past the clock": (
        animal(
            "def content():\n"
            "    open(os.path.join(os.environ['TMPDIR'], 'new'), 'w').close()\n"
            "    return [int(e.stat().st_mtime) for e in os.scandir(os.environ['TMPDIR'])]"
        ),
        {("repeat",)},
    ),
    "a lock in /tmp": (
        animal(
            "def content():\n"
            "    os.mkdir('/tmp/lock-of-the-zoo')\n"
            "    time.sleep(0.3)\n"
            "    os.rmdir('/tmp/lock-of-the-zoo')\n"
            "    return 'same'"
        ),
        set(),
    ),
    "what it left at home": (
        animal(
            "def content():\n"
            "    path = os.path.expanduser('~/.marker')\n"
            "    found = os.path.exists(path)\n"
            "    open(path, 'w').close()\n"
            "    return found"
        ),
        set(),
    ),
    "nothing at all, in a CI": (
        animal("if 'BUILD_NUMBER' in os.environ: raise SystemExit('not here')"),
        {("environment",)},
    ),
}
