"""By what archives are compressed (RFC 1951): the zlib at hand, or the one that is the same to all.

``canonical`` is libdeflate, as it comes with one release of the package ``deflate``, at one level:
whole numbers only, and no choice that depends on the processor's features.
"""

from __future__ import annotations

import hashlib
import importlib
import mmap
import tempfile
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Protocol

from samebytes_core.errors import CoreError

#: The package that is needed, its one release, and the level: of those that are no slower than
#: zlib's best, the one that gives least.
PACKAGE, VERSION, LEVEL = "deflate", "0.8.1", 9

#: Bytes of one stream before it is compressed, which takes all of them at once; with some to spare
#: below where zip needs other headers.
LARGEST = 2_000_000_000
_IN_MEMORY = 16 * 1024**2
#: Compressed bytes that are checked at once: they hold no more than about a thousand times that.
_CHECKED = 32 * 1024

#: What the digest of the sample's stream begins with.
_ANSWER = "adc193127ffa8281"


class DeflateError(CoreError):
    """Something cannot be compressed canonically: the ``problem``, and what the wrapper can do.

    ``is_missing``: what compresses so is not here, or not as it should be.
    """

    def __init__(self, problem: str, advice: str, *, is_missing: bool = False) -> None:
        super().__init__(f"{problem}: {advice}")
        self.problem = problem
        self.is_missing = is_missing


class Compressor(Protocol):
    """Piece by piece, as zlib does; ``flush`` gives the rest."""

    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes | memoryview: ...


class _Canonical:
    """Takes the pieces, and gives the stream at the end, once zlib has got them back from it.

    Raises DeflateError where the package is missing, is not the one, or gives other bytes, and
    where the memory does not hold the stream.
    """

    def __init__(self) -> None:
        self._plain = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115
        self._compressed = _checked_library()

    def __del__(self) -> None:
        self._plain.close()

    def compress(self, data: bytes, /) -> bytes:
        if self._plain.tell() + len(data) > LARGEST:
            raise DeflateError(
                f"more than {LARGEST:,} bytes in one stream are not compressed canonically",
                _SMALLER,
            )
        self._plain.write(data)
        return b""

    def flush(self) -> memoryview:
        with self._plain as file:
            size = file.tell()
            try:
                if size <= _IN_MEMORY:
                    file.seek(0)
                    return _round_trip(self._compressed, file.read())
                file.flush()
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as plain:
                    return _round_trip(self._compressed, plain)
            except MemoryError:
                raise DeflateError(
                    f"there is not the memory to compress {size:,} bytes at once", _SMALLER
                ) from None


#: By the names that [tool.samebytes] deflate has for them.
COMPRESSORS: Mapping[str, Callable[[], Compressor]] = MappingProxyType(
    {"zlib": lambda: zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS), "canonical": _Canonical}
)


_SMALLER = 'leave out the largest files, or have zlib compress them (deflate = "zlib")'
_INSTALL = f"install {PACKAGE}=={VERSION} as PyPI has it"


def _round_trip(compressed: Any, plain: Any) -> memoryview:
    stream = memoryview(compressed(plain, LEVEL))
    inflate, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
    for start in range(0, len(stream), _CHECKED):
        data = inflate.decompress(stream[start : start + _CHECKED])
        if plain[size : size + len(data)] != data:
            break
        size += len(data)
    else:
        if inflate.eof and not inflate.unused_data and size == len(plain):
            return stream
    raise DeflateError(
        f"{PACKAGE} {VERSION} gives a stream that zlib does not get the same from",
        _INSTALL,
        is_missing=True,
    )


@cache
def _checked_library() -> Any:
    try:
        library: Any = importlib.import_module(PACKAGE)
    except ImportError as error:
        raise DeflateError(
            f"canonical archives need {PACKAGE}=={VERSION} ({error})",
            'add "samebytes-core[deflate]" to requires of [build-system]',
            is_missing=True,
        ) from None
    if (version := getattr(library, "__version__", "")) != VERSION:
        raise DeflateError(
            f"canonical archives need {PACKAGE}=={VERSION}, and {version or 'another'} is here, "
            "which may give other bytes",
            _INSTALL,
            is_missing=True,
        )
    answer = hashlib.sha256(_round_trip(library.deflate_compress, _sample())).hexdigest()
    if answer[: len(_ANSWER)] != _ANSWER:
        raise DeflateError(
            f"{PACKAGE} {VERSION} gives other bytes here than elsewhere, as it was built with "
            "another libdeflate, or for a processor on which it does",
            _INSTALL,
            is_missing=True,
        )
    return library.deflate_compress


def _sample() -> bytes:
    """Of all kinds: words as in a text, noise, long runs, and bits, which match everywhere."""
    noise = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(4096))
    words = [noise[at : at + 2 + at % 9].hex().encode() for at in range(0, 8000, 8)]
    text = b" ".join(words[noise[at] * noise[at + 1] % 1000] for at in range(0, 98304, 3))
    bits = noise.translate(b"01" * 128)
    return text + noise[:40000] + bytes(40000) + text[:60000:2] + bits[:40000] + text[1:50000]
