"""The gate: whether this store may issue, sign, publish or deliver now.

A store that was restored from a backup, or whose database is an older copy, does not know all that
it has issued, revoked and delivered. Until it does (`rca restore`), it would use a serial number
twice, deliver a bundle twice, or sign a CRL that lacks a revocation. Revoking is always possible.
"""

from __future__ import annotations

import json
from enum import Enum, auto
from pathlib import Path

from renrakucho_ca.errors import Refused, Unavailable
from renrakucho_ca.model import Authority
from renrakucho_ca.pki import certificate_scanner
from renrakucho_ca.service.home import Home
from renrakucho_ca.store import files
from renrakucho_ca.store.files.journal import JournalState
from renrakucho_ca.store.tables import recovery


class Action(Enum):
    """What a command is about to do."""

    ISSUE = auto()
    """Sign a certificate for a device."""
    SIGN_CA = auto()
    """Make, import or certify a CA."""
    PUBLISH = auto()
    """Sign CRLs and OCSP responses."""
    DELIVER = auto()
    """Give a bundle, or a link to one, to a user."""


def require(home: Home, action: Action) -> None:
    """Passes where the store may do that now.

    Raises:
        Refused: the store was restored, or its database is older than its journal.
        Unavailable: the journal cannot be read or written.
    """
    if action is Action.PUBLISH:
        # Servers need CRLs while the journal is looked for; `require_listed` is the second check.
        _require_crls_read(home)
        return
    require_reconciled(home)
    state = home.journal.state(home.db)
    if state is JournalState.BEHIND:
        state = home.journal.append_missing(home.db)
    if state is JournalState.UNREADABLE:
        raise Unavailable(
            "the journal {path} cannot be read",
            hint="run `rca restore` to see why; `rca restore --without-journal` sets it aside",
            path=home.journal.path,
        )
    if state in (JournalState.AHEAD, JournalState.DIVERGED):
        raise Refused(
            "the database is older than its journal",
            hint="run `rca restore` to replay it; `rca audit verify` names the first lost row",
        )


def require_reconciled(home: Home) -> None:
    """Passes unless the store was restored and its restore is not finished.

    Raises:
        Refused: it is not.
    """
    if home.behind.exists():
        raise Refused(
            "the restored store does not know what happened after its backup",
            hint="rca restore --journal FILE; if the journal is lost: "
            "rca restore --without-journal",
        )


def require_listed(home: Home, authority: Authority, path: Path) -> None:
    """Passes where the store knows every revocation that a CA's present CRL lists.

    Args:
        path: the CRL, with a number that the store does not know.

    Raises:
        Refused: the next CRL would lack one.
    """
    before = certificate_scanner.load_crl(files.read(path), [authority.certificate])
    listed = {serial for serial, why in before.revocations() if not why.is_hold}
    if not listed <= recovery.revoked_by(home.db, authority):
        raise Refused(
            "the database is older than {file}, which lists revocations that the next CRL would "
            "lack",
            hint="rca restore",
            file=path,
        )


def _require_crls_read(home: Home) -> None:
    try:
        found = json.loads(files.read(home.behind))
        has_crls, has_looked = bool(found["has_crls"]), bool(found["has_looked"])
    except FileNotFoundError:
        return
    except (ValueError, LookupError, TypeError, RecursionError):
        has_crls = has_looked = False
    if has_crls and has_looked:
        return
    raise Refused(
        "the restored store does not know what was revoked after its backup",
        # Where CRLs are here, the restore died, or a file stopped it, before it had read them.
        hint="rca restore"
        if has_crls
        else "rca restore --journal FILE, or --crl with each CRL that servers have; if all are "
        "lost: rca restore --without-journal",
    )
