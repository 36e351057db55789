"""The edge of the program: what goes wrong becomes one line and an exit code."""

from __future__ import annotations

import errno
import os
import sys
from typing import NoReturn

import click

from renrakucho_ca.cli.app import App
from renrakucho_ca.cli.root import root
from renrakucho_ca.console import Console
from renrakucho_ca.errors import (
    Attention,
    Conflict,
    Invalid,
    NotFound,
    RcaError,
    Refused,
    Unavailable,
)

EXIT_CODES: dict[type[RcaError], int] = {
    NotFound: 3,
    Conflict: 4,
    Invalid: 5,
    Refused: 6,
    Unavailable: 7,
    Attention: 8,
}
_A_BUG, _USAGE, _INTERRUPTED = 1, 2, 130


def run(arguments: list[str] | None = None) -> NoReturn:
    """Runs one command and ends the process with its exit code."""
    app = App()
    try:
        root.main(arguments, prog_name="rca", obj=app, standalone_mode=False)
        sys.stdout.flush()
        code = 0
    except BrokenPipeError:
        # The reader has seen enough (`rca list | head`). Python flushes once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        if os.environ.get("RCA_DEBUG") == "1":
            raise
        code = _report(app.console, error)
    except KeyboardInterrupt:
        code = _INTERRUPTED
    sys.exit(code)


def _report(console: Console, error: Exception) -> int:
    match error:
        case RcaError():
            console.error(error)
            return EXIT_CODES[type(error)]
        case click.exceptions.NoArgsIsHelpError():
            print(error.ctx.get_help() if error.ctx else "", file=sys.stderr)
            return _USAGE
        case click.ClickException():
            path = (
                error.ctx.command_path
                if isinstance(error, click.UsageError) and error.ctx
                else "rca"
            )
            console.error(
                RcaError(
                    "{problem}",
                    hint="`{command} --help` tells how",
                    problem=error.format_message(),
                    command=path,
                )
            )
            return _USAGE
        case click.Abort():
            return _INTERRUPTED
        case OSError():
            kind = _of_the_system(error)
            console.error(kind)
            return EXIT_CODES[type(kind)]
        case _:
            console.error(
                RcaError(
                    "a bug: {kind}",
                    hint="RCA_DEBUG=1 shows where; nothing half-done was kept",
                    kind=type(error).__name__,
                )
            )
            return _A_BUG


def _of_the_system(error: OSError) -> RcaError:
    """What the operating system refused: a missing file is not found, all else may work later."""
    file = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else "rca"
    if error.errno == errno.ENOENT:
        return NotFound("{file}: there is no such file or folder", file=file)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Unavailable(
            "the disk is full", hint="nothing was lost; make room and run the command again"
        )
    return Unavailable("{file}: {reason}", file=file, reason=error.strerror or "it failed")
