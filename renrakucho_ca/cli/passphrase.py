"""Where the passphrase of the CA keys comes from: never from an argument or a variable itself."""

from __future__ import annotations

import os
import select
import stat
import sys
from pathlib import Path

from renrakucho_ca.errors import Unavailable
from renrakucho_ca.locale import Catalogue

LONGEST = 1024
"""Bytes. More is a file that is no passphrase."""

WRITER_SECONDS = 2
"""How long a named pipe may be without a writer: whoever starts both has started both by then."""


def find(catalogue: Catalogue, descriptor: int | None, file: Path | None, *, is_new: bool) -> bytes:
    """The first there is: descriptor, file, `$RCA_PASSPHRASE_FILE`, systemd's, the terminal.

    Args:
        is_new: it is being chosen now; a terminal is asked twice.

    Raises:
        Unavailable: there is none, it is empty, or the two that were typed differ.
    """
    source = given(descriptor, file)
    if isinstance(source, int):
        return _read_descriptor(source)
    if source is not None:
        return read_file(source)
    if not sys.stdin.isatty():
        raise Unavailable(
            "there is no passphrase",
            hint="name a file with --passphrase-file or RCA_PASSPHRASE_FILE",
        )
    return _ask(catalogue, is_new=is_new)


def given(descriptor: int | None, file: Path | None) -> int | Path | None:
    """Where the passphrase is to be had without asking anybody; None where it is nowhere."""
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
    """The passphrase that is to replace the present one: descriptor, file, or the terminal, twice.

    Raises:
        As `find`.
    """
    if descriptor is not None:
        return _read_descriptor(descriptor)
    if file is not None:
        return read_file(file)
    if not sys.stdin.isatty():
        raise Unavailable(
            "there is no new passphrase", hint="name a file with --new-passphrase-file"
        )
    return _ask_twice(catalogue, catalogue.say("the new passphrase of the CA keys: "))


def ask_pin(catalogue: Catalogue, token: str) -> str:
    """The PIN of a token whose URI names no file that holds it.

    Raises:
        Unavailable: there is no terminal, or nothing was typed.
    """
    import getpass

    from renrakucho_ca.console import printable

    if not sys.stdin.isatty():
        raise Unavailable(
            "there is no PIN for the token {token}",
            hint="name the file that holds it in the URI, with pin-source=",
            token=token,
        )
    # The name is of a URI, and may have anything in it.
    typed = getpass.getpass(printable(catalogue.say("PIN of the token {token}: ", token=token)))
    if not typed:
        raise Unavailable("the PIN is empty")
    return typed


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
        # To open a named pipe into which nobody writes would wait for ever.
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
    """All that there is, or more than a passphrase may have.

    A pipe with a writer is waited for: behind `<(…)` a person may be typing yet another passphrase.
    pipe(7): without a writer a read gives nothing at once, with a silent one EAGAIN.
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
            raise Unavailable("nobody writes a passphrase into {file}", file=file)
        else:
            select.select([], [], [], 0.1)
    return content


def _ask(catalogue: Catalogue, *, is_new: bool) -> bytes:
    import getpass

    question = catalogue.say("passphrase of the CA keys: ")
    return _ask_twice(catalogue, question) if is_new else _typed(getpass.getpass(question))


def _ask_twice(catalogue: Catalogue, question: str) -> bytes:
    import getpass

    typed = getpass.getpass(question)
    if typed != getpass.getpass(catalogue.say("the same once more: ")):
        raise Unavailable("the two passphrases differ")
    return _typed(typed)


def _typed(text: str) -> bytes:
    return _checked(text.encode("utf-8", "surrogateescape"))


def _checked(content: bytes) -> bytes:
    """Without the line end that an editor adds."""
    passphrase = content.removesuffix(b"\n").removesuffix(b"\r")
    if not passphrase:
        raise Unavailable("the passphrase is empty")
    if len(passphrase) > LONGEST:
        raise Unavailable("the passphrase is longer than {longest} bytes", longest=LONGEST)
    return passphrase
