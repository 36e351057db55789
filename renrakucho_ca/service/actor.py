"""Who runs rca, and from where: what the audit log says of an act at the command line."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from ipaddress import ip_address

from renrakucho_ca.errors import Invalid
from renrakucho_ca.model import Actor, clean_text

LONGEST_NAME = 64


def of_process(environ: Mapping[str, str] = os.environ) -> Actor:
    """The operating system's user; under sudo, the one who called it.

    Who can write the store can also set these variables: the log says who it was among people who
    act in good faith, and proves what was done.
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
    """The client's address, the first word of what sshd sets; `local` where it is none."""
    try:
        return str(ip_address(ssh_connection.split(" ", 1)[0]))
    except ValueError:
        return "local"
