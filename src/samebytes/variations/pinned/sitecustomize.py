"""Completes in Python what libfaketime does to the clock, and puts zlib-ng in the place of zlib.

Files that the build itself wrote seem to be of the moment at which the clock stands: what the file
system says is the time on the wall. And libfaketime does not know in which way Python 3.11 sleeps.

Standard library only, for the Python of any project.
"""

import os
import select
import sys
import time

_SINCE = os.environ.get("SAMEBYTES_SINCE", "")
_ZLIB = os.environ.get("SAMEBYTES_ZLIB", "")


def _pinned(function, since, now):
    """An ``os.stat`` for which files of the day that begins at ``since`` are of ``now``.

    Later than that, in the future, only files can be that say so themselves.
    """

    def stat(*arguments, **options):
        found = function(*arguments, **options)
        if not since <= found.st_mtime < since + 86400:
            return found
        whole = [found[i] for i in range(7)] + [now, now, now]
        more = {name: getattr(found, name) for name in _MORE if hasattr(found, name)}
        for name in ("st_atime", "st_mtime", "st_ctime"):
            more[name] = float(now)
            more[name + "_ns"] = now * 10**9
        return os.stat_result(whole, more)

    return stat


_MORE = ("st_blksize", "st_blocks", "st_rdev")


def _sleep(seconds):
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    select.select((), (), (), seconds)


if _SINCE:
    time.sleep = _sleep
    _began = os.stat(_SINCE).st_mtime
    for _name in ("stat", "lstat", "fstat"):
        _real = getattr(os, _name)
        _new = _pinned(_real, _began, int(time.time()))
        for _able in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
            if _real in _able:
                _able.add(_new)
        setattr(os, _name, _new)

if _ZLIB:
    sys.path.insert(0, _ZLIB)
    from zlib_ng import zlib_ng

    sys.path.remove(_ZLIB)
    import zlib

    for _name in ("compress", "compressobj"):
        setattr(zlib, _name, getattr(zlib_ng, _name))
