"""The isolated environment in which a backend runs: its requirements resolved, pinned, installed.

uv resolves them as the index stood at a moment, so that the same revision gets the same releases
on any later day.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version
from uv import find_uv_bin

from samebytes.atomic import write_text
from samebytes.digest import Digest
from samebytes.errors import ArtifactError, SamebytesError, UnreachableError, UserError
from samebytes.index.settings import IndexSettings
from samebytes.interpreter import Interpreter
from samebytes.process import Finished, Runner
from samebytes.recipe import Pin
from samebytes.versions import parse_requirement
from samebytes.wire import dump_document, read_document

#: What of the user's environment uv may see; the rest could change what it resolves.
_PASSED_TO_UV = re.compile(
    r"PATH|HOME|XDG_\w+|TMPDIR|NETRC|SSL_CERT_FILE|SSL_CERT_DIR|SSL_CLIENT_CERT"
    r"|(?i:(https?|all|no)_proxy)|UV_CACHE_DIR|UV_(DEFAULT_)?INDEX(_URL|_\w+_(USERNAME|PASSWORD))?"
    r"|UV_EXTRA_INDEX_URL|UV_INSECURE_HOST|UV_KEYRING_PROVIDER|UV_SYSTEM_CERTS|UV_NATIVE_TLS"
    r"|UV_HTTP_\w+"
)
_UV_CHOOSES_INDEX = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL")

#: After this time a past state of the index has reached its mirrors, and is taken to be final.
_SETTLED = timedelta(days=1)

_COMPILE_SECONDS = 300.0

#: A file in each environment, written when all others are there.
_SEAL = "samebytes.seal"

#: Build requirements of one project.
_MOST_REQUIREMENTS = 1000
#: Characters of a requirement that a message shows.
_SHOWN = 100

#: Changes when what the cache holds does.
_LAYOUT = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolchain:
    """An installed environment; nothing writes to it any more."""

    root: Path
    pins: tuple[Pin, ...]

    @property
    def bin(self) -> Path:
        return self.root / "bin"

    @property
    def python(self) -> Path:
        return self.bin / "python"


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolshed:
    """Makes toolchains for one interpreter and keeps them in ``cache``, each under its pins.

    What a past day's index gave is kept as well: it is the same on every later day, except that a
    release which is yanked afterwards would no longer be chosen. The ``undated`` requirements (by
    their normalized names) are always those of today.
    """

    runner: Runner
    environ: Mapping[str, str]
    settings: IndexSettings
    interpreter: Interpreter
    cache: Path
    undated: frozenset[str] = frozenset()

    def resolve(self, requires: Iterable[str], as_of: datetime | None) -> tuple[Pin, ...]:
        """Pins for ``requires`` and all that they require, as the index stood at ``as_of``.

        None means the newest releases, on an index that need not know when they were uploaded.

        Raises UserError where there is no solution or no index, ArtifactError for requirements
        that are malformed or that name a file instead of a release.
        """
        wanted = sorted(_checked(text) for text in check_number(set(requires)))
        if not wanted:
            return ()
        if as_of is None or self.undated or datetime.now(UTC) - as_of < _SETTLED:
            return self._resolve(wanted, as_of)
        indexes = [text for key, text in self._environment().items() if key in _UV_CHOOSES_INDEX]
        key = self._key(wanted, as_of.isoformat(), indexes)
        kept = self.cache / "resolved" / f"{key}.json"
        with suppress(OSError, UserError):
            return tuple(Pin.from_node(pin) for pin in read_document(kept)["pins"])
        pins = self._resolve(wanted, as_of)
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_text(kept, dump_document({"pins": [pin.to_dict() for pin in pins]}))
        return pins

    def provide(self, pins: Sequence[Pin]) -> Toolchain:
        """The environment that holds exactly ``pins``, from the cache or installed now."""
        root = self.cache / "installed" / self._key([pin.to_dict() for pin in pins])
        if root.is_dir() and _read_seal(root) != _seal(root):
            # Some build wrote into it; nobody's later build shall see that.
            shutil.rmtree(root)
        if not root.is_dir():
            root.parent.mkdir(parents=True, exist_ok=True)
            staging = Path(tempfile.mkdtemp(prefix=".new-", dir=root.parent))
            try:
                self._install(pins, staging / "env")
                (staging / "env" / _SEAL).write_text(_seal(staging / "env"))
                # Where another build was quicker, its environment is as good as ours.
                with suppress(OSError):
                    os.rename(staging / "env", root)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
        return Toolchain(root=root, pins=tuple(pins))

    def install(self, artifact: Path, target: Path, beside: Iterable[Path] = ()) -> Finished:
        """Make a fresh environment at ``target``, and install an sdist or a wheel in it.

        What it requires comes from the index as it is now, and from the folders ``beside``. The
        status says whether it could be installed; raises UnreachableError when the index cannot be
        reached.
        """
        self._make_environment(target)
        folders = (os.fspath(each.resolve()) for each in beside)
        done = self._uv(
            *("pip", "install", "--python", os.fspath(target / "bin" / "python")),
            *(word for each in folders for word in ("--find-links", each)),
            *("--link-mode", "copy", os.fspath(artifact.resolve())),
        )
        if done.status and _is_network_failure(done):
            raise self._unreachable(done)
        return done

    def _resolve(self, wanted: list[str], as_of: datetime | None) -> tuple[Pin, ...]:
        done = self._uv(
            *("pip", "compile", "-", "--generate-hashes", "--no-header", "--no-annotate"),
            *("--python", os.fspath(self.interpreter.path)),
            *(self._bounds(as_of) if as_of else ()),
            *("--only-binary", ":all:"),
            stdin="\n".join(wanted).encode(),
        )
        if done.status:
            raise self._no_solution(wanted, as_of, done)
        return _read_pins(done.stdout)

    def _bounds(self, as_of: datetime) -> Iterator[str]:
        yield from ("--exclude-newer", as_of.strftime("%Y-%m-%dT%H:%M:%SZ"))
        for name in sorted(self.undated):
            yield from ("--exclude-newer-package", f"{name}=false")

    def _key(self, *facts: object) -> str:
        """Names something in the cache that depends on ``facts`` and on the interpreter."""
        everything = [
            _LAYOUT,
            os.fspath(self.interpreter.path),
            str(self.interpreter.identity),
            self.interpreter.platform,
            *facts,
        ]
        return hashlib.sha256(json.dumps(everything).encode()).hexdigest()[:32]

    def _make_environment(self, target: Path) -> None:
        python = os.fspath(self.interpreter.path)
        made = self._uv("venv", "--relocatable", "--python", python, os.fspath(target))
        if made.status:
            raise UserError(
                f"An environment for {self.interpreter} could not be made.",
                hint="Name another interpreter with --python VERSION.",
                detail=made.last_lines(),
            )

    def _install(self, pins: Sequence[Pin], target: Path) -> None:
        self._make_environment(target)
        if not pins:
            return
        lines = [f"{pin} {' '.join(f'--hash=sha256:{h}' for h in pin.hashes)}" for pin in pins]
        done = self._uv(
            *("pip", "install", "--python", os.fspath(target / "bin" / "python")),
            *("--no-deps", "--require-hashes", "--only-binary", ":all:", "--link-mode", "copy"),
            *("-r", "-"),
            stdin="\n".join(lines).encode(),
        )
        if done.status:
            raise self._not_installed(done)
        # Without site, which would run the code in the .pth files of strangers: a build may be
        # confined, and this is not.
        python = os.fspath(target / "bin" / "python")
        compiling = (python, "-I", "-S", "-m", "compileall", "-q", "-j", "0")
        self.runner.run(
            [*compiling, target / "lib"], env={"PATH": os.defpath}, timeout=_COMPILE_SECONDS
        )

    def _uv(self, *arguments: str, stdin: bytes = b"") -> Finished:
        offline = ("--offline",) if self.settings.offline else ()
        return self.runner.run(
            [find_uv_bin(), *arguments, "--no-config", "--color", "never", *offline],
            env=self._environment(),
            stdin=stdin,
        )

    def _environment(self) -> dict[str, str]:
        env = {key: text for key, text in self.environ.items() if _PASSED_TO_UV.fullmatch(key)}
        if not (self.settings.is_default or env.keys() & set(_UV_CHOOSES_INDEX)):
            # uv takes a package from the first index that has it, and asks the default one last.
            *first, last = self.settings.urls
            env["UV_INDEX"] = " ".join(first)
            env["UV_DEFAULT_INDEX"] = last
        if self.settings.certificate:
            env.setdefault("SSL_CERT_FILE", self.settings.certificate)
        if "SSL_CERT_FILE" not in env:
            env.setdefault("UV_SYSTEM_CERTS", "true")
        if self.settings.proxy:
            env.setdefault("HTTPS_PROXY", self.settings.proxy)
            env.setdefault("HTTP_PROXY", self.settings.proxy)
        return env | {"LC_ALL": "C.UTF-8", "UV_PYTHON_DOWNLOADS": "never"}

    def _no_solution(
        self, wanted: list[str], as_of: datetime | None, done: Finished
    ) -> SamebytesError:
        if _is_network_failure(done):
            return self._unreachable(done)
        requirements = ", ".join(wanted)
        moment = f"{as_of:%Y-%m-%d %H:%M:%S} UTC" if as_of else "now"
        if self.settings.offline:
            return UserError(
                f"The cache cannot answer which releases satisfy {requirements}.",
                hint="Run it once without --offline.",
                detail=done.last_lines(),
            )
        if "missing an upload" in done.stderr:
            hint = (
                "The index does not say when its files were uploaded; --as-of now takes the "
                "newest releases instead."
            )
        elif "exclude-newer" in done.stderr:
            hint = (
                "They did not exist yet at that time: name a later day with --as-of DATE, or take "
                "the newest releases with --as-of now."
            )
        else:
            hint = (
                "Only wheels are considered. Check build-system.requires in pyproject.toml, or "
                "try another day with --as-of DATE, or another Python with --python VERSION."
            )
        return UserError(
            f"The build requirements {requirements} have no solution as of {moment}.",
            hint=hint,
            detail=done.last_lines(),
        )

    def _not_installed(self, done: Finished) -> SamebytesError:
        if "ash mismatch" in done.stderr:
            return ArtifactError(
                "A build requirement does not have the hash that it was pinned with.",
                hint="Do not trust this index; try again, or use another.",
                detail=done.last_lines(),
            )
        if _is_network_failure(done):
            return self._unreachable(done)
        return UserError(
            "The build requirements could not be installed.",
            hint="Run it once without --offline."
            if self.settings.offline
            else "With --buildinfo, its releases must still be on the index, for this platform.",
            detail=done.last_lines(),
        )

    def _unreachable(self, done: Finished) -> UserError:
        return UnreachableError(
            "The package index cannot be reached to get what is required.",
            hint="Check the network and pip's index, proxy and certificate settings; --offline "
            "uses what is in the cache.",
            detail=done.last_lines(),
        )


def _seal(root: Path) -> str:
    """A digest of the names, sizes and times of all files of an environment."""
    facts = []
    for folder, subfolders, files in os.walk(root):
        subfolders.sort()
        for name in sorted(files):
            found = os.lstat(os.path.join(folder, name))
            if name != _SEAL:
                place = os.path.relpath(folder, root)
                facts.append(f"{place}/{name} {found.st_size} {found.st_mtime_ns}")
    return hashlib.sha256("\n".join(facts).encode(errors="surrogateescape")).hexdigest()


def _read_seal(root: Path) -> str:
    with suppress(OSError, UnicodeError):
        return (root / _SEAL).read_text()
    return ""


def _is_network_failure(done: Finished) -> bool:
    return any(sign in done.stderr for sign in ("error sending request", "Failed to fetch"))


def check_number(requires: set[str]) -> set[str]:
    """The same requirements; raises ArtifactError if there are more than any project has."""
    if len(requires) > _MOST_REQUIREMENTS:
        raise ArtifactError(
            f"There are {len(requires):,} build requirements; at most {_MOST_REQUIREMENTS:,} are "
            "resolved."
        )
    return requires


def _checked(text: str) -> str:
    """A build requirement in its normal spelling; only releases can be pinned by their hashes.

    uv reads one a line, where it takes options as well, and a name such as ``a.whl`` for a file:
    what a stranger writes must be a name and stay on its line, even if a marker has a line's end.
    """
    shown = repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
    try:
        requirement = parse_requirement(text)
        if not str(requirement).isprintable():
            raise ValueError("it holds what is no printable character")
    except ValueError as error:
        raise ArtifactError(
            f"The build requirement {shown} is malformed.",
            hint="Correct build-system.requires in pyproject.toml (PEP 508).",
            detail=str(error) if text.isprintable() else "",
        ) from None
    if requirement.url:
        raise ArtifactError(
            f"The build requirement {shown} names a file instead of a release, and what is "
            "there today may be gone or changed tomorrow.",
            hint="Require a release: NAME==VERSION.",
        )
    requirement.name = canonicalize_name(requirement.name)
    return str(requirement)


def _read_pins(text: str) -> tuple[Pin, ...]:
    """Pins from the requirements file that uv writes: a line, then one for each hash."""
    pins = []
    for entry in text.replace("\\\n", " ").splitlines():
        fields = entry.partition(" #")[0].split()
        if not fields:
            continue
        name, _, version = entry.split(";")[0].split()[0].partition("==")
        hashes = [field.removeprefix("--hash=sha256:") for field in fields if "--hash" in field]
        pins.append(
            Pin(
                name=canonicalize_name(name),
                version=Version(version),
                hashes=tuple(sorted(Digest(digest) for digest in hashes)),
            )
        )
    return tuple(pins)
