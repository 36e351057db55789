"""Write hand-over sheets: a page per certificate with number, password, QR code and steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import segno

from renrakucho_ca.errors import NotFound
from renrakucho_ca.locale import Catalogue
from renrakucho_ca.model import Certificate, RetrievalNumber, Status
from renrakucho_ca.service import store_state
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.mail.rendering import (
    TemplateRenderer,
    certificate_values,
    public_address,
)
from renrakucho_ca.service.retrieval import retrieval
from renrakucho_ca.service.store_state import Action
from renrakucho_ca.store import files
from renrakucho_ca.store.tables import certificates, listing
from renrakucho_ca.store.tables.listing import ListQuery


def waiting(
    home: Home, *, facility: str | None = None, user: str | None = None
) -> list[RetrievalNumber]:
    """Return a facility's or user's undelivered numbers; raise NotFound if there are none."""
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
        Refused: the store was restored, or the database is older than its journal.
        Unavailable: wrong passphrase, full disk.
    """
    store_state.require(home, Action.DELIVER)
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


def _sheets(home: Home, chosen: Sequence[Certificate]) -> Iterator[dict[str, object]]:
    """Yield the template's values for each sheet; `qr` is the page's address as an SVG image."""
    for certificate in chosen:
        address = public_address(home, f"?number={certificate.number}")
        yield certificate_values(home, certificate) | {
            "password": retrieval.unseal_password(home, certificate.number),
            "address": address,
            "qr": None if address is None else _qr(address),
        }


def _qr(address: str) -> str:
    """Return a QR code as SVG. Level M survives 15 % damage: paper is folded."""
    # Choosing the best of eight masks takes 8 of 10 ms; readers accept any (ISO/IEC 18004 §7.8).
    code = segno.make(address, micro=False, error="m", mask=4)
    return code.svg_inline(omitsize=True, border=2)
