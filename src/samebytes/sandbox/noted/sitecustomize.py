"""Notes what Python code in a cell tries that no build has to: network, and files outside.

It prevents nothing: that the cell does. What is no Python it does not see. And where a build is to
be as on Windows, text files get the line ends of that system.

Standard library only, for the Python of any project.
"""

import builtins
import io
import os
import sys

_LINE_ENDS = os.environ.pop("SAMEBYTES_LINE_ENDS", "")
_NOTES = os.environ.pop("SAMEBYTES_NOTES", "")
_ROOM = os.environ.pop("SAMEBYTES_ROOM", "")
_HOME = os.environ.pop("SAMEBYTES_HOME", "")
_MOST = 200
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_FREE = ("/tmp/", "/var/tmp/", "/dev/", "/proc/")  # noqa: S108 - nothing is put there
_HOMES = ("/home/", "/root/", "/run/", "/var/run/", "/Users/")
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


def _is_ours(path):
    return path.startswith(_FREE) or path == _ROOM or path.startswith(_ROOM + "/")


def _is_private(path):
    if path.startswith((sys.prefix, sys.base_prefix)):
        return False
    return path.startswith(_HOMES) or (len(_HOME) > 1 and path.startswith(_HOME + "/"))


def _opened(path, _mode, flags):
    if not isinstance(path, (str, bytes)):
        return None
    path = _place(path)
    if _is_ours(path):
        return None
    if isinstance(flags, int) and flags & _WRITES:
        return "write", path
    return ("read", path) if _is_private(path) else None


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


def _watch(event, arguments):
    if event == "open":
        found = _opened(*arguments)
    elif event in _CHANGES:
        found = _changed(event, arguments)
    elif event.startswith("socket."):
        found = _connected(event, arguments)
    else:
        return
    if found is not None and len(_seen) < _MOST and found not in _seen:
        _seen.add(found)
        line = "%s %s\n" % (found[0], found[1][:500].replace("\n", "?"))
        os.write(_file, line.encode("utf-8", "replace"))


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
os.environ.pop("PYTHONPATH", None)
sys.path[:] = [entry for entry in sys.path if entry != os.path.dirname(__file__)]

if _LINE_ENDS:
    _real_open = builtins.open
    builtins.open = io.open = _open_as_on_windows
    os.linesep = "\r\n"

if _NOTES:
    _seen = set()
    if hasattr(sys, "addaudithook"):
        _file = os.open(_NOTES, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        sys.addaudithook(_watch)
