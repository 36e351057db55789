"""Compose the mail to a user when his certificate is issued.

The transaction that records the certificate puts the mail into the outbox, sealed, because it
contains link and password. `deliver` sends it and then erases its content.
"""

from __future__ import annotations

from email.message import EmailMessage

from renrakucho_ca.locale import Catalogue, Language
from renrakucho_ca.model import Certificate
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.mail import outgoing
from renrakucho_ca.service.mail.rendering import TemplateRenderer
from renrakucho_ca.service.retrieval import download, instructions
from renrakucho_ca.store.tables import certificates


class Letters:
    """Composes mails in the language and with the templates of a home."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._catalogue = Catalogue(Language(home.settings.mail.language))
        self._pages = TemplateRenderer(self._catalogue, home.settings.zone, home.path / "templates")

    def put(self, certificate: Certificate, password: str) -> str | None:
        """Put a mail about a new certificate into the outbox, in the open transaction.

        Returns:
            The mail's link; None if the user has no address.
        """
        home, recipients = self._home, certificate.user.addresses
        if not recipients:
            return None
        link = _address(home, download.link_path(download.make_link(home, certificate.number)))
        message = self._message(certificate, password, link)
        outgoing.put(home, certificate.number, recipients, message)
        return link

    def _message(self, certificate: Certificate, password: str, link: str | None) -> EmailMessage:
        home = self._home
        settings, now = home.settings, home.clock()
        bundle = certificates.bundle(home.db, certificate.number)
        assert bundle is not None
        offer = download.describe(home, certificate, bundle.container)
        values = {
            "certificate": certificate,
            "password": password if settings.mail.with_password else None,
            "link": link,
            "link_until": now + download.LINK_LIFETIME,
            "page": _address(home, f"?number={certificate.number}"),
            "help": _address(home, f"help/{certificate.device}"),
            "login": settings.login_url,
            "network": certificate.user.network or settings.network,
            "organization": settings.organization,
            "steps": instructions.for_device(certificate.device, offer.container),
            "offer": offer,
            "file": f"{certificate.number}{offer.container.suffix}",
        }
        # A header is one line; templates may have several.
        subject = " ".join(self._pages.render("mail.subject.txt", **values).split())
        message = outgoing.envelope(
            home, certificate.user.addresses, subject, f"{certificate.serial:x}"
        )
        message.set_content(self._pages.render("mail.txt", **values))
        message.add_alternative(self._pages.render("mail.html", **values), subtype="html")
        return message


def _address(home: Home, path: str) -> str | None:
    """Return the public URL of a path on the download page; None without `public_url`."""
    base = home.settings.public_url
    return None if base is None else f"{base}/{path}"
