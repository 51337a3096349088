"""Starts a command in a cell, and says what it left there and where it wanted to go.

    inside.py [MEMORY,PROCESSES,FILE] COMMAND ...

It is the first process of the cell, which no other there can kill, stop or look into; and so are
the descriptors that it does not pass on. What is noted of the command is written to ``_REPORT`` at
once, in lines of JSON: nothing takes it back, and it stands when all is killed from outside.

Standard library only, for the Python of any project.
"""

import json
import os
import platform
import resource
import select
import signal
import sys
import threading
import time

#: Opened by who starts us, to append to.
_REPORT = 3
#: Counters of the network namespace that are 0 until somebody sends something.
_COUNTERS = {
    "snmp": ("Ip:OutNoRoutes", "Tcp:ActiveOpens", "Udp:OutDatagrams"),
    "snmp6": ("Ip6OutNoRoutes", "Udp6OutDatagrams"),
}
#: Address space is more than memory: so much more.
_SPACE = 4
#: Whoever starts so many more processes is ended from outside before the kernel refuses the next.
_CROWD = 2
_NICE = 5
_LOOK_SECONDS = 0.2
#: What a process has to end after that which it serves.
_GRACE_SECONDS = 0.5
_MOST, _LONGEST = 300, 500
_PR_SET_DUMPABLE = 4
#: The number of the system call keyctl, and what makes it join a new session.
_KEYCTL = {"x86_64": 250, "aarch64": 219, "riscv64": 219, "ppc64le": 271, "s390x": 280}
_KEYCTL_JOIN_SESSION_KEYRING = 1


def limit(memory, processes, file):
    for what, most in (
        (resource.RLIMIT_AS, memory * _SPACE),
        (resource.RLIMIT_NPROC, processes * _CROWD),
        (resource.RLIMIT_FSIZE, file),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))


def withdraw():
    """Be the last to be served; keep to ourselves."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # which does not reach the first process
    os.nice(_NICE)
    try:
        import ctypes

        libc = ctypes.CDLL(None)
        # Then nobody traces us, reads our memory, or opens our descriptors anew.
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        number = _KEYCTL.get(platform.machine())
        if number is not None:  # the user's own keys are in the session we come from
            libc.syscall(number, _KEYCTL_JOIN_SESSION_KEYRING, None)
    except (ImportError, OSError, AttributeError):
        pass


def others():
    """The names of all processes but this one."""
    found = []
    for number in os.listdir("/proc"):
        if number.isdigit() and int(number) != os.getpid():
            try:
                with open("/proc/%s/status" % number) as file:
                    lines = dict(line.split(":", 1) for line in file if ":" in line)
                if "Z" not in lines.get("State", ""):
                    found.append(lines["Name"].strip())
            except (OSError, KeyError, ValueError):
                pass
    return found


def lasting():
    """The names of those that do not end by themselves."""
    end = time.monotonic() + _GRACE_SECONDS
    while others() and time.monotonic() < end:
        time.sleep(0.02)
    return others()


def sent():
    """The counters of what was sent that are not 0."""
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
                yield key


class Report:
    """Each thing once, and no more than fit."""

    def __init__(self):
        self.said = set()

    def say(self, act, what):
        found = (act, what[:_LONGEST])
        if found not in self.said and len(self.said) < _MOST:
            self.said.add(found)
            try:
                os.write(_REPORT, (json.dumps(found) + "\n").encode())
            except OSError:
                pass  # a full disk

    def follow(self, notes):
        """Say what comes from ``notes``, and what is sent, until nobody is left to write."""
        rest = b""
        while True:
            for counter in sent():
                self.say("network", "the network (%s)" % counter)
            if not select.select([notes], [], [], _LOOK_SECONDS)[0]:
                continue
            chunk = os.read(notes, 65536)
            if not chunk:
                return
            *lines, rest = (rest + chunk).split(b"\n")
            rest = rest[-_LONGEST * 4 :]
            for line in lines:
                act, _, what = line.decode("utf-8", "replace").partition(" ")
                if act and what:
                    self.say(act, what)


def start(command, limits, notes):
    """The number of the process that runs ``command``."""
    child = os.fork()
    if child:
        return child
    try:
        limit(*limits)
        os.set_inheritable(notes, True)
        os.execvpe(command[0], command, dict(os.environ, SAMEBYTES_NOTES=str(notes)))
    except OSError as error:
        os.write(2, ("%s: %s\n" % (command[0], error)).encode())
    finally:
        os._exit(127)


def main():
    os.set_inheritable(_REPORT, False)
    withdraw()
    reader, writer = os.pipe()
    child = start(sys.argv[2:], json.loads(sys.argv[1]), writer)
    os.close(writer)
    report = Report()
    thread = threading.Thread(target=report.follow, args=(reader,), daemon=True)
    thread.start()
    number = None
    while number != child:
        number, ended = os.waitpid(-1, 0)
    for name in sorted(set(lasting())):
        report.say("left", name)
    try:
        os.kill(-1, signal.SIGKILL)
    except OSError:
        pass
    thread.join(_GRACE_SECONDS * 10)
    for counter in sent():
        report.say("network", "the network (%s)" % counter)
    os._exit(os.WEXITSTATUS(ended) if os.WIFEXITED(ended) else 128 + os.WTERMSIG(ended))


if __name__ == "__main__":
    main()
