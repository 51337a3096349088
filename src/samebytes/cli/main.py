"""The program ``samebytes``: its commands and the one place where errors become exit codes."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING

import click

from samebytes import __version__
from samebytes.cli.console import Terminal
from samebytes.cli.group import LazyGroup
from samebytes.errors import SamebytesError, UserError
from samebytes.process import STOPPING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

EXIT_OK, EXIT_FAILED = 0, 2
_INTERRUPTED = -1

#: Seconds until an interrupt that was swallowed is tried again.
_AGAIN = 0.01


def _build() -> click.Command:
    from samebytes.cli.build import build_command

    return build_command


def _check() -> click.Command:
    from samebytes.cli.check import check_command

    return check_command


def _diff() -> click.Command:
    from samebytes.cli.diff import diff_command

    return diff_command


def _migrate() -> click.Command:
    from samebytes.cli.migrate import migrate_command

    return migrate_command


def _verify() -> click.Command:
    from samebytes.cli.verify import verify_command

    return verify_command


def _audit() -> click.Command:
    from samebytes.cli.audit import audit_command

    return audit_command


def _release() -> click.Command:
    from samebytes.cli.release.group import release_group

    return release_group


def _explain() -> click.Command:
    from samebytes.cli.explain import explain_command

    return explain_command


def _completion() -> click.Command:
    from samebytes.cli.completion import completion_command

    return completion_command


_COMMANDS: Mapping[str, Callable[[], click.Command]] = {
    "build": _build,
    "check": _check,
    "diff": _diff,
    "explain": _explain,
    "migrate": _migrate,
    "verify": _verify,
    "audit": _audit,
    "release": _release,
    "completion": _completion,
}


@click.group(
    cls=LazyGroup, loaders=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="samebytes")
def program() -> None:
    """Reproducible releases for Python: build them, prove them, verify everyone else's.

    Exit codes: 0 done, 1 a finding, 2 it could not run.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and exit."""
    if not os.environ.get("SAMEBYTES_DEBUG"):
        warnings.simplefilter("ignore")  # of libraries, for their developers
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # whatever it cannot encode
    for number in (*STOPPING, signal.SIGALRM):
        signal.signal(number, _interrupt)
    sys.unraisablehook = _unraisable
    status = _run(arguments)
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    if status == _INTERRUPTED:
        # Python, on its way out, would take its own signal's number for the exit code if the
        # interrupt came while it ran code from a string, as dataclasses do.
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
        os._exit(EXIT_FAILED)
    sys.exit(status)


def _run(arguments: Sequence[str] | None) -> int:
    try:
        return program.main(arguments, prog_name="samebytes", standalone_mode=False) or EXIT_OK
    except click.ClickException as error:
        error.show()
    except SamebytesError as error:
        _say(error)
    except SystemExit:
        pass  # how click says that whoever read our output has gone
    except (click.Abort, KeyboardInterrupt):
        _say(
            UserError(
                "Interrupted.",
                hint="Nothing is left half-written: run it again when you like.",
            )
        )
        return _INTERRUPTED
    except OSError as error:
        _say(_system_error(error))
    except Exception as error:
        if os.environ.get("SAMEBYTES_DEBUG"):
            raise
        _say(
            UserError(
                f"Unexpected {type(error).__name__}: {error}.",
                hint="This is a bug of samebytes. SAMEBYTES_DEBUG=1 shows where; please report it.",
            )
        )
    return EXIT_FAILED


def _say(error: SamebytesError) -> None:
    Terminal().error(error)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)  # cleaning up is not interrupted in its turn
    raise KeyboardInterrupt


def _unraisable(found: UnraisableHookArgs) -> None:
    """An interrupt that came in a callback, whose exceptions Python ignores, comes once more."""
    if isinstance(found.exc_value, KeyboardInterrupt):
        signal.setitimer(signal.ITIMER_REAL, _AGAIN)
    else:
        sys.__unraisablehook__(found)


def _system_error(error: OSError) -> UserError:
    where = f" at {error.filename}" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UserError(
            f"The disk is full{where}.",
            hint="Make room there, in /tmp or in the cache folder, and run it again.",
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return UserError(
            f"Permission denied{where}: {error.strerror}.",
            hint="Name a folder that you may write to.",
        )
    return UserError(f"The system reports{where}: {error.strerror or error}.")
