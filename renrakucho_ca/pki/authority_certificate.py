"""A CA's certificate, from the database."""

from __future__ import annotations

from renrakucho_ca.errors import Invalid
from renrakucho_ca.model import Authority
from renrakucho_ca.pki import x509, x509_certificates


def of(authority: Authority) -> x509.Certificate:
    """Raises Invalid, which names the CA, where bits have flipped on the disk."""
    try:
        return x509_certificates.load(authority.certificate)
    except Invalid as error:
        raise Invalid(
            "the certificate of {name}: {problem}",
            hint="restore a backup",
            name=authority.name,
            problem=error,
        ) from None
