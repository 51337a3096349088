"""A build backend's hooks (PEP 517), called in a fixed environment: tree + recipe → artifact."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal

import pyproject_hooks
from build import BuildBackendException, BuildException, ProjectBuilder
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)
from samebytes_core.epoch import VARIABLE

from samebytes.errors import ArtifactError, SamebytesError
from samebytes.git import NEUTRAL_CONFIGURATION
from samebytes.guard import remove_folder
from samebytes.process import UMASK, Finished, Runner, Watch
from samebytes.recipe import FILENAME
from samebytes.toml import check_keys
from samebytes.toolchain import Toolchain, check_number
from samebytes.workspace import Room

Distribution = Literal["sdist", "wheel"]

#: Where hooks answer (pyproject-hooks), and the most bytes of that.
_ANSWER, _LARGEST_ANSWER = "output.json", 1024**2

_LARGEST_PYPROJECT = 4 * 1024**2

#: Characters of a backend's own words in a message.
_LONGEST = 500

#: The part of the environment that is the same in every build, and stands in its recipe.
FIXED_ENVIRONMENT: Mapping[str, str] = {
    "LC_ALL": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONNOUSERSITE": "1",
    "TZ": "UTC",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """In what a hook runs: by default in what every build runs.

    ``environment`` wins over what a room gives; ``wrapped`` makes the command that is run of the
    hook's own; ``watch`` and ``printed`` (bytes) bound it, as ``Runner.run`` has them.
    """

    environment: Mapping[str, str] = field(default_factory=lambda: FIXED_ENVIRONMENT)
    umask: int = UMASK
    wrapped: Callable[[Sequence[str]], Sequence[str]] = list
    watch: Watch | None = None
    printed: int | None = None


#: Gives those of a hook in a room, which is told its arguments, and answers, in a folder; what is
#: no hook has none.
Around = Callable[[Room, Path | None], Surroundings]


def build_system_requires(tree: Path) -> set[str]:
    """``build-system.requires`` of the project in ``tree``, or setuptools where it has none."""
    with _backend_errors("reading pyproject.toml"):
        _check_pyproject(tree)
        return check_number(ProjectBuilder(tree).build_system_requires)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """The project's backend, installed in ``toolchain``.

    ``path`` is the search path for programs, ``timeout`` the seconds that one hook may take.
    ``surroundings`` are the same for all hooks, or made for each: of those that are confined.
    """

    runner: Runner
    toolchain: Toolchain
    path: str
    config_settings: Mapping[str, Sequence[str]]
    timeout: float
    surroundings: Surroundings | Around = field(default_factory=Surroundings)

    def extra_requires(
        self, room: Room, tree: Path, distribution: Distribution, epoch: int | None
    ) -> set[str]:
        """What the backend asks for besides ``build-system.requires``."""
        hook = f"get_requires_for_build_{distribution}"
        with _backend_errors(hook):
            project = self._project(room, tree, distribution, epoch, {})
            requires = project.get_requires_for_build(distribution, self._settings())
            if not all(isinstance(requirement, str) for requirement in requires):
                raise TypeError("not a list of strings")
            return check_number(requires)

    def build(
        self,
        room: Room,
        tree: Path,
        distribution: Distribution,
        epoch: int | None,
        added: Mapping[str, str] | None = None,
    ) -> Path:
        """Build into ``room.out`` and return the file; ``added`` is more of the environment.

        Without ``epoch`` (seconds) the hook is told none.

        Raises ArtifactError when the backend fails, or gives something that is no such artifact.
        """
        with _backend_errors(f"build_{distribution}"):
            project = self._project(room, tree, distribution, epoch, added or {})
            built = project.build(distribution, room.out, self._settings())
        return _checked(Path(built), room.out, distribution)

    def _project(
        self,
        room: Room,
        tree: Path,
        distribution: Distribution,
        epoch: int | None,
        added: Mapping[str, str],
    ) -> ProjectBuilder:
        # Again: a hook may have written it anew.
        _check_pyproject(tree, None if self._is_open else room)

        def call(
            cmd: Sequence[str],
            cwd: str | None = None,
            extra_environ: Mapping[str, str] | None = None,
        ) -> None:
            calls = Path(cmd[-1])
            around = self._around(room, calls)
            environment = _joined(self._environment(room, epoch, around), added)
            with _only_answer(calls):
                done = self.runner.run(
                    around.wrapped(cmd),
                    cwd=None if cwd is None else Path(cwd),
                    env=environment | dict(extra_environ or {}),
                    merge=True,
                    timeout=self.timeout,
                    umask=around.umask,
                    name=f"The build backend ({distribution})",
                    watch=around.watch,
                    printed=around.printed,
                )
                if done.status:
                    raise ArtifactError(
                        f"The build backend failed to build the {distribution}.",
                        hint="These are its last lines; --verbose shows all of them.",
                        detail=done.last_lines(),
                    )

        return ProjectBuilder(tree, os.fspath(self.toolchain.python), call)

    def run(
        self,
        room: Room,
        arguments: Sequence[str | Path],
        *,
        cwd: Path,
        epoch: int | None,
        merge: bool = False,
    ) -> Finished:
        """Run the toolchain's Python as a hook would run; raises as ``Runner.run`` does."""
        command = [os.fspath(each) for each in (self.toolchain.python, *arguments)]
        around = self._around(room, None)
        return self.runner.run(
            around.wrapped(command),
            cwd=cwd,
            env=self._environment(room, epoch, around),
            timeout=self.timeout,
            umask=around.umask,
            merge=merge,
            watch=around.watch,
            printed=around.printed,
        )

    def build_by_flit(self, room: Room, tree: Path, epoch: int | None) -> Path:
        """The sdist that ``flit build`` gives, which packs what git tracks, as its hook does not.

        Raises as ``build`` does.
        """
        with _backend_errors("flit build"):
            command = ("-m", "flit", "build", "--format", "sdist")
            done = self.run(room, command, cwd=tree, epoch=epoch, merge=True)
            if done.status:
                raise ArtifactError("flit failed to build the sdist.", detail=done.last_lines())
            built = [*islice((tree / "dist").glob("*.tar.gz"), 2)]
            if len(built) != 1:
                raise ValueError("there is not one sdist in its folder")
        return _checked(built[0], tree / "dist", "sdist")

    @property
    def _is_open(self) -> bool:
        return isinstance(self.surroundings, Surroundings)

    def _around(self, room: Room, calls: Path | None) -> Surroundings:
        found = self.surroundings
        return found if isinstance(found, Surroundings) else found(room, calls)

    def _environment(self, room: Room, epoch: int | None, around: Surroundings) -> dict[str, str]:
        return {
            **NEUTRAL_CONFIGURATION,
            # An unpacked sdist is in no repository, whatever lies above the workspace.
            "GIT_CEILING_DIRECTORIES": os.fspath(room.root),
            "HOME": os.fspath(room.home),
            "PATH": os.pathsep.join([os.fspath(self.toolchain.bin), self.path]),
            "TMPDIR": os.fspath(room.tmp),
            **({} if epoch is None else {VARIABLE: str(epoch)}),
            **around.environment,
        }

    def _settings(self) -> dict[str, str | Sequence[str]]:
        return {
            key: values[0] if len(values) == 1 else list(values)
            for key, values in self.config_settings.items()
        }


@contextmanager
def _backend_errors(hook: str) -> Iterator[None]:
    try:
        yield
    except BuildBackendException as error:
        if isinstance(error.exception, SamebytesError):
            raise error.exception from None
        if isinstance(error.exception, pyproject_hooks.BackendUnavailable):
            raise ArtifactError(
                "The build backend that pyproject.toml names is not in its build requirements.",
                hint="Check build-system.requires and build-system.build-backend.",
                detail=str(error.exception.traceback or "").strip(),
            ) from None
        raise ArtifactError(
            f"The build backend failed in {hook}: {_cut(repr(error.exception))}.",
            hint="Check that build-system.requires admits a working release of the backend.",
        ) from None
    except (TypeError, ValueError, LookupError, AttributeError, RecursionError) as error:
        raise ArtifactError(
            f"The build backend gave an answer to {hook} that PEP 517 does not allow: "
            f"{_cut(str(error))}.",
            hint="Report it to the backend.",
        ) from None
    except BuildException as error:
        raise ArtifactError(
            f"The project cannot be built: {_cut(str(error).rstrip('.'))}.",
            hint="Correct its pyproject.toml (PEP 517, PEP 518).",
        ) from None


def _joined(environment: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """Both; where each has Python look for modules, it looks in all of these places."""
    paths = [each["PYTHONPATH"] for each in (environment, added) if "PYTHONPATH" in each]
    python = {"PYTHONPATH": os.pathsep.join(paths)} if paths else {}
    return {**environment, **added, **python}


def _check_pyproject(tree: Path, room: Room | None = None) -> None:
    """Raise BuildException for what would take very long to read, and that here, not in a hook.

    Whoever is confined to a ``room`` has us read no file that lies elsewhere.
    """
    path = tree / "pyproject.toml"
    if os.path.lexists(path):
        is_ours = room is None or path.resolve().is_relative_to(room.tree.resolve())
        if not (is_ours and path.is_file() and path.stat().st_size <= _LARGEST_PYPROJECT):
            raise BuildException("Its pyproject.toml is no file of the project, or too large")
    with suppress(OSError, UnicodeError):
        text = path.read_text("utf-8")
        try:
            check_keys(text)
        except ValueError as error:
            raise BuildException(f"In pyproject.toml {error}") from None


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


@contextmanager
def _only_answer(folder: Path) -> Iterator[None]:
    """Have in ``folder``, afterwards, nothing but the hook's answer, in a file of our own.

    What pyproject-hooks then reads, and removes, was in the hands of a stranger: there may be a
    link, a pipe that nobody writes to, or what cannot be removed.
    """
    try:
        yield
        answer = _answer(folder)
    finally:
        if not os.access(folder.parent, os.W_OK | os.X_OK):
            os.chmod(folder.parent, 0o700)  # as the hook had it, too, if it is not ours alone
        if folder.is_symlink() or folder.is_file():
            folder.unlink()
        remove_folder(folder)
        folder.mkdir(mode=0o700)
    (folder / _ANSWER).write_bytes(answer)


def _answer(folder: Path) -> bytes:
    try:
        if folder.is_symlink():
            raise ValueError("its folder was replaced by a link")
        handle = os.open(folder / _ANSWER, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(handle, "rb") as file:
            facts = os.fstat(handle)
            if not stat.S_ISREG(facts.st_mode) or facts.st_size > _LARGEST_ANSWER:
                raise ValueError("it is no file, or too large")
            return file.read(_LARGEST_ANSWER)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ArtifactError(
            f"The build backend gave no answer that could be read: {reason}.",
            hint="Report it to the backend.",
        ) from None


def _checked(path: Path, out: Path, distribution: Distribution) -> Path:
    """The path, if it is a regular file in ``out`` with the name of such an artifact."""
    try:
        if not FILENAME.fullmatch(path.name):
            raise ValueError("it has letters that no artifact's name has")
        if path.parent != out or not _is_file(path):
            raise ValueError("it is no file in the folder that the backend was given")
        if distribution == "wheel":
            parse_wheel_filename(path.name)
        else:
            parse_sdist_filename(path.name)
            if not path.name.endswith(".tar.gz"):
                raise ValueError("an sdist's name ends in .tar.gz (PEP 517)")
    except (ValueError, OSError, InvalidWheelFilename, InvalidSdistFilename) as error:
        raise ArtifactError(
            f"The build backend says that {_cut(repr(path.name))} is the {distribution}: "
            f"{_cut(str(error))}.",
            hint="Report it to the backend.",
        ) from None
    return path


def _is_file(path: Path) -> bool:
    """Whether it is a file, and really where it says."""
    return path.is_file() and not path.is_symlink() and not path.parent.is_symlink()
