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
from renrakucho_ca.service.mail.rendering import (
    TemplateRenderer,
    certificate_values,
    public_address,
)
from renrakucho_ca.service.retrieval import download


class Letters:
    """Composes mails in the language and with the templates of a home."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._catalogue = Catalogue(Language(home.settings.mail.language))
        self._pages = TemplateRenderer(self._catalogue, home.settings.zone, home.path / "templates")

    def put(self, certificate: Certificate, password: str) -> str | None:
        """Put a mail about a new certificate into the outbox, in the open transaction.

        Returns the mail's link; None if the user has no address.
        """
        home, recipients = self._home, certificate.user.addresses
        if not recipients:
            return None
        link = public_address(
            home, download.link_path(download.make_link(home, certificate.number))
        )
        message = self._message(certificate, password, link)
        outgoing.put(home, certificate.number, recipients, message)
        return link

    def _message(self, certificate: Certificate, password: str, link: str | None) -> EmailMessage:
        home, settings = self._home, self._home.settings
        values = certificate_values(home, certificate) | {
            "password": password if settings.mail.with_password else None,
            "link": link,
            "link_until": home.clock() + download.LINK_LIFETIME,
            "page": public_address(home, f"?number={certificate.number}"),
            "help": public_address(home, f"help/{certificate.device}"),
            "login": settings.login_url,
            "network": certificate.user.network or settings.network,
            "organization": settings.organization,
        }
        # A header is one line; templates may have several.
        subject = " ".join(self._pages.render("mail.subject.txt", **values).split())
        message = outgoing.envelope(
            home, certificate.user.addresses, subject, f"{certificate.serial:x}"
        )
        message.set_content(self._pages.render("mail.txt", **values))
        message.add_alternative(self._pages.render("mail.html", **values), subtype="html")
        return message
