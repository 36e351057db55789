"""The edge of the program: what goes wrong becomes one line and an exit code."""

from __future__ import annotations

import errno
import os
import resource
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

import click

from renrakucho_ca.cli.app import App
from renrakucho_ca.cli.root import root
from renrakucho_ca.cli.usage import Usage, explain
from renrakucho_ca.errors import (
    Attention,
    Conflict,
    Invalid,
    NotFound,
    RcaError,
    Refused,
    Unavailable,
)

if TYPE_CHECKING:
    from renrakucho_ca.console import Console

EXIT_CODES: dict[type[RcaError], int] = {
    Usage: 2,
    NotFound: 3,
    Conflict: 4,
    Invalid: 5,
    Refused: 6,
    Unavailable: 7,
    Attention: 8,
}
_A_BUG, _INTERRUPTED = 1, 130


def run(arguments: list[str] | None = None) -> NoReturn:
    """Runs one command and ends the process with its exit code."""
    _prepare_streams()
    # A lock or a database that its owner may not open would stop the next command.
    os.umask(os.umask(0o077) & 0o077)
    _leave_no_core()
    app = App()
    try:
        root.main(arguments, prog_name="rca", obj=app, standalone_mode=False)
        _flush()
        code = 0
    except Exception as error:
        if os.environ.get("RCA_DEBUG") == "1":
            _trace(error)
        code = _report(app.console, error)
    except SystemExit:
        # Click ends so when the reader has seen enough (`rca list | head`).
        code = 0
    except KeyboardInterrupt:
        code = _INTERRUPTED
    _give_up_output()
    sys.exit(code)


def _flush() -> None:
    """What a short command says is written here, once all is done."""
    try:
        sys.stdout.flush()
    except OSError as error:
        if error.errno in (errno.EPIPE, errno.EBADF):
            raise
        raise Unavailable(
            "the output cannot be written: {reason}",
            hint="what the command was to do is done: `rca list` shows it, do not repeat it",
            reason=error.strerror,
        ) from error


def _trace(error: Exception) -> None:
    """Where it came from, before it is told as ever: whoever looks for a bug has scripts, too."""
    import traceback

    with suppress(OSError):
        traceback.print_exception(error)


def _report(console: Console, error: Exception) -> int:
    match error:
        case BrokenPipeError():
            return 0
        case click.exceptions.NoArgsIsHelpError(ctx=click.Context() as ctx):
            print(ctx.get_help(), file=sys.stderr)
            return EXIT_CODES[Usage]
        case click.Abort():
            return _INTERRUPTED
        case RcaError():
            reported = error
        case click.ClickException():
            reported = explain(error)
        case OSError():
            reported = _of_the_system(error)
        case MemoryError():
            reported = Unavailable("there is too little memory")
        case ImportError(path=str(path)) if path.endswith(".so"):
            reported = Unavailable(
                "a library cannot be loaded: {reason}",
                hint="is there too little memory, or are too many files open?",
                reason=error,
            )
        # Python tells it by these words alone.
        case RuntimeError(args=("can't start new thread",)):
            reported = Unavailable(
                "no more threads can be started",
                hint="is there too little memory, or are there too many processes?",
            )
        # As sqlite3 does of a column of `SELECT *` whose name has a flipped bit.
        case IndexError(args=("No item with that key",)):
            reported = Unavailable("the store is damaged", hint="restore a backup")
        case _:
            console.error(
                RcaError(
                    "a bug: {kind}",
                    hint="RCA_DEBUG=1 shows where; nothing half-done was kept",
                    kind=type(error).__name__,
                )
            )
            return _A_BUG
    console.error(reported)
    return EXIT_CODES[type(reported)]


def _of_the_system(error: OSError) -> RcaError:
    """What the operating system refused: a missing file is not found, all else may work later."""
    file = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else "rca"
    if error.errno == errno.ENOENT:
        return NotFound("{file}: there is no such file or folder", file=file)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Unavailable(
            "the disk is full", hint="nothing was lost; make room and run the command again"
        )
    if error.errno == errno.EIO:
        return Unavailable(
            "the disk reported an error", hint="nothing was lost; look at the system's log"
        )
    if error.filename is None and error.errno == errno.EBADF:
        return Unavailable("the output cannot be written: it is closed")
    return Unavailable("{file}: {reason}", file=file, reason=error.strerror or "it failed")


def _prepare_streams() -> None:
    """Makes writing safe: for a locale without these letters, and where a stream is closed.

    A file that is opened while a stream is closed would get its descriptor, and with it what we
    print: the places are taken here, stdout's by one that refuses to be written to.
    """
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            how = os.O_RDWR if descriptor == 2 else os.O_RDONLY
            taken = os.open(os.devnull, how)
            if taken != descriptor:
                os.dup2(taken, descriptor)
                os.close(taken)
            setattr(sys, name, os.fdopen(descriptor, mode, closefd=False))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _leave_no_core() -> None:
    """A core dump would hold the passphrase and unlocked keys; Ctrl-\\ is enough for one."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))


def _give_up_output() -> None:
    """What could not be written is dropped: Python would try once more at its end, complain, and
    end with an exit code of its own."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
