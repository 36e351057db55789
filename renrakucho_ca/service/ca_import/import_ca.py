"""Import an existing CA: its certificates, their users and devices, and its revocations.

An import streams and skips known content, so it can be killed and run again. The CA's keys become
usable last: a CRL signed before all revocations are read would lack some of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from renrakucho_ca.errors import NotFound
from renrakucho_ca.service import store_state
from renrakucho_ca.service.ca_import import authorities
from renrakucho_ca.service.ca_import.authorities import CaFiles
from renrakucho_ca.service.ca_import.certificates import CertificateImport
from renrakucho_ca.service.ca_import.owner_record import COLUMNS
from renrakucho_ca.service.ca_import.owner_table import OwnerTable
from renrakucho_ca.service.ca_import.revocations import RevocationImport
from renrakucho_ca.service.ca_import.session import ImportSession, ImportSummary, PassedOver, Report
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.store_state import Action
from renrakucho_ca.tabular import csv_table


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """The sources of an import.

    Attributes:
        paths: folders, certificates, PEM bundles, PKCS#7, CRLs, OpenSSL indexes.
        records: the owner table (CSV).
        device: the device of certificates for which the owner table names none.
    """

    ca: CaFiles
    paths: Sequence[Path]
    records: Path | None
    device: str


def import_ca(
    home: Home, name: str, options: ImportOptions, report: Report, passed_over: PassedOver
) -> ImportSummary:
    """Import a CA with all its certificates, or the new ones since the last import.

    Args:
        name: the hierarchy's name in this home.
        report: called with each problem; none of them stops the import.
        passed_over: called with each skipped file.

    Raises:
        Invalid: a CA certificate or key is wrong; the owner table has wrong columns.
        NotFound: a path does not exist.
        Conflict: the name belongs to another CA, or the CA has another name here.
        Unavailable: wrong passphrase.
        Refused: the store was restored, or the database is older than its journal.
    """
    store_state.require(home, Action.SIGN_CA)
    _refuse_unreadable(options)
    with home.lock("import").exclusive():
        wanted = authorities.load(home, name, options.ca)
        private = authorities.load_keys(home, options.ca, wanted)
        if private:
            home.keystore.unlock()
        hierarchy = authorities.record(home, name, wanted)
        session = ImportSession(home, hierarchy, options.device, report, passed_over)
        owner_table, revocations = OwnerTable(session), RevocationImport(session)
        if options.records is not None:
            owner_table.read(options.records)
        certificates = CertificateImport(session, owner_table)
        revocations.read(certificates.read(options.paths))
        owner_table.record_unmatched()
        authorities.attach_keys(home, hierarchy, private)
    return session.summary


def _refuse_unreadable(options: ImportOptions) -> None:
    """Report a mistyped path or wrong columns before anything is recorded."""
    for path in options.paths:
        if not path.exists():
            raise NotFound("{file}: no such file or folder", file=path)
    if options.records is not None:
        next(csv_table.read(options.records, COLUMNS), None)
