"""git, as a reader of somebody's checkout and as the maker of a private clone of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from samebytes.errors import ArtifactError, UserError
from samebytes.process import Finished, Runner

#: Variables that would point git at another repository (``git rev-parse --local-env-vars``).
_LOCAL_VARIABLES = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_CONFIG",
        "GIT_CONFIG_PARAMETERS",
        "GIT_CONFIG_COUNT",
        "GIT_ATTR_SOURCE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_GRAFT_FILE",
        "GIT_INDEX_FILE",
        "GIT_NO_REPLACE_OBJECTS",
        "GIT_REPLACE_REF_BASE",
        "GIT_PREFIX",
        "GIT_SHALLOW_FILE",
        "GIT_COMMON_DIR",
        "GIT_NAMESPACE",
    }
)

#: Configuration that changes what a checkout writes (line ends, filters, hooks) stays outside, and
#: a short hash is as long in a large repository as in a small one.
NEUTRAL_CONFIGURATION = {
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_CONFIG_COUNT": "2",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_KEY_0": "core.attributesFile",
    "GIT_CONFIG_VALUE_0": os.devnull,
    "GIT_CONFIG_KEY_1": "core.abbrev",
    "GIT_CONFIG_VALUE_1": "12",
    "GIT_CONFIG_NOSYSTEM": "1",
}

_SOURCES = "Give the path of a git checkout, an sdist file, or pypi:NAME==VERSION."


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """Somebody's git checkout, which is only ever read.

    ``project`` is where the project lies below ``root``: ``Path(".")`` but in a monorepo.
    """

    root: Path
    project: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class TagObject:
    """What refs/tags/NAME names: an object of a ``type``; ``data`` is that of an annotated tag."""

    id: str
    type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Git:
    """Runs git with ``environ``, the user's own environment."""

    runner: Runner
    environ: Mapping[str, str]

    def checkout_at(self, path: Path, *, hint: str = _SOURCES) -> Checkout:
        """The checkout that contains the folder ``path``.

        Raises UserError if there is none; ``hint`` says what else could be named.
        """
        top = self._read(path, "rev-parse", "--show-toplevel")
        if top.status:
            if "dubious ownership" in top.stderr:
                full = path.resolve()
                raise UserError(
                    f"git refuses to read {full}, which belongs to another user.",
                    hint=f"If you trust it: git config --global --add safe.directory '{full}'",
                )
            raise UserError(
                f"{path} is not in a git checkout.",
                hint=hint,
            )
        root = Path(top.stdout.rstrip("\n"))
        return Checkout(root=root, project=path.resolve().relative_to(root.resolve()))

    def commit_of(self, checkout: Checkout, revision: str) -> str:
        """The full hash of the commit that a tag, branch, hash or other revision names."""
        found = self._read(
            checkout.root,
            *("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"),
        )
        if found.status == 0:
            return found.stdout.strip()
        if self.is_shallow(checkout):
            hint = "The clone is shallow: fetch the rest with 'git fetch --unshallow --tags'."
        elif revision == "HEAD":
            hint = "The repository has no commit yet: commit first."
        else:
            hint = "'git fetch --tags' may bring it; 'git tag' and 'git branch -a' list names."
        raise UserError(f"There is no revision {revision!r} in {checkout.root}.", hint=hint)

    def committer_timestamp(self, checkout: Checkout, commit: str) -> int:
        """When ``commit`` was committed, in seconds since 1970."""
        shown = self._read(
            checkout.root, "log", "-1", "--no-show-signature", "--format=%ct", commit, "--"
        )
        try:
            return int(shown.stdout)
        except ValueError:
            raise ArtifactError(
                f"git cannot read the commit {commit}.",
                hint="Check the repository with 'git fsck'.",
                detail=shown.last_lines(),
            ) from None

    def tags(self, checkout: Checkout) -> list[str]:
        """The names of all tags."""
        listed = self._read(
            checkout.root, "for-each-ref", "--format=%(refname:strip=2)", "refs/tags"
        )
        # No other end of a line: a name may have U+2028 and its like.
        return [tag for tag in listed.stdout.split("\n") if tag]

    def tag_object(self, checkout: Checkout, tag: str) -> TagObject | None:
        """What a tag is, as it stands in the repository; None where there is no such tag."""
        found = self._read(
            checkout.root, "show-ref", "--verify", "--hash", "--", f"refs/tags/{tag}"
        )
        if found.status:
            return None
        number = found.stdout.strip()
        kind = self._read(checkout.root, "cat-file", "-t", number).stdout.strip()
        is_tag = kind == "tag"
        data = self._read(checkout.root, "cat-file", "tag", number).output if is_tag else b""
        return TagObject(id=number, type=kind, data=data)

    def tagged_commit(self, checkout: Checkout, tag: str) -> str | None:
        """The full hash of the commit that refs/tags/NAME names; None where there is no such tag.

        A tag is a name here, and not what else git reads in one (v1.0~1, v1.0@{1}, v1.0^{/text}).
        """
        found = self.tag_object(checkout, tag)
        if found is None:
            return None
        commit = self._read(
            checkout.root,
            *("rev-parse", "--verify", "--quiet", "--end-of-options", f"{found.id}^{{commit}}"),
        )
        return commit.stdout.strip() or None

    def head(self, checkout: Checkout) -> str:
        """The full hash of the commit that is checked out; empty where there is none yet."""
        found = self._read(checkout.root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        return found.stdout.strip()

    def origin(self, checkout: Checkout) -> str:
        """The address of the repository that this one was cloned from; empty if there is none."""
        found = self._read(checkout.root, "config", "--get", "remote.origin.url")
        return found.stdout.strip()

    def files(self, checkout: Checkout, commit: str) -> list[str]:
        """The paths of all files of a commit."""
        listed = self._read(checkout.root, "ls-tree", "-r", "-z", "--name-only", commit)
        return [path for path in listed.stdout.split("\0") if path]

    def show(self, checkout: Checkout, commit: str, path: str) -> str:
        """What a file of a commit holds, as text."""
        return self._read(checkout.root, "cat-file", "blob", f"{commit}:{path}").stdout

    def count_uncommitted(self, checkout: Checkout) -> int:
        """How many files are modified or untracked, and so not part of any revision."""
        status = self._read(checkout.root, "status", "--porcelain", "-z", "--no-renames")
        return status.stdout.count("\0")

    def uncommitted(self, checkout: Checkout) -> frozenset[str]:
        """Paths below the checkout's root that are modified or untracked.

        Raises ArtifactError when git cannot say.
        """
        status = self._read(
            checkout.root, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all"
        )
        if status.status:
            raise ArtifactError(
                f"git cannot say what is modified in {checkout.root}.", detail=status.last_lines()
            )
        return frozenset(entry[3:] for entry in status.stdout.split("\0") if entry)

    def hide_changes(self, clone: Path, paths: Iterable[str]) -> None:
        """Have git take these tracked files of a clone for unchanged, whatever becomes of them.

        A version that is derived from the repository is then the one of the commit.
        """
        names = "".join(f"{path}\0" for path in paths)
        self._must(
            clone, "update-index", "--skip-worktree", "-z", "--stdin", stdin=os.fsencode(names)
        )

    def convert_line_ends(self, clone: Path) -> None:
        """Write the files of a clone as ``core.autocrlf=true`` has them."""
        self._must(clone, "config", "core.autocrlf", "true", neutral=True)
        self._must(clone, "read-tree", "--empty", neutral=True)
        self._must(clone, "reset", "--quiet", "--hard", neutral=True)

    def archive(self, clone: Path, path: Path) -> None:
        """Write the files of a clone's HEAD, without the repository, to the tar file ``path``."""
        command = ("-c", "tar.umask=0022", "archive", "--format=tar", "-o", os.fspath(path), "HEAD")
        self._must(clone, *command, neutral=True)

    def count_filtered(self, clone: Path) -> int:
        """How many files of a clone need a filter (Git LFS, git-crypt), which has not run."""
        files = self._read(clone, "ls-files", "-z", neutral=True).stdout
        asked = self._read(
            clone, "check-attr", "-z", "--stdin", "filter", neutral=True, stdin=os.fsencode(files)
        )
        values = asked.stdout.split("\0")[2::3]
        return len([value for value in values if value not in ("unspecified", "unset")])

    def is_shallow(self, checkout: Checkout) -> bool:
        shown = self._read(checkout.root, "rev-parse", "--is-shallow-repository")
        return shown.stdout.strip() == "true"

    def clone(self, checkout: Checkout, commit: str, destination: Path) -> None:
        """Clone ``checkout`` with its history, at ``commit`` and with its submodules.

        Objects are shared with the checkout, not copied. The clone has the tags, but no branch and
        no remote, so that a build does not see the names that one clone has and another has not.
        """
        self._must(
            None,
            *("clone", "--quiet", "--shared", "--no-checkout", "--template=", "--origin=origin"),
            *("--", os.fspath(checkout.root), os.fspath(destination)),
        )
        self._must(destination, "checkout", "--quiet", "--detach", "--force", commit, neutral=True)
        if (destination / ".gitmodules").is_file():
            url = self._read(checkout.root, "config", "--get", "remote.origin.url").stdout.strip()
            self._must(destination, "remote", "set-url", "origin", url or os.fspath(checkout.root))
            common = self._read(
                checkout.root, "rev-parse", "--path-format=absolute", "--git-common-dir"
            )
            self._clone_submodules(destination, Path(common.stdout.rstrip("\n")))
        self._must(destination, "remote", "remove", "origin")

    def extract(self, checkout: Checkout, commit: str, destination: Path) -> None:
        """Make a bare repository of a commit, its history, and the tags that are in that.

        It has objects of its own, and none of what else is in ``checkout``.
        """
        listed = self._read(
            checkout.root,
            *("for-each-ref", f"--merged={commit}", "--format=%(refname)", "refs/tags"),
        )
        wanted = [commit, *(f"{tag}:{tag}" for tag in listed.stdout.split("\n") if tag)]
        self._must(None, "init", "--quiet", "--bare", "--template=", os.fspath(destination))
        self._must(
            destination,
            *("fetch", "--quiet", "--no-tags", "--update-shallow", "--stdin"),
            *("--upload-pack", "git -c uploadpack.allowAnySHA1InWant=true upload-pack"),
            os.fspath(checkout.root.resolve()),
            stdin=os.fsencode("".join(f"{each}\n" for each in wanted)),
        )

    def _clone_submodules(self, clone: Path, original: Path) -> None:
        """Fill in submodules from those of the ``original`` git folder, else from their URLs."""
        self._must(clone, "submodule", "--quiet", "init")
        keys = self._read(
            clone, "config", "--local", "-z", "--name-only", "--get-regexp", r"^submodule\..*\.url$"
        )
        for key in filter(None, keys.stdout.split("\0")):
            name = key.removeprefix("submodule.").removesuffix(".url")
            self._clone_submodule(clone, name, original / "modules" / name)

    def _clone_submodule(self, clone: Path, name: str, original: Path) -> None:
        # Only what the user has checked out may come from this machine: not what a stranger's
        # .gitmodules says lies on it.
        local: tuple[str, ...] = ()
        if (original / "HEAD").is_file():
            self._must(clone, "config", f"submodule.{name}.url", os.fspath(original))
            local = ("-c", "protocol.file.allow=always")
        found = self._read(clone, "config", "-f", ".gitmodules", f"submodule.{name}.path")
        path = found.stdout.rstrip("\n")
        # The user's configuration says how to reach other hosts; what it makes of the files is
        # written again without it.
        self._must(
            clone,
            *(*local, "-c", "core.hooksPath=/dev/null", "submodule", "--quiet", "update"),
            *("--", path),
        )
        inner = clone / path
        self._must(inner, "read-tree", "--empty", neutral=True)
        self._must(inner, "reset", "--quiet", "--hard", neutral=True)
        if (inner / ".gitmodules").is_file():
            self._clone_submodules(inner, original)

    def _read(
        self, folder: Path | None, *arguments: str, neutral: bool = False, stdin: bytes = b""
    ) -> Finished:
        where = () if folder is None else ("-C", os.fspath(folder))
        env = {k: v for k, v in self.environ.items() if k not in _LOCAL_VARIABLES}
        env |= {"LC_ALL": "C.UTF-8", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
        # What refs/replace has in a commit's place has its name, but not its bytes.
        env["GIT_NO_REPLACE_OBJECTS"] = "1"
        if neutral:
            env |= NEUTRAL_CONFIGURATION
        return self.runner.run(["git", *where, *arguments], env=env, stdin=stdin)

    def _must(
        self, folder: Path | None, *arguments: str, neutral: bool = False, stdin: bytes = b""
    ) -> None:
        done = self._read(folder, *arguments, neutral=neutral, stdin=stdin)
        if done.status:
            raise ArtifactError(
                "git could not make a private clone of the revision.",
                hint="A partial clone (--filter) lacks objects: use a full one. A submodule must "
                "be there, or reachable. 'git fsck' checks the rest.",
                detail=done.last_lines(),
            )
