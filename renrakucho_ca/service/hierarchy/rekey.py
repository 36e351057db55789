"""Change the passphrase of every key in the store."""

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
    """The numbers of keys sealed again.

    Attributes:
        keys: keys of the store; 0 if an earlier run did it.
        root_key: whether the file outside was sealed again.
    """

    keys: int
    root_key: bool


def rekey_passphrase(home: Home, new: Callable[[], bytes], root_key: Path | None = None) -> Rekeyed:
    """Seal all keys of the store under a new passphrase with a fresh salt: all or none.

    The outside file comes first: its medium may be read-only. A run continues an interrupted one.

    Args:
        new: returns the new passphrase; called after the present one is asked for.
        root_key: a file with the key of a root outside the store.

    Raises:
        Unavailable: the passphrase is wrong, or a key is damaged.
        Conflict: the new passphrase is the present one, or there are no keys yet.
        Refused: `root_key` is in the store.
    """
    _ = home.db  # without a home there is nothing to lock
    # Every command that creates or imports a key holds one of these locks.
    with home.lock("hierarchies").exclusive(), home.lock("import").exclusive():
        successor = home.keystore.successor(new)
        of_root = False
        if root_key is not None:
            file = root_key.resolve()  # replace the target of a link, not the link
            if file.is_relative_to(home.store.resolve()):
                raise Refused("{file} is in the store", file=root_key)
            of_root = home.keystore.rewrap_outside(file, successor)
        done = Rekeyed(home.keystore.rewrap(successor), of_root)
        with home.db.write():
            facts = {"keys": done.keys, "root_key": done.root_key}
            recorder.record(home, home.clock(), AuditEntry(Act.PASSPHRASE_CHANGED, "store", facts))
    return done
