"""The one download at the command line: export a bundle once and destroy it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from renrakucho_ca.bundle import mobileconfig
from renrakucho_ca.errors import Conflict, Unavailable
from renrakucho_ca.model import Act, Certificate, Container, RetrievalNumber, Status
from renrakucho_ca.pki import keys, x509_certificates
from renrakucho_ca.service import store_state
from renrakucho_ca.service.audit import recorder
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.outcome import Outcome, each
from renrakucho_ca.service.store_state import Action
from renrakucho_ca.store import files
from renrakucho_ca.store.tables import certificates, hierarchies
from renrakucho_ca.store.tables.audit_log import AuditEntry
from renrakucho_ca.store.tables.certificates import SealedBundle


@dataclass(frozen=True, slots=True)
class Download:
    """A user's file; its name is the number and a suffix, never a personal name."""

    name: str
    content: bytes


_LEFT = re.compile(r"\.[0-9]{8}\.(p12|mobileconfig|pem)\.tmp")
"""A temporary file of an interrupted `files.write`: part of a bundle."""


def prepare(home: Home, out: Path) -> None:
    """Create the folder for exports and delete an interrupted run's remains.

    Call once per command, before it issues for that folder. Raises Conflict if it is a file.
    """
    files.make_folder(out)
    left = [path for path in out.iterdir() if _LEFT.fullmatch(path.name)]
    if left:
        # Exports are written inside write transactions, so no other export is running here.
        with home.db.write():
            for path in left:
                path.unlink(missing_ok=True)


def export(
    home: Home, numbers: Sequence[RetrievalNumber], out: Path
) -> tuple[list[Outcome], dict[RetrievalNumber, Path]]:
    """Export bundles to a folder, each one time only; return the outcomes and the written files.

    Errors in the outcomes: NotFound; Conflict if it is downloaded, held, revoked or expired;
    Unavailable if the file cannot be written (it can be exported again).

    Raises:
        Refused: the store was restored; bundles may have been handed out since its backup.
    """
    store_state.require(home, Action.DELIVER)
    files.make_folder(out)
    now = home.clock()
    written: dict[RetrievalNumber, Path] = {}

    def one(number: RetrievalNumber) -> Certificate:
        with home.db.write():
            download = _claim(home, number, now)
            # Written before the commit: if writing fails, the claim is rolled back; if the commit
            # fails, the same number gives the same file again.
            try:
                files.write(out / download.name, download.content)
            except OSError as error:
                raise Unavailable(
                    "cannot write {file}: {reason}",
                    hint="{number} can still be exported",
                    file=out / download.name,
                    reason=error.strerror,
                    number=number,
                ) from error
            exported = certificates.get(home.db, number)
        written[number] = out / download.name
        return exported

    return each(numbers, one), written


def _claim(home: Home, number: RetrievalNumber, now: datetime) -> Download:
    certificate = certificates.get(home.db, number)
    bundle = certificates.bundle(home.db, number)
    if bundle is None or not certificates.claim(home.db, number, now):
        raise _why_not(certificate, certificate.status(now))
    recorder.record(home, now, AuditEntry(Act.DOWNLOADED, number))
    return open_bundle(home, certificate, bundle)


def open_bundle(home: Home, certificate: Certificate, bundle: SealedBundle) -> Download:
    """Open a sealed bundle and build the file for the device."""
    sealer = home.keystore.bundle_sealer()
    content = sealer.open(bundle.sealed, f"bundle {certificate.number}")
    if bundle.container is Container.MOBILECONFIG:
        content = _mobileconfig(home, certificate, content)
    return Download(f"{certificate.number}{bundle.container.suffix}", content)


def reveal(home: Home, number: RetrievalNumber) -> str:
    """Return the retrieval password and record that. Raises as `unseal_password`."""
    password = unseal_password(home, number)
    record_revealed(home, [number])
    return password


def record_revealed(home: Home, numbers: Iterable[RetrievalNumber]) -> None:
    """Record that these passwords are about to be shown."""
    with home.db.write():
        acts = [AuditEntry(Act.REVEALED, number) for number in numbers]
        recorder.record(home, home.clock(), *acts)


def unseal_password(home: Home, number: RetrievalNumber) -> str:
    """Return the retrieval password while it is usable.

    Callers that show it record that first (`record_revealed`).

    Raises:
        NotFound. Conflict: downloaded, revoked or expired; the password is destroyed.
        Unavailable: wrong passphrase.
    """
    certificate = certificates.get(home.db, number)
    bundle = certificates.bundle(home.db, number)
    status = certificate.status(home.clock())
    if bundle is None or status is not Status.ISSUED:
        raise _why_not(certificate, status)
    sealer = home.keystore.password_sealer()
    return sealer.open(bundle.sealed_password, f"password {number}").decode()


def _why_not(certificate: Certificate, status: Status) -> Conflict:
    number = certificate.number
    match status:
        case Status.HELD:
            return Conflict(
                "{number} is held", hint="run `rca release {number}` first", number=number
            )
        case Status.REVOKED:
            return Conflict("{number} is revoked: its bundle is destroyed", number=number)
        case Status.EXPIRED:
            return Conflict("{number} has expired", number=number)
        case Status.DOWNLOADED:
            return Conflict(
                "{number} is already downloaded",
                hint="a bundle can be downloaded once; issue another: `rca issue --device "
                "{device} --user {user}`",
                number=number,
                device=certificate.device,
                user=certificate.user.id,
            )
        case Status.ISSUED:
            return Conflict(
                "{number} has no bundle to download",
                hint="export the successor: `rca export {successor} --out DIR`"
                if certificate.superseded_by
                else None,
                number=number,
                successor=certificate.superseded_by,
            )


def _mobileconfig(home: Home, certificate: Certificate, p12: bytes) -> bytes:
    settings = home.settings
    hierarchy = hierarchies.get(home.db, certificate.hierarchy)
    root, issuing = hierarchy.root.certificate, hierarchy.issuing.certificate
    network = certificate.user.network or settings.network
    profile = mobileconfig.make(
        mobileconfig.Contents(
            identifier_prefix=settings.mobileconfig.identifier,
            hierarchy=hierarchy.name,
            user=certificate.user.id,
            line=certificates.line_of(home.db, certificate.number),
            network=network,
            organization=settings.organization,
            description=f"{network}: {certificate.user.id}, {certificate.number}",
            leaf_fingerprint_sha256=certificate.fingerprint_sha256 or "",
            root=root,
            issuing=None if issuing == root else issuing,
            p12=p12,
            file_stem=certificate.number,
        )
    )
    return _signed(home, profile)


def _signed(home: Home, profile: bytes) -> bytes:
    """Sign with the configured certificate, if any; otherwise devices show "Not Verified"."""
    names = home.settings.mobileconfig
    if names.signing_certificate is None or names.signing_key is None:
        return profile
    certificate, *chain = x509_certificates.load_pem(_read(home.path / names.signing_certificate))
    key = keys.from_pem(_read(home.path / names.signing_key))
    return mobileconfig.sign(profile, certificate=certificate, key=key, chain=chain)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unavailable(
            "cannot read {file}: {reason}", file=path, reason=error.strerror
        ) from error
