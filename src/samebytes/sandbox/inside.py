"""Starts a command in a cell, and says afterwards what it left and where it wanted to go.

    inside.py [MEMORY,PROCESSES,FILE] REPORT COMMAND ...

Standard library only, for the Python of any project.
"""

import json
import os
import resource
import shutil
import signal
import sys

#: Counters of the network namespace that are 0 until somebody sends something.
_COUNTERS = {
    "snmp": ("Ip:OutNoRoutes", "Tcp:ActiveOpens", "Udp:OutDatagrams"),
    "snmp6": ("Ip6OutNoRoutes", "Udp6OutDatagrams"),
}
#: Address space is more than memory: so much more.
_SPACE = 4


def limit(memory, processes, file):
    for what, most in (
        (resource.RLIMIT_AS, memory * _SPACE),
        (resource.RLIMIT_NPROC, processes),
        (resource.RLIMIT_FSIZE, file),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))


def others():
    """The names of all processes but init and this one."""
    found = []
    for number in os.listdir("/proc"):
        if number.isdigit() and int(number) not in (1, os.getpid()):
            try:
                with open("/proc/%s/status" % number) as file:
                    lines = dict(line.split(":", 1) for line in file if ":" in line)
                if "Z" not in lines.get("State", ""):
                    found.append(lines["Name"].strip())
            except (OSError, KeyError, ValueError):
                pass
    return found


def sent():
    """What was sent, by counter."""
    found = {}
    for name, wanted in _COUNTERS.items():
        try:
            with open("/proc/net/" + name) as file:
                lines = [line.split() for line in file]
        except OSError:
            continue
        if name == "snmp6":
            values = dict(line for line in lines if len(line) == 2)
        else:
            values = {}
            for head, line in zip(lines[::2], lines[1::2]):
                values.update({head[0] + key: value for key, value in zip(head[1:], line[1:])})
        for key in wanted:
            if int(values.get(key, 0)):
                found[key] = int(values[key])
    return found


def write(path, report):
    """Write to ``path``, whatever the command has put there."""
    if os.path.lexists(path):
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(report, file)


def main():
    limits, report, *command = sys.argv[1:]
    child = os.fork()
    if child == 0:
        limit(*json.loads(limits))
        os.execvp(command[0], command)
    _, ended = os.waitpid(child, 0)
    left = others()
    try:
        os.kill(-1, signal.SIGKILL)  # all but init and this one
    except OSError:
        pass
    write(report, {"left": left[:20], "sent": sent()})
    status = os.WEXITSTATUS(ended) if os.WIFEXITED(ended) else 128 + os.WTERMSIG(ended)
    sys.exit(status)


if __name__ == "__main__":
    main()
