"""Taking over a CA that exists: its certificates, whose they are, and what is revoked.

Everything streams, and what is there already is passed over, so an import can be killed at any
moment and run again. A CA's key gets into use last of all: while revocations are still being read,
nobody can sign a CRL that lacks them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from renrakucho_ca import profiles
from renrakucho_ca.errors import Conflict, Invalid, NotFound
from renrakucho_ca.model import UNKNOWN, Act, Hierarchy, Tier
from renrakucho_ca.pki import authority_certificate, imported_ca, keys, x509, x509_certificates
from renrakucho_ca.pki.signatures import signed_by
from renrakucho_ca.service import store_state
from renrakucho_ca.service.audit import recorder
from renrakucho_ca.service.ca import ca_keys
from renrakucho_ca.service.ca_import.certificates import Certificates
from renrakucho_ca.service.ca_import.owner_record import COLUMNS
from renrakucho_ca.service.ca_import.owner_table import OwnerTable
from renrakucho_ca.service.ca_import.revocations import Revocations
from renrakucho_ca.service.ca_import.session import PassedOver, Report, Run, Summary
from renrakucho_ca.service.hierarchy.creation import (
    authority_of,
    check_name,
    described,
    refuse_requested,
)
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.store_state import Action
from renrakucho_ca.store.tables import hierarchies, imports
from renrakucho_ca.store.tables.audit_log import AuditEntry
from renrakucho_ca.tabular import csv_table
from renrakucho_ca.token_uri import TokenUri


@dataclass(frozen=True, slots=True)
class CaFiles:
    """The CA's own files, as they were read.

    Attributes:
        issuing: None where the root issues, or where it is known from an import before.
        issuing_key: of the CA that issues: of the root, where that is the one.
        root_key: of the root of two tiers.
    """

    root: bytes
    issuing: bytes | None = None
    issuing_key: bytes | TokenUri | None = field(default=None, repr=False)
    issuing_key_passphrase: bytes | None = field(default=None, repr=False)
    root_key: bytes | TokenUri | None = field(default=None, repr=False)
    root_key_passphrase: bytes | None = field(default=None, repr=False)


def import_ca(
    home: Home,
    name: str,
    ca: CaFiles,
    *,
    paths: Sequence[Path] = (),
    records: Path | None = None,
    device: str | None = None,
    report: Report,
    passed_over: PassedOver = lambda file, what: None,
    progress: Callable[[int], None] = lambda _: None,
) -> Summary:
    """Takes over a CA with all that it has issued, or what is new of one taken over before.

    Args:
        name: what the hierarchy is to be called here.
        paths: folders, certificates, bundles, PKCS#7, CRLs, OpenSSL indexes.
        records: the table of whose they are.
        device: the device of those of which no record tells it.
        report: is told each problem; none of them stops the rest.
        passed_over: is told each file that was passed over.
        progress: is told how many certificates have been recorded since the last time.

    Raises:
        Invalid: a CA certificate or key is not what it should be; the table has other columns.
        NotFound: a path leads nowhere.
        Conflict: the name is another CA's, or the CA has another name here.
        Unavailable: wrong passphrase.
        Refused: the store was restored, or the database is older than its journal.
    """
    store_state.require(home, Action.SIGN_CA)
    _refuse_unreadable(paths, records)
    with home.lock("takeover").exclusive():
        wanted = _authorities(home, name, ca)
        private = _private_keys(home, ca, wanted)
        if private:
            home.keystore.unlock()
        hierarchy = _recorded(home, name, wanted)
        run = Run(home, hierarchy, device or UNKNOWN, report, passed_over)
        lines, revocations = OwnerTable(run), Revocations(run)
        if records is not None:
            lines.read(records)
        revocations.read(Certificates(run, lines, progress).read(paths))
        lines.keep_rest()
        _attach_keys(home, hierarchy, private)
    return run.summary


def _refuse_unreadable(paths: Sequence[Path], records: Path | None) -> None:
    """A slip of the pen is told before anything is recorded."""
    for path in paths:
        if not path.exists():
            raise NotFound("{file}: no such file or folder", file=path)
    if records is not None:
        next(csv_table.read(records, COLUMNS), None)


# -- the CA itself


def _authorities(home: Home, name: str, ca: CaFiles) -> list[tuple[Tier, x509.Certificate]]:
    """The CA certificates, their signatures proven."""
    check_name(name)
    refuse_requested(home, name)
    root = imported_ca.load_ca(ca.root, Tier.ROOT)
    if not signed_by(root, root):
        raise Invalid(
            "{subject} is not a root: another CA signed it",
            hint="give the root with --root, and the CA that issues with --issuing",
            subject=x509_certificates.subject_text(root),
        )
    wanted = [(Tier.ROOT, root)]
    if (
        ca.issuing is not None
        and (issuing := imported_ca.load_ca(ca.issuing, Tier.ISSUING)) != root
    ):
        if not signed_by(issuing, root):
            raise Invalid(
                "{issuer} did not issue {subject}",
                hint="give the certificate that the root itself signed. A CA of three tiers cannot "
                "be taken over: bring its people with rca user import, and issue with --batch",
                issuer=x509_certificates.subject_text(root),
                subject=x509_certificates.subject_text(issuing),
            )
        wanted.append((Tier.ISSUING, issuing))
    elif ca.issuing is None:
        # An import before has told it.
        wanted += [
            (Tier.ISSUING, authority_certificate.of(authority))
            for each in hierarchies.all_of(home.db)
            if each.name == name
            for authority in each.authorities
            if authority.tier is Tier.ISSUING
        ]
    return wanted


def _private_keys(
    home: Home, ca: CaFiles, wanted: list[tuple[Tier, x509.Certificate]]
) -> dict[Tier, keys.SigningKey]:
    """The keys that were given, each proven to be its CA's."""
    found: dict[Tier, keys.SigningKey] = {}
    for (tier, certificate), given, passphrase in (
        (wanted[0], ca.root_key, ca.root_key_passphrase),
        (wanted[-1], ca.issuing_key, ca.issuing_key_passphrase),
    ):
        if isinstance(given, TokenUri):
            found[tier] = ca_keys.opened(home, given.text)
            keys.check_pair(found[tier], certificate)
        elif given is not None:
            found[tier] = imported_ca.load_key(given, passphrase, certificate)
    return found


def _recorded(home: Home, name: str, wanted: list[tuple[Tier, x509.Certificate]]) -> Hierarchy:
    """The hierarchy of that name with these CAs: as it is, or made now, without keys."""
    found = {
        tier: x509_certificates.fingerprint_sha256(certificate) for tier, certificate in wanted
    }
    with home.db.write():
        for each in hierarchies.all_of(home.db):
            ours = {a.tier: a.fingerprint_sha256 for a in each.authorities}
            if each.name == name:
                if _lacks_issuing(each, found):
                    return _record(home, name, wanted, lacks_issuing=True)
                if not found.items() <= ours.items():
                    raise Conflict(
                        "the hierarchy {name} has other CAs already",
                        hint="of a CA that was renewed with its key, go on giving the certificate "
                        "that was given first",
                        name=name,
                    )
                return each
            if set(ours.values()) & set(found.values()):
                raise Conflict(
                    "this CA is known already, as the hierarchy {name}",
                    hint="a second CA under the same root, as after a renewal with another key, "
                    "cannot be taken over: bring its people with rca user import, and issue with "
                    "--batch",
                    name=each.name,
                )
        return _record(home, name, wanted, lacks_issuing=False)


def _record(
    home: Home, name: str, wanted: list[tuple[Tier, x509.Certificate]], *, lacks_issuing: bool
) -> Hierarchy:
    """Records the hierarchy, or the issuing CA that it lacks; the caller has begun to write."""
    made = Hierarchy(
        name=name,
        created_at=home.clock(),
        retired_at=None,
        cutoff=None,
        authorities=tuple(authority_of(name, tier, each, None) for tier, each in wanted),
    )
    days = {tier: profiles.load_ca(home.profiles, tier).crl_days for tier, _ in wanted}
    if lacks_issuing:
        hierarchies.put_authority(home.db, made.issuing, days[Tier.ISSUING])
    else:
        hierarchies.put(home.db, made, days)
    recorder.record(
        home, made.created_at, AuditEntry(Act.HIERARCHY_IMPORTED, name, described(made, days))
    )
    return hierarchies.get(home.db, name)


def _lacks_issuing(there: Hierarchy, found: dict[Tier, str]) -> bool:
    """Whether an import before was told of the root alone. Whose key is here, that root issues."""
    return (
        there.root == there.issuing
        and there.root.key is None
        and there.root.fingerprint_sha256 == found[Tier.ROOT]
        and Tier.ISSUING in found
    )


def _attach_keys(home: Home, hierarchy: Hierarchy, private: dict[Tier, keys.SigningKey]) -> None:
    for authority in hierarchy.authorities:
        key = private.get(authority.tier)
        if key is None or authority.key is not None:
            continue
        name = ca_keys.keep(home, authority.name, key, home.clock())
        facts = {"fingerprint": authority.fingerprint_sha256, "key": name}
        with home.db.write():
            imports.attach_key(home.db, authority, name)
            recorder.record(home, home.clock(), AuditEntry(Act.KEY_IMPORTED, authority.name, facts))
