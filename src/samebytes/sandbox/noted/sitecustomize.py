"""Notes what Python code in a cell tries that no build has to: network, and files outside.

It prevents nothing: that the cell does. What is no Python it does not see. And where a build is to
be as on Windows, text files get the line ends of that system.

Standard library only, for the Python of any project.
"""

import builtins
import io
import os
import stat
import sys

_LINE_ENDS = os.environ.pop("SAMEBYTES_LINE_ENDS", "")
_NOTES = os.environ.pop("SAMEBYTES_NOTES", "")


def _folders(*paths):
    """What a path in one of them, or of one of them, begins with when a slash is put behind it."""
    return tuple(path.rstrip("/") + "/" for path in paths if path.strip("/"))


_OURS = _folders(*os.environ.pop("SAMEBYTES_ROOM", "").split(os.pathsep))
_GIVEN = _folders(
    *os.environ.pop("SAMEBYTES_GIVEN", "").split(os.pathsep), sys.prefix, sys.base_prefix
)
_HOME = os.environ.pop("SAMEBYTES_HOME", "").rstrip("/")
_MOST = 200
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_COMMON = _folders("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - private ones
_FREE = _folders(
    *("/dev/fd", "/dev/pts", "/proc/self"),
    *("/dev/full", "/dev/null", "/dev/ptmx", "/dev/stderr", "/dev/stdin", "/dev/stdout"),
    *("/dev/tty", "/dev/zero"),
)
_PRIVATE = _folders(
    _HOME,
    *("/home", "/root", "/run", "/var/run", "/Users", "/proc/1", "/etc/shadow", "/etc/gshadow"),
    *("/etc/sudoers", "/etc/sudoers.d", "/etc/ssh", "/etc/ssl/private"),
)
#: The first process of the cell, and all.
_WATCHING = (1, -1)
_CHANGES = {
    "os.chmod": 1,
    "os.link": 2,
    "os.mkdir": 1,
    "os.remove": 1,
    "os.rename": 2,
    "os.rmdir": 1,
    "os.symlink": 2,
    "os.truncate": 1,
}


def _place(path):
    return os.path.abspath(os.fsdecode(path))


def _is_in(path, folders):
    return (path + "/").startswith(folders)


def _is_ours(path):
    if _is_in(path, _OURS) or _is_in(path, _FREE):
        return True
    # What has no folder there, or one that is not its own, lies on the host, if anywhere.
    return _is_in(path, _COMMON) and os.access(os.path.dirname(path), os.W_OK)


def _is_private(path):
    return _is_in(path, _PRIVATE) and not _is_in(path, _GIVEN)


def _listed(path):
    if path is None or isinstance(path, int):
        return None
    path = _place(path)
    return ("read", path) if _is_private(path) and not _is_ours(path) else None


def _opened(path, _mode, flags):
    if not isinstance(path, (str, bytes)):
        return None
    path = _place(path)
    if isinstance(flags, int) and flags & _WRITES:
        return None if _is_ours(path) else ("write", path)
    return ("read", path) if _is_private(path) and not _is_ours(path) else None


def _changed(event, arguments):
    for path in arguments[: _CHANGES[event]]:
        if isinstance(path, (str, bytes)) and not _is_ours(_place(path)):
            # What a link or a new name points to is no place that is changed.
            if event in ("os.link", "os.symlink") and path == arguments[0]:
                continue
            return "write", _place(path)
    return None


def _connected(event, arguments):
    if event in ("socket.connect", "socket.sendto"):
        return "network", _address(arguments[1])
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
        return "network", host if isinstance(host, str) else repr(host)
    return None


def _address(address):
    if isinstance(address, tuple):
        return ":".join(str(part) for part in address[:2])
    return os.fsdecode(address) if isinstance(address, (str, bytes)) else repr(address)


def _killed(event, arguments):
    if arguments[0] in _WATCHING or (event == "os.killpg" and arguments[0] in (0, 1)):
        return "kill", "process %d (signal %d)" % arguments[:2]
    return None


def _found(event, arguments):
    if event == "open":
        return _opened(*arguments)
    if event in _CHANGES:
        return _changed(event, arguments)
    if event in ("os.listdir", "os.scandir"):
        return _listed(arguments[0])
    if event in ("os.kill", "os.killpg"):
        return _killed(event, arguments)
    return _connected(event, arguments) if event.startswith("socket.") else None


def _watch(event, arguments):
    # There are very many events, and few of these.
    if not (event == "open" or event.startswith(("os.", "socket."))):
        return
    found = _found(event, arguments)
    if found is not None and len(_seen) < _MOST and found not in _seen:
        _seen.add(found)
        line = "%s %s\n" % (found[0], found[1][:500].replace("\n", "?"))
        try:
            if os.path.samestat(os.fstat(_notes), _pipe):  # and not some other file by now
                os.write(_notes, line.encode("utf-8", "replace"))
        except OSError:
            pass  # closed by the hook itself


def _open_as_on_windows(
    file,
    mode="r",
    buffering=-1,
    encoding=None,
    errors=None,
    newline=None,
    closefd=True,
    opener=None,
):
    if newline is None and "b" not in mode and not mode.startswith("r"):
        newline = "\r\n"
    return _real_open(file, mode, buffering, encoding, errors, newline, closefd, opener)


# What the hook sees, and passes on, is the environment of every other hook.
_entries = os.environ.pop("PYTHONPATH", "").split(os.pathsep)
_here = os.path.dirname(__file__)
sys.path[:] = [entry for entry in sys.path if entry != _here]

if _LINE_ENDS:
    _real_open = builtins.open
    builtins.open = io.open = _open_as_on_windows
    os.linesep = "\r\n"

if _NOTES.isdigit() and hasattr(sys, "addaudithook"):
    _seen = set()
    _notes = int(_NOTES)
    _pipe = os.fstat(_notes)
    if stat.S_ISFIFO(_pipe.st_mode):
        os.set_inheritable(_notes, False)
        sys.addaudithook(_watch)

if any(entry != _here for entry in _entries if entry):
    # Python takes only one of this name: the other one, behind us, is left to us.
    sys.modules.pop(__name__, None)
    __import__(__name__)
