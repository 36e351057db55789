"""Write hand-over sheets: a page per certificate with number, password, QR code and steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import segno

from renrakucho_ca.errors import Conflict, NotFound
from renrakucho_ca.locale import Catalogue
from renrakucho_ca.model import Certificate, RetrievalNumber, Status
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.mail.rendering import TemplateRenderer
from renrakucho_ca.service.retrieval import download, instructions, retrieval
from renrakucho_ca.service.retrieval.download import Offer
from renrakucho_ca.service.retrieval.instructions import Instructions
from renrakucho_ca.store import files
from renrakucho_ca.store.tables import certificates, listing
from renrakucho_ca.store.tables.listing import ListQuery


@dataclass(frozen=True, slots=True)
class Sheet:
    """The contents of one sheet.

    Attributes:
        address: URL of the download page with the number; None without `public_url`.
        qr: `address` as an SVG image.
        file: name of the file to download.
    """

    certificate: Certificate
    password: str
    offer: Offer
    steps: Instructions
    file: str
    address: str | None
    qr: str | None


def waiting(
    home: Home, *, facility: str | None = None, user: str | None = None
) -> list[RetrievalNumber]:
    """Return the numbers that a facility or a user has not downloaded yet.

    Raises:
        NotFound: there are none.
    """
    query = ListQuery(
        now=home.clock(), statuses=frozenset({Status.ISSUED}), facility=facility, user=user
    )
    found = [
        certificate.number
        for certificate in listing.stream(home.db, query)
        if certificate.superseded_by is None
    ]
    if not found:
        raise NotFound("no certificate is waiting to be downloaded")
    return found


def waiting_among(home: Home, numbers: Iterable[RetrievalNumber]) -> list[RetrievalNumber]:
    """Return the numbers that can be downloaded; the successor of a held certificate is held."""
    now = home.clock()
    return [
        number
        for number in numbers
        if certificates.get(home.db, number).status(now) is Status.ISSUED
    ]


def write(home: Home, numbers: Iterable[RetrievalNumber], out: Path, catalogue: Catalogue) -> int:
    """Write sheets to one file (0600), sorted by facility and user; return their count.

    Raises:
        Conflict: a certificate can no longer be downloaded, or `out` is not a regular file.
        Unavailable: wrong passphrase, full disk.
    """
    files.refuse_special(out)
    chosen = [certificates.get(home.db, number) for number in dict.fromkeys(numbers)]
    chosen.sort(key=lambda each: (each.user.facility or "", each.user.id, each.number))
    home.keystore.unlock()
    for certificate in chosen:
        if certificate.status(home.clock()) is not Status.ISSUED:
            retrieval.unseal_password(home, certificate.number)
    retrieval.record_revealed(home, (certificate.number for certificate in chosen))
    pages = TemplateRenderer(catalogue, home.settings.zone, home.path / "templates")
    pieces = pages.stream(
        "handover.html",
        sheets=_sheets(home, chosen),
        count=len(chosen),
        network=home.settings.network,
        organization=home.settings.organization,
    )
    # The file contains passwords: an interrupted run must leave no part of it under a name.
    files.write_unnamed(out, (piece.encode() for piece in pieces))
    return len(chosen)


def _sheets(home: Home, chosen: Sequence[Certificate]) -> Iterator[Sheet]:
    base = home.settings.public_url
    for certificate in chosen:
        bundle = certificates.bundle(home.db, certificate.number)
        if bundle is None:
            raise Conflict("{number} has no bundle to download", number=certificate.number)
        offer = download.describe(home, certificate, bundle.container)
        address = None if base is None else f"{base}/?number={certificate.number}"
        yield Sheet(
            certificate=certificate,
            password=retrieval.unseal_password(home, certificate.number),
            offer=offer,
            steps=instructions.for_device(certificate.device, bundle.container),
            file=f"{certificate.number}{bundle.container.suffix}",
            address=address,
            qr=None if address is None else _qr(address),
        )


def _qr(address: str) -> str:
    """Return a QR code as SVG. Level M survives 15 % damage: paper is folded."""
    # Choosing the best of eight masks takes 8 of 10 ms; readers accept any (ISO/IEC 18004 §7.8).
    code = segno.make(address, micro=False, error="m", mask=4)
    return code.svg_inline(omitsize=True, border=2)
