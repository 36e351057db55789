"""Find the actor of a command for the audit log: the operating system's user and his address."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from ipaddress import ip_address

from renrakucho_ca.errors import Invalid
from renrakucho_ca.model import Actor
from renrakucho_ca.text import clean_text

LONGEST_NAME = 64


def of_process(environ: Mapping[str, str] = os.environ) -> Actor:
    """Return the operating system's user; under sudo, the user who called it.

    Anyone with write access to the store can forge these variables: the log identifies honest
    operators and proves what was done.
    """
    try:
        name = clean_text(environ.get("SUDO_USER", ""), what="user", longest=LONGEST_NAME)
    except Invalid:
        name = _name_of(os.getuid())
    return Actor(name, _origin(environ.get("SSH_CONNECTION", "")))


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _origin(ssh_connection: str) -> str:
    """Return the client's address, the first word of `SSH_CONNECTION`; else `local`."""
    try:
        return str(ip_address(ssh_connection.split(" ", 1)[0]))
    except ValueError:
        return "local"
