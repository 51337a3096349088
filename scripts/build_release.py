#!/usr/bin/env python3
"""Build the sdist and the wheel of a release so that others get the same bytes.

    python scripts/build_release.py [REV] [--outdir DIR] [--project DIR]

wraps ``python -m build`` in a clean clone of the revision (by default HEAD), with the time of its
commit as SOURCE_DATE_EPOCH and an environment that does not vary, and prints SHA-256 digests as
sha256sum does. Needs Python 3.9 or later, git, and the package "build".

The backend must honor SOURCE_DATE_EPOCH: hatchling does, setuptools does for wheels only, unless
samebytes_core.backend wraps it. Whoever repeats the build must do so with the same version of the
backend.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FIXED_ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "PYTHONNOUSERSITE": "1",
    "TZ": "UTC",
}


def fail(message):
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(2)


def git(*arguments, folder):
    """Return what a git command prints; leave with its own message if it fails."""
    done = subprocess.run(["git", "-C", folder, *arguments], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        fail(f"'git {arguments[0]}' failed in {folder}.")
    return done.stdout.strip()


def check_clean(root):
    """Leave if anything is modified or untracked: it would be missing from the release."""
    changes = git("status", "--porcelain", folder=root)
    if changes:
        print(changes, file=sys.stderr)
        fail("the tree is dirty: commit, stash or remove these files first.")


def clone(root, commit, target):
    """Clone ``root`` at ``commit``, with its history: versions may be derived from it."""
    git("clone", "--quiet", "--no-checkout", "--no-hardlinks", root, target, folder=root)
    git("checkout", "--quiet", "--detach", commit, folder=target)


def build(tree, timestamp, target):
    """Run ``python -m build`` on ``tree``: the sdist, and the wheel from that sdist."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment.update(FIXED_ENVIRONMENT, SOURCE_DATE_EPOCH=timestamp)
    command = [sys.executable, "-m", "build", "--outdir", target, tree]
    if subprocess.run(command, env=environment, stdout=sys.stderr).returncode:
        fail("the build failed; see above.")


def publish(built, outdir):
    """Move the built files into ``outdir`` and print their digests."""
    outdir.mkdir(parents=True, exist_ok=True)
    for path in sorted(built.iterdir()):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        # Copied beside its place first, so that no half-written file ever has its name.
        part = outdir / f".{path.name}.part"
        shutil.copyfile(path, part)
        os.replace(part, outdir / path.name)
        print(f"{digest}  {path.name}")


def main():
    parser = argparse.ArgumentParser(description="Build a release that others can reproduce.")
    parser.add_argument("rev", nargs="?", default="HEAD", help="tag, branch or commit [HEAD]")
    parser.add_argument("--outdir", type=Path, default=Path("dist"), help="where to put it [dist]")
    parser.add_argument("--project", default=".", help="its folder in the repository [the root]")
    options = parser.parse_args()

    os.umask(0o022)
    root = git("rev-parse", "--show-toplevel", folder=".")
    check_clean(root)
    revision = f"{options.rev}^{{commit}}"
    commit = git("rev-parse", "--verify", "--end-of-options", revision, folder=root)
    timestamp = git("log", "-1", "--no-show-signature", "--format=%ct", commit, folder=root)
    print(f"{options.rev} is {commit}, SOURCE_DATE_EPOCH={timestamp}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="release-") as folder:
        tree, built = Path(folder, "source"), Path(folder, "built")
        clone(root, commit, tree)
        build(tree / options.project, timestamp, built)
        publish(built, options.outdir)


if __name__ == "__main__":
    main()
