"""The program's edge: run one command; print any error as one line and map it to an exit code."""

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
    """Run one command and exit with its code."""
    _prepare_streams()
    # A umask that denies the owner would create locks and databases that he cannot open.
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
        # Click raises it when the reader closes the pipe (`rca list | head`).
        code = 0
    except KeyboardInterrupt:
        code = _INTERRUPTED
    _give_up_output()
    sys.exit(code)


def _flush() -> None:
    """Write buffered output while errors can still be reported."""
    try:
        sys.stdout.flush()
    except OSError as error:
        if error.errno in (errno.EPIPE, errno.EBADF):
            raise
        raise Unavailable(
            "cannot write the output: {reason}",
            hint="the command did its work; do not repeat it, check with `rca list`",
            reason=error.strerror,
        ) from error


def _trace(error: Exception) -> None:
    """Print the traceback; the one-line error still follows, for scripts."""
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
            reported = Unavailable("not enough memory")
        case ImportError(path=str(path)) if path.endswith(".so"):
            reported = Unavailable(
                "cannot load a library: {reason}",
                hint="check the free memory and the limit on open files",
                reason=error,
            )
        # Python has no class or errno for it, only this text.
        case RuntimeError(args=("can't start new thread",)):
            reported = Unavailable(
                "cannot start another thread",
                hint="check the free memory and the limit on processes",
            )
        # From sqlite3, for a column of `SELECT *` whose name has a flipped bit.
        case IndexError(args=("No item with that key",)):
            reported = Unavailable("the store is damaged", hint="restore a backup")
        case _:
            console.error(
                RcaError(
                    "internal error: {kind}",
                    hint="nothing was half done; run it again with RCA_DEBUG=1 and report the "
                    "traceback",
                    kind=type(error).__name__,
                )
            )
            return _A_BUG
    console.error(reported)
    return EXIT_CODES[type(reported)]


def _of_the_system(error: OSError) -> RcaError:
    """Map an OSError: a missing file is NotFound, everything else may work later."""
    file = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else "rca"
    if error.errno == errno.ENOENT:
        return NotFound("{file}: no such file or folder", file=file)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Unavailable(
            "the disk is full", hint="free some space and run the command again; nothing was lost"
        )
    if error.errno == errno.EIO:
        return Unavailable(
            "the disk reported an error", hint="check the system log; nothing was lost"
        )
    if error.filename is None and error.errno == errno.EBADF:
        return Unavailable("cannot write the output: it is closed")
    return Unavailable("{file}: {reason}", file=file, reason=error.strerror or "it failed")


def _prepare_streams() -> None:
    """Make printing safe in any locale, and with closed standard streams.

    A file opened later would get a closed stream's descriptor, and then our output. So the
    descriptors 0 to 2 are occupied here, 1 by a file that refuses writes.
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
    """Disable core dumps (Ctrl-\\ makes one): they would hold the passphrase and unlocked keys."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))


def _give_up_output() -> None:
    """Drop unwritten output: at exit Python would retry, complain and change the exit code."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
