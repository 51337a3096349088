"""Starts a command in a sandbox: a script with the standard library only.

    inside.py PROCESSES PROCESSORS FOLDER ORDER TREE ORIGINAL COMMAND ...

First it starts and ends PROCESSES processes, so that the number of the next is another one than in
the build before. On more than PROCESSORS processors the command does not run. If ORDER is 'forward'
or 'backward', the files of ORIGINAL are copied to the empty folder TREE such that each folder there
lists them by name in that order. The command is run in FOLDER.
"""

import os
import sys

_PIECE = 1 << 24


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
    """Copy so that what is to be listed first is made first; ``backward`` is by name."""
    with os.scandir(original) as listing:
        entries = sorted(listing, key=lambda entry: entry.name, reverse=backward)
    for entry in entries:
        target = os.path.join(tree, entry.name)
        facts = entry.stat(follow_symlinks=False)
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), target)
        elif entry.is_dir():
            os.mkdir(target)
            copy(entry.path, target, backward)
            os.chmod(target, facts.st_mode & 0o7777)
        else:
            copy_file(entry.path, target, facts)
        os.utime(target, ns=(facts.st_atime_ns, facts.st_mtime_ns), follow_symlinks=False)


def copy_file(original: str, target: str, facts: os.stat_result) -> None:
    source = os.open(original, os.O_RDONLY)
    copied = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    while os.sendfile(copied, source, None, _PIECE):
        pass
    os.fchmod(copied, facts.st_mode & 0o7777)
    os.close(source)
    os.close(copied)


def main() -> None:
    processes, processors, folder, order, tree, original, *command = sys.argv[1:]
    start_processes(int(processes))
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(processors)])
    if order in ("forward", "backward"):
        copy(original, tree, (order == "backward") is not lists_newest_first(tree))
    os.chdir(folder)
    child = os.fork()
    if child == 0:
        os.execvp(command[0], command)  # noqa: S606 - what we were given to run
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    sys.exit(status if status >= 0 else 128 - status)


if __name__ == "__main__":
    main()
