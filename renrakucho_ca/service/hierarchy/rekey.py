"""Another passphrase: every key of the store is sealed anew under it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from renrakucho_ca.errors import Refused
from renrakucho_ca.model import Act
from renrakucho_ca.service.audit import recorder
from renrakucho_ca.service.home import Home
from renrakucho_ca.store.tables.audit_log import AuditEntry


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """What was sealed anew.

    Attributes:
        keys: how many keys of the store; 0 where a run before had done it.
        root_key: whether the file outside was.
    """

    keys: int
    root_key: bool


def rekey_passphrase(home: Home, new: Callable[[], bytes], root_key: Path | None = None) -> Rekeyed:
    """Seals all keys of the store under a new passphrase, with a fresh salt: all of them, or none.

    The file outside comes first, since it may lie on a stick that cannot be written. What a run
    that was cut off had done already is passed over.

    Args:
        new: gives the new passphrase; asked for after the present one.
        root_key: a file with the key of a root that is not kept in the store.

    Raises:
        Unavailable: the passphrase is wrong, or a key is damaged.
        Conflict: the new passphrase is the present one, or there are no keys yet.
        Refused: `root_key` lies in the store.
    """
    _ = home.db  # without a home there is nothing to lock
    # Whoever makes or imports a key holds one of these.
    with home.lock("hierarchies").exclusive(), home.lock("import").exclusive():
        successor = home.keystore.successor(new)
        of_root = False
        if root_key is not None:
            file = root_key.resolve()  # what a link names is to be replaced, not the link
            if file.is_relative_to(home.store.resolve()):
                raise Refused("{file} is in the store", file=root_key)
            of_root = home.keystore.rewrap_outside(file, successor)
        done = Rekeyed(home.keystore.rewrap(successor), of_root)
        with home.db.write():
            facts = {"keys": done.keys, "root_key": done.root_key}
            recorder.record(home, home.clock(), AuditEntry(Act.PASSPHRASE_CHANGED, "store", facts))
    return done
