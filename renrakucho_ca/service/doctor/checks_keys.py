"""The keys: whether all are there, open, and belong to their certificates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from renrakucho_ca.errors import Attention, RcaError
from renrakucho_ca.model import Authority
from renrakucho_ca.service.ca import ca_keys
from renrakucho_ca.service.doctor.checks_files import readable_by_others
from renrakucho_ca.service.doctor.finding import Finding, problem, warning
from renrakucho_ca.service.home import Home
from renrakucho_ca.store.tables import ca_certificates, hierarchies


def keys(home: Home) -> Iterator[Finding]:
    """What can be told without the passphrase, and without trying the PIN of a token."""
    try:
        home.keystore.bundle_sealer()
    except RcaError as error:
        yield problem(error)
    reported: set[str] = set()
    for hierarchy in hierarchies.all_of(home.db):
        for authority in hierarchy.authorities:
            if ca_keys.is_in_token(authority):
                try:
                    ca_keys.look_for_token(home, authority)
                except RcaError as error:
                    if str(error) not in reported:  # keys in one token have one PIN
                        yield problem(error)
                    reported.add(str(error))
            elif authority.key is not None and not home.keystore.has(authority.key):
                yield problem(
                    Attention(
                        "the key of {name} is missing from ca-store/keys",
                        hint="restore a backup: without the key rca can neither issue nor revoke",
                        name=authority.name,
                    )
                )


def passphrase(home: Home, file: Path | None) -> Iterator[Finding]:
    """It opens every key, and each is the one of its certificate; so are those in tokens."""
    if file is not None:
        yield from readable_by_others(file)
    for hierarchy in hierarchies.all_of(home.db):
        for authority in hierarchy.authorities:
            if ca_keys.is_in_token(authority):
                if _is_open_to_all_commands(home, authority):
                    yield from _unverified(
                        home,
                        authority,
                        hint="list the token's keys with the PIN of that file: `pkcs11-tool "
                        "--login --list-objects`",
                    )
            elif authority.key is not None and home.keystore.has(authority.key):
                yield from _unverified(
                    home, authority, hint="check the passphrase; if it is right, restore a backup"
                )


def _is_open_to_all_commands(home: Home, authority: Authority) -> bool:
    """Whether the token is there, and its PIN in a file. It is tried as each command tries it: once
    a run, and never with the token's last try."""
    try:
        ca_keys.look_for_token(home, authority)
    except RcaError:
        return False  # `keys` tells
    return ca_keys.has_pin_file(authority)


def _unverified(home: Home, authority: Authority, hint: str) -> Iterator[Finding]:
    try:
        ca_keys.ca_key(home, authority)
    except RcaError as error:
        yield problem(
            Attention("the key of {name}: {problem}", hint=hint, name=authority.name, problem=error)
        )


def orphaned_keys(home: Home) -> Iterator[Finding]:
    """Keys that nothing in the database knows of: of runs that died, or of an older database."""
    known = {
        authority.key
        for hierarchy in hierarchies.all_of(home.db)
        for authority in hierarchy.authorities
    }
    known |= {f"{each.hierarchy}-issuing" for each in ca_certificates.requests(home.db)}
    for path in home.keystore.unlisted_keys(known):
        yield warning(
            Attention(
                "{file} is an orphaned key",
                hint="if an older database was put back, run `rca restore`; if `hierarchy "
                "create` was interrupted, delete the key",
                file=path,
            )
        )
