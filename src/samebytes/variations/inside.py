"""Starts a command in a sandbox: a script with the standard library only.

    inside.py PROCESSES FOLDER ORDER TREE ORIGINAL COMMAND ...

First it starts and ends PROCESSES processes, so that the number of the next is another one than in
the build before. If ORDER is 'forward' or 'backward', the files of ORIGINAL are copied to the empty
folder TREE such that each folder there lists them by name in that order. The command is run in
FOLDER.
"""

import os
import shutil
import sys


def start_processes(count: int) -> None:
    for _ in range(count):
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)


def lists_newest_first(folder: str) -> bool:
    """Whether the file system lists what was made last first, as one in memory does by now."""
    names = ["first", "second", "third"]
    for name in names:
        os.mkdir(os.path.join(folder, name))
    found = os.listdir(folder)
    for name in names:
        os.rmdir(os.path.join(folder, name))
    return found == names[::-1]


def copy(original: str, tree: str, backward: bool) -> None:
    """Make what is to be listed first, first; ``backward`` is by name."""
    for name in sorted(os.listdir(original), reverse=backward):
        source, target = os.path.join(original, name), os.path.join(tree, name)
        if os.path.islink(source):
            os.symlink(os.readlink(source), target)
        elif os.path.isdir(source):
            os.mkdir(target)
            copy(source, target, backward)
        else:
            shutil.copyfile(source, target)
        shutil.copystat(source, target, follow_symlinks=False)


def main() -> None:
    processes, folder, order, tree, original, *command = sys.argv[1:]
    start_processes(int(processes))
    if order in ("forward", "backward"):
        copy(original, tree, (order == "backward") is not lists_newest_first(tree))
    os.chdir(folder)
    os.execvp(command[0], command)  # noqa: S606 - what we were given to run


main()
