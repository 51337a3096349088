"""What goes wrong when an archive from a stranger is read."""

from __future__ import annotations

import errno
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from samebytes.errors import ArtifactError

#: A damaged bzip2 or gzip stream is an OSError without a number; a name that is a file and a
#: folder, or an offset before the beginning, comes from the archive too.
_FROM_THE_ARCHIVE = {
    None,
    errno.EEXIST,
    errno.EINVAL,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENOTDIR,
}


@contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Turn what the readers of tar and zip raise into an ArtifactError about ``path``."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FROM_THE_ARCHIVE:
            raise
        raise damaged(path, _reason(error)) from None
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        struct.error,
        EOFError,
        LookupError,
        NotImplementedError,
        OverflowError,
        RuntimeError,
        ValueError,
    ) as error:
        raise damaged(path, _reason(error)) from None


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def damaged(path: Path, reason: str) -> ArtifactError:
    """The error that says why a file cannot be read; ``reason`` has no full stop."""
    return ArtifactError(
        f"{path.name} cannot be read as an archive: {reason}.",
        hint="Get it again: it is damaged, another kind of file, or made to be read in two ways.",
    )
