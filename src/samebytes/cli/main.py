"""The program ``samebytes``: its commands and the one place where errors become exit codes."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

import click

from samebytes import __version__
from samebytes.cli.build import build_command
from samebytes.cli.completion import completion_command
from samebytes.cli.console import Terminal
from samebytes.errors import SamebytesError, UserError

EXIT_OK, EXIT_FINDING, EXIT_FAILED = 0, 1, 2


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="samebytes")
def program() -> None:
    """Reproducible releases for Python: build them, prove them, verify everyone else's.

    Exit codes: 0 done, 1 a finding, 2 it could not run.
    """


program.add_command(build_command)
program.add_command(completion_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and exit."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        status = program.main(arguments, prog_name="samebytes", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        status = EXIT_FAILED
    except SamebytesError as error:
        Terminal().error(error)
        status = EXIT_FAILED
    except (click.Abort, KeyboardInterrupt):
        _say(UserError("Interrupted: nothing was published.", hint="Run it again when you like."))
        status = EXIT_FAILED
    except SystemExit:
        # How click says that whoever read our output has gone.
        status = EXIT_FAILED
    except OSError as error:
        _say(_system_error(error))
        status = EXIT_FAILED
    except Exception as error:
        if os.environ.get("SAMEBYTES_DEBUG"):
            raise
        _say(
            UserError(
                f"Unexpected {type(error).__name__}: {error}.",
                hint="This is a bug of samebytes. SAMEBYTES_DEBUG=1 shows where; please report it.",
            )
        )
        status = EXIT_FAILED
    sys.exit(status or EXIT_OK)


def _say(error: SamebytesError) -> None:
    Terminal().error(error)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _system_error(error: OSError) -> UserError:
    where = f" at {error.filename}" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UserError(
            f"The disk is full{where}: nothing was published.",
            hint="Make room there, in /tmp or in the cache folder, and run it again.",
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return UserError(
            f"Permission denied{where}: {error.strerror}.",
            hint="Name a folder that you may write to.",
        )
    return UserError(f"The system reports{where}: {error.strerror or error}.")
