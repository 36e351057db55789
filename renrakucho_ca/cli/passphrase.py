"""Where the passphrase of the CA keys comes from: never from an argument or a variable itself."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from renrakucho_ca.errors import Unavailable
from renrakucho_ca.locale import Catalogue

LONGEST = 1024
"""Bytes. More is a file that is no passphrase."""


def find(catalogue: Catalogue, descriptor: int | None, file: Path | None, *, is_new: bool) -> bytes:
    """The first there is: descriptor, file, `$RCA_PASSPHRASE_FILE`, systemd's, the terminal.

    Args:
        is_new: it is being chosen now; a terminal is asked twice.

    Raises:
        Unavailable: there is none, it is empty, or the two that were typed differ.
    """
    if descriptor is not None:
        return _read_descriptor(descriptor)
    if file is None and (named := os.environ.get("RCA_PASSPHRASE_FILE")):
        file = Path(named)
    if file is not None:
        return read_file(file)
    # systemd.exec(5), LoadCredential=: a folder that only this service can read.
    if folder := os.environ.get("CREDENTIALS_DIRECTORY"):
        credential = Path(folder) / "rca-passphrase"
        if credential.exists():
            return read_file(credential)
    if not sys.stdin.isatty():
        raise Unavailable(
            "there is no passphrase",
            hint="name a file with --passphrase-file or RCA_PASSPHRASE_FILE",
        )
    return _ask(catalogue, is_new=is_new)


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
        with file.open("rb") as stream:
            return _checked(stream.read(LONGEST + 1))
    except OSError as error:
        raise Unavailable(
            "cannot read the passphrase from {file}: {reason}", file=file, reason=error.strerror
        ) from error


def _ask(catalogue: Catalogue, *, is_new: bool) -> bytes:
    import getpass

    typed = getpass.getpass(catalogue.say("passphrase of the CA keys: "))
    if is_new and typed != getpass.getpass(catalogue.say("the same once more: ")):
        raise Unavailable("the two passphrases differ")
    return _checked(typed.encode("utf-8", "surrogateescape"))


def _checked(content: bytes) -> bytes:
    """Without the line end that an editor adds."""
    passphrase = content.removesuffix(b"\n").removesuffix(b"\r")
    if not passphrase:
        raise Unavailable("the passphrase is empty")
    if len(passphrase) > LONGEST:
        raise Unavailable("the passphrase is longer than {longest} bytes", longest=LONGEST)
    return passphrase
