"""What an artifact is built from: a revision of a git repository, or an sdist."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path, PurePosixPath

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version
from samebytes_core import epoch as epochs
from samebytes_core.epoch import Epoch

from samebytes.archive.unpack import SDIST_SUFFIXES, file_times, unpack_sdist
from samebytes.digest import Digest
from samebytes.errors import ArtifactError, UserError
from samebytes.git import Checkout, Git
from samebytes.index.client import Index
from samebytes.recipe import GitRevision, SdistFile, SourceId
from samebytes.versions import parse_release

PYPI_PREFIX = "pypi:"


@dataclass(frozen=True, slots=True, kw_only=True)
class GitSource:
    """A commit of somebody's checkout."""

    git: Git
    checkout: Checkout
    commit: str

    @property
    def identity(self) -> SourceId:
        return GitRevision(commit=self.commit, project=PurePosixPath(self.checkout.project))

    @property
    def key(self) -> str:
        """Hexadecimal digits that name this source and no other."""
        return Digest.of(f"{self.commit} {self.checkout.project}".encode()).hex

    def __str__(self) -> str:
        return f"{self.checkout.root} at {self.commit}"

    def alone(self, folder: Path) -> GitSource:
        """The same commit in a new repository, where nothing is but it and what it came from.

        One that has submodules stays where it is: they are taken from there.
        """
        if ".gitmodules" in self.git.files(self.checkout, self.commit):
            return self
        self.git.extract(self.checkout, self.commit, folder)
        return replace(self, checkout=replace(self.checkout, root=folder))

    def as_of(self, epoch: Epoch) -> datetime:
        """Of which moment the build requirements are resolved: of the commit."""
        return epoch.moment

    def epoch(self) -> Epoch:
        seconds = self.git.committer_timestamp(self.checkout, self.commit)
        try:
            return epochs.of_commit(seconds)
        except ValueError as error:
            raise _no_epoch(f"The commit {self.commit}", error) from None

    def warnings(self, tree: Path) -> tuple[str, ...]:
        """What the user should know about the checkout, and of what became of it in ``tree``."""
        texts = []
        if count := self.git.count_filtered(tree):
            texts.append(
                f"Filters (Git LFS, git-crypt) have not run; files that need one: {count}."
            )
        if count := self.git.count_uncommitted(self.checkout):
            files = "1 file is" if count == 1 else f"{count} files are"
            texts.append(f"The tree is dirty: {files} modified or untracked, and not built.")
        if self.git.is_shallow(self.checkout):
            texts.append(
                "The clone is shallow: a version derived from its history may be wrong. "
                "'git fetch --unshallow --tags' gets the rest."
            )
        return tuple(texts)

    def tree(self, folder: Path, mtime: int) -> Path:
        """Make the project's clean tree in ``folder``, which must not exist; returns its path.

        ``mtime`` becomes the modification time of its files, in seconds.
        """
        self.git.clone(self.checkout, self.commit, folder)
        set_times(folder, mtime)
        project = folder / self.checkout.project
        _check_project(project, str(self))
        return project


@dataclass(frozen=True, slots=True, kw_only=True)
class SdistSource:
    """An sdist file; ``uploaded`` is when it came to the index, where that is known."""

    path: Path
    digest: Digest
    uploaded: datetime | None = None

    @property
    def identity(self) -> SourceId:
        return SdistFile(filename=self.path.name, digest=self.digest)

    @property
    def key(self) -> str:
        """Hexadecimal digits that name this source and no other."""
        return self.digest.hex

    def __str__(self) -> str:
        return f"{self.path.name} with SHA-256 {self.digest}"

    def as_of(self, epoch: Epoch) -> datetime:
        """Of which moment the build requirements are resolved.

        That of the epoch, but where the backend wrote the same constant into every sdist, the
        upload's.
        """
        return self.uploaded if epoch.is_constant and self.uploaded else epoch.moment

    def epoch(self) -> Epoch:
        times = file_times(self.path)
        try:
            return epochs.of_members((time.name, time.mtime) for time in times)
        except ValueError as error:
            raise _no_epoch(self.path.name, error) from None

    def warnings(self, tree: Path) -> tuple[str, ...]:  # noqa: ARG002 - as of a checkout
        return ()

    def tree(self, folder: Path, mtime: int, *, archived: int | None = None) -> Path:
        """Make the project's clean tree in ``folder``, which must not exist; returns its path.

        ``mtime`` becomes the modification time of its files, in seconds; with ``archived``, as
        ``unpack_sdist`` has it, they have the sdist's own times and permissions.
        """
        unpack_sdist(self.path, folder, mtime=mtime, archived=archived)
        if Digest.of_file(self.path) != self.digest:
            raise UserError(f"{self.path} changed while it was read.", hint="Start again.")
        _check_project(folder, self.path.name)
        return folder


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedSource:
    """A commit with changes that nobody has committed: new contents by path, None for no file.

    Paths are below the project's folder.
    """

    base: GitSource
    changes: Mapping[str, bytes | None]

    @property
    def identity(self) -> SourceId:
        """That of the commit: what is built from it is not published."""
        return self.base.identity

    @property
    def key(self) -> str:
        """Hexadecimal digits that name this source and no other."""
        facts = [self.base.key]
        for path, data in sorted(self.changes.items()):
            facts.append(f"{path} {'-' if data is None else Digest.of(data)}")
        return Digest.of("\n".join(facts).encode(errors="surrogateescape")).hex

    def __str__(self) -> str:
        return f"{self.base} with {len(self.changes)} changes"

    def as_of(self, epoch: Epoch) -> datetime:
        return self.base.as_of(epoch)

    def epoch(self) -> Epoch:
        return self.base.epoch()

    def warnings(self, tree: Path) -> tuple[str, ...]:  # noqa: ARG002 - said of the base before
        return ()

    def tree(self, folder: Path, mtime: int) -> Path:
        """As ``GitSource.tree``, then changed; git takes it for unchanged."""
        self.base.git.clone(self.base.checkout, self.base.commit, folder)
        project = folder / self.base.checkout.project
        tracked = [path for path in self.changes if (project / path).exists()]
        for path, data in self.changes.items():
            target = inside(project, path)
            if data is None:
                target.unlink(missing_ok=True)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
        place = self.base.checkout.project
        self.base.git.hide_changes(folder, [os.fspath(place / path) for path in tracked])
        set_times(folder, mtime)
        _check_project(project, str(self))
        return project


Source = GitSource | SdistSource | ChangedSource


def inside(folder: Path, path: str) -> Path:
    """The place of ``path`` in ``folder``; raises ArtifactError where a link leads out of it."""
    place = folder / path
    if place.is_symlink() or not place.resolve().is_relative_to(folder.resolve()):
        raise ArtifactError(
            f"{path} is, or lies behind, a symbolic link.",
            hint="What is changed must be a file of the project: replace the link by one.",
        )
    return place


def find_source(text: str, revision: str | None, *, git: Git, index: Index) -> Source:
    """The source that a user names: a checkout's folder, an sdist file, or ``pypi:NAME==VERSION``.

    ``revision`` is a tag, branch, hash or other git revision; by default HEAD.

    Raises UserError when there is no such thing.
    """
    path, uploaded = Path(text), None
    if text.startswith(PYPI_PREFIX):
        published = index.sdist(*_release(text.removeprefix(PYPI_PREFIX)))
        path, uploaded = published.path, published.uploaded
    elif path.is_dir():
        checkout = git.checkout_at(path)
        commit = git.commit_of(checkout, "HEAD" if revision is None else revision)
        return GitSource(git=git, checkout=checkout, commit=commit)
    elif not path.is_file():
        raise UserError(f"There is no file or folder {text!r}.", hint=_what_was_meant(text))
    if revision is not None:
        raise UserError(
            f"--rev {revision} was given, but {text} is not a git checkout.",
            hint="Leave --rev out, or give a checkout.",
        )
    if not path.name.endswith(SDIST_SUFFIXES):
        hint = f"An sdist's name ends in {', '.join(SDIST_SUFFIXES)}."
        if path.suffix == ".whl":
            hint = "A wheel is what is built, not what it is built from. " + hint
        raise UserError(f"{text} is not an sdist.", hint=hint)
    return SdistSource(path=path, digest=Digest.of_file(path), uploaded=uploaded)


def _release(text: str) -> tuple[NormalizedName, Version]:
    try:
        requirement, version = parse_release(text)
        if requirement.extras:
            raise ValueError
        return canonicalize_name(requirement.name), version
    except ValueError:
        raise UserError(
            f"{PYPI_PREFIX}{text} does not name one release.",
            hint=f"Name and version are needed, for example {PYPI_PREFIX}django==5.2.19",
        ) from None


def _what_was_meant(text: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9][\w.-]*==\S+", text):
        return f"For a release on the index: {PYPI_PREFIX}{text}"
    return "Give the path of a git checkout, an sdist file, or pypi:NAME==VERSION."


def _no_epoch(what: str, error: ValueError) -> ArtifactError:
    return ArtifactError(
        f"{what} gives no time for the build: {error}.",
        hint=f"Set {epochs.VARIABLE} to the time it should have, in seconds since 1970.",
    )


def _check_project(folder: Path, what: str) -> None:
    names = ("pyproject.toml", "setup.py")
    if not any(os.path.isfile(folder / name) for name in names):
        raise ArtifactError(
            f"{what} has no {' and no '.join(names)}: there is nothing to build.",
            hint="Name the folder of the project itself if it lies deeper in the repository.",
        )


def set_times(tree: Path, mtime: int) -> None:
    """Give all files of a tree, but git's own, one modification time, in seconds."""
    for folder, subfolders, files in os.walk(tree):
        if ".git" in subfolders:
            subfolders.remove(".git")
        for name in files:
            os.utime(os.path.join(folder, name), (mtime, mtime), follow_symlinks=False)
