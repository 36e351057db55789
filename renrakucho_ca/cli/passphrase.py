"""Find the passphrase of the CA keys. It is never an argument or the value of a variable."""

from __future__ import annotations

import os
import select
import stat
import sys
from pathlib import Path

from renrakucho_ca.errors import Unavailable
from renrakucho_ca.locale import Catalogue

LONGEST = 1024
"""Bytes; a longer file is not a passphrase."""

WRITER_SECONDS = 2
"""Time limit for a named pipe to get a writer: a script starts both within it."""


def find(catalogue: Catalogue, descriptor: int | None, file: Path | None, *, is_new: bool) -> bytes:
    """Read it from the descriptor, file, `$RCA_PASSPHRASE_FILE`, systemd credential or terminal.

    The first given one counts.

    Args:
        is_new: a new passphrase; the terminal asks twice.

    Raises:
        Unavailable: none is given, it is empty, or the two typed ones differ.
    """
    source = given(descriptor, file)
    if source is not None:
        return _read(source)
    if not sys.stdin.isatty():
        raise Unavailable(
            "no passphrase given",
            hint="name its file with --passphrase-file or $RCA_PASSPHRASE_FILE",
        )
    import getpass

    question = catalogue.say("passphrase of the CA keys: ")
    return _ask_twice(catalogue, question) if is_new else _typed(getpass.getpass(question))


def given(descriptor: int | None, file: Path | None) -> int | Path | None:
    """Return the passphrase's descriptor or file; None if only a prompt is left."""
    if descriptor is not None or file is not None:
        return file if descriptor is None else descriptor
    if named := os.environ.get("RCA_PASSPHRASE_FILE"):
        return Path(named)
    # systemd.exec(5), LoadCredential=: a folder that only this service can read.
    if folder := os.environ.get("CREDENTIALS_DIRECTORY"):
        credential = Path(folder) / "rca-passphrase"
        if credential.exists():
            return credential
    return None


def find_new(catalogue: Catalogue, descriptor: int | None, file: Path | None) -> bytes:
    """Read the passphrase that replaces the present one. Raises as `find`."""
    source = file if descriptor is None else descriptor
    if source is not None:
        return _read(source)
    if not sys.stdin.isatty():
        raise Unavailable(
            "no new passphrase given", hint="name its file with --new-passphrase-file"
        )
    return _ask_twice(catalogue, catalogue.say("new passphrase of the CA keys: "))


def ask_pin(catalogue: Catalogue, token: str) -> str:
    """Ask for the PIN of a token whose URI has no `pin-source`.

    Raises Unavailable without a terminal or for an empty PIN.
    """
    import getpass

    from renrakucho_ca.console import printable

    if not sys.stdin.isatty():
        raise Unavailable(
            "no PIN for the token {token}",
            hint="add pin-source=FILE to the token's URI",
            token=token,
        )
    # The name comes from a URI and may contain control characters.
    typed = getpass.getpass(printable(catalogue.say("PIN of the token {token}: ", token=token)))
    if not typed:
        raise Unavailable("the PIN is empty")
    return typed


def _read(source: int | Path) -> bytes:
    return _read_descriptor(source) if isinstance(source, int) else read_file(source)


def _read_descriptor(descriptor: int) -> bytes:
    try:
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            return _checked(stream.read(LONGEST + 1))
    except OSError as error:
        raise Unavailable(
            "cannot read the passphrase from descriptor {number}: {reason}",
            number=descriptor,
            reason=error.strerror,
        ) from error


def read_file(file: Path) -> bytes:
    try:
        # A blocking open of a named pipe without a writer would never return.
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return _checked(_read_to_end(descriptor, file))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise Unavailable(
            "cannot read the passphrase from {file}: {reason}", file=file, reason=error.strerror
        ) from error


def _read_to_end(descriptor: int, file: Path) -> bytes:
    """Read to the end, or to more bytes than a passphrase may have.

    A pipe with a writer may stay silent for long: behind `<(…)` a person may be typing.
    pipe(7): a read returns nothing without a writer, EAGAIN with a silent one.
    """
    content, had_writer = b"", not stat.S_ISFIFO(os.fstat(descriptor).st_mode)
    waits = 0
    while len(content) <= LONGEST:
        try:
            piece = os.read(descriptor, LONGEST + 1)
        except BlockingIOError:
            had_writer = True
            select.select([descriptor], [], [])
            continue
        content += piece
        if piece:
            had_writer = True
        elif had_writer:
            break
        elif (waits := waits + 1) > WRITER_SECONDS * 10:
            raise Unavailable("no process writes a passphrase to {file}", file=file)
        else:
            select.select([], [], [], 0.1)
    return content


def _ask_twice(catalogue: Catalogue, question: str) -> bytes:
    import getpass

    typed = getpass.getpass(question)
    if typed != getpass.getpass(catalogue.say("repeat it: ")):
        raise Unavailable("the two passphrases differ")
    return _typed(typed)


def _typed(text: str) -> bytes:
    return _checked(text.encode("utf-8", "surrogateescape"))


def _checked(content: bytes) -> bytes:
    """Return the passphrase without the line end that editors add."""
    passphrase = content.removesuffix(b"\n").removesuffix(b"\r")
    if not passphrase:
        raise Unavailable("the passphrase is empty")
    if len(passphrase) > LONGEST:
        raise Unavailable("the passphrase is longer than {longest} bytes", longest=LONGEST)
    return passphrase
