"""Checks of the CA keys: present, readable, and matching their certificates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from renrakucho_ca.errors import RcaError
from renrakucho_ca.model import Authority
from renrakucho_ca.service.ca import ca_keys
from renrakucho_ca.service.doctor.checks_files import readable_by_others
from renrakucho_ca.service.doctor.finding import Finding, new_problem, new_warning, problem_of
from renrakucho_ca.service.home import Home
from renrakucho_ca.store.tables import ca_certificates, hierarchies


def keys(home: Home) -> Iterator[Finding]:
    """Check keys as far as possible without the passphrase or a token's PIN."""
    try:
        home.keystore.bundle_sealer()
    except RcaError as error:
        yield problem_of(error)
    reported: set[str] = set()
    for authority in hierarchies.authorities(home.db):
        if ca_keys.is_in_token(authority):
            try:
                ca_keys.look_for_token(home, authority)
            except RcaError as error:
                if str(error) not in reported:  # keys in one token have one PIN
                    yield problem_of(error)
                reported.add(str(error))
        elif authority.key is not None and not home.keystore.has(authority.key):
            yield new_problem(
                "the key of {name} is missing from ca-store/keys",
                hint="restore a backup: without the key rca can neither issue nor revoke",
                name=authority.name,
            )


def passphrase(home: Home, file: Path | None) -> Iterator[Finding]:
    """Check that the passphrase opens every key, and that keys match their certificates."""
    if file is not None:
        yield from readable_by_others(file)
    for authority in hierarchies.authorities(home.db):
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
    """Return whether the token is present and its PIN is in a file.

    As in every command, a PIN is tried once a run and never as the token's last try.
    """
    try:
        ca_keys.look_for_token(home, authority)
    except RcaError:
        return False  # `keys` reports it
    return ca_keys.has_pin_file(authority)


def _unverified(home: Home, authority: Authority, hint: str) -> Iterator[Finding]:
    try:
        ca_keys.ca_key(home, authority)
    except RcaError as error:
        yield new_problem(
            "the key of {name}: {problem}", hint=hint, name=authority.name, problem=error
        )


def orphaned_keys(home: Home) -> Iterator[Finding]:
    """Report keys without a record: of interrupted runs, or newer than a replaced database."""
    known = {authority.key for authority in hierarchies.authorities(home.db)}
    known |= {f"{each.hierarchy}-issuing" for each in ca_certificates.requests(home.db)}
    for path in home.keystore.unlisted_keys(known):
        yield new_warning(
            "{file} is an orphaned key",
            hint="if an older database was put back, run `rca restore`; if `hierarchy "
            "create` was interrupted, delete the key",
            file=path,
        )
