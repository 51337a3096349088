"""What runs inside the backend's process changes when bytes come, never which."""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
import sys
import tarfile
import zlib
from pathlib import Path

import pytest
from conftest import Command
from projects import own_backend, repository

from samebytes.hook import complete_stream, overlapping

WRITERS = {
    "tarfile": "tarfile.open(out, 'w:gz').add(source, 'x', filter=clean)",
    "tarfile stream": "tarfile.open(out, 'w|gz').add(source, 'x', filter=clean)",
    "never closed": "keep = gzip.GzipFile('', 'wb', 9, open(out, 'wb'), 5); keep.write(data)",
    "gzip level 1": "gzip.GzipFile('', 'wb', 1, open(out, 'wb'), 5).write(data)",
    "flushes": (
        "f = gzip.GzipFile('', 'wb', 9, open(out, 'wb'), 5); f.write(data); f.flush(); "
        "f.write(b''); f.write(data); f.flush(); f.close()"
    ),
    "many pieces": (
        "f = gzip.GzipFile('', 'wb', 9, open(out, 'wb'), 5); "
        "[f.write(data[i:i + 77]) for i in range(0, len(data), 77)]; f.close()"
    ),
    "zip": "z = zipfile.ZipFile(out, 'w', 8); z.writestr(zipfile.ZipInfo('x'), data, 8); z.close()",
    "memoryview": (
        "f = gzip.GzipFile('', 'wb', 9, open(out, 'wb'), 5); "
        "f.write(memoryview(array.array('I', range(9999)))); f.close()"
    ),
    "zlib itself": "open(out, 'wb').write(zlib.compress(data))",
}
CODE = """
import array, gzip, os, sys, tarfile, zipfile, zlib
source, out = sys.argv[1:]
data = open(source, "rb").read()
def clean(info):
    info.mtime = 5
    return info
{}
print(sorted(name for name in os.environ if "PYTHONPATH" in name or "STREAMS" in name))
print(any("hook" in entry for entry in sys.path))
"""


@pytest.mark.parametrize("name", WRITERS)
def test_same_bytes_as_without(tmp_path: Path, name: str) -> None:
    source = tmp_path / "source"
    digests = (hashlib.sha256(b"%d" % number).hexdigest() for number in range(9999))
    source.write_text("".join(digests))
    outputs = []
    for number, added in enumerate(({}, overlapping(tmp_path))):
        out = tmp_path / str(number) / "out"
        out.parent.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", CODE.format(WRITERS[name]), source, out],
            env={"PATH": os.defpath} | added,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == "[]\nFalse\n"
        content = out.read_bytes()
        outputs.append(content[:4] + content[8:])  # gzip's header may hold the time
    assert outputs[0] == outputs[1]


def test_stream_is_what_was_compressed(tmp_path: Path) -> None:
    code = "import gzip, sys; gzip.open(sys.argv[1], 'wb').write(b'x' * 100_000)"
    command = [sys.executable, "-c", code, str(tmp_path / "out.gz")]
    assert complete_stream(tmp_path) is None
    subprocess.run(command, env=overlapping(tmp_path), check=True)
    stream = complete_stream(tmp_path)
    assert stream is not None
    assert stream.read_bytes() == gzip.decompress((tmp_path / "out.gz").read_bytes())


def test_errors_of_zlib_come_through(tmp_path: Path) -> None:
    code = "import zlib; zlib.compressobj(99, zlib.DEFLATED, -15)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=overlapping(tmp_path), capture_output=True, text=True
    )
    with pytest.raises((ValueError, zlib.error)) as raised:
        zlib.compressobj(99, zlib.DEFLATED, -15)
    assert str(raised.value) in done.stderr


#: The backend compresses something else first, or changes the sdist after it was compressed.
DECEPTIONS = {
    "another stream first": """
def _first():
    with tarfile.open("other.tar.gz", "w:gz") as archive:
        archive.add("pyproject.toml", "small-1.0/pyproject.toml")
        archive.add("backend.py", "small-1.0/backend.py")
        info = tarfile.TarInfo("small-1.0/planted")
        archive.addfile(info, io.BytesIO(b""))
    time.sleep(1)
""",
    "not a tar": """
import gzip
def _first():
    with gzip.open("other.gz", "wb") as file:
        file.write(b"x" * 100_000)
    time.sleep(1)
""",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DECEPTIONS)
def test_wheel_is_built_from_the_finished_sdist(
    folder: Path, samebytes: Command, name: str
) -> None:
    """Whatever was compressed before: the wheel from the sdist sees what the sdist holds."""
    content = DECEPTIONS[name] + 'def content(): return str(os.path.exists("planted"))\n'
    files = own_backend(content)
    files["backend.py"] = files["backend.py"].replace(
        "def build_sdist(folder, settings=None):\n",
        "def build_sdist(folder, settings=None):\n    _first()\n",
    )
    root = repository(folder / "project", files)
    done = samebytes("build", root, "-o", folder / "dist")
    assert done.status == 0, done.stdout + done.stderr
    with tarfile.open(folder / "dist/small-1.0.tar.gz") as archive:
        assert "small-1.0/planted" not in archive.getnames()
