"""One deflate on other machines, as far as this one can be others: Pythons, zlibs, processors."""

from __future__ import annotations

import io
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import deflate
import pytest
import samebytes_core
from packaging.utils import canonicalize_name
from packaging.version import Version
from samebytes_core.deflate import PACKAGE, VERSION

from samebytes.errors import SamebytesError
from samebytes.index.client import Index
from samebytes.index.settings import IndexSettings
from samebytes.interpreter import find_interpreter
from samebytes.places import cache_folder
from samebytes.process import Runner
from samebytes.toolchain import Toolshed

pytestmark = pytest.mark.slow

#: All that may stand behind ``python -m build``, oldest first.
PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13")
#: What each of them gets.
NEEDED = (f"{PACKAGE}=={VERSION}", "zlib-ng")

#: Has, if asked, zlib-ng in the place of zlib; writes both archives by each of the compressors.
SCRIPT = """\
import hashlib, os, sys
if "zlib-ng" in sys.argv:
    from zlib_ng import zlib_ng
    sys.modules["zlib"] = zlib_ng
from pathlib import Path
from samebytes_core.canonical import rewrite_sdist, rewrite_wheel
folder, out = map(Path, sys.argv[1:3])
for name, rewrite in (("a-1.tar.gz", rewrite_sdist), ("a-1-py3-none-any.whl", rewrite_wheel)):
    for deflate in ("zlib", "canonical"):
        rewrite(folder / name, out, 1793707201, deflate=deflate)
        print(deflate, name, hashlib.sha256(out.read_bytes()).hexdigest())
        out.unlink()
"""

Digests = Mapping[tuple[str, str], str]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An sdist and a wheel of what lies here: texts, and programs."""
    folder = tmp_path_factory.mktemp("published")
    library = Path(deflate.__file__).parent
    files = {path.name: path.read_bytes() for path in Path(__file__).parent.glob("test_[a-d]*.py")}
    files |= {path.name: path.read_bytes() for path in library.iterdir() if path.is_file()}
    with (
        tarfile.open(folder / "a-1.tar.gz", "w:gz") as sdist,
        zipfile.ZipFile(folder / "a-1-py3-none-any.whl", "w") as wheel,
    ):
        for name, content in files.items():
            info = tarfile.TarInfo(f"a-1/{name}")
            info.size = len(content)
            sdist.addfile(info, io.BytesIO(content))
            wheel.writestr(f"a/{name}", content)
    return folder


def digests(
    python: Path, published: Path, out: Path, *words: str, paths: Sequence[Path], **more: str
) -> Digests:
    """What another process makes of them."""
    core = Path(samebytes_core.__file__).parents[1]
    environ = {**os.environ, **more, "PYTHONPATH": os.pathsep.join(map(str, (*paths, core)))}
    done = subprocess.run(
        [python, "-c", SCRIPT, published, out, *words], env=environ, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    lines = (line.split() for line in done.stdout.splitlines())
    return {(deflate, name): digest for deflate, name, digest in lines}


def only(which: str, found: Digests) -> Digests:
    return {key: value for key, value in found.items() if key[0] == which}


@pytest.fixture(scope="module")
def here(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Digests:
    out = tmp_path_factory.mktemp("here") / "out"
    return digests(Path(sys.executable), published, out, paths=())


@pytest.fixture(params=PYTHONS)
def python(request: pytest.FixtureRequest) -> tuple[Path, Path]:
    """Another Python, and the folder with what it needs."""
    runner = Runner()
    try:
        interpreter = find_interpreter(request.param, runner, os.environ)
    except SamebytesError as error:
        pytest.skip(error.message)
    shed = Toolshed(
        runner=runner,
        environ=os.environ,
        settings=IndexSettings.from_pip(os.environ),
        interpreter=interpreter,
        cache=cache_folder() / "toolchains",
    )
    toolchain = shed.provide(shed.resolve(NEEDED, None))
    return toolchain.python, next(toolchain.root.glob("lib/python*/site-packages"))


def test_it_is_the_same_for_every_python_and_every_zlib(
    python: tuple[Path, Path], published: Path, here: Digests, tmp_path: Path
) -> None:
    program, packages = python
    usual = digests(program, published, tmp_path / "out", paths=[packages])
    other = digests(program, published, tmp_path / "out", "zlib-ng", paths=[packages])
    assert only("canonical", usual) == only("canonical", other) == only("canonical", here)
    assert not only("zlib", usual).items() & only("zlib", other).items()


class TestProcessors:
    """What the library would do elsewhere: built from its own source, here."""

    @pytest.fixture(scope="class")
    @staticmethod
    def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
        if shutil.which("gcc") is None:
            pytest.skip("there is no gcc to build libdeflate with")
        if not Path(sysconfig.get_path("include"), "Python.h").is_file():
            pytest.skip("there is no Python.h to build the binding of libdeflate with")
        index = Index(IndexSettings.from_pip(os.environ), cache_folder() / "downloads")
        sdist = index.sdist(canonicalize_name(PACKAGE), Version(VERSION)).path
        folder = tmp_path_factory.mktemp("source")
        with tarfile.open(sdist) as archive:
            archive.extractall(folder, filter="data")
        (root,) = folder.iterdir()
        yield root
        shutil.rmtree(folder)

    def built(self, source: Path, to: Path, *flags: str) -> Path:
        """A folder with the package, for this Python."""
        library = source / "libdeflate"
        (to / PACKAGE).mkdir(parents=True)
        shutil.copy(Path(deflate.__file__).parent / "__init__.py", to / PACKAGE)
        includes = [f"-I{library}", f"-I{sysconfig.get_path('include')}"]
        made = to / PACKAGE / f"_deflate{sysconfig.get_config_var('EXT_SUFFIX')}"
        sources = [source / "src/_deflate.c", *library.glob("lib/*.c"), *library.glob("lib/*/*.c")]
        subprocess.run(
            ["gcc", "-shared", "-fPIC", *includes, *flags, *sources, "-o", made], check=True
        )
        return to

    def test_no_feature_of_the_processor_decides(
        self, source: Path, published: Path, here: Digests, tmp_path: Path
    ) -> None:
        built = self.built(source, tmp_path / "p", "-O1", "-DTEST_SUPPORT__DO_NOT_USE")
        found = self._without(self._features(source), built, published, tmp_path)
        assert only("canonical", found) == only("canonical", here)
        # The library does look at what is switched off.
        with pytest.raises(AssertionError, match="unrecognized feature"):
            self._without(["nonsense"], built, published, tmp_path)

    def test_nor_for_which_processor_it_was_compiled(
        self, source: Path, published: Path, here: Digests, tmp_path: Path
    ) -> None:
        built = self.built(source, tmp_path / "p", "-O2", "-march=native")
        found = digests(Path(sys.executable), published, tmp_path / "out", paths=[built])
        assert only("canonical", found) == only("canonical", here)

    @staticmethod
    def _features(source: Path) -> list[str]:
        """All that the library has names for on this kind of processor."""
        family = "x86" if platform.machine() in ("x86_64", "AMD64") else "arm"
        text = (source / "libdeflate/lib" / family / "cpu_features.c").read_text()
        found = re.findall(r'\{[A-Z0-9]+_CPU_FEATURE_\w+,\s*"(\w+)"\}', text)
        assert len(found) > 4
        return found

    @staticmethod
    def _without(features: list[str], built: Path, published: Path, folder: Path) -> Digests:
        (folder / "p/sitecustomize.py").write_text("import deflate; deflate.crc32(b'looks')\n")
        return digests(
            Path(sys.executable),
            published,
            folder / "out",
            paths=[built],
            LIBDEFLATE_DISABLE_CPU_FEATURES=",".join(features),
        )
