"""Deflate in a second thread, so that a backend packs files while zlib works.

Python imports this module at the start of a ``build_sdist`` hook's process. zlib is called with the
same arguments and the same pieces of input in the same order, so its output is the same; it is only
not waited for. What is to be deflated is kept in a file, where it can be read, as soon as it is
complete, before the slow part is done.

Standard library only, for the Python of any project.
"""

import atexit
import itertools
import os
import queue
import sys
import threading
import weakref
import zlib

_STREAMS = os.environ.pop("SAMEBYTES_STREAMS", "")
_real_compressobj = zlib.compressobj
_numbers = itertools.count(1)
_deflating = weakref.WeakSet()


class _Deflate:
    """As the object that ``zlib.compressobj`` gives."""

    def __init__(self, *arguments, **options):
        self._inner = _real_compressobj(*arguments, **options)
        self._name = os.path.join(_STREAMS, "%06d-%d" % (next(_numbers), os.getpid()))
        self._kept = open(self._name, "wb", buffering=0)
        self._again = open(self._name, "rb")
        self._sizes = queue.SimpleQueue()
        self._output = queue.SimpleQueue()
        self._error = None
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        _deflating.add(self)

    def compress(self, data):
        data = memoryview(data).cast("B")
        while data:
            written = self._kept.write(data)
            self._sizes.put(written)
            data = data[written:]
        if self._thread is None:
            self._drain()
        return self._ready()

    def flush(self, mode=zlib.Z_FINISH):
        if mode == zlib.Z_FINISH:
            self._kept.close()
            os.rename(self._name, self._name + ".complete")
        self.stop()
        output = self._ready() + self._inner.flush(mode)
        if mode == zlib.Z_FINISH:
            self._again.close()
        return output

    def copy(self):
        raise NotImplementedError("a stream that is deflated in a thread cannot be copied")

    def stop(self):
        """End the thread; what comes later is deflated at once."""
        if self._thread is not None:
            self._sizes.put(None)
            self._thread.join()
            self._thread = None

    def _work(self):
        try:
            for size in iter(self._sizes.get, None):
                self._output.put(self._inner.compress(self._again.read(size)))
        except BaseException as error:
            self._error = error

    def _drain(self):
        self._sizes.put(None)
        self._work()

    def _ready(self):
        if self._error is not None:
            raise self._error
        pieces = []
        while not self._output.empty():
            pieces.append(self._output.get())
        return b"".join(pieces)


def _stop_all():
    for stream in list(_deflating):
        stream.stop()


def _compressobj(*arguments, **options):
    wbits = arguments[2] if len(arguments) > 2 else options.get("wbits", zlib.MAX_WBITS)
    # Raw deflate is what gzip and tarfile ask for; anything else is left as it is.
    kind = _Deflate if wbits == -zlib.MAX_WBITS else _real_compressobj
    return kind(*arguments, **options)


if _STREAMS:
    # What the hook sees, and passes on, is the environment of every other hook.
    os.environ.pop("PYTHONPATH", None)
    sys.path[:] = [entry for entry in sys.path if entry != os.path.dirname(__file__)]
    zlib.compressobj = _compressobj
    # Files that are closed only when Python ends would wait for a thread that has ended before.
    atexit.register(_stop_all)
